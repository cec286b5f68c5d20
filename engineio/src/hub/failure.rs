//! What can go wrong with an event, and who is told.

use std::{fmt, sync::Arc};

use serde_json::json;

/// Why an event was not handled as it should be. Listeners of `on_error` get it; if there are none, it is logged.
#[derive(Clone)]
pub struct EventError(Arc<Failure>);

struct Failure {
    kind: EventErrorKind,
    event: Box<str>,
    message: String,
}

/// Whose fault it is that an event was not handled as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventErrorKind {
    /// The event's arguments have another form than its listener asks for. The sender is told if it waits for an
    /// answer.
    Arguments,
    /// A middleware has refused the event. The sender is told if it waits for an answer.
    Refused,
    /// The client sent something that is no packet or breaks a limit; the connection is being closed.
    Malformed,
    /// The listener asks for a value that neither the server nor the socket keeps. The sender is told that there was
    /// an error, and no more.
    Missing,
    /// The listener has ended with an error.
    Failed,
    /// The listener has panicked.
    Panicked,
}

impl EventErrorKind {
    /// Whether the client is to blame.
    #[must_use]
    pub fn is_of_client(self) -> bool {
        match self {
            Self::Arguments | Self::Refused | Self::Malformed => true,
            Self::Missing | Self::Failed | Self::Panicked => false,
        }
    }
}

impl EventError {
    /// An error with the event of this name.
    pub fn new(kind: EventErrorKind, event: &str, message: impl Into<String>) -> Self {
        Self(Arc::new(Failure { kind, event: event.into(), message: message.into() }))
    }

    pub(crate) fn panicked(event: &str) -> Self {
        Self::new(EventErrorKind::Panicked, event, "a listener panicked")
    }

    /// Whose fault it is.
    #[must_use]
    pub fn kind(&self) -> EventErrorKind {
        self.0.kind
    }

    /// The name of the event; empty if what the client sent is no event.
    #[must_use]
    pub fn event(&self) -> &str {
        &self.0.event
    }

    /// Whether a listener was not called because of it.
    pub(crate) fn is_refusal(&self) -> bool {
        match self.kind() {
            EventErrorKind::Arguments | EventErrorKind::Refused | EventErrorKind::Missing => true,
            EventErrorKind::Malformed | EventErrorKind::Failed | EventErrorKind::Panicked => false,
        }
    }

    /// What the sender is told: the program's own faults are none of its business.
    pub(crate) fn to_answer(&self) -> serde_json::Value {
        let text = if self.kind().is_of_client() { &self.0.message } else { "internal error" };
        json!({ "error": text })
    }

    /// Logs the error, as nobody listens for it.
    pub(crate) fn log(&self) {
        let (event, kind, error) = (self.event(), self.kind(), &*self.0.message);
        if kind.is_of_client() {
            tracing::debug!(event, ?kind, error, "an event was not taken");
        } else {
            tracing::error!(event, ?kind, error, "an event was not handled");
        }
    }
}

impl fmt::Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventError({:?}, {:?}: {})", self.0.kind, self.0.event, self.0.message)
    }
}

impl std::error::Error for EventError {}

impl PartialEq for EventError {
    fn eq(&self, other: &Self) -> bool {
        (self.0.kind, &self.0.event, &self.0.message) == (other.0.kind, &other.0.event, &other.0.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sender_is_told_of_its_own_faults_only() {
        let answer = |kind| EventError::new(kind, "ev", "why").to_answer()["error"].clone();
        assert_eq!(answer(EventErrorKind::Arguments), "why");
        assert_eq!(answer(EventErrorKind::Refused), "why");
        assert_eq!(answer(EventErrorKind::Missing), "internal error");
        assert_eq!(answer(EventErrorKind::Failed), "internal error");
    }
}
