//! HTTP requests that are torn anywhere, over two connections that are kept.

use engineio::Server;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    task::yield_now,
};

use crate::pipes::connect;

/// Turns that a server has to take in a request, each a wake-up of its tasks.
const TURNS: usize = 20;

/// The client's connections.
pub(super) struct Wire<'a> {
    io: &'a Server,
    /// The bytes written at once.
    tear: usize,
    polls: Option<DuplexStream>,
    posts: Option<DuplexStream>,
}

/// A connection that is kept, made anew where there is none.
fn kept<'b>(connection: &'b mut Option<DuplexStream>, io: &Server) -> &'b mut DuplexStream {
    connection.get_or_insert_with(|| connect(io))
}

fn get_request(sid: &str) -> String {
    let sid = if sid.is_empty() { String::new() } else { format!("&sid={sid}") };
    format!("GET /socket.io/?EIO=4&transport=polling{sid} HTTP/1.1\r\nHost: a\r\n\r\n")
}

fn post_request(sid: &str, body: &str, is_chunked: bool) -> String {
    let (length, half) = (body.len(), body.floor_char_boundary(body.len() / 2));
    let head = format!("POST /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: a\r\n");
    if is_chunked && half > 0 {
        let (first, second) = body.split_at(half);
        let rest = length - half;
        return format!(
            "{head}Transfer-Encoding: chunked\r\n\r\n{half:x}\r\n{first}\r\n{rest:x}\r\n{second}\r\n0\r\n\r\n"
        );
    }
    format!("{head}Content-Length: {length}\r\n\r\n{body}")
}

impl<'a> Wire<'a> {
    pub(super) fn new(io: &'a Server, tear: usize) -> Self {
        Self { io, tear, polls: None, posts: None }
    }

    pub(super) fn tear(&self) -> usize {
        self.tear
    }

    /// Makes fresh connections for what comes next.
    pub(super) fn forget_connections(&mut self) {
        (self.polls, self.posts) = (None, None);
    }

    /// Writes in pieces.
    pub(super) async fn write(&self, stream: &mut DuplexStream, bytes: &[u8]) {
        write(stream, bytes, self.tear).await;
    }

    /// The body that a poll brings; an empty id asks for a new session.
    pub(super) async fn get(&mut self, sid: &str) -> String {
        exchange(kept(&mut self.polls, self.io), &get_request(sid), self.tear).await
    }

    /// Sends a payload.
    pub(super) async fn post(&mut self, sid: &str, body: &str, is_chunked: bool) {
        let request = post_request(sid, body, is_chunked);
        assert_eq!(exchange(kept(&mut self.posts, self.io), &request, self.tear).await, "ok");
    }

    /// Sends a payload while a poll is on its way, and answers what that brings.
    pub(super) async fn post_and_get(&mut self, sid: &str, body: &str, is_chunked: bool) -> String {
        let (get, post) = (get_request(sid), post_request(sid, body, is_chunked));
        let polls = exchange(kept(&mut self.polls, self.io), &get, self.tear);
        let posts = exchange(kept(&mut self.posts, self.io), &post, self.tear);
        let (heard, answer) = tokio::join!(polls, posts);
        assert_eq!(answer, "ok");
        heard
    }

    /// Sends as much of a poll's request as is one piece but never all, and goes away.
    pub(super) async fn begin_a_request(&mut self, sid: &str) {
        let request = get_request(sid);
        let mut stream = connect(self.io);
        let piece = self.tear.min(request.len() - 1);
        stream.write_all(&request.as_bytes()[..piece]).await.expect("the server reads");
        turns().await;
    }

    /// Goes away when the server has taken a poll in.
    pub(super) async fn give_up_a_poll(&mut self, sid: &str) {
        let mut stream = connect(self.io);
        write(&mut stream, get_request(sid).as_bytes(), self.tear).await;
        turns().await;
    }
}

async fn write(stream: &mut DuplexStream, bytes: &[u8], tear: usize) {
    for chunk in bytes.chunks(tear) {
        stream.write_all(chunk).await.expect("the server reads");
        yield_now().await;
    }
}

async fn turns() {
    for _ in 0..TURNS {
        yield_now().await;
    }
}

/// Sends a request and reads the body of its answer.
async fn exchange(stream: &mut DuplexStream, request: &str, tear: usize) -> String {
    write(stream, request.as_bytes(), tear).await;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("the server answers"));
    }
    let head = String::from_utf8(head).expect("heads are text").to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.and_then(|length| length.parse().ok()).expect("answers have a length")];
    stream.read_exact(&mut body).await.expect("the server answers");
    String::from_utf8(body).expect("answers are text")
}
