//! Events with acknowledgement over WebSocket, text or binary.

use clap::Args;

use super::{
    Scenario,
    ask::{Answer, Asker, Line, check_size},
    at_least_one,
    crowd::Crowd,
};
use crate::{
    fault::Fault,
    io::{Io, Message},
    net::Id,
    options::{Common, Rate},
    report::Report,
    run::{Progress, drive},
    target::Target,
};

/// The most unanswered events of one connection in an open loop; servers bound what they hold.
const MOST_WAITING: usize = 256;

/// The options of the scenario.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Connections.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub connections: u32,
    /// Unanswered events of each connection in a closed loop.
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub outstanding: u32,
    /// Bytes of each payload.
    #[arg(long, value_name = "BYTES", default_value_t = 64)]
    pub size: usize,
    /// Send the payload as a binary attachment.
    #[arg(long)]
    pub binary: bool,
    #[command(flatten)]
    #[doc(hidden)]
    pub rate: Rate,
}

pub(super) fn run(common: &Common, options: &Options, tell: &mut dyn FnMut(Progress)) -> Report {
    let settings = vec![
        ("connections", options.connections.into()),
        ("outstanding", options.outstanding.into()),
        ("size", options.size.into()),
        ("binary", options.binary.into()),
        ("rate", options.rate.rate.into()),
    ];
    let report = Report { scenario: "echo", settings, ..Report::default() };
    drive(common, options.rate.rate, Echo::new(common, options), report, tell)
}

struct Echo {
    crowd: Crowd,
    asker: Asker,
    lines: Vec<Line>,
    outstanding: u32,
    under_way: u64,
    /// Whose turn it is in an open loop.
    turn: u32,
}

impl Echo {
    fn new(common: &Common, options: &Options) -> Result<Self, Fault> {
        at_least_one("connections", options.connections)?;
        at_least_one("outstanding", options.outstanding)?;
        check_size(options.size)?;
        Ok(Self {
            crowd: Crowd::new(options.connections),
            asker: Asker::new(&Target::new(common)?.packets, options.size, options.binary),
            lines: (0..options.connections).map(Line::new).collect(),
            outstanding: options.outstanding,
            under_way: 0,
            turn: 0,
        })
    }

    fn ask(&mut self, io: &mut Io, id: Id, number: usize, since: u64) {
        self.under_way += 1;
        let (packet, attachment) = self.asker.ask(&mut self.lines[number], since);
        io.text(id, packet);
        if let Some(attachment) = attachment {
            io.binary(id, attachment);
        }
    }
}

impl Scenario for Echo {
    fn prepare(&mut self, io: &mut Io) -> Result<(), Fault> {
        self.crowd.open(io)
    }

    fn begin(&mut self, io: &mut Io) -> Result<(), Fault> {
        for number in 0..self.lines.len() {
            let id = self.crowd.id(u32::try_from(number).unwrap_or(0));
            for _ in 0..self.outstanding {
                self.ask(io, id, number, io.now);
            }
        }
        Ok(())
    }

    fn issue(&mut self, io: &mut Io, since: u64) -> Result<bool, Fault> {
        // A connection that has too much to do is passed over, so that it does not slow the others down.
        for _ in 0..self.lines.len() {
            let number = self.turn;
            self.turn = if self.turn as usize + 1 == self.lines.len() { 0 } else { self.turn + 1 };
            if self.lines[number as usize].waiting() < MOST_WAITING {
                self.ask(io, self.crowd.id(number), number as usize, since);
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn ready(&mut self, io: &mut Io, _: Id) -> Result<(), Fault> {
        io.prepared = self.crowd.ready(io)?;
        Ok(())
    }

    fn message(&mut self, io: &mut Io, id: Id, message: Message<'_>) -> Result<(), Fault> {
        let number = io.index(id);
        let line = &mut self.lines[number];
        let answer = match message {
            Message::Text(packet) => self.asker.text(line, packet)?,
            Message::Binary(bytes) => self.asker.binary(line, bytes)?,
        };
        match answer {
            Answer::Complete(since) => {
                self.under_way -= 1;
                io.complete(since);
                if io.again() {
                    self.ask(io, id, number, io.now);
                }
            }
            Answer::Partly => {}
            Answer::Ignored => io.tally.ignored += 1,
        }
        Ok(())
    }

    fn outstanding(&self) -> u64 {
        self.under_way
    }

    fn awaited(&self) -> String {
        if !self.crowd.complete() {
            return self.crowd.awaited();
        }
        let lines = self.lines.iter().filter(|line| line.waiting() > 0).count();
        format!("{} answers on {lines} of {} connections", self.under_way, self.lines.len())
    }
}
