//! Socket.IO packets from the server, encoded for all transports.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;

use super::{
    args::{ArgsError, write_args},
    encoded::{Encoded, Worth},
    middleware::ConnectError,
    payload::Payload,
};
use crate::{
    config::{Config, Parser},
    engine::Revision,
    sid::Sid,
    socketio::{AckId, PacketType, encode_head, is_reserved, msgpack},
};

/// Why an event cannot be sent to anyone.
#[derive(Debug, thiserror::Error)]
pub enum EmitError {
    /// The name has a meaning of its own in the client library.
    #[error("the event name {0:?} is reserved for the library")]
    Reserved(String),
    /// The arguments have no JSON form.
    #[error("the arguments have no JSON form: {0}")]
    Args(#[from] ArgsError),
    /// The arguments are longer than MessagePack can say, which is 4 GiB.
    #[error("the arguments are longer than MessagePack can say")]
    TooLong,
    /// The arguments have more binary parts than [`Config::max_attachments`](crate::Config::max_attachments), which
    /// clients would take for an attack.
    #[error("the arguments have {count} attachments, and a packet may have {limit}")]
    TooManyAttachments {
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
}

/// What the packets of a namespace have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route<'a> {
    namespace: &'a str,
    parser: Parser,
    max_attachments: usize,
}

impl<'a> Route<'a> {
    pub(crate) fn new(namespace: &'a str, config: &Config) -> Self {
        Self { namespace, parser: config.parser, max_attachments: config.max_attachments }
    }
}

/// Attachments of arguments that are being encoded, which some have already.
type Attachments<'a> = Cow<'a, [Bytes]>;

/// What follows an event's name, or fills an answer.
pub(crate) trait WriteArgs {
    /// How many attachments they will have, as far as that is known before they are written.
    fn expected_attachments(&self) -> usize {
        0
    }

    /// Appends the arguments, each after a comma if `separate`, and sets their attachments, of which there are none before.
    fn write<'a>(
        &'a self,
        separate: bool,
        out: &mut Vec<u8>,
        attachments: &mut Attachments<'a>,
    ) -> Result<(), ArgsError>;
}

/// Arguments that serde writes.
pub(crate) struct Typed<'a, T: ?Sized>(pub(crate) &'a T);

impl<T: Serialize + ?Sized> WriteArgs for Typed<'_, T> {
    fn write<'a>(
        &'a self,
        separate: bool,
        out: &mut Vec<u8>,
        attachments: &mut Attachments<'a>,
    ) -> Result<(), ArgsError> {
        write_args(self.0, separate, out, attachments.to_mut())
    }
}

impl WriteArgs for Payload {
    fn expected_attachments(&self) -> usize {
        self.attachments().len()
    }

    fn write<'a>(
        &'a self,
        separate: bool,
        out: &mut Vec<u8>,
        attachments: &mut Attachments<'a>,
    ) -> Result<(), ArgsError> {
        if separate && !self.json().is_empty() {
            out.push(b',');
        }
        out.extend_from_slice(self.json().as_bytes());
        *attachments = Cow::Borrowed(self.attachments());
        Ok(())
    }
}

/// An event or an answer that lacks only its end.
#[derive(Clone)]
pub(crate) struct Draft<'a> {
    /// The packet as text, which is what MessagePack is made from as well.
    buffer: Vec<u8>,
    attachments: Attachments<'a>,
    form: Form,
    compress: bool,
    worth: Worth,
}

/// What a packet is to become.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    Text,
    Msgpack {
        kind: PacketType,
        namespace: Box<str>,
        id: Option<AckId>,
        /// Where the payload begins.
        head: usize,
    },
}

impl<'a> Draft<'a> {
    fn new(buffer: Vec<u8>, attachments: Attachments<'a>, form: Form) -> Self {
        Self { buffer, attachments, form, compress: true, worth: Worth::Kept }
    }

    /// Says whether the packet is the first to go when its receiver reads too slowly.
    pub(crate) fn droppable(self, droppable: bool) -> Self {
        Self { worth: if droppable { Worth::Droppable } else { self.worth }, ..self }
    }

    /// Says whether a transport that compresses should compress the packet.
    pub(crate) fn with_compression(self, compress: bool) -> Self {
        Self { compress, ..self }
    }

