//! Small HTTP answers.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER, USER_AGENT},
};
use http_body_util::Full;

use crate::{engine::RequestError, hub::PollPayload};

/// The body of every answer.
pub(super) type Body = Full<Bytes>;

// As constants they are checked when this is compiled, and not for each answer.
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=UTF-8");
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");
const HTML: HeaderValue = HeaderValue::from_static("text/html");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// An answer without body.
pub(super) fn empty(status: StatusCode) -> Response<Body> {
    with_type(status, None, Bytes::new())
}

/// Packets for a polling client.
pub(super) fn packets(payload: PollPayload) -> Response<Body> {
    let kind = if payload.is_binary { BYTES } else { TEXT };
    with_type(StatusCode::OK, Some(kind), payload.bytes)
}

/// The answer to an accepted POST.
pub(super) fn ok() -> Response<Body> {
    with_type(StatusCode::OK, Some(HTML), Bytes::from_static(b"ok"))
}

/// A refusal as polling clients read it.
pub(super) fn refusal(error: &RequestError) -> Response<Body> {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
    with_retry(error, with_type(status, Some(JSON), error.body().into()))
}

/// Says when another try is worth it, if the error does.
fn with_retry(error: &RequestError, mut response: Response<Body>) -> Response<Body> {
    if let RequestError::Unavailable { retry_after } = error {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(*retry_after));
    }
    response
}

/// A refusal of a WebSocket handshake: 400 whatever is wrong with it, or 503, with the bare message; and the connection
/// ends.
pub(super) fn upgrade_refusal(error: &RequestError) -> Response<Body> {
    let is_unavailable = matches!(error, RequestError::Unavailable { .. });
    let status = if is_unavailable { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::BAD_REQUEST };
    let response = with_type(status, Some(HTML), error.to_string().into());
    let mut response = with_retry(error, response);
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn with_type(status: StatusCode, content_type: Option<HeaderValue>, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, NO_STORE);
    if let Some(content_type) = content_type {
        headers.insert(CONTENT_TYPE, content_type);
    }
    response
}

/// Switches off the XSS filter of old Internet Explorers, which breaks payloads that look like markup.
pub(super) fn tame_internet_explorer(request: &HeaderMap, response: &mut HeaderMap) {
    let agent = request.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    if agent.contains(";MSIE") || agent.contains("Trident/") {
        response.insert("x-xss-protection", HeaderValue::from_static("0"));
    }
}
