//! Which pages of other origins may use the service (the Fetch standard's CORS protocol).

use std::{fmt, sync::Arc};

use http::{
    HeaderMap, HeaderValue, Method, Response, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
        ACCESS_CONTROL_REQUEST_HEADERS, HOST, HeaderName, ORIGIN, VARY,
    },
};

use super::headers::{Body, empty};

/// The origins that are allowed.
#[derive(Clone)]
pub enum Origins {
    /// Every origin; without credentials, as browsers insist.
    Any,
    /// Every origin, which is named in the answer: the only way to let all the world use credentials. A page of any
    /// site can then act in its visitor's name.
    Mirror,
    /// These, written as browsers do: scheme, host, and port if it is not the scheme's own.
    List(Vec<String>),
    /// Those for which a function answers true.
    Predicate(Arc<dyn Fn(&str) -> bool + Send + Sync>),
}

impl fmt::Debug for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origins::Any => f.write_str("Any"),
            Origins::Mirror => f.write_str("Mirror"),
            Origins::List(list) => f.debug_tuple("List").field(list).finish(),
            Origins::Predicate(_) => f.write_str("Predicate(..)"),
        }
    }
}

/// Cross-origin rules of a service.
///
/// Unlike the reference, an origin that is not allowed is *refused*: browsers apply CORS to polling only, so a
/// page of a foreign origin could otherwise open a WebSocket with its visitor's cookies.
#[derive(Clone, Debug)]
pub struct Cors {
    /// The allowed origins.
    pub origins: Origins,
    /// Whether the browser may send cookies. Default false for [`Origins::Any`] and [`Origins::Mirror`], true otherwise.
    pub credentials: bool,
    /// The methods a preflight allows. Default `GET,HEAD,PUT,PATCH,POST,DELETE`.
    pub methods: String,
    /// The request headers a preflight allows, such as `x-token,x-other`. Default none: those it was asked for.
    pub allowed_headers: Option<String>,
    /// The headers of an answer that scripts may read, such as `x-total,x-page`. Default none.
    pub exposed_headers: Option<String>,
    /// How long a browser may keep a preflight's answer, in seconds. Default none.
    pub max_age: Option<u32>,
    /// The status of the answer to a preflight. Default 204; some old clients want 200.
    pub success_status: StatusCode,
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
            allowed_headers: None,
            exposed_headers: None,
            max_age: None,
            success_status: StatusCode::NO_CONTENT,
            refuse_others: true,
        }
    }

    /// Allows every origin and names it in the answer, without credentials unless they are set.
    #[must_use]
    pub fn mirror() -> Self {
        Self { origins: Origins::Mirror, ..Self::any() }
    }

    /// Allows these origins, with credentials.
    pub fn origins<T: Into<String>>(origins: impl IntoIterator<Item = T>) -> Self {
        let list = origins.into_iter().map(Into::into).collect();
        Self { origins: Origins::List(list), credentials: true, ..Self::any() }
    }

    /// Allows the origins for which a function answers true, with credentials.
    ///
    /// # Examples
    /// ```
    /// use engineio::server::Cors;
    ///
    /// let cors = Cors::predicate(|origin| {
    ///     origin.strip_prefix("https://").is_some_and(|host| host.ends_with(".chat.example"))
    /// });
    /// ```
    #[must_use]
    pub fn predicate(allows: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self { origins: Origins::Predicate(Arc::new(allows)), credentials: true, ..Self::any() }
    }

    fn allows(&self, origin: &HeaderValue) -> bool {
        match &self.origins {
            Origins::Any | Origins::Mirror => true,
            Origins::List(list) => list.iter().any(|known| known.as_bytes() == origin.as_bytes()),
            Origins::Predicate(allows) => origin.to_str().is_ok_and(|origin| allows(origin)),
        }
    }

    fn is_for_all(&self) -> bool {
        matches!(self.origins, Origins::Any)
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
        self.allow_origin(request, response);
        if response.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
            set(response, ACCESS_CONTROL_EXPOSE_HEADERS, self.exposed_headers.as_deref());
        }
    }

    fn allow_origin(&self, request: &HeaderMap, response: &mut HeaderMap) {
        if !self.is_for_all() {
            response.append(VARY, HeaderValue::from_static("Origin"));
        }
        let Some(origin) = request.get(ORIGIN) else {
            if self.is_for_all() {
                response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            }
            return;
        };
        if !self.allows(origin) {
            return;
        }
        let star = self.is_for_all() && !self.credentials;
        let value = if star { HeaderValue::from_static("*") } else { origin.clone() };
        response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, value);
        if self.credentials {
            response.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }

    /// The answer to a preflight.
    pub(super) fn preflight(&self, request: &HeaderMap) -> Response<Body> {
        let mut response = empty(self.success_status);
        let headers = response.headers_mut();
        self.decorate(request, headers);
        if headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
            set(headers, ACCESS_CONTROL_ALLOW_METHODS, Some(&self.methods));
            if self.allowed_headers.is_some() {
                set(headers, ACCESS_CONTROL_ALLOW_HEADERS, self.allowed_headers.as_deref());
            } else if let Some(wanted) = request.get(ACCESS_CONTROL_REQUEST_HEADERS) {
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

/// Sets a header to a text of the program's own, unless that is no header value.
fn set(headers: &mut HeaderMap, name: HeaderName, value: Option<&str>) {
    if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
        headers.insert(name, value);
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

    #[test]
    fn a_mirror_names_any_origin_and_a_predicate_those_it_likes() {
        let allowed = |cors: &Cors, origin: &'static str| {
            let mut answer = HeaderMap::new();
            cors.decorate(&request(&[("origin", origin)]), &mut answer);
            header(&answer, "access-control-allow-origin").map(str::to_owned)
        };
        assert_eq!(allowed(&Cors::mirror(), "https://a.example").as_deref(), Some("https://a.example"));
        let cors = Cors::predicate(|origin| origin.ends_with(".chat.example"));
        assert_eq!(allowed(&cors, "https://a.chat.example").as_deref(), Some("https://a.chat.example"));
        assert_eq!(allowed(&cors, "https://evil.example"), None);
        assert!(!cors.admits(&request(&[("origin", "https://evil.example")])));
    }

    #[test]
    fn a_preflight_has_what_is_configured_and_other_answers_only_the_exposed_headers() {
        let cors = Cors {
            allowed_headers: Some("x-a,x-b".into()),
            exposed_headers: Some("x-c".into()),
            max_age: Some(60),
            methods: "GET,POST".into(),
            success_status: StatusCode::OK,
            ..Cors::any()
        };
        let asked =
            request(&[("origin", "https://a.example"), ("access-control-request-headers", "x-token")]);
        let preflight = cors.preflight(&asked);
        assert_eq!(preflight.status(), StatusCode::OK);
        let mut ordinary = HeaderMap::new();
        cors.decorate(&asked, &mut ordinary);
        for (name, in_preflight, in_others) in [
            ("access-control-allow-headers", Some("x-a,x-b"), None),
            ("access-control-expose-headers", Some("x-c"), Some("x-c")),
            ("access-control-max-age", Some("60"), None),
            ("access-control-allow-methods", Some("GET,POST"), None),
        ] {
            assert_eq!(
                (header(preflight.headers(), name), header(&ordinary, name)),
                (in_preflight, in_others),
                "{name}"
            );
        }
    }
}
