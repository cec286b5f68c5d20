//! Which rooms a socket was in, and while which events were sent.

use crate::{
    hub::adapter::{Room, Target},
    sid::Sid,
};

/// The rooms a socket has left that are remembered, for events sent before that may have been lost on their way.
const KEPT_PAST: usize = 64;

/// Whom an event was for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// One socket.
    Socket(Sid),
    /// The sockets of a broadcast.
    Rooms(Target),
}

impl Audience {
    /// Whether sockets of other servers are meant as well.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self, Audience::Rooms(target) if !target.local)
    }

    /// The memory it keeps on the heap, in bytes; names of rooms are shared with whoever is in them.
    pub(super) fn heap_bytes(&self) -> usize {
        match self {
            Audience::Socket(_) => 0,
            Audience::Rooms(target) => (target.rooms.len() + target.except.len()) * size_of::<Room>(),
        }
    }
}

/// The events numbered after `from` up to `until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    from: u64,
    until: u64,
}

const NEVER: Span = Span { from: 0, until: 0 };

impl Span {
    fn since(from: u64) -> Self {
        Self { from, until: u64::MAX }
    }

    fn is_open(self) -> bool {
        self.until == u64::MAX
    }

    fn contains(self, number: u64) -> bool {
        self.from < number && number <= self.until
    }
}

/// A socket's rooms over time, measured in events of its namespace.
#[derive(Clone, Debug)]
pub(crate) struct Membership {
    own: Span,
    rooms: Vec<(Room, Span)>,
}

impl Membership {
    /// That of a socket which is in no room yet, not even its own.
    pub(super) fn new() -> Self {
        Self { own: NEVER, rooms: Vec::new() }
    }

    /// The socket is in the room of its own id from now on, `last` being the last event.
    pub(crate) fn join_own(&mut self, last: u64) {
        if !self.own.is_open() {
            self.own = Span::since(last);
        }
    }

    pub(crate) fn leave_own(&mut self, last: u64) {
        self.own.until = self.own.until.min(last);
    }

    /// Whether the socket is in the room of its own id.
    pub(crate) fn is_in_own(&self) -> bool {
        self.own.is_open()
    }

    /// The socket is in a room from now on.
    pub(crate) fn join(&mut self, room: &Room, last: u64) {
        if !self.rooms.iter().any(|(known, span)| known == room && span.is_open()) {
            self.rooms.push((room.clone(), Span::since(last)));
        }
    }

    pub(crate) fn leave(&mut self, room: &str, last: u64) {
        for (_, span) in self.rooms.iter_mut().filter(|(known, span)| **known == *room && span.is_open()) {
            span.until = last;
        }
        if self.rooms.iter().filter(|(_, span)| !span.is_open()).count() > KEPT_PAST {
            // They are in the order in which they were joined, which is near enough to that of leaving.
            let oldest = self.rooms.iter().position(|(_, span)| !span.is_open());
            oldest.map(|at| self.rooms.remove(at));
        }
    }

    /// The socket is not let in yet and leaves a room: what was sent there meanwhile is not for it any more.
    pub(crate) fn forget(&mut self, room: &str) {
        self.rooms.retain(|(known, _)| **known != *room);
    }

    pub(crate) fn forget_own(&mut self) {
        self.own = NEVER;
    }

    /// The rooms the socket is in, its own left out.
    pub(crate) fn rooms(&self) -> impl Iterator<Item = &Room> {
        self.rooms.iter().filter(|(_, span)| span.is_open()).map(|(room, _)| room)
    }

    /// Whether the event `number` was for the socket `id`.
    pub(super) fn hears(&self, id: &Sid, number: u64, audience: &Audience) -> bool {
        let target = match audience {
            Audience::Socket(only) => return only == id,
            Audience::Rooms(target) => target,
        };
        let was_in = |room: &Room| {
            (**room == *id.as_str() && self.own.contains(number))
                || self.rooms.iter().any(|(known, span)| span.contains(number) && known == room)
        };
        (target.rooms.is_empty() || target.rooms.iter().any(was_in)) && !target.except.iter().any(was_in)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::times;

    fn to(rooms: &[&str], except: &[&str]) -> Audience {
        let names = |names: &[&str]| names.iter().map(|&name| name.into()).collect();
        Audience::Rooms(Target { rooms: names(rooms), except: names(except), local: false })
    }

    #[test]
    fn an_event_counts_if_the_socket_was_in_its_rooms_when_it_was_sent() {
        let (id, other) = (Sid::from_bytes([1; 15]), Sid::from_bytes([2; 15]));
        let mut membership = Membership::new();
        membership.join_own(0);
        membership.join(&"a".into(), 10);
        membership.leave("a", 20);
        membership.join(&"b".into(), 15);
        for (number, audience, heard) in [
            (11, to(&["a"], &[]), true),
            (10, to(&["a"], &[]), false),
            (20, to(&["a"], &[]), true),
            (21, to(&["a"], &[]), false),
            (21, to(&["a", "b"], &[]), true),
            (5, to(&[], &[]), true),
            (12, to(&[], &["b"]), true),
            (16, to(&[], &["b"]), false),
            (16, to(&["a"], &["b"]), false),
            (99, to(&[id.as_str()], &[]), true),
            (99, to(&[], &[id.as_str()]), false),
            (99, to(&["nowhere"], &[]), false),
            (99, Audience::Socket(id), true),
            (99, Audience::Socket(other), false),
        ] {
            assert_eq!(membership.hears(&id, number, &audience), heard, "{number} {audience:?}");
        }
        assert_eq!(membership.rooms().map(|room| &**room).collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn the_own_room_can_be_left_and_joined_again() {
        let id = Sid::from_bytes([1; 15]);
        let mut membership = Membership::new();
        membership.join_own(0);
        membership.leave_own(5);
        assert!(!membership.is_in_own());
        membership.join_own(8);
        let heard = |number| membership.hears(&id, number, &to(&[id.as_str()], &[]));
        assert_eq!([7, 8, 9].map(heard), [false, false, true]);
    }

    #[test]
    fn a_socket_that_changes_rooms_for_ever_keeps_few_of_them() {
        let mut membership = Membership::new();
        for number in (0..).take(times(10_000)) {
            membership.join(&"room".into(), number);
            membership.leave("room", number + 1);
        }
        assert_eq!(membership.rooms.len(), KEPT_PAST);
    }
}
