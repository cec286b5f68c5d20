//! Bytes to and from: HTTP heads, WebSocket frames, and the few packets of the contract. Nothing is validated.

/// The beginning of every frame of ours is whole and unmasked.
pub const TEXT: u8 = 0x81;
pub const BINARY: u8 = 0x82;

/// The answer to the one key that the load generator sends, the RFC's own example.
const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// A request as far as it matters.
pub struct Request<'a> {
    pub sid: Option<u64>,
    pub websocket: bool,
    pub post: bool,
    pub body: &'a [u8],
    /// Bytes of the whole request.
    pub length: usize,
}

/// A frame of a client, unmasked in place.
pub struct Frame<'a> {
    pub opcode: u8,
    pub payload: &'a [u8],
    /// Bytes of the whole frame.
    pub length: usize,
}

pub fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().take_while(|b| b.is_ascii_digit()).fold(0, |sum, b| sum * 10 + u64::from(b - b'0'))
}

/// The request at the start, if it is complete.
pub fn request(bytes: &[u8]) -> Option<Request<'_>> {
    let head = find(bytes, b"\r\n\r\n")? + 4;
    let line = &bytes[..find(bytes, b"\r\n")?];
    let post = line.starts_with(b"POST");
    let body = if post {
        const NAME: &[u8] = b"Content-Length: ";
        number(&bytes[find(&bytes[..head], NAME)? + NAME.len()..]) as usize
    } else {
        0
    };
    Some(Request {
        sid: find(line, b"sid=").map(|at| number(&line[at + 4..])),
        websocket: find(line, b"transport=websocket").is_some(),
        post,
        body: bytes.get(head..head + body)?,
        length: head + body,
    })
}

/// The frame at the start, if it is complete.
pub fn frame(bytes: &mut [u8]) -> Option<Frame<'_>> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    let (length, head) = match second & 0x7f {
        126 => (usize::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?)), 4),
        127 => (u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?) as usize, 10),
        short => (usize::from(short), 2),
    };
    let key: [u8; 4] = *bytes.get(head..)?.first_chunk()?;
    let payload = bytes.get_mut(head + 4..head + 4 + length)?;
    if key != [0; 4] {
        payload.iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
    }
    Some(Frame { opcode: first & 0x0f, payload, length: head + 4 + length })
}

/// Appends a frame made of parts.
pub fn push_frame(out: &mut Vec<u8>, first: u8, parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    out.push(first);
    match length {
        0..126 => out.push(length as u8),
        126..65_536 => {
            out.push(126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

/// Appends an HTTP answer.
pub fn push_response(out: &mut Vec<u8>, body: &[u8]) {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Length: ";
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(body.len().to_string().as_bytes());
    out.extend_from_slice(b"\r\n\r\n");
    out.extend_from_slice(body);
}

/// Appends the answer to an upgrade request.
pub fn push_switching(out: &mut Vec<u8>) {
    out.extend_from_slice(SWITCHING);
}

/// The open packet. Session ids are numbers of the usual length; a floor need not be safe.
pub fn open(sid: u64, websocket: bool) -> String {
    let upgrades = if websocket { "" } else { "\"websocket\"" };
    format!(
        "0{{\"sid\":\"{sid:020}\",\"upgrades\":[{upgrades}],\"pingInterval\":25000,\"pingTimeout\":20000,\
         \"maxPayload\":1000000}}"
    )
}

/// What a text packet asks for.
pub enum Asked<'a> {
    Connect,
    /// The type digits and attachment count to answer with, the id, and the argument with its bracket.
    Echo {
        kind: &'static [u8],
        id: &'a [u8],
        argument: &'a [u8],
    },
    Join {
        id: &'a [u8],
        room: &'a [u8],
    },
    /// The argument with its bracket.
    Publish {
        room: &'a [u8],
        argument: &'a [u8],
    },
    Nothing,
}

/// Reads a Socket.IO packet with the layout of the load generator.
pub fn asked(packet: &[u8]) -> Asked<'_> {
    let (kind, rest): (&[u8], _) = match packet {
        [b'4', b'0', ..] => return Asked::Connect,
        [b'4', b'2', rest @ ..] => (b"43", rest),
        [b'4', b'5', b'1', b'-', rest @ ..] => (b"461-", rest),
        _ => return Asked::Nothing,
    };
    let (id, rest) = rest.split_at(rest.iter().take_while(|b| b.is_ascii_digit()).count());
    if let Some(argument) = rest.strip_prefix(b"[\"echo\",") {
        return Asked::Echo { kind, id, argument };
    }
    let named = |name: &[u8]| {
        let rest = rest.strip_prefix(name)?;
        let end = rest.iter().position(|byte| *byte == b'"')?;
        Some((&rest[..end], &rest[end + 1..]))
    };
    if let Some((room, _)) = named(b"[\"join\",\"") {
        return Asked::Join { id, room };
    }
    match named(b"[\"publish\",\"") {
        Some((room, argument)) => Asked::Publish { room, argument: &argument[1..] },
        None => Asked::Nothing,
    }
}
