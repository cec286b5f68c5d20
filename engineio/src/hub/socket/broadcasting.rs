//! Sending to everyone but oneself.

use super::Socket;
use crate::hub::broadcast::{BroadcastOperator, Rooms};

impl Socket {
    /// A broadcast to everyone in the namespace but this socket.
    pub fn broadcast(&self) -> BroadcastOperator {
        BroadcastOperator::new(self.0.namespace.clone()).except(self.0.id)
    }

    /// A broadcast to a room or several, without this socket.
    pub fn to(&self, rooms: impl Rooms) -> BroadcastOperator {
        self.broadcast().to(rooms)
    }

    /// A broadcast to a room or several, without this socket, as [`to`](Self::to).
    pub fn within(&self, rooms: impl Rooms) -> BroadcastOperator {
        self.broadcast().to(rooms)
    }

    /// A broadcast to everyone but this socket and those in a room or several.
    pub fn except(&self, rooms: impl Rooms) -> BroadcastOperator {
        self.broadcast().except(rooms)
    }

    /// A broadcast to everyone else on this server, if it is one of several.
    pub fn local(&self) -> BroadcastOperator {
        self.broadcast().local()
    }
}
