//! The sessions of one server, and what is counted for all of them.

use std::{fmt, ops::Deref, sync::Arc};

use dashmap::DashMap;

use super::Peer;
use crate::{
    hub::{gate::Gate, refusals::Refusals},
    sid::Sid,
};

/// The sessions of one server: a table by their ids, who may come in, and what was refused.
#[derive(Default)]
pub struct Peers {
    sessions: DashMap<Sid, Arc<Peer>>,
    refusals: Refusals,
    gate: Arc<Gate>,
    door: Arc<Gate>,
}

impl Peers {
    /// What was refused to clients of these sessions, and to those who wanted one.
    #[must_use]
    pub fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// Who counts sessions.
    #[must_use]
    pub fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// Who counts the connections that requests for these sessions come over.
    #[must_use]
    pub fn door(&self) -> &Arc<Gate> {
        &self.door
    }
}

impl Deref for Peers {
    type Target = DashMap<Sid, Arc<Peer>>;

    fn deref(&self) -> &Self::Target {
        &self.sessions
    }
}

impl fmt::Debug for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The ids are secrets, so they are not printed.
        write!(f, "Peers({} sessions)", self.sessions.len())
    }
}
