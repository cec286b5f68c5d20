//! The live socket of each user: one at most.

use std::sync::Arc;

use dashmap::DashMap;

use crate::chat::UserOid;

use super::live::Live;

/// Who has a live socket in this process.
#[derive(Debug, Default)]
pub struct Sessions {
    live: DashMap<UserOid, Arc<Live>>,
}

impl Sessions {
    /// Makes a socket its user's live one; answers the one it replaces.
    pub(super) fn insert(&self, live: &Arc<Live>) -> Option<Arc<Live>> {
        self.live.insert(live.who().user.clone(), Arc::clone(live))
    }

    /// Forgets a socket that has left; one that has replaced it stays.
    pub(super) fn remove(&self, live: &Arc<Live>) {
        self.live.remove_if(&live.who().user, |_, known| Arc::ptr_eq(known, live));
    }

    /// The live socket of a user.
    pub(super) fn get(&self, user: &UserOid) -> Option<Arc<Live>> {
        self.live.get(user).map(|entry| Arc::clone(&entry))
    }

    /// How many users have a live socket.
    #[must_use]
    pub fn len(&self) -> usize {
        self.live.len()
    }

    /// Whether nobody has a live socket.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
