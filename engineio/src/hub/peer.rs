//! One Engine.IO session as the application and the transports share it.

mod driving;
mod ending;
mod peers;
mod polling;

use std::{
    fmt,
    sync::{Arc, OnceLock, Weak, atomic::Ordering},
    task::{Context, Poll},
    time::Instant,
};

use super::{
    application::{Application, Link, Receiver},
    backlog::Backlog,
    encoded::Encoded,
    gate::Pass,
    outbox::{Admission, Outbox, Sent},
    refusals::Refusal,
    runtime::{Flush, Runtime},
    turn,
    wakers::{Waiting, Wakers},
};
use crate::{
    config::Config,
    engine::{CloseReason, Packet, Revision, Session, Transport},
    sid::Sid,
    sync::{AtomicBool, Mutex, SetOnce},
};

pub use ending::MAX_DESCRIPTION;
pub use peers::Peers;
pub use polling::PollAnswer;

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
    end: SetOnce<CloseReason>,
    /// In a box of its own, as hardly any session has one.
    description: OnceLock<Box<Box<str>>>,
    /// In a box, as there is none without limits.
    pass: OnceLock<Box<Pass>>,
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
            end: SetOnce::new(),
            description: OnceLock::new(),
            pass: OnceLock::new(),
            told: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            released: AtomicBool::new(false),
            dirty: AtomicBool::new(false),
        })
    }

    /// Keeps what the session gives back when it ends, so that another can come in.
    pub fn keep_pass(&self, pass: Option<Box<Pass>>) {
        if let Some(pass) = pass {
            let _ = self.pass.set(pass);
        }
    }

    /// Counts something that was refused to this client; answers whether the log may have a line of it.
    pub(crate) fn count(&self, refusal: Refusal) -> bool {
        self.peers.upgrade().is_some_and(|peers| peers.refusals().note(refusal, self.runtime.now()))
    }

    /// Counts what became of several things at once, of which the log has no lines.
    pub(crate) fn add(&self, refusal: Refusal, count: usize) {
        if let Some(peers) = self.peers.upgrade() {
            peers.refusals().add(refusal, count);
        }
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
            let dropped = |refusal, count| self.add(refusal, count);
            self.outbox.push_by_policy(packet, admission, &self.config, dropped)
        });
        let Ok(sent) = pushed else {
            self.give_up();
            return Sent::Overflow;
        };
        if let Sent::Queued | Sent::Displaced = sent {
            self.notify();
        }
        sent
    }

    /// Adds a WebSocket control frame to `outbox`, and counts the pong that it took the place of.
    pub fn push_control(&self, outbox: &Outbox, frame: &[u8]) {
        if outbox.push_control(frame) {
            self.add(Refusal::Pongs, 1);
        }
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

    /// Makes a stream the place where packets go.
    pub fn attach(self: &Arc<Self>, link: Arc<dyn Link>) {
        self.outbox.attach(link);
        self.notify();
    }

    /// Wakes the waiting poll or the stream's task.
    pub fn wake(&self) {
        self.wakers.wake(Waiting::Owner);
    }

    /// Looks for what `who` waits for, and has the task woken when it should look again.
    ///
    /// The task is noted first, so that nothing that happens while it looks can be missed.
    pub fn poll_for<T>(
        &self,
        who: Waiting,
        cx: &mut Context<'_>,
        look: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.wakers.wait(who, cx.waker());
        look(cx)
    }

    /// Whether a stream may still become the transport.
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
