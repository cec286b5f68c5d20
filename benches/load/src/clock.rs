//! The run's clock: nanoseconds since its start.

use std::time::{Duration, Instant};

/// Nanoseconds in a second.
pub(crate) const SECOND: u64 = 1_000_000_000;

/// Counts from the start of the run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "measuring time is what this program does; this is its one clock"
    )]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Nanoseconds since the start.
    pub(crate) fn now(&self) -> u64 {
        nanos(self.0.elapsed())
    }
}

/// A duration in nanoseconds; 584 years fit.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Seconds given as a fraction, in nanoseconds.
pub(crate) fn from_seconds(seconds: f64) -> u64 {
    Duration::try_from_secs_f64(seconds).map_or(0, nanos)
}
