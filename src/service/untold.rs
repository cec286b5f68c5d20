//! Messages of which nobody knows whether they were stored.
//!
//! When the connection to the database breaks at the wrong moment, a message may be stored although its sender was
//! told that the database is away. The sender tries again with the same client id, and the store then answers that
//! it has the message already: that is the moment to tell the room, which has not heard of it.

use std::collections::HashSet;

use parking_lot::Mutex;

use crate::chat::UserOid;

/// Messages that are remembered at once; when there are more, all are forgotten, and their rooms find them in
/// history only.
const MAX_REMEMBERED: usize = 10_000;

/// A message's sender and the sender's own id of it.
type Key = (UserOid, String);

/// The messages whose fate is unknown.
#[derive(Debug, Default)]
pub(super) struct Untold(Mutex<HashSet<Key>>);

impl Untold {
    /// Remembers a message; without a client id it cannot come again.
    pub(super) fn remember(&self, key: Option<Key>) {
        let Some(key) = key else { return };
        let mut keys = self.0.lock();
        if keys.len() >= MAX_REMEMBERED {
            keys.clear();
        }
        keys.insert(key);
    }

    /// Whether the message was remembered; it is forgotten now.
    pub(super) fn take(&self, key: Option<&Key>) -> bool {
        key.is_some_and(|key| self.0.lock().remove(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(client_id: &str) -> Key {
        (UserOid("0".repeat(24)), client_id.to_owned())
    }

    #[test]
    fn a_message_is_told_late_once() {
        let untold = Untold::default();
        untold.remember(Some(key("a")));
        assert!(!untold.take(Some(&key("b"))));
        assert!(untold.take(Some(&key("a"))));
        assert!(!untold.take(Some(&key("a"))));
        assert!(!untold.take(None));
    }

    #[test]
    fn memory_is_bounded() {
        let untold = Untold::default();
        for number in 0..3 * MAX_REMEMBERED {
            untold.remember(Some(key(&number.to_string())));
        }
        assert!(untold.0.lock().len() <= MAX_REMEMBERED);
    }
}
