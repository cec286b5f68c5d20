//! Coming back after the connection was lost.

use std::sync::{Arc, atomic::Ordering};

use super::{Phase, Socket, State, emission::Manner};
use crate::{
    config::Config,
    engine::{CloseReason, Transport},
    hub::{
        adapter::Room,
        encode::{self, Draft},
        encoded::Encoded,
        namespace::Occupancy,
        outbox::{Admission, Sent},
        peer::Peer,
        reason::DisconnectReason,
        recovery::{Audience, Book, History, Session, Stay},
        turn::Turn,
    },
};

impl State {
    /// That of a client which is new.
    pub(super) fn fresh(stay: Option<Stay>, occupancy: Option<Occupancy>) -> Self {
        Self {
            phase: Phase::Connecting,
            occupancy,
            in_own_room: true,
            dismissed: false,
            rooms: Vec::new(),
            extensions: None,
            data: None,
            deadline: None,
            stay: stay.map(Box::new),
        }
    }

    /// That of a client which comes back.
    pub(super) fn restored(session: Session, occupancy: Option<Occupancy>) -> Self {
        let membership = &session.stay.membership;
        Self {
            phase: Phase::Connecting,
            occupancy: occupancy.or(session.occupancy),
            in_own_room: membership.is_in_own(),
            dismissed: false,
            rooms: membership.rooms().cloned().collect(),
            extensions: None,
            data: session.data,
            deadline: None,
            stay: Some(Box::new(session.stay)),
        }
    }

    /// Notes for the history that the socket is in a room.
    pub(super) fn note_joined(&mut self, book: Option<&Book<'_>>, room: &Room) {
        if let (Some(stay), Some(book)) = (&mut self.stay, book) {
            stay.membership.join(room, book.last());
        }
    }

    /// Notes for the history that the socket is not in a room any more.
    pub(super) fn note_left(&mut self, book: Option<&Book<'_>>, room: &str) {
        let (Some(stay), Some(book)) = (&mut self.stay, book) else { return };
        match self.phase {
            // What was sent there while the client was away is not for it any more.
            Phase::Connecting => stay.membership.forget(room),
            Phase::Connected | Phase::Gone => stay.membership.leave(room, book.last()),
        }
    }

    /// Notes for the history whether the socket is in the room of its own id.
    pub(super) fn note_own_room(&mut self, book: Option<&Book<'_>>) {
        let (Some(stay), Some(book)) = (&mut self.stay, book) else { return };
        match (self.phase, self.in_own_room) {
            (Phase::Connecting, true) => {}
            (Phase::Connecting, false) => stay.membership.forget_own(),
            (Phase::Connected | Phase::Gone, true) => stay.membership.join_own(book.last()),
            (Phase::Connected | Phase::Gone, false) => stay.membership.leave_own(book.last()),
        }
    }
}

impl Socket {
    /// Whether the client has come back to where it was: with the same id, rooms and data, and with the events that
    /// it missed on their way to it. False for a client that is new, and always unless
    /// [`Config::connection_state_recovery`] is set.
    ///
    /// Values of [`Socket::insert`] belong to the connection and are not kept; those of [`Socket::set_data`] are.
    #[must_use]
    pub fn recovered(&self) -> bool {
        self.0.recovered
    }

    /// Lets the client's next connection find this one while it is asked whether it is let in.
    pub(crate) fn hold_session(&self) {
        if let (true, Some(pid), Some(history)) = (self.0.recovered, self.0.pid, self.0.namespace.history()) {
            history.open().is_here(pid, self);
        }
    }

    /// Lets the client in as [`Socket::let_in`] does, with what it missed if it comes back.
    pub(super) fn let_in_with(&self, history: &History) -> bool {
        let mut book = history.open();
        let mut state = self.0.state.lock();
        let State { phase: Phase::Connecting, in_own_room, rooms, stay: Some(stay), .. } = &mut *state else {
            return false;
        };
        let (last, pid) = (book.last(), stay.pid);
        let peer = &self.0.peer;
        let reply = encode::connect(peer.revision(), self.0.namespace.route(), &self.0.id, Some(&pid));
        if self.0.recovered {
            // A middleware may have taken so long that too much is gone by now.
            let Some(missed) = book.missed(&self.0.id, stay, stay.resumed_from()) else { return false };
            let told = send_missed(peer, &reply, missed);
            stay.is_resumed(told, peer.runtime().now());
        } else {
            peer.push(reply, Admission::Always);
            stay.begin(last, peer.runtime().now());
        }
        if *in_own_room {
            stay.membership.join_own(last);
        }
        for room in rooms {
            stay.membership.join(room, last);
        }
        state.phase = Phase::Connected;
        let joined = self.enter_rooms(&state);
        let has_deadline = state.deadline.is_some();
        book.is_here(pid, self);
        drop((state, book));
        if has_deadline {
            self.watch_deadline();
        }
        self.tell_of_joined(&joined);
        true
    }

