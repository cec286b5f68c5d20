//! The cookie with the session id.

use std::fmt::Write;

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
    /// The domain; none, the default, leaves the attribute out, so that only the host itself gets the cookie back.
    pub domain: Option<String>,
    /// How long the browser keeps the cookie, in seconds; none, the default, keeps it as long as the browser runs.
    pub max_age: Option<u64>,
    /// Whether scripts cannot read it. Default true.
    pub http_only: bool,
    /// Default [`SameSite::Lax`].
    pub same_site: SameSite,
    /// Whether it is sent over TLS only. Default false.
    pub secure: bool,
    /// Whether pages that embed the server each have a cookie of their own (`Partitioned`). Default false.
    pub partitioned: bool,
}

impl Default for Cookie {
    fn default() -> Self {
        Self {
            name: "io".into(),
            path: Some("/".into()),
            domain: None,
            max_age: None,
            http_only: true,
            same_site: SameSite::Lax,
            secure: false,
            partitioned: false,
        }
    }
}

impl Cookie {
    /// The `Set-Cookie` value for a session.
    pub(super) fn header(&self, sid: &str) -> String {
        let mut header = format!("{}={sid}", self.name);
        // Writing to a string cannot fail.
        if let Some(seconds) = self.max_age {
            let _ = write!(header, "; Max-Age={seconds}");
        }
        for (attribute, value) in [("Domain", &self.domain), ("Path", &self.path)] {
            if let Some(value) = value {
                let _ = write!(header, "; {attribute}={value}");
            }
        }
        let flags =
            [(self.http_only, "HttpOnly"), (self.secure, "Secure"), (self.partitioned, "Partitioned")];
        for (_, flag) in flags.iter().filter(|(is_set, _)| *is_set) {
            let _ = write!(header, "; {flag}");
        }
        header + "; SameSite=" + self.same_site.as_str()
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
            domain: Some("chat.example".into()),
            max_age: Some(60),
            http_only: false,
            same_site: SameSite::None,
            secure: true,
            partitioned: true,
        };
        let expected = "sid=abc; Max-Age=60; Domain=chat.example; Secure; Partitioned; SameSite=None";
        assert_eq!(cookie.header("abc"), expected);
    }
}
