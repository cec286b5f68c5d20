//! What a polling client is answered.

use std::sync::{Arc, atomic::Ordering};

use super::Peer;
use crate::{
    engine::{CloseReason, Input, Packet},
    hub::{encoded::Encoded, poll_payload::PollPayload},
};

/// What a waiting poll is to be answered with.
#[derive(Debug)]
pub enum PollAnswer {
    /// These packets.
    Payload(PollPayload),
    /// The session has ended because another request of it failed.
    Failed,
}

impl Peer {
    /// The answer for the waiting poll, if there is one.
    ///
    /// That the session is to end is not told before all that was taken to be sent has been fetched.
    #[must_use]
    pub fn poll_answer(self: &Arc<Self>) -> Option<PollAnswer> {
        // Found out first: what was sent before the session was closed is in the queue then.
        let is_ending = !self.is_open() && self.session.lock().awaits_last_poll();
        let payload = if is_ending { self.take_last_payload() } else { self.take_payload() };
        if let Some(payload) = payload {
            return Some(PollAnswer::Payload(payload));
        }
        if is_ending {
            self.feed(Input::FarewellSent);
        }
        let packet = match self.ended() {
            Some(_) if self.failed.load(Ordering::Acquire) => return Some(PollAnswer::Failed),
            // A client that has left itself is not told that it has.
            Some(CloseReason::TransportClose) => Packet::Noop,
            Some(
                CloseReason::TransportError
                | CloseReason::ForcedClose
                | CloseReason::PingTimeout
                | CloseReason::ParseError,
            ) => Packet::Close,
            None => self.released.swap(false, Ordering::AcqRel).then_some(Packet::Noop)?,
        };
        Some(PollAnswer::Payload(self.join(&[Encoded::of(&packet)])))
    }

    /// Takes what one polling response may carry; `None` if nothing waits.
    #[must_use]
    pub fn take_payload(&self) -> Option<PollPayload> {
        let packets = self.outbox.take_packets(self.revision, &self.config);
        (!packets.is_empty()).then(|| self.join(&packets))
    }

    /// Takes what one polling response may carry; if nothing waits, nothing more is taken to be sent.
    fn take_last_payload(&self) -> Option<PollPayload> {
        let packets = self.outbox.take_packets_or_finish(self.revision, &self.config);
        (!packets.is_empty()).then(|| self.join(&packets))
    }

    /// Answers a poll of a session that ends: what was sent before, or, if there is nothing left, the close packet.
    ///
    /// Never both: the official client looks at messages only after it has dealt with a close packet behind them. The
    /// answer to CONNECT would make it believe in a connection that is gone, and a DISCONNECT would come too late.
    #[must_use]
    pub fn farewell(self: &Arc<Self>) -> PollPayload {
        if let Some(payload) = self.take_last_payload() {
            self.feed(Input::PollAnswered);
            return payload;
        }
        self.feed(Input::FarewellSent);
        self.join(&[Encoded::of(&Packet::Noop), Encoded::of(&Packet::Close)])
    }

    fn join(&self, packets: &[Encoded]) -> PollPayload {
        PollPayload::join(packets, self.revision)
    }
}
