//! MessagePack values, read from a message one after the other.
//!
//! What counts as which type is what notepack, the codec of the official clients, takes it for.

use super::Invalid;

/// The extension type under which notepack sends what MessagePack has no type for.
const NOTEPACK: i8 = 0;

/// A value, or the front of a container whose members follow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Head<'a> {
    Nil,
    /// JavaScript's `undefined`.
    Undefined,
    Bool(bool),
    Unsigned(u64),
    /// A negative integer.
    Signed(i64),
    Float(f64),
    Text(&'a str),
    Binary(&'a [u8]),
    /// A `Date`, in milliseconds since 1970.
    Date(i64),
    /// Of a type nobody has agreed on.
    Extension(i8, &'a [u8]),
    /// So many values follow.
    Array(u32),
    /// So many pairs of key and value follow.
    Map(u32),
}

/// The bytes that have not been read yet. A copy reads them a second time.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads a value that is no container, or the front of one. No length that is claimed makes it ask for memory.
    pub(super) fn head(&mut self) -> Result<Head<'a>, Invalid> {
        let [first] = self.array()?;
        Ok(match first {
            0..=0x7f => Head::Unsigned(first.into()),
            0x80..=0x8f => Head::Map((first & 0x0f).into()),
            0x90..=0x9f => Head::Array((first & 0x0f).into()),
            0xa0..=0xbf => self.text((first & 0x1f).into())?,
            0xc0 => Head::Nil,
            0xc1 => return Err(Invalid("0xc1 begins no value")),
            0xc2 => Head::Bool(false),
            0xc3 => Head::Bool(true),
            0xc4 => Head::Binary(self.short()?),
            0xc5 => Head::Binary(self.medium()?),
            0xc6 => Head::Binary(self.long()?),
            0xc7 => {
                let [length] = self.array()?;
                self.extension(length.into())?
            }
            0xc8 => {
                let length = u16::from_be_bytes(self.array()?);
                self.extension(length.into())?
            }
            0xc9 => {
                let length = u32::from_be_bytes(self.array()?);
                self.extension(length)?
            }
            0xca => Head::Float(f32::from_be_bytes(self.array()?).into()),
            0xcb => Head::Float(f64::from_be_bytes(self.array()?)),
            0xcc => Head::Unsigned(u8::from_be_bytes(self.array()?).into()),
            0xcd => Head::Unsigned(u16::from_be_bytes(self.array()?).into()),
            0xce => Head::Unsigned(u32::from_be_bytes(self.array()?).into()),
            0xcf => Head::Unsigned(u64::from_be_bytes(self.array()?)),
            0xd0 => integer(i8::from_be_bytes(self.array()?).into()),
            0xd1 => integer(i16::from_be_bytes(self.array()?).into()),
            0xd2 => integer(i32::from_be_bytes(self.array()?).into()),
            0xd3 => integer(i64::from_be_bytes(self.array()?)),
            0xd4 => self.fixed_extension::<1>()?,
            0xd5 => self.fixed_extension::<2>()?,
            0xd6 => self.fixed_extension::<4>()?,
            0xd7 => self.fixed_extension::<8>()?,
            0xd8 => self.fixed_extension::<16>()?,
            0xd9 => text(self.short()?)?,
            0xda => text(self.medium()?)?,
            0xdb => text(self.long()?)?,
            0xdc => Head::Array(u16::from_be_bytes(self.array()?).into()),
            0xdd => Head::Array(u32::from_be_bytes(self.array()?)),
            0xde => Head::Map(u16::from_be_bytes(self.array()?).into()),
            0xdf => Head::Map(u32::from_be_bytes(self.array()?)),
            0xe0..=0xff => integer(first.cast_signed().into()),
        })
    }

    /// Passes a value over, whatever is inside.
    pub(super) fn skip(&mut self) -> Result<(), Invalid> {
        // Each head takes at least a byte, so that claimed lengths cannot make the sum overflow.
        let mut left = 1_u64;
        while left > 0 {
            left -= 1;
            match self.head()? {
                Head::Array(length) => left += u64::from(length),
                Head::Map(length) => left += 2 * u64::from(length),
                Head::Nil
                | Head::Undefined
                | Head::Bool(_)
                | Head::Unsigned(_)
                | Head::Signed(_)
                | Head::Float(_)
                | Head::Text(_)
                | Head::Binary(_)
                | Head::Date(_)
                | Head::Extension(..) => {}
            }
        }
        Ok(())
    }

    fn bytes(&mut self, length: u32) -> Result<&'a [u8], Invalid> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(ENDS_EARLY)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Invalid> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(ENDS_EARLY)?;
        self.0 = rest;
        Ok(*bytes)
    }

    fn short(&mut self) -> Result<&'a [u8], Invalid> {
        let [length] = self.array()?;
        self.bytes(length.into())
    }

    fn medium(&mut self) -> Result<&'a [u8], Invalid> {
        let length = u16::from_be_bytes(self.array()?);
        self.bytes(length.into())
    }

    fn long(&mut self) -> Result<&'a [u8], Invalid> {
        let length = u32::from_be_bytes(self.array()?);
        self.bytes(length)
    }

    fn text(&mut self, length: u32) -> Result<Head<'a>, Invalid> {
        text(self.bytes(length)?)
    }

    /// An extension with its length in front: notepack sends an `ArrayBuffer` so.
    fn extension(&mut self, length: u32) -> Result<Head<'a>, Invalid> {
        let kind = i8::from_be_bytes(self.array()?);
        let bytes = self.bytes(length)?;
        Ok(if kind == NOTEPACK { Head::Binary(bytes) } else { Head::Extension(kind, bytes) })
    }

    /// An extension of `N` bytes: notepack sends `undefined` as one byte and a `Date` as eight.
    fn fixed_extension<const N: usize>(&mut self) -> Result<Head<'a>, Invalid> {
        let kind = i8::from_be_bytes(self.array()?);
        let (bytes, rest) = self.0.split_first_chunk::<N>().ok_or(ENDS_EARLY)?;
        self.0 = rest;
        Ok(match (kind, &bytes[..]) {
            (NOTEPACK, [_]) => Head::Undefined,
            (NOTEPACK, &[a, b, c, d, e, f, g, h]) => Head::Date(i64::from_be_bytes([a, b, c, d, e, f, g, h])),
            _ => Head::Extension(kind, bytes),
        })
    }
}

const ENDS_EARLY: Invalid = Invalid("the message ends within a value");

fn text(bytes: &[u8]) -> Result<Head<'_>, Invalid> {
    std::str::from_utf8(bytes).map(Head::Text).map_err(|_| Invalid("a text is not UTF-8"))
}

/// An integer in a signed form, which may be positive all the same.
fn integer(number: i64) -> Head<'static> {
    u64::try_from(number).map_or(Head::Signed(number), Head::Unsigned)
}
