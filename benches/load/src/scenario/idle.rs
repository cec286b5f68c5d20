//! Connections that are held open and say nothing but the answers to pings.

use clap::Args;

use super::{Scenario, at_least_one, crowd::Crowd};
use crate::{
    fault::{Fault, excerpt},
    io::{Io, Message},
    net::Id,
    options::Common,
    report::Report,
    run::{Progress, drive},
};

/// The options of the scenario.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Connections.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub connections: u32,
}

pub(super) fn run(common: &Common, options: &Options, tell: &mut dyn FnMut(Progress)) -> Report {
    let settings = vec![("connections", options.connections.into())];
    let scenario =
        at_least_one("connections", options.connections).map(|()| Idle(Crowd::new(options.connections)));
    let report = Report { scenario: "idle", settings, ..Report::default() };
    drive(common, None, scenario, report, tell)
}

struct Idle(Crowd);

impl Scenario for Idle {
    fn prepare(&mut self, io: &mut Io) -> Result<(), Fault> {
        self.0.open(io)
    }

    fn begin(&mut self, _: &mut Io) -> Result<(), Fault> {
        Ok(())
    }

    fn issue(&mut self, _: &mut Io, _: u64) -> Result<bool, Fault> {
        Ok(false)
    }

    fn ready(&mut self, io: &mut Io, _: Id) -> Result<(), Fault> {
        io.prepared = self.0.ready(io)?;
        Ok(())
    }

    fn message(&mut self, io: &mut Io, _: Id, message: Message<'_>) -> Result<(), Fault> {
        match message {
            Message::Text(packet) if packet.starts_with(b"42") => {
                io.tally.ignored += 1;
                Ok(())
            }
            Message::Text(packet) | Message::Binary(packet) => {
                Err(Fault::protocol(format!("nothing was expected, found {}", excerpt(packet))))
            }
        }
    }

    fn outstanding(&self) -> u64 {
        0
    }

    fn awaited(&self) -> String {
        self.0.awaited()
    }
}
