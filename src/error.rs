//! Why a use case failed, in words for the client and with the HTTP status that says the same.

use std::{borrow::Cow, time::Duration};

/// A failure that a client is told about.
///
/// The text is what clients read as `errorMessage`; what only operators may know is logged where it happens.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The request cannot be understood or breaks a rule of the chat (400).
    #[error("{0}")]
    Invalid(Cow<'static, str>),
    /// There is no good token, or the password is wrong (401).
    #[error("{0}")]
    Unauthenticated(Cow<'static, str>),
    /// The user may not do this (403).
    #[error("{0}")]
    Forbidden(Cow<'static, str>),
    /// What was asked for does not exist (404).
    #[error("{0}")]
    NotFound(Cow<'static, str>),
    /// Something with this name exists (409).
    #[error("{0}")]
    Conflict(Cow<'static, str>),
    /// The body is not JSON (415).
    #[error("Send the body as JSON with the header Content-Type: application/json")]
    NotJson,
    /// Too many tries or requests (429).
    #[error("Too many {what}, try again in {} s", retry_seconds(*retry_after))]
    Throttled {
        /// What there was too much of, such as "login tries".
        what: &'static str,
        /// When it is worth trying again.
        retry_after: Duration,
    },
    /// The body took too long (408).
    #[error("The body did not arrive in time")]
    BodyTimeout,
    /// The body could not be read to its end (400).
    #[error("The body ended before it was complete")]
    BodyBroken,
    /// The body is too large (413).
    #[error("The body is larger than {limit} bytes")]
    BodyTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// All workers are busy and the queue is full (503).
    #[error("The server is busy, try again in a moment")]
    Busy,
    /// The service is about to end (503).
    #[error("The server is stopping, try again in a moment")]
    Stopping,
    /// The database is away (503).
    #[error("The database is not available, try again in a moment")]
    Unavailable,
    /// A fault of the service (500).
    #[error("Something went wrong on the server")]
    Internal,
}

impl Error {
    /// A rule of the chat or of the API is broken.
    pub fn invalid(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid(text.into())
    }

    /// The HTTP status that says the same.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Invalid(_) | Self::BodyBroken => 400,
            Self::Unauthenticated(_) => 401,
            Self::Forbidden(_) => 403,
            Self::NotFound(_) => 404,
            Self::BodyTimeout => 408,
            Self::Conflict(_) => 409,
            Self::BodyTooLarge { .. } => 413,
            Self::NotJson => 415,
            Self::Throttled { .. } => 429,
            Self::Internal => 500,
            Self::Busy | Self::Stopping | Self::Unavailable => 503,
        }
    }

    /// Seconds after which a try is worthwhile, for `Retry-After`.
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::Throttled { retry_after, .. } => Some(retry_seconds(*retry_after)),
            Self::Busy | Self::Stopping | Self::Unavailable => Some(1),
            Self::Invalid(_)
            | Self::Unauthenticated(_)
            | Self::Forbidden(_)
            | Self::NotFound(_)
            | Self::Conflict(_)
            | Self::NotJson
            | Self::BodyTimeout
            | Self::BodyBroken
            | Self::BodyTooLarge { .. }
            | Self::Internal => None,
        }
    }

    /// Whether the failure concerns the transfer of the body, after which the connection cannot be used further.
    #[must_use]
    pub fn is_body_failure(&self) -> bool {
        matches!(self, Self::BodyTimeout | Self::BodyBroken | Self::BodyTooLarge { .. })
    }
}

/// Whole seconds, rounded up, at least one.
fn retry_seconds(duration: Duration) -> u64 {
    let whole = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    whole.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_throttled_client_is_told_whole_seconds() {
        let rows = [(0, 1), (999, 1), (1000, 1), (1001, 2)];
        for (millis, seconds) in rows {
            let error = Error::Throttled { what: "login tries", retry_after: Duration::from_millis(millis) };
            assert_eq!(error.retry_after_seconds(), Some(seconds));
            assert_eq!(error.to_string(), format!("Too many login tries, try again in {seconds} s"));
        }
    }
}
