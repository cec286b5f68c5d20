//! Sending to many sockets at once.

use std::time::Duration;

use serde::Serialize;

use super::{
    ack_future::AckFuture,
    adapter::{Room, Target},
    args::Payload,
    encode::{self, Typed, WriteArgs},
    namespace::Namespace,
    outbox::Sent,
    socket::{JoinError, Socket},
    turn::Turn,
};
use crate::{
    config::after,
    socketio::{AckError, AckReply},
};

/// Whom to send to, and how. Each method answers a new operator, so one can be kept and used again.
///
/// Several rooms are a union in which each socket gets one copy; `except` takes sockets out of it.
#[derive(Clone, Debug)]
#[must_use = "a broadcast does nothing before `emit`"]
pub struct BroadcastOperator {
    namespace: Namespace,
    target: Target,
    volatile: bool,
    compress: bool,
}

/// What a broadcast with acknowledgements brought in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replies {
    /// The answers.
    pub replies: Vec<AckReply>,
    /// How many sockets did not answer in time or left before they did.
    pub missing: usize,
}

impl BroadcastOperator {
    pub(crate) fn new(namespace: Namespace) -> Self {
        Self { namespace, target: Target::default(), volatile: false, compress: true }
    }

    /// Adds a room.
    pub fn to(mut self, room: impl Into<Room>) -> Self {
        self.target.rooms.push(room.into());
        self
    }

    /// Takes a room's sockets out.
    pub fn except(mut self, room: impl Into<Room>) -> Self {
        self.target.except.push(room.into());
        self
    }

    /// Skips sockets whose connection is busy.
    pub fn volatile(mut self) -> Self {
        self.volatile = true;
        self
    }

    /// Says whether transports that compress should compress the event, which is the default.
    pub fn compress(mut self, compress: bool) -> Self {
        self.compress = compress;
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

    fn emit_args(&self, event: &str, args: &impl WriteArgs) -> Sent {
        match encode::event(self.namespace.route(), None, event, args) {
            Ok(packet) => {
                let _turn = Turn::begin(self.namespace.runtime());
                let packet = packet.with_compression(self.compress);
                self.namespace.adapter().broadcast(&self.target, &packet, self.volatile);
                Sent::Queued
            }
            Err(error) => {
                tracing::error!(event, %error, "an event was not sent");
                Sent::Dropped
            }
        }
    }

    /// Sends an event, encoded once with one id for all, and waits for every answer or until `timeout`.
    ///
    /// # Errors
    /// The event cannot be sent to anyone.
    pub async fn emit_with_ack<T: Serialize + ?Sized>(
        &self,
        event: &str,
        args: &T,
        timeout: Duration,
    ) -> Result<Replies, AckError> {
        let answers = self.request(event, &Typed(args), timeout)?;
        let mut replies = Replies::default();
        for answer in answers {
            match answer.await {
                Ok(reply) => replies.replies.push(reply),
                Err(_) => replies.missing += 1,
            }
        }
        Ok(replies)
    }

    fn request(
        &self,
        event: &str,
        args: &impl WriteArgs,
        timeout: Duration,
    ) -> Result<Vec<AckFuture>, AckError> {
        let id = self.namespace.next_ack_id();
        let packet = encode::event(self.namespace.route(), Some(id), event, args)
            .map_err(|error| AckError::Invalid(error.to_string()))?
            .with_compression(self.compress);
        let runtime = self.namespace.runtime();
        let deadline = after(runtime.now(), timeout);
        let _turn = Turn::begin(runtime);
        let mut answers = Vec::new();
        for socket in self.sockets() {
            let answer = socket.expect_ack(id, deadline);
            if answer.is_ok() {
                socket.peer().send(packet.clone(), self.volatile);
            }
            answers.push(answer.unwrap_or_else(AckFuture::failed));
        }
        Ok(answers)
    }

    /// The sockets that are meant.
    #[must_use]
    pub fn sockets(&self) -> Vec<Socket> {
        self.namespace.collect(&self.target)
    }

    /// Makes the sockets join a room.
    ///
    /// # Errors
    /// The first socket that could not, after all others have been tried.
    pub fn sockets_join(&self, room: impl Into<Room>) -> Result<(), JoinError> {
        let room = room.into();
        let mut first_error = Ok(());
        for socket in self.sockets() {
            first_error = first_error.and(socket.join(room.clone()));
        }
        first_error
    }

    /// Makes the sockets leave a room.
    pub fn sockets_leave(&self, room: &str) {
        for socket in self.sockets() {
            socket.leave(room);
        }
    }

    /// Ends the sockets' stay in the namespace, after what was sent before.
    pub fn disconnect_sockets(&self) {
        let _turn = Turn::begin(self.namespace.runtime());
        for socket in self.sockets() {
            socket.disconnect();
        }
    }
}
