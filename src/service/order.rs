//! Publishing the messages of a room in the order of history, without storing them one by one.
//!
//! Several messages of a room may be on their way into the store at once, so that one commit can hold many. Each of
//! them holds a ticket. A stored message waits only for tickets that were taken before it was known to be stored:
//! only such a one can still come back with a smaller id.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use dashmap::DashMap;
use parking_lot::Mutex;

use crate::chat::{Message, RoomCode};

use super::{Event, Events};

/// The rooms with messages underway; others take no memory.
pub(super) struct Order {
    rooms: Arc<DashMap<RoomCode, Arc<Mutex<Queue>>>>,
    events: Arc<dyn Events>,
}

/// One room's messages underway.
#[derive(Default)]
struct Queue {
    next_ticket: u64,
    out: BTreeSet<u64>,
    /// By id: the stored message, and the ticket before which none may be out.
    stored: BTreeMap<String, (u64, Message)>,
}

/// The right to store one message; dropping it lets later messages pass.
pub(super) struct Ticket {
    rooms: Arc<DashMap<RoomCode, Arc<Mutex<Queue>>>>,
    events: Arc<dyn Events>,
    code: RoomCode,
    queue: Option<Arc<Mutex<Queue>>>,
    number: u64,
}

impl Order {
    pub(super) fn new(events: Arc<dyn Events>) -> Self {
        Self { rooms: Arc::default(), events }
    }

    /// Takes a ticket; call it before the store is asked.
    pub(super) fn begin(&self, code: &RoomCode) -> Ticket {
        let queue = Arc::clone(&self.rooms.entry(code.clone()).or_default());
        let number = {
            let mut queue = queue.lock();
            let number = queue.next_ticket;
            queue.next_ticket += 1;
            queue.out.insert(number);
            number
        };
        let (rooms, events) = (Arc::clone(&self.rooms), Arc::clone(&self.events));
        Ticket { rooms, events, code: code.clone(), queue: Some(queue), number }
    }

    #[cfg(test)]
    fn rooms_underway(&self) -> usize {
        self.rooms.len()
    }
}

impl Ticket {
    /// The message is stored: it is published now, or right after those it must follow.
    pub(super) fn stored(self, message: Message) {
        if let Some(queue) = &self.queue {
            let mut queue = queue.lock();
            let barrier = queue.next_ticket;
            queue.stored.insert(message.id.clone(), (barrier, message));
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let Some(queue) = self.queue.take() else { return };
        {
            // Publishing under the lock is what keeps the order; it only fills outgoing queues.
            let mut queue = queue.lock();
            queue.out.remove(&self.number);
            queue.publish(&*self.events);
        }
        drop(queue);
        // The map holds the only reference when no other ticket of the room is out, and nobody can take a new one
        // while the map's entry is locked.
        self.rooms.remove_if(&self.code, |_, queue| Arc::strong_count(queue) == 1);
    }
}

impl Queue {
    /// Publishes what nothing can come before any more.
    ///
    /// Tickets from a message's barrier on were taken after it was stored, so that their messages follow it, and
    /// follow all with smaller ids too. With no older ticket out, the message and all before it can go.
    fn publish(&mut self, events: &dyn Events) {
        let oldest_out = self.out.first().copied().unwrap_or(u64::MAX);
        let passes = |(_, (barrier, _)): &(&String, &(u64, Message))| *barrier <= oldest_out;
        let Some(last) = self.stored.iter().rev().find(passes).map(|(id, _)| id.clone()) else { return };
        while let Some(first) = self.stored.first_entry().filter(|first| *first.key() <= last) {
            let (_, message) = first.remove();
            events.publish(Event::Posted { message });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{chat::UserOid, service::fake::Recorder};

    fn message(id: u32) -> Message {
        Message {
            id: format!("{id:024x}"),
            room_code: RoomCode("AB12".into()),
            user_oid: UserOid("0".repeat(24)),
            sender: "Ann (from Lounge)".into(),
            msg: "hello".into(),
            at: 0,
        }
    }

    fn published(recorder: &Recorder) -> Vec<u32> {
        let id = |event: Event| match event {
            Event::Posted { message } => u32::from_str_radix(&message.id, 16).unwrap(),
            Event::Joined { .. } | Event::Left { .. } | Event::LoggedOut { .. } | Event::Refreshed { .. } => {
                0
            }
        };
        recorder.take().into_iter().map(id).collect()
    }

    #[test]
    fn messages_stored_together_are_published_in_the_order_of_their_ids() {
        let recorder = Arc::new(Recorder::default());
        let order = Order::new(recorder.clone());
        let code = RoomCode("AB12".into());
        let tickets: Vec<_> = (0..4).map(|_| order.begin(&code)).collect();
        for (ticket, id) in tickets.into_iter().zip([3, 1, 4, 2]) {
            ticket.stored(message(id));
        }
        assert_eq!(published(&recorder), [1, 2, 3, 4]);
        assert_eq!(order.rooms_underway(), 0);
    }

    #[test]
    fn a_message_does_not_wait_for_one_that_began_after_it_was_stored() {
        let recorder = Arc::new(Recorder::default());
        let order = Order::new(recorder.clone());
        let code = RoomCode("AB12".into());
        let (slow, quick) = (order.begin(&code), order.begin(&code));
        quick.stored(message(2));
        assert!(published(&recorder).is_empty(), "the slow one may have a smaller id");
        let later = order.begin(&code);
        slow.stored(message(1));
        assert_eq!(published(&recorder), [1, 2]);
        later.stored(message(3));
        assert_eq!(published(&recorder), [3]);
    }

    #[test]
    fn a_message_that_was_not_stored_lets_others_pass() {
        let recorder = Arc::new(Recorder::default());
        let order = Order::new(recorder.clone());
        let (failed, stored) = (order.begin(&RoomCode("A".into())), order.begin(&RoomCode("A".into())));
        let other_room = order.begin(&RoomCode("B".into()));
        stored.stored(message(2));
        assert!(published(&recorder).is_empty());
        other_room.stored(message(1));
        assert_eq!(published(&recorder), [1], "rooms do not wait for each other");
        drop(failed);
        assert_eq!(published(&recorder), [2]);
        assert_eq!(order.rooms_underway(), 0);
    }
}
