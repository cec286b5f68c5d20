//! What must be true, kept in the plainest way: who is in which room, and which numbers each client must see.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use engineio::{AckError, AckReply, Sid, Socket};

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
#[derive(Debug, Default)]
struct Heard {
    next: u32,
}

/// A socket id, over all connections of its session.
pub struct Seat {
    pub socket: Socket,
    pub server: usize,
    pub rooms: BTreeSet<String>,
    pub expected: VecDeque<Expected>,
    is_listening: bool,
}

impl Seat {
    pub fn is_connected(&self) -> bool {
        self.socket.is_connected()
    }
}

/// A question that a client was asked.
#[derive(Debug)]
pub struct Question {
    pub connection: Sid,
    pub deadline: Duration,
    /// Whether an answer has reached the session.
    pub offered: bool,
    /// When the answer reached the socket.
    pub answered_at: Option<Duration>,
}

#[derive(Default)]
pub struct State {
    pub seats: BTreeMap<Sid, Seat>,
    heard: BTreeMap<(Sid, u32), Heard>,
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
        let id = *socket.id();
        match self.seats.get_mut(&id) {
            // Listeners of the socket before it may still wait; they are another socket's.
            Some(seat) if socket.recovered() => (seat.socket, seat.is_listening) = (socket.clone(), false),
            Some(_) => self.fault("a new socket has an old id"),
            None if socket.recovered() => self.fault("a socket was recovered that never was"),
            None => {
                let seat = Seat {
                    socket: socket.clone(),
                    server,
                    rooms: BTreeSet::new(),
                    expected: VecDeque::new(),
                    is_listening: false,
                };
                self.seats.insert(id, seat);
            }
        }
    }

    /// What an event without further conditions is promised.
    pub fn usual(&self) -> Promise {
        if self.keeps_sessions { Promise::Kept } else { Promise::Once }
    }

    pub fn expect(&mut self, id: &Sid, number: u64, promise: Promise) {
        if let Some(seat) = self.seats.get_mut(id) {
            let connection = *seat.socket.peer().sid();
            seat.expected.push_back(Expected { number, promise, connection, is_dropped: false });
        }
    }

    /// The ids a target means on one server, of those that are there.
    pub fn meant(&self, server: usize, rooms: &[String], except: &[String]) -> Vec<Sid> {
        self.meant_with_away(server, rooms, except, false)
    }

    /// The same, with those who are away and may come back.
    fn meant_with_away(
        &self,
        server: usize,
        rooms: &[String],
        except: &[String],
        with_away: bool,
    ) -> Vec<Sid> {
        let is_in = |id: &Sid, seat: &Seat, rooms: &[String]| {
            rooms.iter().any(|room| seat.rooms.contains(room) || *room == id.as_str())
        };
        let seats = self.seats.iter().filter(|(id, seat)| {
            seat.server == server
                && (with_away || seat.is_connected())
                && (rooms.is_empty() || is_in(id, seat, rooms))
                && !is_in(id, seat, except)
        });
        seats.map(|(id, _)| *id).collect()
    }

    /// A broadcast reaches the sockets of one server.
    pub fn broadcast(
        &mut self,
        server: usize,
        rooms: &[String],
        except: &[String],
        number: u64,
        promise: Promise,
    ) {
        for id in self.meant_with_away(server, rooms, except, promise == Promise::Kept) {
            self.expect(&id, number, promise);
        }
    }

    /// A client has got an event. It must be the next it is owed; `may_miss` says whether one that it was owed may have
    /// been dropped because it read too slowly.
    pub fn receive(&mut self, id: &Sid, connection: &Sid, number: u64, mut may_miss: impl FnMut() -> bool) {
        let Some(seat) = self.seats.get_mut(id) else {
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

    /// A listener begins with the event `index` of a stretch.
    pub fn hear(&mut self, socket: &Socket, stretch: u32, index: u32) {
        let heard = self.heard.entry((*socket.id(), stretch)).or_default();
        if heard.next != index {
            let next = heard.next;
            self.fault(format!("the server heard event {index} and not {next} of stretch {stretch}"));
        } else {
            heard.next += 1;
        }
        if self.seats.get(socket.id()).is_some_and(|seat| seat.is_listening && seat.socket == *socket) {
            self.fault("two listeners of one socket run at once");
        }
    }

    /// How many events of a stretch the server has heard.
    pub fn heard(&self, id: &Sid, stretch: u32) -> u32 {
        self.heard.get(&(*id, stretch)).map_or(0, |heard| heard.next)
    }

    /// A listener of the socket waits from now on, or has ended.
    pub fn listening(&mut self, socket: &Socket, is_listening: bool) {
        if let Some(seat) = self.seats.get_mut(socket.id()).filter(|seat| seat.socket == *socket) {
            seat.is_listening = is_listening;
        }
    }

    /// A room was joined, or not because of `error`.
    pub fn joined(&mut self, socket: &Socket, room: &str, worked: bool) {
        let Some(seat) = self.seats.get_mut(socket.id()) else { return };
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
        if let Some(seat) = self.seats.get_mut(socket.id()) {
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
