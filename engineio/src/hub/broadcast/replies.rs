//! Asking many sockets, on this server and others, and gathering what they answer.

use std::{
    future::{Future, ready},
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::{
    config::after,
    hub::{
        ack_future::Debtor,
        adapter::{Adapter, Target},
        encode::{self, EmitError, WriteArgs},
        encoded::Encoded,
        event::Event,
        namespace::Namespace,
        runtime::{BoxFuture, Runtime, Timed},
    },
    socketio::{AckError, AckId, AckReply},
};

/// What a broadcast with acknowledgements brought in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replies {
    /// The answers, in the order in which they came.
    pub replies: Vec<AckReply>,
    /// How many sockets did not answer in time or left before they did.
    pub missing: usize,
    /// How many servers did not even tell in time how many sockets they have asked.
    pub silent_servers: usize,
}

impl Replies {
    /// Whether everyone has answered.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.missing == 0 && self.silent_servers == 0
    }
}

/// An event that is sent to many sockets under one id, and that each of them has to answer.
#[derive(Clone, Debug)]
pub struct Question {
    /// Who is asked.
    pub target: Target,
    /// The event.
    pub packet: Encoded,
    /// The id in the packet; each server has ids of its own.
    pub id: AckId,
    /// The time there is for answers.
    pub timeout: Duration,
    /// When this time is over on this server.
    pub deadline: Instant,
    /// Whether busy connections are skipped.
    pub volatile: bool,
}

impl Question {
    /// A question that came from another server, for the clients of this one.
    ///
    /// # Errors
    /// Clients would not accept the event.
    pub fn new(
        namespace: &Namespace,
        event: &Event,
        target: Target,
        timeout: Duration,
        volatile: bool,
    ) -> Result<Self, EmitError> {
        Self::encode(namespace, &event.name, &event.args, target, timeout)
            .map(|this| Self { volatile, ..this })
    }

    pub(super) fn encode(
        namespace: &Namespace,
        event: &str,
        args: &impl WriteArgs,
        target: Target,
        timeout: Duration,
    ) -> Result<Self, EmitError> {
        let id = namespace.next_ack_id();
        let packet = encode::event(namespace.route(), Some(id), event, args)?;
        let deadline = after(namespace.runtime().now(), timeout);
        Ok(Self { target, packet, id, timeout, deadline, volatile: false })
    }
}

/// Who is told what comes of a [`Question`].
pub trait Answers: Send + Sync {
    /// One server has asked so many of its sockets. Called before this server's answers.
    fn asked(&self, sockets: usize);

    /// A socket has answered.
    fn answered(&self, reply: AckReply);

    /// A socket that was asked has left, or its time is over.
    fn missed(&self);

    /// A server that was asked has gone and is not waited for any more.
    fn server_lost(&self) {}

    /// A socket of this server owes an answer. Who stops waiting before the deadline may [forgive](Debt::forgive) it.
    fn owed(&self, _debt: Debt) {}
}

/// An answer that a socket of this server owes.
pub struct Debt {
    debtor: Weak<dyn Debtor>,
    id: AckId,
}

impl std::fmt::Debug for Debt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Debt({})", self.id)
    }
}

impl Debt {
    pub(crate) fn new(debtor: Weak<dyn Debtor>, id: AckId) -> Self {
        Self { debtor, id }
    }

    /// Nobody waits for the answer any more.
    pub fn forgive(self) {
        if let Some(debtor) = self.debtor.upgrade() {
            debtor.forgive(self.id);
        }
    }
}

#[derive(Default)]
struct Tally {
    /// How many servers have been asked, once that is known.
    servers: Option<usize>,
    lost: usize,
    reported: usize,
    asked: usize,
    missed: usize,
    replies: Vec<AckReply>,
    is_late: bool,
    debts: Vec<Debt>,
    waker: Option<Waker>,
}

impl Tally {
    fn silent_servers(&self) -> usize {
        // A cluster that cannot even be counted has one server at least that is silent.
        let servers = self.servers.unwrap_or(self.reported + 1);
        servers.saturating_sub(self.lost + self.reported)
    }

    fn is_complete(&self) -> bool {
        self.servers.is_some() && self.silent_servers() == 0 && self.replies.len() + self.missed >= self.asked
    }

