//! The first request on a connection, which is read before hyper has it.
//!
//! Clients ask for a WebSocket on a connection of its own, for which hyper would keep buffers of 8 KiB and be ready for
//! requests of which none will come. So a WebSocket's request is read here if it is the first and comes whole; all else
//! is left to hyper, refusals included.

use std::{
    future::{Future, pending, poll_fn},
    task::{Context, Poll, ready},
    time::Instant,
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, Uri,
    header::{CONNECTION, CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING},
    request::Parts,
};
use httparse::Status;
use tokio::net::TcpStream;

use super::{
    codec::Scratch,
    headers::Body,
    service::Service,
    stream::{Taken, poll_read},
    upgrade::WebSocket,
    websocket::is_upgrade,
};
use crate::hub::{Pass, RemoteAddr};

/// The most header lines of a request that is read here; hyper takes some more.
const MAX_LINES: usize = 64;

/// Bytes that most answers fit into.
const HEAD: usize = 256;

/// What the query of a request for a WebSocket has in it, as clients write it.
const TRANSPORT: &[u8] = b"transport=websocket";

/// What a connection has begun with.
enum First {
    Upgrade(Box<Parts>, Bytes),
    /// Something else, which was read from it.
    Other(Box<[u8]>),
    /// Nothing, and nothing will come.
    End,
}

/// What becomes of a connection.
pub(super) enum Fate {
    WebSocket(WebSocket),
    Http(Box<Left>),
    End,
}

/// A connection that hyper is to serve.
pub(super) struct Left {
    pub(super) stream: TcpStream,
    /// What was read from it.
    pub(super) read: Box<[u8]>,
    pub(super) pass: Option<Box<Pass>>,
    /// The answer to what was read, after which the connection ends.
    pub(super) answer: Option<Response<Body>>,
}

impl Service {
    /// Reads the first request on a connection, until a deadline or until `stop`, and begins the WebSocket that it asks
    /// for.
    pub(super) async fn first_request(
        &self,
        (stream, pass): (TcpStream, Option<Box<Pass>>),
        remote: RemoteAddr,
        deadline: Instant,
        stop: impl Future<Output = ()>,
    ) -> Fate {
        let first = tokio::select! {
            biased;
            first = poll_fn(|cx| self.poll_first(&stream, cx)) => first,
            () = stop => return Fate::End,
            () = tokio::time::sleep_until(deadline.into()) => return Fate::End,
        };
        let (mut parts, read) = match first {
            First::Upgrade(parts, read) => (parts, read),
            First::Other(read) => return Fate::Http(Box::new(Left { stream, read, pass, answer: None })),
            First::End => return Fate::End,
        };
        self.show(remote, &mut parts.extensions);
        let (mut response, agreed) = tokio::select! {
            biased;
            answered = self.answer_upgrade(parts, Some(remote)) => answered,
            () = gone(&stream) => return Fate::End,
        };
        let Some(agreed) = agreed else {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            return Fate::Http(Box::new(Left { stream, read: (*read).into(), pass, answer: Some(response) }));
        };
        let taken = Taken { pass, ..Taken::tcp(stream, &[], switching(response.headers())) };
        self.begin(*agreed, taken).await.map_or(Fate::End, Fate::WebSocket)
    }

    fn poll_first(&self, stream: &TcpStream, cx: &mut Context<'_>) -> Poll<First> {
        let mut scratch = Scratch::with(&[]);
        let Ok(length @ 1..) = ready!(poll_read(stream, cx, scratch.space())) else {
            return Poll::Ready(First::End);
        };
        scratch.filled(length);
        let read = scratch.unread();
        Poll::Ready(match upgrade_request(read, |path| self.owns(path)) {
            Some((parts, read)) => First::Upgrade(parts, read),
            None => First::Other(read.into()),
        })
    }
}

/// Ready when the client has left. One that sends something before it is answered is not watched any more.
async fn gone(stream: &TcpStream) {
    if let Ok(1..) = stream.peek(&mut [0]).await {
        pending::<()>().await;
    }
}

