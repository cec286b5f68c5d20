//! A client as the official one behaves: what it remembers, what it answers, and what it checks.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use engineio::{Parser, Sid, hub::Peer};
use serde_json::{Value, json};

use crate::{
    model::Model,
    msgpack,
    network::Incoming,
    transport::{Connection, Probe},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// There is no connection, or nothing was said on it.
    Apart,
    /// CONNECT was sent.
    Knocking,
    Joined,
}

pub struct Client {
    pub server: usize,
    parser: Parser,
    pub connection: Option<Connection>,
    pub phase: Phase,
    /// The id it has, or had and hopes to get back.
    pub id: Option<Sid>,
    pid: Option<String>,
    offset: Option<String>,
    pub out: VecDeque<String>,
    /// Whether it leaves pings and questions unanswered.
    pub is_mute: bool,
    /// Events since it was let in; each time is a stretch of its own.
    pub stretch: u32,
    pub sent: u32,
    /// The answers it awaits.
    pub awaited: BTreeMap<u64, u32>,
    next_ack: u64,
    /// The head of a packet whose attachment comes next.
    head: Option<String>,
    /// Sessions it has had, for the events that were dropped for it.
    pub peers: Vec<Arc<Peer>>,
    missed: u64,
}

impl Client {
    pub fn new(server: usize, parser: Parser) -> Self {
        Self {
            server,
            parser,
            connection: None,
            phase: Phase::Apart,
            id: None,
            pid: None,
            offset: None,
            out: VecDeque::new(),
            is_mute: false,
            stretch: 0,
            sent: 0,
            awaited: BTreeMap::new(),
            next_ack: 0,
            head: None,
            peers: Vec::new(),
            missed: 0,
        }
    }

    pub fn begin(&mut self, connection: Connection) {
        self.peers.push(Arc::clone(&connection.peer));
        self.connection = Some(connection);
        self.phase = Phase::Apart;
        self.head = None;
        self.out.clear();
    }

    /// The client knows that its connection has ended.
    pub fn end(&mut self) -> Option<Connection> {
        self.phase = Phase::Apart;
        self.out.clear();
        self.awaited.clear();
        self.connection.take()
    }

    /// The client has left for good, and comes anew if it comes.
    pub fn forget(&mut self) {
        (self.pid, self.offset) = (None, None);
    }

    pub fn knock(&mut self) {
        let claim = self.pid.as_ref().map(|pid| json!({ "pid": pid, "offset": self.offset }).to_string());
        self.out.push_back(format!("40{}", claim.unwrap_or_default()));
        self.phase = Phase::Knocking;
    }

    /// Queues an event for the server.
    pub fn say(&mut self, event: &str, with_ack: bool) {
        let (stretch, index) = (self.stretch, self.sent);
        self.sent += 1;
        let mut id = String::new();
        if with_ack {
            self.next_ack += 1;
            self.awaited.insert(self.next_ack, index);
            id = self.next_ack.to_string();
        }
        self.out.push_back(format!(r#"42{id}["{event}",{stretch},{index}]"#));
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
                        Some(head) if bytes == [1, 2, 3] => self.event(&head, model),
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
        match text.split_at_checked(2).unwrap_or((text, "")) {
            ("1", _) => return true,
            ("2", _) if !self.is_mute => self.out.push_back("3".into()),
            ("2" | "6", _) => {}
            ("40", reply) => self.welcome(reply, model),
            ("41", _) => {
                // Nothing more of this stay comes, and who was sent away comes anew.
                self.phase = Phase::Apart;
                (self.pid, self.offset) = (None, None);
                self.awaited.clear();
                self.out.retain(|packet| !packet.starts_with("42") && !packet.starts_with("43"));
            }
            ("44", _) => self.phase = Phase::Apart,
            ("42", event) => self.event(event, model),
            ("43", answer) => self.answer(answer, model),
            ("45", head) => self.head = head.strip_prefix("1-").map(str::to_owned),
            _ => model.lock().fault(format!("the client cannot read {text}")),
        }
        false
    }

    fn welcome(&mut self, reply: &str, model: &Model) {
        let reply: Value = serde_json::from_str(reply).unwrap_or_default();
        let id = reply["sid"].as_str().and_then(Sid::parse);
        if self.phase != Phase::Knocking || id.is_none() {
            model.lock().fault("an answer to CONNECT that makes no sense");
        }
        let pid = reply["pid"].as_str().map(str::to_owned);
        if id != self.id || pid != self.pid {
            self.offset = None;
        }
        (self.id, self.pid) = (id, pid);
        self.phase = Phase::Joined;
        self.stretch += 1;
        self.sent = 0;
    }

    fn event(&mut self, event: &str, model: &Model) {
        let at = event.find('[').unwrap_or(0);
        let (ack, array) = event.split_at(at);
        let args: Vec<Value> = serde_json::from_str(array).unwrap_or_default();
        let (Some(number), Some(id)) = (args.get(1).and_then(Value::as_u64), self.id) else {
            return model.lock().fault(format!("the client cannot read the event {event}"));
        };
        if let Some(Value::String(offset)) = args.last().filter(|_| self.pid.is_some() && args.len() > 1) {
            self.offset = Some(offset.clone());
        }
        let Some(connection) = &self.connection else { return };
        let dropped: u64 = self.peers.iter().map(|peer| peer.outbox().dropped_packets()).sum();
        let missed = &mut self.missed;
        model.lock().receive(&id, connection.peer.sid(), number, || {
            *missed += 1;
            *missed <= dropped
        });
        if !ack.is_empty() && !self.is_mute {
            self.out.push_back(format!("43{ack}[{number}]"));
        }
    }

    fn answer(&mut self, answer: &str, model: &Model) {
        let at = answer.find('[').unwrap_or(0);
        let id: u64 = answer[..at].parse().unwrap_or_default();
        let index: Vec<u32> = serde_json::from_str(&answer[at..]).unwrap_or_default();
        let awaited = self.awaited.remove(&id);
        if awaited.is_none() || index.first() != awaited.as_ref() {
            model.lock().fault(format!("{answer} answers nothing that was asked"));
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
