//! Events to one client, and the answers it owes.

use std::{
    sync::{Arc, Weak, atomic::Ordering},
    time::{Duration, Instant},
};

use serde::Serialize;

use super::{AckTable, Inner, Phase, Socket, emission::Manner};
use crate::{
    config::after,
    hub::{
        ack_future::{AckFuture, Debtor},
        broadcast::{Answers, Debt, Question},
        encode::{self, Typed, WriteArgs},
        encoded::Encoded,
        outbox::Sent,
        outgoing,
        payload::Payload,
        refusals::Refusal,
        runtime::Timed,
        turn::Turn,
    },
    socketio::{AckError, AckId, AckReply, AckSink},
};

impl Socket {
    /// Sends an event to this client: a tuple is several arguments, `()` none, anything else one.
    ///
    /// serde takes an array of fixed length, `[T; N]`, for a tuple: to send it as one argument, send a slice of it.
    /// What cannot be sent (a reserved name, arguments without JSON form) is logged as an error of the program.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Sent {
        self.emit_args(event, &Typed(args), Manner::default())
    }

    /// Sends the event `message`, as `send` of the official client does.
    pub fn send<T: Serialize + ?Sized>(&self, args: &T) -> Sent {
        self.emit("message", args)
    }

    /// Sends an event whose arguments came from elsewhere.
    pub fn emit_payload(&self, event: &str, payload: &Payload) -> Sent {
        self.emit_args(event, payload, Manner::default())
    }

    /// Sends an event only if it can be written at once; it is dropped if the connection is busy.
    pub fn emit_volatile<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Sent {
        self.volatile().emit(event, args)
    }

    /// The bytes that wait to be written to this client, those of its other namespaces included.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.0.peer.queued_bytes()
    }

    /// The packets that wait to be written to this client, those of its other namespaces included.
    #[must_use]
    pub fn queued_packets(&self) -> usize {
        self.0.peer.outbox().queued_packets()
    }

    /// How many events for this client were dropped because it reads too slowly; see [`Overflow`](crate::Overflow).
    #[must_use]
    pub fn dropped_packets(&self) -> u64 {
        self.0.peer.outbox().dropped_packets()
    }

    pub(super) fn emit_args(&self, event: &str, args: &impl WriteArgs, manner: Manner) -> Sent {
        match encode::draft(self.0.namespace.route(), None, event, args) {
            Ok(draft) => {
                if self.0.namespace.is_overheard() {
                    outgoing::tell(self, &draft.clone().finish());
                }
                self.send_event(draft.droppable(manner.droppable), manner)
            }
            Err(error) => {
                tracing::error!(event, %error, "an event was not sent");
                Sent::Dropped
            }
        }
    }

    /// Sends an event and waits for the client's answer until [`Config::ack_timeout`](crate::Config::ack_timeout)
    /// has passed or the client leaves.
    pub fn emit_with_ack<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> AckFuture {
        self.emit_with_timeout(event, args, self.0.peer.config().ack_timeout)
    }

    /// Sends an event and waits for the client's answer for a while of the caller's choice.
    pub fn emit_with_timeout<T: Serialize + ?Sized>(
        &self,
        event: &str,
        args: &T,
        timeout: Duration,
    ) -> AckFuture {
        self.ask(event, &Typed(args), timeout, Manner::default())
    }

    pub(super) fn ask(
        &self,
        event: &str,
        args: &impl WriteArgs,
        timeout: Duration,
        manner: Manner,
    ) -> AckFuture {
        let id = self.0.namespace.next_ack_id();
        let packet = match encode::event(self.0.namespace.route(), Some(id), event, args) {
            Ok(packet) => packet,
            Err(error) => return AckFuture::failed(AckError::Invalid(error.to_string())),
        };
        match self.expect_ack(id, after(self.0.peer.runtime().now(), timeout)) {
            Ok(future) => {
                if self.0.namespace.is_overheard() {
                    outgoing::tell(self, &packet);
                }
                self.send_packet(packet, manner);
                future
            }
            Err(error) => AckFuture::failed(error),
        }
    }

    /// Notes that the client owes an answer, which a future awaits.
    pub(crate) fn expect_ack(&self, id: AckId, deadline: Instant) -> Result<AckFuture, AckError> {
        let (future, sink) = AckFuture::pair(self.debtor(), id);
        self.owe(id, deadline, sink)?;
        Ok(future)
    }

    /// Asks a question that goes to many sockets.
    pub(crate) fn put(&self, question: &Question, answers: &Arc<dyn Answers>) {
        let told = Arc::clone(answers);
        let sink: AckSink = Box::new(move |answer| match answer {
            Ok(reply) => told.answered(reply),
            Err(_) => told.missed(),
        });
        if self.owe(question.id, question.deadline, sink).is_err() {
            return answers.missed();
        }
        answers.owed(Debt::new(self.debtor(), question.id));
        if self.0.namespace.is_overheard() {
            outgoing::tell(self, &question.packet);
        }
        self.0.peer.send(question.packet.clone(), question.volatile);
    }

    fn debtor(&self) -> Weak<dyn Debtor> {
        let debtor: Arc<dyn Debtor> = Arc::<Inner>::clone(&self.0);
        Arc::downgrade(&debtor)
    }

    /// Notes that the client owes an answer, of which `sink` is told.
    fn owe(&self, id: AckId, deadline: Instant, sink: AckSink) -> Result<(), AckError> {
        let mut table = self.0.acks.lock();
        if self.0.state.lock().phase == Phase::Gone {
            return Err(AckError::Disconnected);
        }
        let table = table.get_or_insert_default();
        if table.acks.len() >= self.0.peer.config().max_pending_acks {
            self.0.peer.count(Refusal::PendingAcks);
            return Err(AckError::Full);
        }
        table.acks.insert(id, deadline, sink);
        self.arm_acks(table, deadline);
        Ok(())
    }

    fn arm_acks(&self, table: &mut AckTable, deadline: Instant) {
        if table.armed.is_none_or(|at| at > deadline) {
            table.armed = Some(deadline);
            let inner: Arc<dyn Timed> = Arc::<Inner>::clone(&self.0);
            let inner: Weak<dyn Timed> = Arc::downgrade(&inner);
            self.0.peer.runtime().arm(deadline, inner);
        }
    }

    /// Gives the client's answer to whoever waits for it; an unknown or repeated id is ignored.
    pub(crate) fn answer(&self, id: AckId, reply: AckReply) {
        self.hear();
        let sink = self.0.take_ack(id);
        if let Some(sink) = sink {
            sink(Ok(reply));
        }
    }

    pub(crate) fn send_ack<T: Serialize + ?Sized>(&self, id: AckId, args: &T) {
        self.send_ack_args(id, &Typed(args));
    }

    pub(crate) fn send_ack_payload(&self, id: AckId, payload: &Payload) {
        self.send_ack_args(id, payload);
    }

    fn send_ack_args(&self, id: AckId, args: &impl WriteArgs) {
        match encode::ack(self.0.namespace.route(), id, args) {
            Ok(packet) => {
                self.send_packet(packet, Manner::default());
            }
            Err(error) => tracing::error!(%error, "an answer was not sent"),
        }
    }

    /// Sends a packet unless the socket has left.
    pub(super) fn send_packet(&self, packet: Encoded, manner: Manner) -> Sent {
        if self.0.gone.load(Ordering::Acquire) {
            return Sent::Closed;
        }
        self.0.peer.send(packet.with_compression(manner.compress), manner.volatile)
    }
}

impl Inner {
    fn take_ack(&self, id: AckId) -> Option<AckSink> {
        self.acks.lock().as_mut()?.acks.take(id)
    }
}

impl Debtor for Inner {
    fn forgive(&self, id: AckId) {
        self.take_ack(id);
    }
}

impl Timed for Inner {
    fn fire(self: Arc<Self>, at: Instant) {
        let socket = Socket(self);
        let _turn = Turn::begin(socket.0.peer.runtime());
        socket.expire_acks(at);
        socket.visit_deadline(at);
    }
}

impl Socket {
    fn expire_acks(&self, at: Instant) {
        let mut owed = self.0.acks.lock();
        let Some(table) = owed.as_mut() else { return };
        if table.armed != Some(at) {
            return;
        }
        table.armed = None;
        let expired = table.acks.take_expired(self.0.peer.runtime().now());
        if let Some(deadline) = table.acks.deadline() {
            self.arm_acks(table, deadline);
        }
        drop(owed);
        self.0.peer.add(Refusal::AckTimeout, expired.len());
        for sink in expired {
            sink(Err(AckError::Timeout));
        }
    }
}
