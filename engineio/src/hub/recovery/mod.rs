//! What one namespace keeps for clients whose connection is lost: the latest events, and who may come back.
//!
//! Each event gets a number and, as its last argument, an offset with that number; the client remembers the offset of
//! the last event it has seen. When it comes back, what it missed is what is numbered higher and was for it. An entry
//! of the log holds the packet that all receivers share, so that a broadcast costs one entry.
//!
//! Numbering, sending and keeping are one step under one lock, so that each client gets events in the order of their
//! numbers, and nobody can join or leave in between.

mod claim;
mod handover;
mod heard;
mod log;
mod membership;
mod offset;
mod stay;
mod waiting;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use parking_lot::{Mutex, MutexGuard};

use self::{
    log::Log,
    offset::{Mark, Offset, Tag},
    waiting::{Waiters, Woken},
};
use super::{
    encode::Draft,
    encoded::Encoded,
    peer::Peer,
    runtime::{Runtime, Timed},
    socket::Socket,
};
use crate::{
    config::{Config, Recovery, after},
    sid::Sid,
};

pub(crate) use self::{
    claim::Claim,
    membership::Audience,
    stay::{Session, Stay},
    waiting::until,
};
pub use self::{claim::SessionClaim, handover::SessionReply};

/// The shortest time between two visits that look for what has expired.
const VISIT_EVERY: Duration = Duration::from_secs(1);

/// The history of one namespace.
pub(crate) struct History {
    limits: Recovery,
    /// The time an event may be of use: that of an absence, and before it the time in which the server could not know
    /// that the connection was dead.
    retention: Duration,
    max_missed: (usize, usize),
    tag: Tag,
    runtime: Arc<dyn Runtime>,
    this: Weak<History>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    log: Log,
    clients: HashMap<Sid, Client>,
    /// Those who are away, by the time until which they are waited for.
    away: BTreeMap<(Instant, u64), Sid>,
    partings: u64,
    armed: Option<Instant>,
    /// How many clients wait for what other servers may have of them.
    open_claims: usize,
    /// The `pid`s that other servers have been asked for.
    asked_for: HashSet<Sid>,
    waiting: Waiters,
}

/// A client by its `pid`.
enum Client {
    Here(Weak<super::socket::Inner>),
    Away(u64, Box<Session>),
}

impl History {
    /// The history of a new namespace, if the configuration wants one.
    pub(crate) fn new(config: &Config, runtime: &Arc<dyn Runtime>) -> Option<Arc<Self>> {
        let limits = config.connection_state_recovery.clone()?;
        let unnoticed = config.ping_interval.saturating_add(config.ping_timeout);
        Some(Arc::new_cyclic(|this| Self {
            retention: limits.max_disconnection_duration.saturating_add(unnoticed),
            limits,
            max_missed: (config.max_queued_packets, config.max_queued_bytes),
            tag: Tag::new(&runtime.fresh_sid()),
            runtime: Arc::clone(runtime),
            this: Weak::clone(this),
            state: Mutex::default(),
        }))
    }

    /// Whether clients that come back are let in without asking the middlewares.
    pub(crate) fn skips_middlewares(&self) -> bool {
        self.limits.skip_middlewares
    }

    /// Opens the history. No listener may be called while it is open.
    pub(crate) fn open(&self) -> Book<'_> {
        Book { state: self.state.lock(), history: self, dropped: Vec::new(), woken: Woken::default() }
    }

    /// Takes the session that a client claims, if it can go on without a gap.
    ///
    /// A connection of the same client that still looks alive is dead, or the client would not come over another one:
    /// it is ended first.
    pub(crate) fn claim(&self, claim: &Claim, newcomer: &Arc<Peer>) -> Option<Session> {
        self.supersede(claim, Some(newcomer))?;
        self.open().take(claim)
    }

    /// Ends the connection that the client of a session had; `None` if the session cannot go on.
    fn supersede(&self, claim: &Claim, newcomer: Option<&Arc<Peer>>) -> Option<()> {
        let superseded = self.open().holder_before(claim, newcomer)?;
        if let Some(socket) = superseded {
            socket.supersede();
        }
        Some(())
    }

    /// Whether a client's session is here, and nowhere else.
    pub(crate) fn knows(&self, pid: &Sid) -> bool {
        self.open().holder(pid).is_some()
    }
}

