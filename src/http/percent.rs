//! Percent-encoding (RFC 3986, section 2.1).

use std::borrow::Cow;

/// Decodes a path segment or a query part; `plus_is_space` is the form encoding of query strings.
///
/// `None` stands for an incomplete escape or for bytes that are not UTF-8. Text without escapes is not copied.
#[must_use]
pub fn decode(text: &str, plus_is_space: bool) -> Option<Cow<'_, str>> {
    let escaped = |byte: u8| byte == b'%' || (plus_is_space && byte == b'+');
    let Some(first) = text.bytes().position(escaped) else { return Some(Cow::Borrowed(text)) };
    let mut out = Vec::with_capacity(text.len());
    out.extend_from_slice(&text.as_bytes()[..first]);
    let mut rest = text.as_bytes()[first..].iter();
    while let Some(&byte) = rest.next() {
        out.push(match byte {
            b'%' => hex(*rest.next()?)? << 4 | hex(*rest.next()?)?,
            b'+' if plus_is_space => b' ',
            other => other,
        });
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}

/// The value of one hexadecimal digit.
fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_decoded_or_refused() {
        let rows = [
            ("plain", false, Some("plain")),
            ("a%20b", false, Some("a b")),
            ("a+b", false, Some("a+b")),
            ("a+b", true, Some("a b")),
            ("%C3%A9", false, Some("é")),
            ("%c3%a9", true, Some("é")),
            ("a%2Fb", false, Some("a/b")),
            ("%", false, None),
            ("%4", false, None),
            ("%zz", false, None),
            ("%+1", false, None),
            ("%ff", false, None),
            ("", true, Some("")),
        ];
        for (text, plus, expected) in rows {
            assert_eq!(decode(text, plus).as_deref(), expected, "{text}");
        }
    }
}
