//! Listeners as plain functions: their parameters say what they want of an event.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    args::{ArgsError, read_all, read_first},
    outbox::Sent,
    payload::Payload,
    reason::DisconnectReason,
    runtime::BoxFuture,
    socket::Socket,
};
use crate::socketio::AckId;

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
    pub(crate) reason: Option<DisconnectReason>,
    pub(crate) origin: Origin,
}

/// Who raises an event: a client must not be able to raise those of the library, whatever name it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Client,
    Library,
}

/// Something a listener can ask for as a parameter.
pub trait FromEvent: Sized {
    /// Takes it out of an event.
    ///
    /// # Errors
    /// The event does not have it; the listener is then not called.
    fn from_event(event: &EventRef<'_>) -> Result<Self, ArgsError>;
}

impl FromEvent for Socket {
    fn from_event(event: &EventRef<'_>) -> Result<Self, ArgsError> {
        Ok(event.socket.clone())
    }
}

/// The first argument of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Data<T>(pub T);

impl<T: DeserializeOwned> FromEvent for Data<T> {
    fn from_event(event: &EventRef<'_>) -> Result<Self, ArgsError> {
        read_first(event.data, event.attachments).map(Data)
    }
}

/// All arguments of an event as one value, usually a tuple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Args<T>(pub T);

impl<T: DeserializeOwned> FromEvent for Args<T> {
    fn from_event(event: &EventRef<'_>) -> Result<Self, ArgsError> {
        read_all(event.data, event.attachments).map(Args)
    }
}

impl FromEvent for Payload {
    fn from_event(event: &EventRef<'_>) -> Result<Self, ArgsError> {
        Ok(Payload::from_event(event.data, event.attachments))
    }
}

/// The name of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventName(pub String);

impl FromEvent for EventName {
    fn from_event(event: &EventRef<'_>) -> Result<Self, ArgsError> {
        Ok(EventName(event.name.to_owned()))
    }
}

impl FromEvent for DisconnectReason {
    fn from_event(event: &EventRef<'_>) -> Result<Self, ArgsError> {
        let missing = || serde::ser::Error::custom("only `disconnect` and `disconnecting` have a reason");
        event.reason.ok_or_else(missing)
    }
}

/// The way to answer an event; it can be used once, and answers nobody if the client did not ask. If several listeners
/// of an event answer, the first answer counts.
#[derive(Debug)]
pub struct Ack {
    socket: Socket,
    id: Option<AckId>,
    answered: Option<Arc<AtomicBool>>,
}

impl Ack {
    /// Whether the client waits for an answer.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.id.is_some()
    }

    /// Answers; a tuple is several arguments, `()` none.
    pub fn send<T: Serialize + ?Sized>(self, args: &T) {
        if let Some(id) = self.claim() {
            self.socket.send_ack(id, args);
        }
    }

    /// Answers with arguments as they came from elsewhere.
    pub fn send_payload(self, payload: &Payload) {
        if let Some(id) = self.claim() {
            self.socket.send_ack_payload(id, payload);
        }
    }

    /// The id to answer, unless nobody asked or another listener has answered.
    fn claim(&self) -> Option<AckId> {
        let is_second = self.answered.as_ref().is_some_and(|answered| answered.swap(true, Ordering::AcqRel));
        self.id.filter(|_| !is_second)
    }
}

impl FromEvent for Ack {
    fn from_event(event: &EventRef<'_>) -> Result<Self, ArgsError> {
        Ok(Ack { socket: event.socket.clone(), id: event.ack, answered: event.answered.cloned() })
    }
}

/// What a listener can end with: nothing, or a result whose error is logged.
pub trait Outcome {
    /// Logs what went wrong, if anything did.
    fn report(self, event: &str);
}

impl Outcome for () {
    fn report(self, _event: &str) {}
}

/// So that a listener may end with an emit.
impl Outcome for Sent {
    fn report(self, _event: &str) {}
}

impl<E: std::fmt::Display> Outcome for Result<(), E> {
    fn report(self, event: &str) {
        if let Err(error) = self {
            tracing::error!(event, %error, "a listener failed");
        }
    }
}

