//! Sending to many sockets at once.

mod remote;
mod replies;
mod selection;
mod sending;

use std::time::Duration;

use serde::Serialize;

use super::{
    adapter::{Answered, Target},
    encode::{self, Draft, Typed, WriteArgs},
    encoded::Encoded,
    namespace::Namespace,
    outbox::Sent,
    payload::Payload,
    recovery::Audience,
    socket::{JoinError, Socket},
    turn::Turn,
};
use crate::socketio::AckError;

pub use remote::{HandshakeDetails, RemoteSocket, SocketDetails};
pub use replies::{AckReplies, Answers, Debt, Question, Replies};
pub use selection::Rooms;
pub(crate) use selection::{Selection, selecting};
pub(crate) use sending::{asking, sending};

/// Whom to send to, and how. Each method answers a new operator, so one can be kept and used again.
///
/// Several rooms are a union in which each socket gets one copy; `except` takes sockets out of it.
///
/// # Examples
/// ```no_run
/// # use engineio::Server;
/// # async fn example(io: Server) {
/// io.to(["red", "blue"]).except("muted").emit("news", "hello");
/// let replies = io.to("red").timeout(std::time::Duration::from_secs(5)).emit_with_ack("ready?", &()).await;
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a broadcast does nothing before `emit`"]
pub struct BroadcastOperator {
    namespace: Namespace,
    selection: Selection,
}

selecting!(BroadcastOperator);

impl BroadcastOperator {
    pub(crate) fn new(namespace: Namespace) -> Self {
        Self { namespace, selection: Selection::default() }
    }

    pub(crate) fn with(namespace: Namespace, selection: Selection) -> Self {
        Self { namespace, selection }
    }

    /// Sets how long [`emit_with_ack`](Self::emit_with_ack) and [`fetch_sockets`](Self::fetch_sockets) wait. Without
    /// it these are [`Config::ack_timeout`](crate::Config::ack_timeout) and
    /// [`Config::cluster_timeout`](crate::Config::cluster_timeout).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.selection.timeout = Some(timeout);
        self
    }

    /// Sends an event: a tuple is several arguments, `()` none, anything else one.
    ///
    /// serde takes an array of fixed length, `[T; N]`, for a tuple: to send it as one argument, send a slice of it.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Sent {
        self.emit_args(event, &Typed(args))
    }

    /// Sends an event whose arguments came from elsewhere.
    pub fn emit_payload(&self, event: &str, payload: &Payload) -> Sent {
        self.emit_args(event, payload)
    }

    /// Sends the event `message`.
    pub fn send<T: Serialize + ?Sized>(&self, args: &T) -> Sent {
        self.emit("message", args)
    }

    fn emit_args(&self, event: &str, args: &impl WriteArgs) -> Sent {
        match encode::draft(self.namespace.route(), None, event, args) {
            Ok(draft) => {
                if !self.selection.is_nobody() {
                    let _turn = Turn::begin(self.namespace.runtime());
                    let draft = draft.droppable(self.selection.droppable);
                    self.publish(draft.with_compression(!self.selection.uncompressed));
                }
                Sent::Queued
            }
            Err(error) => {
                tracing::error!(event, %error, "an event was not sent");
                Sent::Dropped
            }
        }
    }

    fn publish(&self, draft: Draft<'_>) {
        let volatile = self.selection.volatile;
        // Listeners to what is sent are called before, as no lock may be held.
        if self.namespace.is_overheard() {
            self.namespace.tell_of_broadcast(self.target(), &draft.clone().finish());
        }
        let send = |packet: &Encoded| self.namespace.adapter().broadcast(self.target(), packet, volatile);
        match self.namespace.history() {
            None => send(&draft.finish()),
            Some(_) if volatile => send(&draft.finish_without_offset()),
            Some(history) => history.open().publish(draft, Audience::Rooms(self.target().clone()), send),
        }
    }

    /// Sends an event, encoded once with one id for all, and gathers every answer, or those that come in
    /// [time](Self::timeout). The event is sent now, before the future is awaited.
    ///
    /// The future fails only if the event cannot be sent to anyone; who has not answered is counted in [`Replies`].
    pub fn emit_with_ack<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> AckReplies {
        let (namespace, selection) = (&self.namespace, &self.selection);
        let timeout = selection.timeout.unwrap_or(namespace.config().ack_timeout);
        let question = Question::encode(namespace, event, &Typed(args), selection.target.clone(), timeout);
        match question {
            Ok(_) if selection.is_nobody() => AckReplies::of_nobody(),
            Ok(mut question) => {
                question.packet = question.packet.with_compression(!selection.uncompressed);
                question.volatile = selection.volatile;
                let _turn = Turn::begin(namespace.runtime());
                AckReplies::ask(namespace.adapter(), namespace.runtime(), &question)
            }
            Err(error) => AckReplies::failed(AckError::Invalid(error.to_string())),
        }
    }

    fn target(&self) -> &Target {
        &self.selection.target
    }

    /// The sockets of this server that are meant.
    #[must_use]
    pub fn sockets(&self) -> Vec<Socket> {
        if self.selection.is_nobody() { Vec::new() } else { self.namespace.collect(self.target()) }
    }

    /// Fetches the sockets that are meant, on this server and others.
    ///
    /// # Errors
    /// Some of the other servers did not answer in [time](Self::timeout); the error has the sockets of those that did.
    pub async fn fetch_sockets(&self) -> Answered<RemoteSocket> {
        if self.selection.is_nobody() {
            return Ok(Vec::new());
        }
        let timeout = self.selection.timeout.unwrap_or(self.namespace.config().cluster_timeout);
        let remote = |details| RemoteSocket::new(details, self.namespace.clone());
        match self.namespace.adapter().fetch_sockets(self.target(), timeout).await {
            Ok(found) => Ok(found.into_iter().map(remote).collect()),
            Err(unanswered) => Err(unanswered.map(remote)),
        }
    }

    /// Makes the sockets join a room or several.
    ///
    /// # Errors
    /// The first socket of this server that could not, after all others have been tried.
    pub fn sockets_join(&self, rooms: impl Rooms) -> Result<(), JoinError> {
        if self.selection.is_nobody() {
            return Ok(());
        }
        let rooms: Vec<_> = rooms.into_rooms().collect();
        self.namespace.adapter().add_sockets(self.target(), &rooms)
    }

    /// Makes the sockets leave a room or several.
    pub fn sockets_leave(&self, rooms: impl Rooms) {
        if !self.selection.is_nobody() {
            let rooms: Vec<_> = rooms.into_rooms().collect();
            self.namespace.adapter().del_sockets(self.target(), &rooms);
        }
    }

    /// Ends the sockets' stay in the namespace, after what was sent before; with `close`, their connections as well.
    pub fn disconnect_sockets(&self, close: bool) {
        if !self.selection.is_nobody() {
            let _turn = Turn::begin(self.namespace.runtime());
            self.namespace.adapter().disconnect_sockets(self.target(), close);
        }
    }
}
