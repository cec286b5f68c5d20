//! Plain HTTP: one path, asked again and again on connections that are kept.

use clap::Args;

use super::{Scenario, at_least_one};
use crate::{
    fault::{Fault, excerpt},
    io::{Io, Message},
    net::Id,
    options::{Common, Rate},
    report::Report,
    run::{Progress, drive},
    wire::http::Response,
};

/// The options of the scenario.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// The path to ask for, such as a health check.
    #[arg(long, value_name = "PATH", default_value = "/healthz")]
    pub target: String,
    /// Connections, each with one request at a time.
    #[arg(long, value_name = "N", default_value_t = 32)]
    pub connections: u32,
    #[command(flatten)]
    #[doc(hidden)]
    pub rate: Rate,
}

pub(super) fn run(common: &Common, options: &Options, tell: &mut dyn FnMut(Progress)) -> Report {
    let settings = vec![
        ("target", options.target.as_str().into()),
        ("connections", options.connections.into()),
        ("rate", options.rate.rate.into()),
    ];
    let scenario = at_least_one("connections", options.connections).map(|()| Get::new(options));
    let report = Report { scenario: "get", settings, ..Report::default() };
    drive(common, options.rate.rate, scenario, report, tell)
}

/// Connections are known by their numbers.
struct Get {
    target: String,
    connections: Vec<Id>,
    wanted: u32,
    ready: u32,
    request: Vec<u8>,
    /// When the request of each connection should have been sent, if one is under way.
    since: Vec<Option<u64>>,
    under_way: u64,
}

impl Get {
    fn new(options: &Options) -> Self {
        Self {
            target: options.target.clone(),
            connections: Vec::new(),
            wanted: options.connections,
            ready: 0,
            request: Vec::new(),
            since: vec![None; options.connections as usize],
            under_way: 0,
        }
    }

    fn ask(&mut self, io: &mut Io, number: usize, since: u64) {
        self.since[number] = Some(since);
        self.under_way += 1;
        io.net.append(self.connections[number], |out| out.extend_from_slice(&self.request));
    }
}

impl Scenario for Get {
    fn prepare(&mut self, io: &mut Io) -> Result<(), Fault> {
        self.request = io.target.get_path(&self.target);
        io.tally.wanted = u64::from(self.wanted);
        for number in 0..self.wanted {
            self.connections.push(io.open_http(u64::from(number), &self.request)?);
        }
        Ok(())
    }

    fn begin(&mut self, io: &mut Io) -> Result<(), Fault> {
        for number in 0..self.connections.len() {
            self.ask(io, number, io.now);
        }
        Ok(())
    }

    fn issue(&mut self, io: &mut Io, since: u64) -> Result<bool, Fault> {
        let Some(free) = self.since.iter().position(Option::is_none) else { return Ok(false) };
        self.ask(io, free, since);
        Ok(true)
    }

    fn ready(&mut self, _: &mut Io, _: Id) -> Result<(), Fault> {
        Err(Fault::protocol("no WebSocket was expected"))
    }

    fn message(&mut self, _: &mut Io, _: Id, _: Message<'_>) -> Result<(), Fault> {
        Err(Fault::protocol("no WebSocket was expected"))
    }

    fn response(&mut self, io: &mut Io, id: Id, response: &Response<'_>) -> Result<(), Fault> {
        if response.status != 200 || response.last {
            let (status, body) = (response.status, excerpt(&response.body));
            return Err(Fault::protocol(format!("wanted status 200 and keep-alive, found {status} {body}")));
        }
        let number = io.index(id);
        let Some(since) = self.since[number].take() else {
            self.ready += 1;
            io.tally.ready = u64::from(self.ready);
            io.step();
            io.prepared = self.ready == self.wanted;
            return Ok(());
        };
        self.under_way -= 1;
        io.complete(since);
        if io.again() {
            self.ask(io, number, io.now);
        }
        Ok(())
    }

    fn outstanding(&self) -> u64 {
        self.under_way
    }

    fn awaited(&self) -> String {
        if self.ready < self.wanted {
            return format!("{} of {} first answers", self.ready, self.wanted);
        }
        format!("{} answers", self.under_way)
    }
}
