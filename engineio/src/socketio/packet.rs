//! Socket.IO packets and their text form (Socket.IO protocol 5, "Packet encoding").

use std::borrow::Cow;

use super::{
    json,
    scan::{self, Placeholders, ScanError},
};
use crate::config::Config;

/// The number that joins an acknowledgement to its event.
pub type AckId = u64;

/// The seven packet types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PacketType {
    /// `0`: asks for, or grants, a namespace.
    Connect,
    /// `1`: leaves a namespace.
    Disconnect,
    /// `2`: an event.
    Event,
    /// `3`: the answer to an event.
    Ack,
    /// `4`: a namespace is refused.
    ConnectError,
    /// `5`: an event with attachments.
    BinaryEvent,
    /// `6`: an answer with attachments.
    BinaryAck,
}

impl PacketType {
    const ALL: [Self; 7] = [
        Self::Connect,
        Self::Disconnect,
        Self::Event,
        Self::Ack,
        Self::ConnectError,
        Self::BinaryEvent,
        Self::BinaryAck,
    ];

    fn from_digit(digit: u8) -> Option<Self> {
        Self::ALL.get(usize::from(digit.checked_sub(b'0')?)).copied()
    }

    /// The type's digit on the wire.
    #[must_use]
    pub fn digit(self) -> u8 {
        b'0' + self as u8
    }

    fn is_binary(self) -> bool {
        matches!(self, Self::BinaryEvent | Self::BinaryAck)
    }
}

/// Names that the client library gives a meaning of its own, so that neither side may send them as events.
pub(crate) const RESERVED_EVENTS: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// Tells whether an event name is reserved for the library.
#[must_use]
pub(crate) fn is_reserved(event: &str) -> bool {
    RESERVED_EVENTS.contains(&event)
}

/// One Socket.IO packet, borrowed from the message it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// What it is.
    pub kind: PacketType,
    /// The namespace, beginning with `/`.
    pub namespace: &'a str,
    /// What followed a `?` in the namespace, which only protocol 4 takes out of the name; empty otherwise.
    pub query: &'a str,
    /// The acknowledgement it asks for or gives.
    pub id: Option<AckId>,
    /// How many binary messages follow.
    pub attachments: usize,
    /// The JSON payload as it came; empty if there is none.
    pub data: &'a str,
    /// The event's name; empty for other types.
    pub event: Cow<'a, str>,
}

/// Text that is no Socket.IO packet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// There is not even a type digit.
    #[error("wanted a Socket.IO packet, got nothing")]
    Empty,
    /// The first character is no packet type.
    #[error("unknown packet type {0:?}")]
    UnknownType(char),
    /// The attachment count of a binary packet is missing, no number, or not followed by `-`.
    #[error("Illegal attachments")]
    IllegalAttachments,
    /// There are more attachments than [`Config::max_attachments`].
    #[error("too many attachments: at most {limit} are allowed, got {count}")]
    TooManyAttachments {
        /// The limit.
        limit: usize,
        /// The packet's count.
        count: usize,
    },
    /// The packet came as text, and [`Config::parser`] wants MessagePack.
    #[error("wanted a packet in MessagePack, got text")]
    TextInstead,
    /// The bytes are no packet in MessagePack.
    #[error("invalid MessagePack: {0}")]
    InvalidMsgpack(&'static str),
    /// The acknowledgement id does not fit.
    #[error("wanted an acknowledgement id below 2^63, got a longer number")]
    InvalidId,
    /// The payload does not have the form that the packet type wants.
    #[error("invalid payload: {0}")]
    InvalidPayload(&'static str),
    /// The payload is nested deeper than [`Config::max_json_depth`].
    #[error("invalid payload: arrays and objects may be nested {limit} deep")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// The event has more arguments than [`Config::max_event_args`].
    #[error("invalid payload: an event may have {limit} arguments")]
    TooManyArguments {
        /// The limit.
        limit: usize,
    },
}

impl<'a> Packet<'a> {
    /// Reads a packet from its text form and checks its payload as the reference decoder does.
    ///
    /// # Errors
    /// The text is no packet or breaks a limit of `config`; the connection is then closed.
    ///
    /// # Examples
    /// ```
    /// use engineio::{Config, socketio::{Packet, PacketType}};
    ///
    /// let packet = Packet::decode(r#"2/admin,456["project:delete",123]"#, &Config::default())?;
    /// assert_eq!(packet.kind, PacketType::Event);
    /// assert_eq!((packet.namespace, packet.id), ("/admin", Some(456)));
    /// assert_eq!(packet.event, "project:delete");
    /// # Ok::<(), engineio::socketio::DecodeError>(())
    /// ```
    pub fn decode(text: &'a str, config: &Config) -> Result<Self, DecodeError> {
        let packet = Self::split(text, config)?;
        let event = check_payload(packet.kind, packet.data, packet.attachments, config)?;
        Ok(Self { event, ..packet })
    }

    /// Takes the text apart up to the payload, which is left as it is.
    fn split(text: &'a str, config: &Config) -> Result<Self, DecodeError> {
        let first = text.chars().next().ok_or(DecodeError::Empty)?;
        let kind = u8::try_from(first).ok().and_then(PacketType::from_digit);
        let kind = kind.ok_or(DecodeError::UnknownType(first))?;
        let rest = &text[1..];
        let (attachments, rest) = if kind.is_binary() { read_attachments(rest, config)? } else { (0, rest) };
        let (namespace, rest) = read_namespace(rest);
        let (id, data) = read_id(rest)?;
        Ok(Self { kind, namespace, query: "", id, attachments, data, event: Cow::Borrowed("") })
    }

    /// Takes the query out of the namespace, where clients of protocol 4 put it.
    pub(super) fn with_query_apart(self) -> Self {
        let (namespace, query) = self.namespace.split_once('?').unwrap_or((self.namespace, ""));
        Self { namespace, query, ..self }
    }
}

fn read_attachments<'a>(text: &'a str, config: &Config) -> Result<(usize, &'a str), DecodeError> {
    // A count of more digits than any limit has is refused before it is read as a number.
    let (digits, rest) = split_digits(text);
    let rest = rest.strip_prefix('-').filter(|_| digits.len() <= 9).ok_or(DecodeError::IllegalAttachments)?;
    let count = digits.parse().unwrap_or_default();
    if count == 0 {
        return Err(DecodeError::IllegalAttachments);
    }
    if count > config.max_attachments {
        return Err(DecodeError::TooManyAttachments { limit: config.max_attachments, count });
    }
    Ok((count, rest))
}

