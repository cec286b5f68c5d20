//! Functions that see each event before its listeners, and may change or refuse it.

use std::{fmt, future::Future, sync::Arc};

use serde::{Serialize, de::DeserializeOwned};

use super::{
    args::ArgsError,
    event::Event,
    event_ref::{EventRef, OwnedEvent},
    failure::{EventError, EventErrorKind},
    guard::{Guarded, Panicked, guarded},
    handler::{Awaited, Direct},
    payload::Payload,
    runtime::BoxFuture,
    socket::Socket,
};

/// An event of a client that has not reached its listeners yet.
#[derive(Debug)]
pub struct Incoming {
    socket: Socket,
    event: Event,
    wants_ack: bool,
}

impl Incoming {
    fn of(event: &EventRef<'_>) -> Self {
        let args = Payload::from_event(event);
        let (socket, name) = (event.socket.clone(), event.name.to_owned());
        Self { socket, event: Event { name, args, offset: None }, wants_ack: event.ack.is_some() }
    }

    /// The socket that sent it.
    #[must_use]
    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.event.name
    }

    /// Gives it another name, and so other listeners.
    pub fn set_name(&mut self, name: impl Into<String>) {
        self.event.name = name.into();
    }

    /// Whether the client waits for an answer.
    #[must_use]
    pub fn wants_ack(&self) -> bool {
        self.wants_ack
    }

    /// Reads all arguments as one value, for example a tuple or a list of [`serde_json::Value`].
    ///
    /// # Errors
    /// They do not have the type's form.
    pub fn args<T: DeserializeOwned>(&self) -> Result<T, ArgsError> {
        self.event.args.read()
    }

    /// Replaces the arguments: a tuple is several, `()` none, anything else one.
    ///
    /// # Errors
    /// The value has no JSON form.
    pub fn set_args<T: Serialize + ?Sized>(&mut self, args: &T) -> Result<(), ArgsError> {
        self.event.args = Payload::new(args)?;
        Ok(())
    }

    /// The arguments as they came.
    #[must_use]
    pub fn payload(&self) -> &Payload {
        &self.event.args
    }

    /// Replaces the arguments by others that came from elsewhere.
    pub fn set_payload(&mut self, payload: Payload) {
        self.event.args = payload;
    }
}

/// A function that sees each event before its listeners: synchronous or `async`, from an [`Incoming`] to the event as it
/// should go on, or to an error.
///
/// `Marker` tells the implementations apart; it is always inferred.
pub trait EventMiddleware<Marker>: Send + Sync + 'static {
    /// Calls the function.
    fn call(&self, event: Incoming) -> BoxFuture<'static, Result<Incoming, String>>;
}

impl<F, E> EventMiddleware<(Direct, E)> for F
where
    F: Fn(Incoming) -> Result<Incoming, E> + Send + Sync + 'static,
    E: fmt::Display,
{
    fn call(&self, event: Incoming) -> BoxFuture<'static, Result<Incoming, String>> {
        let passed = self(event).map_err(|error| error.to_string());
        Box::pin(std::future::ready(passed))
    }
}

impl<F, Fut, E> EventMiddleware<(Awaited, Fut, E)> for F
where
    F: Fn(Incoming) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Incoming, E>> + Send + 'static,
    E: fmt::Display,
{
    fn call(&self, event: Incoming) -> BoxFuture<'static, Result<Incoming, String>> {
        let passed = self(event);
        Box::pin(async move { passed.await.map_err(|error| error.to_string()) })
    }
}

/// A middleware without its type.
pub(crate) type Interceptor =
    Arc<dyn Fn(Incoming) -> BoxFuture<'static, Result<Incoming, String>> + Send + Sync>;

pub(crate) fn erased<Marker: 'static>(middleware: impl EventMiddleware<Marker>) -> Interceptor {
    Arc::new(move |event| middleware.call(event))
}

/// Asks the middlewares one after the other; the event becomes what they make of it.
pub(super) async fn ask(interceptors: &[Interceptor], event: &mut OwnedEvent) -> Result<(), EventError> {
    if interceptors.is_empty() {
        return Ok(());
    }
    let mut asked = Incoming::of(&event.borrowed());
    for interceptor in interceptors {
        let name = asked.event.name.clone();
        let passed = match guarded(|| interceptor(asked)) {
            Ok(future) => Guarded(future).await,
            Err(panicked) => Err(panicked),
        };
        asked = match passed {
            Ok(Ok(event)) => event,
            Ok(Err(message)) => return Err(EventError::new(EventErrorKind::Refused, &name, message)),
            Err(Panicked) => return Err(EventError::panicked(&name)),
        };
    }
    event.data = asked.event.to_json();
    event.attachments = asked.event.args.attachments().to_vec();
    event.name = asked.event.name;
    Ok(())
}
