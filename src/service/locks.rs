//! Locks by key, in fixed memory.

use std::hash::{BuildHasher, Hash, RandomState};

use tokio::sync::{Mutex, MutexGuard};

/// Number of locks; two keys share one with this chance, which only makes one wait for the other.
const LOCKS: usize = 256;

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
    pub(super) async fn lock(&self, key: impl Hash) -> MutexGuard<'_, ()> {
        let hash = self.hasher.hash_one(key) as usize;
        self.locks[hash % LOCKS].lock().await
    }
}
