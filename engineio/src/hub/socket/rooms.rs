//! The rooms a socket is in.

use super::{Phase, Socket, State};
use crate::hub::{adapter::Room, broadcast::Rooms, namespace::RoomObservers, refusals::Refusal};

/// Why a socket cannot join a room.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// The socket has left its namespace.
    #[error("the socket is disconnected")]
    Disconnected,
    /// The socket is in [`Config::max_rooms`](crate::Config::max_rooms) rooms.
    #[error("a socket may be in {0} rooms")]
    TooManyRooms(usize),
    /// The name is longer than [`Config::max_room_bytes`](crate::Config::max_room_bytes).
    #[error("a room's name may have {0} bytes")]
    NameTooLong(usize),
}

impl Socket {
    /// Joins a room or several; joining twice is joining once.
    ///
    /// # Errors
    /// The socket has left its namespace, or a limit is reached; rooms before the one that failed have been joined.
    pub fn join(&self, rooms: impl Rooms) -> Result<(), JoinError> {
        rooms.into_rooms().try_for_each(|room| self.join_room(room))
    }

    fn join_room(&self, room: Room) -> Result<(), JoinError> {
        let config = self.0.peer.config();
        if room.len() > config.max_room_bytes {
            self.0.peer.count(Refusal::Rooms);
            return Err(JoinError::NameTooLong(config.max_room_bytes));
        }
        let book = self.0.namespace.history().map(|history| history.open());
        // The lock is kept while the adapter is told, so that a disconnection in between cannot be missed.
        let mut state = self.0.state.lock();
        // A client that has not been let in gets no broadcasts yet.
        let is_connected = match state.phase {
            Phase::Connecting => false,
            Phase::Connected => true,
            Phase::Gone => return Err(JoinError::Disconnected),
        };
        if self.owns(&room) {
            let was_in = std::mem::replace(&mut state.in_own_room, true);
            state.note_own_room(book.as_ref());
            drop((state, book));
            if is_connected && !was_in {
                self.observers().joined(&self.own_room(), &self.0.id, true);
            }
            return Ok(());
        }
        if state.rooms.contains(&room) {
            return Ok(());
        }
        if state.rooms.len() >= config.max_rooms {
            self.0.peer.count(Refusal::Rooms);
            return Err(JoinError::TooManyRooms(config.max_rooms));
        }
        state.rooms.push(Room::clone(&room));
        if is_connected {
            let is_new = self.0.namespace.adapter().join(self, &room);
            state.note_joined(book.as_ref(), &room);
            drop((state, book));
            self.observers().joined(&room, &self.0.id, is_new);
        }
        Ok(())
    }

    /// Leaves a room; leaving one it is not in does nothing.
    pub fn leave(&self, room: &str) {
        let book = self.0.namespace.history().map(|history| history.open());
        let mut state = self.0.state.lock();
        let is_connected = state.phase == Phase::Connected;
        if self.owns(room) {
            let was_in = std::mem::replace(&mut state.in_own_room, false);
            state.note_own_room(book.as_ref());
            drop((state, book));
            if is_connected && was_in && !self.observers().is_empty() {
                self.observers().left(&self.own_room(), &self.0.id, true);
            }
            return;
        }
        let Some(at) = state.rooms.iter().position(|known| **known == *room) else { return };
        let room = state.rooms.swap_remove(at);
        state.note_left(book.as_ref(), &room);
        // Otherwise the tables do not name this socket, but perhaps one that came back with its id.
        if is_connected {
            let is_gone = self.0.namespace.adapter().leave(&self.0.id, &room);
            drop((state, book));
            self.observers().left(&room, &self.0.id, is_gone);
        }
    }

    /// Leaves all rooms, that of its own id included.
    pub fn leave_all(&self) {
        for room in self.rooms() {
            self.leave(&room);
        }
    }

    /// Puts a socket that is let in now into the namespace's table, with the rooms that middlewares had it join. What is
    /// answered is to be told to observers once no lock is held.
    pub(super) fn enter_rooms(&self, state: &State) -> Vec<(Room, bool)> {
        let adapter = self.0.namespace.adapter();
        adapter.insert(self);
        if self.observers().is_empty() {
            for room in &state.rooms {
                adapter.join(self, room);
            }
            return Vec::new();
        }
        let own = state.in_own_room.then(|| (self.own_room(), true));
        let joined = state.rooms.iter().map(|room| (Room::clone(room), adapter.join(self, room)));
        own.into_iter().chain(joined).collect()
    }

    /// Tells observers of what [`enter_rooms`](Self::enter_rooms) has done.
    pub(super) fn tell_of_joined(&self, joined: &[(Room, bool)]) {
        for (room, is_new) in joined {
            self.observers().joined(room, &self.0.id, *is_new);
        }
    }

    /// Takes a socket that has left out of the namespace's table. What is answered is to be told to observers once no
    /// lock is held.
    pub(super) fn leave_rooms(&self, rooms: &[Room], in_own_room: bool) -> Vec<(Room, bool)> {
        let adapter = self.0.namespace.adapter();
        if self.observers().is_empty() {
            adapter.remove(&self.0.id, rooms);
            return Vec::new();
        }
        adapter.remove(&self.0.id, &[]);
        let own = in_own_room.then(|| (self.own_room(), true));
        let left = rooms.iter().map(|room| (Room::clone(room), adapter.leave(&self.0.id, room)));
        left.chain(own).collect()
    }

    /// Tells observers of what [`leave_rooms`](Self::leave_rooms) has done.
    pub(super) fn tell_of_left(&self, left: &[(Room, bool)]) {
        for (room, is_gone) in left {
            self.observers().left(room, &self.0.id, *is_gone);
        }
    }

    fn own_room(&self) -> Room {
        Room::from(self.client_id())
    }

    fn observers(&self) -> &RoomObservers {
        self.0.namespace.observers()
    }

    /// The rooms the socket is in, its own included.
    #[must_use]
    pub fn rooms(&self) -> Vec<Room> {
        let state = self.0.state.lock();
        let own = state.in_own_room.then(|| self.own_room());
        own.into_iter().chain(state.rooms.iter().cloned()).collect()
    }

    /// Whether this is the name of the socket's own room.
    pub(crate) fn owns(&self, room: &str) -> bool {
        *room == *self.0.id.as_str() || room.contains('#') && *room == *self.client_id()
    }

    /// Whether the socket has not left the room of its own id.
    pub(crate) fn is_in_own_room(&self) -> bool {
        self.0.state.lock().in_own_room
    }

    /// Forgets the rooms, as the listeners of `disconnecting` have seen them.
    pub(crate) fn forget_rooms(&self) {
        let mut state = self.0.state.lock();
        state.rooms = Vec::new();
        state.in_own_room = false;
    }
}
