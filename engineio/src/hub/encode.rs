//! Socket.IO packets from the server, encoded for all transports.

use bytes::Bytes;
use serde::Serialize;

use super::{
    args::{ArgsError, write_args},
    encoded::Encoded,
    middleware::ConnectError,
    payload::Payload,
};
use crate::{
    engine::Revision,
    sid::Sid,
    socketio::{AckId, PacketType, encode_head, is_reserved},
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
    pub(crate) namespace: &'a str,
    pub(crate) max_attachments: usize,
}

/// What follows an event's name, or fills an answer.
pub(crate) trait WriteArgs {
    /// Appends the arguments, each after a comma if `separate`.
    fn write(&self, separate: bool, out: &mut Vec<u8>, attachments: &mut Vec<Bytes>)
    -> Result<(), ArgsError>;
}

/// Arguments that serde writes.
pub(crate) struct Typed<'a, T: ?Sized>(pub(crate) &'a T);

impl<T: Serialize + ?Sized> WriteArgs for Typed<'_, T> {
    fn write(
        &self,
        separate: bool,
        out: &mut Vec<u8>,
        attachments: &mut Vec<Bytes>,
    ) -> Result<(), ArgsError> {
        write_args(self.0, separate, out, attachments)
    }
}

impl WriteArgs for Payload {
    fn write(
        &self,
        separate: bool,
        out: &mut Vec<u8>,
        attachments: &mut Vec<Bytes>,
    ) -> Result<(), ArgsError> {
        if separate && !self.json().is_empty() {
            out.push(b',');
        }
        out.extend_from_slice(self.json().as_bytes());
        attachments.extend_from_slice(self.attachments());
        Ok(())
    }
}

/// An event or an answer that lacks only its end.
#[derive(Clone)]
pub(crate) struct Draft {
    buffer: Vec<u8>,
    attachments: Vec<Bytes>,
    compress: bool,
}

impl Draft {
    fn new(buffer: Vec<u8>, attachments: Vec<Bytes>) -> Self {
        Self { buffer, attachments, compress: true }
    }

    /// Says whether a transport that compresses should compress the packet.
    pub(crate) fn with_compression(self, compress: bool) -> Self {
        Self { compress, ..self }
    }

    /// The packet with the arguments it has.
    pub(crate) fn finish(mut self) -> Encoded {
        self.buffer.push(b']');
        Encoded::from_buffer(self.buffer, &self.attachments).with_compression(self.compress)
    }

    /// The packet with an offset as its last argument, which `write` appends.
    pub(crate) fn finish_with_offset(mut self, write: impl FnOnce(&mut Vec<u8>)) -> Encoded {
        self.buffer.extend_from_slice(b",\"");
        write(&mut self.buffer);
        self.buffer.push(b'"');
        self.finish()
    }

