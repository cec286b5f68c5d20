//! One packet's bytes as they go on the wire, made once and shared by all receivers.

use std::sync::{Arc, LazyLock, OnceLock};

use bytes::Bytes;

use crate::engine::{encode_binary, payload::SEPARATOR};

/// The longest header of a WebSocket frame from a server (RFC 6455, section 5.2).
const MAX_HEADER: usize = 10;
const TEXT_FRAME: u8 = 0x81;
const BINARY_FRAME: u8 = 0x82;

/// A WebSocket close frame without a status code.
pub const CLOSE_FRAME: &[u8] = &[0x88, 0];

/// An Engine.IO packet, or a Socket.IO packet with its attachments, in the form of every transport.
///
/// A clone costs one counter. The WebSocket form is complete with its frame headers; the polling form is made
/// when the first polling receiver asks for it, and is then shared as well.
#[derive(Clone, Debug)]
pub struct Encoded(Arc<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    buffer: Vec<u8>,
    /// Where the first frame begins in the buffer.
    start: usize,
    packets: usize,
    compress: bool,
    payload: OnceLock<Bytes>,
}

impl Encoded {
    /// A text packet; `write` appends its characters, type digit first.
    pub fn text(write: impl FnOnce(&mut Vec<u8>)) -> Self {
        Self::with_attachments(write, &[])
    }

    /// A text packet followed by binary messages.
    pub fn with_attachments(write: impl FnOnce(&mut Vec<u8>), attachments: &[Bytes]) -> Self {
        let mut buffer = Self::buffer();
        write(&mut buffer);
        Self::from_buffer(buffer, attachments)
    }

    /// A buffer to append a text packet to, with room for the frame header in front.
    pub(crate) fn buffer() -> Vec<u8> {
        let mut buffer = Vec::with_capacity(128);
        buffer.resize(MAX_HEADER, 0);
        buffer
    }

    /// Makes a packet of a [`buffer`](Self::buffer) and the binary messages that follow it.
    pub(crate) fn from_buffer(mut buffer: Vec<u8>, attachments: &[Bytes]) -> Self {
        // The text's length decides its header's length, so the text stands behind the longest header and the
        // header is now put right in front of it.
        let mut header = [0; MAX_HEADER];
        let header = frame_header(TEXT_FRAME, buffer.len().saturating_sub(MAX_HEADER), &mut header);
        let start = MAX_HEADER - header.len();
        buffer[start..MAX_HEADER].copy_from_slice(header);
        for attachment in attachments {
            push_binary_frame(attachment, &mut buffer);
        }
        Self::from_frames(buffer, start, 1 + attachments.len())
    }

    /// A binary message.
    #[must_use]
    pub fn binary(bytes: &[u8]) -> Self {
        let mut buffer = Vec::with_capacity(MAX_HEADER + bytes.len());
        push_binary_frame(bytes, &mut buffer);
        Self::from_frames(buffer, 0, 1)
    }

    /// A complete WebSocket control frame, which exists on no other transport.
    pub(super) fn control(frame: &[u8]) -> Self {
        Self::from_frames(frame.to_vec(), 0, 0)
    }

    /// Whether this is a WebSocket control frame and no packet.
    pub(super) fn is_control(&self) -> bool {
        self.0.packets == 0
    }

    fn from_frames(buffer: Vec<u8>, start: usize, packets: usize) -> Self {
        Self(Arc::new(Inner { buffer, start, packets, compress: true, payload: OnceLock::new() }))
    }

    /// Says whether a transport that compresses should compress this packet, which is the default. It is not worth
    /// the effort for what is compressed already, such as pictures.
    #[must_use]
    pub fn with_compression(mut self, compress: bool) -> Self {
        if self.0.compress != compress {
            Arc::make_mut(&mut self.0).compress = compress;
        }
        self
    }

    /// Whether a transport that compresses should compress this packet.
    #[must_use]
    pub fn compress(&self) -> bool {
        self.0.compress
    }

    /// The ping packet.
    pub(crate) fn ping() -> Self {
        static PING: LazyLock<Encoded> = LazyLock::new(|| Encoded::text(|out| out.push(b'2')));
        PING.clone()
    }

