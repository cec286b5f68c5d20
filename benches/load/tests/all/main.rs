//! Short runs of every scenario against servers in this process: a right one, and some that are wrong.

#![allow(clippy::disallowed_methods, reason = "the test is its own shell")]
#![allow(clippy::unwrap_used, reason = "a test may end where it fails")]
#![allow(unreachable_pub, reason = "the modules of a test are its own")]

mod connecting;
mod faults;
mod overload;
mod scenarios;
mod server;
mod terminal;

use clap::Parser;
use loadtest::{Cli, Report, run};

/// Runs a command line, to which the server and short times are added.
fn load(server: &server::Running, line: &str) -> Report {
    load_for(server, line, ["--warmup", "0.1", "--duration", "0.3", "--timeout", "2"])
}

/// The same with other times.
fn load_for(server: &server::Running, line: &str, times: [&str; 6]) -> Report {
    let url = format!("http://{}", server.address);
    let words = ["loadtest"].into_iter().chain(line.split_whitespace()).chain([url.as_str()]).chain(times);
    run(&Cli::try_parse_from(words).unwrap().command, &mut |_| {})
}
