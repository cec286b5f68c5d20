//! What is known of a client from the request that opened its session.

use std::{net::SocketAddr, time::SystemTime};

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
    /// The request's headers.
    pub headers: HeaderMap,
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
            headers: request.headers.clone(),
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
        let query = self.url.split_once('?')?.1;
        pairs(query).find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }

    /// The value of a header, if it is readable text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}
