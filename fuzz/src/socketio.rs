//! Socket.IO: packets beside a naive decoder, and the client machine beside a naive model.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use engineio::{
    Config,
    socketio::{Client, ClientAction, Fault, Message, Packet, PacketType},
};
use serde_json::Value;

use crate::script::Script;

const RESERVED: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// A packet is read exactly when the naive decoder reads it, with the same parts.
pub fn socketio_packet(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let config = Config::default();
    let ours = Packet::decode(text, &config).ok();
    if is_beyond_the_naive(text) {
        return;
    }
    let naive = Naive::decode(text, &config);
    let parts = ours.map(|packet| Naive {
        kind: packet.kind,
        attachments: packet.attachments,
        namespace: packet.namespace.to_owned(),
        id: packet.id,
        data: packet.data.to_owned(),
    });
    assert_eq!(parts, naive, "{text:?}");
}

/// Where building a tree of the JSON refuses what merely passing it on need not: numbers out of range, halves of
/// surrogate pairs, and depth.
fn is_beyond_the_naive(text: &str) -> bool {
    let nested = text.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count() > 100;
    let mut pairs = text.as_bytes().windows(2);
    let exponent = pairs.any(|pair| pair[0].is_ascii_digit() && matches!(pair[1], b'e' | b'E'));
    nested || exponent || text.contains("\\u") || text.len() > 300
}

#[derive(Debug, PartialEq)]
struct Naive {
    kind: PacketType,
    attachments: usize,
    namespace: String,
    id: Option<u64>,
    data: String,
}

impl Naive {
    fn decode(text: &str, config: &Config) -> Option<Self> {
        let kind = match text.chars().next()? {
            '0' => PacketType::Connect,
            '1' => PacketType::Disconnect,
            '2' => PacketType::Event,
            '3' => PacketType::Ack,
            '4' => PacketType::ConnectError,
            '5' => PacketType::BinaryEvent,
            '6' => PacketType::BinaryAck,
            _ => return None,
        };
        let (mut rest, mut attachments) = (&text[1..], 0);
        let binary = matches!(kind, PacketType::BinaryEvent | PacketType::BinaryAck);
        if binary {
            let (count, behind) = rest.split_once('-')?;
            let digits = count.bytes().all(|byte| byte.is_ascii_digit()) && count.len() < 10;
            attachments =
                count.parse().ok().filter(|count| digits && (1..=config.max_attachments).contains(count))?;
            rest = behind;
        }
        let mut namespace = "/";
        if rest.starts_with('/') {
            (namespace, rest) = rest.split_once(',').unwrap_or((rest, ""));
        }
        let digits = rest.len() - rest.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
        let (id, data) = rest.split_at(digits);
        let id = if id.is_empty() { None } else { Some(id.parse::<i64>().ok()?.unsigned_abs()) };
        let fits = match (kind, serde_json::from_str::<Value>(data)) {
            (PacketType::Connect, json) => data.is_empty() || (data.starts_with('{') && json.is_ok()),
            (PacketType::Disconnect, _) => data.is_empty(),
            (PacketType::ConnectError, json) => data.starts_with(['{', '"']) && json.is_ok(),
            (PacketType::Event | PacketType::BinaryEvent, Ok(Value::Array(all))) => {
                let named = match all.first() {
                    Some(Value::String(name)) => !RESERVED.contains(&name.as_str()),
                    Some(Value::Number(_)) => true,
                    _ => false,
                };
                named && all.len() - 1 <= config.max_event_args
            }
            (PacketType::Ack | PacketType::BinaryAck, Ok(Value::Array(all))) => {
                all.len() <= config.max_event_args
            }
            _ => false,
        };
        if !fits || (binary && !placeholders_fit(&serde_json::from_str(data).ok()?, attachments)) {
            return None;
        }
        Some(Self { kind, attachments, namespace: namespace.to_owned(), id, data: data.to_owned() })
    }
}

