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

/// A response without a body.
#[must_use]
pub fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

/// A JSON response that no cache keeps and no page embeds.
#[must_use]
pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Response {
    // Copied as a whole, as that costs half of putting one header after the other into an empty map.
    static HEADERS: LazyLock<HeaderMap> = LazyLock::new(|| {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let nothing_inside = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
        headers.insert(CONTENT_SECURITY_POLICY, nothing_inside);
        harden(&mut headers);
        headers
    });
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    *response.headers_mut() = HEADERS.clone();
    response
}

/// Adds the headers that keep browsers from guessing types, framing the page and telling where users come from, and
/// caches from giving one origin what was meant for another, unless they are there.
pub fn harden(headers: &mut HeaderMap) {
    if headers.contains_key(X_CONTENT_TYPE_OPTIONS) {
        return;
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(VARY).or_insert(HeaderValue::from_static("Origin"));
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
    fn every_response_says_that_its_origin_matters_unless_it_says_more() {
        let mut response = empty(StatusCode::NO_CONTENT);
        harden(response.headers_mut());
        assert_eq!(response.headers()[VARY], "Origin");
        assert_eq!(json(StatusCode::OK, "{}").headers()[VARY], "Origin");
        let mut response = empty(StatusCode::NO_CONTENT);
        response.headers_mut().insert(VARY, HeaderValue::from_static("Origin, Cookie"));
        harden(response.headers_mut());
        assert_eq!(response.headers()[VARY], "Origin, Cookie");
    }

    #[test]
    fn a_head_answer_tells_the_length_of_the_body_it_does_not_have() {
        let response = without_body(json(StatusCode::OK, "{\"a\":1}"));
        assert_eq!(response.headers()[CONTENT_LENGTH], "7");
        assert_eq!(hyper::body::Body::size_hint(response.body()).exact(), Some(0));
    }
}
