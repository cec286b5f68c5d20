//! Packets in MessagePack, as `socket.io-msgpack-parser` writes them: each is one binary message, a map of `type`, `data`,
//! `nsp` and `id`.
//!
//! What is behind this module knows one form of arguments, JSON with attachments: binary data becomes attachments here,
//! and attachments become binary data. An object of the client's own that looks like a placeholder is told apart by an
//! escaped letter in its name, which is the same JSON and yet no placeholder.

mod from_json;
mod reader;
#[cfg(test)]
mod tests;
mod to_json;

use std::borrow::Cow;

use bytes::Bytes;

use self::{
    reader::{Head, Reader},
    to_json::Json,
};
use super::packet::{AckId, DecodeError, Packet, PacketType, is_reserved};
use crate::config::Config;

/// What is wrong with bytes that should be MessagePack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Invalid(&'static str);

impl From<Invalid> for DecodeError {
    fn from(Invalid(what): Invalid) -> Self {
        Self::InvalidMsgpack(what)
    }
}

/// A packet that came as MessagePack, with all its attachments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    kind: PacketType,
    namespace: &'a str,
    id: Option<AckId>,
    event: Cow<'a, str>,
    data: String,
    attachments: Vec<Bytes>,
}

/// A packet's map before its payload is looked at.
#[derive(Default)]
struct Fields<'a> {
    kind: Option<PacketType>,
    namespace: Option<&'a str>,
    id: Option<AckId>,
    /// Where the payload begins.
    data: Option<Reader<'a>>,
}

impl<'a> Message<'a> {
    /// Reads a packet and checks its payload as the reference decoder does.
    ///
    /// A key that comes twice counts as the last one, one of another name is passed over, and `null` is as good as
    /// absent.
    ///
    /// # Errors
    /// The bytes are no packet or break a limit of `config`; the connection is then closed.
    ///
    /// # Examples
    /// ```
    /// use engineio::{Config, socketio::{Message, PacketType}};
    ///
    /// let bytes = b"\x83\xa4type\x02\xa4data\x92\xa4move\xc4\x02xy\xa3nsp\xa1/";
    /// let message = Message::decode(bytes, &Config::default())?;
    /// let packet = message.packet();
    /// assert_eq!((packet.kind, packet.namespace), (PacketType::BinaryEvent, "/"));
    /// assert_eq!(packet.data, r#"["move",{"_placeholder":true,"num":0}]"#);
    /// assert_eq!(message.attachments(), ["xy"]);
    /// # Ok::<(), engineio::socketio::DecodeError>(())
    /// ```
    pub fn decode(bytes: &'a [u8], config: &Config) -> Result<Self, DecodeError> {
        let fields = Fields::read(bytes)?;
        let kind = fields.kind.ok_or(Invalid("a packet has no type"))?;
        let namespace = fields.namespace.ok_or(Invalid("a packet has no namespace"))?;
        let event = check_payload(kind, fields.data, config)?;
        let json = match fields.data {
            Some(mut data) => to_json::value(&mut data, config)?,
            None => Json::default(),
        };
        let kind = match (kind, json.attachments.is_empty()) {
            (kind, true) => kind,
            (PacketType::Event, false) => PacketType::BinaryEvent,
            (PacketType::Ack, false) => PacketType::BinaryAck,
            _ => {
                let what = "only events and acknowledgements may have binary data";
                return Err(DecodeError::InvalidPayload(what));
            }
        };
        let Json { text: data, attachments } = json;
        Ok(Self { kind, namespace, id: fields.id, event, data, attachments })
    }

    /// The packet as one of text would be.
    #[must_use]
    pub fn packet(&self) -> Packet<'_> {
        Packet {
            kind: self.kind,
            namespace: self.namespace,
            query: "",
            id: self.id,
            attachments: self.attachments.len(),
            data: &self.data,
            event: Cow::Borrowed(&self.event),
        }
    }

    /// What the placeholders of the packet's data stand for.
    #[must_use]
    pub fn attachments(&self) -> &[Bytes] {
        &self.attachments
    }
}

impl<'a> Fields<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let Head::Map(entries) = reader.head()? else {
            return Err(Invalid("a packet is a map").into());
        };
        let mut fields = Self::default();
        for _ in 0..entries {
            let Head::Text(key) = reader.head()? else {
                return Err(Invalid("a key of a packet is no text").into());
            };
            match key {
                "type" => fields.kind = Some(read_kind(reader.head()?)?),
                "nsp" => fields.namespace = Some(read_namespace(reader.head()?)?),
                "id" => fields.id = read_id(reader.head()?)?,
                "data" => fields.data = read_data(&mut reader)?,
                // Such as `options`, which the official client sends along by accident.
                _ => reader.skip()?,
            }
        }
        if reader.is_at_end() { Ok(fields) } else { Err(Invalid("there are bytes behind the packet").into()) }
    }
}

