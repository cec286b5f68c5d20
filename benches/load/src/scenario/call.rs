//! An event of the user's own with its acknowledgement: for servers that do not have the events of the other scenarios.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::Value;

use super::{Scenario, at_least_one, crowd::Crowd};
use crate::{
    fault::{Fault, FaultKind, excerpt},
    io::{Io, Message},
    net::Id,
    options::{Common, Rate},
    report::Report,
    run::{Progress, drive},
    target::Target,
    wire::packet::{Packets, push_number, split_ack},
};

/// The most unanswered events of one connection in an open loop; servers bound what they hold.
const MOST_WAITING: usize = 256;
/// What the arguments may contain: the number of the connection, and that of the event on its connection.
const PLACEHOLDERS: [(&str, Part); 2] = [("{{connection}}", Part::Connection), ("{{number}}", Part::Number)];

/// The options of the scenario.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// The event's name.
    #[arg(long, value_name = "NAME")]
    pub event: String,
    /// The event's arguments, a JSON array; `{{connection}}` and `{{number}}` in it become numbers from 0.
    #[arg(long, value_name = "JSON", default_value = "[]")]
    pub args: String,
    /// What every acknowledgement must carry, a JSON array; without it anything is right.
    #[arg(long, value_name = "JSON")]
    pub answer: Option<String>,
    /// Connections.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub connections: u32,
    /// Unanswered events of each connection in a closed loop.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub outstanding: u32,
    #[command(flatten)]
    #[doc(hidden)]
    pub rate: Rate,
}

pub(super) fn run(common: &Common, options: &Options, tell: &mut dyn FnMut(Progress)) -> Report {
    let settings = vec![
        ("event", options.event.as_str().into()),
        ("connections", options.connections.into()),
        ("outstanding", options.outstanding.into()),
        ("rate", options.rate.rate.into()),
    ];
    let report = Report { scenario: "call", settings, ..Report::default() };
    drive(common, options.rate.rate, Call::new(common, options), report, tell)
}

/// A piece of the event.
#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Connection,
    Number,
}

/// The events of one connection.
#[derive(Debug, Default)]
struct Line {
    next: u64,
    /// The unanswered ones, and when each should have been sent.
    waiting: BTreeMap<u64, u64>,
}

struct Call {
    crowd: Crowd,
    packets: Packets,
    event: Vec<Part>,
    answer: Option<Value>,
    lines: Vec<Line>,
    outstanding: u32,
    under_way: u64,
    /// Whose turn it is in an open loop.
    turn: u32,
    packet: Vec<u8>,
}

impl Call {
    fn new(common: &Common, options: &Options) -> Result<Self, Fault> {
        at_least_one("connections", options.connections)?;
        at_least_one("outstanding", options.outstanding)?;
        let answer = options.answer.as_deref().map(|answer| array("--answer", answer)).transpose()?;
        Ok(Self {
            crowd: Crowd::new(options.connections),
            packets: Target::new(common)?.packets,
            event: parts(&event(&options.event, &options.args)?),
            answer,
            lines: (0..options.connections).map(|_| Line::default()).collect(),
            outstanding: options.outstanding,
            under_way: 0,
            turn: 0,
            packet: Vec::new(),
        })
    }

    fn ask(&mut self, io: &mut Io, connection: u32, since: u64) {
        let line = &mut self.lines[connection as usize];
        self.packet.clear();
        self.packet.extend_from_slice(&self.packets.event());
        push_number(&mut self.packet, line.next);
        for part in &self.event {
            match part {
                Part::Text(text) => self.packet.extend_from_slice(text.as_bytes()),
                Part::Connection => push_number(&mut self.packet, u64::from(connection)),
                Part::Number => push_number(&mut self.packet, line.next),
            }
        }
        line.waiting.insert(line.next, since);
        line.next += 1;
        self.under_way += 1;
        io.text(self.crowd.id(connection), &self.packet);
    }

    /// Checks an answer and gives the time at which its question should have been asked.
    fn answered(&mut self, connection: usize, ack: &[u8]) -> Result<u64, Fault> {
        let (id, arguments) = split_ack(ack)
            .ok_or_else(|| Fault::protocol(format!("no acknowledgement is {}", excerpt(ack))))?;
        let Some(since) = self.lines[connection].waiting.remove(&id) else {
            let text =
                format!("connection {connection} did not wait for an answer to {id}: {}", excerpt(ack));
            return Err(Fault::new(FaultKind::Doubled, text));
        };
        if let Some(wanted) = &self.answer
            && serde_json::from_slice::<Value>(arguments).ok().as_ref() != Some(wanted)
        {
            let text = format!("wanted {wanted}, found {}", excerpt(arguments));
            return Err(Fault::new(FaultKind::Payload, text));
        }
        self.under_way -= 1;
        Ok(since)
    }
}

