//! What every scenario can be told.

use std::path::PathBuf;

use clap::{Args, Parser};

use crate::scenario::Command;

/// Measures a Socket.IO server and checks everything it sends.
#[derive(Clone, Debug, Parser)]
#[command(name = "loadtest", version, propagate_version = true)]
pub struct Cli {
    /// What to do with the server.
    #[command(subcommand)]
    pub command: Command,
}

/// The options of all scenarios.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// The server.
    #[arg(default_value = "http://127.0.0.1:3000")]
    pub url: String,
    /// The path of the Socket.IO server.
    #[arg(long, default_value = "/socket.io/")]
    pub path: String,
    /// The namespace to join.
    #[arg(long, default_value = "/")]
    pub namespace: String,
    /// The authentication payload of the CONNECT packet.
    #[arg(long, value_name = "JSON")]
    pub auth: Option<String>,
    /// A file with an authentication payload on each line; connections take them in turn.
    #[arg(long, value_name = "FILE", conflicts_with = "auth")]
    pub auth_file: Option<PathBuf>,
    /// A parameter of the URL of every request, encoded as in a URL; may be repeated.
    #[arg(long, value_name = "NAME=VALUE")]
    pub query: Vec<String>,
    /// A cookie for every request; may be repeated.
    #[arg(long, value_name = "NAME=VALUE")]
    pub cookie: Vec<String>,
    /// A header for every request; may be repeated.
    #[arg(long, value_name = "NAME: VALUE")]
    pub header: Vec<String>,
    /// The server's process: its CPU time and memory are measured, those of its children included.
    #[arg(long)]
    pub pid: Option<u32>,
    /// Seconds under load before the measured window.
    #[arg(long, default_value_t = 1.0)]
    pub warmup: f64,
    /// Seconds of the measured window.
    #[arg(long, default_value_t = 3.0)]
    pub duration: f64,
    /// Seconds without any progress after which the server counts as stalled.
    #[arg(long, default_value_t = 10.0)]
    pub timeout: f64,
    /// Connect from so many addresses, 127.0.0.2 and following; one address has about 28,000 ports.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub source_addresses: u8,
    /// Never sleep, so that a server on this machine is not charged with waking the load generator, which on some
    /// machines costs more than its own work. Takes a whole core.
    #[arg(long)]
    pub spin: bool,
    /// Write a page with plots of latency, throughput and memory to a file.
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
    /// Write a line of figures for each part of the window to a file: throughput, latency, CPU and memory.
    #[arg(long, value_name = "FILE.csv")]
    pub samples: Option<PathBuf>,
    /// One line of JSON on standard output, also on a terminal.
    #[arg(long)]
    pub json: bool,
}

impl Default for Common {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:3000".into(),
            path: "/socket.io/".into(),
            namespace: "/".into(),
            auth: None,
            auth_file: None,
            query: Vec::new(),
            cookie: Vec::new(),
            header: Vec::new(),
            pid: None,
            warmup: 1.0,
            duration: 3.0,
            timeout: 10.0,
            source_addresses: 0,
            spin: false,
            report: None,
            samples: None,
            json: false,
        }
    }
}

/// Closed loop or open loop.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct Rate {
    /// Begin so many operations each second, however long they take (open loop); latency then counts from the
    /// time an operation should have begun. Without it each operation begins when one before it ends.
    #[arg(long, value_name = "PER_SECOND")]
    pub rate: Option<f64>,
}
