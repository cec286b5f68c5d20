//! WebSocket frames as a server sends them: whole messages, without a mask (RFC 6455, section 5.2).

/// The longest header of such a frame.
pub(super) const MAX_HEADER: usize = 10;

/// What a frame carries, as its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text = 0x81,
    Binary = 0x82,
}

/// Appends a frame whose data is in two parts.
pub(super) fn push(kind: Kind, first: &[u8], second: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(header(kind, first.len() + second.len(), &mut [0; MAX_HEADER]));
    out.extend_from_slice(first);
    out.extend_from_slice(second);
}

/// Appends a frame whose data is compressed, which its first reserved bit says (RFC 7692, section 6).
pub(super) fn push_compressed(kind: Kind, data: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    push(kind, &[], data, out);
    out[start] |= 0x40;
}

/// Writes a frame's header to the beginning of `buffer`.
pub(super) fn header(kind: Kind, length: usize, buffer: &mut [u8; MAX_HEADER]) -> &[u8] {
    buffer[0] = kind as u8;
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

/// The kind and data of frames that were written here.
pub(super) fn split(frames: &[u8]) -> impl Iterator<Item = (Kind, &[u8])> {
    let mut rest = frames;
    std::iter::from_fn(move || {
        let (kind, data, after) = split_first(rest)?;
        rest = after;
        Some((kind, data))
    })
}

fn split_first(frames: &[u8]) -> Option<(Kind, &[u8], &[u8])> {
    let (&opcode, &short) = (frames.first()?, frames.get(1)?);
    let (start, length) = match short {
        127 => (10, usize::try_from(u64::from_be_bytes(frames.get(2..10)?.try_into().ok()?)).ok()?),
        126 => (4, usize::from(u16::from_be_bytes(frames.get(2..4)?.try_into().ok()?))),
        short => (2, usize::from(short)),
    };
    let (data, rest) = frames.get(start..)?.split_at_checked(length)?;
    let kind = if opcode == Kind::Binary as u8 { Kind::Binary } else { Kind::Text };
    Some((kind, data, rest))
}
