//! Events to one client that are to be sent in a manner of their own.

use std::time::Duration;

use serde::Serialize;

use super::Socket;
use crate::hub::{ack_future::AckFuture, encode::Typed, outbox::Sent, payload::Payload};

/// What one event asks of the connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    pub(super) volatile: bool,
    pub(super) compress: bool,
    pub(super) droppable: bool,
}

impl Default for Manner {
    fn default() -> Self {
        Self { volatile: false, compress: true, droppable: false }
    }
}

/// An event to one client, and how it is to be sent. Each method answers a new value, so that one can be kept and
/// used again.
///
/// # Examples
/// ```
/// # use std::time::Duration;
/// # use engineio::{AckError, Binary, Socket};
/// # async fn example(socket: Socket, picture: Binary) -> Result<(), AckError> {
/// socket.volatile().emit("position", &(48.2, 16.4)); // dropped if the connection is busy
/// socket.compress(false).emit("picture", &picture); // compressed already
/// let answer = socket.timeout(Duration::from_secs(5)).emit_with_ack("ready?", &()).await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is sent before `emit`"]
pub struct Emission<'a> {
    socket: &'a Socket,
    manner: Manner,
    timeout: Option<Duration>,
}

impl Socket {
    fn emission(&self) -> Emission<'_> {
        Emission { socket: self, manner: Manner::default(), timeout: None }
    }

    /// An event that is dropped unless it can be written at once.
    pub fn volatile(&self) -> Emission<'_> {
        self.emission().volatile()
    }

    /// An event that waits its turn as any other, but is the first to go when the client reads too slowly; see
    /// [`Overflow`](crate::Overflow).
    pub fn droppable(&self) -> Emission<'_> {
        self.emission().droppable()
    }

    /// An event that a transport that compresses should, or should not, compress. The default is that it should.
    pub fn compress(&self, compress: bool) -> Emission<'_> {
        self.emission().compress(compress)
    }

    /// An event whose answer is awaited for a while of the caller's choice.
    pub fn timeout(&self, timeout: Duration) -> Emission<'_> {
        self.emission().timeout(timeout)
    }
}

impl Emission<'_> {
    /// Drops the event unless it can be written at once.
    pub fn volatile(mut self) -> Self {
        self.manner.volatile = true;
        self
    }

    /// Lets the event be the first to go when the client reads too slowly, which costs the client neither its connection
    /// nor, with [`Overflow::DropVolatile`](crate::Overflow::DropVolatile), other events.
    pub fn droppable(mut self) -> Self {
        self.manner.droppable = true;
        self
    }

    /// Says whether a transport that compresses should compress the event.
    pub fn compress(mut self, compress: bool) -> Self {
        self.manner.compress = compress;
        self
    }

    /// Waits for the answer no longer than this, in place of [`Config::ack_timeout`](crate::Config::ack_timeout).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sends the event; see [`Socket::emit`].
    pub fn emit<T: Serialize + ?Sized>(self, event: &str, args: &T) -> Sent {
        self.socket.emit_args(event, &Typed(args), self.manner)
    }

    /// Sends the event `message`.
    pub fn send<T: Serialize + ?Sized>(self, args: &T) -> Sent {
        self.emit("message", args)
    }

    /// Sends an event whose arguments came from elsewhere.
    pub fn emit_payload(self, event: &str, payload: &Payload) -> Sent {
        self.socket.emit_args(event, payload, self.manner)
    }

    /// Sends the event and waits for the client's answer, until the time is over or the client leaves.
    pub fn emit_with_ack<T: Serialize + ?Sized>(self, event: &str, args: &T) -> AckFuture {
        let timeout = self.timeout.unwrap_or(self.socket.peer().config().ack_timeout);
        self.socket.ask(event, &Typed(args), timeout, self.manner)
    }
}
