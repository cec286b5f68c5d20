//! What a run has completed so far.

use hdrhistogram::Histogram;

use crate::{clock::SECOND, fault::Fault};

/// The longest latency that is told apart, in nanoseconds: 100 s.
const LONGEST: u64 = 100 * SECOND;

/// What was completed.
pub(crate) struct Tally {
    /// Operations in the measured window.
    pub(crate) operations: u64,
    /// Operations of the whole run.
    pub(crate) total: u64,
    /// The latencies in the measured window but for the latest, in nanoseconds.
    latency: Histogram<u64>,
    /// The latencies since the last sample.
    latest: Histogram<u64>,
    /// The time of the last completed operation or step of the setup.
    pub(crate) last_progress: u64,
    /// Connections that are open and in their namespace, as far as the scenario holds them.
    pub(crate) ready: u64,
    /// How many of them there are to be.
    pub(crate) wanted: u64,
    /// Pings that were answered.
    pub(crate) pings: u64,
    /// Events that no scenario asked for.
    pub(crate) ignored: u64,
}

/// What was completed since the last sample.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Latest {
    pub(crate) operations: u64,
    /// Latencies in microseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

impl Tally {
    pub(crate) fn new() -> Result<Self, Fault> {
        let latency =
            Histogram::new_with_bounds(1, LONGEST, 3).map_err(|error| Fault::setting(error.to_string()))?;
        let latest = latency.clone();
        Ok(Self {
            operations: 0,
            total: 0,
            latency,
            latest,
            last_progress: 0,
            ready: 0,
            wanted: 0,
            pings: 0,
            ignored: 0,
        })
    }

    /// Notes an operation of the window, which took so many nanoseconds.
    pub(crate) fn measure(&mut self, latency: u64) {
        self.operations += 1;
        self.latest.saturating_record(latency.max(1));
    }

    /// Gives the latest operations and counts them to the others.
    pub(crate) fn fold_latest(&mut self) -> Latest {
        let at = |quantile| self.latest.value_at_quantile(quantile) as f64 / 1e3;
        let latest = Latest { operations: self.latest.len(), p50: at(0.5), p99: at(0.99) };
        // Both have the same bounds, so that the one always fits into the other.
        let _ = self.latency.add(&self.latest);
        self.latest.reset();
        latest
    }

    /// The latencies of the window in nanoseconds, up to the last sample.
    pub(crate) fn latency(&self) -> &Histogram<u64> {
        &self.latency
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_counted_once_by_sample_and_in_all() {
        let mut tally = Tally::new().unwrap();
        for latency in [1_000, 2_000, 3_000] {
            tally.measure(latency);
        }
        let latest = tally.fold_latest();
        assert_eq!((latest.operations, latest.p50.round()), (3, 2.0));
        tally.measure(9_000);
        assert_eq!(tally.fold_latest().operations, 1);
        assert_eq!(tally.fold_latest().operations, 0);
        assert_eq!((tally.latency().len(), tally.operations), (4, 4));
    }
}