    fn take(&mut self) -> Replies {
        if self.is_complete() {
            self.debts = Vec::new();
        }
        let replies = std::mem::take(&mut self.replies);
        let missing = self.asked.saturating_sub(replies.len());
        Replies { missing, silent_servers: self.silent_servers(), replies }
    }
}

/// Gathers the answers to one question.
#[derive(Default)]
struct Gatherer(Mutex<Tally>);

impl Gatherer {
    fn note(&self, change: impl FnOnce(&mut Tally)) {
        let waker = {
            let mut tally = self.0.lock();
            change(&mut tally);
            if tally.is_complete() || tally.is_late { tally.waker.take() } else { None }
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Answers for Gatherer {
    fn asked(&self, sockets: usize) {
        self.note(|tally| {
            tally.reported += 1;
            tally.asked += sockets;
        });
    }

    fn answered(&self, reply: AckReply) {
        self.note(|tally| tally.replies.push(reply));
    }

    fn missed(&self) {
        self.note(|tally| tally.missed += 1);
    }

    fn server_lost(&self) {
        self.note(|tally| tally.lost += 1);
    }

    fn owed(&self, debt: Debt) {
        self.0.lock().debts.push(debt);
    }
}

impl Timed for Gatherer {
    fn fire(self: Arc<Self>, _at: Instant) {
        self.note(|tally| tally.is_late = true);
    }
}

/// The answers to come to a broadcast. Dropping it means not to care: nobody owes them any more.
#[must_use = "acknowledgements must be awaited"]
pub struct AckReplies {
    gatherer: Arc<Gatherer>,
    /// How many servers are asked, until it is known.
    servers: Option<BoxFuture<'static, usize>>,
    /// What is needed to stop waiting for other servers; this server's sockets have a deadline of their own.
    timer: Option<(Arc<dyn Runtime>, Instant)>,
    failure: Option<AckError>,
}

impl std::fmt::Debug for AckReplies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tally = self.gatherer.0.lock();
        write!(f, "AckReplies({} of {})", tally.replies.len(), tally.asked)
    }
}

impl AckReplies {
    /// Asks all whom the adapter reaches.
    pub(super) fn ask(adapter: &dyn Adapter, runtime: &Arc<dyn Runtime>, question: &Question) -> Self {
        let gatherer = Arc::new(Gatherer::default());
        let answers: Arc<dyn Answers> = Arc::<Gatherer>::clone(&gatherer);
        let servers = adapter.broadcast_with_ack(question, &answers);
        let timer = Some((Arc::clone(runtime), question.deadline));
        Self { gatherer, servers: Some(servers), timer, failure: None }
    }

    /// Answers at once that there is nobody to ask.
    pub(super) fn of_nobody() -> Self {
        Self { gatherer: Arc::default(), servers: Some(Box::pin(ready(0))), timer: None, failure: None }
    }

    /// Answers at once that nobody could be asked.
    pub(super) fn failed(error: AckError) -> Self {
        let mut failed = Self::of_nobody();
        failed.failure = Some(error);
        failed
    }

    fn arm(&mut self) {
        if let Some((runtime, deadline)) = self.timer.take() {
            let timed: Arc<dyn Timed> = Arc::<Gatherer>::clone(&self.gatherer);
            runtime.arm(deadline, Arc::downgrade(&timed));
        }
    }
}

impl Future for AckReplies {
    type Output = Result<Replies, AckError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(error) = self.failure.take() {
            return Poll::Ready(Err(error));
        }
        if let Some(servers) = &mut self.servers
            && let Poll::Ready(count) = servers.as_mut().poll(cx)
        {
            self.gatherer.0.lock().servers = Some(count);
            self.servers = None;
        }
        let waits_for_others = {
            let mut tally = self.gatherer.0.lock();
            if tally.is_complete() || tally.is_late {
                return Poll::Ready(Ok(tally.take()));
            }
            tally.waker = Some(cx.waker().clone());
            tally.servers.is_none_or(|servers| servers > 1)
        };
        if waits_for_others {
            self.arm();
        }
        Poll::Pending
    }
}

impl Drop for AckReplies {
    fn drop(&mut self) {
        let debts = std::mem::take(&mut self.gatherer.0.lock().debts);
        debts.into_iter().for_each(Debt::forgive);
    }
}