/// Reads an option that is a JSON array.
fn array(option: &str, text: &str) -> Result<Value, Fault> {
    match serde_json::from_str(text) {
        Ok(array @ Value::Array(_)) => Ok(array),
        _ => {
            Err(Fault::setting(format!("{option} must be a JSON array, found {}", excerpt(text.as_bytes()))))
        }
    }
}

/// The event as JSON, with placeholders.
fn event(name: &str, arguments: &str) -> Result<String, Fault> {
    // With a number in place of each placeholder it must be JSON, wherever the placeholders stand.
    let filled = PLACEHOLDERS.iter().fold(arguments.to_owned(), |text, (name, _)| text.replace(name, "0"));
    let Value::Array(filled) = array("--args", &filled)? else { return Ok(String::new()) };
    let name = Value::from(name);
    match arguments.trim().strip_prefix('[') {
        Some(rest) if !filled.is_empty() => Ok(format!("[{name},{rest}")),
        _ => Ok(format!("[{name}]")),
    }
}

/// Takes the placeholders out of a text.
fn parts(text: &str) -> Vec<Part> {
    let found = PLACEHOLDERS.iter().filter_map(|(name, part)| Some((text.find(name)?, name.len(), part)));
    let Some((at, length, part)) = found.min_by_key(|(at, ..)| *at) else {
        return vec![Part::Text(text.to_owned())];
    };
    let mut all = vec![Part::Text(text[..at].to_owned()), part.clone()];
    all.extend(parts(&text[at + length..]));
    all
}

impl Scenario for Call {
    fn prepare(&mut self, io: &mut Io) -> Result<(), Fault> {
        self.crowd.open(io)
    }

    fn begin(&mut self, io: &mut Io) -> Result<(), Fault> {
        for connection in 0..self.crowd.wanted() {
            for _ in 0..self.outstanding {
                self.ask(io, connection, io.now);
            }
        }
        Ok(())
    }

    fn issue(&mut self, io: &mut Io, since: u64) -> Result<bool, Fault> {
        // A connection that has too much to do is passed over, so that it does not slow the others down.
        for _ in 0..self.crowd.wanted() {
            let connection = self.turn;
            self.turn = (connection + 1) % self.crowd.wanted();
            if self.lines[connection as usize].waiting.len() < MOST_WAITING {
                self.ask(io, connection, since);
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
        let ack = match message {
            Message::Text(packet) => self.packets.strip(b"43", packet),
            Message::Binary(_) => None,
        };
        let Some(ack) = ack else {
            // What the server sends of its own accord is its own affair.
            io.tally.ignored += 1;
            return Ok(());
        };
        let connection = io.index(id);
        let since = self.answered(connection, ack)?;
        io.complete(since);
        if io.again() {
            self.ask(io, u32::try_from(connection).unwrap_or(0), io.now);
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
        let lines = self.lines.iter().filter(|line| !line.waiting.is_empty()).count();
        format!("{} answers on {lines} of {} connections", self.under_way, self.lines.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_stands_before_the_arguments() {
        for (arguments, packet) in [
            ("[]", r#"["a\"b"]"#),
            (" [ ] ", r#"["a\"b"]"#),
            (r#"[[{"x":[1]}]]"#, r#"["a\"b",[{"x":[1]}]]"#),
            (r#"[{{number}},"u{{connection}}"]"#, r#"["a\"b",{{number}},"u{{connection}}"]"#),
        ] {
            assert_eq!(event("a\"b", arguments).unwrap(), packet);
        }
        for arguments in ["", "{}", "[", "1", "[{{other}}]"] {
            assert_eq!(event("x", arguments).unwrap_err().kind, FaultKind::Setting, "{arguments}");
        }
    }

    #[test]
    fn placeholders_are_taken_out() {
        let text = |text: &str| Part::Text(text.into());
        assert_eq!(parts("[1]"), [text("[1]")]);
        assert_eq!(
            parts("[{{number}},\"u{{connection}}\"]"),
            [text("["), Part::Number, text(",\"u"), Part::Connection, text("\"]")]
        );
    }
}
