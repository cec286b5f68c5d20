//! Several packets in one HTTP body (Engine.IO protocol 4, "HTTP long-polling").

use super::packet::{Packet, PacketError};

/// The character between two packets of a payload.
pub const SEPARATOR: char = '\x1e';

/// Reads the packets of a payload one after the other; the first error is the last item worth reading.
///
/// # Examples
/// ```
/// use engineio::engine::{Packet, payload};
///
/// let packets: Result<Vec<_>, _> = payload::decode("4hello\x1e2").collect();
/// assert_eq!(packets, Ok(vec![Packet::Message("hello"), Packet::Ping("")]));
/// ```
pub fn decode(body: &str) -> impl Iterator<Item = Result<Packet<'_>, PacketError>> {
    body.split(SEPARATOR).map(Packet::decode)
}

/// Writes packets as one payload.
#[must_use]
pub fn encode(packets: &[Packet<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for packet in packets {
        if !out.is_empty() {
            out.push(SEPARATOR as u8);
        }
        packet.encode(&mut out);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_separated_by_1e() {
        let packets = [
            Packet::Message("hello"),
            Packet::Ping(""),
            Packet::Binary(vec![1, 2, 3, 4].into()),
            Packet::Message("€"),
        ];
        let body = encode(&packets);
        assert_eq!(body, "4hello\x1e2\x1ebAQIDBA==\x1e4€".as_bytes());
        let back: Result<Vec<_>, _> = decode(std::str::from_utf8(&body).unwrap()).collect();
        assert_eq!(back, Ok(packets.to_vec()));
    }

    #[test]
    fn an_empty_packet_is_an_error() {
        for body in ["", "\x1e", "4a\x1e", "4a\x1e\x1e4b"] {
            assert!(decode(body).any(|packet| packet == Err(PacketError::Empty)), "{body:?}");
        }
    }
}
