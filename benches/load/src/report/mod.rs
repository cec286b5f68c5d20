//! The result of a run: one JSON line, a short table, or a page with plots.

mod html;
mod plot;
mod sample;

use std::fmt::Write;

use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};

use crate::fault::Fault;

pub use sample::Sample;

/// Latencies of the measured window in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Latency {
    /// Half of all operations were faster.
    pub p50: f64,
    /// 90 % were faster.
    pub p90: f64,
    /// 99 % were faster.
    pub p99: f64,
    /// 99.9 % were faster.
    pub p999: f64,
    /// The slowest.
    pub max: f64,
}

impl Latency {
    pub(crate) fn of(histogram: &Histogram<u64>) -> Option<Self> {
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
        (!histogram.is_empty()).then(|| Self {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: histogram.max() as f64 / 1e3,
        })
    }

    fn rows(&self) -> [(&'static str, f64); 5] {
        [("p50", self.p50), ("p90", self.p90), ("p99", self.p99), ("p99.9", self.p999), ("max", self.max)]
    }
}

/// The shares of operations at which a distribution is plotted: each step comes closer to all by the same factor.
const STEPS_OF_DISTRIBUTION: i32 = 60;

/// The latencies of a window as a curve: the share of operations that were not slower, and microseconds.
pub(crate) fn distribution(histogram: &Histogram<u64>) -> Vec<(f64, f64)> {
    let shares = (0..=STEPS_OF_DISTRIBUTION).map(|step| 1.0 - 10_f64.powf(-f64::from(step) / 10.0));
    let told_apart = 1.0 - 1.0 / (histogram.len().max(1) as f64);
    let points = shares.take_while(|share| *share <= told_apart);
    points.map(|share| (share, histogram.value_at_quantile(share) as f64 / 1e3)).collect()
}

/// What the server's process tree used.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ServerUse {
    /// User and system time within the measured window, in seconds.
    pub cpu_seconds: f64,
    /// Resident bytes before the first connection.
    pub resident_before: u64,
    /// Resident bytes at the start of the measured window.
    pub resident_start: u64,
    /// Resident bytes at the end of the measured window.
    pub resident: u64,
    /// The most resident bytes of the process, without its children, seen within the window.
    pub resident_peak: u64,
}

