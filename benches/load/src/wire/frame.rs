//! WebSocket frames of a client (RFC 6455, section 5): written with a mask of zeros, read in place.

/// What a frame carries (RFC 6455, section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

/// A frame of the server, in the buffer it was received into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// Whether it is the last of its message.
    pub(crate) fin: bool,
    pub(crate) opcode: Opcode,
    pub(crate) payload: &'a [u8],
}

/// The largest payload that is accepted; a longer one is taken for a broken header. In bytes.
const MAX_PAYLOAD: u64 = 256 << 20;

/// Writes the header of a whole message. The mask key is zero, so that the payload can follow as it is:
/// masking protects proxies from scripts in browsers, and no server asks how random a key is.
pub(crate) fn header(out: &mut Vec<u8>, opcode: Opcode, length: usize) {
    let code = match opcode {
        Opcode::Continuation => 0,
        Opcode::Text => 1,
        Opcode::Binary => 2,
        Opcode::Close => 8,
        Opcode::Ping => 9,
        Opcode::Pong => 10,
    };
    out.push(0x80 | code);
    if let Ok(short) = u8::try_from(length)
        && short < 126
    {
        out.push(0x80 | short);
    } else if let Ok(medium) = u16::try_from(length) {
        out.push(0x80 | 126);
        out.extend_from_slice(&medium.to_be_bytes());
    } else {
        out.push(0x80 | 127);
        out.extend_from_slice(&(length as u64).to_be_bytes());
    }
    out.extend_from_slice(&[0; 4]);
}

/// Writes a whole message from its parts.
pub(crate) fn write(out: &mut Vec<u8>, opcode: Opcode, parts: &[&[u8]]) {
    header(out, opcode, parts.iter().map(|part| part.len()).sum());
    for part in parts {
        out.extend_from_slice(part);
    }
}

/// Reads the frame at the start of the bytes; none if it is not complete. Gives its length with it.
///
/// # Errors
/// Says what no server may send.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<(Frame<'_>, usize)>, &'static str> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    if first & 0x70 != 0 {
        return Err("a WebSocket frame with reserved bits, though no extension was offered");
    }
    let opcode = match first & 0x0f {
        0 => Opcode::Continuation,
        1 => Opcode::Text,
        2 => Opcode::Binary,
        8 => Opcode::Close,
        9 => Opcode::Ping,
        10 => Opcode::Pong,
        _ => return Err("a WebSocket frame with an unknown opcode"),
    };
    if second & 0x80 != 0 {
        return Err("a masked WebSocket frame");
    }
    let (length, rest) = match second & 0x7f {
        126 => {
            let Some((length, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (u64::from(u16::from_be_bytes(*length)), rest)
        }
        127 => {
            let Some((length, rest)) = rest.split_first_chunk() else { return Ok(None) };
            (u64::from_be_bytes(*length), rest)
        }
        length => (u64::from(length), rest),
    };
    let length = usize::try_from(length.min(MAX_PAYLOAD + 1)).unwrap_or(usize::MAX);
    if length as u64 > MAX_PAYLOAD {
        return Err("a WebSocket frame of more than 256 MiB");
    }
    let Some(payload) = rest.get(..length) else { return Ok(None) };
    let fin = first & 0x80 != 0;
    if !fin && matches!(opcode, Opcode::Close | Opcode::Ping | Opcode::Pong) {
        return Err("a WebSocket control frame in fragments");
    }
    Ok(Some((Frame { fin, opcode, payload }, bytes.len() - rest.len() + length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame as servers write it: without a mask.
    fn from_server(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![first];
        match payload.len() {
            length @ ..126 => bytes.push(length as u8),
            length @ ..65_536 => {
                bytes.push(126);
                bytes.extend_from_slice(&(length as u16).to_be_bytes());
            }
            length => {
                bytes.push(127);
                bytes.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        bytes.extend_from_slice(payload);
        bytes
    }

    #[test]
    fn a_frame_torn_at_any_byte_is_incomplete_and_then_whole() {
        for length in [0, 1, 125, 126, 127, 300, 65_535, 65_536] {
            let payload = vec![b'x'; length];
            let bytes = from_server(0x81, &payload);
            for cut in (0..bytes.len()).filter(|cut| *cut < 32 || bytes.len() - cut < 4) {
                assert_eq!(parse(&bytes[..cut]), Ok(None), "{length} cut at {cut}");
            }
            let expected = Frame { fin: true, opcode: Opcode::Text, payload: &payload };
            let mut more = bytes.clone();
            more.push(0x82);
            assert_eq!(parse(&more), Ok(Some((expected, bytes.len()))));
        }
    }

    #[test]
    fn what_servers_may_not_send_is_refused() {
        assert!(parse(&[0xc1, 0]).is_err(), "compressed");
        assert!(parse(&[0x83, 0]).is_err(), "unknown opcode");
        assert!(parse(&[0x81, 0x80]).is_err(), "masked");
        assert!(parse(&[0x09, 0]).is_err(), "a ping in fragments");
        assert!(parse(&[0x82, 127, 0xff, 0, 0, 0, 0, 0, 0, 0]).is_err(), "too long");
    }

    #[test]
    fn control_frames_and_fragments_are_told_apart() {
        for (first, fin, opcode) in [
            (0x01, false, Opcode::Text),
            (0x00, false, Opcode::Continuation),
            (0x80, true, Opcode::Continuation),
            (0x82, true, Opcode::Binary),
            (0x88, true, Opcode::Close),
            (0x89, true, Opcode::Ping),
            (0x8a, true, Opcode::Pong),
        ] {
            let bytes = from_server(first, b"ab");
            assert_eq!(parse(&bytes), Ok(Some((Frame { fin, opcode, payload: b"ab" }, 4))));
        }
    }

    #[test]
    fn frames_are_written_with_a_mask_of_zeros() {
        let mut out = Vec::new();
        write(&mut out, Opcode::Text, &[b"ab", b"c"]);
        assert_eq!(out, b"\x81\x83\0\0\0\0abc");
        for (length, head) in
            [(126, vec![0x82, 0xfe, 0, 126]), (65_536, vec![0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0])]
        {
            let mut out = Vec::new();
            write(&mut out, Opcode::Binary, &[&vec![7; length]]);
            assert_eq!(out[..head.len()], head);
            assert_eq!(out.len(), head.len() + 4 + length);
        }
    }
}
