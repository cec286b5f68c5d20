//! A client as the official ones behave: what it remembers, what it answers, and what it checks.

mod heartbeat;
mod stay;

use std::{collections::VecDeque, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use engineio::{Parser, hub::Peer};
use serde_json::Value;

use crate::{
    dialect::Dialect,
    model::Model,
    msgpack,
    network::Incoming,
    place::{NAMESPACES, Space, route, split_route},
    runtime::VirtualRuntime,
    transport::{Connection, Probe},
};

use heartbeat::Heartbeat;
pub use stay::{Phase, Stay};

/// The words with which a client is refused.
pub const REFUSAL: &str = "not today";
/// Text that has as many bytes as characters in no encoding.
pub const WORDS: &str = "aß€🦀";

/// How often something happened to a client.
#[derive(Clone, Copy, Debug, Default)]
pub struct Experience {
    pub recoveries: [u64; NAMESPACES.len()],
    pub pongs: u64,
    pub leaves: u64,
    /// Namespaces that it was let into again on the connection on which it had left them.
    pub returns: u64,
}

pub struct Client {
    pub server: usize,
    parser: Parser,
    pub dialect: Dialect,
    pub connection: Option<Connection>,
    pub stays: [Stay; NAMESPACES.len()],
    pub out: VecDeque<String>,
    heartbeat: Option<Heartbeat>,
    /// Whether it leaves pings and questions unanswered, and sends no pings.
    pub is_mute: bool,
    /// The head of a packet whose attachment comes next.
    head: Option<(Space, String)>,
    /// Sessions it has had, for the events that were dropped for it.
    pub peers: Vec<Arc<Peer>>,
    missed: u64,
    pub experience: Experience,
}

impl Client {
    pub fn new(server: usize, parser: Parser, dialect: Dialect) -> Self {
        Self {
            server,
            parser,
            dialect,
            connection: None,
            stays: std::array::from_fn(Stay::new),
            out: VecDeque::new(),
            heartbeat: None,
            is_mute: false,
            head: None,
            peers: Vec::new(),
            missed: 0,
            experience: Experience::default(),
        }
    }

    pub fn begin(&mut self, connection: Connection, clock: &Arc<VirtualRuntime>) {
        self.peers.push(Arc::clone(&connection.peer));
        self.connection = Some(connection);
        for stay in &mut self.stays {
            stay.begin(self.dialect.enters_unasked(stay.space));
        }
        self.heartbeat = self.dialect.is_old().then(|| Heartbeat::new(clock));
        self.head = None;
        self.out.clear();
    }

    /// The client knows that its connection has ended.
    pub fn end(&mut self) -> Option<Connection> {
        self.stays.iter_mut().for_each(Stay::end);
        self.heartbeat = None;
        self.out.clear();
        self.connection.take()
    }

    /// One of the namespaces that it is in, or is not, if there is a connection.
    pub fn some_stay(&self, phase: Phase, from: Space) -> Option<Space> {
        let spaces = (from..NAMESPACES.len()).chain(0..from);
        spaces.filter(|_| self.connection.is_some()).find(|&space| self.stays[space].phase == phase)
    }

    pub fn knock(&mut self, space: Space) {
        let packet = self.stays[space].knock();
        self.out.push_back(packet);
    }

    pub fn leave(&mut self, space: Space) {
        let packet = self.stays[space].leave();
        self.out.push_back(packet);
        self.experience.leaves += 1;
    }

    /// Queues an event for the server.
    pub fn say(&mut self, space: Space, event: &str, with_ack: bool) {
        let packet = self.stays[space].say(event, with_ack);
        self.out.push_back(packet);
    }

    /// Pings if it is time to; answers whether it is.
    pub fn beat(&mut self) -> bool {
        let Some(heartbeat) = &mut self.heartbeat else { return false };
        let is_due = heartbeat.is_due();
        if is_due && !self.is_mute {
            heartbeat.pinged();
            self.out.push_back("2".into());
        }
        is_due
    }

    pub fn unanswered_pings(&self) -> u32 {
        self.heartbeat.as_ref().map_or(0, Heartbeat::unanswered)
    }

    /// Hands packets to the transport.
    pub fn send(&mut self, most: usize) -> bool {
        let Some(connection) = self.connection.as_mut().filter(|connection| connection.can_send()) else {
            return false;
        };
        let count = most.min(self.out.len());
        if count == 0 {
            return false;
        }
        let packets: Vec<_> = match self.parser {
            Parser::Json => self.out.drain(..count).collect(),
            Parser::Msgpack => {
                // A packet and its attachment are one message.
                let is_torn = self.out[count - 1].starts_with("45");
                msgpack::encode_all(self.out.drain(..count + usize::from(is_torn)).collect())
            }
        };
        connection.send(packets);
        true
    }

    /// Takes in what has arrived; answers whether that was something, and whether the connection has ended by it.
    pub fn read(&mut self, limit: usize, model: &Model) -> (bool, bool) {
        let Some(connection) = &mut self.connection else { return (false, false) };
        let has_arrived = connection.has_arrived();
        let parser = self.parser;
        let incoming = match connection.read(limit).and_then(|incoming| in_usual_form(incoming, parser)) {
            Ok(incoming) => incoming,
            Err(error) => {
                model.lock().fault(error);
                return (true, true);
            }
        };
        let was_something = has_arrived || !incoming.is_empty();
        for one in incoming {
            let ends = match one {
                Incoming::End => true,
                Incoming::Binary(bytes) => {
                    match self.head.take() {
                        Some((space, head)) if bytes == [1, 2, 3] => self.event(space, &head, model),
                        _ => model.lock().fault("an attachment came alone or changed"),
                    }
                    false
                }
                Incoming::Text(text) => self.packet(&text, model),
            };
            if ends {
                return (true, true);
            }
        }
        (was_something, false)
    }

    /// Takes in a packet; answers whether it ends the connection.
    fn packet(&mut self, text: &str, model: &Model) -> bool {
        if self.head.is_some() {
            model.lock().fault("a packet came before the attachment that was owed");
        }
        let is_understood = match (text, self.dialect) {
            ("1", _) => return true,
            ("6", _) => true,
            ("2", Dialect::New) => {
                if !self.is_mute {
                    self.out.push_back("3".into());
                }
                true
            }
            ("3", Dialect::Old { .. }) => {
                self.experience.pongs += 1;
                self.heartbeat.as_mut().is_some_and(Heartbeat::answered)
            }
            _ => self.message(text, model).is_some(),
        };
        if !is_understood {
            model.lock().fault(format!("the client cannot read {text}"));
        }
        false
    }

    /// Takes in a packet of Socket.IO; `None` if it is none for this client.
    fn message(&mut self, text: &str, model: &Model) -> Option<()> {
        let (kind, rest) = text.strip_prefix('4')?.split_at_checked(1)?;
        let rest = if kind == "5" { rest.strip_prefix("1-")? } else { rest };
        let (space, rest) = split_route(rest)?;
        let stay = &mut self.stays[space];
        match kind {
            "0" => {
                let session = self.connection.as_ref()?.peer.sid();
                let had_left = stay.has_left();
                let is_back = stay.welcome(self.dialect.welcome(rest, session), model);
                self.experience.recoveries[space] += u64::from(is_back);
                self.experience.returns += u64::from(had_left);
            }
            "1" => {
                if stay.dismissed() {
                    // Nothing more of this stay is wanted.
                    self.out.retain(|packet| !is_said_in(space, packet));
                }
            }
            "4" => {
                let is_answer = stay.phase == Phase::Knocking && self.dialect.is_refusal(rest, REFUSAL);
                stay.end();
                return is_answer.then_some(());
            }
            "2" => self.event(space, rest, model),
            "3" => stay.answer(rest, model),
            "5" => self.head = Some((space, rest.to_owned())),
            _ => return None,
        }
        Some(())
    }

    fn event(&mut self, space: Space, event: &str, model: &Model) {
        let at = event.find('[').unwrap_or(0);
        let (ack, array) = event.split_at(at);
        let args: Vec<Value> = serde_json::from_str(array).unwrap_or_default();
        let stay = &mut self.stays[space];
        let number = args.get(1).and_then(Value::as_u64).filter(|_| is_whole(&args));
        let (Some(number), Some(place)) = (number, stay.place) else {
            return model.lock().fault(format!("the client cannot read the event {event}"));
        };
        stay.passes(&args);
        let Some(connection) = &self.connection else { return };
        let dropped: u64 = self.peers.iter().map(|peer| peer.outbox().dropped_packets()).sum();
        let missed = &mut self.missed;
        model.lock().receive(&place, connection.peer.sid(), number, || {
            *missed += 1;
            *missed <= dropped
        });
        // What comes late, from a stay that the client has left, is not answered.
        if !ack.is_empty() && !self.is_mute && stay.phase == Phase::Joined {
            self.out.push_back(format!("43{}{ack}[{number}]", route(space)));
        }
    }

    /// How many of the events it was owed may still be missing.
    pub fn may_miss(&self) -> u64 {
        let dropped: u64 = self.peers.iter().map(|peer| peer.outbox().dropped_packets()).sum();
        dropped.saturating_sub(self.missed)
    }

    pub fn is_changing(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.probe != Probe::None)
    }
}

