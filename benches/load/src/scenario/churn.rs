//! Leaving rooms and joining them again, while many others exist.

use std::collections::VecDeque;

use clap::Args;

use super::{Scenario, at_least_one, crowd::Crowd};
use crate::{
    fault::{Fault, FaultKind, excerpt},
    io::{Io, Message},
    net::Id,
    options::Common,
    report::Report,
    run::{Progress, drive},
    target::Target,
    wire::packet::{Packets, push_number, split_ack},
};

/// The options of the scenario.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Connections.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub connections: u32,
    /// Rooms, shared out among the connections; if they are fewer, connections share rooms.
    #[arg(long, value_name = "R", default_value_t = 1_000)]
    pub rooms: u32,
    /// Unanswered changes of each connection.
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub outstanding: u32,
}

pub(super) fn run(common: &Common, options: &Options, tell: &mut dyn FnMut(Progress)) -> Report {
    let settings = vec![
        ("connections", options.connections.into()),
        ("rooms", options.rooms.into()),
        ("outstanding", options.outstanding.into()),
    ];
    let report = Report { scenario: "churn", settings, ..Report::default() };
    drive(common, None, Churn::new(common, options), report, tell)
}

/// The changes of one connection, in order. It leaves and joins its rooms one after the other.
#[derive(Debug, Default)]
struct Line {
    next: u64,
    /// When each unanswered change was asked for.
    waiting: VecDeque<u64>,
}

struct Churn {
    crowd: Crowd,
    packets: Packets,
    rooms: u32,
    outstanding: u32,
    lines: Vec<Line>,
    under_way: u64,
    packet: Vec<u8>,
}

impl Churn {
    fn new(common: &Common, options: &Options) -> Result<Self, Fault> {
        at_least_one("connections", options.connections)?;
        at_least_one("rooms", options.rooms)?;
        at_least_one("outstanding", options.outstanding)?;
        Ok(Self {
            crowd: Crowd::new(options.connections),
            packets: Target::new(common)?.packets,
            rooms: options.rooms,
            outstanding: options.outstanding,
            lines: (0..options.connections).map(|_| Line::default()).collect(),
            under_way: 0,
            packet: Vec::new(),
        })
    }

    /// How many rooms a connection has to itself, or shares.
    fn share(&self, connection: u32) -> u32 {
        let all = self.crowd.wanted();
        (self.rooms / all + u32::from(connection < self.rooms % all)).max(1)
    }

    /// Asks for the next change of a connection: first it joins all its rooms, then it leaves and joins each in turn.
    fn change(&mut self, io: &mut Io, connection: u32) {
        let share = u64::from(self.share(connection));
        let line = &mut self.lines[connection as usize];
        let (event, place) = match line.next.checked_sub(share) {
            None => ("join", line.next),
            Some(change) if change.is_multiple_of(2) => ("leave", change / 2 % share),
            Some(change) => ("join", change / 2 % share),
        };
        let room = (u64::from(connection) + place * u64::from(self.crowd.wanted())) % u64::from(self.rooms);
        self.packet.clear();
        self.packet.extend_from_slice(&self.packets.event());
        push_number(&mut self.packet, line.next);
        self.packet.extend_from_slice(format!(r#"["{event}","room-{room}"]"#).as_bytes());
        line.next += 1;
        line.waiting.push_back(io.now);
        self.under_way += 1;
        io.text(self.crowd.id(connection), &self.packet);
    }

    /// Checks that an acknowledgement is the one to the oldest change, and gives the time that was asked for at.
    fn changed(&mut self, connection: u32, ack: &[u8]) -> Result<u64, Fault> {
        let (id, _) = split_ack(ack)
            .ok_or_else(|| Fault::protocol(format!("no acknowledgement is {}", excerpt(ack))))?;
        let line = &mut self.lines[connection as usize];
        let oldest = line.next - line.waiting.len() as u64;
        match line.waiting.pop_front() {
            Some(since) if id == oldest => {
                self.under_way -= 1;
                Ok(since)
            }
            _ => {
                let kind = if id < oldest { FaultKind::Doubled } else { FaultKind::Order };
                let text = format!("connection {connection} expected the answer to {oldest} and found {id}");
                Err(Fault::new(kind, text))
            }
        }
    }
}

impl Scenario for Churn {
    fn prepare(&mut self, io: &mut Io) -> Result<(), Fault> {
        self.crowd.open(io)
    }

    fn begin(&mut self, io: &mut Io) -> Result<(), Fault> {
        for connection in 0..self.crowd.wanted() {
            for _ in 0..self.outstanding {
                self.change(io, connection);
            }
        }
        Ok(())
    }

    fn issue(&mut self, _: &mut Io, _: u64) -> Result<bool, Fault> {
        Ok(false)
    }

    fn ready(&mut self, io: &mut Io, id: Id) -> Result<(), Fault> {
        let connection = u32::try_from(io.index(id)).unwrap_or(u32::MAX);
        for _ in 0..self.share(connection) {
            self.change(io, connection);
        }
        self.crowd.ready(io)?;
        Ok(())
    }

    fn message(&mut self, io: &mut Io, id: Id, message: Message<'_>) -> Result<(), Fault> {
        let ack = match message {
            Message::Text(packet) => self.packets.strip(b"43", packet),
            Message::Binary(_) => None,
        };
        let Some(ack) = ack else {
            io.tally.ignored += 1;
            return Ok(());
        };
        let connection = u32::try_from(io.index(id)).unwrap_or(u32::MAX);
        let since = self.changed(connection, ack)?;
        if !io.prepared {
            io.step();
            io.prepared = self.crowd.complete() && self.under_way == 0;
            return Ok(());
        }
        io.complete(since);
        if io.again() {
            self.change(io, connection);
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
        format!("{} changes", self.under_way)
    }
}
