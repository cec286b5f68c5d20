//! One client's stay in a namespace, over all its connections.

use std::time::Instant;

use serde_json::{Map, Value};

use super::membership::Membership;
use crate::{hub::namespace::Occupancy, sid::Sid};

/// What is known of a client that may lose its connection and come back.
#[derive(Clone)]
pub(crate) struct Stay {
    /// The secret by which the client comes back.
    pub(crate) pid: Sid,
    /// The last event before the client was let in for the first time.
    pub(super) start: u64,
    /// The last event the client is known to have.
    pub(super) floor: u64,
    /// The last event the client has if it got the answer when it came back.
    resumed_to: u64,
    /// When it was let in by the connection it has now.
    admitted: Instant,
    /// Until when its session is kept, from the loss of one connection to being let in by the next.
    pub(super) until: Option<Instant>,
    /// The client has everything that was sent before.
    pub(super) confirmed: Instant,
    pub(crate) membership: Membership,
}

/// A stay that waits for its client.
pub(crate) struct Session {
    pub(crate) id: Sid,
    pub(crate) stay: Stay,
    pub(crate) data: Option<Box<Map<String, Value>>>,
    /// Keeps a namespace that was made for clients while one of them may come back.
    pub(crate) occupancy: Option<Occupancy>,
}

impl Stay {
    /// That of a client which is not let in yet.
    pub(crate) fn new(pid: Sid, now: Instant) -> Self {
        let membership = Membership::new();
        Self {
            pid,
            start: 0,
            floor: 0,
            resumed_to: 0,
            admitted: now,
            until: None,
            confirmed: now,
            membership,
        }
    }

    /// That of a client which comes from another server and is away until then; what it missed there comes after the
    /// event `last`.
    pub(super) fn moved(pid: Sid, membership: Membership, last: u64, until: Instant, now: Instant) -> Self {
        let mut stay = Self { membership, until: Some(until), ..Self::new(pid, now) };
        stay.begin(last, now);
        stay
    }

    /// The client is let in for the first time, after the event `last`.
    pub(crate) fn begin(&mut self, last: u64, now: Instant) {
        (self.start, self.floor, self.resumed_to) = (last, last, last);
        (self.admitted, self.confirmed) = (now, now);
    }

    /// The client comes back, and has all events up to `from`.
    pub(super) fn resume(&mut self, from: u64) {
        self.floor = from;
    }

    /// The last event that the client had when it came back.
    pub(crate) fn resumed_from(&self) -> u64 {
        self.floor
    }

    /// The client has been answered, and sent what it missed: up to the event `told` so that it has it if it has the
    /// answer.
    pub(crate) fn is_resumed(&mut self, told: Option<u64>, now: Instant) {
        (self.resumed_to, self.admitted, self.until) = (told.unwrap_or(self.floor), now, None);
    }

    /// Takes in when the last ping was sent that was answered over the connection.
    pub(crate) fn confirm(&mut self, pinged: Option<Instant>) {
        // A ping from before would vouch for events that this connection did not carry.
        if let Some(at) = pinged.filter(|at| *at > self.admitted) {
            self.confirmed = at;
        }
    }

    /// The client has shown that it got the answer when it came back.
    pub(crate) fn is_heard(&mut self) {
        self.floor = self.floor.max(self.resumed_to);
    }
}
