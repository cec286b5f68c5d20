//! Responses: JSON, empty ones, and the headers that every one has.

use std::sync::LazyLock;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{
        CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, VARY,
        X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
};
use http_body_util::Full;

/// A response whose whole body is at hand.
pub type Response = http::Response<Full<Bytes>>;

/// The headers that every response of the API and the page has: they keep browsers from guessing types, framing the page
/// and telling where users come from, and caches from giving one origin what was meant for another.
fn of_every_response() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(VARY, HeaderValue::from_static("Origin"));
    headers
}

fn respond(status: StatusCode, headers: HeaderMap, body: Full<Bytes>) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// A response without a body.
#[must_use]
pub fn empty(status: StatusCode) -> Response {
    respond(status, of_every_response(), Full::default())
}

/// A response with content whose type is still to be told.
#[must_use]
pub fn file(content: &'static [u8]) -> Response {
    respond(StatusCode::OK, of_every_response(), Full::new(Bytes::from_static(content)))
}

/// A JSON response that no cache keeps and no page embeds.
#[must_use]
pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Response {
    // Copied as a whole, as that costs half of putting one header after the other into an empty map.
    static HEADERS: LazyLock<HeaderMap> = LazyLock::new(|| {
        let mut headers = of_every_response();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let nothing_inside = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
        headers.insert(CONTENT_SECURITY_POLICY, nothing_inside);
        headers
    });
    respond(status, HEADERS.clone(), Full::new(body.into()))
}

/// Turns the answer of a GET into that of a HEAD: the same headers, `Content-Length` included, and no body.
#[must_use]
pub fn without_body(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let length = hyper::body::Body::size_hint(&body).exact().unwrap_or_default();
    if parts.status != StatusCode::NOT_MODIFIED {
        parts.headers.entry(CONTENT_LENGTH).or_insert(HeaderValue::from(length));
    }
    Response::from_parts(parts, Full::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_response_has_what_browsers_and_caches_must_know() {
        for response in [empty(StatusCode::NO_CONTENT), file(b"content"), json(StatusCode::OK, "{}")] {
            for (name, value) in &of_every_response() {
                assert_eq!(response.headers().get(name), Some(value));
            }
        }
    }

    #[test]
    fn a_head_answer_tells_the_length_of_the_body_it_does_not_have() {
        let response = without_body(json(StatusCode::OK, "{\"a\":1}"));
        assert_eq!(response.headers()[CONTENT_LENGTH], "7");
        assert_eq!(hyper::body::Body::size_hint(response.body()).exact(), Some(0));
    }
}
