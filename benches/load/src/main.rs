//! The command line of the load generator.

#![forbid(unsafe_code)]

mod bar;

use std::{
    fs,
    io::{IsTerminal, Write, stderr, stdout},
    process::ExitCode,
};

use clap::Parser;
use loadtest::{Cli, Progress, run};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let common = cli.command.common();
    let for_people = stdout().is_terminal() && !common.json;
    let mut show = stderr().is_terminal().then_some(());
    let report = run(&cli.command, &mut |progress: Progress| {
        if show.is_some() {
            // Progress that cannot be shown is no reason to end a run.
            show = write!(stderr(), "{}{}", bar::ERASE, bar::line(&progress, bar::columns())).ok();
        }
    });
    if show.is_some() {
        let _ = write!(stderr(), "{}", bar::ERASE);
    }
    let text = if for_people { report.table() } else { report.json() + "\n" };
    let mut written = stdout().lock().write_all(text.as_bytes());
    if let Some(path) = &common.report {
        written = written.and(fs::write(path, report.html()));
    }
    if let Some(path) = &common.samples {
        written = written.and(fs::write(path, report.csv()));
    }
    if let Err(error) = &written {
        let _ = writeln!(stderr(), "the report cannot be written: {error}");
    }
    if report.is_ok() && written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
