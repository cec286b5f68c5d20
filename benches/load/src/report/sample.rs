//! What was measured in a short part of the window, and all parts as a table for other programs.

use std::fmt::Write;

/// What was measured in a short part of the window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// Seconds from the start of the window to the end of the part.
    pub at: f64,
    /// Operations completed each second.
    pub throughput: f64,
    /// Half of them were faster, in microseconds.
    pub p50: f64,
    /// 99 % of them were faster, in microseconds.
    pub p99: f64,
    /// Resident bytes of the server's process, without its children, if it was named.
    pub resident: u64,
    /// Cores that the server's process kept busy, without its children, if it was named.
    pub server_cpu: f64,
    /// Cores that this program kept busy.
    pub own_cpu: f64,
}

/// The first line of the table.
const HEAD: &str = "seconds,operations_per_second,latency_p50_us,latency_p99_us,\
                    server_resident_bytes,server_cpu_cores,load_cpu_cores\n";

/// The samples as comma-separated values.
pub(super) fn csv(samples: &[Sample]) -> String {
    samples.iter().fold(HEAD.to_owned(), |mut table, sample| {
        let Sample { at, throughput, p50, p99, resident, server_cpu, own_cpu } = sample;
        // Writing to a string does not fail.
        let _ = writeln!(
            table,
            "{at:.3},{throughput:.1},{p50:.1},{p99:.1},{resident},{server_cpu:.3},{own_cpu:.3}"
        );
        table
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_has_all_columns() {
        let sample = Sample { at: 0.2, throughput: 10.0, resident: 7, ..Sample::default() };
        let table = csv(&[sample, sample]);
        let columns: Vec<_> = table.lines().map(|line| line.split(',').count()).collect();
        assert_eq!(columns, [7, 7, 7]);
        assert!(table.ends_with("\n0.200,10.0,0.0,0.0,7,0.000,0.000\n"), "{table}");
    }
}
