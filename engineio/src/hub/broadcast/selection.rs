//! Whom a broadcast is for and how it is sent, as one says it step by step.

use std::{borrow::Cow, iter::once, time::Duration};

use crate::{
    hub::adapter::{Room, Target},
    sid::Sid,
};

/// One room or several: a name, a socket's id, or an array, slice or vector of them.
pub trait Rooms {
    /// The rooms' names.
    fn into_rooms(self) -> impl Iterator<Item = Room>;
}

macro_rules! one_room {
    ($($name:ty),*) => {
        $(impl Rooms for $name {
            fn into_rooms(self) -> impl Iterator<Item = Room> {
                once(self.into())
            }
        })*
    };
}

one_room!(&str, String, Box<str>, Cow<'_, str>, Room);

impl Rooms for &String {
    fn into_rooms(self) -> impl Iterator<Item = Room> {
        self.as_str().into_rooms()
    }
}

impl Rooms for &Room {
    fn into_rooms(self) -> impl Iterator<Item = Room> {
        once(Room::clone(self))
    }
}

impl Rooms for Sid {
    fn into_rooms(self) -> impl Iterator<Item = Room> {
        once(self.as_str().into())
    }
}

impl Rooms for &Sid {
    fn into_rooms(self) -> impl Iterator<Item = Room> {
        once(self.as_str().into())
    }
}

impl<T: Rooms, const N: usize> Rooms for [T; N] {
    fn into_rooms(self) -> impl Iterator<Item = Room> {
        self.into_iter().flat_map(T::into_rooms)
    }
}

impl<T: Rooms> Rooms for Vec<T> {
    fn into_rooms(self) -> impl Iterator<Item = Room> {
        self.into_iter().flat_map(T::into_rooms)
    }
}

impl<'a, T> Rooms for &'a [T]
where
    &'a T: Rooms,
{
    fn into_rooms(self) -> impl Iterator<Item = Room> {
        self.iter().flat_map(<&T>::into_rooms)
    }
}

impl Rooms for &&str {
    fn into_rooms(self) -> impl Iterator<Item = Room> {
        (*self).into_rooms()
    }
}

/// What an operator has been told so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    pub(crate) target: Target,
    /// Whether rooms have been asked for, even if there were none.
    has_rooms: bool,
    pub(crate) volatile: bool,
    pub(crate) uncompressed: bool,
    pub(crate) droppable: bool,
    pub(crate) timeout: Option<Duration>,
}

impl Selection {
    pub(crate) fn add(&mut self, rooms: impl Rooms) {
        self.has_rooms = true;
        extend(&mut self.target.rooms, rooms);
    }

    pub(crate) fn except(&mut self, rooms: impl Rooms) {
        extend(&mut self.target.except, rooms);
    }

    /// Whether rooms have been asked for, and there were none. A list of rooms that happens to be empty must not turn
    /// into a broadcast to everyone.
    pub(crate) fn is_nobody(&self) -> bool {
        self.has_rooms && self.target.rooms.is_empty()
    }
}

fn extend(known: &mut Vec<Room>, rooms: impl Rooms) {
    for room in rooms.into_rooms() {
        if !known.contains(&room) {
            known.push(room);
        }
    }
}

/// The methods by which an operator with a field `selection` is told whom to reach and how.
macro_rules! selecting {
    ($operator:ty) => {
        impl $operator {
            /// Adds a room or several. Without any, the whole namespace is meant; a list of rooms that turns out to be
            /// empty means nobody.
            pub fn to(mut self, rooms: impl $crate::hub::Rooms) -> Self {
                self.selection.add(rooms);
                self
            }

            /// Adds a room or several, as [`to`](Self::to) does: the word for "in" of the reference, which is
            /// reserved in Rust.
            pub fn within(self, rooms: impl $crate::hub::Rooms) -> Self {
                self.to(rooms)
            }

            /// Takes the sockets of a room or several out; a socket's id is a room as well.
            pub fn except(mut self, rooms: impl $crate::hub::Rooms) -> Self {
                self.selection.except(rooms);
                self
            }

            /// Skips sockets whose connection is busy.
            pub fn volatile(mut self) -> Self {
                self.selection.volatile = true;
                self
            }

            /// Says whether transports that compress should compress what is sent, which is the default. It is not
            /// worth the effort for what is compressed already, such as pictures.
            pub fn compress(mut self, compress: bool) -> Self {
                self.selection.uncompressed = !compress;
                self
            }

            /// Lets the event be the first to go for sockets that read too slowly; see
            /// [`Overflow`](crate::Overflow). Events that are to be answered are never dropped.
            pub fn droppable(mut self) -> Self {
                self.selection.droppable = true;
                self
            }

            /// Means only the sockets of this server, if it is one of several.
            pub fn local(mut self) -> Self {
                self.selection.target.local = true;
                self
            }
        }
    };
}

pub(crate) use selecting;

#[cfg(test)]
mod tests {
    use super::*;

    fn names(rooms: impl Rooms) -> Vec<String> {
        rooms.into_rooms().map(|room| room.to_string()).collect()
    }

    #[test]
    fn rooms_are_named_one_by_one_or_in_lists() {
        let id = Sid::from_bytes([0; 15]);
        assert_eq!(names("a"), ["a"]);
        assert_eq!(names(String::from("a")), ["a"]);
        assert_eq!(names(id), [id.as_str()]);
        assert_eq!(names(["a", "b"]), ["a", "b"]);
        assert_eq!(names(vec![Room::from("a")]), ["a"]);
        assert_eq!(names(&["a".to_owned(), "b".to_owned()][..]), ["a", "b"]);
        assert_eq!(names(&["a", "b"][..]), ["a", "b"]);
    }

    #[test]
    fn a_list_without_rooms_is_nobody_and_not_everybody() {
        let mut selection = Selection::default();
        assert!(!selection.is_nobody());
        selection.add([] as [&str; 0]);
        assert!(selection.is_nobody());
        selection.add(["a", "a"]);
        assert!(!selection.is_nobody());
        assert_eq!(selection.target.rooms.len(), 1);
    }
}