fn placeholders_fit(value: &Value, attachments: usize) -> bool {
    match value {
        Value::Array(all) => all.iter().all(|value| placeholders_fit(value, attachments)),
        Value::Object(map) => {
            let is_placeholder = map.get("_placeholder") == Some(&Value::Bool(true));
            let in_range = map.get("num").and_then(Value::as_u64).is_some_and(|num| num < attachments as u64);
            (!is_placeholder || in_range) && map.values().all(|value| placeholders_fit(value, attachments))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

/// A packet in MessagePack is one that the parser of text would have let through as well, with the same parts.
pub fn msgpack(data: &[u8]) {
    let config = Config::default();
    let Ok(message) = Message::decode(data, &config) else { return };
    let packet = message.packet();
    assert_eq!(packet.attachments, message.attachments().len());
    assert!(packet.attachments <= config.max_attachments);
    // At most `false,` for a byte, and the placeholders.
    let most = 6 * data.len() + 40 * packet.attachments;
    assert!(packet.data.len() <= most, "{} bytes became {}", data.len(), packet.data.len());
    // Names that text cannot carry, names that only look like a placeholder's, and where the other parser's own limit of
    // depth counts.
    let namespace = packet.namespace;
    let nested = packet.data.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count() > 100;
    if !namespace.starts_with('/') || namespace.contains(',') || packet.data.contains(r"\u005f") || nested {
        return;
    }
    let mut text = char::from(packet.kind.digit()).to_string();
    if packet.attachments > 0 {
        text += &format!("{}-", packet.attachments);
    }
    text += &format!("{namespace},");
    text += &packet.id.map(|id| id.to_string()).unwrap_or_default();
    text += packet.data;
    assert_eq!(Packet::decode(&text, &config).as_ref(), Ok(&packet), "{text:?}");
}

/// The client machine lets through what a list of joined namespaces says.
pub fn client(data: &[u8]) {
    let mut script = Script::new(data);
    let config = Config { max_namespaces: 4, ..Config::default() };
    #[expect(clippy::disallowed_methods, reason = "a start for a clock that the script moves")]
    let mut now = Instant::now();
    let mut client = Client::new(&config, now);
    // Whether a namespace is joined; one that the server has ended is in the list and not joined.
    let mut joined: HashMap<String, bool> = HashMap::new();
    while let Some(choice) = script.byte() {
        let text = script.text();
        let action = match choice % 8 {
            0 => client.binary(text.as_bytes().into(), &config, now),
            1 => {
                now += Duration::from_secs(u64::from(script.below(20)));
                match client.tick(now) {
                    Some(fault) => ClientAction::Close(fault),
                    None => ClientAction::None,
                }
            }
            2 => {
                if joined.get(text) == Some(&true) {
                    client.leave(text);
                    joined.insert(text.to_owned(), false);
                }
                continue;
            }
            _ => client.text(text, &config, now),
        };
        match action {
            ClientAction::Connect(packet) => {
                let name = packet.namespace;
                assert_ne!(joined.get(name), Some(&true), "{name} was joined already");
                let fits = joined.contains_key(name) || joined.len() < config.max_namespaces;
                let begun = client.begin(name, &config);
                assert_eq!(begun.is_ok(), fits && name.len() <= config.max_namespace_bytes, "{begun:?}");
                if begun.is_ok() {
                    client.accept(name);
                    joined.insert(name.to_owned(), true);
                }
            }
            ClientAction::Packet(packet) => assert_eq!(joined.get(packet.namespace), Some(&true)),
            ClientAction::Complete(text, attachments) => {
                let packet =
                    Packet::decode(&text, &config).expect("what was put together was checked before");
                assert_eq!(packet.attachments, attachments.len());
                assert!(joined.contains_key(packet.namespace));
            }
            ClientAction::Disconnect(packet) => assert_eq!(joined.remove(packet.namespace), Some(true)),
            ClientAction::Close(fault) => {
                if let Fault::NotJoined(name) = &fault {
                    assert!(!joined.contains_key(name), "{name} was joined");
                }
                return;
            }
            ClientAction::None => {}
        }
    }
}
