//! Where in a connection something is: the namespaces of a run, and how packets name them.

use engineio::{Sid, Socket};

/// The namespaces of a run.
pub const NAMESPACES: [&str; 2] = ["/", "/side"];

/// The rooms of each namespace.
pub const ROOMS: [&str; 4] = ["r0", "r1", "r2", "r3"];

/// A namespace, as its place among [`NAMESPACES`].
pub type Space = usize;

/// A socket, over all connections of its session. Clients of Socket.IO 2 have one id in all namespaces, so that the id
/// alone would not tell.
pub type Place = (Space, Sid);

pub fn place_of(socket: &Socket) -> Place {
    let name = socket.namespace().name();
    let space = NAMESPACES.iter().position(|known| *known == name).expect("a namespace of the run");
    (space, *socket.id())
}

/// How a packet in text begins behind its type: that of `/` is not named.
pub fn route(space: Space) -> &'static str {
    ["", "/side,"][space]
}

/// Takes the namespace from the front of a packet behind its type; `None` if there is no such namespace.
pub fn split_route(text: &str) -> Option<(Space, &str)> {
    if !text.starts_with('/') {
        return Some((0, text));
    }
    let (name, rest) = text.split_once(',')?;
    // The one of them that is always named otherwise would not be understood by a client.
    (name == NAMESPACES[1]).then_some((1, rest))
}
