//! Counting the frames of a WebSocket message, which tungstenite does not.
//!
//! A message may be split into any number of frames (RFC 6455, section 5.4), empty ones included, so that a limit on
//! its length alone does not bound the work it makes. This walks over the bytes on their way to tungstenite, looking
//! at headers only.

/// The first bytes of a frame: two, up to eight of the length, four of the mask.
const MAX_HEADER: usize = 14;
const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;
const CONTROL: u8 = 0x08;
const TEXT: u8 = 0x01;
const BINARY: u8 = 0x02;
/// The first reserved bit, as `permessage-deflate` uses it.
const COMPRESSED: u8 = 0x40;

/// Where in the stream of frames we are.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    header: [u8; MAX_HEADER],
    /// Bytes of the present header that have come.
    have: usize,
    /// Bytes of the present payload that have not come.
    payload: u64,
    /// Frames of the present message.
    count: usize,
    /// The longest payload of a frame so far.
    largest: u64,
    /// Whether messages may be compressed.
    deflates: bool,
    /// The present message is compressed, and this says whether it is text.
    compressed: Option<bool>,
}

impl Fragments {
    /// At the beginning of a connection on which messages may be compressed.
    pub(super) fn of_compressed() -> Self {
        Self { deflates: true, ..Self::default() }
    }

    /// Takes in the next bytes of the stream and answers how many; `None` once a message has more than `limit` frames.
    ///
    /// Where messages may be compressed, no more is taken than the present one has, and one that is looks binary from
    /// here on: [`take_compressed`](Self::take_compressed) says what it is, once it has been read.
    pub(super) fn admit(&mut self, bytes: &mut [u8], limit: usize) -> Option<usize> {
        let mut at = 0;
        while at < bytes.len() {
            if self.payload > 0 {
                let rest = bytes.len() - at;
                let skipped = usize::try_from(self.payload).unwrap_or(usize::MAX).min(rest);
                self.payload -= skipped as u64;
                at += skipped;
            } else {
                if self.have == 0 && self.deflates {
                    bytes[at] = self.begin_frame(bytes[at]);
                }
                self.header[self.have] = bytes[at];
                self.have += 1;
                at += 1;
                if self.have < self.wanted() {
                    continue;
                }
                if !self.begin_payload(limit) {
                    return None;
                }
            }
            if self.deflates && self.at_boundary() {
                break;
            }
        }
        Some(at)
    }

    /// Notes whether a message that begins is compressed; answers the first byte of its frame without saying so.
    fn begin_frame(&mut self, first: u8) -> u8 {
        let opcode = first & 0x0f;
        // A message begins with a frame of text or of binary data; other frames must not have the bit.
        if !matches!(opcode, TEXT | BINARY) {
            return first;
        }
        let is_compressed = first & COMPRESSED != 0;
        self.compressed = is_compressed.then_some(opcode == TEXT);
        if is_compressed { first & !COMPRESSED & !0x0f | BINARY } else { first }
    }

    /// Whether the message that was read is a compressed text, or else compressed binary data; `None` if it is neither.
    pub(super) fn take_compressed(&mut self) -> Option<bool> {
        self.compressed.take()
    }

    /// Whether the bytes so far end where a message does.
    pub(super) fn at_boundary(&self) -> bool {
        self.have == 0 && self.payload == 0 && self.count == 0
    }

    /// The length of the longest payload of a frame so far.
    pub(super) fn largest(&self) -> u64 {
        self.largest
    }

