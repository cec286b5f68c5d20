//! A web origin: scheme, host and port (RFC 6454).

use std::fmt;

/// A web origin in its normal form: lower case, no default port, no trailing slash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin(Box<str>);

impl Origin {
    /// What to write where one origin is wanted.
    pub const WANTED: &'static str = "an origin such as https://chat.example or http://localhost:3000";
    /// What to write where a list of origins is wanted.
    pub const LIST_WANTED: &'static str = "a comma-separated list of origins such as \
         https://chat.example,http://localhost:3000 (`*` cannot be used with cookies)";
    /// The longest origin that is looked at, in bytes.
    const MAX_BYTES: usize = 300;

    /// Reads an origin; one trailing slash is tolerated, a path, a query or user information is not.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > Self::MAX_BYTES {
            return None;
        }
        let text = text.strip_suffix('/').unwrap_or(text).to_ascii_lowercase();
        let (scheme, host_and_port) = text.split_once("://")?;
        let (host, port) = split_port(host_and_port)?;
        if !is_scheme(scheme) || !is_host(host) {
            return None;
        }
        let origin = match port {
            None => format!("{scheme}://{host}"),
            Some(port) if Some(port) == default_port(scheme) => format!("{scheme}://{host}"),
            Some(port) => format!("{scheme}://{host}:{port}"),
        };
        Some(Self(origin.into()))
    }

    /// The origin's text, as browsers send it in `Origin`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Splits `host[:port]`; an IPv6 address stands in brackets.
fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    let host_end =
        if text.starts_with('[') { text.find(']')? + 1 } else { text.find(':').unwrap_or(text.len()) };
    let (host, rest) = text.split_at(host_end);
    if rest.is_empty() {
        return Some((host, None));
    }
    let digits = rest.strip_prefix(':')?;
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    if all_digits { Some((host, Some(digits.parse().ok()?))) } else { None }
}

/// The port that is left out of an origin's normal form.
fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

/// Schemes of pages and of packaged apps (`app://`, `capacitor://`, `chrome-extension://`).
fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

/// A host name, an IPv4 address or a bracketed IPv6 address; international names are in their ASCII form.
fn is_host(text: &str) -> bool {
    if let Some(inside) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inside.parse::<std::net::Ipv6Addr>().is_ok();
    }
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_brought_into_their_normal_form() {
        let rows = [
            ("http://localhost:3000", Some("http://localhost:3000")),
            ("https://Chat.Example/", Some("https://chat.example")),
            ("https://chat.example:443", Some("https://chat.example")),
            ("http://chat.example:443", Some("http://chat.example:443")),
            ("http://[::1]:8080", Some("http://[::1]:8080")),
            ("capacitor://localhost", Some("capacitor://localhost")),
            ("*", None),
            ("null", None),
            ("chat.example", None),
            ("https://", None),
            ("https://*.example", None),
            ("https://user@chat.example", None),
            ("https://chat.example/app", None),
            ("https://chat.example:", None),
            ("https://chat.example:+80", None),
            ("https://chat.example:70000", None),
            ("https://chat.example?x", None),
            ("https://chat.example//", None),
            ("http://[::1", None),
        ];
        for (text, normal) in rows {
            assert_eq!(Origin::parse(text).as_ref().map(Origin::as_str), normal, "{text}");
        }
    }
}
