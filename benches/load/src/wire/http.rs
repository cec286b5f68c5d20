//! HTTP/1.1 responses, as far as Engine.IO servers use them.

use std::borrow::Cow;

/// The key of every upgrade request (the RFC's own example), so that the right answer is a constant too.
pub(crate) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// The `Sec-WebSocket-Accept` that belongs to [`KEY`].
const ACCEPT: &[u8] = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/// The largest response head in bytes.
const MAX_HEAD: usize = 64 << 10;

/// A complete response.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Response<'a> {
    pub(crate) status: u16,
    /// Whether it accepts the upgrade that was asked for with [`KEY`].
    pub(crate) accepted: bool,
    /// Whether the server will close the connection after it.
    pub(crate) last: bool,
    /// The status line and the headers.
    head: &'a [u8],
    pub(crate) body: Cow<'a, [u8]>,
}

impl Response<'_> {
    /// The value of a cookie that the response sets.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        headers(self.head).filter(|(header, _)| header.eq_ignore_ascii_case(b"set-cookie")).find_map(
            |(_, value)| {
                let pair = value.split(|byte| *byte == b';').next()?;
                std::str::from_utf8(pair).ok()?.strip_prefix(name)?.strip_prefix('=')
            },
        )
    }
}

#[derive(Default)]
struct Head {
    status: u16,
    length: usize,
    chunked: bool,
    accepted: bool,
    last: bool,
}

/// Reads the response at the start of the bytes; none if it is not complete. Gives its length with it.
///
/// # Errors
/// Says what is no HTTP.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<(Response<'_>, usize)>, &'static str> {
    let Some(end) = find(bytes, b"\r\n\r\n") else {
        return if bytes.len() > MAX_HEAD { Err("a response head without end") } else { Ok(None) };
    };
    let lines = &bytes[..end];
    let head = parse_head(lines)?;
    let start = end + 4;
    let Head { status, accepted, last, .. } = head;
    let response = |body| Response { status, accepted, last, head: lines, body };
    if head.chunked {
        let Some((body, used)) = chunks(&bytes[start..])? else { return Ok(None) };
        return Ok(Some((response(Cow::Owned(body)), start + used)));
    }
    let Some(body) = bytes[start..].get(..head.length) else { return Ok(None) };
    Ok(Some((response(Cow::Borrowed(body)), start + head.length)))
}

fn parse_head(head: &[u8]) -> Result<Head, &'static str> {
    let status = head.strip_prefix(b"HTTP/1.1 ");
    let status = status.and_then(|status| number(status.get(..3)?, 10)).ok_or("no HTTP/1.1 response")?;
    let mut parsed = Head { status: u16::try_from(status).unwrap_or(0), ..Head::default() };
    for (name, value) in headers(head) {
        if name.eq_ignore_ascii_case(b"content-length") {
            parsed.length = number(value, 10).ok_or("a content-length that is no number")?;
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            parsed.chunked = value.eq_ignore_ascii_case(b"chunked");
        } else if name.eq_ignore_ascii_case(b"sec-websocket-accept") {
            parsed.accepted = value == ACCEPT;
        } else if name.eq_ignore_ascii_case(b"connection") {
            parsed.last = value.eq_ignore_ascii_case(b"close");
        }
    }
    Ok(parsed)
}

/// The names and values of the headers, the status line left out.
fn headers(head: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    head.split(|byte| *byte == b'\n').skip(1).filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        Some((&line[..colon], line[colon + 1..].trim_ascii()))
    })
}

/// Joins the chunks of a body and gives the bytes they took; none if the last is not there yet.
fn chunks(mut bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, &'static str> {
    let whole = bytes.len();
    let mut body = Vec::new();
    loop {
        let Some(end) = find(bytes, b"\r\n") else { return Ok(None) };
        let size = bytes[..end].split(|byte| *byte == b';').next().and_then(|size| number(size, 16));
        let size = size.ok_or("a chunk whose size is no number")?;
        let Some(chunk) = bytes.get(end + 2..).and_then(|rest| rest.get(..size.checked_add(2)?)) else {
            return Ok(None);
        };
        body.extend_from_slice(&chunk[..size]);
        bytes = &bytes[end + 2 + size + 2..];
        if size == 0 {
            return Ok(Some((body, whole - bytes.len())));
        }
    }
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}

fn number(digits: &[u8], radix: u32) -> Option<usize> {
    usize::from_str_radix(std::str::from_utf8(digits).ok()?.trim(), radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn torn_everywhere<'a>(bytes: &'a [u8], expected: &Response<'a>) {
        let head = &bytes[..find(bytes, b"\r\n\r\n").unwrap()];
        let expected = Response { head, body: expected.body.clone(), ..*expected };
        for cut in 0..bytes.len() {
            assert_eq!(parse(&bytes[..cut]), Ok(None), "cut at {cut}");
        }
        let more = [bytes, b"HTTP"].concat();
        assert_eq!(parse(&more).as_ref().map(Option::as_ref), Ok(Some(&(expected, bytes.len()))));
    }

    fn response(status: u16, body: &[u8]) -> Response<'_> {
        Response { status, accepted: false, last: false, head: b"", body: Cow::Borrowed(body) }
    }

    #[test]
    fn a_body_with_a_length_torn_at_any_byte() {
        torn_everywhere(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nx: y\r\n\r\nok", &response(200, b"ok"));
    }

    #[test]
    fn a_body_in_chunks_torn_at_any_byte() {
        torn_everywhere(
            b"HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\na;x=y\r\n0123456789\r\n0\r\n\r\n",
            &Response { last: true, ..response(400, b"abc0123456789") },
        );
    }

    #[test]
    fn an_upgrade_must_carry_the_right_accept_value() {
        for (accept, accepted) in [("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", true), ("wrong", false)] {
            let head = format!("HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: {accept}\r\n\r\n");
            torn_everywhere(head.as_bytes(), &Response { accepted, ..response(101, b"") });
        }
    }

    #[test]
    fn cookies_are_found_by_their_names() {
        let bytes = b"HTTP/1.1 200 OK\r\nset-cookie: io=1\r\nSet-Cookie: token=a.b=; Path=/\r\ncontent-length: 0\r\n\r\n";
        let (response, _) = parse(bytes).unwrap().unwrap();
        assert_eq!(response.cookie("token"), Some("a.b="));
        assert_eq!(response.cookie("io"), Some("1"));
        assert_eq!(response.cookie("tok"), None);
    }

    #[test]
    fn what_is_no_http_is_refused() {
        assert!(parse(b"SSH-2.0\r\n\r\n").is_err());
        assert!(parse(b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n").is_err());
        assert!(parse(&[b'x'; MAX_HEAD + 1]).is_err());
    }
}
