//! What is known of a client from the request that opened its session.

use std::{borrow::Cow, fmt, net::SocketAddr, time::SystemTime};

use http::HeaderMap;

use crate::engine::handshake::pairs;

/// The network address a request came from, put into the request's extensions by the listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoteAddr(pub SocketAddr);

/// Marks a request that came over TLS, in the request's extensions.
#[derive(Clone, Copy, Debug)]
pub struct Secure;

/// The request that opened a session; the same for all namespaces of a connection.
#[derive(Clone, Debug)]
pub struct Handshake {
    headers: Headers,
    /// The path and query as they were sent.
    pub url: String,
    /// The client's address, if the listener told it.
    pub address: Option<SocketAddr>,
    /// Whether the request came from a page of another origin.
    pub xdomain: bool,
    /// Whether the connection is encrypted.
    pub secure: bool,
    /// When the request came.
    pub issued: SystemTime,
}

impl Handshake {
    pub(crate) fn new(request: &http::request::Parts, issued: SystemTime) -> Self {
        Self {
            headers: Headers::new(&request.headers),
            url: request.uri.path_and_query().map_or_else(String::new, ToString::to_string),
            address: request.extensions.get::<RemoteAddr>().map(|remote| remote.0),
            xdomain: request.headers.contains_key(http::header::ORIGIN),
            secure: request.extensions.get::<Secure>().is_some(),
            issued,
        }
    }

    /// The value of a query parameter, percent-decoded.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<String> {
        self.parameters().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }

    /// All query parameters in their order, percent-decoded.
    pub fn parameters(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        pairs(self.url.split_once('?').map_or("", |(_, query)| query))
    }

    /// The first value of a header, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let (_, value) = values.next()?;
        std::str::from_utf8(value).ok()
    }

    /// All headers in the order in which hyper keeps them, names in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.headers.iter()
    }
}

/// Header fields as lines in one piece of memory: a map would be the largest thing that an idle connection keeps.
#[derive(Clone)]
struct Headers(Box<[u8]>);

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values may be secrets: cookies, for one.
        f.debug_list().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

impl Headers {
    fn new(headers: &HeaderMap) -> Self {
        let length = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 2).sum();
        let mut lines = Vec::with_capacity(length);
        for (name, value) in headers {
            lines.extend_from_slice(name.as_str().as_bytes());
            lines.push(b':');
            lines.extend_from_slice(value.as_bytes());
            lines.push(b'\n');
        }
        Self(lines.into())
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        // A name has no colon and a value no line break, or hyper would not have let them in.
        self.0.split_inclusive(|&byte| byte == b'\n').filter_map(|line| {
            let line = line.strip_suffix(b"\n")?;
            let (name, value) = line.split_at(line.iter().position(|&byte| byte == b':')?);
            Some((std::str::from_utf8(name).ok()?, &value[1..]))
        })
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn headers_are_kept_as_they_came() {
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("cookie", &b"a=1"[..]), ("x-empty", b""), ("cookie", b"b: 2"), ("x-raw", b"\xff")]
        {
            headers.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        let (mut request, ()) = http::Request::new(()).into_parts();
        request.headers = headers.clone();
        let handshake = Handshake::new(&request, SystemTime::UNIX_EPOCH);
        let expected: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(handshake.headers().collect::<Vec<_>>(), expected);
        assert_eq!(handshake.header("Cookie"), Some("a=1"));
        assert_eq!((handshake.header("x-empty"), handshake.header("x-raw")), (Some(""), None));
        assert_eq!(handshake.header("cook"), None);
    }

    #[test]
    fn values_are_not_printed() {
        let (mut request, ()) = http::Request::new(()).into_parts();
        request.headers.insert("cookie", HeaderValue::from_static("token=secret"));
        let printed = format!("{:?}", Handshake::new(&request, SystemTime::UNIX_EPOCH));
        assert!(printed.contains("cookie") && !printed.contains("secret"), "{printed}");
    }
}
