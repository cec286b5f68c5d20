//! The names of events, by which a client tells what it has.

use std::io::Write;

use crate::sid::Sid;

const TAG_LEN: usize = 6;
const POINT: char = '.';

/// Tells the offsets of one log from those of others, and from any other string that a client may take for one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tag([u8; TAG_LEN]);

/// What a string that a client sent as its offset means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offset {
    /// The event of this number.
    Ours(u64),
    /// An event of another log, such as that of a server before this one.
    Foreign,
    /// No offset.
    Unknown,
}

impl Tag {
    /// A tag from a random id.
    pub(super) fn new(random: &Sid) -> Self {
        let mut tag = [b'A'; TAG_LEN];
        tag.iter_mut().zip(random.as_str().bytes()).for_each(|(to, from)| *to = from);
        Self(tag)
    }

    /// Appends the offset of the event `number`.
    pub(super) fn write(self, number: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
        // Writing to a `Vec` cannot fail.
        let _ = write!(out, "{POINT}{number:x}");
    }

    /// Reads what a client sent as its offset.
    pub(super) fn read(self, offset: &str) -> Offset {
        let Some((tag, number)) = offset.split_once(POINT) else { return Offset::Unknown };
        let in_form =
            tag.len() == TAG_LEN && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        let digits = number.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        match u64::from_str_radix(number, 16) {
            Ok(number) if in_form && digits && tag.as_bytes() == self.0 => Offset::Ours(number),
            Ok(_) if in_form && digits => Offset::Foreign,
            _ => Offset::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_read_as_it_was_written_and_nothing_else_is_taken_for_one() {
        let tag = Tag::new(&Sid::from_bytes([7; 15]));
        let mut offset = Vec::new();
        tag.write(0x1f, &mut offset);
        assert_eq!(offset, b"BwcHBw.1f");
        for (text, meaning) in [
            ("BwcHBw.1f", Offset::Ours(31)),
            ("BwcHBw.ffffffffffffffff", Offset::Ours(u64::MAX)),
            ("AwcHBw.1f", Offset::Foreign),
            ("BwcHBw.1ffffffffffffffff", Offset::Unknown),
            ("BwcHBw.1F", Offset::Unknown),
            ("BwcHBw.+1", Offset::Unknown),
            ("BwcHBw.", Offset::Unknown),
            ("BwcHBw1f", Offset::Unknown),
            ("Bwc Bw.1f", Offset::Unknown),
            ("hello", Offset::Unknown),
            ("", Offset::Unknown),
        ] {
            assert_eq!(tag.read(text), meaning, "{text}");
        }
    }
}