impl Timed for History {
    fn fire(self: Arc<Self>, at: Instant) {
        let mut book = self.open();
        book.wake();
        if book.state.armed == Some(at) {
            book.state.armed = None;
            book.expire(self.runtime.now());
            book.arm();
        }
    }
}

/// The history while nobody else can change it.
pub(crate) struct Book<'a> {
    state: MutexGuard<'a, State>,
    history: &'a History,
    /// Sessions nobody waits for any more. Their end may be that of the namespace, so it has to wait until the history
    /// is closed: fields are dropped in their order.
    dropped: Vec<Client>,
    woken: Woken,
}

impl Book<'_> {
    /// The number of the last event.
    pub(crate) fn last(&self) -> u64 {
        self.state.log.last()
    }

    /// Numbers an event, lets `send` hand it to those who are there, and keeps it for those who are not.
    pub(crate) fn publish<R>(
        &mut self,
        draft: Draft<'_>,
        audience: Audience,
        send: impl FnOnce(&Encoded) -> R,
    ) -> R {
        let own = self.history.tag.mark(self.state.log.number());
        let (packet, sent) = send_with_offset(own, draft, send);
        // Where a client that comes from another server is waited for, what is sent meanwhile may be for it.
        if !self.state.clients.is_empty() || self.state.open_claims > 0 {
            let mark = audience.is_shared().then_some(own);
            self.keep(own, audience, packet, mark);
        }
        sent
    }

    /// Numbers, hands on and keeps an event of another server, which has this offset there. It is kept even if nobody is
    /// here, for clients that come from a server which has not heard it yet.
    pub(crate) fn hear(
        &mut self,
        offset: Option<&str>,
        draft: Draft<'_>,
        audience: Audience,
        send: impl FnOnce(&Encoded),
    ) {
        let own = self.history.tag.mark(self.state.log.number());
        let (packet, ()) = send_with_offset(own, draft, send);
        let mark = offset.and_then(Mark::parse);
        if let Some(mark) = mark {
            self.reach(mark);
        }
        self.keep(own, audience, packet, mark);
    }

    /// Keeps an event that has been sent before it is dated: what is older than an answered ping has arrived.
    fn keep(&mut self, own: Mark, audience: Audience, packet: Encoded, mark: Option<Mark>) {
        let now = self.history.runtime.now();
        self.state.log.keep(own.number, audience, packet, mark, now, &self.history.limits);
        self.expire(now);
        self.arm();
    }

    /// Who has this `pid`: a socket, `Some(None)` while it is away, `None` if nobody.
    pub(crate) fn holder(&self, pid: &Sid) -> Option<Option<Socket>> {
        match self.state.clients.get(pid)? {
            Client::Here(socket) => Some(Some(Socket(socket.upgrade()?))),
            Client::Away(..) => Some(None),
        }
    }

    /// Notes that a client is connected by this socket.
    pub(crate) fn is_here(&mut self, pid: Sid, socket: &Socket) {
        self.state.clients.insert(pid, Client::Here(Arc::downgrade(&socket.0)));
    }

    /// Notes that a client is gone for good.
    pub(crate) fn is_gone(&mut self, pid: &Sid) {
        self.dropped.extend(self.state.clients.remove(pid));
    }

    /// Keeps the session of a client that may come back.
    pub(crate) fn is_away(&mut self, mut session: Session) {
        let now = self.history.runtime.now();
        let kept = self.history.limits.max_disconnection_duration;
        let until = *session.stay.until.get_or_insert_with(|| after(now, kept));
        let (pid, state) = (session.stay.pid, &mut *self.state);
        state.partings += 1;
        state.away.insert((until, state.partings), pid);
        state.clients.insert(pid, Client::Away(state.partings, Box::new(session)));
        if state.away.len() > self.history.limits.max_sessions
            && let Some((_, pid)) = state.away.pop_first()
        {
            self.dropped.extend(state.clients.remove(&pid));
        }
        self.expire(now);
        self.arm();
    }

    /// The socket that a client has to be taken from before its session can go on over the connection of `newcomer`:
    /// `Some(None)` if there is none, `None` if the session cannot go on.
    fn holder_before(&self, claim: &Claim, newcomer: Option<&Arc<Peer>>) -> Option<Option<Socket>> {
        let holder = self.holder(&claim.pid)?;
        if let Some(socket) = &holder {
            let same = newcomer.is_some_and(|newcomer| Arc::ptr_eq(socket.peer(), newcomer));
            let offset = claim.offset.as_deref();
            let goes_on = socket.with_stay(|stay| self.position(socket.id(), stay, offset).is_some());
            (goes_on? && !same).then_some(())?;
        }
        Some(holder)
    }

    fn take(&mut self, claim: &Claim) -> Option<Session> {
        let pid = &claim.pid;
        let Client::Away(parting, session) = self.state.clients.get(pid)? else { return None };
        let until = session.stay.until.filter(|until| *until > self.history.runtime.now())?;
        let key = (until, *parting);
        let from = self.position(&session.id, &session.stay, claim.offset.as_deref())?;
        self.state.away.remove(&key);
        let Some(Client::Away(_, mut session)) = self.state.clients.insert(*pid, Client::Here(Weak::new()))
        else {
            return None;
        };
        session.stay.resume(from);
        Some(*session)
    }

    /// The last event that a client has, if it can go on from there.
    fn position(&self, id: &Sid, stay: &Stay, offset: Option<&str>) -> Option<u64> {
        let from = match offset.map(|offset| self.history.tag.read(offset)) {
            Some(Offset::Ours(number)) if number <= self.last() => number.max(stay.start),
            // Every event of this stay has an offset of ours, so the client has seen none yet.
            None | Some(Offset::Foreign) => stay.start,
            Some(Offset::Ours(_) | Offset::Unknown) => return None,
        };
        // A client does not forget what it has seen: an older offset is somebody else's copy.
        (from >= stay.floor && self.missed(id, stay, from).is_some()).then_some(from)
    }

    /// The numbered events after `from` that were for a client; `None` if some of them are gone, or are too many to be queued.
    pub(crate) fn missed(&self, id: &Sid, stay: &Stay, from: u64) -> Option<Vec<(u64, Encoded)>> {
        self.state.log.reaches(from, stay.confirmed).then_some(())?;
        let (max_packets, max_bytes) = self.history.max_missed;
        let (mut missed, mut bytes) = (Vec::new(), 0);
        for (number, packet) in self.state.log.missed(id, &stay.membership, from, stay.confirmed) {
            bytes += packet.frames().len();
            if missed.len() >= max_packets || bytes > max_bytes {
                return None;
            }
            missed.push((number, packet.clone()));
        }
        Some(missed)
    }

    fn expire(&mut self, now: Instant) {
        if let Some(time) = now.checked_sub(self.history.retention) {
            self.state.log.expire(time);
        }
        while let Some(first) = self.state.away.first_entry()
            && first.key().0 <= now
        {
            let pid = first.remove();
            self.dropped.extend(self.state.clients.remove(&pid));
        }
    }

    /// Asks for a visit when something will have expired.
    fn arm(&mut self) {
        if self.state.armed.is_some() {
            return;
        }
        let oldest = self.state.log.oldest().map(|sent| after(sent, self.history.retention));
        let first = self.state.away.keys().next().map(|(until, _)| *until);
        let Some(due) = oldest.into_iter().chain(first).min() else { return };
        let at = due.max(after(self.history.runtime.now(), VISIT_EVERY));
        self.state.armed = Some(at);
        let this: Weak<dyn Timed> = Weak::<History>::clone(&self.history.this);
        self.history.runtime.arm(at, this);
    }
}

/// Lets `send` hand out an event by the name it has here.
fn send_with_offset<R>(own: Mark, draft: Draft<'_>, send: impl FnOnce(&Encoded) -> R) -> (Encoded, R) {
    let packet = draft.finish_with_offset(|out| own.write(out));
    let sent = send(&packet);
    (packet, sent)
}
