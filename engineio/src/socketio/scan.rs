//! One walk over a packet's JSON (RFC 8259): is it valid, is it too deep, and where are its parts.
//!
//! Nothing is built and nothing recurses; what a listener asks for is read by serde_json later.

use crate::config::MAX_JSON_DEPTH;

/// What is wrong with a text that should be JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScanError {
    /// It is no JSON, or not of the kind that is wanted.
    Syntax,
    /// Arrays and objects are nested too deep.
    TooDeep,
    /// The array has too many elements.
    TooLong,
}

/// An array and its parts, as they stand in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Array<'a> {
    /// The first element; empty if there is none.
    pub(super) first: &'a str,
    /// How many elements there are.
    pub(super) len: usize,
    /// The objects in it that stand for attachments.
    pub(super) placeholders: Placeholders,
}

/// What was found of the objects that stand for attachments in a binary packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placeholders {
    /// Each of them names an attachment.
    Good,
    /// One of them names none.
    OutOfRange,
    /// One may be written in another way than nearly everyone does: what it is, serde_json has to say.
    Unusual,
}

/// How nearly everyone writes a placeholder, up to its number.
const PLACEHOLDER: &[u8] = b"{\"_placeholder\":true,\"num\":";

/// Checks that a text is one JSON value.
pub(super) fn value(text: &str, max_depth: usize) -> Result<(), ScanError> {
    let mut scanner = Scanner::new(text, max_depth);
    scanner.value()?;
    scanner.end()
}

/// Checks that a text is one JSON array, of `max_len` elements at most: what is beyond them is not looked at. In that of
/// a binary packet, placeholders are found for so many attachments.
pub(super) fn array(
    text: &str,
    max_depth: usize,
    max_len: usize,
    attachments: Option<usize>,
) -> Result<Array<'_>, ScanError> {
    let mut scanner = Scanner { attachments, ..Scanner::new(text, max_depth) };
    let mut array = Array { first: "", len: 0, placeholders: Placeholders::Good };
    scanner.skip_space();
    scanner.expect(b'[')?;
    scanner.enter(false)?;
    scanner.skip_space();
    if !scanner.eat(b']') {
        loop {
            if array.len == max_len {
                return Err(ScanError::TooLong);
            }
            scanner.skip_space();
            let start = scanner.at;
            scanner.value()?;
            if array.len == 0 {
                array.first = text.get(start..scanner.at).ok_or(ScanError::Syntax)?;
            }
            array.len += 1;
            scanner.skip_space();
            if !scanner.eat(b',') {
                scanner.expect(b']')?;
                break;
            }
        }
    }
    scanner.end()?;
    Ok(Array { placeholders: scanner.placeholders, ..array })
}

