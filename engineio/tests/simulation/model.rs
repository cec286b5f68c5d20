//! What must be true, kept in the plainest way: who is in which room of which namespace, and which numbers each client
//! must see there.
//!
//! Recovery is for each namespace by itself, and there is none for clients of Socket.IO 2: what does not reach such a
//! client over its connection is lost, and it comes back as somebody else.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use engineio::{AckError, AckReply, Sid, Socket, engine::Revision};

use crate::place::{NAMESPACES, Place, Space, place_of};

/// How sure it is that an event arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// In any case, over the next connection if the client comes back to its session.
    Kept,
    /// Over this connection, or never.
    Once,
    /// Perhaps.
    Volatile,
}

#[derive(Debug)]
pub struct Expected {
    pub number: u64,
    pub promise: Promise,
    pub connection: Sid,
    /// Whether it was dropped, as the client read too slowly.
    pub is_dropped: bool,
}

/// What the server's listeners have heard of one stretch of a client's events.
#[derive(Debug)]
struct Stretch {
    place: Place,
    next: u32,
}

/// Whom a broadcast means on one server.
#[derive(Clone, Copy)]
pub struct Audience<'a> {
    pub server: usize,
    pub space: Space,
    /// All of the namespace, if there are none.
    pub rooms: &'a [String],
    pub except: &'a [String],
}

/// A socket id, over all connections of its session.
pub struct Seat {
    pub socket: Socket,
    pub server: usize,
    pub rooms: BTreeSet<String>,
    pub expected: VecDeque<Expected>,
    is_listening: bool,
    /// Whether its client may come back to it.
    is_kept: bool,
}

impl Seat {
    pub fn is_connected(&self) -> bool {
        self.socket.is_connected()
    }

    /// The room of its own id, as its client knows it.
    pub fn own_room(&self, (space, id): &Place) -> String {
        let is_old = self.socket.peer().revision() == Revision::V3;
        if is_old && *space > 0 { format!("{}#{id}", NAMESPACES[*space]) } else { id.to_string() }
    }

    /// The numbers of the events that its client must get over a connection, or has not told of.
    pub fn owed(&self, connection: &Sid) -> Vec<u64> {
        let owed = self.expected.iter().filter(|expected| !expected.is_dropped).filter(|expected| {
            match expected.promise {
                Promise::Kept => true,
                Promise::Once => expected.connection == *connection,
                Promise::Volatile => false,
            }
        });
        owed.map(|expected| expected.number).collect()
    }

    /// Whether its client, of Socket.IO 2, has left, so that it may have the same id again on its connection.
    fn is_free_for(&self, socket: &Socket) -> bool {
        let peer = socket.peer();
        peer.revision() == Revision::V3 && !self.is_connected() && Arc::ptr_eq(self.socket.peer(), peer)
    }
}

/// A question that a client was asked.
#[derive(Debug)]
pub struct Question {
    /// Who was asked.
    pub socket: Socket,
    pub deadline: Duration,
    /// Whether an answer has reached the session.
    pub offered: bool,
    /// When the answer reached the socket.
    pub answered_at: Option<Duration>,
}

#[derive(Default)]
pub struct State {
    pub seats: BTreeMap<Place, Seat>,
    stretches: Vec<Stretch>,
    pub questions: BTreeMap<u64, Question>,
    /// Broadcasts whose answers are awaited.
    pub polls: BTreeSet<u64>,
    last: u64,
    pub max_rooms: usize,
    pub keeps_sessions: bool,
    pub faults: Vec<String>,
}

/// The model, shared with the listeners.
#[derive(Clone, Default)]
pub struct Model(Arc<Mutex<State>>);

impl Model {
    /// No method of the library may be called that calls listeners while this is held.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl State {
    pub fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    pub fn fault(&mut self, text: impl Into<String>) {
        self.faults.push(text.into());
    }

    /// A socket has been let in.
    pub fn arrive(&mut self, socket: &Socket, server: usize) {
        let is_old = socket.peer().revision() == Revision::V3;
        match self.seats.get_mut(&place_of(socket)) {
            _ if socket.recovered() && is_old => self.fault("a client of Socket.IO 2 was recovered"),
            // Listeners of the socket before it may still wait; they are another socket's.
            Some(seat) if socket.recovered() => (seat.socket, seat.is_listening) = (socket.clone(), false),
            Some(seat) if seat.is_free_for(socket) => {
                (seat.socket, seat.is_listening) = (socket.clone(), false);
                seat.rooms.clear();
            }
            Some(_) => self.fault("a new socket has an old id"),
            None if socket.recovered() => self.fault("a socket was recovered that never was"),
            None => {
                let seat = Seat {
                    socket: socket.clone(),
                    server,
                    rooms: BTreeSet::new(),
                    expected: VecDeque::new(),
                    is_listening: false,
                    is_kept: self.keeps_sessions && !is_old,
                };
                self.seats.insert(place_of(socket), seat);
            }
        }
    }

    /// What an event without further conditions is promised to those who may come back.
    pub fn usual(&self) -> Promise {
        if self.keeps_sessions { Promise::Kept } else { Promise::Once }
    }

    pub fn expect(&mut self, place: &Place, number: u64, promise: Promise) {
        if let Some(seat) = self.seats.get_mut(place) {
            let promise = if promise == Promise::Kept && !seat.is_kept { Promise::Once } else { promise };
            let connection = *seat.socket.peer().sid();
            seat.expected.push_back(Expected { number, promise, connection, is_dropped: false });
        }
    }

