//! What can be wrong with a run.

use std::{fmt, io};

/// The kinds of faults; each ends the run and makes the program exit with failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// A setting that no run can be made with.
    Setting,
    /// A connection could not be made, failed, or was closed by the server.
    Connection,
    /// The server said something that the protocol does not allow, or refused what was asked.
    Protocol,
    /// A message was lost or overtaken by a later one.
    Order,
    /// A message came twice, or without having been asked for.
    Doubled,
    /// A message came with other bytes than were sent.
    Payload,
    /// What was expected did not come in time.
    Stalled,
}

/// Why a run does not count.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{kind}: {text}")]
pub struct Fault {
    /// What kind of fault it is.
    pub kind: FaultKind,
    /// What was wanted, and what came.
    pub text: String,
}

impl Fault {
    pub(crate) fn new(kind: FaultKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }

    pub(crate) fn setting(text: impl Into<String>) -> Self {
        Self::new(FaultKind::Setting, text)
    }

    pub(crate) fn protocol(text: impl Into<String>) -> Self {
        Self::new(FaultKind::Protocol, text)
    }

    pub(crate) fn connection(what: &str, error: &io::Error) -> Self {
        Self::new(FaultKind::Connection, format!("{what}: {error}"))
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FaultKind::Setting => "setting",
            FaultKind::Connection => "connection",
            FaultKind::Protocol => "protocol",
            FaultKind::Order => "lost or out of order",
            FaultKind::Doubled => "doubled",
            FaultKind::Payload => "payload",
            FaultKind::Stalled => "stalled",
        })
    }
}

/// Shows the start of something received, for error texts.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(120)]);
    if bytes.len() > 120 { format!("`{shown}…` ({} bytes)", bytes.len()) } else { format!("`{shown}`") }
}
