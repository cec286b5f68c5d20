//! The rooms a socket is in.

use super::{Phase, Socket};
use crate::hub::adapter::Room;

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
    /// Joins a room; joining twice is joining once.
    ///
    /// # Errors
    /// The socket has left its namespace, or a limit is reached.
    pub fn join(&self, room: impl Into<Room>) -> Result<(), JoinError> {
        let room = room.into();
        let config = self.0.peer.config();
        if room.len() > config.max_room_bytes {
            return Err(JoinError::NameTooLong(config.max_room_bytes));
        }
        // The lock is kept while the adapter is told, so that a disconnection in between cannot be missed.
        let mut state = self.0.state.lock();
        if state.phase == Phase::Gone {
            return Err(JoinError::Disconnected);
        }
        if self.owns(&room) {
            state.in_own_room = true;
            return Ok(());
        }
        if state.rooms.contains(&room) {
            return Ok(());
        }
        if state.rooms.len() >= config.max_rooms {
            return Err(JoinError::TooManyRooms(config.max_rooms));
        }
        // A client that has not been let in gets no broadcasts yet.
        if state.phase == Phase::Connected {
            self.0.namespace.adapter().join(self, &room);
        }
        state.rooms.push(room);
        Ok(())
    }

    /// Leaves a room; leaving one it is not in does nothing.
    pub fn leave(&self, room: &str) {
        let mut state = self.0.state.lock();
        if self.owns(room) {
            state.in_own_room = false;
        }
        if let Some(at) = state.rooms.iter().position(|known| **known == *room) {
            state.rooms.swap_remove(at);
            self.0.namespace.adapter().leave(&self.0.id, room);
        }
    }

    /// The rooms the socket is in, its own included.
    #[must_use]
    pub fn rooms(&self) -> Vec<Room> {
        let state = self.0.state.lock();
        let own = state.in_own_room.then(|| Room::from(self.client_id()));
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
