//! What a server keeps for clients whose connection is lost.

use std::time::Duration;

/// The settings of connection state recovery, which [`Config::connection_state_recovery`] turns on.
///
/// A client that comes back in time finds its id, its rooms and its data as they were, and gets the events it missed:
/// each once and in order. What is kept for this is bounded for each namespace by time, number and size; a client for
/// which too much is gone begins anew, and finds `socket.recovered` false.
///
/// The settings are checked by [`Config::validate`].
///
/// [`Config::connection_state_recovery`]: super::Config::connection_state_recovery
/// [`Config::validate`]: super::Config::validate
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use engineio::{Config, Recovery};
///
/// let recovery = Recovery { max_disconnection_duration: Duration::from_secs(30), ..Recovery::default() };
/// let config = Config { connection_state_recovery: Some(recovery), ..Config::default() };
/// assert!(config.validate().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The time a client may be away. Default 2 minutes.
    pub max_disconnection_duration: Duration,
    /// Whether a client that comes back is let in without asking the middlewares. Default false: a token that has
    /// expired meanwhile must not open the door again. The reference implementation's default is true.
    pub skip_middlewares: bool,
    /// The events kept in one namespace; past it the oldest is forgotten. Default 65,536.
    pub max_packets: usize,
    /// The bytes of these events, as a WebSocket carries them. The form that polling clients get is made when one of
    /// them needs it, and is not counted. Default 64 MiB.
    pub max_bytes: usize,
    /// The clients that one namespace waits for; past it the one that has been away longest is given up.
    /// Default 65,536.
    pub max_sessions: usize,
    /// The clients of one namespace that wait while other servers are asked for their sessions; past it a client begins
    /// anew. Only an adapter for several servers asks. Default 1,024.
    pub max_claims: usize,
}

impl Default for Recovery {
    fn default() -> Self {
        Self {
            max_disconnection_duration: Duration::from_secs(120),
            skip_middlewares: false,
            max_packets: 65_536,
            max_bytes: 64 << 20,
            max_sessions: 65_536,
            max_claims: 1_024,
        }
    }
}
