//! Which transports have somewhere to go to.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// The endpoints of a server beside HTTP: clients are told of WebTransport only while one is there for it.
#[derive(Debug, Default)]
pub struct Endpoints {
    webtransport: AtomicUsize,
}

/// An endpoint that is there as long as this value.
#[derive(Debug)]
pub struct Attached(Arc<Endpoints>);

impl Endpoints {
    /// Notes an endpoint for WebTransport.
    #[must_use = "the endpoint is forgotten with this value"]
    pub fn attach_webtransport(self: &Arc<Self>) -> Attached {
        self.webtransport.fetch_add(1, Ordering::Relaxed);
        Attached(Arc::clone(self))
    }

    /// Whether there is an endpoint for WebTransport.
    #[must_use]
    pub fn have_webtransport(&self) -> bool {
        self.webtransport.load(Ordering::Relaxed) > 0
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.0.webtransport.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_known_as_long_as_it_is_there() {
        let endpoints = Arc::new(Endpoints::default());
        assert!(!endpoints.have_webtransport());
        let (first, second) = (endpoints.attach_webtransport(), endpoints.attach_webtransport());
        drop(first);
        assert!(endpoints.have_webtransport());
        drop(second);
        assert!(!endpoints.have_webtransport());
    }
}
