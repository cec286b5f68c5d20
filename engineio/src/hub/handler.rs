//! Listeners as plain functions: their parameters say what they want of an event.

use std::{fmt, future::Future};

use super::{
    event_ref::EventRef,
    extract::FromEvent,
    failure::{EventError, EventErrorKind},
    guard::{Panicked, guarded},
    outbox::Sent,
    runtime::BoxFuture,
};

/// What a listener can end with: nothing, or a result whose error goes to the listeners of `error`.
pub trait Outcome {
    /// Tells what went wrong, if anything did.
    ///
    /// # Errors
    /// The listener has failed; the text says why.
    fn outcome(self) -> Result<(), String>;
}

impl Outcome for () {
    fn outcome(self) -> Result<(), String> {
        Ok(())
    }
}

/// So that a listener may end with an emit.
impl Outcome for Sent {
    fn outcome(self) -> Result<(), String> {
        Ok(())
    }
}

impl<T: Outcome, E: fmt::Display> Outcome for Result<T, E> {
    fn outcome(self) -> Result<(), String> {
        self.map_or_else(|error| Err(error.to_string()), Outcome::outcome)
    }
}

/// A listener that is not done yet.
pub type Unfinished = BoxFuture<'static, Result<(), EventError>>;

/// A function that can listen to events: synchronous or `async`, with up to six [`FromEvent`] parameters.
///
/// `Marker` tells the implementations apart; it is always inferred.
pub trait Handler<Marker>: Send + Sync + 'static {
    /// Calls the function; a future is answered if it is `async`.
    ///
    /// # Errors
    /// The event does not have what the function asks for, or the function has failed.
    fn call(&self, event: &EventRef<'_>) -> Result<Option<Unfinished>, EventError>;
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
            fn call(&self, event: &EventRef<'_>) -> Result<Option<Unfinished>, EventError> {
                let ended = self($($param::from_event(event)?),*).outcome();
                ended.map(|()| None).map_err(|message| failed(event.name, message))
            }
        }

        impl<Func, Fut, $($param),*> Handler<(Awaited, Fut, $($param,)*)> for Func
        where
            Func: Fn($($param),*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output: Outcome> + Send + 'static,
            $($param: FromEvent,)*
        {
            fn call(&self, event: &EventRef<'_>) -> Result<Option<Unfinished>, EventError> {
                let future = self($($param::from_event(event)?),*);
                Ok(Some(Box::pin(ended(future, event.name.to_owned()))))
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
handlers!(A, B, C, D, E, F);

#[cold]
pub(crate) fn failed(event: &str, message: String) -> EventError {
    EventError::new(EventErrorKind::Failed, event, message)
}

/// Waits for the end of an `async` listener, which may panic.
pub(crate) async fn ended<Fut: Future<Output: Outcome>>(
    future: Fut,
    event: String,
) -> Result<(), EventError> {
    let mut future = std::pin::pin!(future);
    let end = std::future::poll_fn(|cx| match guarded(|| future.as_mut().poll(cx)) {
        Ok(poll) => poll.map(Ok),
        Err(Panicked) => std::task::Poll::Ready(Err(Panicked)),
    });
    match end.await {
        Ok(outcome) => outcome.outcome().map_err(|message| failed(&event, message)),
        Err(Panicked) => Err(EventError::panicked(&event)),
    }
}

/// A handler without its type.
pub(crate) trait Listener: Send + Sync {
    fn call(&self, event: &EventRef<'_>) -> Result<Option<Unfinished>, EventError>;

    /// Whether it will never be called again.
    fn is_spent(&self) -> bool {
        false
    }
}

/// A handler with its type, to be forgotten.
pub(super) struct Erased<H, Marker>(pub(super) H, pub(super) std::marker::PhantomData<fn() -> Marker>);

impl<Marker, H: Handler<Marker>> Listener for Erased<H, Marker> {
    fn call(&self, event: &EventRef<'_>) -> Result<Option<Unfinished>, EventError> {
        self.0.call(event)
    }
}
