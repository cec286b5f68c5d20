//! Where a request or a socket carries its token.

use http::{HeaderMap, header::AUTHORIZATION};

use crate::http::cookie;

/// The cookie that carries the token.
pub const COOKIE_NAME: &str = "token";
/// Tokens of one request that are tried; a browser may hold several cookies of one name.
const MAX_CANDIDATES: usize = 4;

/// The place a token came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The cookie `token`, which browsers send by themselves.
    Cookie,
    /// `Authorization: Bearer`, which another site cannot make a browser send.
    Bearer,
    /// `auth.token` of a Socket.IO CONNECT packet.
    SocketAuth,
}

/// A token that has not been verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// The token's text.
    pub token: &'a str,
    /// Where it was.
    pub source: Source,
}

/// The tokens of an HTTP request: cookies first, then `Authorization: Bearer`.
pub fn of_request(headers: &HeaderMap) -> impl Iterator<Item = Candidate<'_>> {
    let cookies = cookie::all_values(headers, COOKIE_NAME).filter_map(from_cookie);
    let bearer = bearer(headers).map(|token| Candidate { token, source: Source::Bearer });
    cookies.take(MAX_CANDIDATES).chain(bearer)
}

/// The tokens of a socket: the cookies of its handshake first, then `auth.token`.
pub fn of_socket<'a>(
    cookie_header: Option<&'a str>,
    auth_token: Option<&'a str>,
) -> impl Iterator<Item = Candidate<'a>> {
    let cookies = cookie_header.into_iter().flat_map(|header| cookie::values(header, COOKIE_NAME));
    let auth = auth_token.filter(|token| !token.is_empty());
    let auth = auth.map(|token| Candidate { token, source: Source::SocketAuth });
    cookies.filter_map(from_cookie).take(MAX_CANDIDATES).chain(auth)
}

/// Whether a request has `Authorization: Bearer`, good or not.
#[must_use]
pub fn has_bearer(headers: &HeaderMap) -> bool {
    bearer(headers).is_some()
}

/// A cleared cookie is no token.
fn from_cookie(token: &str) -> Option<Candidate<'_>> {
    (!token.is_empty()).then_some(Candidate { token, source: Source::Cookie })
}

/// The token of `Authorization: Bearer` (RFC 6750, section 2.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header::COOKIE};

    use super::*;

    fn headers(cookie: &str, authorization: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_str(cookie).unwrap());
        headers.insert(AUTHORIZATION, HeaderValue::from_str(authorization).unwrap());
        headers
    }

    #[test]
    fn cookies_come_before_the_bearer_token() {
        let rows: [(&str, &str, &[&str]); 6] = [
            ("token=a", "Bearer b", &["a", "b"]),
            ("token=a; token=c", "bearer  b ", &["a", "c", "b"]),
            ("token=", "Bearer b", &["b"]),
            ("io=1", "Basic b", &[]),
            ("io=1", "Bearer ", &[]),
            ("token=1;token=2;token=3;token=4;token=5", "Bearer b", &["1", "2", "3", "4", "b"]),
        ];
        for (cookie, authorization, expected) in rows {
            let headers = headers(cookie, authorization);
            assert_eq!(of_request(&headers).map(|c| c.token).collect::<Vec<_>>(), expected, "{cookie}");
        }
    }

    #[test]
    fn a_socket_falls_back_to_its_auth_payload() {
        let tokens = |cookie, auth| of_socket(cookie, auth).map(|c| (c.token, c.source)).collect::<Vec<_>>();
        assert_eq!(
            tokens(Some("io=x; token=a"), Some("b")),
            [("a", Source::Cookie), ("b", Source::SocketAuth)]
        );
        assert_eq!(tokens(None, Some("b")), [("b", Source::SocketAuth)]);
        assert_eq!(tokens(None, Some("")), []);
    }
}
