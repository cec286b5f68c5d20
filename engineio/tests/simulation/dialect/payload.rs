//! Several packets of Engine.IO 3 in one body, written and read without the library's code.
//!
//! Text is `length:packet`, in UTF-16 units as JavaScript counts. Records are 0 or 1 for text or bytes, the digits of the
//! length in bytes as numbers, 255, and the packet.

use super::bytes;
use crate::network::Incoming;

/// A message as the first byte of a packet of bytes.
const MESSAGE: u8 = 4;

pub fn write_text(packets: &[String]) -> String {
    let write = |packet: &String| {
        let packet = match packet.strip_prefix('b') {
            Some(base64) => format!("b4{base64}"),
            None => packet.clone(),
        };
        format!("{}:{packet}", packet.encode_utf16().count())
    };
    packets.iter().map(write).collect()
}

pub fn read_text(mut body: &str) -> Result<Vec<&str>, String> {
    let mut packets = Vec::new();
    while !body.is_empty() {
        let wrong = || format!("{body} does not begin with a packet and its length");
        let (length, rest) = body.split_once(':').ok_or_else(wrong)?;
        let length: usize = length.parse().map_err(|_| wrong())?;
        let mut units = 0;
        let is_before_end = |&(_, letter): &(usize, char)| {
            units += letter.len_utf16();
            units <= length
        };
        let end = rest.char_indices().take_while(is_before_end).last();
        let end = end.map_or(0, |(at, letter)| at + letter.len_utf8());
        if rest[..end].encode_utf16().count() != length {
            return Err(wrong());
        }
        packets.push(&rest[..end]);
        body = &rest[end..];
    }
    Ok(packets)
}

pub fn write_records(packets: &[String]) -> Vec<u8> {
    let mut out = Vec::new();
    for packet in packets {
        let (kind, content) = match packet.strip_prefix('b') {
            Some(base64) => (1, typed(base64)),
            None => (0, packet.clone().into_bytes()),
        };
        out.push(kind);
        out.extend(content.len().to_string().bytes().map(|digit| digit - b'0'));
        out.push(255);
        out.extend(content);
    }
    out
}

pub fn read_records(mut body: &[u8]) -> Result<Vec<Incoming>, String> {
    let mut packets = Vec::new();
    while let Some((kind, rest)) = body.split_first() {
        let wrong = || format!("{body:x?} does not begin with a record");
        let end = rest.iter().position(|&byte| byte == 255).ok_or_else(wrong)?;
        let length = rest[..end].iter().fold(0, |length, &digit| 10 * length + usize::from(digit));
        let (packet, after) = rest[end + 1..].split_at_checked(length).ok_or_else(wrong)?;
        packets.push(match kind {
            0 => Incoming::Text(std::str::from_utf8(packet).map_err(|_| wrong())?.to_owned()),
            1 => read_typed(packet)?,
            _ => return Err(wrong()),
        });
        body = after;
    }
    Ok(packets)
}

/// Bytes that a client has in base64, as a packet.
pub fn typed(base64: &str) -> Vec<u8> {
    let mut packet = vec![MESSAGE];
    packet.extend(bytes(base64));
    packet
}

pub fn read_typed(packet: &[u8]) -> Result<Incoming, String> {
    match packet.split_first() {
        Some((&MESSAGE, data)) => Ok(Incoming::Binary(data.to_vec())),
        Some(_) | None => Err(format!("{packet:x?} is no message")),
    }
}
