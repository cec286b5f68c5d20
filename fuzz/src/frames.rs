//! WebSockets: our way of reading their frames beside tungstenite's, which sees all bytes at once, the bound of what is
//! decompressed, and the requests that they begin with.

use std::{
    collections::VecDeque,
    io::{self, Read, Write},
    sync::Arc,
};

use engineio::{
    Config,
    server::fuzz::{
        End, Heard, compress, inflate as our_inflate, read_frames, upgrade_request as read_request,
        whole_frame as take_whole,
    },
};
use flate2::read::DeflateDecoder;
use tungstenite::{
    Error, Message,
    protocol::{Role, WebSocketConfig, WebSocketContext},
};

use crate::script::Script;

const LIMIT: usize = 400;
const FRAGMENTS: usize = 5;
/// A frame's header is at most as long.
const HEADER: usize = 14;

/// A message is found in place exactly if tungstenite reads one from the first frame; otherwise nothing is changed.
pub fn whole_frame(data: &[u8]) {
    let mut bytes = data.to_vec();
    let found = take_whole(&mut bytes, LIMIT);
    let (first, _) = Reference::new(data, false).next();
    let is_one_frame = data.first().is_some_and(|first| first & 0x80 != 0);
    match found {
        None => {
            assert_eq!(bytes, data);
            let is_plain = is_one_frame && matches!(first, Some(Heard::Text(_) | Heard::Binary(_)));
            assert!(!is_plain, "{data:?} is a whole message");
        }
        Some((is_text, place)) => {
            assert_eq!(bytes[place.end..], data[place.end..], "what follows is untouched");
            let payload = bytes[place].to_vec();
            let ours = if is_text {
                String::from_utf8(payload).ok().map(Heard::Text)
            } else {
                Some(Heard::Binary(payload))
            };
            assert_eq!(ours, first, "{data:?}");
        }
    }
}

/// A request that is not left to hyper has the target and the header lines that a naive splitter finds, and no body.
pub fn upgrade_request(data: &[u8]) {
    let Some((target, headers)) = read_request(data) else { return };
    let as_text = |bytes: &[u8]| bytes.iter().map(|&byte| char::from(byte)).collect::<String>();
    let text = as_text(data);
    let head = text.strip_suffix("\r\n\r\n").expect("a head ends with an empty line");
    let mut lines = head.split('\n').map(|line| line.trim_end_matches('\r'));
    let first = lines.next().and_then(|line| line.strip_prefix("GET ")?.strip_suffix(" HTTP/1.1"));
    // What stands behind `#` is no business of a server's.
    let named = first.and_then(|named| named.split('#').next());
    assert_eq!(named, Some(&*as_text(target.as_bytes())), "{text:?}");
    let mut naive: Vec<_> = lines
        .map(|line| {
            let (name, value) = line.split_once(':').expect("a line has a name and a value");
            (name.to_ascii_lowercase(), value.trim_matches([' ', '\t']).to_owned())
        })
        .collect();
    let mut read: Vec<_> =
        headers.iter().map(|(name, value)| (name.to_string(), as_text(value.as_bytes()))).collect();
    // Lines of one name stay in their order; those of others may be anywhere.
    naive.sort_by(|one, other| one.0.cmp(&other.0));
    read.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(read, naive, "{text:?}");
    for name in ["content-length", "transfer-encoding", "expect"] {
        assert!(!headers.contains_key(name), "{text:?}");
    }
    assert!(headers.contains_key("upgrade"), "{text:?}");
}

/// However the bytes are torn, the messages are those that tungstenite finds in the whole of them, up to the same end.
pub fn frames(data: &[u8]) {
    let mut script = Script::new(data);
    let (mode, tear) = (script.below(4), usize::from(script.below(255)) + 1);
    let (deflates, is_raw) = (mode & 1 != 0, mode & 2 != 0);
    let bytes = if is_raw { script.rest().to_vec() } else { stream(script, deflates) };
    let config = Arc::new(Config { max_payload: LIMIT, max_fragments: FRAGMENTS, ..Config::default() });
    let (heard, end) = read_frames(bytes.chunks(tear), &config, deflates);
    let reference = Reference::new(&bytes, deflates);
    let has_too_many = reference.has_too_many;
    let (expected, expected_end) = reference.read();
    if has_too_many {
        // Frames are counted where they come in, so that messages before the one that is too many may be lost with it.
        assert_ne!(end, End::Open, "{bytes:x?}");
        assert!(expected.starts_with(&heard), "{bytes:x?}");
    } else {
        assert_eq!((heard, end), (expected, expected_end), "{bytes:x?} in steps of {tear}");
    }
}

/// Frames as the script wants them.
fn stream(mut script: Script<'_>, deflates: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(first) = script.byte() {
        let payload = script.bytes();
        let is_compressed = deflates && first & 0x40 != 0;
        let compressed = is_compressed.then(|| compress(payload));
        let payload = compressed.as_deref().unwrap_or(payload);
        push_frame(first, [first, 0, 0x55, 0xff], payload, &mut bytes);
    }
    bytes
}