/// The result of a run.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The scenario's name.
    pub scenario: &'static str,
    /// The URL of the server.
    pub target: String,
    /// The settings that decide about the result.
    pub settings: Vec<(&'static str, Value)>,
    /// Seconds of the measured window; less than asked for if a fault ended it.
    pub seconds: f64,
    /// Operations completed in the measured window.
    pub operations: u64,
    /// Operations completed in the whole run, all of them checked.
    pub checked: u64,
    /// Sessions that were held open through the window.
    pub connections: u64,
    /// Pings of the server that were answered.
    pub pings: u64,
    /// Events of the server that the scenario did not ask for and did not check.
    pub ignored: u64,
    /// Latencies, if an operation was completed.
    pub latency: Option<Latency>,
    /// The same as a curve: the share of operations that were not slower than so many microseconds.
    pub distribution: Vec<(f64, f64)>,
    /// The window in short parts.
    pub samples: Vec<Sample>,
    /// What the scenario tells besides.
    pub notes: Vec<(&'static str, Value)>,
    /// What the server used, if its process was named.
    pub server: Option<ServerUse>,
    /// CPU time of this program in the window, in seconds.
    pub own_cpu_seconds: f64,
    /// Why the run does not count.
    pub fault: Option<Fault>,
}

impl Report {
    /// Whether everything came that should, and nothing else.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.fault.is_none()
    }

    /// Operations per second.
    #[must_use]
    pub fn throughput(&self) -> f64 {
        ratio(self.operations as f64, self.seconds).unwrap_or(0.0)
    }

    /// The main figure: user and system time of the server in microseconds for each operation.
    #[must_use]
    pub fn server_cpu_us_per_op(&self) -> Option<f64> {
        ratio(self.server?.cpu_seconds * 1e6, self.operations as f64)
    }

    /// How much the server's resident memory has grown for each session that was held open, in bytes.
    #[must_use]
    pub fn resident_per_connection(&self) -> Option<f64> {
        let server = self.server?;
        ratio(server.resident as f64 - server.resident_before as f64, self.connections as f64)
    }

    /// The report as one line of JSON.
    #[must_use]
    pub fn json(&self) -> String {
        let mut line = Map::new();
        line.insert("scenario".into(), self.scenario.into());
        line.insert("ok".into(), self.is_ok().into());
        line.insert("fault".into(), self.fault.as_ref().map(ToString::to_string).into());
        for (name, value) in &self.settings {
            line.insert((*name).into(), value.clone());
        }
        let rounded =
            |value: Option<f64>| value.map_or(Value::Null, |value| json!((value * 1e3).round() / 1e3));
        let latency: Option<Map<_, _>> = self
            .latency
            .map(|latency| latency.rows().map(|(name, us)| (name.into(), us.into())).into_iter().collect());
        let rest = [
            ("seconds", rounded(Some(self.seconds))),
            ("operations", self.operations.into()),
            ("operations_per_second", rounded(Some(self.throughput()))),
            ("checked", self.checked.into()),
            ("open_connections", self.connections.into()),
            ("pings_answered", self.pings.into()),
            ("ignored_events", self.ignored.into()),
            ("latency_us", latency.map_or(Value::Null, Value::Object)),
            ("server_cpu_us_per_op", rounded(self.server_cpu_us_per_op())),
            ("server_cpu_seconds", rounded(self.server.map(|server| server.cpu_seconds))),
            (
                "server_cpu_share",
                rounded(self.server.and_then(|server| ratio(server.cpu_seconds, self.seconds))),
            ),
            ("server_resident_bytes_before", self.server.map(|server| server.resident_before).into()),
            ("server_resident_bytes_start", self.server.map(|server| server.resident_start).into()),
            ("server_resident_bytes", self.server.map(|server| server.resident).into()),
            ("server_resident_bytes_peak", self.server.map(|server| server.resident_peak).into()),
            ("server_resident_bytes_per_connection", rounded(self.resident_per_connection())),
            ("load_cpu_us_per_op", rounded(ratio(self.own_cpu_seconds * 1e6, self.operations as f64))),
            ("load_cpu_share", rounded(ratio(self.own_cpu_seconds, self.seconds))),
        ];
        line.extend(rest.into_iter().chain(self.notes.clone()).map(|(name, value)| (name.to_owned(), value)));
        Value::Object(line).to_string()
    }

    /// The report as a page that needs no other file.
    #[must_use]
    pub fn html(&self) -> String {
        html::page(self)
    }

    /// The parts of the window as comma-separated values, the names of the columns first.
    #[must_use]
    pub fn csv(&self) -> String {
        sample::csv(&self.samples)
    }

    /// The report for people.
    #[must_use]
    pub fn table(&self) -> String {
        self.rows().iter().fold(String::new(), |mut table, (name, value)| {
            // Writing to a string does not fail.
            let _ = writeln!(table, "{name:>15}  {value}");
            table
        })
    }

    /// The report's lines: what is told, and how it is.
    fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows: Vec<(&'static str, String)> = vec![("scenario", self.scenario.into())];
        rows.extend(self.settings.iter().map(|(name, value)| (*name, value.to_string())));
        if self.operations > 0 {
            rows.push(("operations", format!("{} in {:.2} s", self.operations, self.seconds)));
            rows.push(("throughput", format!("{:.0} / s", self.throughput())));
        }
        if let Some(latency) = self.latency {
            let all = latency.rows().map(|(name, us)| format!("{name} {:.3}", us / 1e3));
            rows.push(("latency, ms", all.join("  ")));
        }
        if let Some(server) = self.server {
            if let Some(cost) = self.server_cpu_us_per_op() {
                rows.push(("server CPU", format!("{cost:.2} µs per operation")));
            }
            let share = ratio(server.cpu_seconds * 100.0, self.seconds).unwrap_or(0.0);
            rows.push((
                "server use",
                format!(
                    "{share:.0} % of a core, {:.1} MB resident at the start, {:.1} MB at the end, {:.1} MB at most",
                    server.resident_start as f64 / 1e6,
                    server.resident as f64 / 1e6,
                    server.resident_peak as f64 / 1e6
                ),
            ));
            if let Some(bytes) = self.resident_per_connection() {
                rows.push((
                    "server memory",
                    format!("{bytes:.0} bytes more per connection ({})", self.connections),
                ));
            }
        }
        let share = ratio(self.own_cpu_seconds * 100.0, self.seconds).unwrap_or(0.0);
        rows.push(("load's own use", format!("{share:.0} % of a core")));
        let unasked = format!(
            "{} operations checked, {} pings, {} other events",
            self.checked, self.pings, self.ignored
        );
        rows.push(("received", unasked));
        rows.extend(self.notes.iter().map(|(name, value)| (*name, value.to_string())));
        rows.push(("verdict", self.fault.as_ref().map_or("ok".into(), |fault| format!("FAILED, {fault}"))));
        rows
    }
}

fn ratio(value: f64, by: f64) -> Option<f64> {
    (by > 0.0).then(|| value / by)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::FaultKind;

    #[test]
    fn a_report_is_one_line_of_json_or_a_table() {
        let server = ServerUse {
            cpu_seconds: 1.0,
            resident_before: 1_000,
            resident_start: 2_000,
            resident: 3_000,
            resident_peak: 4_000,
        };
        let report = Report {
            scenario: "echo",
            settings: vec![("size", 64.into())],
            seconds: 2.0,
            operations: 500_000,
            connections: 10,
            latency: Some(Latency::default()),
            notes: vec![("stalled_cut", 3.into())],
            server: Some(server),
            ..Report::default()
        };
        let line = report.json();
        assert!(!line.contains('\n'));
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["server_cpu_us_per_op"], 2.0);
        assert_eq!(value["server_resident_bytes_per_connection"], 200.0);
        assert_eq!(value["operations_per_second"], 250_000.0);
        assert_eq!(value["ok"], true);
        assert_eq!(value["stalled_cut"], 3);
        assert!(report.table().contains("2.00 µs per operation"));
    }

    #[test]
    fn a_fault_is_told() {
        let report = Report { fault: Some(Fault::new(FaultKind::Order, "a, found b")), ..Report::default() };
        assert!(!report.is_ok());
        assert!(report.json().contains(r#""ok":false,"fault":"lost or out of order: a, found b""#));
        assert!(report.table().contains("FAILED"));
    }
}
