//! A load generator for Socket.IO servers that costs less than what it measures and checks all it receives.
//!
//! One thread drives every connection through one epoll instance; frames are written and read by hand.
//! [`run`] does one run and gives a [`Report`]; the program around it only reads options and prints.

#![forbid(unsafe_code)]

mod clock;
mod fault;
mod io;
mod net;
mod options;
mod pace;
mod payload;
mod process;
mod report;
mod run;
mod sampling;
mod scenario;
mod tally;
mod target;
mod wire;

pub use fault::{Fault, FaultKind};
pub use options::{Cli, Common, Rate};
pub use report::{Latency, Report, Sample, ServerUse};
pub use run::{Progress, run};
pub use scenario::Command;
