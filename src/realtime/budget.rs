//! How many events one socket may send.

use std::time::{Duration, Instant};

use crate::error::Error;

/// Events that a burst may have, in seconds of the rate.
const BURST_SECONDS: f64 = 4.0;
/// Refused events in a row after which the socket is ended.
const MAX_REFUSED: u32 = 200;

/// A leaky bucket of one socket.
#[derive(Debug)]
pub(super) struct Budget {
    per_second: f64,
    left: f64,
    at: Instant,
    refused: u32,
}

/// What becomes of an event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Admitted,
    /// The sender is told when to try again.
    Refused(Error),
    /// The sender does not heed refusals.
    TooMany,
}

impl Budget {
    pub(super) fn new(per_second: u32, now: Instant) -> Self {
        let per_second = f64::from(per_second);
        Self { per_second, left: per_second * BURST_SECONDS, at: now, refused: 0 }
    }

    /// Takes an event in.
    pub(super) fn spend(&mut self, now: Instant) -> Verdict {
        let back = now.saturating_duration_since(self.at).as_secs_f64() * self.per_second;
        self.left = (self.left + back).min(self.per_second * BURST_SECONDS);
        self.at = now;
        if self.left >= 1.0 {
            self.left -= 1.0;
            self.refused = 0;
            return Verdict::Admitted;
        }
        self.refused += 1;
        if self.refused > MAX_REFUSED {
            return Verdict::TooMany;
        }
        let retry_after = Duration::from_secs_f64((1.0 - self.left) / self.per_second);
        Verdict::Refused(Error::Throttled { what: "events", retry_after })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_followed_by_the_rate() {
        let start = Instant::now();
        let mut budget = Budget::new(10, start);
        for _ in 0..40 {
            assert_eq!(budget.spend(start), Verdict::Admitted);
        }
        assert!(matches!(budget.spend(start), Verdict::Refused(_)));
        assert_eq!(budget.spend(start + Duration::from_millis(100)), Verdict::Admitted);
    }

    #[test]
    fn who_does_not_heed_refusals_is_ended() {
        let start = Instant::now();
        let mut budget = Budget::new(1, start);
        let verdicts = (0..4 + MAX_REFUSED).map(|_| budget.spend(start)).collect::<Vec<_>>();
        assert!(!verdicts.contains(&Verdict::TooMany));
        assert_eq!(budget.spend(start), Verdict::TooMany);
    }
}