/// The decimal digits at the front of a text, and the rest.
fn split_digits(text: &str) -> (&str, &str) {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

fn read_namespace(text: &str) -> (&str, &str) {
    if !text.starts_with('/') {
        return ("/", text);
    }
    text.split_once(',').unwrap_or((text, ""))
}

fn read_id(text: &str) -> Result<(Option<AckId>, &str), DecodeError> {
    let (digits, rest) = split_digits(text);
    if digits.is_empty() {
        return Ok((None, text));
    }
    let id = digits.parse::<i64>().map_err(|_| DecodeError::InvalidId)?;
    Ok((Some(id.unsigned_abs()), rest))
}

const EVENT_WANTED: &str = "an event is an array that begins with its name";
const NO_EVENT: DecodeError = DecodeError::InvalidPayload(EVENT_WANTED);

fn check_payload<'a>(
    kind: PacketType,
    data: &'a str,
    attachments: usize,
    config: &Config,
) -> Result<Cow<'a, str>, DecodeError> {
    let (max_depth, max_args) = (config.max_json_depth, config.max_event_args);
    let refuse = |error, what| match error {
        ScanError::TooDeep => DecodeError::TooDeep { limit: max_depth },
        ScanError::TooLong => DecodeError::TooManyArguments { limit: max_args },
        ScanError::Syntax => DecodeError::InvalidPayload(what),
    };
    let named = kind.is_binary().then_some(attachments);
    let (mut event, mut placeholders) = (Cow::Borrowed(""), Placeholders::Good);
    match kind {
        PacketType::Connect => {
            const WANTED: &str = "CONNECT takes an object";
            ensure(data.is_empty() || data.starts_with('{'), WANTED)?;
            if !data.is_empty() {
                scan::value(data, max_depth).map_err(|error| refuse(error, WANTED))?;
            }
        }
        PacketType::Disconnect => ensure(data.is_empty(), "DISCONNECT takes none")?,
        PacketType::ConnectError => {
            const WANTED: &str = "CONNECT_ERROR takes an object or a string";
            ensure(data.starts_with(['{', '"']), WANTED)?;
            scan::value(data, max_depth).map_err(|error| refuse(error, WANTED))?;
        }
        PacketType::Event | PacketType::BinaryEvent => {
            // The name is an element as well.
            let array = scan::array(data, max_depth, max_args.saturating_add(1), named);
            let array = array.map_err(|error| refuse(error, EVENT_WANTED))?;
            event = json::event_name(array.first).ok_or(NO_EVENT)?;
            ensure(!is_reserved(&event), "this event name is reserved")?;
            placeholders = array.placeholders;
        }
        PacketType::Ack | PacketType::BinaryAck => {
            let array = scan::array(data, max_depth, max_args, named);
            placeholders =
                array.map_err(|error| refuse(error, "an acknowledgement is an array"))?.placeholders;
        }
    }
    let are_good = match placeholders {
        Placeholders::Good => true,
        Placeholders::OutOfRange => false,
        Placeholders::Unusual => json::check_placeholders(data, attachments).is_ok(),
    };
    if are_good { Ok(event) } else { Err(DecodeError::IllegalAttachments) }
}

fn ensure(holds: bool, what: &'static str) -> Result<(), DecodeError> {
    if holds { Ok(()) } else { Err(DecodeError::InvalidPayload(what)) }
}

/// Appends a packet's text up to its payload: type, attachment count, namespace and id.
pub(crate) fn encode_head(
    kind: PacketType,
    attachments: usize,
    namespace: &str,
    id: Option<AckId>,
    out: &mut Vec<u8>,
) {
    out.push(kind.digit());
    if kind.is_binary() {
        push_decimal(attachments as u64, out);
        out.push(b'-');
    }
    if namespace != "/" {
        out.extend_from_slice(namespace.as_bytes());
        out.push(b',');
    }
    if let Some(id) = id {
        push_decimal(id, out);
    }
}

/// Appends a number without the detour over a string.
fn push_decimal(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        // A remainder by ten always fits.
        digits[at] = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests;
