//! Who pings, and until when an answer may take: the server in protocol 4, the client in protocol 3.

use std::time::Instant;

use super::revision::Revision;
use crate::config::{Config, after};

/// What a session waits for to know that its client is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heartbeat {
    /// The time to send a ping.
    PingAt(Instant),
    /// A pong is owed until then.
    PongUntil(Instant),
    /// In protocol 3 the client pings, and has the interval and the time-out together for it.
    PingUntil(Instant),
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    Nothing,
    Ping,
    TimedOut,
}

impl Heartbeat {
    pub(super) fn new(revision: Revision, config: &Config, now: Instant) -> Self {
        match revision {
            Revision::V3 => Self::await_ping(config, now),
            Revision::V4 => Self::PingAt(after(now, config.ping_interval)),
        }
    }

    fn await_ping(config: &Config, now: Instant) -> Self {
        Self::PingUntil(after(now, config.ping_interval.saturating_add(config.ping_timeout)))
    }

    pub(super) fn deadline(self) -> Instant {
        match self {
            Self::PingAt(at) | Self::PongUntil(at) | Self::PingUntil(at) => at,
        }
    }

    /// Takes a ping; answers whether it was the client's to send.
    pub(super) fn on_ping(&mut self, config: &Config, now: Instant) -> bool {
        let is_due = matches!(self, Self::PingUntil(_));
        if is_due {
            *self = Self::await_ping(config, now);
        }
        is_due
    }

    /// Takes a pong; answers whether it was the client's to send.
    pub(super) fn on_pong(&mut self, config: &Config, now: Instant) -> bool {
        // Only the pong that is owed re-arms the ping; a flood of others changes nothing.
        if let Self::PongUntil(_) = self {
            *self = Self::PingAt(after(now, config.ping_interval));
        }
        !matches!(self, Self::PingUntil(_))
    }

    /// Gives what the client owes its full time again.
    pub(super) fn extend(&mut self, config: &Config, now: Instant) {
        match self {
            Self::PongUntil(until) => *until = after(now, config.ping_timeout),
            Self::PingUntil(_) => *self = Self::await_ping(config, now),
            Self::PingAt(_) => {}
        }
    }

    pub(super) fn tick(&mut self, config: &Config, now: Instant) -> Beat {
        if now < self.deadline() {
            return Beat::Nothing;
        }
        match self {
            Self::PongUntil(_) | Self::PingUntil(_) => Beat::TimedOut,
            Self::PingAt(_) => {
                *self = Self::PongUntil(after(now, config.ping_timeout));
                Beat::Ping
            }
        }
    }
}
