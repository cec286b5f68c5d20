//! Socket.IO: packets beside a naive decoder, and the client machine beside a naive model.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use engineio::{
    Config,
    socketio::{Client, ClientAction, Fault, Message, Packet, PacketType},
};
use serde::de::IgnoredAny;
use serde_json::{Value, value::RawValue};

use crate::script::Script;

const RESERVED: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// A packet is read exactly when the naive decoder reads it, with the same parts.
pub fn socketio_packet(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let config = Config::default();
    let ours = Packet::decode(text, &config).ok();
    let parts = ours.map(|packet| Naive {
        kind: packet.kind,
        attachments: packet.attachments,
        namespace: packet.namespace.to_owned(),
        id: packet.id,
        event: packet.event.into_owned(),
        data: packet.data.to_owned(),
    });
    // Placeholders are looked for in a tree, and building one refuses what merely passing JSON on need not: numbers out
    // of range and halves of surrogate pairs.
    let has_no_tree = |parts: &Naive| serde_json::from_str::<Value>(&parts.data).is_err();
    if parts.as_ref().is_some_and(|parts| parts.attachments > 0 && has_no_tree(parts)) {
        return;
    }
    assert_eq!(parts, Naive::decode(text, &config), "{text:?}");
}

#[derive(Debug, PartialEq)]
struct Naive {
    kind: PacketType,
    attachments: usize,
    namespace: String,
    id: Option<u64>,
    event: String,
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
        let is_json =
            serde_json::from_str::<IgnoredAny>(data).is_ok() && depth(data) <= config.max_json_depth;
        let elements: Vec<&RawValue> = serde_json::from_str(data).unwrap_or_default();
        let is_array = is_json && data.trim_start().starts_with('[');
        let mut event = String::new();
        let fits = match kind {
            PacketType::Connect => data.is_empty() || (data.starts_with('{') && is_json),
            PacketType::Disconnect => data.is_empty(),
            PacketType::ConnectError => data.starts_with(['{', '"']) && is_json,
            PacketType::Event | PacketType::BinaryEvent => {
                event = event_name(elements.first()?)?;
                is_array && !RESERVED.contains(&&*event) && elements.len() - 1 <= config.max_event_args
            }
            PacketType::Ack | PacketType::BinaryAck => is_array && elements.len() <= config.max_event_args,
        };
        if !fits || (binary && !placeholders_fit(&serde_json::from_str(data).ok()?, attachments)) {
            return None;
        }
        Some(Self { kind, attachments, namespace: namespace.to_owned(), id, event, data: data.to_owned() })
    }
}

/// A string, or a number as JavaScript would print it.
fn event_name(first: &RawValue) -> Option<String> {
    match serde_json::from_str(first.get()).ok()? {
        Value::String(name) => Some(name),
        Value::Number(number) if number.is_f64() => Some(number.as_f64()?.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// How deep the arrays and objects of valid JSON are nested.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for letter in json.chars() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => in_string = !in_string,
            '[' | '{' if !in_string => depth += 1,
            ']' | '}' if !in_string => depth -= 1,
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
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
            ClientAction::Complete(complete) => {
                let packet = complete.packet();
                assert_eq!(Packet::decode(complete.text(), &config).as_ref(), Ok(&packet));
                assert_eq!(packet.attachments, complete.attachments().len());
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
