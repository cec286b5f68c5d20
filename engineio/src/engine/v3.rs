//! What Engine.IO protocol 3 writes otherwise than protocol 4: binary packets and payloads.
//!
//! Text packets are the same in both. A binary packet has a type like any other: the byte 4 in front of the data, or
//! `b4` in front of its base64 form.

pub mod payload;

use super::packet::{Packet, PacketError, decode_base64, push_base64};

/// The type of a message as the first byte of a binary packet, which is a number and no digit.
pub(crate) const MESSAGE_BYTE: u8 = 4;

/// Reads one packet from its text form.
///
/// # Errors
/// The text is empty, its type is unknown or its base64 is broken.
///
/// # Examples
/// ```
/// use engineio::engine::{Packet, v3};
///
/// assert_eq!(v3::decode_text("4hello"), Ok(Packet::Message("hello")));
/// assert_eq!(v3::decode_text("b4AQIDBA=="), Ok(Packet::Binary(vec![1, 2, 3, 4].into())));
/// ```
pub fn decode_text(text: &str) -> Result<Packet<'_>, PacketError> {
    let Some(typed) = text.strip_prefix('b') else { return Packet::decode(text) };
    let kind = typed.chars().next().ok_or(PacketError::Empty)?;
    // Only messages carry data that may be binary.
    let data = typed.strip_prefix('4').ok_or(PacketError::UnknownType(kind))?;
    decode_base64(data)
}

/// Reads one packet from its binary form.
///
/// # Errors
/// There is no byte, or the first is not that of a message.
pub fn decode_binary(bytes: &[u8]) -> Result<Packet<'_>, PacketError> {
    match bytes.split_first() {
        Some((&MESSAGE_BYTE, data)) => Ok(Packet::Binary(data.into())),
        Some((&kind, _)) => Err(PacketError::UnknownBinaryType(kind)),
        None => Err(PacketError::Empty),
    }
}

/// Appends a packet's text form; binary data becomes `b4` and base64.
pub fn encode_text(packet: &Packet<'_>, out: &mut Vec<u8>) {
    match packet {
        Packet::Binary(bytes) => encode_base64(bytes, out),
        Packet::Open(_)
        | Packet::Close
        | Packet::Ping(_)
        | Packet::Pong(_)
        | Packet::Message(_)
        | Packet::Upgrade
        | Packet::Noop => packet.encode(out),
    }
}

/// Appends `b4` and the base64 form of `bytes`.
pub(crate) fn encode_base64(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"b4");
    push_base64(bytes, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, packet: Packet<'_>) {
        assert_eq!(decode_text(text), Ok(packet.clone()), "{text}");
        let mut out = Vec::new();
        encode_text(&packet, &mut out);
        assert_eq!(out, text.as_bytes());
    }

    #[test]
    fn only_binary_packets_differ_from_protocol_four() {
        check("2probe", Packet::Ping("probe"));
        check("4€20", Packet::Message("€20"));
        check("b4AQIDBA==", Packet::Binary(vec![1, 2, 3, 4].into()));
        check("b4", Packet::Binary(vec![].into()));
    }

    #[test]
    fn what_is_no_packet_is_refused() {
        assert_eq!(decode_text(""), Err(PacketError::Empty));
        assert_eq!(decode_text("b"), Err(PacketError::Empty));
        assert_eq!(decode_text("7"), Err(PacketError::UnknownType('7')));
        assert_eq!(decode_text("bAQIDBA=="), Err(PacketError::UnknownType('A')));
        assert_eq!(decode_text("b2AQIDBA=="), Err(PacketError::UnknownType('2')));
        assert_eq!(decode_text("b€"), Err(PacketError::UnknownType('€')));
        assert_eq!(decode_text("b4$"), Err(PacketError::InvalidBase64));
    }

    #[test]
    fn a_binary_packet_begins_with_its_type() {
        assert_eq!(decode_binary(&[4, 1, 2]), Ok(Packet::Binary(vec![1, 2].into())));
        assert_eq!(decode_binary(&[4]), Ok(Packet::Binary(vec![].into())));
        assert_eq!(decode_binary(&[]), Err(PacketError::Empty));
        for kind in [0, 2, 5, b'4', 255] {
            assert_eq!(decode_binary(&[kind, 1]), Err(PacketError::UnknownBinaryType(kind)));
        }
    }
}
