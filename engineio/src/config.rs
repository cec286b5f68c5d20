//! Every limit and interval, with its unit and default.

mod connections;
mod recovery;

use std::time::{Duration, Instant};

pub use connections::ConnectionLimits;
pub use recovery::Recovery;

/// How packets are written, which must be the same on both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parser {
    /// Text with JSON, and a message for each attachment: what every client speaks.
    #[default]
    Json,
    /// One binary message for each packet: for clients with the option `parser: require("socket.io-msgpack-parser")`,
    /// or with the browser bundle `socket.io.msgpack.min.js`. Binary data inside events is then cheaper.
    ///
    /// A program need not know. Its listeners get what a client with the other parser would have sent: a `Date` as text
    /// in ISO 8601, and `undefined` as `null` in arrays and left out of objects. Arguments may take up to six times the
    /// bytes that came, as `[false, …]` does.
    Msgpack,
}

/// The intervals and limits of a server.
///
/// Each value bounds what one client can cost; past a limit that client's packet, request or connection ends
/// and nobody else's. The defaults of the protocol's own options are those of the reference implementation.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use engineio::Config;
///
/// let config = Config { ping_interval: Duration::from_secs(10), ..Config::default() };
/// assert!(config.validate().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// How packets are written. Default [`Parser::Json`].
    pub parser: Parser,
    /// The time between a pong (or the open) and the next ping. Default 25 s.
    pub ping_interval: Duration,
    /// The time a pong may take before the session ends with "ping timeout". Default 20 s.
    pub ping_timeout: Duration,
    /// The time an upgrade may take before its stream is closed; polling goes on. A WebTransport client has as long from
    /// its first packet of UDP to its first packet of Engine.IO. Default 10 s.
    pub upgrade_timeout: Duration,
    /// The time from the open packet to the first CONNECT before the connection is closed. Default 45 s.
    pub connect_timeout: Duration,
    /// The time a polling client has to fetch the close packet of a session the server ended. Default 30 s.
    pub close_timeout: Duration,
    /// The time between the attachments of one binary packet. Default 10 s.
    pub attachment_timeout: Duration,
    /// The time within which each kilobyte of a request body must arrive. Default 10 s.
    pub body_timeout: Duration,
    /// The largest POST body, WebSocket message and WebTransport packet in bytes, told to the client as `maxPayload`.
    /// The attachments of one packet together obey it as well. Default 1,000,000.
    pub max_payload: usize,
    /// Whether HTTP long-polling is offered. Default true.
    pub polling: bool,
    /// Whether WebSocket is offered. Default true.
    pub websocket: bool,
    /// Whether WebTransport is offered, once there is an endpoint for it. Default false, as in the reference.
    pub webtransport: bool,
    /// Whether a polling session may move to WebSocket or WebTransport. Default true.
    pub allow_upgrades: bool,
    /// Whether clients of Engine.IO protocol 3 are served, which Socket.IO 2 speaks. The socket ids of such clients are
    /// made of their sessions' secret ids, so they should not be told to others. Default false.
    pub allow_eio3: bool,
    /// The binary attachments of one packet. Default 10, which the newest clients refuse to exceed as well.
    pub max_attachments: usize,
    /// The depth of nested arrays and objects in an event's JSON, 128 at most. Default 128.
    pub max_json_depth: usize,
    /// The arguments of one event. Default 1,000.
    pub max_event_args: usize,
    /// The namespaces one connection may be in. Default 64.
    pub max_namespaces: usize,
    /// The length of a namespace's name in bytes. Default 256.
    pub max_namespace_bytes: usize,
    /// The namespaces that exist because clients asked for them, of all connections together; past it, the one that has
    /// been empty for longest is given up, and if none is empty, the client is refused. Default 10,000.
    pub max_dynamic_namespaces: usize,
    /// Whether a namespace that was made because a client asked for it is given up as soon as its last client has left or
    /// has been refused; it is made anew when a client asks again. Default false.
    pub cleanup_empty_child_namespaces: bool,
    /// The rooms one socket may be in. Default 1,024.
    pub max_rooms: usize,
    /// The length of a room's name in bytes. Default 256.
    pub max_room_bytes: usize,
    /// The bytes that may wait for one connection behind the packet that is being written; for a client for which more
    /// is sent, [`Config::overflow`] says what happens. Default 1 MiB.
    pub max_queued_bytes: usize,
    /// The packets waiting to be written to one connection. Default 4,096.
    pub max_queued_packets: usize,
    /// What becomes of a client that reads more slowly than events are sent to it, so that its queue is full. Default
    /// [`Overflow::Disconnect`].
    pub overflow: Overflow,
    /// The events of one connection that wait for listeners before the server stops reading from it. Default 1,024.
    pub max_waiting_events: usize,
    /// The bytes of these events before the server stops reading. Default 1 MiB.
    pub max_waiting_bytes: usize,
    /// The acknowledgements one socket may owe the server. Default 1,024.
    pub max_pending_acks: usize,
    /// The time a client has to acknowledge an event that was sent without a time-out of its own. Default 60 s.
    pub ack_timeout: Duration,
    /// The time other servers of a cluster have to answer, be it to a client that comes back from one of them. Default
    /// 5 s.
    pub cluster_timeout: Duration,
    /// The frames one WebSocket message may be split into, empty ones counted. Default 16,384.
    pub max_fragments: usize,
    /// The packets of one polling response; python-engineio drops the connection past 16. Default 16.
    pub max_packets_per_poll: usize,
    /// How many sessions there may be, over all transports and services. An address is the client's, as
    /// [`Options::client_address`](crate::server::Options::client_address) tells it. Default: not limited.
    pub sessions: ConnectionLimits,
    /// How many TCP connections there may be, counted by [`Server::listen`](crate::Server::listen) and
    /// [`Door`](crate::server::Door) by the address they come from. Polling clients may have several for a session.
    /// Default: not limited.
    pub connections: ConnectionLimits,
    /// What is kept for clients whose connection is lost, so that they come back to their id, their rooms and the
    /// events they missed. Default `None`: nothing is kept, and nothing is paid for it.
    pub connection_state_recovery: Option<Recovery>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            parser: Parser::default(),
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            upgrade_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(45),
            close_timeout: Duration::from_secs(30),
            attachment_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(10),
            max_payload: 1_000_000,
            polling: true,
            websocket: true,
            webtransport: false,
            allow_upgrades: true,
            allow_eio3: false,
            max_attachments: 10,
            max_json_depth: 128,
            max_event_args: 1_000,
            max_namespaces: 64,
            max_namespace_bytes: 256,
            max_dynamic_namespaces: 10_000,
            cleanup_empty_child_namespaces: false,
            max_rooms: 1_024,
            max_room_bytes: 256,
            max_queued_bytes: 1 << 20,
            max_queued_packets: 4_096,
            overflow: Overflow::Disconnect,
            max_waiting_events: 1_024,
            max_waiting_bytes: 1 << 20,
            max_pending_acks: 1_024,
            ack_timeout: Duration::from_secs(60),
            cluster_timeout: Duration::from_secs(5),
            max_fragments: 16_384,
            max_packets_per_poll: 16,
            sessions: ConnectionLimits::default(),
            connections: ConnectionLimits::default(),
            connection_state_recovery: None,
        }
    }
}

