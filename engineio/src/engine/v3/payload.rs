//! Several packets in one HTTP body of Engine.IO protocol 3.
//!
//! Text is `length:packet` again and again, the length counted in UTF-16 units, as JavaScript does. A body of type
//! `application/octet-stream` has records instead: a byte that is 0 for text and 1 for binary, the digits of the
//! packet's length in bytes (the numbers 0 to 9, not their characters), the byte 255, and the packet.

use std::iter;

use super::{MESSAGE_BYTE, decode_binary as binary_packet, decode_text as text_packet};
use crate::engine::packet::{Packet, PacketError};

const TEXT: u8 = 0;
const BINARY: u8 = 1;
/// Ends the digits of a record's length.
const END: u8 = 255;

/// A packet, and what comes after it.
type Taken<'a, T> = Result<(Packet<'a>, &'a T), PacketError>;

/// Reads the packets of a text payload one after the other; the first error is the last item.
///
/// # Examples
/// ```
/// use engineio::engine::{Packet, v3::payload};
///
/// let packets: Result<Vec<_>, _> = payload::decode_text("6:4hello1:2").collect();
/// assert_eq!(packets, Ok(vec![Packet::Message("hello"), Packet::Ping("")]));
/// ```
pub fn decode_text(body: &str) -> impl Iterator<Item = Result<Packet<'_>, PacketError>> {
    packets(body, take_text, str::is_empty)
}

/// Reads the packets of a binary payload one after the other; the first error is the last item.
pub fn decode_binary(body: &[u8]) -> impl Iterator<Item = Result<Packet<'_>, PacketError>> {
    packets(body, take_record, <[u8]>::is_empty)
}

fn packets<'a, T: ?Sized>(
    body: &'a T,
    take: fn(&'a T) -> Taken<'a, T>,
    is_empty: fn(&T) -> bool,
) -> impl Iterator<Item = Result<Packet<'a>, PacketError>> {
    let mut rest = Some(body);
    iter::from_fn(move || {
        let taken = take(rest.take()?);
        Some(taken.map(|(packet, after)| {
            rest = (!is_empty(after)).then_some(after);
            packet
        }))
    })
}

fn take_text(body: &str) -> Taken<'_, str> {
    if body.is_empty() {
        return Err(PacketError::Empty);
    }
    let (digits, rest) = body.split_once(':').ok_or(PacketError::InvalidLength)?;
    let units = length(digits.bytes().map(|digit| digit.wrapping_sub(b'0')))?;
    let end = end_of(rest, units).ok_or(PacketError::InvalidLength)?;
    let (packet, after) = rest.split_at(end);
    Ok((text_packet(packet)?, after))
}

fn take_record(body: &[u8]) -> Taken<'_, [u8]> {
    let (&kind, rest) = body.split_first().ok_or(PacketError::Empty)?;
    let end = rest.iter().position(|&byte| byte == END).ok_or(PacketError::InvalidLength)?;
    let length = length(rest[..end].iter().copied())?;
    let (packet, after) = rest[end + 1..].split_at_checked(length).ok_or(PacketError::InvalidLength)?;
    let packet = match kind {
        TEXT => text_packet(std::str::from_utf8(packet).map_err(|_| PacketError::InvalidText)?)?,
        BINARY => binary_packet(packet)?,
        _ => return Err(PacketError::UnknownBinaryType(kind)),
    };
    Ok((packet, after))
}

/// The number with these digits; there must be one, and the number must be one that memory could hold.
fn length(digits: impl Iterator<Item = u8>) -> Result<usize, PacketError> {
    let mut length = None;
    for digit in digits {
        let before: usize = length.unwrap_or(0);
        let next = before.checked_mul(10).and_then(|tens| tens.checked_add(usize::from(digit)));
        length = Some(next.filter(|_| digit < 10).ok_or(PacketError::InvalidLength)?);
    }
    length.ok_or(PacketError::InvalidLength)
}

/// Where the first so many UTF-16 units of a text end; `None` if it is shorter or that is inside a character.
fn end_of(text: &str, units: usize) -> Option<usize> {
    let (mut left, mut end) = (units, 0);
    for character in text.chars() {
        if left == 0 {
            break;
        }
        left = left.checked_sub(character.len_utf16())?;
        end += character.len_utf8();
    }
    (left == 0).then_some(end)
}

