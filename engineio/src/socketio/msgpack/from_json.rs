//! JSON and attachments to MessagePack, each value in its shortest form.

use bytes::Bytes;

/// A piece of JSON.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Token<'a> {
    Array,
    Object,
    End,
    Comma,
    Colon,
    /// A text, in its quotes and as it is escaped.
    Text(&'a str),
    /// A number, `true`, `false` or `null`.
    Plain(&'a str),
}

/// Takes JSON apart. Whether it is in order was checked by those who wrote it.
#[derive(Clone, Copy)]
struct Tokens<'a>(&'a str);

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.0 = self.0.trim_ascii_start();
        let (length, token) = match self.0.as_bytes().first()? {
            b'[' => (1, Token::Array),
            b'{' => (1, Token::Object),
            b']' | b'}' => (1, Token::End),
            b',' => (1, Token::Comma),
            b':' => (1, Token::Colon),
            b'"' => {
                let length = text_length(self.0);
                (length, Token::Text(&self.0[..length]))
            }
            _ => {
                let is_end = |c: char| c.is_ascii_whitespace() || matches!(c, ',' | ':' | ']' | '}');
                let length = self.0.find(is_end).unwrap_or(self.0.len());
                (length, Token::Plain(&self.0[..length]))
            }
        };
        self.0 = &self.0[length..];
        Some(token)
    }
}

/// The length of the text that JSON begins with, quotes included.
fn text_length(json: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in json.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    json.len()
}

/// Appends JSON as MessagePack, with attachments in the place of their placeholders.
///
/// All in all they are not longer than [`MAX_BYTES`](super::MAX_BYTES).
pub(super) fn value(json: &str, attachments: &[Bytes], out: &mut Vec<u8>) {
    let mut tokens = Tokens(json);
    let mut lengths = lengths(tokens).into_iter();
    while let Some(token) = tokens.next() {
        match token {
            Token::Array => push_length(out, lengths.next().unwrap_or(0), &ARRAY),
            Token::Object => {
                let length = lengths.next().unwrap_or(0);
                if let Some((attachment, behind)) = placeholder(tokens, attachments) {
                    push_binary(attachment, out);
                    tokens = behind;
                } else {
                    push_length(out, length, &MAP);
                }
            }
            Token::End | Token::Comma | Token::Colon => {}
            Token::Text(text) => push_quoted(text, out),
            Token::Plain("null") => out.push(0xc0),
            Token::Plain("false") => out.push(0xc2),
            Token::Plain("true") => out.push(0xc3),
            Token::Plain(number) => push_number(number, out),
        }
    }
}

/// How many members each array and object has, in the order in which they begin: MessagePack wants it in front.
fn lengths(tokens: Tokens<'_>) -> Vec<usize> {
    let (mut lengths, mut open): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
    for token in tokens {
        if token == Token::End {
            open.pop();
            continue;
        }
        if let Some(length) = open.last().and_then(|&container| lengths.get_mut(container)) {
            // The first member has no comma in front.
            *length = if token == Token::Comma { *length + 1 } else { (*length).max(1) };
        }
        if let Token::Array | Token::Object = token {
            open.push(lengths.len());
            lengths.push(0);
        }
    }
    lengths
}

/// The attachment for which an object stands whose bracket has been read, and what is behind it.
///
/// The name must be written as such: with a letter escaped, it is the name of somebody's own data.
fn placeholder<'a, 'b>(mut tokens: Tokens<'a>, attachments: &'b [Bytes]) -> Option<(&'b Bytes, Tokens<'a>)> {
    const NAME: Option<Token<'_>> = Some(Token::Text(r#""_placeholder""#));
    const NUM: Option<Token<'_>> = Some(Token::Text(r#""num""#));
    const TRUE: Option<Token<'_>> = Some(Token::Plain("true"));
    const COMMA: Option<Token<'_>> = Some(Token::Comma);
    // Without attachments or with another first name, the rest need not be looked at.
    let mut first = tokens;
    let first = first.next();
    if attachments.is_empty() || (first != NAME && first != NUM) {
        return None;
    }
    let member = |tokens: &mut Tokens<'a>| {
        let (name, colon, value) = (tokens.next(), tokens.next(), tokens.next());
        (colon == Some(Token::Colon)).then_some((name, value))
    };
    let (one, comma, other) = (member(&mut tokens)?, tokens.next(), member(&mut tokens)?);
    let index = match (one, other) {
        ((NAME, TRUE), (NUM, index)) | ((NUM, index), (NAME, TRUE)) => index,
        _ => return None,
    };
    let Some(Token::Plain(index)) = index else { return None };
    let is_complete = comma == COMMA && tokens.next() == Some(Token::End);
    let attachment = attachments.get(index.parse::<usize>().ok()?)?;
    is_complete.then_some((attachment, tokens))
}

/// How MessagePack writes the length of a type: with up to so many in the first byte, and by a byte that says how long
/// the length is.
struct Form {
    fixed: u8,
    fixed_end: usize,
    short: Option<u8>,
    medium: u8,
    long: u8,
}

