//! Which pages of other origins may use the service (the Fetch standard's CORS protocol).

use http::{
    HeaderMap, HeaderValue, Method, Response, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, HOST, ORIGIN,
        VARY,
    },
};

use super::headers::{Body, empty};

/// The origins that are allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// Every origin; without credentials, as browsers insist.
    Any,
    /// These, written as browsers do: scheme, host, and port if it is not the scheme's own.
    List(Vec<String>),
}

/// Cross-origin rules of a service.
///
/// Unlike the reference, an origin that is not allowed is *refused*: browsers apply CORS to polling only, so a
/// page of a foreign origin could otherwise open a WebSocket with its visitor's cookies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    /// The allowed origins.
    pub origins: Origins,
    /// Whether the browser may send cookies. Default false for [`Origins::Any`], true for a list.
    pub credentials: bool,
    /// The methods a preflight allows. Default `GET,HEAD,PUT,PATCH,POST,DELETE`.
    pub methods: String,
    /// How long a browser may keep a preflight's answer, in seconds. Default none.
    pub max_age: Option<u32>,
    /// Whether sessions from origins that are not allowed are refused. Default true.
    pub refuse_others: bool,
}

impl Cors {
    /// Allows every origin, without credentials.
    #[must_use]
    pub fn any() -> Self {
        Self {
            origins: Origins::Any,
            credentials: false,
            methods: "GET,HEAD,PUT,PATCH,POST,DELETE".into(),
            max_age: None,
            refuse_others: true,
        }
    }

    /// Allows these origins, with credentials.
    pub fn origins<T: Into<String>>(origins: impl IntoIterator<Item = T>) -> Self {
        let list = origins.into_iter().map(Into::into).collect();
        Self { origins: Origins::List(list), credentials: true, ..Self::any() }
    }

    fn allows(&self, origin: &HeaderValue) -> bool {
        match &self.origins {
            Origins::Any => true,
            Origins::List(list) => list.iter().any(|known| known.as_bytes() == origin.as_bytes()),
        }
    }

    /// Whether a session may be opened by this request: it comes from no page, from the service's own origin,
    /// or from an allowed one.
    pub(super) fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(ORIGIN) else { return true };
        !self.refuse_others || self.allows(origin) || is_own_origin(origin, headers)
    }

    /// Whether a session may be opened by this request if no rules are set: it comes from no page, or from the service's
    /// own origin.
    pub(super) fn admits_by_default(headers: &HeaderMap) -> bool {
        headers.get(ORIGIN).is_none_or(|origin| is_own_origin(origin, headers))
    }

    /// Adds the headers of an ordinary answer.
    pub(super) fn decorate(&self, request: &HeaderMap, response: &mut HeaderMap) {
        if self.origins != Origins::Any {
            response.append(VARY, HeaderValue::from_static("Origin"));
        }
        let Some(origin) = request.get(ORIGIN) else {
            if self.origins == Origins::Any {
                response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            }
            return;
        };
        if !self.allows(origin) {
            return;
        }
        let star = self.origins == Origins::Any && !self.credentials;
        let value = if star { HeaderValue::from_static("*") } else { origin.clone() };
        response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, value);
        if self.credentials {
            response.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }

    /// The answer to a preflight.
    pub(super) fn preflight(&self, request: &HeaderMap) -> Response<Body> {
        let mut response = empty(StatusCode::NO_CONTENT);
        let headers = response.headers_mut();
        self.decorate(request, headers);
        if headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
            if let Ok(methods) = HeaderValue::from_str(&self.methods) {
                headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
            }
            if let Some(wanted) = request.get(ACCESS_CONTROL_REQUEST_HEADERS) {
                headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
                headers.append(VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
            }
            if let Some(seconds) = self.max_age {
                headers.insert(ACCESS_CONTROL_MAX_AGE, seconds.into());
            }
        }
        response
    }
}

/// Whether this is a preflight.
pub(super) fn is_preflight(method: &Method) -> bool {
    method == Method::OPTIONS
}

/// Whether the page that sent the request has the host the request was sent to.
fn is_own_origin(origin: &HeaderValue, headers: &HeaderMap) -> bool {
    let host = |origin: &'_ HeaderValue| Some(origin.to_str().ok()?.split_once("://")?.1.to_owned());
    match (host(origin), headers.get(HOST)) {
        (Some(page), Some(host)) => page.as_bytes() == host.as_bytes(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        headers
            .iter()
            .map(|&(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
            .collect()
    }

    fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
        headers.get(name).map(|value| value.to_str().unwrap())
    }

    #[test]
    fn only_listed_and_own_origins_are_admitted() {
        let cors = Cors::origins(["https://chat.example"]);
        assert!(cors.admits(&request(&[])));
        assert!(cors.admits(&request(&[("origin", "https://chat.example")])));
        assert!(cors.admits(&request(&[("origin", "http://a:1"), ("host", "a:1")])));
        for origin in ["https://evil.example", "null", "https://chat.example.evil.example", "http://a"] {
            assert!(!cors.admits(&request(&[("origin", origin), ("host", "a:1")])), "{origin}");
        }
    }

    #[test]
    fn an_answer_names_an_allowed_origin_and_varies_by_it() {
        let cors = Cors::origins(["https://chat.example"]);
        let mut answer = HeaderMap::new();
        cors.decorate(&request(&[("origin", "https://chat.example")]), &mut answer);
        assert_eq!(header(&answer, "access-control-allow-origin"), Some("https://chat.example"));
        assert_eq!(header(&answer, "access-control-allow-credentials"), Some("true"));
        assert_eq!(header(&answer, "access-control-allow-methods"), None);
        assert_eq!(header(&answer, "vary"), Some("Origin"));
    }

    #[test]
    fn a_refused_preflight_is_204_without_allowances() {
        let cors = Cors::origins(["https://chat.example"]);
        let answer = cors.preflight(&request(&[("origin", "https://evil.example")]));
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        assert_eq!(header(answer.headers(), "access-control-allow-origin"), None);
        assert_eq!(header(answer.headers(), "access-control-allow-methods"), None);
    }

    #[test]
    fn a_preflight_allows_the_headers_it_was_asked_for() {
        let asked = [("origin", "https://a.example"), ("access-control-request-headers", "x-token")];
        let answer = Cors::any().preflight(&request(&asked));
        assert_eq!(header(answer.headers(), "access-control-allow-origin"), Some("*"));
        assert_eq!(header(answer.headers(), "access-control-allow-headers"), Some("x-token"));
    }
}
