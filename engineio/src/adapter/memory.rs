//! The rooms of one process.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use dashmap::DashMap;
use parking_lot::RwLock;

use crate::{
    hub::{Adapter, Encoded, Peer, Room, Socket, Target},
    sid::Sid,
};

/// A socket, and what is needed of it to send to it: so a broadcast does not touch the socket itself.
struct Member {
    socket: Socket,
    peer: Arc<Peer>,
}

/// Sockets in a dense list, which a broadcast walks, with an index for removal.
#[derive(Default)]
struct Members {
    list: Vec<Member>,
    index: HashMap<Sid, usize>,
}

impl Members {
    fn insert(&mut self, socket: &Socket) {
        let list = &mut self.list;
        self.index.entry(*socket.id()).or_insert_with(|| {
            list.push(Member { socket: socket.clone(), peer: Arc::clone(socket.peer()) });
            list.len() - 1
        });
    }

    fn remove(&mut self, id: &Sid) {
        let Some(at) = self.index.remove(id) else { return };
        self.list.swap_remove(at);
        if let Some(moved) = self.list.get(at) {
            self.index.insert(*moved.socket.id(), at);
        }
        if self.list.len() * 4 < self.list.capacity() {
            self.list.shrink_to(self.list.len() * 2);
            self.index.shrink_to(self.index.len() * 2);
        }
    }

    fn get(&self, id: &Sid) -> Option<&Socket> {
        self.index.get(id).and_then(|&at| self.list.get(at)).map(|member| &member.socket)
    }

    fn send(&self, packet: &Encoded, volatile: bool) {
        for member in &self.list {
            member.peer.send(packet.clone(), volatile);
        }
    }

    fn for_each(&self, visit: &mut dyn FnMut(&Socket)) {
        self.list.iter().for_each(|member| visit(&member.socket));
    }
}

/// Keeps rooms in the memory of this process.
///
/// The room of a socket's own id is not stored: it is found through the socket.
#[derive(Default)]
pub struct MemoryAdapter {
    all: RwLock<Members>,
    rooms: DashMap<Room, Members>,
}

impl std::fmt::Debug for MemoryAdapter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MemoryAdapter({} sockets, {} rooms)", self.len(), self.rooms.len())
    }
}

impl MemoryAdapter {
    /// Calls `visit` for each member of a room, the socket whose own room it is included.
    fn for_each_in(&self, room: &str, visit: &mut dyn FnMut(&Socket)) {
        if let Some(owner) = self.owner(room).filter(Socket::is_in_own_room) {
            visit(&owner);
        }
        if let Some(members) = self.rooms.get(room) {
            members.for_each(visit);
        }
    }

    /// The socket whose own room it is; such a room exists whoever else is in it.
    fn owner(&self, room: &str) -> Option<Socket> {
        self.socket(&owner(room)?).filter(|owner| owner.owns(room))
    }

    fn ids_in(&self, rooms: &[Room]) -> HashSet<Sid> {
        let mut ids = HashSet::new();
        for room in rooms {
            self.for_each_in(room, &mut |socket| {
                ids.insert(*socket.id());
            });
        }
        ids
    }
}

/// Whose own room it may be: a room's name is then an id, or an id behind a namespace's name and `#`.
fn owner(room: &str) -> Option<Sid> {
    Sid::parse(room.rsplit_once('#').map_or(room, |(_, id)| id))
}

impl Adapter for MemoryAdapter {
    fn insert(&self, socket: &Socket) {
        self.all.write().insert(socket);
    }

    fn remove(&self, id: &Sid, rooms: &[Room]) {
        self.all.write().remove(id);
        for room in rooms {
            self.leave(id, room);
        }
    }

    fn join(&self, socket: &Socket, room: &Room) -> bool {
        if let Some(mut members) = self.rooms.get_mut(room) {
            members.insert(socket);
            return false;
        }
        let mut members = self.rooms.entry(room.clone()).or_default();
        members.insert(socket);
        let is_first = members.list.len() == 1;
        drop(members);
        is_first && self.owner(room).is_none()
    }

    fn leave(&self, id: &Sid, room: &str) -> bool {
        let Some(mut members) = self.rooms.get_mut(room) else { return false };
        members.remove(id);
        let is_empty = members.list.is_empty();
        drop(members);
        let is_gone = is_empty && self.rooms.remove_if(room, |_, members| members.list.is_empty()).is_some();
        is_gone && self.owner(room).is_none()
    }

    fn socket(&self, id: &Sid) -> Option<Socket> {
        self.all.read().get(id).cloned()
    }

    fn for_each(&self, target: &Target, visit: &mut dyn FnMut(&Socket)) {
        let except = self.ids_in(&target.except);
        let mut visit = |socket: &Socket| {
            if except.is_empty() || !except.contains(socket.id()) {
                visit(socket);
            }
        };
        match &target.rooms[..] {
            [] => self.all.read().for_each(&mut visit),
            [room] => self.for_each_in(room, &mut visit),
            rooms => {
                let mut seen = HashSet::new();
                for room in rooms {
                    self.for_each_in(room, &mut |socket| {
                        if seen.insert(*socket.id()) {
                            visit(socket);
                        }
                    });
                }
            }
        }
    }

    fn broadcast(&self, target: &Target, packet: &Encoded, volatile: bool) {
        match (&target.rooms[..], &target.except[..]) {
            // A room of many members; that of a socket's own id has one.
            ([room], []) if owner(room).is_none() => {
                if let Some(members) = self.rooms.get(room) {
                    members.send(packet, volatile);
                }
            }
            ([], []) => self.all.read().send(packet, volatile),
            _ => self.for_each(target, &mut |socket| {
                socket.peer().send(packet.clone(), volatile);
            }),
        }
    }

    fn rooms(&self) -> Vec<Room> {
        self.rooms.iter().map(|entry| entry.key().clone()).collect()
    }

    fn len(&self) -> usize {
        self.all.read().list.len()
    }
}
