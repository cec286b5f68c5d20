//! Sending with types.

use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::{Pin, pin},
    task::{Context, Poll},
};

use serde::Serialize;

use super::Answer;
use crate::{
    hub::{
        AckFuture, AckReplies, BroadcastOperator, Emission, Namespace, ParentBroadcast, ParentNamespace,
        RemoteSocket, Sent, Server, Socket,
    },
    socketio::AckError,
};

/// A value that can be sent as a `T`: a `T`, a reference to one, a text for a `String`, a slice for a vector.
#[diagnostic::on_unimplemented(message = "the event wants a `{T}`, and `{Self}` cannot be sent as one")]
pub trait SentAs<T>: Serialize {}

impl<T: Serialize> SentAs<T> for T {}
impl<T: Serialize> SentAs<T> for &T {}
impl SentAs<String> for &str {}
impl SentAs<Option<String>> for Option<&str> {}
impl<T: Serialize> SentAs<Vec<T>> for &[T] {}

/// Something that can emit.
#[diagnostic::on_unimplemented(message = "`{Self}` cannot emit")]
pub trait Emit {
    /// Sends an event; a tuple is several arguments.
    fn emit_event<A: Serialize>(&self, event: &str, args: &A) -> Sent;
}

/// Something that can emit and be answered.
#[diagnostic::on_unimplemented(message = "`{Self}` cannot be asked, only be sent to")]
pub trait Ask: Emit {
    /// The answer to come: [`Answered`] by one, or [`AnsweredByMany`].
    type Answer<R: Answer>;

    /// Sends an event that is to be answered.
    fn ask<A: Serialize, R: Answer>(&self, event: &str, args: &A) -> Self::Answer<R>;
}

impl<T: Emit> Emit for &T {
    fn emit_event<A: Serialize>(&self, event: &str, args: &A) -> Sent {
        T::emit_event(self, event, args)
    }
}

impl<T: Ask> Ask for &T {
    type Answer<R: Answer> = T::Answer<R>;

    fn ask<A: Serialize, R: Answer>(&self, event: &str, args: &A) -> Self::Answer<R> {
        T::ask(self, event, args)
    }
}

macro_rules! emit {
    ($($target:ty),*) => {
        $(impl Emit for $target {
            fn emit_event<A: Serialize>(&self, event: &str, args: &A) -> Sent {
                self.emit(event, args)
            }
        })*
    };
}

macro_rules! ask {
    ($answer:ident: $($target:ty),*) => {
        $(impl Ask for $target {
            type Answer<R: Answer> = $answer<R>;

            fn ask<A: Serialize, R: Answer>(&self, event: &str, args: &A) -> $answer<R> {
                $answer { answer: self.emit_with_ack(event, args), form: PhantomData }
            }
        })*
    };
}

emit!(
    Socket,
    Emission<'_>,
    RemoteSocket,
    Server,
    Namespace,
    BroadcastOperator,
    ParentNamespace,
    ParentBroadcast
);
ask!(Answered: Socket, Emission<'_>);
ask!(AnsweredByMany: Server, Namespace, BroadcastOperator);

/// The answer to come from one client. Dropping it means not to care.
#[must_use = "an answer must be awaited"]
pub struct Answered<R> {
    answer: AckFuture,
    form: PhantomData<fn() -> R>,
}

impl<R> fmt::Debug for Answered<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.answer.fmt(f)
    }
}

impl<R: Answer> Future for Answered<R> {
    type Output = Result<R, AckError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        pin!(&mut self.answer).poll(cx).map(|reply| R::read(&reply?))
    }
}

/// The answers to come from many clients. Dropping them means not to care.
#[must_use = "answers must be awaited"]
pub struct AnsweredByMany<R> {
    answer: AckReplies,
    form: PhantomData<fn() -> R>,
}

impl<R> fmt::Debug for AnsweredByMany<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.answer.fmt(f)
    }
}

/// What many clients have answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypedReplies<R> {
    /// The answers, in the order in which they came.
    pub replies: Vec<R>,
    /// How many answers have another form.
    pub unreadable: usize,
    /// How many sockets did not answer in time or left before they did.
    pub missing: usize,
    /// How many servers did not even tell in time how many sockets they have asked.
    pub silent_servers: usize,
}

impl<R: Answer> Future for AnsweredByMany<R> {
    type Output = Result<TypedReplies<R>, AckError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        pin!(&mut self.answer).poll(cx).map_ok(|all| {
            let replies: Vec<R> = all.replies.iter().filter_map(|reply| R::read(reply).ok()).collect();
            let unreadable = all.replies.len() - replies.len();
            TypedReplies { replies, unreadable, missing: all.missing, silent_servers: all.silent_servers }
        })
    }
}