/// The deepest nesting of JSON that is ever taken in: one bit is kept for each open array or object.
pub(crate) const MAX_JSON_DEPTH: usize = 128;

/// What becomes of a client whose queue is full.
///
/// Whatever it is, an event that was [sent as droppable](crate::Emission::droppable) never closes the connection: it is
/// dropped itself. Events are dropped as a whole, with their attachments; packets of the protocol, answers and events
/// that are to be answered are never dropped. What is dropped is missing at the client without a word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// The connection is closed; the official clients come back by themselves.
    #[default]
    Disconnect,
    /// Droppable events that wait make room, the oldest first. If that is not enough, the connection is closed.
    DropVolatile,
    /// The oldest events that wait make room. If that is not enough, the connection is closed.
    DropOldest,
}

/// A setting that no server can work with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{setting}` must be {wanted}")]
pub struct ConfigError {
    setting: &'static str,
    wanted: &'static str,
}

impl Config {
    /// Checks that the values make sense together.
    ///
    /// # Errors
    /// Names the first setting that does not, and what it must be.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let away =
            self.connection_state_recovery.as_ref().map(|recovery| recovery.max_disconnection_duration);
        let rules = [
            (self.polling || self.websocket || self.webtransport, "websocket", "on when polling is off"),
            (!self.ping_interval.is_zero(), "ping_interval", "longer than zero"),
            (!self.ping_timeout.is_zero(), "ping_timeout", "longer than zero"),
            (!self.connect_timeout.is_zero(), "connect_timeout", "longer than zero"),
            (!self.body_timeout.is_zero(), "body_timeout", "longer than zero"),
            (self.max_payload >= 128, "max_payload", "at least 128 bytes"),
            (self.max_queued_packets > 0, "max_queued_packets", "at least 1"),
            (self.max_waiting_events > 0, "max_waiting_events", "at least 1"),
            (self.max_waiting_bytes > 0, "max_waiting_bytes", "at least 1"),
            (self.max_packets_per_poll > 0, "max_packets_per_poll", "at least 1"),
            ((1..=MAX_JSON_DEPTH).contains(&self.max_json_depth), "max_json_depth", "1 to 128"),
            (self.sessions.is_sensible(), "sessions", "off or at least 1"),
            (self.connections.is_sensible(), "connections", "off or at least 1"),
            (away != Some(Duration::ZERO), "max_disconnection_duration", "longer than zero"),
        ];
        match rules.into_iter().find(|(holds, ..)| !holds) {
            Some((_, setting, wanted)) => Err(ConfigError { setting, wanted }),
            None => Ok(()),
        }
    }
}

/// The time `duration` after `now`; a duration so long that it has no end, such as [`Duration::MAX`], ends in 30 years.
pub(crate) fn after(now: Instant, duration: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
    now + duration.min(FAR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_without_end_can_be_waited_for() {
        let now = Instant::now();
        assert_eq!(after(now, Duration::from_secs(1)), now + Duration::from_secs(1));
        assert!(after(now, Duration::MAX) > now + Duration::from_secs(1_000_000));
    }

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(Config::default().validate(), Ok(()));
    }

    #[test]
    fn a_senseless_value_is_named() {
        let config = Config { polling: false, websocket: false, ..Config::default() };
        let error = config.validate().expect_err("no transport is left");
        assert_eq!(error.to_string(), "`websocket` must be on when polling is off");
    }
}
