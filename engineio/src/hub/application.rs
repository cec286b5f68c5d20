//! What runs on top of a session, and what carries it.

use std::{
    io::{self, IoSlice},
    sync::Arc,
    time::Instant,
};

use super::{peer::Peer, queue::Form};
use crate::engine::{CloseReason, Data};

/// The application's half of one session.
pub trait Receiver: Send + Sync {
    /// The session has begun, and what is sent now reaches the client behind the open packet.
    fn opened(&self, _peer: &Arc<Peer>) {}

    /// A message came. Messages of one session come one after the other.
    fn message(&self, peer: &Arc<Peer>, data: Data<'_>);

    /// The session has ended; called once.
    fn closed(&self, reason: CloseReason);

    /// Whether something that the client sent is still being worked on.
    fn is_busy(&self) -> bool {
        false
    }

    /// The session is about to be closed because the server stops.
    fn stopping(&self) {}

    /// When [`Receiver::tick`] is due, if at all.
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// The deadline has passed.
    fn tick(&self, _peer: &Arc<Peer>, _now: Instant) {}
}

/// An application on top of sessions: a bare Engine.IO server, or Socket.IO.
pub trait Application: Send + Sync + 'static {
    /// A session was opened by this request; what is answered gets its messages.
    fn opened(&self, peer: &Arc<Peer>, request: &http::request::Parts) -> Box<dyn Receiver>;

    /// The server is about to close all its sessions.
    fn closing(&self) {}
}

/// The writing side of a session's stream, for whoever has something to send.
pub trait Link: Send + Sync {
    /// The form in which the stream carries packets.
    fn form(&self) -> Form {
        Form::Frames
    }

    /// Writes the slices in order, as far as the socket takes them without waiting; answers how many bytes it took,
    /// which is not none.
    ///
    /// # Errors
    /// The socket takes nothing now, or never again. What is left is for the connection's task to write.
    fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize>;
}