    /// How long the present header is, as far as its bytes tell.
    fn wanted(&self) -> usize {
        if self.have < 2 {
            return 2;
        }
        let length = match self.header[1] & !MASKED {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask = if self.header[1] & MASKED != 0 { 4 } else { 0 };
        2 + length + mask
    }

    /// The header is complete.
    fn begin_payload(&mut self, limit: usize) -> bool {
        self.have = 0;
        self.payload = match self.header[1] & !MASKED {
            126 => u64::from(u16::from_be_bytes([self.header[2], self.header[3]])),
            127 => self.header[2..10].iter().fold(0, |length, &byte| length << 8 | u64::from(byte)),
            short => u64::from(short),
        };
        self.largest = self.largest.max(self.payload);
        // Control frames may stand between the frames of a message and do not belong to it.
        if self.header[0] & CONTROL != 0 {
            return true;
        }
        self.count += 1;
        let is_within = self.count <= limit;
        if self.header[0] & FINAL != 0 {
            self.count = 0;
        }
        is_within
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A masked frame with a payload of this length.
    fn frame(first: u8, length: usize) -> Vec<u8> {
        let mut bytes = vec![first];
        match length {
            0..=125 => bytes.push(MASKED | u8::try_from(length).unwrap()),
            126..=65_535 => {
                bytes.push(MASKED | 126);
                bytes.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
            }
            _ => {
                bytes.push(MASKED | 127);
                bytes.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        bytes.extend_from_slice(&[0; 4]);
        bytes.resize(bytes.len() + length, 0x81);
        bytes
    }

    fn check(frames: &[(u8, usize)], limit: usize, expected: bool) {
        let stream: Vec<u8> = frames.iter().flat_map(|&(first, length)| frame(first, length)).collect();
        for step in [1, 3, 7, stream.len()] {
            let mut fragments = Fragments::default();
            let admitted =
                stream.chunks(step).all(|chunk| fragments.admit(&mut chunk.to_vec(), limit).is_some());
            assert_eq!(admitted, expected, "{frames:?} in steps of {step}");
        }
    }

    #[test]
    fn messages_of_one_frame_are_never_too_many() {
        check(&[(0x81, 0), (0x82, 125), (0x81, 126), (0x81, 65_535), (0x82, 65_536)], 1, true);
    }

    #[test]
    fn frames_are_counted_to_the_end_of_their_message_empty_ones_too() {
        check(&[(0x01, 0), (0x00, 0), (0x80, 5), (0x01, 1), (0x80, 0)], 3, true);
        check(&[(0x01, 0), (0x00, 0), (0x00, 0), (0x80, 5)], 3, false);
    }

    #[test]
    fn control_frames_between_do_not_count() {
        check(&[(0x01, 1), (0x89, 5), (0x8a, 0), (0x80, 1)], 2, true);
    }

    #[test]
    fn a_length_of_64_bits_does_not_overflow() {
        let mut fragments = Fragments::default();
        let mut header = [0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
        assert!(fragments.admit(&mut header, 1).is_some());
        assert!(fragments.admit(&mut [0; 1_000], 1).is_some());
    }

    #[test]
    fn a_compressed_message_is_binary_for_others_and_ends_what_is_taken() {
        let mut fragments = Fragments::of_compressed();
        let mut stream = [frame(0x41, 3), frame(0x89, 2), frame(0x80, 1), frame(0xc2, 1)].concat();
        let first = 4 + 2 + 3 + 6 + 2 + 6 + 1;
        assert_eq!(fragments.admit(&mut stream, 10), Some(first));
        assert_eq!((stream[0], fragments.take_compressed()), (0x02, Some(true)));
        assert_eq!(fragments.admit(&mut stream[first..], 10), Some(stream.len() - first));
        assert_eq!((stream[first], fragments.take_compressed()), (0x82, Some(false)));
    }

    #[test]
    fn the_bit_is_left_for_refusal_where_it_must_not_be() {
        for first in [0xc9, 0xc0, 0xd1] {
            let mut stream = frame(first, 1);
            Fragments::of_compressed().admit(&mut stream, 10);
            assert!(stream[0] & 0x70 != 0, "{first:x}");
        }
        let mut stream = frame(0xc1, 1);
        Fragments::default().admit(&mut stream, 10);
        assert_eq!(stream[0], 0xc1, "nothing was agreed on");
    }
}
