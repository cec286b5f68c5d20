//! Which origins belong to this service: its own, and those of other sites that may use it.

use http::HeaderMap;

use crate::config::{Config, Origin};

use super::{
    Peer, client,
    csrf::{self, CrossSite, Provenance},
};

/// The origins whose pages may act for a logged-in user.
#[derive(Clone, Debug)]
pub struct Origins {
    allowed: Vec<Origin>,
    public: Option<Origin>,
    hops: usize,
}

impl Origins {
    /// The origins of a configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            allowed: config.allowed_origins.clone(),
            public: config.public_origin.clone(),
            hops: config.trust_proxy,
        }
    }

    /// Whether `origin` is allowed, public, or the one at which this request reached the service.
    #[must_use]
    pub fn is_known(&self, origin: &Origin, headers: &HeaderMap, peer: Peer) -> bool {
        self.allowed.contains(origin)
            || self.public.as_ref() == Some(origin)
            || client::origin(headers, peer, self.hops).as_ref() == Some(origin)
    }

    /// Applies the cross-site rule to a request that changes something.
    ///
    /// # Errors
    /// What makes the request cross-site.
    pub fn check(&self, headers: &HeaderMap, peer: Peer) -> Result<(), CrossSite> {
        csrf::check(Provenance::of(headers), |origin| self.is_known(origin, headers, peer))
    }

    /// Whether a Socket.IO handshake may come in: a foreign page must not open a socket with the user's cookie.
    #[must_use]
    pub fn allows_socket(&self, headers: &HeaderMap, peer: Peer) -> bool {
        // Browsers leave `Origin` out of same-origin polling GETs; only a foreign `Origin` speaks against it.
        let provenance = Provenance { sec_fetch_site: None, ..Provenance::of(headers) };
        csrf::check(provenance, |origin| self.is_known(origin, headers, peer)).is_ok()
    }

    /// The client's address behind trusted proxies.
    #[must_use]
    pub fn address(&self, headers: &HeaderMap, peer: Peer) -> std::net::IpAddr {
        client::address(headers, peer, self.hops)
    }
}