/// The first element of an array that was checked before, and what stands behind it.
pub(super) fn split_first(array: &str) -> (&str, &str) {
    let mut scanner = Scanner::new(array, MAX_JSON_DEPTH);
    scanner.skip_space();
    scanner.eat(b'[');
    scanner.skip_space();
    let start = scanner.at;
    if scanner.value().is_err() {
        return ("", &array[start..]);
    }
    (&array[start..scanner.at], &array[scanner.at..])
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    max_depth: usize,
    /// A bit for each open array (0) or object (1), the innermost lowest.
    objects: u128,
    /// How many attachments placeholders may name; `None` where an object is just an object.
    attachments: Option<usize>,
    placeholders: Placeholders,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str, max_depth: usize) -> Self {
        let max_depth = max_depth.min(MAX_JSON_DEPTH);
        Self {
            bytes: text.as_bytes(),
            at: 0,
            depth: 0,
            max_depth,
            objects: 0,
            attachments: None,
            placeholders: Placeholders::Good,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn eat(&mut self, wanted: u8) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, wanted: u8) -> Result<(), ScanError> {
        if self.eat(wanted) { Ok(()) } else { Err(ScanError::Syntax) }
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn end(&mut self) -> Result<(), ScanError> {
        self.skip_space();
        if self.at == self.bytes.len() { Ok(()) } else { Err(ScanError::Syntax) }
    }

    fn enter(&mut self, is_object: bool) -> Result<(), ScanError> {
        if self.depth == self.max_depth {
            return Err(ScanError::TooDeep);
        }
        self.depth += 1;
        self.objects = self.objects << 1 | u128::from(is_object);
        Ok(())
    }

    fn leave(&mut self) {
        self.depth -= 1;
        self.objects >>= 1;
    }

    fn is_in_object(&self) -> bool {
        self.objects & 1 == 1
    }

    /// Walks over one value and all inside it.
    fn value(&mut self) -> Result<(), ScanError> {
        let outside = self.depth;
        loop {
            if self.begin_value()? {
                continue;
            }
            // A value has ended; with it may end what it stands in.
            loop {
                if self.depth == outside {
                    return Ok(());
                }
                self.skip_space();
                let is_object = self.is_in_object();
                if self.eat(b',') {
                    if is_object {
                        self.key()?;
                    }
                    break;
                }
                self.expect(if is_object { b'}' } else { b']' })?;
                self.leave();
            }
        }
    }

    /// Walks over a scalar or into an array or object; answers whether another value begins right after it.
    fn begin_value(&mut self) -> Result<bool, ScanError> {
        self.skip_space();
        let first = self.peek().ok_or(ScanError::Syntax)?;
        match first {
            b'"' => self.string()?,
            b'[' | b'{' => return self.open(first == b'{'),
            b'-' | b'0'..=b'9' => self.number()?,
            b't' => self.literal(b"true")?,
            b'f' => self.literal(b"false")?,
            b'n' => self.literal(b"null")?,
            _ => return Err(ScanError::Syntax),
        }
        Ok(false)
    }

    fn open(&mut self, is_object: bool) -> Result<bool, ScanError> {
        self.at += 1;
        self.enter(is_object)?;
        if is_object && self.attachments.is_some_and(|attachments| self.placeholder(attachments)) {
            self.leave();
            return Ok(false);
        }
        self.skip_space();
        if self.eat(if is_object { b'}' } else { b']' }) {
            self.leave();
            return Ok(false);
        }
        if is_object {
            self.key()?;
        }
        Ok(true)
    }

    fn key(&mut self) -> Result<(), ScanError> {
        self.skip_space();
        let start = self.at;
        self.string()?;
        if self.attachments.is_some() && may_be_placeholder(&self.bytes[start..self.at]) {
            self.placeholders = Placeholders::Unusual;
        }
        self.skip_space();
        self.expect(b':')
    }

    /// Walks over the rest of an object that is a placeholder written as usual; answers whether it is one.
    fn placeholder(&mut self, attachments: usize) -> bool {
        let Some(rest) = self.bytes[self.at - 1..].strip_prefix(PLACEHOLDER) else { return false };
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        // No limit on attachments has more digits.
        let is_number = matches!(digits, 1..=9) && (digits == 1 || rest[0] != b'0');
        if !is_number || rest.get(digits) != Some(&b'}') {
            return false;
        }
        let number = rest[..digits].iter().fold(0, |number, digit| 10 * number + usize::from(digit - b'0'));
        if number >= attachments && self.placeholders == Placeholders::Good {
            self.placeholders = Placeholders::OutOfRange;
        }
        self.at += PLACEHOLDER.len() + digits;
        true
    }

    fn string(&mut self) -> Result<(), ScanError> {
        self.expect(b'"')?;
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            self.at += plain_length(rest).ok_or(ScanError::Syntax)? + 1;
            match self.bytes[self.at - 1] {
                b'"' => return Ok(()),
                b'\\' => self.escape()?,
                _ => return Err(ScanError::Syntax),
            }
        }
    }

    fn escape(&mut self) -> Result<(), ScanError> {
        let kind = self.peek().ok_or(ScanError::Syntax)?;
        self.at += 1;
        match kind {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(()),
            b'u' => {
                let digits = self.bytes.get(self.at..self.at + 4).ok_or(ScanError::Syntax)?;
                self.at += 4;
                if digits.iter().all(u8::is_ascii_hexdigit) { Ok(()) } else { Err(ScanError::Syntax) }
            }
            _ => Err(ScanError::Syntax),
        }
    }

    fn number(&mut self) -> Result<(), ScanError> {
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _ = self.eat(b'+') || self.eat(b'-');
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), ScanError> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(ScanError::Syntax) }
    }

    fn literal(&mut self, wanted: &[u8]) -> Result<(), ScanError> {
        if !self.bytes[self.at..].starts_with(wanted) {
            return Err(ScanError::Syntax);
        }
        self.at += wanted.len();
        Ok(())
    }
}

/// Whether a key in its quotes is, or becomes once its escapes are read, that of a placeholder.
fn may_be_placeholder(key: &[u8]) -> bool {
    key == b"\"_placeholder\"" || key.contains(&b'\\')
}

/// The bytes of a string before the next one that means something: its end, an escape, or what no string may have.
/// `None` if there is none.
///
/// Most of a message is inside of strings, so that eight bytes are looked at together.
fn plain_length(bytes: &[u8]) -> Option<usize> {
    let (words, rest) = bytes.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let found = special_bytes(u64::from_le_bytes(*word));
        if found != 0 {
            return Some(8 * number + found.trailing_zeros() as usize / 8);
        }
    }
    let plain = rest.iter().position(|&byte| matches!(byte, b'"' | b'\\' | 0..=0x1f))?;
    Some(8 * words.len() + plain)
}

/// Sets the highest bit of each byte that is a quote, a backslash or a control character. Only the lowest that is set
/// can be relied on: above it a borrow may have set more.
fn special_bytes(word: u64) -> u64 {
    const LOWEST: u64 = u64::from_le_bytes([1; 8]);
    const HIGHEST: u64 = u64::from_le_bytes([0x80; 8]);
    let less_than = |word: u64, limit: u8| word.wrapping_sub(LOWEST * u64::from(limit)) & !word & HIGHEST;
    let equal = |wanted: u8| less_than(word ^ (LOWEST * u64::from(wanted)), 1);
    // With their second bit turned over, a quote is the first character behind the control characters, and a space is
    // behind it.
    less_than(word ^ (LOWEST * 2), (b'"' ^ 2) + 1) | equal(b'\\')
}

#[cfg(test)]
mod tests;
