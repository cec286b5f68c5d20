//! Several packets as the body of one polling response.

use bytes::Bytes;

use super::{
    encoded::Encoded,
    frames::{self, Kind},
};
use crate::engine::{Revision, payload::SEPARATOR, v3::payload as v3};

/// What one polling response carries.
#[derive(Clone, Debug, Default)]
pub struct PollPayload {
    /// The packets, joined as the protocol's revision wants it.
    pub bytes: Bytes,
    /// Whether they are no text; only clients of protocol 3 that read binary are sent such.
    pub is_binary: bool,
    /// Whether the response should be compressed: one of the packets at least asks for it.
    pub compress: bool,
    /// The packet of protocol 4 that is all of it, if it is one: what many clients get need not be compressed for each
    /// of them.
    pub packet: Option<Encoded>,
}

impl PollPayload {
    /// Joins packets that are in the form of this revision.
    pub(super) fn join(packets: &[Encoded], revision: Revision) -> Self {
        let (bytes, is_binary) = match (revision, packets) {
            (Revision::V4, [only]) => (only.payload_once().unwrap_or_else(|| only.payload().clone()), false),
            (Revision::V4, packets) => (join(packets), false),
            (Revision::V3, packets) => join_v3(packets),
        };
        let packet = match (revision, packets) {
            (Revision::V4, [only]) => Some(only.clone()),
            (Revision::V3 | Revision::V4, _) => None,
        };
        Self { bytes, is_binary, compress: packets.iter().any(Encoded::compress), packet }
    }
}

/// The bytes of a packet in a body, as exactly as the bound on a body's length needs to know them.
pub(super) fn size(packet: &Encoded, revision: Revision) -> usize {
    match revision {
        Revision::V3 => packet.frames().len(),
        Revision::V4 => packet.payload_len(),
    }
}

fn join(packets: &[Encoded]) -> Bytes {
    let mut out = Vec::with_capacity(packets.iter().map(|packet| 1 + packet.payload().len()).sum());
    for packet in packets {
        if !out.is_empty() {
            out.push(SEPARATOR as u8);
        }
        out.extend_from_slice(packet.payload());
    }
    out.into()
}

fn join_v3(packets: &[Encoded]) -> (Bytes, bool) {
    let all = || packets.iter().flat_map(|packet| frames::split(packet.frames()));
    let is_binary = all().any(|(kind, _)| kind == Kind::Binary);
    let mut out = Vec::with_capacity(packets.iter().map(|packet| 8 + packet.frames().len()).sum());
    for (kind, data) in all() {
        match (is_binary, kind) {
            (false, _) => v3::push_text(data, &mut out),
            (true, Kind::Text) => v3::push_text_record(data, &mut out),
            (true, Kind::Binary) => v3::push_binary_record(data, &mut out),
        }
    }
    (out.into(), is_binary)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Encoded {
        Encoded::text(|out| out.extend_from_slice(text.as_bytes()))
    }

    #[test]
    fn the_revision_decides_the_form_and_binary_the_kind() {
        let packets = [text("4€"), Encoded::binary(&[1, 2, 3, 4])];
        let of = |bytes: &[u8], is_binary| (Bytes::copy_from_slice(bytes), is_binary);
        let join = |packets: &[Encoded], revision| {
            let payload = PollPayload::join(packets, revision);
            (payload.bytes, payload.is_binary)
        };
        assert_eq!(join(&packets, Revision::V4), of("4€\x1ebAQIDBA==".as_bytes(), false));
        let v3 = |base64| join(&packets.clone().map(|packet| packet.v3(base64)), Revision::V3);
        assert_eq!(v3(true), of("2:4€10:b4AQIDBA==".as_bytes(), false));
        assert_eq!(v3(false), of(b"\x00\x04\xff4\xe2\x82\xac\x01\x05\xff\x04\x01\x02\x03\x04", true));
        assert_eq!(join(&packets[..1], Revision::V3), of("2:4€".as_bytes(), false));
    }

    #[test]
    fn a_payload_is_compressed_if_one_of_its_packets_asks_for_it() {
        let compress = |flags: &[bool]| {
            let packets: Vec<_> = flags.iter().map(|&flag| text("4a").with_compression(flag)).collect();
            [Revision::V3, Revision::V4].map(|revision| PollPayload::join(&packets, revision).compress)
        };
        assert_eq!(compress(&[false]), [false; 2]);
        assert_eq!(compress(&[false, true]), [true; 2]);
        let plain = Encoded::binary(&[1]).with_compression(false);
        assert!(!plain.v3(false).compress() && !plain.v3(true).compress());
    }
}