/// Whether a packet is an event or an answer in a namespace.
fn is_said_in(space: Space, packet: &str) -> bool {
    let said = packet.strip_prefix("42").or_else(|| packet.strip_prefix("43"));
    said.and_then(split_route).is_some_and(|(said_in, _)| said_in == space)
}

/// Whether the text of an event is as long as the number behind it says, if there is text.
fn is_whole(args: &[Value]) -> bool {
    match args {
        [_, _, Value::String(text), Value::Number(length), ..] => {
            length.as_u64() == Some(text.chars().count() as u64)
        }
        _ => true,
    }
}

/// What has arrived as if it had been written by the usual parser.
fn in_usual_form(incoming: Vec<Incoming>, parser: Parser) -> Result<Vec<Incoming>, String> {
    if parser == Parser::Json {
        return Ok(incoming);
    }
    let mut usual = Vec::new();
    for one in incoming {
        match one {
            Incoming::Binary(bytes) => usual.extend(msgpack::decode(&bytes)?),
            Incoming::Text(text) if text.starts_with('4') => {
                return Err(format!("{text} is not in MessagePack"));
            }
            other @ (Incoming::Text(_) | Incoming::End) => usual.push(other),
        }
    }
    Ok(usual)
}

/// The number of the question that a packet answers.
pub fn answered(packet: &str) -> Option<u64> {
    if let Some(base64) = packet.strip_prefix('b') {
        let message = STANDARD.decode(base64).ok()?;
        let Some(Incoming::Text(packet)) = msgpack::decode(&message).ok()?.into_iter().next() else {
            return None;
        };
        return answered(&packet);
    }
    let (_, array) = packet.strip_prefix("43")?.split_once('[')?;
    array.trim_end_matches(']').parse().ok()
}
