//! Engine.IO packets and their text form (Engine.IO protocol 4, "Packet encoding").

use std::borrow::Cow;

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// Standard alphabet; padding may be missing, as some clients leave it out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One Engine.IO packet, borrowed from the message it came in.
///
/// A WebSocket binary message is a [`Packet::Binary`] without a type byte and needs no decoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// `0`: the handshake's answer; sent by the server only.
    Open(&'a str),
    /// `1`: the sender leaves.
    Close,
    /// `2`: a heartbeat from the server, or the probe of an upgrading client.
    Ping(&'a str),
    /// `3`: the answer to a ping.
    Pong(&'a str),
    /// `4`: a text message.
    Message(&'a str),
    /// A binary message: its own frame over WebSocket, `b` and base64 in a payload.
    Binary(Cow<'a, [u8]>),
    /// `5`: the client has moved to the new transport.
    Upgrade,
    /// `6`: nothing; ends a waiting poll.
    Noop,
}

/// What is no Engine.IO packet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// There is not even a type digit.
    #[error("wanted an Engine.IO packet, got nothing")]
    Empty,
    /// The first character is no packet type.
    #[error("wanted an Engine.IO packet type 0 to 6 or `b`, got {0:?}")]
    UnknownType(char),
    /// What follows `b` is not base64.
    #[error("wanted base64 after `b`, got something else")]
    InvalidBase64,
    /// The first byte of a binary packet or record of protocol 3 is no type.
    #[error("wanted a binary packet's type, got the byte {0}")]
    UnknownBinaryType(u8),
    /// A payload of protocol 3 has a length that is no number or leads beyond its end.
    #[error("wanted the length of a packet within the payload, got something else")]
    InvalidLength,
    /// A body, or text in a binary one, is no UTF-8.
    #[error("wanted text in UTF-8, got something else")]
    InvalidText,
}

impl<'a> Packet<'a> {
    /// Reads one packet from its text form.
    ///
    /// # Errors
    /// The text is empty, its type is unknown or its base64 is broken; the session then ends with "parse error".
    ///
    /// # Examples
    /// ```
    /// use engineio::engine::Packet;
    ///
    /// assert_eq!(Packet::decode("4hello"), Ok(Packet::Message("hello")));
    /// assert_eq!(Packet::decode("bAQIDBA=="), Ok(Packet::Binary(vec![1, 2, 3, 4].into())));
    /// ```
    pub fn decode(text: &'a str) -> Result<Self, PacketError> {
        let kind = text.chars().next().ok_or(PacketError::Empty)?;
        let data = &text[kind.len_utf8()..];
        match kind {
            '0' => Ok(Packet::Open(data)),
            '1' => Ok(Packet::Close),
            '2' => Ok(Packet::Ping(data)),
            '3' => Ok(Packet::Pong(data)),
            '4' => Ok(Packet::Message(data)),
            '5' => Ok(Packet::Upgrade),
            '6' => Ok(Packet::Noop),
            'b' => decode_base64(data),
            other => Err(PacketError::UnknownType(other)),
        }
    }

    /// Appends the packet's text form; binary data becomes `b` and base64.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let (kind, data) = match self {
            Packet::Open(data) => (b'0', *data),
            Packet::Close => (b'1', ""),
            Packet::Ping(data) => (b'2', *data),
            Packet::Pong(data) => (b'3', *data),
            Packet::Message(data) => (b'4', *data),
            Packet::Upgrade => (b'5', ""),
            Packet::Noop => (b'6', ""),
            Packet::Binary(bytes) => return encode_binary(bytes, out),
        };
        out.push(kind);
        out.extend_from_slice(data.as_bytes());
    }
}

/// Reads a binary message from its base64 form.
pub(super) fn decode_base64(data: &str) -> Result<Packet<'static>, PacketError> {
    let bytes = BASE64.decode(data).map_err(|_| PacketError::InvalidBase64)?;
    Ok(Packet::Binary(bytes.into()))
}

/// Appends `b` and the base64 form of `bytes`.
pub(crate) fn encode_binary(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'b');
    push_base64(bytes, out);
}

/// Appends the base64 form of `bytes`.
pub(super) fn push_base64(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    // The buffer was made exactly as long as the result, so this cannot fail.
    let _ = BASE64.encode_slice(bytes, &mut out[start..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::any_text;

    fn check(text: &str, packet: Packet<'_>) {
        assert_eq!(Packet::decode(text), Ok(packet.clone()), "{text}");
        let mut out = Vec::new();
        packet.encode(&mut out);
        assert_eq!(out, text.as_bytes());
    }

    #[test]
    fn each_type_has_its_digit() {
        check("0{}", Packet::Open("{}"));
        check("1", Packet::Close);
        check("2", Packet::Ping(""));
        check("2probe", Packet::Ping("probe"));
        check("3probe", Packet::Pong("probe"));
        check("4", Packet::Message(""));
        check("4€20", Packet::Message("€20"));
        check("5", Packet::Upgrade);
        check("6", Packet::Noop);
        check("bAQIDBA==", Packet::Binary(vec![1, 2, 3, 4].into()));
        check("b", Packet::Binary(vec![].into()));
    }

    #[test]
    fn what_is_no_packet_is_refused() {
        assert_eq!(Packet::decode(""), Err(PacketError::Empty));
        assert_eq!(Packet::decode("7"), Err(PacketError::UnknownType('7')));
        assert_eq!(Packet::decode("€"), Err(PacketError::UnknownType('€')));
        assert_eq!(Packet::decode("b$"), Err(PacketError::InvalidBase64));
    }

    #[test]
    fn base64_without_padding_is_read() {
        assert_eq!(Packet::decode("bAQIDBA"), Ok(Packet::Binary(vec![1, 2, 3, 4].into())));
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(bytes: Vec<u8>) {
            let packet = Packet::Binary(bytes.into());
            let mut out = Vec::new();
            packet.encode(&mut out);
            prop_assert_eq!(Packet::decode(std::str::from_utf8(&out).unwrap()), Ok(packet));
        }

        #[test]
        fn no_text_makes_the_decoder_panic(text in any_text(0..100)) {
            let _ = Packet::decode(&text);
        }
    }
}
