//! Engine.IO read slowly, one character at a time and with no code of the library's.

use engineio::engine::Packet;

/// A packet's type, `b` for binary messages, and its data.
pub(crate) type Plain = (char, Vec<u8>);

/// What the library has read, to be compared.
pub(crate) fn plain(packet: &Packet<'_>) -> Plain {
    let (kind, data) = match packet {
        Packet::Open(data) => ('0', data.as_bytes()),
        Packet::Close => ('1', &b""[..]),
        Packet::Ping(data) => ('2', data.as_bytes()),
        Packet::Pong(data) => ('3', data.as_bytes()),
        Packet::Message(data) => ('4', data.as_bytes()),
        Packet::Binary(bytes) => ('b', &bytes[..]),
        Packet::Upgrade => ('5', &b""[..]),
        Packet::Noop => ('6', &b""[..]),
    };
    (kind, data.to_vec())
}

/// A packet of protocol 4.
pub(crate) fn packet(text: &str) -> Option<Plain> {
    let kind = text.chars().next()?;
    let data = text.strip_prefix(kind)?;
    match kind {
        '1' | '5' | '6' => Some((kind, Vec::new())),
        '0' | '2' | '3' | '4' => Some((kind, data.into())),
        'b' => Some((kind, base64(data)?)),
        _ => None,
    }
}

/// A payload of protocol 4.
pub(crate) fn payload(text: &str) -> Option<Vec<Plain>> {
    text.split('\x1e').map(packet).collect()
}

/// A packet of protocol 3 in text.
fn v3_packet(text: &str) -> Option<Plain> {
    match text.strip_prefix('b') {
        Some(typed) => Some(('b', base64(typed.strip_prefix('4')?)?)),
        None => packet(text),
    }
}

/// A payload of protocol 3 in text; lengths are those of JavaScript, whose texts are UTF-16.
pub(crate) fn v3_text(text: &str) -> Option<Vec<Plain>> {
    let units: Vec<u16> = text.encode_utf16().collect();
    let (mut rest, mut packets) = (&units[..], Vec::new());
    while packets.is_empty() || !rest.is_empty() {
        let colon = rest.iter().position(|&unit| unit == u16::from(b':'))?;
        let length = number(&String::from_utf16(&rest[..colon]).ok()?)?;
        let packet = String::from_utf16(rest[colon + 1..].get(..length)?).ok()?;
        packets.push(v3_packet(&packet)?);
        rest = &rest[colon + 1 + length..];
    }
    Some(packets)
}

/// A payload of protocol 3 in records.
pub(crate) fn v3_binary(bytes: &[u8]) -> Option<Vec<Plain>> {
    let (mut rest, mut packets) = (bytes, Vec::new());
    while packets.is_empty() || !rest.is_empty() {
        let (&kind, behind) = rest.split_first()?;
        let digits = behind.split(|&byte| byte == 255).next()?;
        let decimal: Option<String> =
            digits.iter().map(|&digit| char::from_digit(u32::from(digit), 10)).collect();
        let body = behind.get(digits.len() + 1..)?;
        let (packet, after) = body.split_at_checked(number(&decimal?)?)?;
        packets.push(match (kind, packet) {
            (0, text) => v3_packet(std::str::from_utf8(text).ok()?)?,
            (1, [4, data @ ..]) => ('b', data.to_vec()),
            _ => return None,
        });
        rest = after;
    }
    Some(packets)
}

/// Digits and nothing else, as a number that memory could hold.
fn number(digits: &str) -> Option<usize> {
    let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then_some(digits)?.parse().ok()
}

const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Bytes in standard base64 with padding.
pub(crate) fn to_base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let number = (0..3).fold(0, |number, at| number << 8 | usize::from(*group.get(at).unwrap_or(&0)));
        for letter in 0..4 {
            let at = number >> (18 - 6 * letter) & 63;
            text.push(if letter > group.len() { '=' } else { char::from(ALPHABET.as_bytes()[at]) });
        }
    }
    text
}

/// Standard base64 with as much of its padding as there is, bit by bit.
fn base64(text: &str) -> Option<Vec<u8>> {
    let data = text.trim_end_matches('=');
    let padding = text.len() - data.len();
    if data.len() % 4 == 1 || padding > data.len().next_multiple_of(4) - data.len() {
        return None;
    }
    let mut bits = Vec::new();
    for letter in data.chars() {
        let value = ALPHABET.find(letter)?;
        bits.extend((0..6).rev().map(|bit| value >> bit & 1));
    }
    let bytes = bits.chunks_exact(8);
    let is_rest_zero = bytes.remainder().iter().all(|&bit| bit == 0);
    let byte = |bits: &[usize]| bits.iter().fold(0, |byte, &bit| byte << 1 | u8::from(bit == 1));
    is_rest_zero.then(|| bytes.map(byte).collect())
}
