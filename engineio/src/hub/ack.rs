//! Answering an event.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use serde::Serialize;

use super::{event_ref::EventRef, payload::Payload, socket::Socket};
use crate::socketio::AckId;

/// The way to answer an event; it can be used once, and answers nobody if the client did not ask. If several listeners
/// of an event answer, the first answer counts.
#[derive(Debug)]
pub struct Ack {
    socket: Socket,
    id: Option<AckId>,
    answered: Option<Arc<AtomicBool>>,
}

impl Ack {
    pub(crate) fn of(event: &EventRef<'_>) -> Self {
        Self { socket: event.socket.clone(), id: event.ack, answered: event.answered.cloned() }
    }

    /// Whether the client waits for an answer.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.id.is_some()
    }

    /// Answers; a tuple is several arguments, `()` none.
    pub fn send<T: Serialize + ?Sized>(self, args: &T) {
        if let Some(id) = self.claim() {
            self.socket.send_ack(id, args);
        }
    }

    /// Answers with arguments as they came from elsewhere.
    pub fn send_payload(self, payload: &Payload) {
        if let Some(id) = self.claim() {
            self.socket.send_ack_payload(id, payload);
        }
    }

    /// The id to answer, unless nobody asked or another listener has answered.
    fn claim(&self) -> Option<AckId> {
        let is_second = self.answered.as_ref().is_some_and(|answered| answered.swap(true, Ordering::AcqRel));
        self.id.filter(|_| !is_second)
    }
}
