//! What the servers may do next.

use std::time::Duration;

use engineio::{Binary, BroadcastOperator, Sent, Socket};

use crate::{
    model::{Audience, Promise, Question},
    place::{ROOMS, Space, place_of},
    program::move_one,
    steps::promise_of,
    world::World,
};

impl World {
    fn someone(&mut self) -> Option<Socket> {
        let state = self.model.lock();
        let there: Vec<_> = state.seats.values().filter(|seat| seat.is_connected()).collect();
        if there.is_empty() { None } else { Some(there[self.rng.below(there.len())].socket.clone()) }
    }

    pub fn emit(&mut self) {
        let Some(socket) = self.someone() else { return };
        for _ in 0..self.rng.pick(&[1, 1, 3, 12]) {
            let manner = self.rng.below(4);
            let number = {
                let mut state = self.model.lock();
                let promise = if manner == 1 { Promise::Volatile } else { state.usual() };
                let number = state.number();
                state.expect(&place_of(&socket), number, promise);
                number
            };
            let sent = match manner {
                0 => socket.emit("ev", &(number, Binary::from(&[1_u8, 2, 3][..]))),
                1 => socket.emit_volatile("vol", &number),
                2 => socket.droppable().emit("ev", &number),
                _ => {
                    let (letter, bytes) = (self.rng.pick(&["x", "é", "🦀"]), self.rng.pick(&[4, 60, 900]));
                    let count = bytes / letter.len();
                    socket.emit("ev", &(number, letter.repeat(count), count))
                }
            };
            self.count(sent);
            self.note(format!("event {number} to {socket:?}: {sent:?}"));
        }
    }

    fn count(&mut self, sent: Sent) {
        self.tally.events += 1;
        self.tally.overflows += u64::from(sent == Sent::Overflow);
        self.tally.dropped += u64::from(matches!(sent, Sent::Displaced | Sent::Dropped));
    }

    pub fn ask(&mut self) {
        let Some(socket) = self.someone() else { return };
        let timeout = Duration::from_secs(self.rng.pick(&[1, 30, 60]));
        let number = {
            let mut state = self.model.lock();
            let number = state.number();
            // Who owes many answers already is not asked.
            let is_sure = self.config.max_pending_acks > 3;
            let promise = if is_sure { Promise::Once } else { Promise::Volatile };
            state.expect(&place_of(&socket), number, promise);
            let deadline = self.runtime.elapsed() + timeout;
            let question = Question { socket: socket.clone(), deadline, offered: false, answered_at: None };
            state.questions.insert(number, question);
            number
        };
        self.note(format!("question {number} to {socket:?}"));
        let answer = socket.timeout(timeout).emit_with_ack("ask", &number);
        let (model, runtime) = (self.model.clone(), std::sync::Arc::clone(&self.runtime));
        self.tally.answers += 1;
        engineio::hub::Runtime::spawn(
            &*self.runtime,
            Box::pin(async move {
                let result = answer.await;
                model.lock().answered(number, result, runtime.elapsed());
            }),
        );
    }

    fn some_rooms(&mut self, most: usize) -> Vec<String> {
        (0..self.rng.below(most + 1)).map(|_| self.rng.pick(&ROOMS).to_owned()).collect()
    }

    /// A broadcast to rooms, or to all if none is named; a list of no rooms would mean nobody.
    fn to(&self, server: usize, space: Space, rooms: Vec<String>) -> BroadcastOperator {
        let everybody = self.namespace(server, space).except([] as [&str; 0]);
        if rooms.is_empty() { everybody } else { everybody.to(rooms) }
    }

    pub fn broadcast(&mut self) {
        let (rooms, except) = (self.some_rooms(2), self.some_rooms(1));
        let (server, space) = (self.rng.below(self.servers.len()), self.some_space());
        let (is_volatile, is_local) = (self.rng.one_in(5), self.rng.one_in(5));
        let event = if is_volatile { "vol" } else { "ev" };
        let number = {
            let mut state = self.model.lock();
            let (number, promise) = (state.number(), promise_of(event, state.usual()));
            let audience = Audience { server, space, rooms: &rooms, except: &except };
            state.broadcast(audience, number, promise);
            number
        };
        self.note(format!(
            "{event} {number} from server {server} to {rooms:?} without {except:?} in namespace {space}"
        ));
        let mut operator = self.to(server, space, rooms).except(except);
        if is_volatile {
            operator = operator.volatile();
        }
        if is_local {
            operator = operator.local();
        }
        let sent = operator.emit(event, &number);
        self.count(sent);
    }

    pub fn ask_all(&mut self) {
        let rooms = self.some_rooms(1);
        let (server, space) = (self.rng.below(self.servers.len()), self.some_space());
        let number = {
            let mut state = self.model.lock();
            let number = state.number();
            let audience = Audience { server, space, rooms: &rooms, except: &[] };
            state.broadcast(audience, number, Promise::Volatile);
            state.polls.insert(number);
            number
        };
        self.note(format!("question {number} from server {server} to {rooms:?} in namespace {space}"));
        let operator = self.to(server, space, rooms).timeout(Duration::from_secs(5));
        let replies = operator.emit_with_ack("all", &number);
        let model = self.model.clone();
        engineio::hub::Runtime::spawn(
            &*self.runtime,
            Box::pin(async move {
                let replies = replies.await;
                let mut state = model.lock();
                state.polls.remove(&number);
                match replies {
                    Ok(found) if found.replies.iter().any(|reply| reply.first::<u64>() != Ok(number)) => {
                        state.fault(format!("question {number} to all got another's answer"));
                    }
                    Ok(_) => {}
                    Err(error) => state.fault(format!("question {number} to all failed: {error}")),
                }
            }),
        );
    }

    pub fn move_by_server(&mut self) {
        let room = self.rng.pick(&ROOMS);
        let joins = self.rng.one_in(2);
        if self.rng.one_in(2) {
            let Some(socket) = self.someone() else { return };
            self.note(format!("{socket:?} and {room}, joins: {joins}"));
            return move_one(&self.model, &socket, room, joins);
        }
        let (server, space) = (self.rng.below(self.servers.len()), self.some_space());
        let rooms = self.some_rooms(2);
        self.note(format!(
            "everybody in {rooms:?} of server {server} and {room} in namespace {space}, joins: {joins}"
        ));
        self.move_all(Audience { server, space, rooms: &rooms, except: &[] }, room, joins);
        let operator = self.to(server, space, rooms);
        if joins {
            // Sockets that are in as many rooms as they may be stay out.
            let _ = operator.sockets_join(room);
        } else {
            operator.sockets_leave(room);
        }
    }

    pub fn dismiss(&mut self) {
        let Some(socket) = self.someone() else { return };
        self.note(format!("the server sends {socket:?} away"));
        let manner = self.rng.below(3);
        if manner > 0 {
            self.closed.insert(*socket.peer().sid());
        }
        match manner {
            0 => socket.disconnect(),
            1 => socket.close(),
            _ => socket.peer().close(),
        }
    }
}
