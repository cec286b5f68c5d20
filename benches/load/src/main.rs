//! The command line of the load generator.

#![forbid(unsafe_code)]

use std::{
    io::{IsTerminal, Write, stderr, stdout},
    process::ExitCode,
};

use clap::Parser;
use loadtest::{Cli, Progress, run};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let for_people = stdout().is_terminal() && !cli.command.common().json;
    let mut tell = |progress: Progress| {
        if for_people {
            let Progress { phase, seconds, operations, connections } = progress;
            // Progress that cannot be shown is no reason to end a run.
            let _ = write!(
                stderr(),
                "\r\x1b[K{phase:>11}  {seconds:5.1} s  {connections} connections  {operations} operations"
            );
        }
    };
    let report = run(&cli.command, &mut tell);
    let text = if for_people { format!("\r\x1b[K{}", report.table()) } else { report.json() + "\n" };
    let written = stdout().lock().write_all(text.as_bytes());
    if report.is_ok() && written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
