//! The wire of `socket.io-msgpack-parser`, written and read without the library's code: each packet is one binary message.
//! Clients think in the packets of the usual parser.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use crate::{
    network::Incoming,
    place::{NAMESPACES, route, split_route},
};

/// What stands for binary data in JSON.
fn placeholder() -> Value {
    json!({ "_placeholder": true, "num": 0 })
}

/// A client's packets as messages in MessagePack; what belongs to Engine.IO alone stays as it is.
pub fn encode_all(packets: Vec<String>) -> Vec<String> {
    let mut messages = Vec::new();
    let mut packets = packets.into_iter();
    while let Some(packet) = packets.next() {
        messages.push(match packet.strip_prefix('4') {
            Some(text) => {
                let attachment = if text.starts_with('5') { packets.next() } else { None };
                let bytes = attachment.map(|base64| STANDARD.decode(&base64[1..]).unwrap());
                format!("b{}", STANDARD.encode(encode(text, bytes.as_deref())))
            }
            None => packet,
        });
    }
    messages
}

/// A packet in its usual form, such as `27["ev",1]`, with its attachment.
fn encode(text: &str, attachment: Option<&[u8]>) -> Vec<u8> {
    let (kind, rest) = text.split_at(1);
    let kind: u8 = kind.parse().unwrap();
    let rest = rest.strip_prefix("1-").filter(|_| attachment.is_some()).unwrap_or(rest);
    let (space, rest) = split_route(rest).unwrap();
    let at = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
    let (id, data) = rest.split_at(at);
    let mut out = vec![0x80 + 2 + u8::from(!id.is_empty()) + u8::from(!data.is_empty())];
    put_text("type", &mut out);
    out.push(if kind == 5 { 2 } else { kind });
    put_text("nsp", &mut out);
    put_text(NAMESPACES[space], &mut out);
    if !id.is_empty() {
        put_text("id", &mut out);
        put_number(id.parse().unwrap(), &mut out);
    }
    if !data.is_empty() {
        put_text("data", &mut out);
        put(&serde_json::from_str(data).unwrap(), attachment.unwrap_or_default(), &mut out);
    }
    out
}

fn put(value: &Value, attachment: &[u8], out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(0xc0),
        Value::Bool(is_true) => out.push(0xc2 + u8::from(*is_true)),
        Value::Number(number) => put_number(number.as_u64().unwrap(), out),
        Value::String(text) => put_text(text, out),
        Value::Array(values) => {
            out.push(0x90 + u8::try_from(values.len()).unwrap());
            values.iter().for_each(|value| put(value, attachment, out));
        }
        Value::Object(_) if *value == placeholder() => {
            out.extend([0xc4, u8::try_from(attachment.len()).unwrap()]);
            out.extend_from_slice(attachment);
        }
        Value::Object(entries) => {
            out.push(0x80 + u8::try_from(entries.len()).unwrap());
            for (key, value) in entries {
                put_text(key, out);
                put(value, attachment, out);
            }
        }
    }
}

fn put_number(number: u64, out: &mut Vec<u8>) {
    match u8::try_from(number) {
        Ok(small @ 0..0x80) => out.push(small),
        _ => {
            out.push(0xcf);
            out.extend(number.to_be_bytes());
        }
    }
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    out.extend([0xd9, u8::try_from(text.len()).unwrap()]);
    out.extend_from_slice(text.as_bytes());
}

/// A message in MessagePack as the packets of the usual parser.
///
/// # Errors
/// It is none.
pub fn decode(bytes: &[u8]) -> Result<Vec<Incoming>, String> {
    let wrong = || format!("no packet in MessagePack: {bytes:x?}");
    let mut reader = Reader { rest: bytes, attachment: None };
    let Some(Value::Object(packet)) = reader.value().filter(|_| reader.rest.is_empty()) else {
        return Err(wrong());
    };
    let namespace = packet.get("nsp").and_then(Value::as_str);
    let space = NAMESPACES.iter().position(|name| Some(*name) == namespace).ok_or_else(wrong)?;
    let route = route(space);
    let kind = packet.get("type").and_then(Value::as_u64).ok_or_else(wrong)?;
    let id = packet.get("id").map(Value::to_string).unwrap_or_default();
    let data = packet.get("data").map(Value::to_string).unwrap_or_default();
    Ok(match reader.attachment {
        Some(attachment) => {
            vec![Incoming::Text(format!("4{}1-{route}{id}{data}", kind + 3)), Incoming::Binary(attachment)]
        }
        None => vec![Incoming::Text(format!("4{kind}{route}{id}{data}"))],
    })
}

struct Reader<'a> {
    rest: &'a [u8],
    attachment: Option<Vec<u8>>,
}

impl<'a> Reader<'a> {
    fn value(&mut self) -> Option<Value> {
        let first = self.number(1)?;
        Some(match first {
            0..=0x7f => first.into(),
            0x80..=0x8f => return self.map(first - 0x80),
            0x90..=0x9f => return self.array(first - 0x90),
            0xa0..=0xbf => return self.text(first - 0xa0),
            0xc0 => Value::Null,
            0xc2 | 0xc3 => (first == 0xc3).into(),
            0xc4 => {
                let length = self.number(1)?;
                self.attachment = Some(self.take(length)?.to_vec());
                placeholder()
            }
            0xcc..=0xcf => self.number(1 << (first - 0xcc))?.into(),
            0xd9..=0xdb => {
                let length = self.number(1 << (first - 0xd9))?;
                return self.text(length);
            }
            0xdc | 0xdd => {
                let count = self.number(2 << (first - 0xdc))?;
                return self.array(count);
            }
            0xde | 0xdf => {
                let count = self.number(2 << (first - 0xde))?;
                return self.map(count);
            }
            _ => return None,
        })
    }

    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(usize::try_from(length).ok()?)?;
        self.rest = rest;
        Some(taken)
    }

    /// A number of so many bytes.
    fn number(&mut self, length: u64) -> Option<u64> {
        Some(self.take(length)?.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn text(&mut self, length: u64) -> Option<Value> {
        Some(std::str::from_utf8(self.take(length)?).ok()?.into())
    }

    fn array(&mut self, count: u64) -> Option<Value> {
        (0..count).map(|_| self.value()).collect::<Option<Vec<_>>>().map(Value::Array)
    }

    fn map(&mut self, count: u64) -> Option<Value> {
        let mut entries = Map::new();
        for _ in 0..count {
            let Value::String(key) = self.value()? else { return None };
            entries.insert(key, self.value()?);
        }
        Some(Value::Object(entries))
    }
}