/// The request for a WebSocket below an own path that `read` holds, and nothing else; and its bytes.
pub(super) fn upgrade_request(read: &[u8], owns: impl FnOnce(&str) -> bool) -> Option<(Box<Parts>, Bytes)> {
    if !may_be_upgrade(read) {
        return None;
    }
    let bytes = Bytes::copy_from_slice(read);
    let mut lines = [httparse::EMPTY_HEADER; MAX_LINES];
    let mut head = httparse::Request::new(&mut lines);
    if head.parse(&bytes) != Ok(Status::Complete(read.len())) || head.version != Some(1) {
        return None;
    }
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.uri = Uri::from_maybe_shared(bytes.slice_ref(head.path?.as_bytes())).ok()?;
    parts.headers.reserve(head.headers.len());
    for line in &*head.headers {
        let name = HeaderName::from_bytes(line.name.as_bytes()).ok()?;
        let value = HeaderValue::from_maybe_shared(bytes.slice_ref(line.value)).ok()?;
        parts.headers.append(name, value);
    }
    let has_body =
        [CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING].iter().any(|name| parts.headers.contains_key(name));
    let is_ours = is_upgrade(&parts.headers) && !has_body && owns(parts.uri.path());
    is_ours.then(|| (Box::new(parts), bytes))
}

/// Looks whether it is worth it to read a request. Of polling clients' it is not.
fn may_be_upgrade(read: &[u8]) -> bool {
    let line = read.split(|&byte| byte == b'\r').next().unwrap_or_default();
    let asks = || line.windows(TRANSPORT.len()).any(|part| part == TRANSPORT);
    line.starts_with(b"GET /") && read.ends_with(b"\r\n\r\n") && asks()
}

/// The head of the answer that opens a WebSocket.
fn switching(headers: &HeaderMap) -> Vec<u8> {
    let mut head = Vec::with_capacity(HEAD);
    head.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\n");
    for (name, value) in headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            head.extend_from_slice(part);
        }
    }
    head.extend_from_slice(b"\r\n");
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n\
                           Upgrade: websocket\r\nCookie: a=1\r\nCookie: b=2\r\n\r\n";

    fn read(request: &str) -> Option<Box<Parts>> {
        upgrade_request(request.as_bytes(), |path| path == "/socket.io/").map(|(parts, _)| parts)
    }

    #[test]
    fn a_whole_request_for_a_websocket_is_read() {
        let parts = read(REQUEST).unwrap();
        assert_eq!(parts.uri, "/socket.io/?EIO=4&transport=websocket");
        assert_eq!((parts.method, parts.version), (http::Method::GET, http::Version::HTTP_11));
        let cookies: Vec<_> = parts.headers.get_all("cookie").iter().collect();
        assert_eq!(cookies, ["a=1", "b=2"]);
        assert_eq!(parts.headers["host"], "x");
    }

    #[test]
    fn all_else_is_left_to_hyper() {
        for (written, instead) in [
            ("GET", "POST"),
            ("GET ", "\r\nGET "),
            ("/socket.io/", "/elsewhere/"),
            ("/socket.io/", "http://x/socket.io/"),
            ("transport=websocket", "transport=polling"),
            ("HTTP/1.1", "HTTP/1.0"),
            ("Upgrade: websocket", "Upgrade: h2c"),
            ("Host: x", "Content-Length: 2"),
            ("Host: x", "Transfer-Encoding: chunked"),
            ("Host: x", "Expect: 100-continue"),
            ("Host: x", "Ho st: x"),
            ("Host: x", " Host: x"),
            ("Host: x", "Host: x\0"),
            ("b=2\r\n\r\n", "b=2\r\n\r\n\x01\r\n\r\n"),
            ("b=2\r\n\r\n", "b=2\r\n"),
            ("Host: x\r\n", &"A: b\r\n".repeat(MAX_LINES)),
        ] {
            let request = REQUEST.replace(written, instead);
            assert!(request != REQUEST && read(&request).is_none(), "{request}");
        }
    }

    #[test]
    fn the_head_of_an_answer_has_each_of_its_headers_on_a_line() {
        let mut headers = HeaderMap::new();
        for (name, value) in [("connection", "Upgrade"), ("set-cookie", "a=1"), ("set-cookie", "b=2")] {
            headers.append(name, HeaderValue::from_static(value));
        }
        let head = String::from_utf8(switching(&headers)).unwrap();
        let lines = "connection: Upgrade\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n";
        assert_eq!(head, format!("HTTP/1.1 101 Switching Protocols\r\n{lines}\r\n"));
    }
}
