//! Telling observers how rooms come, change and go.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use parking_lot::RwLock;

use crate::{
    hub::{adapter::Room, guard::guarded},
    sid::Sid,
};

/// A change of the rooms of one namespace on this server. The room of a socket's own id is told of as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoomEvent<'a> {
    /// A room has its first member: "create-room".
    Created(&'a Room),
    /// A socket has joined a room that it was not in: "join-room".
    Joined(&'a Room, &'a Sid),
    /// A socket has left a room that it was in: "leave-room".
    Left(&'a Room, &'a Sid),
    /// A room's last member has left: "delete-room".
    Deleted(&'a Room),
}

impl fmt::Display for RoomEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Created(room) => write!(f, "create-room {room}"),
            Self::Joined(room, id) => write!(f, "join-room {room} {id}"),
            Self::Left(room, id) => write!(f, "leave-room {room} {id}"),
            Self::Deleted(room) => write!(f, "delete-room {room}"),
        }
    }
}

type Observer = Arc<dyn Fn(RoomEvent<'_>) + Send + Sync>;

/// The observers of one namespace; as long as there are none, asking for them is one look at a flag.
#[derive(Default)]
pub(crate) struct RoomObservers(OnceLock<RwLock<Vec<Observer>>>);

impl RoomObservers {
    pub(super) fn add(&self, observer: Observer) {
        self.0.get_or_init(RwLock::default).write().push(observer);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.get().is_none()
    }

    fn tell(&self, event: RoomEvent<'_>) {
        let Some(observers) = self.0.get() else { return };
        let observers = observers.read().clone();
        for observer in observers {
            if guarded(|| observer(event)).is_err() {
                tracing::error!("an observer of rooms panicked");
            }
        }
    }

    pub(crate) fn joined(&self, room: &Room, id: &Sid, is_new: bool) {
        if is_new {
            self.tell(RoomEvent::Created(room));
        }
        self.tell(RoomEvent::Joined(room, id));
    }

    pub(crate) fn left(&self, room: &Room, id: &Sid, is_gone: bool) {
        self.tell(RoomEvent::Left(room, id));
        if is_gone {
            self.tell(RoomEvent::Deleted(room));
        }
    }
}
