//! One Engine.IO session as the application and the transports share it.

mod polling;

use std::{
    fmt,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::Waker,
    time::Instant,
};

use dashmap::DashMap;
use parking_lot::Mutex;

use super::{
    application::{Application, Link, Receiver},
    backlog::Backlog,
    encoded::Encoded,
    outbox::{Admission, Outbox, Sent},
    runtime::{Flush, Runtime, Timed},
    turn::{self, Turn},
    wakers::{Waiting, Wakers},
};
use crate::{
    config::Config,
    engine::{Action, CloseReason, Data, Input, Packet, Revision, Session, Transport},
    sid::Sid,
};

pub use polling::PollAnswer;

/// The sessions of one server.
pub type Peers = DashMap<Sid, Arc<Peer>>;

/// Closes all sessions of an application.
pub fn close_all(application: &dyn Application, peers: &Peers) {
    application.closing();
    let peers: Vec<_> = peers.iter().map(|entry| Arc::clone(entry.value())).collect();
    for peer in peers {
        peer.close();
    }
}

/// One Engine.IO session: its state, its outgoing queue and its application.
pub struct Peer {
    sid: Sid,
    revision: Revision,
    /// Whether a client of protocol 3 reads no binary over its transport.
    base64: AtomicBool,
    config: Arc<Config>,
    runtime: Arc<dyn Runtime>,
    peers: Weak<Peers>,
    session: Mutex<Session>,
    /// A copy of what the session says, to be looked at before each message without the lock.
    is_open: AtomicBool,
    outbox: Outbox,
    backlog: Backlog,
    receiver: OnceLock<Box<dyn Receiver>>,
    wakers: Wakers,
    armed: Mutex<Option<Instant>>,
    end: OnceLock<CloseReason>,
    told: AtomicBool,
    failed: AtomicBool,
    released: AtomicBool,
    dirty: AtomicBool,
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The sid is a secret, so it is not printed.
        f.debug_struct("Peer").field("session", &self.session).finish_non_exhaustive()
    }
}

impl Peer {
    /// A session of protocol 4 that was just opened over `transport`; the caller puts it into `peers`.
    #[must_use]
    pub fn new(
        sid: Sid,
        transport: Transport,
        config: Arc<Config>,
        runtime: Arc<dyn Runtime>,
        peers: &Arc<Peers>,
    ) -> Arc<Self> {
        Self::with_revision(Revision::V4, sid, transport, config, runtime, peers)
    }

    /// A session that was just opened over `transport`; the caller puts it into `peers`.
    #[must_use]
    pub fn with_revision(
        revision: Revision,
        sid: Sid,
        transport: Transport,
        config: Arc<Config>,
        runtime: Arc<dyn Runtime>,
        peers: &Arc<Peers>,
    ) -> Arc<Self> {
        let session = Session::with_revision(revision, transport, &config, runtime.now());
        Arc::new(Self {
            sid,
            revision,
            base64: AtomicBool::new(false),
            config,
            runtime,
            peers: Arc::downgrade(peers),
            session: Mutex::new(session),
            is_open: AtomicBool::new(true),
            outbox: Outbox::default(),
            backlog: Backlog::default(),
            receiver: OnceLock::new(),
            wakers: Wakers::default(),
            armed: Mutex::new(None),
            end: OnceLock::new(),
            told: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            released: AtomicBool::new(false),
            dirty: AtomicBool::new(false),
        })
    }

    /// Lets the application take over the new session.
    pub fn open(self: &Arc<Self>, application: &dyn Application, request: &http::request::Parts) {
        let receiver = application.opened(self, request);
        let receiver = self.receiver.get_or_init(|| receiver);
        receiver.opened(self);
        self.rearm();
    }

    /// The session id: a secret of this client.
    #[must_use]
    pub fn sid(&self) -> &Sid {
        &self.sid
    }

    /// The revision of the protocol that the client speaks.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Notes whether a client of protocol 3 wants binary data as base64 from now on.
    pub fn set_base64(&self, base64: bool) {
        self.base64.store(base64, Ordering::Release);
    }

