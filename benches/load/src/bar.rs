//! The line that shows on a terminal how far a run has come.

use std::io::stderr;

use loadtest::Progress;
use rustix::termios::tcgetwinsize;

/// Goes back to the start of the line and erases it.
pub(crate) const ERASE: &str = "\r\x1b[K";
/// Characters of the bar.
const BAR: usize = 24;
/// The width of a terminal that does not tell its own.
const USUAL_WIDTH: usize = 80;

/// The width of the terminal in characters; it may change during a run.
pub(crate) fn columns() -> usize {
    match tcgetwinsize(stderr()).map(|size| usize::from(size.ws_col)) {
        Ok(0) | Err(_) => USUAL_WIDTH,
        Ok(columns) => columns,
    }
}

/// Shows progress in one line of at most so many characters: a longer one could not be erased.
pub(crate) fn line(progress: &Progress, columns: usize) -> String {
    let Progress { phase, share, seconds, operations, throughput, connections, wanted } = progress;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share is between 0 and 1")]
    let full = (share.clamp(0.0, 1.0) * BAR as f64) as usize;
    let bar = "█".repeat(full) + &"·".repeat(BAR - full);
    let connections = match wanted {
        0 => String::new(),
        _ => format!("  {connections}/{wanted} connections"),
    };
    let operations = match operations {
        0 => String::new(),
        _ => format!("  {throughput:.0} operations/s  {operations} in all"),
    };
    let line = format!("{phase:>10} {bar} {seconds:5.1} s{connections}{operations}");
    // A full line would make some terminals go on to the next.
    line.chars().take(columns.saturating_sub(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRESS: Progress = Progress {
        phase: "measuring",
        share: 0.5,
        seconds: 2.25,
        operations: 1_000,
        throughput: 499.6,
        connections: 99,
        wanted: 100,
    };

    #[test]
    fn the_line_tells_time_connections_and_operations() {
        assert_eq!(
            line(&PROGRESS, 120),
            " measuring ████████████············   2.2 s  99/100 connections  500 operations/s  1000 in all"
        );
        let early = Progress { operations: 0, wanted: 0, share: 7.0, ..PROGRESS };
        assert_eq!(line(&early, 120), format!(" measuring {}   2.2 s", "█".repeat(24)));
    }

    #[test]
    fn the_line_fits_the_terminal() {
        assert_eq!(line(&PROGRESS, 40).chars().count(), 39);
    }
}