/// Appends a client's frame.
pub(crate) fn push_frame(first: u8, mask: [u8; 4], payload: &[u8], out: &mut Vec<u8>) {
    out.push(first);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short @ 0..126), _) => out.push(0x80 | short),
        (_, Ok(length)) => {
            out.push(0x80 | 126);
            out.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

/// tungstenite with all bytes at hand.
struct Reference {
    context: WebSocketContext,
    stream: Stream,
    /// For each message that begins whether it is compressed text or compressed binary data.
    compressed: VecDeque<Option<bool>>,
    has_too_many: bool,
}

impl Reference {
    fn new(bytes: &[u8], deflates: bool) -> Self {
        let settings = WebSocketConfig::default().max_message_size(Some(LIMIT)).max_frame_size(Some(LIMIT));
        let context = WebSocketContext::new(Role::Server, Some(settings));
        let mut reference = Self {
            context,
            stream: Stream { bytes: bytes.to_vec(), at: 0 },
            compressed: VecDeque::new(),
            has_too_many: false,
        };
        reference.look_at_headers(deflates);
        reference
    }

    /// Counts the frames of each message, and makes what is compressed look like binary data, as tungstenite knows of no
    /// compression.
    fn look_at_headers(&mut self, deflates: bool) {
        let (mut at, mut count) = (0, 0);
        while let Some(header) = self.stream.bytes.get_mut(at..).filter(|rest| rest.len() >= 2) {
            let opcode = header[0] & 0x0f;
            if matches!(opcode, 1 | 2) {
                let is_compressed = deflates && header[0] & 0x40 != 0;
                self.compressed.push_back(is_compressed.then_some(opcode == 1));
                if is_compressed {
                    header[0] = header[0] & 0xb0 | 2;
                }
            }
            let Some((header_length, length)) = lengths(header) else { return };
            if opcode < 8 {
                count += 1;
                self.has_too_many |= count > FRAGMENTS;
                if header[0] & 0x80 != 0 {
                    count = 0;
                }
            }
            at = at.saturating_add(header_length).saturating_add(length);
        }
    }

    fn next(&mut self) -> (Option<Heard>, End) {
        let heard = match self.context.read(&mut self.stream) {
            Ok(Message::Text(text)) => Some(Heard::Text(text.to_string())),
            Ok(Message::Binary(bytes)) => Some(Heard::Binary(bytes.to_vec())),
            Ok(Message::Ping(_) | Message::Pong(_)) => return (Some(Heard::Control), End::Open),
            Ok(Message::Close(_) | Message::Frame(_)) => return (None, End::Closed),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return (None, End::Open),
            Err(_) => return (None, End::Failed),
        };
        let heard = match (self.compressed.pop_front().flatten(), heard) {
            (Some(is_text), Some(Heard::Binary(bytes))) => inflated(&bytes, is_text),
            (_, heard) => heard,
        };
        let end = if heard.is_some() { End::Open } else { End::Failed };
        (heard, end)
    }

    fn read(mut self) -> (Vec<Heard>, End) {
        let mut all = Vec::new();
        loop {
            match self.next() {
                (Some(heard), _) => all.push(heard),
                (None, end) => return (all, end),
            }
        }
    }
}

/// How long a frame's header and its payload are; `None` if the header is cut.
fn lengths(header: &[u8]) -> Option<(usize, usize)> {
    let mask = if header[1] & 0x80 != 0 { 4 } else { 0 };
    let (extra, length) = match header[1] & 0x7f {
        126 => (2, u64::from(u16::from_be_bytes(header.get(2..4)?.try_into().ok()?))),
        127 => (8, u64::from_be_bytes(header.get(2..10)?.try_into().ok()?)),
        short => (0, u64::from(short)),
    };
    let whole = 2 + extra + mask;
    assert!(whole <= HEADER);
    (header.len() >= whole).then_some((whole, usize::try_from(length).unwrap_or(usize::MAX)))
}

/// Bytes that have come; more may follow.
struct Stream {
    bytes: Vec<u8>,
    at: usize,
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = (&self.bytes[self.at..]).read(into)?;
        self.at += read;
        if read == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(read) }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn inflated(bytes: &[u8], is_text: bool) -> Option<Heard> {
    let bytes = naive_inflate(bytes, LIMIT)?;
    if is_text { String::from_utf8(bytes).ok().map(Heard::Text) } else { Some(Heard::Binary(bytes)) }
}

/// Decompresses by way of flate2's reader.
fn naive_inflate(message: &[u8], limit: usize) -> Option<Vec<u8>> {
    let (mut out, all) = (Vec::new(), [message, &[0, 0, 0xff, 0xff]].concat());
    match DeflateDecoder::new(&all[..]).take(limit as u64 + 1).read_to_end(&mut out) {
        // No block says that it is the last (RFC 7692, section 7.2.1).
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => None,
        Ok(_) | Err(_) => (out.len() <= limit).then_some(out),
    }
}

/// What is decompressed is what flate2's reader makes of it and never longer than the limit; what is compressed comes
/// back.
pub fn inflate(data: &[u8]) {
    let [high, low, message @ ..] = data else { return };
    let limit = usize::from(u16::from_be_bytes([*high, *low]));
    let ours = our_inflate(message, limit);
    assert!(ours.as_ref().is_none_or(|bytes| bytes.len() <= limit && bytes.capacity() <= limit + 1 + 64));
    assert_eq!(ours, naive_inflate(message, limit), "{message:x?} up to {limit}");
    assert_eq!(our_inflate(&compress(message), message.len()).as_deref(), Some(message));
}
