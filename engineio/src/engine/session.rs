//! The life of one Engine.IO session as a state machine.
//!
//! ```text
//!              GET without sid                       UpgradeOpened
//!   (handshake) ──────────────> OPEN, polling ──────────────────────> probing
//!        │                       │    ^   ^                              │ ProbePacket "2probe"
//!        │ a stream              │    │   └── UpgradeLost, time-out ─────┤
//!        v                       │    │                                  v
//!   OPEN, stream <───────────────┼────┼────── ProbePacket "5" ──────── probed
//!        │                       │    │
//!        │ Close                 │ Close, no poll waiting
//!        v                       v
//!     CLOSED <── next poll ── CLOSING <── (a close during an upgrade waits for the upgrade's end)
//! ```
//!
//! A stream is a WebSocket or WebTransport: both carry packets in both directions at once, and end a session alike.
//! Time and every event come in as arguments; what is to be done comes out as an [`Action`]. A client's fault is
//! a [`CloseReason`], never an error and never a panic.

use std::{borrow::Cow, fmt, time::Instant};

use super::{
    handshake::Transport,
    heartbeat::{Beat, Heartbeat},
    packet::Packet,
    revision::Revision,
};
use crate::config::{Config, after};

/// Why a session ended; prints the reference implementation's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// The client misused or broke the transport.
    TransportError,
    /// The client left.
    TransportClose,
    /// The server closed the session.
    ForcedClose,
    /// A ping was not answered in time.
    PingTimeout,
    /// The client sent something that cannot be read.
    ParseError,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CloseReason::TransportError => "transport error",
            CloseReason::TransportClose => "transport close",
            CloseReason::ForcedClose => "forced close",
            CloseReason::PingTimeout => "ping timeout",
            CloseReason::ParseError => "parse error",
        })
    }
}

