//! How long stopping may take, and what the time is spent on.

use std::time::Duration;

use super::{Args, ConfigError, values::setting};

/// The times of a stop, from the signal on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopping {
    /// How long everything is still served while `/readyz` says that the service is not ready, so that a proxy which
    /// asks it has time to notice. None by default.
    pub notice: Duration,
    /// The time after that over which sockets are closed, so that they come back spread over it as well. None by
    /// default, as a service that runs alone is back the sooner the sooner it ends.
    pub spread: Duration,
    /// When the service ends at the latest, whatever is still in progress.
    pub timeout: Duration,
}

impl Stopping {
    /// Reads the settings.
    pub(super) fn read(args: &Args) -> Result<Self, ConfigError> {
        let stopping = Self {
            notice: setting("STOP_NOTICE", args.stop_notice.as_ref()).duration_or_none(Duration::ZERO)?,
            spread: setting("STOP_SPREAD", args.stop_spread.as_ref()).duration_or_none(Duration::ZERO)?,
            timeout: setting("STOP_TIMEOUT", args.stop_timeout.as_ref()).duration(Duration::from_secs(10))?,
        };
        if stopping.notice + stopping.spread < stopping.timeout {
            Ok(stopping)
        } else {
            Err(ConfigError::StopTimes)
        }
    }

    /// What is left for events and requests in progress when the sockets are closed.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.timeout.saturating_sub(self.notice + self.spread)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(notice: &str, spread: &str, timeout: &str) -> Result<Stopping, ConfigError> {
        let text = |text: &str| Some(text.to_owned());
        Stopping::read(&Args {
            stop_notice: text(notice),
            stop_spread: text(spread),
            stop_timeout: text(timeout),
            ..Args::default()
        })
    }

    #[test]
    fn the_time_left_for_work_in_progress_is_what_the_rest_leaves() {
        assert_eq!(read("", "", "").unwrap().patience(), Duration::from_secs(10));
        assert_eq!(read("5s", "20", "1m").unwrap().patience(), Duration::from_secs(35));
        assert_eq!(read("0", "0s", "1").unwrap().patience(), Duration::from_secs(1));
    }

    #[test]
    fn a_stop_that_would_end_before_its_sockets_are_closed_is_refused() {
        for (notice, spread, timeout) in [("5s", "5s", "10s"), ("", "30s", ""), ("10s", "", "")] {
            let error = read(notice, spread, timeout).unwrap_err().to_string();
            assert!(error.starts_with("STOP_TIMEOUT must be longer than"), "{error}");
        }
        assert!(read("", "", "0").is_err());
    }
}
