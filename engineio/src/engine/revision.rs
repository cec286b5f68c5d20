//! The two revisions of the protocol that a session can speak.

use super::{
    packet::{Packet, PacketError},
    v3,
};

/// A revision of the Engine.IO protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Revision {
    /// `EIO=3`, spoken by Socket.IO 2; served only with [`Config::allow_eio3`](crate::Config::allow_eio3).
    V3,
    /// `EIO=4`, spoken by Socket.IO clients from 3 on.
    V4,
}

impl Revision {
    /// The value of the `EIO` parameter.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Revision::V3 => "3",
            Revision::V4 => "4",
        }
    }

    /// Reads a packet from a WebSocket text message.
    ///
    /// # Errors
    /// The text is no packet; the session then ends with "parse error".
    pub fn decode_text(self, text: &str) -> Result<Packet<'_>, PacketError> {
        match self {
            Revision::V3 => v3::decode_text(text),
            Revision::V4 => Packet::decode(text),
        }
    }

    /// Reads a packet from a WebSocket binary message.
    ///
    /// # Errors
    /// The bytes are no packet, which can only be in revision 3; the session then ends with "parse error".
    pub fn decode_binary(self, bytes: &[u8]) -> Result<Packet<'_>, PacketError> {
        match self {
            Revision::V3 => v3::decode_binary(bytes),
            Revision::V4 => Ok(Packet::Binary(bytes.into())),
        }
    }
}