    /// The packet with the arguments it has.
    pub(crate) fn finish(self) -> Encoded {
        self.finish_with_tail(|_| {})
    }

    /// The packet with what `write` appends to its arguments.
    fn finish_with_tail(mut self, write: impl FnOnce(&mut Vec<u8>)) -> Encoded {
        let end = self.buffer.len();
        write(&mut self.buffer);
        // An offset in its quotes is the longest there is.
        let tail = u8::try_from(self.buffer.len() - end).unwrap_or(u8::MAX);
        self.buffer.push(b']');
        let packet = match self.form {
            Form::Text => Encoded::from_buffer(self.buffer, &self.attachments),
            Form::Msgpack { kind, namespace, id, head } => {
                to_msgpack(kind, &namespace, id, &self.buffer[head..], &self.attachments)
            }
        };
        packet.with_compression(self.compress).with_worth(self.worth).with_tail(tail)
    }

    /// The packet with an offset as its last argument, which `write` appends.
    pub(crate) fn finish_with_offset(self, write: impl FnOnce(&mut Vec<u8>)) -> Encoded {
        self.finish_with_tail(|out| {
            out.extend_from_slice(b",\"");
            write(out);
            out.push(b'"');
        })
    }

    /// The packet of an event that has no offset, for clients that look for one.
    ///
    /// They take any string at an event's end for an offset, be it the event's name. Behind a string a `null` is
    /// added, so that they keep the offset they have.
    pub(crate) fn finish_without_offset(self) -> Encoded {
        self.finish_with_tail(|out| {
            if out.trim_ascii_end().ends_with(b"\"") {
                out.extend_from_slice(b",null");
            }
        })
    }
}

/// Encodes an event.
pub(crate) fn event(
    route: Route<'_>,
    id: Option<AckId>,
    name: &str,
    args: &impl WriteArgs,
) -> Result<Encoded, EmitError> {
    draft(route, id, name, args).map(Draft::finish)
}

/// Encodes an event up to its end.
pub(crate) fn draft<'a>(
    route: Route<'_>,
    id: Option<AckId>,
    name: &str,
    args: &'a impl WriteArgs,
) -> Result<Draft<'a>, EmitError> {
    if is_reserved(name) {
        return Err(EmitError::Reserved(name.to_owned()));
    }
    let write = |out: &mut Vec<u8>, attachments: &mut Attachments<'a>| {
        out.push(b'[');
        serde_json::to_writer(&mut *out, name)?;
        args.write(true, out, attachments)
    };
    let kinds = (PacketType::Event, PacketType::BinaryEvent);
    let draft = packet(kinds, route, id, args.expected_attachments(), write)?;
    // An event that is to be answered is waited for.
    Ok(Draft { worth: if id.is_some() { Worth::Kept } else { Worth::Event }, ..draft })
}

/// Encodes an answer.
pub(crate) fn ack<'a>(route: Route<'_>, id: AckId, args: &'a impl WriteArgs) -> Result<Encoded, EmitError> {
    let write = |out: &mut Vec<u8>, attachments: &mut Attachments<'a>| {
        out.push(b'[');
        args.write(false, out, attachments)
    };
    let kinds = (PacketType::Ack, PacketType::BinaryAck);
    packet(kinds, route, Some(id), args.expected_attachments(), write).map(Draft::finish)
}

/// Begins a packet as the kind for arguments without attachments or the one for those with, of which so many are
/// expected; its head is written again if there turn out to be others.
fn packet<'a>(
    (plain, binary): (PacketType, PacketType),
    route: Route<'_>,
    id: Option<AckId>,
    expected: usize,
    write: impl FnOnce(&mut Vec<u8>, &mut Attachments<'a>) -> Result<(), ArgsError>,
) -> Result<Draft<'a>, EmitError> {
    let encode_head = |attachments: usize, out: &mut Vec<u8>| {
        encode_head(if attachments == 0 { plain } else { binary }, attachments, route.namespace, id, out);
    };
    let mut attachments = Cow::default();
    let mut out = message();
    let start = out.len();
    encode_head(expected, &mut out);
    let head = out.len();
    write(&mut out, &mut attachments)?;
    let form = match route.parser {
        Parser::Json => Form::Text,
        Parser::Msgpack => Form::Msgpack { kind: plain, namespace: route.namespace.into(), id, head },
    };
    if form != Form::Text
        && attachments.iter().map(Bytes::len).sum::<usize>() + out.len() > msgpack::MAX_BYTES
    {
        return Err(EmitError::TooLong);
    }
    let (count, limit) = (attachments.len(), route.max_attachments);
    if count > limit {
        return Err(EmitError::TooManyAttachments { count, limit });
    }
    if form == Form::Text && count != expected {
        let mut with_count = Vec::with_capacity(20);
        encode_head(count, &mut with_count);
        out.splice(start..head, with_count);
    }
    Ok(Draft::new(out, attachments, form))
}