const ARRAY: Form = Form { fixed: 0x90, fixed_end: 16, short: None, medium: 0xdc, long: 0xdd };
const MAP: Form = Form { fixed: 0x80, fixed_end: 16, short: None, medium: 0xde, long: 0xdf };
const TEXT: Form = Form { fixed: 0xa0, fixed_end: 32, short: Some(0xd9), medium: 0xda, long: 0xdb };
const BINARY: Form = Form { fixed: 0, fixed_end: 0, short: Some(0xc4), medium: 0xc5, long: 0xc6 };

fn push_length(out: &mut Vec<u8>, length: usize, form: &Form) {
    // More than this is not encoded, see `value`.
    let long = u32::try_from(length).unwrap_or(u32::MAX);
    match (u8::try_from(long), u16::try_from(long), form.short) {
        (Ok(fixed), ..) if length < form.fixed_end => out.push(form.fixed | fixed),
        (Ok(length), _, Some(first)) => out.extend_from_slice(&[first, length]),
        (_, Ok(length), _) => {
            out.push(form.medium);
            out.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            out.push(form.long);
            out.extend_from_slice(&long.to_be_bytes());
        }
    }
}

/// Appends a text.
pub(super) fn push_text(text: &str, out: &mut Vec<u8>) {
    push_length(out, text.len(), &TEXT);
    out.extend_from_slice(text.as_bytes());
}

fn push_quoted(quoted: &str, out: &mut Vec<u8>) {
    let text = quoted.strip_prefix('"').unwrap_or(quoted);
    let text = text.strip_suffix('"').unwrap_or(text);
    if text.contains('\\') { push_text(&unescaped(text), out) } else { push_text(text, out) }
}

/// The text that JSON has with escapes. Half of a pair of UTF-16 becomes U+FFFD, as in JavaScript's own encoder.
fn unescaped(text: &str) -> String {
    let (mut units, mut rest) = (Vec::with_capacity(text.len()), text.chars());
    while let Some(letter) = rest.next() {
        let unit = match (letter, if letter == '\\' { rest.next() } else { None }) {
            ('\\', Some('b')) => 8,
            ('\\', Some('f')) => 12,
            ('\\', Some('n')) => 10,
            ('\\', Some('r')) => 13,
            ('\\', Some('t')) => 9,
            ('\\', Some('u')) => {
                let digits: String = rest.by_ref().take(4).collect();
                u16::from_str_radix(&digits, 16).unwrap_or(0xfffd)
            }
            (letter, escaped) => {
                units.extend_from_slice(escaped.unwrap_or(letter).encode_utf16(&mut [0; 2]));
                continue;
            }
        };
        units.push(unit);
    }
    String::from_utf16_lossy(&units)
}

fn push_binary(bytes: &[u8], out: &mut Vec<u8>) {
    push_length(out, bytes.len(), &BINARY);
    out.extend_from_slice(bytes);
}

/// Appends an integer or, if it has a fraction or more than 64 bits, a float of 64 bits.
fn push_number(number: &str, out: &mut Vec<u8>) {
    if let Ok(number) = number.parse::<u64>() {
        push_unsigned(number, out);
    } else if let Ok(number) = number.parse::<i64>() {
        push_negative(number, out);
    } else {
        // JSON has no other numbers than Rust can read.
        let number = number.parse::<f64>().unwrap_or(f64::NAN);
        out.push(0xcb);
        out.extend_from_slice(&number.to_be_bytes());
    }
}

/// Appends an integer that is not negative.
pub(super) fn push_unsigned(number: u64, out: &mut Vec<u8>) {
    match (u8::try_from(number), u16::try_from(number), u32::try_from(number)) {
        (Ok(number @ ..0x80), ..) => out.push(number),
        (Ok(number), ..) => out.extend_from_slice(&[0xcc, number]),
        (_, Ok(number), _) => {
            out.push(0xcd);
            out.extend_from_slice(&number.to_be_bytes());
        }
        (.., Ok(number)) => {
            out.push(0xce);
            out.extend_from_slice(&number.to_be_bytes());
        }
        _ => {
            out.push(0xcf);
            out.extend_from_slice(&number.to_be_bytes());
        }
    }
}

fn push_negative(number: i64, out: &mut Vec<u8>) {
    match (i8::try_from(number), i16::try_from(number), i32::try_from(number)) {
        (Ok(number @ -32..), ..) => out.push(number.cast_unsigned()),
        (Ok(number), ..) => out.extend_from_slice(&[0xd0, number.cast_unsigned()]),
        (_, Ok(number), _) => {
            out.push(0xd1);
            out.extend_from_slice(&number.to_be_bytes());
        }
        (.., Ok(number)) => {
            out.push(0xd2);
            out.extend_from_slice(&number.to_be_bytes());
        }
        _ => {
            out.push(0xd3);
            out.extend_from_slice(&number.to_be_bytes());
        }
    }
}
