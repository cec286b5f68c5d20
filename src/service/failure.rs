//! What a store's failure means to a client.

use parking_lot::Mutex;

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

/// After how many seconds of an outage the log is reminded of it.
const REMINDER: i64 = 60;

/// Logs that the store is away, unless it was just said: every request notices it.
fn log_outage(text: &str) {
    static OUTAGE: Outage = Outage(Mutex::new(None));
    if OUTAGE.is_news(text, now_seconds()) {
        tracing::warn!("{text}");
    }
}

/// What was logged last, and when, in seconds since the Unix epoch.
struct Outage(Mutex<Option<(String, i64)>>);

impl Outage {
    /// Whether `text` is to be logged: the same words once a minute, others once a second.
    fn is_news(&self, text: &str, now: i64) -> bool {
        let mut last = self.0.lock();
        let old = last.as_ref().is_some_and(|(said, at)| {
            let age = now - at;
            // A clock that was set back must not silence the log.
            age == 0 || (said == text && (0..REMINDER).contains(&age))
        });
        if !old {
            *last = Some((text.to_owned(), now));
        }
        !old
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_logged_once_and_then_once_a_minute_but_another_one_at_once() {
        let outage = Outage(Mutex::new(None));
        let rows = [
            ("disk", 100, true),
            ("disk", 100, false),
            ("network", 100, false),
            ("disk", 159, false),
            ("disk", 160, true),
            ("network", 161, true),
            ("network", 50, true),
        ];
        for (text, now, expected) in rows {
            assert_eq!(outage.is_news(text, now), expected, "{text} {now}");
        }
    }
}
