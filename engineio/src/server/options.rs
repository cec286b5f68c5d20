//! How a service answers HTTP.

use std::{fmt, sync::Arc};

use super::{client_bundle::ClientBundle, cors::Cors};

/// The `SameSite` attribute of a cookie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SameSite {
    /// Sent with navigations from other sites, not with their requests.
    #[default]
    Lax,
    /// Never sent from other sites.
    Strict,
    /// Sent from everywhere; browsers want `Secure` with it.
    None,
}

impl SameSite {
    /// The attribute's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            SameSite::Lax => "Lax",
            SameSite::Strict => "Strict",
            SameSite::None => "None",
        }
    }
}

/// The cookie with the session id that a polling handshake sets, for load balancers that route by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// The name. Default `io`.
    pub name: String,
    /// The path; none leaves the attribute out. Default `/`.
    pub path: Option<String>,
    /// Whether scripts cannot read it. Default true.
    pub http_only: bool,
    /// Default [`SameSite::Lax`].
    pub same_site: SameSite,
    /// Whether it is sent over TLS only. Default false.
    pub secure: bool,
}

impl Default for Cookie {
    fn default() -> Self {
        Self {
            name: "io".into(),
            path: Some("/".into()),
            http_only: true,
            same_site: SameSite::Lax,
            secure: false,
        }
    }
}

impl Cookie {
    /// The `Set-Cookie` value for a session.
    pub(super) fn header(&self, sid: &str) -> String {
        let mut header = format!("{}={sid}", self.name);
        if let Some(path) = &self.path {
            header += &format!("; Path={path}");
        }
        if self.http_only {
            header += "; HttpOnly";
        }
        if self.secure {
            header += "; Secure";
        }
        header + "; SameSite=" + self.same_site.as_str()
    }
}

/// Decides whether a request may open a session; the text of a refusal is what the client is told.
pub type AllowRequest = Arc<dyn Fn(&http::request::Parts) -> Result<(), String> + Send + Sync>;

/// How a [`Service`](super::Service) answers HTTP.
///
/// # Examples
/// ```
/// use engineio::server::{Cors, Options};
///
/// let options = Options { cors: Some(Cors::origins(["https://chat.example"])), ..Options::default() };
/// ```
#[derive(Clone)]
pub struct Options {
    /// The path that belongs to the service, with everything below it. Default `/socket.io`.
    pub path: String,
    /// Which pages of other origins may use the service. Default none: no CORS headers, and a session is opened only for
    /// requests without an `Origin` and for pages of the service's own origin, the host in `Host`. The rules of browsers
    /// do not stop a WebSocket, so without this a page of any site could open one with its visitor's cookies.
    /// A server for all the world says so with [`Cors::any`].
    pub cors: Option<Cors>,
    /// The cookie of a polling handshake. Default none.
    pub cookie: Option<Cookie>,
    /// Asked before a session is opened, not for requests of a session. Default none.
    pub allow_request: Option<AllowRequest>,
    /// The client library to serve below the path. Default none.
    pub client: Option<Arc<ClientBundle>>,
}

impl Default for Options {
    fn default() -> Self {
        Self { path: "/socket.io".into(), cors: None, cookie: None, allow_request: None, client: None }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("path", &self.path)
            .field("cors", &self.cors)
            .field("cookie", &self.cookie)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_cookie_is_the_reference_s() {
        assert_eq!(Cookie::default().header("abc"), "io=abc; Path=/; HttpOnly; SameSite=Lax");
    }

    #[test]
    fn each_attribute_can_be_set() {
        let cookie = Cookie {
            name: "sid".into(),
            path: None,
            http_only: false,
            same_site: SameSite::None,
            secure: true,
        };
        assert_eq!(cookie.header("abc"), "sid=abc; Secure; SameSite=None");
    }
}
