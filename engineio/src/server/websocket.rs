//! A session over WebSocket, from the start or after an upgrade.
//!
//! tungstenite reads frames and answers control frames (`codec.rs`); everything that is written goes through the session's
//! outbox as complete frames, so that a pong can never land inside another frame. Whoever sends something
//! writes it straight to the socket; the connection's task writes only what the socket did not take at once.

use std::{
    future::poll_fn,
    io::{self, IoSlice},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{
    HeaderMap, HeaderValue, Response, StatusCode,
    header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE},
};
use sha1::{Digest, Sha1};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, protocol::frame::coding::CloseCode};

use super::{
    codec::{Codec, Incoming, Scratch, View},
    deflate::{PerMessageDeflate, deflated},
    guards::{LostOnDrop, poll_again, upgrade},
    headers::Body,
    stream::{Reader, Taken, Writer},
};
use crate::{
    config::Config,
    engine::{Action, CloseReason, Input, Packet, PacketError, Transport},
    hub::{Encoded, Link, Outbox, Pass, Peer, Refusal, Turn, Waiting},
};

/// Messages taken in before the connection's task lets others run.
const MESSAGES_AT_ONCE: usize = 64;
/// Reads of the socket without a message to show for them before the connection's task lets others run: a message may
/// come in thousands of tiny frames.
const READS_AT_ONCE: usize = 2;
/// How long a closed connection may take to fetch what was sent before.
const LINGER: Duration = Duration::from_secs(5);
/// The value RFC 6455 (section 1.3) has the server append to the key.
const KEY_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Whether a request asks for a WebSocket.
pub(super) fn is_upgrade(headers: &HeaderMap) -> bool {
    // Most requests have no such header, and end here.
    if !headers.contains_key(UPGRADE) {
        return false;
    }
    let has_token = |name, token: &[u8]| {
        let is_wanted = |item: &[u8]| item.trim_ascii().eq_ignore_ascii_case(token);
        let mut values = headers.get_all(name).into_iter().map(HeaderValue::as_bytes);
        values.any(|value| value.split(|&byte| byte == b',').any(is_wanted))
    };
    has_token(CONNECTION, b"upgrade") && has_token(UPGRADE, b"websocket")
}

/// The answer that opens a WebSocket; `None` if the request has no valid key or version.
pub(super) fn switching_protocols(headers: &HeaderMap) -> Option<Response<Body>> {
    let key = headers.get(SEC_WEBSOCKET_KEY)?;
    let is_key = STANDARD.decode(key.as_bytes()).is_ok_and(|bytes| bytes.len() == 16);
    if !is_key || headers.get(SEC_WEBSOCKET_VERSION)?.as_bytes() != b"13" {
        return None;
    }
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, HeaderValue::from_str(&accept(key.as_bytes())).ok()?);
    Some(response)
}

/// The proof that the server understood the handshake (RFC 6455, section 4.2.2).
fn accept(key: &[u8]) -> String {
    STANDARD.encode(Sha1::new().chain_update(key).chain_update(KEY_SUFFIX).finalize())
}

/// Lets the connection's task write, as the stream belongs to it alone.
struct TaskLink;