    /// The packet as WebSocket frames, headers included.
    #[must_use]
    pub fn frames(&self) -> &[u8] {
        &self.0.buffer[self.0.start..]
    }

    /// How many Engine.IO packets this is: one, and one more for each attachment.
    #[must_use]
    pub fn packets(&self) -> usize {
        self.0.packets
    }

    /// The packet as a polling payload.
    #[must_use]
    pub fn payload(&self) -> &Bytes {
        self.0.payload.get_or_init(|| payload_of(self.frames()))
    }
}

fn push_binary_frame(bytes: &[u8], out: &mut Vec<u8>) {
    let mut header = [0; MAX_HEADER];
    out.extend_from_slice(frame_header(BINARY_FRAME, bytes.len(), &mut header));
    out.extend_from_slice(bytes);
}

fn frame_header(opcode: u8, length: usize, buffer: &mut [u8; MAX_HEADER]) -> &[u8] {
    buffer[0] = opcode;
    let length = length as u64;
    if let Ok(short) = u8::try_from(length)
        && short < 126
    {
        buffer[1] = short;
        return &buffer[..2];
    }
    if let Ok(medium) = u16::try_from(length) {
        buffer[1] = 126;
        buffer[2..4].copy_from_slice(&medium.to_be_bytes());
        return &buffer[..4];
    }
    buffer[1] = 127;
    buffer[2..].copy_from_slice(&length.to_be_bytes());
    buffer
}

/// Splits the first of our own frames off; `None` at the end.
fn split_frame(frames: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&opcode, &short) = (frames.first()?, frames.get(1)?);
    let (start, length) = match short {
        127 => (10, usize::try_from(u64::from_be_bytes(frames.get(2..10)?.try_into().ok()?)).ok()?),
        126 => (4, usize::from(u16::from_be_bytes(frames.get(2..4)?.try_into().ok()?))),
        short => (2, usize::from(short)),
    };
    let (data, rest) = frames.get(start..)?.split_at_checked(length)?;
    Some((opcode, data, rest))
}

fn payload_of(frames: &[u8]) -> Bytes {
    let (mut out, mut rest) = (Vec::new(), frames);
    while let Some((opcode, data, tail)) = split_frame(rest) {
        if !out.is_empty() {
            out.push(SEPARATOR as u8);
        }
        if opcode == BINARY_FRAME {
            encode_binary(data, &mut out);
        } else {
            out.extend_from_slice(data);
        }
        rest = tail;
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_has_the_length_the_text_wants() {
        for (length, header) in [
            (0, &[0x81, 0][..]),
            (125, &[0x81, 125]),
            (126, &[0x81, 126, 0, 126]),
            (65_535, &[0x81, 126, 0xff, 0xff]),
            (65_536, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let text = vec![b'x'; length];
            let encoded = Encoded::text(|out| out.extend_from_slice(&text));
            assert_eq!(&encoded.frames()[..header.len()], header);
            assert_eq!(encoded.frames().len(), header.len() + length);
            assert_eq!(&encoded.payload()[..], &text[..]);
        }
    }

    #[test]
    fn attachments_follow_as_frames_and_as_base64() {
        let write = |out: &mut Vec<u8>| out.extend_from_slice(b"451-[]");
        let encoded = Encoded::with_attachments(write, &[Bytes::from_static(&[1, 2, 3, 4])]);
        assert_eq!(encoded.frames(), b"\x81\x06451-[]\x82\x04\x01\x02\x03\x04");
        assert_eq!(&encoded.payload()[..], b"451-[]\x1ebAQIDBA==");
        assert_eq!(encoded.packets(), 2);
    }

    #[test]
    fn a_packet_is_compressed_unless_it_says_otherwise_and_others_of_its_kind_are_not_concerned() {
        let packet = Encoded::text(|out| out.extend_from_slice(b"4a"));
        let plain = packet.clone().with_compression(false);
        assert_eq!((packet.compress(), plain.compress()), (true, false));
        assert_eq!(packet.frames(), plain.frames());
    }

    #[test]
    fn a_lone_binary_message_is_base64_in_a_payload() {
        assert_eq!(&Encoded::binary(&[1, 2, 3, 4]).payload()[..], b"bAQIDBA==");
    }
}
