//! What becomes of packets for which a queue has no room.

use super::{Admission, Outbox, Sent, State};
use crate::{
    config::{Config, Overflow},
    hub::{
        encoded::{Encoded, Worth},
        refusals::Refusal,
    },
};

impl Outbox {
    /// Adds a packet for which the queue was full, by the policy of the configuration; `count` hears how many were
    /// dropped, and by what.
    ///
    /// # Errors
    /// The client is to be given up.
    pub(in crate::hub) fn push_by_policy(
        &self,
        packet: Encoded,
        admission: Admission,
        config: &Config,
        count: impl FnOnce(Refusal, usize),
    ) -> Result<Sent, Encoded> {
        let packet = match self.push(packet, admission, config) {
            Err(packet) => packet,
            sent => return sent,
        };
        self.change(|state| {
            if state.closed {
                return Ok(Sent::Closed);
            }
            let droppable = packet.worth() == Worth::Droppable;
            let bytes = packet.frames().len();
            // Some of the queue may have been written meanwhile.
            if !state.queue.is_full(bytes, config) {
                state.queue.push(packet);
                return Ok(Sent::Queued);
            }
            let made = match config.overflow {
                Overflow::Disconnect => 0,
                Overflow::DropVolatile => {
                    state.queue.make_room(bytes, config, |waiting| waiting.worth() == Worth::Droppable)
                }
                Overflow::DropOldest => {
                    state.queue.make_room(bytes, config, |waiting| waiting.worth() != Worth::Kept)
                }
            };
            if made == 0 && !droppable {
                return Err(packet);
            }
            let by_age = made > 0 && config.overflow == Overflow::DropOldest;
            count(if by_age { Refusal::DroppedOldest } else { Refusal::DroppedDroppable }, made.max(1));
            state.note_dropped(made.max(1));
            if made == 0 {
                return Ok(Sent::Dropped);
            }
            state.queue.push(packet);
            Ok(Sent::Displaced)
        })
    }

    /// How many packets wait.
    #[must_use]
    pub fn queued_packets(&self) -> usize {
        self.state.lock().queue.len()
    }

    /// How many packets were dropped because the queue was full.
    #[must_use]
    pub fn dropped_packets(&self) -> u64 {
        self.state.lock().dropped
    }
}

impl State {
    /// Counts, and logs each time the count has doubled: a slow client must not fill the log.
    fn note_dropped(&mut self, packets: usize) {
        let before = self.dropped;
        self.dropped += packets as u64;
        if self.dropped.ilog2() > before.checked_ilog2().unwrap_or_default() || before == 0 {
            let (dropped, bytes) = (self.dropped, self.queue.bytes());
            tracing::warn!(dropped, bytes, "dropping events for a connection that reads too slowly");
        }
    }
}
