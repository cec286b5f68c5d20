//! Events that servers send each other.

use std::{fmt, sync::Arc};

use parking_lot::{Mutex, RwLock};
use serde::{Serialize, de::DeserializeOwned};

use crate::hub::{args::ArgsError, encode::EmitError, event::Event, guard::guarded, payload::Payload};

/// Events that servers raise themselves, so that no other server may send them.
const RESERVED: [&str; 3] = ["connect", "connection", "new_namespace"];

/// An event to be sent to other servers.
pub(super) fn event<T: Serialize + ?Sized>(name: &str, args: &T) -> Result<Event, EmitError> {
    if RESERVED.contains(&name) {
        return Err(EmitError::Reserved(name.to_owned()));
    }
    Ok(Event::new(name, args)?)
}

type Reply = Box<dyn FnOnce(Payload) + Send>;

/// An event that another server sent to this one. Clones mean the same event, and can be taken into a task.
#[derive(Clone)]
pub struct ServerSideEvent {
    event: Arc<Event>,
    reply: Option<Arc<Mutex<Option<Reply>>>>,
}

impl fmt::Debug for ServerSideEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerSideEvent").field("event", &self.event).finish_non_exhaustive()
    }
}

impl ServerSideEvent {
    /// An event as an adapter received it, without anyone who waits for an answer.
    #[must_use]
    pub fn new(event: Event) -> Self {
        Self { event: Arc::new(event), reply: None }
    }

    /// An event whose sender waits for an answer; `reply` is called with the first one.
    pub fn with_reply(event: Event, reply: impl FnOnce(Payload) + Send + 'static) -> Self {
        Self { event: Arc::new(event), reply: Some(Arc::new(Mutex::new(Some(Box::new(reply))))) }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.event.name
    }

    /// The arguments as they came.
    #[must_use]
    pub fn payload(&self) -> &Payload {
        &self.event.args
    }

    /// Reads all arguments as one value, such as a tuple.
    ///
    /// # Errors
    /// The arguments do not have the type's form.
    pub fn args<T: DeserializeOwned>(&self) -> Result<T, ArgsError> {
        self.event.args.read()
    }

    /// Whether the sender waits for an answer.
    #[must_use]
    pub fn wants_reply(&self) -> bool {
        self.reply.is_some()
    }

    /// Answers: a tuple is several arguments, `()` none, anything else one. Only the first answer counts; if nobody
    /// asked, nothing happens.
    ///
    /// # Errors
    /// The answer has no JSON form.
    pub fn reply<T: Serialize + ?Sized>(&self, answer: &T) -> Result<(), ArgsError> {
        let answer = Payload::new(answer)?;
        let reply = self.reply.as_ref().and_then(|reply| reply.lock().take());
        if let Some(reply) = reply {
            reply(answer);
        }
        Ok(())
    }
}

pub(super) type Listener = Arc<dyn Fn(ServerSideEvent) + Send + Sync>;

/// The listeners of a namespace to events of other servers.
#[derive(Default)]
pub(super) struct ServerSideListeners(RwLock<Vec<(Box<str>, Listener)>>);

impl ServerSideListeners {
    pub(super) fn add(&self, event: &str, listener: Listener) {
        self.0.write().push((event.into(), listener));
    }

    /// Those of an event, in the order in which they were added.
    pub(super) fn call(&self, event: &ServerSideEvent) {
        let of_event = |(name, _): &&(Box<str>, Listener)| **name == *event.name();
        let listeners: Vec<_> =
            self.0.read().iter().filter(of_event).map(|(_, listener)| Arc::clone(listener)).collect();
        for listener in listeners {
            if guarded(|| listener(event.clone())).is_err() {
                tracing::error!(event = event.name(), "a listener to another server panicked");
            }
        }
    }
}
