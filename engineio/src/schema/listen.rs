//! Adding listeners with types.

use std::{future::Future, marker::PhantomData};

use super::{Answer, Arguments};
use crate::hub::{
    Ack, ArgsError, EventError, EventErrorKind, EventRef, Handler, ListenerId, Namespace, Outcome,
    ParentNamespace, Server, Socket, Unfinished, ended, failed,
};

/// Something that takes listeners.
#[diagnostic::on_unimplemented(message = "`{Self}` takes no listeners")]
pub trait Listen {
    /// Calls `handler` for an event of this name.
    fn listen<Marker: 'static>(&self, event: &str, handler: impl Handler<Marker>) -> ListenerId;
}

impl<T: Listen> Listen for &T {
    fn listen<Marker: 'static>(&self, event: &str, handler: impl Handler<Marker>) -> ListenerId {
        T::listen(self, event, handler)
    }
}

macro_rules! listen {
    ($($target:ty),*) => {
        $(impl Listen for $target {
            fn listen<Marker: 'static>(&self, event: &str, handler: impl Handler<Marker>) -> ListenerId {
                self.on(event, handler)
            }
        })*
    };
}

listen!(Namespace, ParentNamespace, Server, Socket);

/// What an event is answered with that has no answer.
#[derive(Clone, Copy, Debug)]
pub struct NoAnswer;

/// What a listener of an event may return: the answer `R`, or a future of it. For an event without answer it is any
/// [`Outcome`], or a future of one.
///
/// `Marker` tells the implementations apart; it is always inferred.
#[diagnostic::on_unimplemented(
    message = "the event is answered with `{R}`, and its listener returns `{Self}`",
    note = "a listener returns the answer, or a future of it"
)]
pub trait Returns<R, Marker> {
    /// Answers the event, now or when the future is ready.
    ///
    /// # Errors
    /// The listener has failed.
    fn end(self, event: &str, ack: Ack) -> Result<Option<Unfinished>, EventError>;
}

/// Marks listeners that answer at once.
#[derive(Debug)]
pub struct AnswersNow;
/// Marks listeners that answer later.
#[derive(Debug)]
pub struct AnswersLater;
/// Marks listeners that end at once without an answer.
#[derive(Debug)]
pub struct EndsNow;
/// Marks listeners that end later without an answer.
#[derive(Debug)]
pub struct EndsLater;

impl<R: Answer> Returns<R, AnswersNow> for R {
    fn end(self, _: &str, ack: Ack) -> Result<Option<Unfinished>, EventError> {
        self.send(ack);
        Ok(None)
    }
}

impl<R: Answer, F: Future<Output = R> + Send + 'static> Returns<R, AnswersLater> for F {
    fn end(self, event: &str, ack: Ack) -> Result<Option<Unfinished>, EventError> {
        let answered = async move { self.await.send(ack) };
        Ok(Some(Box::pin(ended(answered, event.to_owned()))))
    }
}

impl<O: Outcome> Returns<NoAnswer, EndsNow> for O {
    fn end(self, event: &str, _: Ack) -> Result<Option<Unfinished>, EventError> {
        self.outcome().map(|()| None).map_err(|message| failed(event, message))
    }
}

impl<F: Future<Output: Outcome> + Send + 'static> Returns<NoAnswer, EndsLater> for F {
    fn end(self, event: &str, _: Ack) -> Result<Option<Unfinished>, EventError> {
        Ok(Some(Box::pin(ended(self, event.to_owned()))))
    }
}

/// A listener that is called with a socket and an event's arguments, and whose result is the answer.
#[derive(Debug)]
pub struct TypedListener<F, A, R, M> {
    listener: F,
    names: &'static [&'static str],
    types: PhantomData<Types<A, R, M>>,
}

/// What a listener does not hold and yet depends on.
type Types<A, R, M> = fn() -> (A, R, M);

impl<F, A, R, M> TypedListener<F, A, R, M> {
    /// A listener of an event whose arguments have these names.
    pub fn new<O>(names: &'static [&'static str], listener: F) -> Self
    where
        F: Fn(Socket, A) -> O,
        O: Returns<R, M>,
    {
        Self { listener, names, types: PhantomData }
    }
}

impl<F, A, O, R, M> Handler<(A, O, R, M)> for TypedListener<F, A, R, M>
where
    F: Fn(Socket, A) -> O + Send + Sync + 'static,
    A: Arguments + 'static,
    O: Returns<R, M>,
    R: 'static,
    M: 'static,
{
    fn call(&self, event: &EventRef<'_>) -> Result<Option<Unfinished>, EventError> {
        let args = A::read(event.data, event.attachments, self.names);
        let args = args.map_err(|error| of_arguments(event, &error))?;
        (self.listener)(event.socket().clone(), args).end(event.name(), Ack::of(event))
    }
}

#[cold]
fn of_arguments(event: &EventRef<'_>, error: &ArgsError) -> EventError {
    EventError::new(EventErrorKind::Arguments, event.name(), error.to_string())
}
