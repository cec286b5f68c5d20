//! The open loop: operations begin at a constant rate, whatever became of those before.

use std::os::fd::{AsFd, AsRawFd};

use mio::{Interest, Registry, Token, unix::SourceFd};
use nix::sys::{
    time::{TimeSpec, TimeValLike},
    timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags},
};

use crate::{
    clock::SECOND,
    fault::{Fault, FaultKind},
};

/// The token of the timer's events.
pub(crate) const TIMER: Token = Token(usize::MAX);
/// The shortest time between two wakes, in nanoseconds; faster rates begin several operations at once.
const SHORTEST: i64 = 50_000;

/// The times at which operations are to begin.
#[derive(Debug)]
pub(crate) struct Pace {
    rate: f64,
    start: u64,
    begun: u64,
    timer: TimerFd,
}

impl Pace {
    /// Begins now, with a timer that is finer than the milliseconds of epoll.
    pub(crate) fn start(rate: f64, now: u64, registry: &Registry) -> Result<Self, Fault> {
        let failed = |error| Fault::new(FaultKind::Setting, format!("the timer for --rate: {error}"));
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK).map_err(failed)?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the rate was checked, so this is at most some years"
        )]
        let period = ((SECOND as f64 / rate) as i64).max(SHORTEST);
        timer
            .set(Expiration::Interval(TimeSpec::nanoseconds(period)), TimerSetTimeFlags::empty())
            .map_err(failed)?;
        registry
            .register(&mut SourceFd(&timer.as_fd().as_raw_fd()), TIMER, Interest::READABLE)
            .map_err(|error| Fault::connection("the timer for --rate", &error))?;
        Ok(Self { rate, start: now, begun: 0, timer })
    }

    /// The time at which the next operation is to begin, if that has come.
    pub(crate) fn due(&self, now: u64) -> Option<u64> {
        let due = due_at(self.start, self.rate, self.begun);
        (due <= now).then_some(due)
    }

    /// Notes that the next operation has begun.
    pub(crate) fn begun(&mut self) {
        self.begun += 1;
    }

    /// Lets the timer fire again; it waits until its last time has been read.
    pub(crate) fn rewind(&self) {
        // It does not block, and a timer that has not fired yet has nothing to be read.
        let _ = self.timer.wait();
    }

    /// Stops the timer.
    pub(crate) fn stop(&self) {
        // A timer that cannot be stopped only wakes the loop for nothing.
        let _ = self.timer.unset();
    }
}

/// Each time is computed from the start, so that rounding does not add up.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "both are positive and below 2^53"
)]
fn due_at(start: u64, rate: f64, number: u64) -> u64 {
    start + (number as f64 * (SECOND as f64 / rate)) as u64
}

/// Checks a rate that was asked for.
pub(crate) fn check(rate: f64) -> Result<(), Fault> {
    if (0.001..=1e8).contains(&rate) {
        return Ok(());
    }
    Err(Fault::setting(format!("--rate must be between 0.001 and 100,000,000 each second, found {rate}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_follow_the_rate_without_drift() {
        assert_eq!(due_at(5, 3.0, 0), 5);
        assert_eq!(due_at(0, 3.0, 3_000_000), 1_000_000 * SECOND);
        assert!(check(0.0).is_err() && check(f64::NAN).is_err() && check(10.0).is_ok());
    }
}
