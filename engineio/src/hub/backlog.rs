//! What a client has sent and its listeners have not come to yet.

use std::sync::atomic::Ordering;

use crate::{
    config::Config,
    sync::{AtomicBool, Mutex},
};

#[derive(Clone, Copy, Debug, Default)]
struct Load {
    events: usize,
    bytes: usize,
    /// Whether nothing more is wanted, however little waits.
    sealed: bool,
}

impl Load {
    fn is_full(self, config: &Config) -> bool {
        self.sealed || self.events >= config.max_waiting_events || self.bytes >= config.max_waiting_bytes
    }
}

/// The events of one connection that wait for a listener.
///
/// A connection whose backlog is full is not read from, so that the client is slowed down instead of cut off, and
/// costs no more memory than the bound and one message.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    load: Mutex<Load>,
    /// A copy of what the load says, to be looked at before each read without the lock.
    full: AtomicBool,
}

impl Backlog {
    /// Notes an event of this size.
    pub(super) fn add(&self, bytes: usize, config: &Config) {
        let mut load = self.load.lock();
        load.events += 1;
        load.bytes += bytes;
        self.full.store(load.is_full(config), Ordering::Release);
    }

    /// Forgets an event whose turn has come; answers whether reading can go on that could not before.
    pub(super) fn remove(&self, bytes: usize, config: &Config) -> bool {
        let mut load = self.load.lock();
        let was_full = load.is_full(config);
        load.events = load.events.saturating_sub(1);
        load.bytes = load.bytes.saturating_sub(bytes);
        let is_full = load.is_full(config);
        self.full.store(is_full, Ordering::Release);
        was_full && !is_full
    }

    /// Makes it full for good.
    pub(super) fn seal(&self) {
        let mut load = self.load.lock();
        load.sealed = true;
        self.full.store(true, Ordering::Release);
    }

    /// Whether nothing more should be read.
    pub(super) fn is_full(&self) -> bool {
        self.full.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_full_by_number_or_by_size_and_tells_when_it_is_not_any_more() {
        let config = Config { max_waiting_events: 2, max_waiting_bytes: 100, ..Config::default() };
        let backlog = Backlog::default();
        backlog.add(10, &config);
        assert!(!backlog.is_full());
        backlog.add(10, &config);
        assert!(backlog.is_full());
        assert!(backlog.remove(10, &config));
        assert!(!backlog.remove(10, &config));
        backlog.add(100, &config);
        assert!(backlog.is_full());
        assert!(backlog.remove(100, &config));
        assert!(!backlog.is_full());
    }

    #[test]
    fn once_sealed_it_stays_full() {
        let config = Config::default();
        let backlog = Backlog::default();
        backlog.add(10, &config);
        backlog.seal();
        assert!(!backlog.remove(10, &config));
        assert!(backlog.is_full());
    }
}
