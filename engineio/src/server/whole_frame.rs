//! Messages of one frame that lie complete in a buffer, as nearly all do: read in place, without memory of their own.
//!
//! Whatever is not as plain as that, fragments, control frames, large ones and all faults, is left to tungstenite's own
//! reading.

use std::{io::Cursor, ops::Range};

use tokio_tungstenite::tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Data, OpCode},
};

/// A message whose bytes stand unmasked in the buffer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WholeFrame {
    pub(super) is_text: bool,
    /// Where the payload is in the buffer.
    pub(super) payload: Range<usize>,
}

/// Finds and unmasks the message at the front of `bytes`, if it is a whole and plain one of at most `limit` bytes.
/// Otherwise nothing is changed.
pub(super) fn take(bytes: &mut [u8], limit: usize) -> Option<WholeFrame> {
    let mut cursor = Cursor::new(&*bytes);
    let (header, length) = FrameHeader::parse(&mut cursor).ok()??;
    let start = usize::try_from(cursor.position()).ok()?;
    let length = usize::try_from(length).ok().filter(|length| *length <= limit)?;
    let is_text = match header.opcode {
        OpCode::Data(Data::Text) => true,
        OpCode::Data(Data::Binary) => false,
        OpCode::Data(Data::Continue | Data::Reserved(_)) | OpCode::Control(_) => return None,
    };
    if !header.is_final || header.rsv1 || header.rsv2 || header.rsv3 {
        return None;
    }
    let payload = start..start.checked_add(length)?;
    // A frame from a client has a mask (RFC 6455, section 5.1).
    unmask(bytes.get_mut(payload.clone())?, header.mask?);
    Some(WholeFrame { is_text, payload })
}

/// Takes the mask off (RFC 6455, section 5.3), eight bytes at a time.
fn unmask(bytes: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut chunks = bytes.chunks_exact_mut(8);
    for chunk in &mut chunks {
        if let Ok(masked) = <[u8; 8]>::try_from(&*chunk) {
            chunk.copy_from_slice(&(u64::from_ne_bytes(masked) ^ wide).to_ne_bytes());
        }
    }
    for (byte, mask) in chunks.into_remainder().iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASK: [u8; 4] = [1, 2, 3, 0x80];

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first];
        match u8::try_from(payload.len()) {
            Ok(length) if length < 126 => frame.push(0x80 | length),
            _ => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&u16::try_from(payload.len()).unwrap().to_be_bytes());
            }
        }
        frame.extend_from_slice(&MASK);
        frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        frame
    }

    #[test]
    fn a_whole_message_is_unmasked_where_it_is() {
        for length in [0, 1, 7, 8, 9, 125, 126, 1_000] {
            let payload: Vec<u8> = (0..=255).cycle().take(length).collect();
            for (first, is_text) in [(0x81, true), (0x82, false)] {
                let mut bytes = frame(first, &payload);
                bytes.extend_from_slice(b"what follows");
                let found = take(&mut bytes, 1_000).unwrap();
                assert_eq!((found.is_text, &bytes[found.payload.clone()]), (is_text, &payload[..]));
                assert_eq!(&bytes[found.payload.end..], b"what follows");
            }
        }
    }

    #[test]
    fn anything_else_is_left_as_it_is() {
        let whole = frame(0x81, b"text");
        let unmasked = b"\x81\x04text".to_vec();
        let long = frame(0x81, &[0; 1_001]);
        let cut = |length| whole[..length].to_vec();
        let others = [0x01, 0x00, 0x80, 0x83, 0x88, 0x89, 0x8a, 0xc1, 0xa1, 0x91];
        let others = others.map(|first| frame(first, b"text"));
        for bytes in (0..whole.len()).map(cut).chain(others).chain([unmasked, long]) {
            let mut read = bytes.clone();
            assert_eq!(take(&mut read, 1_000), None, "{bytes:?}");
            assert_eq!(read, bytes);
        }
    }
}
