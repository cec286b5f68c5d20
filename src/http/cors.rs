//! Cross-origin resource sharing with credentials, for listed origins only (Fetch standard, section 3.3).

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
        ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
    },
};

use crate::config::Origin;

use super::{Response, response};

/// How long browsers may remember a preflight's answer, in seconds.
const MAX_AGE_SECONDS: &str = "600";
/// The longest list of request headers that a preflight is granted, in bytes.
const MAX_REQUEST_HEADERS_BYTES: usize = 1024;

/// The origins of other sites that may read responses.
#[derive(Clone, Debug)]
pub struct Cors {
    allowed: Vec<Origin>,
}

impl Cors {
    /// Allows exactly these origins.
    #[must_use]
    pub fn new(allowed: Vec<Origin>) -> Self {
        Self { allowed }
    }

    /// Whether `origin` is on the list.
    #[must_use]
    pub fn allows(&self, origin: &Origin) -> bool {
        self.allowed.contains(origin)
    }

    /// Whether a request is a preflight: browsers ask with it before they send the real request.
    #[must_use]
    pub fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
        method == Method::OPTIONS
            && headers.contains_key(ORIGIN)
            && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// Answers a preflight for a path that has `methods`: 204, with grants for listed origins only.
    #[must_use]
    pub fn preflight(&self, request: &HeaderMap, methods: &HeaderValue) -> Response {
        let mut response = response::empty(StatusCode::NO_CONTENT);
        let headers = response.headers_mut();
        if self.grant(request, headers) {
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods.clone());
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE_SECONDS));
            if let Some(asked) = asked_headers(request) {
                headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked);
            }
        }
        headers.insert(
            VARY,
            HeaderValue::from_static("Origin, Access-Control-Request-Method, Access-Control-Request-Headers"),
        );
        response
    }

    /// Adds what the real response needs. Other origins get no headers.
    pub fn decorate(&self, request: &HeaderMap, headers: &mut HeaderMap) {
        if self.grant(request, headers) {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Retry-After"));
        }
    }

    /// Grants the request's origin access with credentials, if it is on the list.
    fn grant(&self, request: &HeaderMap, headers: &mut HeaderMap) -> bool {
        let Some(value) = request.get(ORIGIN) else { return false };
        let origin = value.to_str().ok().and_then(Origin::parse);
        if !origin.is_some_and(|origin| self.allows(&origin)) {
            return false;
        }
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, value.clone());
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        true
    }
}

/// The request headers that a preflight asks for, if they are a list of header names of a sensible length.
fn asked_headers(request: &HeaderMap) -> Option<HeaderValue> {
    let asked = request.get(ACCESS_CONTROL_REQUEST_HEADERS)?;
    let text = asked.to_str().ok().filter(|text| text.len() <= MAX_REQUEST_HEADERS_BYTES)?;
    let names = text.split(',').all(|name| HeaderName::try_from(name.trim()).is_ok());
    names.then(|| asked.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors() -> Cors {
        Cors::new(vec![Origin::parse("https://app.example").unwrap()])
    }

    fn request(origin: Option<&str>, asked: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(origin) = origin {
            headers.insert(ORIGIN, origin.parse().unwrap());
        }
        if let Some(asked) = asked {
            headers.insert(ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("POST"));
            headers.insert(ACCESS_CONTROL_REQUEST_HEADERS, asked.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_listed_origins_get_headers() {
        for (origin, granted) in [
            (Some("https://app.example"), true),
            (Some("https://evil.example"), false),
            (Some("https://app.example.evil"), false),
            (Some("http://app.example"), false),
            (Some("null"), false),
            (None, false),
        ] {
            let mut headers = HeaderMap::new();
            cors().decorate(&request(origin, None), &mut headers);
            let expected = granted.then(|| origin.unwrap());
            assert_eq!(headers.get(ACCESS_CONTROL_ALLOW_ORIGIN).map(|v| v.to_str().unwrap()), expected);
            assert_eq!(headers.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS), granted, "{origin:?}");
        }
    }

    #[test]
    fn a_preflight_is_granted_what_it_asks_for() {
        let methods = HeaderValue::from_static("GET, POST");
        let asked = request(Some("https://app.example"), Some("content-type, x-requested-with"));
        assert!(Cors::is_preflight(&Method::OPTIONS, &asked));
        let response = cors().preflight(&asked, &methods);
        assert_eq!(response.status(), 204);
        assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_METHODS], "GET, POST");
        assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_HEADERS], "content-type, x-requested-with");
        assert_eq!(response.headers()[ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");

        let foreign =
            cors().preflight(&request(Some("https://evil.example"), Some("content-type")), &methods);
        assert_eq!(foreign.status(), 204);
        let granted = foreign.headers().keys().filter(|name| name.as_str().starts_with("access-control"));
        assert_eq!(granted.count(), 0);
    }

    #[test]
    fn a_preflight_cannot_smuggle_text_into_the_answer() {
        let methods = HeaderValue::from_static("GET");
        let long = "x-a,".repeat(300) + "x-a";
        for asked in ["bad name", "a;b", long.as_str()] {
            let response = cors().preflight(&request(Some("https://app.example"), Some(asked)), &methods);
            assert!(!response.headers().contains_key(ACCESS_CONTROL_ALLOW_HEADERS), "{asked}");
        }
    }
}
