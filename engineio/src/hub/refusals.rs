//! What was refused, why and how often; and how many lines the log gets of it.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use super::gate::Full;
use crate::socketio::{AssemblyError, DecodeError, Fault};

/// The lines of one kind that the log gets in a second; the next line says how many were left out.
const LINES_PER_SECOND: u64 = 10;

/// Declares the kinds together with their names, so that neither list can miss one.
macro_rules! refusals {
    ($($(#[$doc:meta])+ $kind:ident = $name:literal,)+) => {
        /// Which limit a client came up against.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Refusal {
            $($(#[$doc])+ $kind,)+
        }

        impl Refusal {
            /// All there are.
            pub const ALL: &[Refusal] = &[$(Refusal::$kind,)+];

            /// A name for logs and metrics, such as `ping_timeout`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Refusal::$kind => $name,)+
                }
            }
        }
    };
}

refusals! {
    /// A connection past [`ConnectionLimits::max`](crate::ConnectionLimits::max).
    Connections = "connections",
    /// A connection past [`ConnectionLimits::max_per_address`](crate::ConnectionLimits::max_per_address).
    ConnectionsOfAddress = "connections_of_address",
    /// A connection past [`ConnectionLimits::max_new_per_second`](crate::ConnectionLimits::max_new_per_second).
    ConnectionRate = "connection_rate",
    /// A connection past [`ConnectionLimits::max_new_per_second_per_address`](crate::ConnectionLimits::max_new_per_second_per_address).
    ConnectionRateOfAddress = "connection_rate_of_address",
    /// A session past [`ConnectionLimits::max`](crate::ConnectionLimits::max).
    Sessions = "sessions",
    /// A session past [`ConnectionLimits::max_per_address`](crate::ConnectionLimits::max_per_address).
    SessionsOfAddress = "sessions_of_address",
    /// A session past [`ConnectionLimits::max_new_per_second`](crate::ConnectionLimits::max_new_per_second).
    SessionRate = "session_rate",
    /// A session past [`ConnectionLimits::max_new_per_second_per_address`](crate::ConnectionLimits::max_new_per_second_per_address).
    SessionRateOfAddress = "session_rate_of_address",
    /// A WebTransport client past those that may be between their first UDP packet and their session.
    WebtransportOpening = "webtransport_opening",
    /// A request head of too many bytes or lines.
    HeadTooLarge = "head_too_large",
    /// A request head that did not come in time.
    HeadTimeout = "head_timeout",
    /// A handshake of a foreign origin, or one that `allow_request` did not allow.
    Forbidden = "forbidden",
    /// A body, a message or attachments past [`Config::max_payload`](crate::Config::max_payload).
    Payload = "payload",
    /// A body slower than [`Config::body_timeout`](crate::Config::body_timeout).
    BodyTimeout = "body_timeout",
    /// A message of more frames than [`Config::max_fragments`](crate::Config::max_fragments).
    Fragments = "fragments",
    /// A packet that cannot be read or has no place here.
    Protocol = "protocol",
    /// A packet past [`Config::max_attachments`](crate::Config::max_attachments).
    Attachments = "attachments",
    /// An attachment later than [`Config::attachment_timeout`](crate::Config::attachment_timeout).
    AttachmentTimeout = "attachment_timeout",
    /// JSON past [`Config::max_json_depth`](crate::Config::max_json_depth).
    JsonDepth = "json_depth",
    /// An event past [`Config::max_event_args`](crate::Config::max_event_args).
    EventArgs = "event_args",
    /// A namespace past [`Config::max_namespaces`](crate::Config::max_namespaces) or with a name that is too long.
    Namespaces = "namespaces",
    /// A namespace past [`Config::max_dynamic_namespaces`](crate::Config::max_dynamic_namespaces).
    DynamicNamespaces = "dynamic_namespaces",
    /// A room past [`Config::max_rooms`](crate::Config::max_rooms) or with a name that is too long.
    Rooms = "rooms",
    /// A session that other servers were not asked for, past [`Recovery::max_claims`](crate::Recovery::max_claims).
    SessionClaims = "session_claims",
    /// A client closed as its queue was full.
    SlowReader = "slow_reader",
    /// An event that was dropped by [`Overflow::DropOldest`](crate::Overflow::DropOldest).
    DroppedOldest = "dropped_oldest",
    /// A droppable event that found no room, or had to make room by
    /// [`Overflow::DropVolatile`](crate::Overflow::DropVolatile).
    DroppedDroppable = "dropped_droppable",
    /// A WebSocket pong that was not written yet when a newer one took its place.
    Pongs = "pongs",
    /// An event past [`Config::max_pending_acks`](crate::Config::max_pending_acks).
    PendingAcks = "pending_acks",
    /// An answer that did not come within [`Config::ack_timeout`](crate::Config::ack_timeout), or within the time that
    /// the program gave it.
    AckTimeout = "ack_timeout",
    /// A session that ended as a pong did not come.
    PingTimeout = "ping_timeout",
    /// A connection without a CONNECT in [`Config::connect_timeout`](crate::Config::connect_timeout).
    ConnectTimeout = "connect_timeout",
    /// An upgrade that took longer than [`Config::upgrade_timeout`](crate::Config::upgrade_timeout).
    UpgradeTimeout = "upgrade_timeout",
    /// A session whose last packets were not fetched within [`Config::close_timeout`](crate::Config::close_timeout).
    CloseTimeout = "close_timeout",
}

impl Refusal {
    /// A connection that was not let in.
    #[must_use]
    pub fn of_connection(full: Full) -> Self {
        match full {
            Full::InAll => Refusal::Connections,
            Full::OfAddress => Refusal::ConnectionsOfAddress,
            Full::PerSecond => Refusal::ConnectionRate,
            Full::OfAddressPerSecond => Refusal::ConnectionRateOfAddress,
        }
    }

    /// A session that was not let in.
    #[must_use]
    pub fn of_session(full: Full) -> Self {
        match full {
            Full::InAll => Refusal::Sessions,
            Full::OfAddress => Refusal::SessionsOfAddress,
            Full::PerSecond => Refusal::SessionRate,
            Full::OfAddressPerSecond => Refusal::SessionRateOfAddress,
        }
    }
}

impl From<&Fault> for Refusal {
    fn from(fault: &Fault) -> Self {
        match fault {
            Fault::Decode(DecodeError::TooManyAttachments { .. }) => Refusal::Attachments,
            Fault::Decode(DecodeError::TooDeep { .. }) => Refusal::JsonDepth,
            Fault::Decode(DecodeError::TooManyArguments { .. }) => Refusal::EventArgs,
            Fault::Assembly(AssemblyError::TooLong { .. }) => Refusal::Payload,
            Fault::AttachmentTimeout => Refusal::AttachmentTimeout,
            Fault::ConnectTimeout => Refusal::ConnectTimeout,
            Fault::TooManyNamespaces => Refusal::Namespaces,
            Fault::Decode(_)
            | Fault::Assembly(AssemblyError::TextInstead | AssemblyError::Unannounced)
            | Fault::NotJoined(_)
            | Fault::SecondConnect(_)
            | Fault::ConnectError => Refusal::Protocol,
        }
    }
}

/// One counter for each [`Refusal`]; nothing else is done for it until something is refused.
///
/// # Examples
/// ```
/// use engineio::{Refusal, Server};
///
/// let io = Server::new();
/// assert_eq!(io.refusals().count(Refusal::PingTimeout), 0);
/// for (refusal, count) in io.refusals().iter() {
///     println!("{} {count}", refusal.name());
/// }
/// ```
#[derive(Debug)]
pub struct Refusals {
    slots: [Slot; Refusal::ALL.len()],
    start: OnceLock<Instant>,
}

#[derive(Debug, Default)]
struct Slot {
    count: AtomicU64,
    /// The second, since the first refusal of all, in which the lines were written.
    second: AtomicU64,
    lines: AtomicU64,
    left_out: AtomicU64,
}

impl Default for Refusals {
    fn default() -> Self {
        // Arrays of this length have no default of their own.
        Self { slots: std::array::from_fn(|_| Slot::default()), start: OnceLock::new() }
    }
}

impl Refusals {
    /// How often this was refused.
    #[must_use]
    pub fn count(&self, refusal: Refusal) -> u64 {
        self.slots[refusal as usize].count.load(Ordering::Relaxed)
    }

    /// How often each was refused.
    pub fn iter(&self) -> impl Iterator<Item = (Refusal, u64)> + '_ {
        Refusal::ALL.iter().map(|&refusal| (refusal, self.count(refusal)))
    }

    /// Counts what the log has no lines of.
    pub(crate) fn add(&self, refusal: Refusal, count: usize) {
        self.slots[refusal as usize].count.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Counts a refusal; answers whether the log may have a line of it. It has ten of each kind in a second, and then
    /// says how many were left out.
    pub(crate) fn note(&self, refusal: Refusal, now: Instant) -> bool {
        self.add(refusal, 1);
        let slot = &self.slots[refusal as usize];
        let start = self.start.get_or_init(|| now);
        let second = now.saturating_duration_since(*start).as_secs();
        if slot.second.swap(second, Ordering::AcqRel) != second {
            slot.lines.store(0, Ordering::Release);
            let left_out = slot.left_out.swap(0, Ordering::AcqRel);
            if left_out > 0 {
                tracing::warn!(
                    refusal = refusal.name(),
                    left_out,
                    "lines about refused clients were left out"
                );
            }
        }
        let may_log = slot.lines.fetch_add(1, Ordering::AcqRel) < LINES_PER_SECOND;
        if !may_log {
            slot.left_out.fetch_add(1, Ordering::AcqRel);
        }
        may_log
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn all_are_counted_but_only_ten_a_second_of_each_kind_are_logged() {
        let refusals = Refusals::default();
        let start = Instant::now();
        let logged = |refusal, after| {
            let now = start + Duration::from_millis(after);
            (0..1_000).filter(|_| refusals.note(refusal, now)).count()
        };
        assert_eq!(logged(Refusal::Sessions, 0), 10);
        assert_eq!(logged(Refusal::Sessions, 999), 0);
        assert_eq!(logged(Refusal::Rooms, 999), 10, "each kind has its own lines");
        assert_eq!(refusals.slots[Refusal::Sessions as usize].left_out.load(Ordering::Relaxed), 1_990);
        assert_eq!(logged(Refusal::Sessions, 1_000), 10);
        assert_eq!(refusals.count(Refusal::Sessions), 3_000);
        assert_eq!(refusals.iter().map(|(_, count)| count).sum::<u64>(), 4_000);
    }

    #[test]
    fn names_are_distinct() {
        let names: std::collections::HashSet<_> = Refusal::ALL.iter().map(|refusal| refusal.name()).collect();
        assert_eq!(names.len(), Refusal::ALL.len());
    }
}
