//! The two generations of clients, and what each writes and reads in its own way: Engine.IO 4 with Socket.IO 5, and
//! Engine.IO 3 with Socket.IO 4, which Socket.IO 2 speaks.
//!
//! Clients think in packets as polling of protocol 4 writes them, in which bytes are `b` and base64.

mod payload;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use engineio::{Sid, engine::Revision};
use serde_json::Value;

use crate::{network::Incoming, place::Space};

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    New,
    Old {
        /// Whether it reads no bytes by polling, as in browsers without XMLHttpRequest 2. By WebSocket all do.
        base64: bool,
    },
}

/// The body of a request, or of its answer.
#[derive(Debug, Default)]
pub struct Body {
    pub bytes: Vec<u8>,
    pub is_binary: bool,
}

/// A WebSocket message of a client.
pub enum Message {
    Text(String),
    Binary(Vec<u8>),
}

/// What an answer to CONNECT says.
pub struct Welcome {
    pub id: Sid,
    /// What the client may come back by. Those of the old generation never come back.
    pub pid: Option<String>,
}

impl Dialect {
    pub fn is_old(self) -> bool {
        self != Dialect::New
    }

    pub fn revision(self) -> Revision {
        if self.is_old() { Revision::V3 } else { Revision::V4 }
    }

    /// Whether a client is on its way into a namespace as soon as its connection is there.
    pub fn enters_unasked(self, space: Space) -> bool {
        self.is_old() && space == 0
    }

    /// Reads the payload of an answer to CONNECT. Old clients make up their id of that of their session.
    pub fn welcome(self, payload: &str, session: &Sid) -> Option<Welcome> {
        if self.is_old() {
            return payload.is_empty().then_some(Welcome { id: *session, pid: None });
        }
        let payload: Value = serde_json::from_str(payload).ok()?;
        let id = Sid::parse(payload["sid"].as_str()?)?;
        Some(Welcome { id, pid: payload["pid"].as_str().map(str::to_owned) })
    }

    /// Whether this is the payload of a refusal, whose words are the program's.
    pub fn is_refusal(self, payload: &str, words: &str) -> bool {
        let Ok(payload) = serde_json::from_str::<Value>(payload) else { return false };
        if self.is_old() { payload == words } else { payload["message"] == words }
    }

    /// Writes packets as the body of a request.
    pub fn body(self, packets: &[String]) -> Body {
        let is_binary = |packet: &String| packet.starts_with('b');
        match self {
            Dialect::New => Body { bytes: packets.join("\x1e").into(), is_binary: false },
            Dialect::Old { base64: false } if packets.iter().any(is_binary) => {
                Body { bytes: payload::write_records(packets), is_binary: true }
            }
            Dialect::Old { .. } => Body { bytes: payload::write_text(packets).into(), is_binary: false },
        }
    }

    /// Reads the packets of a polling response.
    ///
    /// # Errors
    /// It is none for this client.
    pub fn read_body(self, body: &Body) -> Result<Vec<Incoming>, String> {
        if body.is_binary {
            return match self {
                Dialect::Old { base64: false } => payload::read_records(&body.bytes),
                Dialect::Old { base64: true } | Dialect::New => Err("bytes for who reads only text".into()),
            };
        }
        let text = std::str::from_utf8(&body.bytes).map_err(|_| "a response is no UTF-8".to_owned())?;
        let packets = if self.is_old() { payload::read_text(text)? } else { text.split('\x1e').collect() };
        packets.into_iter().map(|packet| self.read_text(packet)).collect()
    }

    /// Writes a packet as a WebSocket message.
    pub fn message(self, packet: &str) -> Message {
        match packet.strip_prefix('b') {
            None => Message::Text(packet.to_owned()),
            Some(base64) if self.is_old() => Message::Binary(payload::typed(base64)),
            Some(base64) => Message::Binary(bytes(base64)),
        }
    }

    /// Reads a WebSocket message.
    ///
    /// # Errors
    /// It is no packet.
    pub fn read_message(self, message: Incoming) -> Result<Incoming, String> {
        match message {
            Incoming::Binary(bytes) if self.is_old() => payload::read_typed(&bytes),
            // What was made for polling may come by the WebSocket after it.
            Incoming::Text(text) if self.is_old() => self.read_text(&text),
            other @ (Incoming::Text(_) | Incoming::Binary(_) | Incoming::End) => Ok(other),
        }
    }

    /// Reads a packet in text, whose bytes are in base64.
    fn read_text(self, packet: &str) -> Result<Incoming, String> {
        let Some(typed) = packet.strip_prefix('b') else { return Ok(Incoming::Text(packet.to_owned())) };
        let base64 = if self.is_old() { typed.strip_prefix('4') } else { Some(typed) };
        let decoded = base64.and_then(|base64| STANDARD.decode(base64).ok());
        decoded.map(Incoming::Binary).ok_or_else(|| format!("{packet} is no binary packet"))
    }
}

/// The bytes of base64 that a client has written itself.
fn bytes(base64: &str) -> Vec<u8> {
    STANDARD.decode(base64).expect("base64 of a client")
}
