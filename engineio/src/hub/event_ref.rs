//! An event on its way to its listeners.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use bytes::Bytes;

use super::{failure::EventError, reason::DisconnectReason, socket::Socket};
use crate::socketio::{AckId, arguments};

/// An event as it goes to the listeners, borrowed from the packet.
#[derive(Clone, Copy)]
pub struct EventRef<'a> {
    pub(crate) socket: &'a Socket,
    pub(crate) name: &'a str,
    /// The event's JSON array, name included; empty for events of the library.
    pub(crate) data: &'a str,
    pub(crate) attachments: &'a [Bytes],
    pub(crate) ack: Option<AckId>,
    /// Shared by the listeners of an event that has several: whether one has answered.
    pub(crate) answered: Option<&'a Arc<AtomicBool>>,
    pub(crate) origin: Origin,
    pub(crate) about: &'a About,
}

/// Who raises an event: a client must not be able to raise those of the library, whatever name it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Client,
    Library,
}

/// What an event of the library tells beside its name.
#[derive(Clone, Debug)]
pub(crate) enum About {
    Nothing,
    /// Why the socket left.
    Departure(DisconnectReason),
    /// What went wrong.
    Failure(EventError),
    /// How long the socket may stay.
    TimeLeft(Duration),
}

impl About {
    pub(crate) const NOTHING: &'static Self = &Self::Nothing;
}

impl<'a> EventRef<'a> {
    /// An event of the library.
    pub(crate) fn of_library(socket: &'a Socket, name: &'a str, about: &'a About) -> Self {
        Self {
            socket,
            name,
            data: "",
            attachments: &[],
            ack: None,
            answered: None,
            origin: Origin::Library,
            about,
        }
    }

    /// The socket it concerns.
    #[must_use]
    pub fn socket(&self) -> &'a Socket {
        self.socket
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// The arguments behind its name: JSON values with commas between them.
    pub(crate) fn arguments(&self) -> &'a str {
        arguments(self.data, self.name)
    }

    /// Whether it tells of a failure.
    pub(crate) fn is_failure(&self) -> bool {
        matches!(self.about, About::Failure(_))
    }
}

/// An event that outlives the packet it came in.
pub(crate) struct OwnedEvent {
    pub(crate) socket: Socket,
    pub(crate) name: String,
    pub(crate) data: String,
    pub(crate) attachments: Vec<Bytes>,
    pub(crate) ack: Option<AckId>,
    pub(crate) answered: Option<Arc<AtomicBool>>,
    origin: Origin,
    about: About,
}

impl From<&EventRef<'_>> for OwnedEvent {
    fn from(event: &EventRef<'_>) -> Self {
        Self {
            socket: event.socket.clone(),
            name: event.name.to_owned(),
            data: event.data.to_owned(),
            attachments: event.attachments.to_vec(),
            ack: event.ack,
            answered: event.answered.cloned(),
            origin: event.origin,
            about: event.about.clone(),
        }
    }
}

impl OwnedEvent {
    pub(crate) fn borrowed(&self) -> EventRef<'_> {
        EventRef {
            socket: &self.socket,
            name: &self.name,
            data: &self.data,
            attachments: &self.attachments,
            ack: self.ack,
            answered: self.answered.as_ref(),
            origin: self.origin,
            about: &self.about,
        }
    }
}
