//! Why a socket left its namespace.

use std::fmt;

use crate::engine::CloseReason;

/// Why a socket was disconnected; prints the reference implementation's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DisconnectReason {
    /// The client left this namespace.
    ClientNamespaceDisconnect,
    /// The server ended the client's stay in this namespace.
    ServerNamespaceDisconnect,
    /// The server closed the whole connection, because it wanted to or because of a violation.
    ForcedServerClose,
    /// The server is stopping.
    ServerShuttingDown,
    /// The socket's [deadline](super::Socket::set_deadline) has passed. The reference implementation has no such reason.
    Expired,
    /// The session below ended.
    Transport(CloseReason),
}

impl DisconnectReason {
    /// Whether the client may come back to its session, if [`Config::connection_state_recovery`] is set: after a
    /// connection that broke, was closed or timed out, but not after either side has ended the stay, nor after
    /// something that could not be read.
    ///
    /// [`Config::connection_state_recovery`]: crate::Config::connection_state_recovery
    #[must_use]
    pub fn is_recoverable(self) -> bool {
        match self {
            Self::ForcedServerClose | Self::ServerShuttingDown => true,
            Self::Transport(reason) => match reason {
                CloseReason::TransportError
                | CloseReason::TransportClose
                | CloseReason::ForcedClose
                | CloseReason::PingTimeout => true,
                CloseReason::ParseError => false,
            },
            Self::ClientNamespaceDisconnect | Self::ServerNamespaceDisconnect | Self::Expired => false,
        }
    }
}

/// Why a socket was disconnected, with all that is known of it. Listeners of `disconnecting` and `disconnect` may ask for
/// it in place of the reason.
///
/// # Examples
/// ```no_run
/// # use engineio::{DisconnectDetails, Server};
/// # let io = Server::new();
/// io.of("/").on_disconnect(|why: DisconnectDetails| {
///     // "transport error: message of more than 1000000 bytes"
///     println!("{why}");
/// });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisconnectDetails {
    /// The reason.
    pub reason: DisconnectReason,
    /// What exactly happened, if more is known. Part of it may be what the client sent.
    pub description: Option<String>,
}

impl fmt::Display for DisconnectDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)?;
        self.description.as_ref().map_or(Ok(()), |description| write!(f, ": {description}"))
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClientNamespaceDisconnect => f.write_str("client namespace disconnect"),
            Self::ServerNamespaceDisconnect => f.write_str("server namespace disconnect"),
            Self::ForcedServerClose => f.write_str("forced server close"),
            Self::ServerShuttingDown => f.write_str("server shutting down"),
            Self::Expired => f.write_str("expired"),
            Self::Transport(reason) => reason.fmt(f),
        }
    }
}