    /// The socket leaves: its session is kept if its client may come back.
    pub(super) fn part(
        &self,
        book: &mut Book<'_>,
        state: &mut State,
        was: Phase,
        reason: Option<DisconnectReason>,
    ) {
        let Some(mut stay) = state.stay.take() else { return };
        // A connection that did not let the client in has carried nothing of its stay, whatever pings it answered there.
        if was == Phase::Connected {
            stay.confirm(self.0.peer.confirmed());
        }
        let (id, data) = (self.0.id, state.data.clone());
        if was == Phase::Connected && reason.is_some_and(DisconnectReason::is_recoverable) {
            book.is_away(Session { id, stay: *stay, data, occupancy: state.occupancy.take() });
        } else if was == Phase::Connecting && self.0.recovered {
            // Refused, or lost again: what it came back to waits on, no longer than before.
            book.is_away(Session { id, stay: *stay, data, occupancy: state.occupancy.take() });
        } else {
            book.is_gone(&stay.pid);
        }
    }

    /// Ends a connection that the client has given up, as it comes back over another one.
    pub(crate) fn supersede(&self) {
        tracing::debug!("a client came back before its connection was known to be lost");
        self.gone(DisconnectReason::Transport(CloseReason::TransportClose));
        self.0.peer.lost(CloseReason::TransportClose);
    }

    /// Looks at the client's stay as it is now; `None` if the socket has left.
    pub(crate) fn with_stay<R>(&self, look: impl FnOnce(&Stay) -> R) -> Option<R> {
        let mut state = self.0.state.lock();
        let is_connected = state.phase == Phase::Connected;
        let stay = state.stay.as_mut()?;
        if is_connected {
            stay.confirm(self.0.peer.confirmed());
        }
        // On a WebSocket, an answer proves nothing of what it was sent with.
        if self.0.heard.load(Ordering::Relaxed) && self.0.peer.transport() == Transport::Polling {
            stay.is_heard();
        }
        Some(look(stay))
    }

    /// Notes that the client has sent something.
    pub(crate) fn hear(&self) {
        if self.0.pid.is_some() {
            self.0.heard.store(true, Ordering::Relaxed);
        }
    }

    /// Sends an event, which is kept for the client if it may come back.
    pub(super) fn send_event(&self, draft: Draft<'_>, manner: Manner) -> Sent {
        match self.0.namespace.history().filter(|_| self.0.pid.is_some()) {
            None => self.send_packet(draft.finish(), manner),
            Some(_) if manner.volatile => self.send_packet(draft.finish_without_offset(), manner),
            Some(history) => self.send_kept(history, draft.with_compression(manner.compress)),
        }
    }

    fn send_kept(&self, history: &History, draft: Draft<'_>) -> Sent {
        let _turn = Turn::begin(self.0.peer.runtime());
        let mut book = history.open();
        let phase = self.0.state.lock().phase;
        let holder = self.0.pid.and_then(|pid| book.holder(&pid));
        let receiver = match (phase, holder) {
            // Not let in: what is sent now is not part of what can be missed.
            (Phase::Connecting, _) => return self.0.peer.send(draft.finish_without_offset(), false),
            (Phase::Connected, _) => Some(Arc::clone(&self.0.peer)),
            (Phase::Gone, None) => return Sent::Closed,
            // The client is away, or has come back as another socket of the same id.
            (Phase::Gone, Some(holder)) => {
                holder.filter(Socket::is_connected).map(|socket| Arc::clone(&socket.0.peer))
            }
        };
        book.publish(draft, Audience::Socket(self.0.id), |packet| {
            receiver.map_or(Sent::Queued, |peer| peer.send(packet.clone(), false))
        })
    }
}

/// Answers a CONNECT of a client that comes back.
///
/// What arrives before the answer is kept by the client until it has the answer, and is kept on if the connection is
/// lost in between: the client would not tell of it, and would get it twice. So only what arrives together with the
/// answer goes before it, as the reference has it: in one polling response. The rest goes behind it, and a WebSocket
/// carries all of it behind.
///
/// Answers the last event that a client has which has got the answer, if it has any of these.
fn send_missed(peer: &Arc<Peer>, reply: &Encoded, missed: Vec<(u64, Encoded)>) -> Option<u64> {
    let (numbers, packets): (Vec<_>, Vec<_>) = missed.into_iter().unzip();
    let together = match peer.transport() {
        Transport::Polling => fitting(reply, &packets, peer.config()),
        Transport::Websocket | Transport::Webtransport => 0,
    };
    let (before, behind) = packets.split_at(together);
    peer.push(Encoded::answer_with(reply, before), Admission::Always);
    for packet in behind {
        peer.push(packet.clone(), Admission::Always);
    }
    numbers[..together].last().copied()
}

/// How many of the packets fit into one polling response with the reply.
fn fitting(reply: &Encoded, missed: &[Encoded], config: &Config) -> usize {
    let (mut packets, mut bytes) = (reply.packets(), reply.payload().len());
    missed
        .iter()
        .take_while(|packet| {
            packets += packet.packets();
            bytes += 1 + packet.payload().len();
            packets <= config.max_packets_per_poll && bytes <= config.max_payload
        })
        .count()
}