/// A message of the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data<'a> {
    /// Text.
    Text(&'a str),
    /// Bytes.
    Binary(Cow<'a, [u8]>),
}

/// What happened to a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// A packet came over the session's transport.
    Packet(Packet<'a>),
    /// A GET arrived.
    PollOpened,
    /// The waiting GET was answered.
    PollAnswered,
    /// The waiting GET was cut off by the client.
    PollAborted,
    /// A POST arrived.
    PostOpened,
    /// The POST was read to its end.
    PostEnded,
    /// A stream of this kind with this session's id arrived.
    UpgradeOpened(Transport),
    /// A packet came over the stream that is not yet the session's transport.
    ProbePacket(Packet<'a>),
    /// The stream that is not yet the session's transport is gone.
    UpgradeLost,
    /// The session's transport is gone.
    TransportLost(CloseReason),
    /// The server wants the session to end.
    Close,
    /// A poll is answered with the close packet.
    FarewellSent,
    /// The server has stopped reading, so what keeps the session alive may be on its way: it gets its full time again.
    ReadingHeld,
    /// Nothing but time passed.
    Tick,
}

/// What is to be done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action<'a> {
    /// Nothing.
    None,
    /// Give the message to the application.
    Deliver(Data<'a>),
    /// Send a ping packet.
    SendPing,
    /// Answer a client's ping, which only clients of protocol 3 send.
    SendPong,
    /// Answer the request with [`BadRequest`](super::RequestError::BadRequest), or close the stream that
    /// asked; the session is unharmed.
    Refuse,
    /// Send `3probe` on the upgrading stream and end the waiting GET.
    AnswerProbe,
    /// End the waiting GET with a noop, as an upgrade is going on.
    ReleasePoll,
    /// The upgrading stream is the session's transport from now on.
    Switch,
    /// Close the upgrading stream; the session goes on over polling.
    DropUpgrade,
    /// The session has ended for the application. The poll that waits, or the next, will fetch what was sent before, and
    /// the one after the last of it the close packet.
    AwaitLastPoll,
    /// Answer this poll with what is waiting, and the next poll goes on. If nothing is waiting, answer it with a close
    /// packet and tell so with [`Input::FarewellSent`].
    Farewell,
    /// The session has ended: tell the client if it can still hear, then forget the session.
    Close(CloseReason),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// The application closed the session while an upgrade was going on.
    ClosingAfterUpgrade,
    Closing {
        until: Instant,
    },
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Upgrade {
    None,
    Probing { to: Transport, until: Instant },
    Probed { to: Transport, until: Instant },
}

/// The state of one session.
#[derive(Clone, Debug)]
pub struct Session {
    phase: Phase,
    transport: Transport,
    upgrade: Upgrade,
    heartbeat: Heartbeat,
    /// When the ping was sent that is not answered yet, and when the last one that is.
    pinged: Option<Instant>,
    confirmed: Option<Instant>,
    polling: bool,
    posting: bool,
}

impl Session {
    /// A session of protocol 4 that was opened over `transport`.
    #[must_use]
    pub fn new(transport: Transport, config: &Config, now: Instant) -> Self {
        Self::with_revision(Revision::V4, transport, config, now)
    }

    /// A session that was opened over `transport`.
    #[must_use]
    pub fn with_revision(revision: Revision, transport: Transport, config: &Config, now: Instant) -> Self {
        Self {
            phase: Phase::Open,
            transport,
            upgrade: Upgrade::None,
            heartbeat: Heartbeat::new(revision, config, now),
            pinged: None,
            confirmed: None,
            polling: false,
            posting: false,
        }
    }

    /// The transport in use.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// Whether messages may still be sent and received.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Whether nothing can happen to this session any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// Whether the session is over but for the last packets, which polls are to fetch.
    #[must_use]
    pub fn awaits_last_poll(&self) -> bool {
        matches!(self.phase, Phase::Closing { .. })
    }

    /// Whether a stream is on its way to become the transport.
    #[must_use]
    pub fn is_upgrading(&self) -> bool {
        self.upgrade != Upgrade::None
    }

    /// Whether a GET is waiting for packets.
    #[must_use]
    pub fn is_polling(&self) -> bool {
        self.polling
    }

    /// When the last ping was sent that the client has answered. As packets keep their order, the client has got all
    /// that was sent before.
    #[must_use]
    pub fn confirmed(&self) -> Option<Instant> {
        self.confirmed
    }

    /// When [`Input::Tick`] is due; `None` for a closed session.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let heartbeat = self.heartbeat.deadline();
        match (self.phase, self.upgrade) {
            (Phase::Closed, _) => None,
            (Phase::Closing { until }, _) => Some(until),
            (_, Upgrade::Probing { until, .. } | Upgrade::Probed { until, .. }) => Some(until.min(heartbeat)),
            (_, Upgrade::None) => Some(heartbeat),
        }
    }

    /// Takes in what happened at `now` and tells what is to be done.
    pub fn handle<'a>(&mut self, input: Input<'a>, config: &Config, now: Instant) -> Action<'a> {
        if self.phase == Phase::Closed {
            return self.handle_closed(&input);
        }
        match input {
            Input::Packet(packet) => self.on_packet(packet, config, now),
            Input::PollOpened => self.on_poll(),
            Input::PollAnswered => {
                self.polling = false;
                Action::None
            }
            Input::PollAborted => {
                self.polling = false;
                self.close(CloseReason::TransportError)
            }
            Input::PostOpened => self.on_post(),
            Input::PostEnded => {
                self.posting = false;
                Action::None
            }
            Input::UpgradeOpened(to) => self.on_upgrade(to, config, now),
            Input::ProbePacket(packet) => self.on_probe(&packet, config, now),
            Input::UpgradeLost => self.end_upgrade(config, now, Action::None),
            Input::TransportLost(reason) => self.close(reason),
            Input::Close => self.on_close(config, now),
            Input::FarewellSent => self.close(CloseReason::ForcedClose),
            Input::ReadingHeld => {
                self.heartbeat.extend(config, now);
                Action::None
            }
            Input::Tick => self.on_tick(config, now),
        }
    }

    /// A closed session refuses newcomers and ignores the rest.
    fn handle_closed<'a>(&self, input: &Input<'_>) -> Action<'a> {
        match input {
            Input::PollOpened | Input::PostOpened | Input::UpgradeOpened(_) => Action::Refuse,
            Input::ProbePacket(_) => Action::DropUpgrade,
            Input::Packet(_)
            | Input::PollAnswered
            | Input::PollAborted
            | Input::PostEnded
            | Input::UpgradeLost
            | Input::TransportLost(_)
            | Input::Close
            | Input::FarewellSent
            | Input::ReadingHeld
            | Input::Tick => Action::None,
        }
    }

    fn on_packet<'a>(&mut self, packet: Packet<'a>, config: &Config, now: Instant) -> Action<'a> {
        // While a close waits for an upgrade, the client must still show that it is there.
        let is_heartbeat = matches!(packet, Packet::Ping(_) | Packet::Pong(_));
        let is_heard = is_heartbeat && self.phase == Phase::ClosingAfterUpgrade;
        if self.phase != Phase::Open && !is_heard {
            let leaves = packet == Packet::Close;
            return if leaves { self.close(CloseReason::TransportClose) } else { Action::None };
        }
        match packet {
            Packet::Message(text) => Action::Deliver(Data::Text(text)),
            Packet::Binary(bytes) => Action::Deliver(Data::Binary(bytes)),
            Packet::Pong(_) if self.heartbeat.on_pong(config, now) => {
                self.confirmed = self.pinged.take().or(self.confirmed);
                Action::None
            }
            Packet::Ping(_) if self.heartbeat.on_ping(config, now) => Action::SendPong,
            // The heartbeat goes one way only.
            Packet::Ping(_) | Packet::Pong(_) => self.close(CloseReason::TransportError),
            Packet::Close => self.close(CloseReason::TransportClose),
            Packet::Open(_) | Packet::Upgrade | Packet::Noop => Action::None,
        }
    }

    fn on_poll<'a>(&mut self) -> Action<'a> {
        if self.transport.is_stream() {
            return Action::Refuse;
        }
        if self.polling {
            return self.close(CloseReason::TransportError);
        }
        self.polling = true;
        if matches!(self.phase, Phase::Closing { .. }) {
            return Action::Farewell;
        }
        match self.upgrade {
            Upgrade::Probed { .. } => Action::ReleasePoll,
            Upgrade::None | Upgrade::Probing { .. } => Action::None,
        }
    }

    fn on_post<'a>(&mut self) -> Action<'a> {
        if self.transport.is_stream() {
            return Action::Refuse;
        }
        if self.posting {
            return self.close(CloseReason::TransportError);
        }
        self.posting = true;
        Action::None
    }

    fn on_upgrade<'a>(&mut self, to: Transport, config: &Config, now: Instant) -> Action<'a> {
        let free = to.is_stream() && !self.transport.is_stream() && self.upgrade == Upgrade::None;
        if !free || self.phase != Phase::Open || !config.allow_upgrades {
            return Action::Refuse;
        }
        self.upgrade = Upgrade::Probing { to, until: after(now, config.upgrade_timeout) };
        Action::None
    }

    fn on_probe<'a>(&mut self, packet: &Packet<'_>, config: &Config, now: Instant) -> Action<'a> {
        match (self.upgrade, packet) {
            (Upgrade::Probing { to, until }, Packet::Ping("probe")) => {
                self.upgrade = Upgrade::Probed { to, until };
                Action::AnswerProbe
            }
            (Upgrade::Probed { to, .. }, Packet::Upgrade) => {
                self.transport = to;
                self.upgrade = Upgrade::None;
                // A pong may have been on its way over the old transport.
                self.heartbeat.extend(config, now);
                Action::Switch
            }
            _ => self.end_upgrade(config, now, Action::DropUpgrade),
        }
    }

    /// Forgets the upgrade; a close that waited for it goes on over polling.
    fn end_upgrade<'a>(&mut self, config: &Config, now: Instant, action: Action<'a>) -> Action<'a> {
        self.upgrade = Upgrade::None;
        if self.phase == Phase::ClosingAfterUpgrade {
            self.phase = Phase::Closing { until: after(now, config.close_timeout) };
        }
        action
    }

    fn on_close<'a>(&mut self, config: &Config, now: Instant) -> Action<'a> {
        if self.phase != Phase::Open {
            // A second call after the switch completes a close that waited for it.
            return if self.transport.is_stream() {
                self.close(CloseReason::ForcedClose)
            } else {
                Action::None
            };
        }
        if self.upgrade != Upgrade::None {
            self.phase = Phase::ClosingAfterUpgrade;
            return Action::AwaitLastPoll;
        }
        if self.transport.is_stream() {
            return self.close(CloseReason::ForcedClose);
        }
        self.phase = Phase::Closing { until: after(now, config.close_timeout) };
        Action::AwaitLastPoll
    }

    fn on_tick<'a>(&mut self, config: &Config, now: Instant) -> Action<'a> {
        if let Phase::Closing { until } = self.phase {
            return if now >= until { self.close(CloseReason::ForcedClose) } else { Action::None };
        }
        if let Upgrade::Probing { until, .. } | Upgrade::Probed { until, .. } = self.upgrade
            && now >= until
        {
            return self.end_upgrade(config, now, Action::DropUpgrade);
        }
        match self.heartbeat.tick(config, now) {
            Beat::Nothing => Action::None,
            Beat::Ping => {
                self.pinged = Some(now);
                Action::SendPing
            }
            Beat::TimedOut => self.close(CloseReason::PingTimeout),
        }
    }

    fn close<'a>(&mut self, reason: CloseReason) -> Action<'a> {
        self.phase = Phase::Closed;
        self.upgrade = Upgrade::None;
        Action::Close(reason)
    }
}

#[cfg(test)]
mod tests;
