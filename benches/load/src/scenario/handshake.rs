//! Sessions over WebSocket: connect, upgrade, CONNECT and its answer, close.

use clap::Args;

use super::{Scenario, at_least_one};
use crate::{
    fault::{Fault, excerpt},
    io::{Io, Message},
    net::Id,
    options::{Common, Rate},
    report::Report,
    run::{Progress, drive},
};

/// The options of the scenario.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Sessions being opened at once, in an open loop at most.
    #[arg(long, value_name = "N", default_value_t = 32)]
    pub in_flight: u32,
    #[command(flatten)]
    #[doc(hidden)]
    pub rate: Rate,
}

pub(super) fn run(common: &Common, options: &Options, tell: &mut dyn FnMut(Progress)) -> Report {
    let settings = vec![("in_flight", options.in_flight.into()), ("rate", options.rate.rate.into())];
    let scenario = at_least_one("in-flight", options.in_flight)
        .map(|()| Handshake { wanted: u64::from(options.in_flight), under_way: 0 });
    let report = Report { scenario: "handshake", settings, ..Report::default() };
    drive(common, options.rate.rate, scenario, report, tell)
}

/// A connection's tag is the time at which it should have been opened.
struct Handshake {
    wanted: u64,
    under_way: u64,
}

impl Scenario for Handshake {
    fn prepare(&mut self, io: &mut Io) -> Result<(), Fault> {
        io.prepared = true;
        Ok(())
    }

    fn begin(&mut self, io: &mut Io) -> Result<(), Fault> {
        while self.issue(io, io.now)? {}
        Ok(())
    }

    fn issue(&mut self, io: &mut Io, since: u64) -> Result<bool, Fault> {
        if self.under_way == self.wanted {
            return Ok(false);
        }
        io.open_websocket(since)?;
        self.under_way += 1;
        Ok(true)
    }

    fn ready(&mut self, io: &mut Io, id: Id) -> Result<(), Fault> {
        let since = io.tag(id);
        io.net.close(id);
        self.under_way -= 1;
        io.complete(since);
        if io.again() {
            self.issue(io, io.now)?;
        }
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
        self.under_way
    }

    fn awaited(&self) -> String {
        format!("{} sessions are being opened", self.under_way)
    }
}
