//! The names of events, by which a client tells what it has.

use std::{borrow::Cow, fmt, io::Write};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::sid::Sid;

const TAG_LEN: usize = 6;
const POINT: char = '.';

/// Tells the offsets of one log from those of others, and from any other string that a client may take for one. It
/// stands for a server, as far as a namespace is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag([u8; TAG_LEN]);

/// The name of an event: the log that numbered it, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(super) tag: Tag,
    pub(super) number: u64,
}

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

    /// The mark of the event `number`.
    pub(super) fn mark(self, number: u64) -> Mark {
        Mark { tag: self, number }
    }

    /// Reads what a client sent as its offset.
    pub(super) fn read(self, offset: &str) -> Offset {
        match Mark::parse(offset) {
            Some(mark) if mark.tag == self => Offset::Ours(mark.number),
            Some(_) => Offset::Foreign,
            None => Offset::Unknown,
        }
    }
}

impl Mark {
    /// Reads an offset, whoever wrote it.
    pub(super) fn parse(offset: &str) -> Option<Self> {
        let (tag, number) = offset.split_once(POINT)?;
        let in_form = tag.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        let digits = number.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let tag = Tag(tag.as_bytes().try_into().ok()?);
        let number = u64::from_str_radix(number, 16).ok()?;
        (in_form && digits).then_some(Self { tag, number })
    }

    /// Appends the offset that the event has in its packet.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.tag.0);
        // Writing to a `Vec` cannot fail.
        let _ = write!(out, "{POINT}{:x}", self.number);
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tag = str::from_utf8(&self.tag.0).unwrap_or_default();
        write!(f, "{tag}{POINT}{:x}", self.number)
    }
}

impl Serialize for Mark {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mark {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("wanted an offset"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_read_as_it_was_written_and_nothing_else_is_taken_for_one() {
        let tag = Tag::new(&Sid::from_bytes([7; 15]));
        let mut offset = Vec::new();
        tag.mark(0x1f).write(&mut offset);
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
            let passed_on = serde_json::from_value::<Mark>(text.into()).map(|mark| mark.to_string());
            assert_eq!(passed_on.ok().as_deref(), (meaning != Offset::Unknown).then_some(text));
        }
    }
}
