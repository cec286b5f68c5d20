//! Packets in a stream of bytes, as WebTransport carries them (Engine.IO protocol 4, "WebTransport").
//!
//! A header stands before each packet. Bit 7 of its first byte tells binary from text, the others are the length in bytes:
//! below 126 the length itself, 126 for a 16-bit and 127 for a 64-bit length that follows in network order.

/// The longest header.
const MAX_HEADER: usize = 9;
/// Bit 7 of the first byte: the packet is binary.
const BINARY: u8 = 0x80;
/// A buffer that grew beyond this is given back once its packet has been taken.
const KEPT_CAPACITY: usize = 4 * 1024;

/// One packet of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// The text form of an Engine.IO packet.
    Text(&'a str),
    /// A binary message, without a type byte.
    Binary(&'a [u8]),
}

/// A stream that cannot be read on, as nobody knows where its next packet begins; the session ends with "parse error".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The header announces no bytes, or too many.
    #[error("wanted a packet of 1 to {limit} bytes, got one of {length}")]
    Length {
        /// The length in the header.
        length: u64,
        /// The largest length that is taken.
        limit: usize,
    },
    /// A text packet is not UTF-8.
    #[error("wanted a text packet in UTF-8, got other bytes")]
    Utf8,
}

/// Appends a packet with its header.
///
/// # Examples
/// ```
/// use engineio::engine::stream::encode;
///
/// let mut out = Vec::new();
/// encode(false, b"4hello", &mut out);
/// encode(true, &[1, 2], &mut out);
/// assert_eq!(out, b"\x064hello\x82\x01\x02");
/// ```
pub fn encode(is_binary: bool, payload: &[u8], out: &mut Vec<u8>) {
    let bit = if is_binary { BINARY } else { 0 };
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short @ 0..126), _) => out.push(bit | short),
        (_, Ok(medium)) => {
            out.push(bit | 126);
            out.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            out.push(bit | 127);
            out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}

/// Finds the packets in a stream that arrives in pieces of any size.
///
/// A packet that lies whole in one piece is not copied. Of any other only what has arrived is kept, however long its
/// header says that it will be.
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
    header: Header,
    /// The packet announced by the header, once that is complete.
    expected: Option<Expected>,
    payload: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Expected {
    is_binary: bool,
    length: usize,
}

impl Decoder {
    /// A decoder for packets of up to `limit` bytes, at the beginning of a packet.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, header: Header::default(), expected: None, payload: Vec::new() }
    }

    /// The next packet of the stream, whose following bytes are taken from the front of `input`; `None` once they are
    /// all taken and the packet goes on.
    ///
    /// # Errors
    /// The stream cannot be read on.
    pub fn next<'a, 'i: 'a>(&'a mut self, input: &mut &'i [u8]) -> Result<Option<Frame<'a>>, FrameError> {
        if self.expected.is_none() {
            // What is left of the packet before, which lay in several pieces.
            self.payload.clear();
            self.payload.shrink_to(KEPT_CAPACITY);
            self.expected = self.header.read(input, self.limit)?;
        }
        let Some(Expected { is_binary, length }) = self.expected else { return Ok(None) };
        let missing = length - self.payload.len();
        let (piece, rest) = input.split_at(missing.min(input.len()));
        *input = rest;
        let payload = if piece.len() == length {
            piece
        } else {
            self.keep(piece, length);
            &self.payload
        };
        if payload.len() < length {
            return Ok(None);
        }
        self.expected = None;
        if is_binary {
            return Ok(Some(Frame::Binary(payload)));
        }
        std::str::from_utf8(payload).map(|text| Some(Frame::Text(text))).map_err(|_| FrameError::Utf8)
    }

    /// Appends a piece of a packet. The buffer grows by doubling, and not beyond the packet.
    fn keep(&mut self, piece: &[u8], length: usize) {
        let wanted = self.payload.len() + piece.len();
        if wanted > self.payload.capacity() {
            let capacity = wanted.max(2 * self.payload.capacity()).min(length);
            self.payload.reserve_exact(capacity - self.payload.len());
        }
        self.payload.extend_from_slice(piece);
    }
}

/// A header of which some bytes may have arrived.
#[derive(Debug, Default)]
struct Header {
    bytes: [u8; MAX_HEADER],
    read: usize,
}

impl Header {
    /// Takes the header's bytes; answers what it announces once it is complete.
    fn read(&mut self, input: &mut &[u8], limit: usize) -> Result<Option<Expected>, FrameError> {
        while self.read == 0 || self.read < self.size() {
            let Some((&byte, rest)) = input.split_first() else { return Ok(None) };
            self.bytes[self.read] = byte;
            self.read += 1;
            *input = rest;
        }
        self.read = 0;
        let length = self.length();
        match usize::try_from(length) {
            Ok(length @ 1..) if length <= limit => {
                Ok(Some(Expected { is_binary: self.bytes[0] & BINARY != 0, length }))
            }
            _ => Err(FrameError::Length { length, limit }),
        }
    }

    /// The header's bytes, as its first one says.
    fn size(&self) -> usize {
        match self.bytes[0] & !BINARY {
            126 => 3,
            127 => MAX_HEADER,
            _ => 1,
        }
    }

