//! Looking at the run from time to time: what was completed, and what both sides use.

use crate::{
    clock::SECOND,
    process::{self, Usage},
    report::Sample,
    tally::Tally,
};

/// The shortest time between two samples, in nanoseconds.
const SHORTEST: u64 = SECOND / 5;
/// The most samples of a window: more than a plot can show would only fill the report.
const MOST: u64 = 300;

/// The samples of the measured window.
pub(crate) struct Sampler {
    pid: Option<u32>,
    /// The time between two samples, in nanoseconds.
    interval: u64,
    started: u64,
    last: u64,
    server: Usage,
    own: Usage,
    samples: Vec<Sample>,
}

impl Sampler {
    /// Prepares for a window of so many nanoseconds, and for the server's process if it is known.
    pub(crate) fn new(pid: Option<u32>, window: u64) -> Self {
        Self {
            pid,
            interval: (window / MOST).max(SHORTEST),
            started: 0,
            last: 0,
            server: Usage::default(),
            own: Usage::default(),
            samples: Vec::new(),
        }
    }

    /// Notes that the window begins.
    pub(crate) fn start(&mut self, now: u64) {
        (self.started, self.last) = (now, now);
        (self.server, self.own) = self.uses();
    }

    /// Whether it is time for a sample.
    pub(crate) fn is_due(&self, now: u64) -> bool {
        now >= self.last + self.interval
    }

    /// Notes what has been measured since the last sample.
    pub(crate) fn sample(&mut self, now: u64, tally: &mut Tally) {
        let seconds = |from: u64| now.saturating_sub(from) as f64 / SECOND as f64;
        let (at, part) = (seconds(self.started), seconds(self.last));
        let per_second = |value: f64| if part > 0.0 { value / part } else { 0.0 };
        let latest = tally.fold_latest();
        let (server, own) = self.uses();
        self.samples.push(Sample {
            at,
            throughput: per_second(latest.operations as f64),
            p50: latest.p50,
            p99: latest.p99,
            resident: server.resident,
            server_cpu: per_second(server.cpu - self.server.cpu),
            own_cpu: per_second(own.cpu - self.own.cpu),
        });
        (self.last, self.server, self.own) = (now, server, own);
    }

    /// The samples so far.
    pub(crate) fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// What the server's process and this one have used.
    fn uses(&self) -> (Usage, Usage) {
        (self.pid.and_then(process::alone).unwrap_or_default(), process::own())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_windows_have_as_many_samples_as_a_plot_can_show() {
        let mut sampler = Sampler::new(None, 300 * SECOND);
        sampler.start(5 * SECOND);
        assert!(!sampler.is_due(5 * SECOND + SECOND / 2));
        assert!(sampler.is_due(6 * SECOND));
        assert!(Sampler::new(None, 3 * SECOND).is_due(SECOND / 5));
    }

    #[test]
    fn a_sample_tells_the_time_since_the_start_and_the_rate_since_the_last() {
        let mut sampler = Sampler::new(Some(std::process::id()), SECOND);
        let mut tally = Tally::new().unwrap();
        sampler.start(SECOND);
        for end in [2, 4] {
            tally.measure(1_000);
            tally.measure(1_000);
            sampler.sample(end * SECOND, &mut tally);
        }
        let told: Vec<_> = sampler.samples().iter().map(|sample| (sample.at, sample.throughput)).collect();
        assert_eq!(told, [(1.0, 2.0), (3.0, 1.0)]);
        assert!(sampler.samples().iter().all(|sample| sample.resident > 0), "this process is looked at");
    }
}
