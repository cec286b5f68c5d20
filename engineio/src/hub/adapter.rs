//! Who is in which room.

use std::sync::Arc;

use super::{encoded::Encoded, socket::Socket};
use crate::sid::Sid;

/// A room's name.
pub type Room = Arc<str>;

/// Whom a broadcast is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Any of these rooms; all sockets of the namespace if there is none.
    pub rooms: Vec<Room>,
    /// But none of these rooms.
    pub except: Vec<Room>,
}

/// The sockets and rooms of one namespace.
///
/// Every socket is in the room of its own id from the beginning; leaving it is possible like any other.
pub trait Adapter: Send + Sync + 'static {
    /// Adds a socket to the namespace.
    fn insert(&self, socket: &Socket);

    /// Takes a socket out of the namespace and of `rooms`.
    fn remove(&self, id: &Sid, rooms: &[Room]);

    /// Adds a socket of the namespace to a room.
    fn join(&self, socket: &Socket, room: &Room);

    /// Takes a socket out of a room.
    fn leave(&self, id: &Sid, room: &str);

    /// The socket with this id.
    fn socket(&self, id: &Sid) -> Option<Socket>;

    /// Calls `visit` once for each socket that is meant. `visit` must not change rooms.
    fn for_each(&self, target: &Target, visit: &mut dyn FnMut(&Socket));

    /// Sends a packet to each socket that is meant; the packet is encoded already.
    fn broadcast(&self, target: &Target, packet: &Encoded, volatile: bool) {
        self.for_each(target, &mut |socket| {
            socket.peer().send(packet.clone(), volatile);
        });
    }

    /// The names of the rooms that have members, rooms of single sockets left out.
    fn rooms(&self) -> Vec<Room>;

    /// How many sockets the namespace has.
    fn len(&self) -> usize;

    /// Whether the namespace has no sockets.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