    /// The transport in use.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.session.lock().transport()
    }

    /// When the last ping was sent that the client has answered, and with it all that was sent before.
    pub(crate) fn confirmed(&self) -> Option<Instant> {
        self.session.lock().confirmed()
    }

    /// Whether messages can still be sent.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Acquire)
    }

    /// Whether the answer to another message of the largest size would still fit into the outgoing queue. While
    /// it would not, the transport should not read on: so a client that asks faster than it reads is slowed
    /// down instead of cut off.
    #[must_use]
    pub fn has_room(&self) -> bool {
        let queued = self.queued_bytes();
        queued == 0 || queued + self.config.max_payload <= self.config.max_queued_bytes
    }

    /// Whether so many of this client's events wait for their listeners that the transport should not read on.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.backlog.is_full()
    }

    /// Notes an event that has to wait for its listeners.
    pub(crate) fn hold_event(&self, bytes: usize) {
        self.backlog.add(bytes, &self.config);
    }

    /// Forgets an event whose turn has come.
    pub(crate) fn release_event(&self, bytes: usize) {
        if self.backlog.remove(bytes, &self.config) {
            self.wakers.wake(Waiting::Owner);
            self.wakers.wake(Waiting::Post);
        }
    }

    /// The bytes waiting to be written to this client.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.outbox.queued_bytes()
    }

    /// The intervals and limits.
    #[must_use]
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// The world around the session.
    #[must_use]
    pub fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.runtime
    }

    /// The outgoing queue.
    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Sends a text message.
    pub fn send_text(self: &Arc<Self>, text: &str) -> Sent {
        self.send(Encoded::text(|out| Packet::Message(text).encode(out)), false)
    }

    /// Sends a binary message.
    pub fn send_binary(self: &Arc<Self>, bytes: &[u8]) -> Sent {
        self.send(Encoded::binary(bytes), false)
    }

    /// Sends an encoded packet. A client that reads too slowly is closed; its listeners hear of it later, as the
    /// caller may hold locks that they want.
    pub fn send(self: &Arc<Self>, packet: Encoded, volatile: bool) -> Sent {
        self.push(packet, if volatile { Admission::Volatile } else { Admission::Bounded })
    }

    pub(crate) fn push(self: &Arc<Self>, packet: Encoded, admission: Admission) -> Sent {
        let packet = match self.revision {
            Revision::V3 => packet.v3(self.base64.load(Ordering::Acquire)),
            Revision::V4 => packet,
        };
        let pushed = self.outbox.push(packet, admission, &self.config).or_else(|packet| {
            // The socket may take what this turn has gathered so far; only then is the client too slow.
            self.flush_now();
            self.outbox.push(packet, admission, &self.config)
        });
        let Ok(sent) = pushed else {
            self.give_up();
            return Sent::Overflow;
        };
        if sent == Sent::Queued {
            self.notify();
        }
        sent
    }

    /// Closes a connection that reads too slowly.
    fn give_up(self: &Arc<Self>) {
        tracing::warn!(bytes = self.queued_bytes(), "closing a connection that reads too slowly");
        self.outbox.close();
        let this = Arc::clone(self);
        self.runtime.spawn(Box::pin(async move { this.lost(CloseReason::TransportError) }));
    }

    /// Ends the session after what was sent before; the reason is "forced close".
    pub fn close(self: &Arc<Self>) {
        self.feed(Input::Close { pending: !self.outbox.is_empty() });
    }

    /// The transport is gone, whoever's fault it was.
    pub fn lost(self: &Arc<Self>, reason: CloseReason) {
        self.feed(Input::TransportLost(reason));
    }

    /// A request of the session failed: the session ends, and its waiting poll fails as well, so that the client
    /// hears of an error and not of an orderly close.
    pub fn fail(self: &Arc<Self>) {
        self.failed.store(true, Ordering::Release);
        self.lost(CloseReason::TransportError);
    }

    /// Gives an input to the session machine, does what concerns the session as a whole, and answers the
    /// action for the transport to do the rest.
    pub fn feed<'a>(self: &Arc<Self>, input: Input<'a>) -> Action<'a> {
        let _turn = Turn::begin(&self.runtime);
        if let Input::Packet(packet) = input {
            return self.receive(packet);
        }
        self.handle(input)
    }

    /// Takes in a packet. Nearly all are messages, with which an open session does nothing else than to deliver them.
    fn receive<'a>(self: &Arc<Self>, packet: Packet<'a>) -> Action<'a> {
        if self.is_open() {
            if let Packet::Message(text) = packet {
                return self.deliver(Data::Text(text));
            }
            if let Packet::Binary(bytes) = packet {
                return self.deliver(Data::Binary(bytes));
            }
        }
        self.handle(Input::Packet(packet))
    }

    fn handle<'a>(self: &Arc<Self>, input: Input<'a>) -> Action<'a> {
        let moves_deadline = matches!(input, Input::UpgradeOpened | Input::UpgradeLost);
        let action = {
            let mut session = self.session.lock();
            let action = session.handle(input, &self.config, turn::now(&self.runtime));
            self.is_open.store(session.is_open(), Ordering::Release);
            action
        };
        match action {
            Action::Deliver(data) => return self.deliver(data),
            Action::SendPing => self.send_ping(),
            // Bounded, as a client may ping as often as it likes.
            Action::SendPong => drop(self.send(Encoded::of(&Packet::Pong("")), false)),
            Action::AnswerProbe | Action::ReleasePoll => {
                self.released.store(true, Ordering::Release);
                self.wake();
            }
            Action::DropUpgrade => self.wakers.wake(Waiting::Upgrade),
            Action::AwaitLastPoll => {
                self.tell(CloseReason::ForcedClose);
                self.wakers.wake(Waiting::Upgrade);
            }
            Action::Close(reason) => self.end(reason),
            Action::None | Action::Refuse | Action::Switch | Action::Farewell => {}
        }
        if action != Action::None || moves_deadline {
            self.rearm();
        }
        action
    }

    fn deliver<'a>(self: &Arc<Self>, data: Data<'_>) -> Action<'a> {
        if let Some(receiver) = self.receiver.get() {
            receiver.message(self, data);
        }
        Action::None
    }

    fn send_ping(self: &Arc<Self>) {
        self.push(Encoded::ping(), Admission::Always);
    }

    /// Notes the deadline with the clock, unless an earlier visit is planned already.
    pub fn rearm(self: &Arc<Self>) {
        if let Some(deadline) = self.next_deadline() {
            self.visit_by(deadline);
        }
    }

    /// Notes a deadline with the clock, unless an earlier visit is planned already.
    pub(crate) fn visit_by(self: &Arc<Self>, deadline: Instant) {
        let mut armed = self.armed.lock();
        if armed.is_none_or(|at| at > deadline) {
            *armed = Some(deadline);
            drop(armed);
            let this: Arc<dyn Timed> = Arc::<Self>::clone(self);
            self.runtime.arm(deadline, Arc::downgrade(&this));
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let session = self.session.lock().deadline()?;
        let receiver = self.receiver.get().and_then(|receiver| receiver.deadline());
        Some(receiver.map_or(session, |at| at.min(session)))
    }

    /// The session has ended: the application is told, the client as far as possible.
    fn end(self: &Arc<Self>, reason: CloseReason) {
        let _ = self.end.set(reason);
        if let Some(peers) = self.peers.upgrade() {
            peers.remove(&self.sid);
        }
        self.tell(reason);
        self.outbox.close();
        self.notify();
        self.wakers.wake_all();
    }

    fn tell(&self, reason: CloseReason) {
        if !self.told.swap(true, Ordering::AcqRel)
            && let Some(receiver) = self.receiver.get()
        {
            receiver.closed(reason);
        }
    }

    /// Why the session has ended, once it has.
    #[must_use]
    pub fn ended(&self) -> Option<CloseReason> {
        self.end.get().copied()
    }

    /// Arranges for what was queued to be written: at the end of the turn, or now if there is none.
    fn notify(self: &Arc<Self>) {
        // Whoever flushes clears the mark before it locks the queue, so a mark that is seen here means a flush that is
        // still to come. Looking first spares most senders of a turn the more expensive swap.
        if self.dirty.load(Ordering::Acquire) || self.dirty.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Some(this) = turn::note(Arc::<Self>::clone(self)) {
            this.flush();
        }
    }

    fn flush_now(&self) {
        // What the socket does not take now, and its errors, are left to the connection's task.
        if self.outbox.flush().is_err() {
            self.wake();
        }
    }

    /// Makes the WebSocket the place where packets go.
    pub fn attach(self: &Arc<Self>, link: Arc<dyn Link>) {
        self.outbox.attach(link);
        self.notify();
    }

    /// Wakes the waiting poll or the WebSocket's task.
    pub fn wake(&self) {
        self.wakers.wake(Waiting::Owner);
    }

    /// Asks to be woken when something happens that concerns `who`.
    pub fn wait(&self, who: Waiting, waker: &Waker) {
        self.wakers.wait(who, waker);
    }

    /// Whether a WebSocket may still become the transport.
    #[must_use]
    pub fn is_upgrading(&self) -> bool {
        self.session.lock().is_upgrading()
    }

    /// Whether the application asked for the end while an upgrade was going on.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        let session = self.session.lock();
        !session.is_open() && !session.is_closed()
    }
}

impl Flush for Peer {
    fn flush(&self) {
        self.dirty.store(false, Ordering::Release);
        self.flush_now();
    }
}

impl Timed for Peer {
    fn fire(self: Arc<Self>, at: Instant) {
        {
            // A visit that was overtaken by an earlier one must not arm a second time.
            let mut armed = self.armed.lock();
            if *armed != Some(at) {
                return;
            }
            *armed = None;
        }
        let _turn = Turn::begin(&self.runtime);
        if self.is_behind() {
            self.feed(Input::ReadingHeld);
        }
        while self.feed(Input::Tick) != Action::None {}
        let now = self.runtime.now();
        if let Some(receiver) = self.receiver.get()
            && receiver.deadline().is_some_and(|at| at <= now)
        {
            receiver.tick(&self, now);
        }
        self.rearm();
    }
}