/// Encodes the packet that lets a client into a namespace; `pid` is the secret by which it may come back. In protocol 4
/// the client makes up its id itself.
pub(crate) fn connect(revision: Revision, route: Route<'_>, id: &Sid, pid: Option<&Sid>) -> Encoded {
    let payload: &[&str] = match (revision, pid) {
        (Revision::V3, _) => &[],
        (Revision::V4, None) => &[r#"{"sid":""#, id.as_str(), r#""}"#],
        (Revision::V4, Some(pid)) => &[r#"{"sid":""#, id.as_str(), r#"","pid":""#, pid.as_str(), r#""}"#],
    };
    control(PacketType::Connect, route, payload)
}

/// Encodes the packet that refuses a client.
pub(crate) fn connect_error(revision: Revision, route: Route<'_>, error: &ConnectError) -> Encoded {
    let json = match revision {
        Revision::V3 => error.to_bare_json(),
        Revision::V4 => error.to_json(),
    };
    control(PacketType::ConnectError, route, &[&json])
}

/// Encodes the packet that ends a client's stay in a namespace.
pub(crate) fn disconnect(route: Route<'_>) -> Encoded {
    control(PacketType::Disconnect, route, &[])
}

/// Encodes a packet of the library's own, whose payload are these pieces.
fn control(kind: PacketType, route: Route<'_>, payload: &[&str]) -> Encoded {
    let mut out = message();
    encode_head(kind, 0, route.namespace, None, &mut out);
    let head = out.len();
    for piece in payload {
        out.extend_from_slice(piece.as_bytes());
    }
    match route.parser {
        Parser::Json => Encoded::from_buffer(out, &[]),
        Parser::Msgpack => to_msgpack(kind, route.namespace, None, &out[head..], &[]),
    }
}

fn to_msgpack(
    kind: PacketType,
    namespace: &str,
    id: Option<AckId>,
    data: &[u8],
    attachments: &[Bytes],
) -> Encoded {
    let mut buffer = Encoded::buffer();
    msgpack::encode(kind, namespace, id, data, attachments, &mut buffer);
    Encoded::from_binary_buffer(buffer)
}

/// A buffer that begins an Engine.IO message.
fn message() -> Vec<u8> {
    let mut out = Encoded::buffer();
    out.push(b'4');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{hub::event::Event, socketio::Binary};

    fn to(namespace: &str) -> Route<'_> {
        Route { namespace, parser: Parser::Json, max_attachments: 2 }
    }

    fn payload(encoded: &Encoded) -> &str {
        std::str::from_utf8(encoded.payload()).unwrap()
    }

    #[test]
    fn events_and_answers_have_the_form_of_the_specification() {
        let event = |ns, id, args: &(&str, u8)| event(to(ns), id, "ev", &Typed(args)).unwrap();
        assert_eq!(payload(&event("/", None, &("a", 1))), r#"42["ev","a",1]"#);
        assert_eq!(payload(&event("/admin", Some(12), &("a", 1))), r#"42/admin,12["ev","a",1]"#);
        assert_eq!(payload(&ack(to("/"), 3, &Typed(&())).unwrap()), "433[]");
        assert_eq!(payload(&ack(to("/admin"), 3, &Typed("x")).unwrap()), r#"43/admin,3["x"]"#);
    }

    #[test]
    fn attachments_turn_a_packet_into_a_binary_one() {
        let encoded = event(to("/"), Some(1), "ev", &Typed(&(Binary::from("abc"),))).unwrap();
        let wanted = "451-1[\"ev\",{\"_placeholder\":true,\"num\":0}]\x1ebYWJj";
        assert_eq!(payload(&encoded), wanted);
        let encoded = ack(to("/"), 1, &Typed(&Binary::from("abc"))).unwrap();
        assert_eq!(payload(&encoded), "461-1[{\"_placeholder\":true,\"num\":0}]\x1ebYWJj");
    }

    #[test]
    fn an_event_is_passed_on_to_other_servers_without_what_the_library_has_added() {
        for parser in [Parser::Json, Parser::Msgpack] {
            let route = Route { namespace: "/", parser, max_attachments: 2 };
            let args = (Binary::from("abc"), "text");
            let typed = Typed(&args);
            let draft = draft(route, None, "ev", &typed).unwrap();
            let plain = Event::new("ev", &args).unwrap();
            assert_eq!(draft.clone().finish().event().unwrap(), plain, "{parser:?}");
            assert_eq!(draft.clone().finish_without_offset().event().unwrap(), plain, "{parser:?}");
            let named = draft.finish_with_offset(|out| out.extend_from_slice(b"BwcHBw.1f")).event();
            let offset = Some("BwcHBw.1f".into());
            assert_eq!(named.unwrap(), Event { offset, ..plain }, "{parser:?}");
        }
    }

    #[test]
    fn more_attachments_than_clients_take_cannot_be_sent() {
        let part = || Binary::from("abc");
        assert!(event(to("/"), None, "ev", &Typed(&(part(), part()))).is_ok());
        let error = event(to("/"), None, "ev", &Typed(&(part(), part(), part()))).unwrap_err();
        assert_eq!(error.to_string(), "the arguments have 3 attachments, and a packet may have 2");
        assert!(ack(to("/"), 1, &Typed(&(part(), part(), part()))).is_err());
    }

    #[test]
    fn an_offset_is_the_last_argument_in_either_form() {
        let finished = |parser| {
            let route = Route { parser, ..to("/") };
            let draft = draft(route, None, "ev", &Typed("a")).unwrap();
            draft.finish_with_offset(|out| out.extend_from_slice(b"o")).frames().to_vec()
        };
        assert_eq!(finished(Parser::Json), b"\x81\x1042[\"ev\",\"a\",\"o\"]");
        let msgpack = b"\x82\x1a\x83\xa4type\x02\xa4data\x93\xa2ev\xa1a\xa1o\xa3nsp\xa1/";
        assert_eq!(finished(Parser::Msgpack), msgpack);
    }

    #[test]
    fn reserved_names_cannot_be_emitted() {
        for name in
            ["connect", "disconnect", "connect_error", "disconnecting", "newListener", "removeListener"]
        {
            assert!(matches!(event(to("/"), None, name, &Typed(&())), Err(EmitError::Reserved(_))), "{name}");
        }
    }

    #[test]
    fn connections_are_answered_with_the_namespace() {
        let id = Sid::from_bytes([0; 15]);
        assert_eq!(
            payload(&connect(Revision::V4, to("/"), &id, None)),
            r#"40{"sid":"AAAAAAAAAAAAAAAAAAAA"}"#
        );
        let with_pid = r#"40{"sid":"AAAAAAAAAAAAAAAAAAAA","pid":"AQEBAQEBAQEBAQEBAQEB"}"#;
        let pid = Sid::from_bytes([1; 15]);
        assert_eq!(payload(&connect(Revision::V4, to("/"), &id, Some(&pid))), with_pid);
        assert_eq!(payload(&disconnect(to("/admin"))), "41/admin,");
        let error = connect_error(Revision::V4, to("/x"), &ConnectError::new("Invalid namespace"));
        assert_eq!(payload(&error), r#"44/x,{"message":"Invalid namespace"}"#);
    }

    #[test]
    fn in_protocol_four_a_connection_has_no_id_and_an_error_is_bare() {
        let id = Sid::from_bytes([0; 15]);
        assert_eq!(payload(&connect(Revision::V3, to("/"), &id, None)), "40");
        assert_eq!(payload(&connect(Revision::V3, to("/x"), &id, None)), "40/x,");
        let error = ConnectError::new("no \"entry\"");
        assert_eq!(payload(&connect_error(Revision::V3, to("/x"), &error)), r#"44/x,"no \"entry\"""#);
        let error = error.with_data(serde_json::json!({ "code": 1 }));
        assert_eq!(payload(&connect_error(Revision::V3, to("/x"), &error)), r#"44/x,{"code":1}"#);
    }
}