    /// The places that are meant, of those who are there.
    pub fn meant(&self, audience: Audience<'_>) -> Vec<Place> {
        self.meant_with_away(audience, false)
    }

    /// The same, with those who are away and may come back.
    fn meant_with_away(&self, audience: Audience<'_>, with_away: bool) -> Vec<Place> {
        let Audience { server, space, rooms, except } = audience;
        let is_in = |id: &Sid, seat: &Seat, rooms: &[String]| {
            rooms.iter().any(|room| seat.rooms.contains(room) || *room == id.as_str())
        };
        let seats = self.seats.iter().filter(|((own, id), seat)| {
            (seat.server, *own) == (server, space)
                && (with_away && seat.is_kept || seat.is_connected())
                && (rooms.is_empty() || is_in(id, seat, rooms))
                && !is_in(id, seat, except)
        });
        seats.map(|(place, _)| *place).collect()
    }

    /// A broadcast reaches the sockets of one server.
    pub fn broadcast(&mut self, audience: Audience<'_>, number: u64, promise: Promise) {
        for place in self.meant_with_away(audience, promise == Promise::Kept) {
            self.expect(&place, number, promise);
        }
    }

    /// A client has got an event. It must be the next it is owed; `may_miss` says whether one that it was owed may have
    /// been dropped because it read too slowly.
    pub fn receive(
        &mut self,
        place: &Place,
        connection: &Sid,
        number: u64,
        mut may_miss: impl FnMut() -> bool,
    ) {
        let Some(seat) = self.seats.get_mut(place) else {
            return self.fault(format!("event {number} came to a socket that never was"));
        };
        let Some(at) = seat.expected.iter().position(|expected| expected.number == number) else {
            return self
                .fault(format!("event {number} came twice, out of order, or was not for its receiver"));
        };
        let mut before: Vec<_> = seat.expected.drain(..=at).collect();
        let has_offset = before.pop().is_some_and(|expected| expected.promise == Promise::Kept);
        let (mut dropped, mut missing) = (Vec::new(), Vec::new());
        for mut expected in before {
            let is_excused = match expected.promise {
                Promise::Volatile => true,
                Promise::Once => expected.connection != *connection,
                Promise::Kept => false,
            };
            if is_excused {
                continue;
            }
            if expected.is_dropped || may_miss() {
                expected.is_dropped = true;
                dropped.push(expected);
            } else {
                missing.push(expected.number);
            }
        }
        if !has_offset {
            // The client has not told of a later event, so that what was dropped may still come when it comes back.
            dropped.into_iter().rev().for_each(|expected| seat.expected.push_front(expected));
        }
        if !missing.is_empty() {
            self.fault(format!("events {missing:?} are missing before event {number}"));
        }
    }

    /// A client has been let in, and its events are counted anew.
    pub fn begin_stretch(&mut self, place: Place) -> u64 {
        self.stretches.push(Stretch { place, next: 0 });
        self.stretches.len() as u64 - 1
    }

    /// A listener begins with the event `index` of a stretch.
    pub fn hear(&mut self, socket: &Socket, number: u64, index: u32) {
        let place = place_of(socket);
        match self.stretches.get_mut(number as usize).filter(|stretch| stretch.place == place) {
            Some(stretch) if stretch.next == index => stretch.next += 1,
            Some(&mut Stretch { next, .. }) => {
                self.fault(format!("the server heard event {index} and not {next} of stretch {number}"));
            }
            None => self.fault(format!("{socket:?} got an event of another: {index} of stretch {number}")),
        }
        if self.seats.get(&place).is_some_and(|seat| seat.is_listening && seat.socket == *socket) {
            self.fault("two listeners of one socket run at once");
        }
    }

    /// How many events of a stretch the server has heard.
    pub fn heard(&self, number: u64) -> u32 {
        self.stretches.get(number as usize).map_or(0, |stretch| stretch.next)
    }

    /// A listener of the socket waits from now on, or has ended.
    pub fn listening(&mut self, socket: &Socket, is_listening: bool) {
        if let Some(seat) = self.seats.get_mut(&place_of(socket)).filter(|seat| seat.socket == *socket) {
            seat.is_listening = is_listening;
        }
    }

    /// A room was joined, or not because of `error`.
    pub fn joined(&mut self, socket: &Socket, room: &str, worked: bool) {
        let Some(seat) = self.seats.get_mut(&place_of(socket)) else { return };
        let is_full = seat.rooms.len() >= self.max_rooms && !seat.rooms.contains(room);
        let may_join = !is_full && socket.is_connected();
        if worked {
            seat.rooms.insert(room.to_owned());
        }
        if worked != may_join {
            self.fault(format!("joining {room} answered {worked}"));
        }
    }

    pub fn left(&mut self, socket: &Socket, room: &str) {
        if let Some(seat) = self.seats.get_mut(&place_of(socket)) {
            seat.rooms.remove(room);
        }
    }

    /// The future of a question has ended.
    pub fn answered(&mut self, number: u64, result: Result<AckReply, AckError>, now: Duration) {
        let Some(question) = self.questions.remove(&number) else {
            return self.fault(format!("question {number} was answered twice"));
        };
        let was_answered = question.answered_at.is_some_and(|at| at < question.deadline);
        let fault = match result {
            Ok(reply) if reply.first::<u64>() != Ok(number) => "another's answer",
            Ok(_) if !question.offered => "an answer that nobody gave",
            Ok(_) => return,
            Err(_) if was_answered => "no answer though one came in time",
            Err(AckError::Timeout) if now < question.deadline => "a time-out before its time",
            Err(_) => return,
        };
        self.fault(format!("question {number} got {fault}"));
    }
}