    fn length(&self) -> u64 {
        let [first, a, b, c, d, e, f, g, h] = self.bytes;
        match first & !BINARY {
            126 => u64::from(u16::from_be_bytes([a, b])),
            127 => u64::from_be_bytes([a, b, c, d, e, f, g, h]),
            short => u64::from(short),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::any_text;

    const LIMIT: usize = 100_000;

    /// A packet with an owner, to be compared after its bytes are gone.
    #[derive(Clone, Debug, PartialEq, Eq)]
    enum Owned {
        Text(String),
        Binary(Vec<u8>),
    }

    impl From<Frame<'_>> for Owned {
        fn from(frame: Frame<'_>) -> Self {
            match frame {
                Frame::Text(text) => Self::Text(text.to_owned()),
                Frame::Binary(bytes) => Self::Binary(bytes.to_vec()),
            }
        }
    }

    /// All packets in pieces of a stream, and how the stream ended.
    fn read<'a>(
        pieces: impl IntoIterator<Item = &'a [u8]>,
        limit: usize,
    ) -> (Vec<Owned>, Option<FrameError>) {
        let (mut decoder, mut frames) = (Decoder::new(limit), Vec::new());
        for mut piece in pieces {
            loop {
                match decoder.next(&mut piece) {
                    Ok(Some(frame)) => frames.push(frame.into()),
                    Ok(None) => break,
                    Err(error) => return (frames, Some(error)),
                }
                assert!(decoder.payload.capacity() <= limit, "{decoder:?}");
            }
            assert!(piece.is_empty(), "what is no whole packet is kept");
        }
        (frames, None)
    }

    #[test]
    fn the_header_has_the_length_the_packet_wants() {
        for (length, header) in [
            (1, &[1][..]),
            (125, &[125]),
            (126, &[126, 0, 126]),
            (65_535, &[126, 0xff, 0xff]),
            (65_536, &[127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let text = "x".repeat(length);
            let (mut as_text, mut as_binary) = (Vec::new(), Vec::new());
            encode(false, text.as_bytes(), &mut as_text);
            encode(true, text.as_bytes(), &mut as_binary);
            assert_eq!(as_text[..header.len()], *header);
            assert_eq!((as_binary[0], &as_binary[1..header.len()]), (header[0] | 0x80, &header[1..]));
            let both = [as_text, as_binary].concat();
            let frames = vec![Owned::Text(text.clone()), Owned::Binary(text.into_bytes())];
            assert_eq!(read([&both[..]], LIMIT), (frames, None));
        }
    }

    #[test]
    fn a_length_of_zero_or_beyond_the_limit_ends_the_stream() {
        let error = |length| (vec![], Some(FrameError::Length { length, limit: 10 }));
        for (bytes, length) in [
            (&[0][..], 0),
            (&[0x80], 0),
            (&[126, 0, 0], 0),
            (&[11, b'4'], 11),
            (&[0xfe, 0, 200], 200),
            (&[127, 0, 0, 0, 0, 0, 1, 0, 0], 65_536),
            (&[255; 9], u64::MAX),
        ] {
            assert_eq!(read([bytes], 10), error(length), "{bytes:?}");
        }
        assert_eq!(read([&b"\x0a4123456789"[..]], 10), (vec![Owned::Text("4123456789".into())], None));
    }

    #[test]
    fn text_that_is_not_utf_8_ends_the_stream_and_binary_may_be_anything() {
        assert_eq!(read([&[2, 0xc3, 0x28][..]], LIMIT), (vec![], Some(FrameError::Utf8)));
        assert_eq!(read([&[0x82, 0xc3, 0x28][..]], LIMIT), (vec![Owned::Binary(vec![0xc3, 0x28])], None));
    }

    #[test]
    fn only_what_has_arrived_of_a_packet_is_kept() {
        let mut decoder = Decoder::new(1_000_000);
        let mut bytes = &[127, 0, 0, 0, 0, 0, 0x0f, 0x42, 0x40, b'4'][..];
        assert_eq!(decoder.next(&mut bytes), Ok(None));
        assert!(decoder.payload.capacity() < 100, "{}", decoder.payload.capacity());
    }

    #[test]
    fn the_buffer_of_a_large_packet_is_given_back() {
        let mut stream = Vec::new();
        encode(true, &[7; 50_000], &mut stream);
        let mut decoder = Decoder::new(LIMIT);
        let (mut first, mut second) = stream.split_at(40_000);
        assert_eq!(decoder.next(&mut first), Ok(None));
        assert_eq!(decoder.next(&mut second), Ok(Some(Frame::Binary(&[7; 50_000]))));
        assert_eq!(decoder.next(&mut second), Ok(None));
        assert!(decoder.payload.capacity() <= KEPT_CAPACITY);
    }

    fn frames() -> impl Strategy<Value = Vec<Owned>> {
        let text = any_text(1..200).prop_map(Owned::Text);
        let binary = prop::collection::vec(any::<u8>(), 1..300).prop_map(Owned::Binary);
        prop::collection::vec(prop_oneof![text, binary], 0..8)
    }

    proptest! {
        #[test]
        fn any_split_of_a_stream_gives_the_same_packets(frames in frames(), cuts: Vec<prop::sample::Index>) {
            let mut stream = Vec::new();
            for frame in &frames {
                match frame {
                    Owned::Text(text) => encode(false, text.as_bytes(), &mut stream),
                    Owned::Binary(bytes) => encode(true, bytes, &mut stream),
                }
            }
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]);
            prop_assert_eq!(read(pieces, LIMIT), (frames.clone(), None));
            prop_assert_eq!(read(stream.chunks(1), LIMIT), (frames, None));
        }

        #[test]
        fn any_bytes_end_alike_however_they_are_split(bytes: Vec<u8>) {
            prop_assert_eq!(read([&bytes[..]], 64), read(bytes.chunks(1), 64));
        }
    }
}