impl Link for TaskLink {
    fn write(&self, _slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

/// One WebSocket.
pub(super) struct Connection {
    codec: Codec,
    reader: Reader,
    writer: Writer,
    /// Bytes read and not taken in.
    unread: Box<[u8]>,
    /// Whether the client has closed its side, or both.
    is_over: bool,
    /// Counts the connection to its end, if connections are counted.
    _pass: Option<Box<Pass>>,
}

impl Connection {
    /// Takes over a stream; answers as well what must be written to it before anything else.
    pub(super) fn new(
        taken: Taken,
        config: &Arc<Config>,
        deflate: Option<PerMessageDeflate>,
    ) -> (Box<Self>, Vec<u8>) {
        let Taken { reader, writer, unread, held, pass } = taken;
        let codec = Codec::new(config, deflate);
        let connection = Self { codec, reader, writer, unread, is_over: false, _pass: pass };
        (Box::new(connection), held)
    }

    /// Runs a session from its opening or its upgrade to its end.
    pub(super) async fn run(mut self: Box<Self>, peer: &Arc<Peer>) {
        let guard = LostOnDrop(peer);
        if let Some(PerMessageDeflate { threshold }) = self.codec.deflate() {
            peer.outbox().compress(Arc::new(move |packet| deflated(packet, threshold)));
        }
        peer.attach(self.link());
        poll_fn(|cx| self.poll(peer, cx)).await;
        drop(guard);
        self.linger(peer.outbox()).await;
    }

    fn link(&self) -> Arc<dyn Link> {
        match &self.writer {
            Writer::Tcp(stream) => Arc::<TcpStream>::clone(stream),
            Writer::Other(_) => Arc::new(TaskLink),
        }
    }

    fn poll(&mut self, peer: &Arc<Peer>, cx: &mut Context<'_>) -> Poll<()> {
        peer.poll_for(Waiting::Owner, cx, |cx| {
            if self.read(peer, cx) {
                poll_again(cx);
            }
            self.poll_flush(peer, cx)
        })
    }

    /// Takes in what has arrived, in one turn; answers whether there may be more.
    fn read(&mut self, peer: &Arc<Peer>, cx: &mut Context<'_>) -> bool {
        let _turn = Turn::begin(peer.runtime());
        let mut scratch = Scratch::with(&std::mem::take(&mut self.unread));
        let may_be_more = self.read_messages(peer, &mut scratch, cx);
        self.unread = scratch.unread().into();
        may_be_more
    }

    fn read_messages(&mut self, peer: &Arc<Peer>, scratch: &mut Scratch, cx: &mut Context<'_>) -> bool {
        for _ in 0..MESSAGES_AT_ONCE {
            if peer.ended().is_some() || peer.is_behind() || !self.make_room(peer, cx) {
                return false;
            }
            match self.poll_message(scratch, peer, peer.outbox(), cx) {
                Poll::Ready(Some(Ok(incoming))) => self.take_in(peer, &incoming, scratch),
                Poll::Ready(Some(Err(error))) => fail(peer, &error),
                Poll::Ready(None) => {
                    // Nobody is left who could read a close frame.
                    peer.outbox().finish(None);
                    peer.lost(CloseReason::TransportClose);
                }
                Poll::Pending => return false,
            }
        }
        true
    }

    /// The next message, or `None` at the end of the stream; tungstenite's own frames go into `outbox`.
    fn poll_message(
        &mut self,
        scratch: &mut Scratch,
        peer: &Peer,
        outbox: &Outbox,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Incoming, Error>>> {
        let mut control = |frame: &[u8]| peer.push_control(outbox, frame);
        for reads in 0.. {
            if let Some(message) = self.codec.next(scratch, &mut control).transpose() {
                return Poll::Ready(Some(message));
            }
            if reads == READS_AT_ONCE {
                poll_again(cx);
                break;
            }
            let read = ready!(self.reader.poll_read(cx, scratch.space()));
            self.is_over = !matches!(read, Ok(1..));
            match read {
                Ok(0) => return Poll::Ready(None),
                Ok(length) => scratch.filled(length),
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
            }
        }
        Poll::Pending
    }

    /// Writes before reading on if the queue is long; answers false while the socket takes no more.
    fn make_room(&mut self, peer: &Arc<Peer>, cx: &mut Context<'_>) -> bool {
        peer.has_room() || self.writer.poll_flush(peer.outbox(), cx).is_ready()
    }

    fn poll_flush(&mut self, peer: &Arc<Peer>, cx: &mut Context<'_>) -> Poll<()> {
        if let Poll::Ready(Err(_)) = self.writer.poll_flush(peer.outbox(), cx) {
            self.is_over = true;
            peer.lost(CloseReason::TransportError);
        }
        if peer.ended().is_some() { Poll::Ready(()) } else { Poll::Pending }
    }

    fn take_in(&mut self, peer: &Arc<Peer>, incoming: &Incoming, scratch: &mut Scratch) {
        match incoming.view(scratch) {
            Err(error) => fail(peer, &error),
            Ok(View::Text(text)) => feed(peer, peer.revision().decode_text(text)),
            Ok(View::Binary(bytes)) => feed(peer, peer.revision().decode_binary(bytes)),
            Ok(View::Close) => {
                // tungstenite's answer to the close frame is the last frame this connection writes.
                self.codec.answer_close(scratch, &mut |frame| peer.push_control(peer.outbox(), frame));
                peer.outbox().finish(None);
                peer.lost(CloseReason::TransportClose);
            }
            Ok(View::Control) => {}
        }
    }

    /// Goes through an upgrade of a polling session; answers whether this is the session's transport now.
    ///
    /// What is written meanwhile goes through `outbox`, as the session's own still belongs to polling.
    pub(super) async fn upgrade(&mut self, peer: &Arc<Peer>, outbox: &Outbox) -> bool {
        upgrade(peer, Transport::Websocket, |cx| self.poll_upgrade(peer, outbox, cx)).await
    }

    fn poll_upgrade(&mut self, peer: &Arc<Peer>, outbox: &Outbox, cx: &mut Context<'_>) -> Poll<bool> {
        let mut scratch = Scratch::with(&std::mem::take(&mut self.unread));
        let switched = self.probe(peer, outbox, &mut scratch, cx);
        self.unread = scratch.unread().into();
        switched
    }

    fn probe(
        &mut self,
        peer: &Arc<Peer>,
        outbox: &Outbox,
        scratch: &mut Scratch,
        cx: &mut Context<'_>,
    ) -> Poll<bool> {
        loop {
            if !peer.is_upgrading() {
                return Poll::Ready(false);
            }
            if let Poll::Ready(Err(_)) = self.writer.poll_flush(outbox, cx) {
                return Poll::Ready(false);
            }
            let Some(Ok(incoming)) = ready!(self.poll_message(scratch, peer, outbox, cx)) else {
                return Poll::Ready(false);
            };
            let text = match incoming.view(scratch) {
                Ok(View::Text(text)) => text,
                Ok(View::Control) => continue,
                Ok(View::Binary(_) | View::Close) | Err(_) => return Poll::Ready(false),
            };
            let packet = Packet::decode(text).unwrap_or(Packet::Noop);
            let action = peer.feed(Input::ProbePacket(packet));
            if action != Action::AnswerProbe {
                return Poll::Ready(action == Action::Switch);
            }
            let probe = Encoded::text(|out| Packet::Pong("probe").encode(out));
            outbox.push_control(probe.frames());
        }
    }

    /// Closes a WebSocket that is no session's transport.
    pub(super) async fn dismiss(mut self: Box<Self>, outbox: &Outbox) {
        outbox.finish(Some(crate::hub::CLOSE_FRAME));
        self.linger(outbox).await;
    }

    /// Writes what was sent before the end, then waits for the client to close: a connection that is closed
    /// with unread bytes in it is reset, and the client may lose what it has not read.
    async fn linger(&mut self, outbox: &Outbox) {
        if !self.is_over {
            // In a box, as the connection's task would otherwise be larger from its beginning.
            let _ = Box::pin(tokio::time::timeout(LINGER, self.fetched(outbox))).await;
        }
    }

    async fn fetched(&mut self, outbox: &Outbox) -> io::Result<()> {
        poll_fn(|cx| self.writer.poll_flush(outbox, cx)).await?;
        poll_fn(|cx| self.writer.poll_shutdown(cx)).await?;
        let mut read = |cx: &mut Context<'_>| self.reader.poll_read(cx, Scratch::with(&[]).space());
        while poll_fn(&mut read).await? > 0 {}
        Ok(())
    }
}

/// Gives a packet to the session, or ends it with what is none.
fn feed(peer: &Arc<Peer>, packet: Result<Packet<'_>, PacketError>) {
    match packet {
        Ok(packet) => {
            peer.feed(Input::Packet(packet));
        }
        Err(error) => {
            if peer.count(Refusal::Protocol) {
                tracing::debug!(%error, "closing a WebSocket session");
            }
            peer.describe(|| format!("undecodable packet: {error}"));
            peer.lost(CloseReason::ParseError);
        }
    }
}

/// Ends a session whose connection broke, with the close code RFC 6455 (section 7.4.1) has for the reason.
fn fail(peer: &Arc<Peer>, error: &Error) {
    let (code, reason, refusal) = match error {
        Error::Capacity(_) => (CloseCode::Size, CloseReason::TransportError, Some(Refusal::Payload)),
        Error::Utf8(_) => (CloseCode::Invalid, CloseReason::TransportError, Some(Refusal::Protocol)),
        Error::Protocol(_) => (CloseCode::Protocol, CloseReason::TransportError, Some(Refusal::Protocol)),
        Error::ConnectionClosed | Error::AlreadyClosed => {
            (CloseCode::Normal, CloseReason::TransportClose, None)
        }
        Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
            (CloseCode::Policy, CloseReason::TransportError, Some(Refusal::Fragments))
        }
        Error::Io(_) | Error::Tls(_) | Error::Url(_) | Error::WriteBufferFull(_) | Error::AttackAttempt => {
            (CloseCode::Error, CloseReason::TransportError, None)
        }
    };
    if refusal.is_none_or(|refusal| peer.count(refusal)) {
        tracing::debug!(%error, "a WebSocket ended");
    }
    let is_too_long = matches!(error, Error::Capacity(_));
    let limit = peer.config().max_payload;
    peer.describe(|| {
        if is_too_long { format!("message of more than {limit} bytes") } else { error.to_string() }
    });
    let [high, low] = u16::from(code).to_be_bytes();
    peer.outbox().finish(Some(&[0x88, 2, high, low]));
    peer.lost(reason);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|&(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn the_accept_value_is_that_of_the_rfc() {
        assert_eq!(accept(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn an_upgrade_is_found_among_other_tokens() {
        assert!(is_upgrade(&headers(&[("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket")])));
        assert!(!is_upgrade(&headers(&[("connection", "keep-alive"), ("upgrade", "websocket")])));
        assert!(!is_upgrade(&headers(&[("connection", "upgrade"), ("upgrade", "h2c")])));
    }

    #[test]
    fn a_bad_key_or_version_opens_nothing() {
        let answer = |key, version| {
            switching_protocols(&headers(&[("sec-websocket-key", key), ("sec-websocket-version", version)]))
        };
        assert!(answer("dGhlIHNhbXBsZSBub25jZQ==", "13").is_some());
        assert!(answer("dGhlIHNhbXBsZSBub25jZQ==", "8").is_none());
        assert!(answer("c2hvcnQ=", "13").is_none());
        assert!(answer("not base64!", "13").is_none());
        assert!(switching_protocols(&HeaderMap::new()).is_none());
    }
}
