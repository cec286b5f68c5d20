//! The command line of the load generator.

#![forbid(unsafe_code)]

use std::{
    io::{IsTerminal, Write, stderr, stdout},
    process::ExitCode,
};

use clap::Parser;
use loadtest::{Cli, Progress, run};

/// Characters of the bar that shows how much of a phase has passed.
const BAR: usize = 24;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let common = cli.command.common();
    let for_people = stdout().is_terminal() && !common.json;
    let mut tell = |progress: Progress| {
        if for_people {
            // Progress that cannot be shown is no reason to end a run.
            let _ = write!(stderr(), "\r\x1b[K{}", line(&progress));
        }
    };
    let report = run(&cli.command, &mut tell);
    let text = if for_people { format!("\r\x1b[K{}", report.table()) } else { report.json() + "\n" };
    let mut written = stdout().lock().write_all(text.as_bytes());
    if let Some(path) = &common.report {
        written = written.and(std::fs::write(path, report.html()));
    }
    if let Err(error) = &written {
        let _ = writeln!(stderr(), "the report cannot be written: {error}");
    }
    if report.is_ok() && written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn line(progress: &Progress) -> String {
    let Progress { phase, share, seconds, operations, connections } = progress;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share is between 0 and 1")]
    let full = (share.clamp(0.0, 1.0) * BAR as f64) as usize;
    let bar = "█".repeat(full) + &"·".repeat(BAR - full);
    format!("{phase:>11} {bar} {seconds:5.1} s  {connections} connections  {operations} operations")
}