/// A function that can listen to events: synchronous or `async`, with up to five [`FromEvent`] parameters.
///
/// `Marker` tells the implementations apart; it is always inferred.
pub trait Handler<Marker>: Send + Sync + 'static {
    /// Calls the function; a future is answered if it is `async`.
    ///
    /// # Errors
    /// The event does not have what the function asks for.
    fn call(&self, event: &EventRef<'_>) -> Result<Option<BoxFuture<'static, ()>>, ArgsError>;
}

/// Marks handlers that do not wait.
#[derive(Debug)]
pub struct Direct;
/// Marks `async` handlers.
#[derive(Debug)]
pub struct Awaited;

macro_rules! handlers {
    ($($param:ident),*) => {
        impl<Func, Out, $($param),*> Handler<(Direct, Out, $($param,)*)> for Func
        where
            Func: Fn($($param),*) -> Out + Send + Sync + 'static,
            Out: Outcome,
            $($param: FromEvent,)*
        {
            fn call(&self, event: &EventRef<'_>) -> Result<Option<BoxFuture<'static, ()>>, ArgsError> {
                self($($param::from_event(event)?),*).report(event.name);
                Ok(None)
            }
        }

        impl<Func, Fut, $($param),*> Handler<(Awaited, Fut, $($param,)*)> for Func
        where
            Func: Fn($($param),*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output: Outcome> + Send + 'static,
            $($param: FromEvent,)*
        {
            fn call(&self, event: &EventRef<'_>) -> Result<Option<BoxFuture<'static, ()>>, ArgsError> {
                let future = self($($param::from_event(event)?),*);
                let name = event.name.to_owned();
                Ok(Some(Box::pin(async move { future.await.report(&name) })))
            }
        }
    };
}

handlers!();
handlers!(A);
handlers!(A, B);
handlers!(A, B, C);
handlers!(A, B, C, D);
handlers!(A, B, C, D, E);

/// A handler without its type.
pub(crate) trait Listener: Send + Sync {
    fn call(&self, event: &EventRef<'_>) -> Result<Option<BoxFuture<'static, ()>>, ArgsError>;
}

struct Erased<H, Marker>(H, std::marker::PhantomData<fn() -> Marker>);

impl<Marker, H: Handler<Marker>> Listener for Erased<H, Marker> {
    fn call(&self, event: &EventRef<'_>) -> Result<Option<BoxFuture<'static, ()>>, ArgsError> {
        self.0.call(event)
    }
}

/// Listeners by event, in the order they were added. Few events per table, so a list beats a hash map.
///
/// The list is shared and replaced when it changes: calling listeners costs one counter, and a listener may add and
/// remove listeners while it runs.
#[derive(Clone, Default)]
pub(crate) struct Listeners(Option<Arc<Vec<Entry>>>);

#[derive(Clone)]
pub(crate) struct Entry {
    event: Box<str>,
    origin: Origin,
    listener: Arc<dyn Listener>,
}

impl Listeners {
    pub(crate) fn add<Marker: 'static>(
        &mut self,
        origin: Origin,
        event: &str,
        handler: impl Handler<Marker>,
    ) {
        let listener = Arc::new(Erased(handler, std::marker::PhantomData));
        let list = self.0.get_or_insert_default();
        Arc::make_mut(list).push(Entry { event: event.into(), origin, listener });
    }

    pub(crate) fn remove(&mut self, event: &str) {
        if let Some(list) = &mut self.0 {
            Arc::make_mut(list).retain(|entry| entry.origin != Origin::Client || *entry.event != *event);
        }
    }

    /// These listeners, and then those.
    pub(crate) fn followed_by(&self, those: &Self) -> Self {
        match (&self.0, &those.0) {
            (_, None) => self.clone(),
            (None, _) => those.clone(),
            (Some(these), Some(those)) => {
                Self(Some(Arc::new(these.iter().chain(those.iter()).cloned().collect())))
            }
        }
    }

    /// The listeners of an event.
    pub(crate) fn find<'a>(
        &'a self,
        origin: Origin,
        event: &'a str,
    ) -> impl Iterator<Item = &'a Arc<dyn Listener>> {
        let list = self.0.as_deref().map_or(&[][..], Vec::as_slice);
        list.iter()
            .filter(move |entry| entry.origin == origin && *entry.event == *event)
            .map(|entry| &entry.listener)
    }
}