fn read_kind(head: Head<'_>) -> Result<PacketType, Invalid> {
    const KINDS: [PacketType; 5] = [
        PacketType::Connect,
        PacketType::Disconnect,
        PacketType::Event,
        PacketType::Ack,
        PacketType::ConnectError,
    ];
    let Head::Unsigned(number) = head else { return Err(Invalid("a packet's type is no number")) };
    let kind = usize::try_from(number).ok().and_then(|number| KINDS.get(number));
    kind.copied().ok_or(Invalid("a packet's type is none of 0 to 4"))
}

fn read_namespace(head: Head<'_>) -> Result<&str, Invalid> {
    if let Head::Text(name) = head { Ok(name) } else { Err(Invalid("a namespace is no text")) }
}

fn read_id(head: Head<'_>) -> Result<Option<AckId>, DecodeError> {
    if let Head::Undefined | Head::Nil = head {
        return Ok(None);
    }
    // As large as in text.
    if let Head::Unsigned(id) = head
        && i64::try_from(id).is_ok()
    {
        return Ok(Some(id));
    }
    Err(DecodeError::InvalidId)
}

/// Passes the payload over and answers where it begins, unless there is none.
fn read_data<'a>(reader: &mut Reader<'a>) -> Result<Option<Reader<'a>>, Invalid> {
    let (begin, mut front) = (*reader, *reader);
    reader.skip()?;
    let is_absent = matches!(front.head()?, Head::Undefined | Head::Nil);
    Ok((!is_absent).then_some(begin))
}

/// Checks that a payload begins as its type wants; answers the event's name, which is empty for other types.
fn check_payload<'a>(
    kind: PacketType,
    data: Option<Reader<'a>>,
    config: &Config,
) -> Result<Cow<'a, str>, DecodeError> {
    let mut data = data.unwrap_or(Reader::new(&[]));
    let head = if data.is_at_end() { None } else { Some(data.head()?) };
    match (kind, head) {
        (PacketType::Connect, None | Some(Head::Map(_)))
        | (PacketType::Disconnect, None)
        | (PacketType::ConnectError, Some(Head::Text(_) | Head::Map(_))) => Ok(Cow::Borrowed("")),
        (PacketType::Event, Some(Head::Array(length @ 1..))) => {
            check_arguments(length - 1, config)?;
            read_event_name(data.head()?)
        }
        (PacketType::Ack, Some(Head::Array(length))) => {
            check_arguments(length, config)?;
            Ok(Cow::Borrowed(""))
        }
        (PacketType::Connect, _) => Err(DecodeError::InvalidPayload("CONNECT takes an object")),
        (PacketType::Disconnect, _) => Err(DecodeError::InvalidPayload("DISCONNECT takes none")),
        (PacketType::ConnectError, _) => {
            Err(DecodeError::InvalidPayload("CONNECT_ERROR takes an object or a string"))
        }
        (PacketType::Ack, _) => Err(DecodeError::InvalidPayload("an acknowledgement is an array")),
        (PacketType::Event | PacketType::BinaryEvent | PacketType::BinaryAck, _) => Err(NO_EVENT),
    }
}

const NO_EVENT: DecodeError = DecodeError::InvalidPayload("an event is an array that begins with its name");

fn check_arguments(count: u32, config: &Config) -> Result<(), DecodeError> {
    let (count, limit) = (usize::try_from(count).unwrap_or(usize::MAX), config.max_event_args);
    if count > limit { Err(DecodeError::TooManyArguments { limit }) } else { Ok(()) }
}

fn read_event_name(head: Head<'_>) -> Result<Cow<'_, str>, DecodeError> {
    let name = if let Head::Text(name) = head {
        Cow::Borrowed(name)
    } else if let Head::Unsigned(number) = head {
        Cow::Owned(number.to_string())
    } else if let Head::Signed(number) = head {
        Cow::Owned(number.to_string())
    } else {
        return Err(NO_EVENT);
    };
    if is_reserved(&name) {
        Err(DecodeError::InvalidPayload("this event name is reserved"))
    } else {
        Ok(name)
    }
}

/// The longest that a text, an array or binary data may be.
pub(crate) const MAX_BYTES: usize = u32::MAX as usize;

/// Appends a packet as MessagePack; `data` is its payload as JSON, empty if there is none, and with its attachments
/// not longer than [`MAX_BYTES`].
pub(crate) fn encode(
    kind: PacketType,
    namespace: &str,
    id: Option<AckId>,
    data: &[u8],
    attachments: &[Bytes],
    out: &mut Vec<u8>,
) {
    let kind = match kind {
        PacketType::Connect => 0,
        PacketType::Disconnect => 1,
        PacketType::Event | PacketType::BinaryEvent => 2,
        PacketType::Ack | PacketType::BinaryAck => 3,
        PacketType::ConnectError => 4,
    };
    let entries = 2 + u8::from(!data.is_empty()) + u8::from(id.is_some());
    out.push(0x80 | entries);
    from_json::push_text("type", out);
    out.push(kind);
    if !data.is_empty() {
        from_json::push_text("data", out);
        // JSON is UTF-8.
        from_json::value(&String::from_utf8_lossy(data), attachments, out);
    }
    from_json::push_text("nsp", out);
    from_json::push_text(namespace, out);
    if let Some(id) = id {
        from_json::push_text("id", out);
        from_json::push_unsigned(id, out);
    }
}