    /// The packet of an event that has no offset, for clients that look for one.
    ///
    /// They take any string at an event's end for an offset, be it the event's name. Behind a string a `null` is
    /// added, so that they keep the offset they have.
    pub(crate) fn finish_without_offset(mut self) -> Encoded {
        if self.buffer.trim_ascii_end().ends_with(b"\"") {
            self.buffer.extend_from_slice(b",null");
        }
        self.finish()
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
pub(crate) fn draft(
    route: Route<'_>,
    id: Option<AckId>,
    name: &str,
    args: &impl WriteArgs,
) -> Result<Draft, EmitError> {
    if is_reserved(name) {
        return Err(EmitError::Reserved(name.to_owned()));
    }
    let write = |out: &mut Vec<u8>, attachments: &mut Vec<Bytes>| {
        out.push(b'[');
        serde_json::to_writer(&mut *out, name)?;
        args.write(true, out, attachments)
    };
    packet(PacketType::Event, PacketType::BinaryEvent, route, id, write)
}

/// Encodes an answer.
pub(crate) fn ack(route: Route<'_>, id: AckId, args: &impl WriteArgs) -> Result<Encoded, EmitError> {
    let write = |out: &mut Vec<u8>, attachments: &mut Vec<Bytes>| {
        out.push(b'[');
        args.write(false, out, attachments)
    };
    packet(PacketType::Ack, PacketType::BinaryAck, route, Some(id), write).map(Draft::finish)
}

/// Begins a packet as `plain`, or as `binary` if its arguments turn out to have attachments.
fn packet(
    plain: PacketType,
    binary: PacketType,
    Route { namespace, max_attachments }: Route<'_>,
    id: Option<AckId>,
    write: impl FnOnce(&mut Vec<u8>, &mut Vec<Bytes>) -> Result<(), ArgsError>,
) -> Result<Draft, EmitError> {
    let mut attachments = Vec::new();
    let mut out = message();
    let start = out.len();
    encode_head(plain, 0, namespace, id, &mut out);
    let head = out.len();
    write(&mut out, &mut attachments)?;
    if attachments.is_empty() {
        return Ok(Draft::new(out, attachments));
    }
    let (count, limit) = (attachments.len(), max_attachments);
    if count > limit {
        return Err(EmitError::TooManyAttachments { count, limit });
    }
    let mut with_count = Vec::with_capacity(20);
    encode_head(binary, count, namespace, id, &mut with_count);
    out.splice(start..head, with_count);
    Ok(Draft::new(out, attachments))
}

/// A buffer that begins an Engine.IO message.
fn message() -> Vec<u8> {
    let mut out = Encoded::buffer();
    out.push(b'4');
    out
}

/// Encodes the packet that lets a client into a namespace; `pid` is the secret by which it may come back. In protocol 4
/// the client makes up its id itself.
pub(crate) fn connect(revision: Revision, namespace: &str, id: &Sid, pid: Option<&Sid>) -> Encoded {
    let mut out = message();
    encode_head(PacketType::Connect, 0, namespace, None, &mut out);
    if revision == Revision::V4 {
        out.extend_from_slice(br#"{"sid":""#);
        out.extend_from_slice(id.as_str().as_bytes());
        if let Some(pid) = pid {
            out.extend_from_slice(br#"","pid":""#);
            out.extend_from_slice(pid.as_str().as_bytes());
        }
        out.extend_from_slice(br#""}"#);
    }
    Encoded::from_buffer(out, &[])
}

/// Encodes the packet that refuses a client.
pub(crate) fn connect_error(revision: Revision, namespace: &str, error: &ConnectError) -> Encoded {
    let mut out = message();
    encode_head(PacketType::ConnectError, 0, namespace, None, &mut out);
    let json = match revision {
        Revision::V3 => error.to_bare_json(),
        Revision::V4 => error.to_json(),
    };
    out.extend_from_slice(json.as_bytes());
    Encoded::from_buffer(out, &[])
}

/// Encodes the packet that ends a client's stay in a namespace.
pub(crate) fn disconnect(namespace: &str) -> Encoded {
    let mut out = message();
    encode_head(PacketType::Disconnect, 0, namespace, None, &mut out);
    Encoded::from_buffer(out, &[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socketio::Binary;

    fn to(namespace: &str) -> Route<'_> {
        Route { namespace, max_attachments: 2 }
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
    fn more_attachments_than_clients_take_cannot_be_sent() {
        let part = || Binary::from("abc");
        assert!(event(to("/"), None, "ev", &Typed(&(part(), part()))).is_ok());
        let error = event(to("/"), None, "ev", &Typed(&(part(), part(), part()))).unwrap_err();
        assert_eq!(error.to_string(), "the arguments have 3 attachments, and a packet may have 2");
        assert!(ack(to("/"), 1, &Typed(&(part(), part(), part()))).is_err());
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
        assert_eq!(payload(&connect(Revision::V4, "/", &id, None)), r#"40{"sid":"AAAAAAAAAAAAAAAAAAAA"}"#);
        let with_pid = r#"40{"sid":"AAAAAAAAAAAAAAAAAAAA","pid":"AQEBAQEBAQEBAQEBAQEB"}"#;
        let pid = Sid::from_bytes([1; 15]);
        assert_eq!(payload(&connect(Revision::V4, "/", &id, Some(&pid))), with_pid);
        assert_eq!(payload(&disconnect("/admin")), "41/admin,");
        let error = connect_error(Revision::V4, "/x", &ConnectError::new("Invalid namespace"));
        assert_eq!(payload(&error), r#"44/x,{"message":"Invalid namespace"}"#);
    }

    #[test]
    fn in_protocol_four_a_connection_has_no_id_and_an_error_is_bare() {
        let id = Sid::from_bytes([0; 15]);
        assert_eq!(payload(&connect(Revision::V3, "/", &id, None)), "40");
        assert_eq!(payload(&connect(Revision::V3, "/x", &id, None)), "40/x,");
        let error = ConnectError::new("no \"entry\"");
        assert_eq!(payload(&connect_error(Revision::V3, "/x", &error)), r#"44/x,"no \"entry\"""#);
        let error = error.with_data(serde_json::json!({ "code": 1 }));
        assert_eq!(payload(&connect_error(Revision::V3, "/x", &error)), r#"44/x,{"code":1}"#);
    }
}
