//! How often clients were refused something by the service, and why.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Error;

/// The kinds of refusals, by their names in metrics.
const NAMES: [&str; 8] = [
    "requests",
    "log_ins",
    "sign_ups",
    "events",
    "body_too_large",
    "body_timeout",
    "busy",
    "store_unavailable",
];

/// One counter for each kind.
#[derive(Debug, Default)]
pub struct Refusals([AtomicU64; NAMES.len()]);

impl Refusals {
    /// Counts a failure, if it is one that a limit has caused.
    pub fn note(&self, error: &Error) {
        if let Some(kind) = kind(error) {
            self.0[kind].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often each was refused.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        NAMES.into_iter().zip(self.0.iter().map(|count| count.load(Ordering::Relaxed)))
    }
}

fn kind(error: &Error) -> Option<usize> {
    match error {
        Error::Throttled { what, .. } => match *what {
            "requests" => Some(0),
            "login tries" => Some(1),
            "events" => Some(3),
            _ => Some(2),
        },
        Error::BodyTooLarge { .. } => Some(4),
        Error::BodyTimeout => Some(5),
        Error::Busy => Some(6),
        Error::Unavailable => Some(7),
        Error::Invalid(_)
        | Error::Unauthenticated(_)
        | Error::Forbidden(_)
        | Error::NotFound(_)
        | Error::Conflict(_)
        | Error::NotJson
        | Error::BodyBroken
        | Error::Stopping
        | Error::Internal => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_limit_has_its_counter_and_other_failures_have_none() {
        let throttled = |what| Error::Throttled { what, retry_after: Duration::ZERO };
        let rows = [
            (throttled("requests"), Some("requests")),
            (throttled("login tries"), Some("log_ins")),
            (throttled("sign-ups from your address"), Some("sign_ups")),
            (throttled("events"), Some("events")),
            (Error::BodyTooLarge { limit: 1 }, Some("body_too_large")),
            (Error::BodyTimeout, Some("body_timeout")),
            (Error::Busy, Some("busy")),
            (Error::Unavailable, Some("store_unavailable")),
            (Error::NotJson, None),
            (Error::invalid("no"), None),
        ];
        for (error, expected) in rows {
            let refusals = Refusals::default();
            refusals.note(&error);
            let counted = refusals.iter().find(|(_, count)| *count == 1).map(|(name, _)| name);
            assert_eq!(counted, expected, "{error}");
        }
    }
}
