//! What a store's failure means to a client.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::{chat::rules, error::Error, store::StoreError};

use super::clock::now_seconds;

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let text = error.to_string();
        match error {
            StoreError::EmailTaken => Self::Conflict(text.into()),
            StoreError::NoSuchRoom(code) => rules::no_such_room(&code.0),
            StoreError::NotInRoom(_) | StoreError::NotMember(_) => Self::Forbidden(text.into()),
            StoreError::BadCursor => Self::Invalid(text.into()),
            StoreError::Unavailable(_) => {
                log_outage(&text);
                Self::Unavailable
            }
            StoreError::Corrupt(_) => {
                tracing::error!("{text}");
                Self::Internal
            }
        }
    }
}

/// Logs that the store is away, at most once a second: every request notices it.
fn log_outage(text: &str) {
    static LAST: AtomicI64 = AtomicI64::new(0);
    let now = now_seconds();
    if LAST.swap(now, Ordering::Relaxed) != now {
        tracing::warn!("{text}");
    }
}
