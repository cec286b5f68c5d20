//! Locks by key, in fixed memory.

use std::{
    hash::{BuildHasher, Hash, RandomState},
    time::Duration,
};

use tokio::{
    sync::{Mutex, MutexGuard},
    time::timeout,
};

use crate::error::Error;

/// Number of locks; two keys share one with this chance, which only makes one wait for the other.
const LOCKS: usize = 256;

/// How long a lock is waited for. While the store is away, each holder keeps it until the store says so, and a queue of
/// them must not become a wait without an end.
const PATIENCE: Duration = Duration::from_secs(5);

/// A fixed number of locks that are chosen by key.
pub(super) struct Locks {
    hasher: RandomState,
    locks: Box<[Mutex<()>]>,
}

impl Locks {
    pub(super) fn new() -> Self {
        Self { hasher: RandomState::new(), locks: (0..LOCKS).map(|_| Mutex::new(())).collect() }
    }

    /// Waits for the key's lock; waiters get it in their order.
    ///
    /// # Errors
    /// [`Error::Busy`] after five seconds.
    pub(super) async fn lock(&self, key: impl Hash) -> Result<MutexGuard<'_, ()>, Error> {
        let hash = self.hasher.hash_one(key) as usize;
        timeout(PATIENCE, self.locks[hash % LOCKS].lock()).await.map_err(|_| Error::Busy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_a_lock_without_an_end() {
        let locks = Locks::new();
        let held = locks.lock("a").await.unwrap();
        assert_eq!(locks.lock("a").await.err(), Some(Error::Busy));
        drop(held);
        assert!(locks.lock("a").await.is_ok());
    }
}