/// Writes packets as a text payload; binary data becomes base64.
#[must_use]
pub fn encode_text(packets: &[Packet<'_>]) -> Vec<u8> {
    let (mut out, mut text) = (Vec::new(), Vec::new());
    for packet in packets {
        text.clear();
        super::encode_text(packet, &mut text);
        push_text(&text, &mut out);
    }
    out
}

/// Writes packets as a binary payload.
#[must_use]
pub fn encode_binary(packets: &[Packet<'_>]) -> Vec<u8> {
    let (mut out, mut bytes) = (Vec::new(), Vec::new());
    for packet in packets {
        bytes.clear();
        if let Packet::Binary(data) = packet {
            bytes.push(MESSAGE_BYTE);
            bytes.extend_from_slice(data);
            push_binary_record(&bytes, &mut out);
        } else {
            packet.encode(&mut bytes);
            push_text_record(&bytes, &mut out);
        }
    }
    out
}

/// Appends a packet in its text form, which is UTF-8, to a text payload.
pub(crate) fn push_text(text: &[u8], out: &mut Vec<u8>) {
    push_decimal(utf16_len(text), b'0', out);
    out.push(b':');
    out.extend_from_slice(text);
}

/// Appends a packet in its text form to a binary payload.
pub(crate) fn push_text_record(text: &[u8], out: &mut Vec<u8>) {
    push_record(TEXT, text, out);
}

/// Appends a packet in its binary form to a binary payload.
pub(crate) fn push_binary_record(bytes: &[u8], out: &mut Vec<u8>) {
    push_record(BINARY, bytes, out);
}

fn push_record(kind: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(kind);
    push_decimal(bytes.len(), 0, out);
    out.push(END);
    out.extend_from_slice(bytes);
}

/// The UTF-16 units of UTF-8 text: one for each character, and another for those that have four bytes.
fn utf16_len(text: &[u8]) -> usize {
    let units = |&byte: &u8| usize::from(byte & 0xc0 != 0x80) + usize::from(byte >= 0xf0);
    text.iter().map(units).sum()
}

/// Appends a number's digits, each added to `zero`.
fn push_decimal(mut number: usize, zero: u8, out: &mut Vec<u8>) {
    let start = out.len();
    loop {
        // A remainder by ten always fits.
        out.push(zero + u8::try_from(number % 10).unwrap_or_default());
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out[start..].reverse();
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::any_text;

    fn text(body: &str) -> Result<Vec<Packet<'_>>, PacketError> {
        decode_text(body).collect()
    }

    fn binary(body: &[u8]) -> Result<Vec<Packet<'_>>, PacketError> {
        decode_binary(body).collect()
    }

    #[test]
    fn lengths_count_utf16_units() {
        let packets = [Packet::Message("€"), Packet::Message("🦀x"), Packet::Ping(""), Packet::Message("")];
        let body = encode_text(&packets);
        assert_eq!(body, "2:4€4:4🦀x1:21:4".as_bytes());
        assert_eq!(text(std::str::from_utf8(&body).unwrap()), Ok(packets.to_vec()));
    }

    #[test]
    fn binary_is_base64_in_text_and_a_record_of_its_own_in_binary() {
        let packets = [Packet::Message("€a"), Packet::Binary(vec![1, 2, 3, 4].into())];
        let body = encode_text(&packets);
        assert_eq!(body, "3:4€a10:b4AQIDBA==".as_bytes());
        assert_eq!(text(std::str::from_utf8(&body).unwrap()), Ok(packets.to_vec()));
        let body = encode_binary(&packets);
        assert_eq!(body, b"\x00\x05\xff4\xe2\x82\xaca\x01\x05\xff\x04\x01\x02\x03\x04");
        assert_eq!(binary(&body), Ok(packets.to_vec()));
        let long = [Packet::Binary(vec![7; 1_234].into())];
        let body = encode_binary(&long);
        assert_eq!(body[..7], [1, 1, 2, 3, 5, 255, 4]);
        assert_eq!(binary(&body), Ok(long.to_vec()));
    }

    #[test]
    fn lengths_that_are_none_or_too_long_are_refused() {
        for body in [
            "4",
            ":4",
            "x:4",
            "-1:4",
            "+1:4",
            " 1:4",
            "1.0:4",
            "1e0:4",
            "0x1:4",
            "2:4",
            "1000000000000:4",
            "99999999999999999999999999:4",
            "1:41",
            "1:41:",
            "2:4🦀",
        ] {
            assert_eq!(text(body), Err(PacketError::InvalidLength), "{body}");
        }
        assert_eq!(text(""), Err(PacketError::Empty));
        assert_eq!(text("0:"), Err(PacketError::Empty));
        assert_eq!(text("1:7"), Err(PacketError::UnknownType('7')));
        for body in [
            &[0][..],
            &[0, 1],
            &[0, 255],
            &[0, 10, 255, b'4'],
            &[0, 49, 255, b'4'],
            &[0, 2, 255, b'4'],
            &[1, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 255, 4],
            &[1, 1, 255, 4, 1],
        ] {
            assert_eq!(binary(body), Err(PacketError::InvalidLength), "{body:?}");
        }
        assert_eq!(binary(&[]), Err(PacketError::Empty));
        assert_eq!(binary(&[0, 0, 255]), Err(PacketError::Empty));
        assert_eq!(binary(&[2, 1, 255, 4]), Err(PacketError::UnknownBinaryType(2)));
        assert_eq!(binary(&[1, 1, 255, b'4']), Err(PacketError::UnknownBinaryType(b'4')));
        assert_eq!(binary(&[0, 2, 255, b'4', 0xff]), Err(PacketError::InvalidText));
    }

    #[test]
    fn nothing_is_read_after_an_error() {
        let read: Vec<_> = decode_text("1:2x:41:2").collect();
        assert_eq!(read, [Ok(Packet::Ping("")), Err(PacketError::InvalidLength)]);
    }

    fn any_packet() -> impl Strategy<Value = (bool, String, Vec<u8>)> {
        (any::<bool>(), any_text(0..100), any::<Vec<u8>>())
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(parts in prop::collection::vec(any_packet(), 1..5)) {
            let packets: Vec<_> = parts
                .iter()
                .map(|(is_text, text, bytes)| {
                    if *is_text { Packet::Message(text) } else { Packet::Binary(bytes.into()) }
                })
                .collect();
            let body = encode_text(&packets);
            prop_assert_eq!(text(std::str::from_utf8(&body).unwrap()), Ok(packets.clone()));
            let body = encode_binary(&packets);
            prop_assert_eq!(binary(&body), Ok(packets));
        }

        #[test]
        fn no_body_makes_the_decoders_panic(body in any_text(0..100), bytes: Vec<u8>) {
            let _ = (text(&body), binary(&bytes));
        }
    }
}
