//! A session over WebTransport, from the start or after an upgrade.
//!
//! As with WebSocket, whoever sends something writes it to the stream; the connection's task writes only what the
//! stream did not take at once.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, ReadBuf},
    time::timeout,
};
use web_transport_quinn::{RecvStream, SendStream, Session, quinn};

use super::writer::Writer;
use crate::{
    config::Config,
    engine::{
        Action, CloseReason, Input, Packet, PacketError, Transport,
        stream::{Decoder, Frame, FrameError},
    },
    hub::{Encoded, Outbox, Peer, Turn, Waiting},
    server::{
        codec::Scratch,
        guards::{LostOnDrop, poll_again, upgrade},
    },
};

/// Packets taken in before the connection's task lets others run.
const PACKETS_AT_ONCE: usize = 64;
/// How long a closed connection may take to fetch what was sent before.
const LINGER: Duration = Duration::from_secs(5);
/// There is nothing wrong (RFC 9114, section 8.1).
const NO_ERROR: quinn::VarInt = quinn::VarInt::from_u32(0x100);
/// The largest packet with which a client begins: `0{"sid":"…"}`.
const MAX_FIRST_PACKET: usize = 128;

/// Why a packet could not be read.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Packet(#[from] PacketError),
}

/// Closes a QUIC connection when its client is not served any more; its library would keep it otherwise.
pub(super) struct Quic(pub(super) quinn::Connection);

impl Drop for Quic {
    fn drop(&mut self) {
        self.0.close(NO_ERROR, b"");
    }
}

/// The stream of one WebTransport session.
pub(super) struct Connection {
    quic: Quic,
    session: Session,
    reader: RecvStream,
    writer: Arc<Writer>,
    decoder: Decoder,
    /// Bytes read and not taken in.
    unread: Bytes,
    /// Whether the connection is gone.
    is_over: bool,
}

/// What reading a packet came to.
enum Read {
    /// A packet was taken in.
    Packet,
    /// The client has ended its side of the stream.
    End,
    /// The connection is gone.
    Lost,
    /// The client sent something else than packets.
    Fault(Fault),
}

impl Connection {
    /// The stream that the client has opened; it begins with a small packet.
    pub(super) fn new(quic: Quic, session: Session, stream: (SendStream, RecvStream)) -> Box<Self> {
        let (writer, reader) = (Arc::new(Writer::new(stream.0)), stream.1);
        let (decoder, unread) = (Decoder::new(MAX_FIRST_PACKET), Bytes::new());
        Box::new(Self { quic, session, reader, writer, decoder, unread, is_over: false })
    }

    /// Waits for the client's first packet and lets `take` have it; `None` if there is none.
    pub(super) async fn first_packet<T>(
        &mut self,
        config: &Config,
        mut take: impl FnMut(&Packet<'_>) -> T,
    ) -> Option<T> {
        let mut taken = None;
        poll_fn(|cx| {
            self.with_scratch(|this, scratch| {
                this.poll_packet(scratch, cx, |packet| taken = Some(take(&packet))).map(drop)
            })
        })
        .await;
        // All others may be as large as those of any transport. The stream is at the end of a packet.
        self.decoder = Decoder::new(config.max_payload);
        taken
    }

    /// Runs a session from its opening or its upgrade to its end.
    pub(super) async fn run(mut self: Box<Self>, peer: &Arc<Peer>) {
        let guard = LostOnDrop(peer);
        peer.attach(Arc::<Writer>::clone(&self.writer));
        poll_fn(|cx| self.poll(peer, cx)).await;
        drop(guard);
        self.end(peer.outbox()).await;
    }

    fn poll(&mut self, peer: &Arc<Peer>, cx: &mut Context<'_>) -> Poll<()> {
        peer.poll_for(Waiting::Owner, cx, |cx| {
            let may_be_more = self.with_scratch(|this, scratch| {
                let _turn = Turn::begin(peer.runtime());
                this.read(peer, scratch, cx)
            });
            if may_be_more {
                poll_again(cx);
            }
            if let Poll::Ready(Err(_)) = self.writer.poll_flush(peer.outbox(), cx) {
                self.is_over = true;
                peer.lost(CloseReason::TransportClose);
            }
            if peer.ended().is_some() { Poll::Ready(()) } else { Poll::Pending }
        })
    }

    /// Takes in what has arrived, in one turn; answers whether there may be more.
    fn read(&mut self, peer: &Arc<Peer>, scratch: &mut Scratch, cx: &mut Context<'_>) -> bool {
        for _ in 0..PACKETS_AT_ONCE {
            // As long as the queue is too long for another answer, what is in it is written first.
            let has_room = peer.has_room() || self.writer.poll_flush(peer.outbox(), cx).is_ready();
            if peer.ended().is_some() || peer.is_behind() || !has_room {
                return false;
            }
            let read = self.poll_packet(scratch, cx, |packet| {
                peer.feed(Input::Packet(packet));
            });
            match read {
                Poll::Pending => return false,
                Poll::Ready(Read::Packet) => {}
                Poll::Ready(Read::End | Read::Lost) => peer.lost(CloseReason::TransportClose),
                Poll::Ready(Read::Fault(fault)) => {
                    tracing::debug!(%fault, "closing a WebTransport session");
                    peer.lost(CloseReason::ParseError);
                }
            }
        }
        true
    }

    /// Lets `work` have the thread's buffer, with the bytes that were left in it before.
    fn with_scratch<T>(&mut self, work: impl FnOnce(&mut Self, &mut Scratch) -> T) -> T {
        let mut scratch = Scratch::with(&std::mem::take(&mut self.unread));
        let result = work(self, &mut scratch);
        self.unread = Bytes::copy_from_slice(scratch.unread());
        result
    }

    /// Lets `take` have the next packet.
    fn poll_packet(
        &mut self,
        scratch: &mut Scratch,
        cx: &mut Context<'_>,
        mut take: impl FnMut(Packet<'_>),
    ) -> Poll<Read> {
        loop {
            let mut bytes = scratch.unread();
            let before = bytes.len();
            let packet = match self.decoder.next(&mut bytes) {
                Ok(Some(Frame::Text(text))) => Some(Packet::decode(text).map_err(Fault::from)),
                Ok(Some(Frame::Binary(bytes))) => Some(Ok(Packet::Binary(bytes.into()))),
                Ok(None) => None,
                Err(error) => Some(Err(error.into())),
            };
            let taken = before - bytes.len();
            let read = packet.map(|packet| match packet {
                Ok(packet) => {
                    take(packet);
                    Read::Packet
                }
                Err(fault) => Read::Fault(fault),
            });
            scratch.take(taken);
            if let Some(read) = read {
                return Poll::Ready(read);
            }
            match ready!(self.poll_read(cx, scratch.space())) {
                Ok(0) => return Poll::Ready(Read::End),
                Ok(length) => scratch.filled(length),
                Err(error) => {
                    tracing::debug!(%error, "a WebTransport connection ended");
                    self.is_over = true;
                    return Poll::Ready(Read::Lost);
                }
            }
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, space: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buf = ReadBuf::new(space);
        ready!(Pin::new(&mut self.reader).poll_read(cx, &mut buf))?;
        Poll::Ready(Ok(buf.filled().len()))
    }

    /// Goes through an upgrade of a polling session; answers whether this is the session's transport now.
    ///
    /// What is written meanwhile goes through `outbox`, as the session's own still belongs to polling.
    pub(super) async fn upgrade(&mut self, peer: &Arc<Peer>, outbox: &Outbox) -> bool {
        upgrade(peer, Transport::Webtransport, |cx| {
            self.with_scratch(|this, scratch| this.probe(peer, outbox, scratch, cx))
        })
        .await
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
            let (mut probed, mut switched) = (false, false);
            let read = ready!(self.poll_packet(scratch, cx, |packet| {
                let action = peer.feed(Input::ProbePacket(packet));
                (probed, switched) = (action == Action::AnswerProbe, action == Action::Switch);
            }));
            if !matches!(read, Read::Packet) || !probed {
                return Poll::Ready(switched);
            }
            let probe = Encoded::text(|out| Packet::Pong("probe").encode(out));
            outbox.push_control(probe.stream());
        }
    }

    /// Ends the connection: what was sent before comes first, and the client is told in an orderly way.
    pub(super) async fn end(self: Box<Self>, outbox: &Outbox) {
        let orderly = async {
            if !self.is_over && poll_fn(|cx| self.writer.poll_flush(outbox, cx)).await.is_ok() {
                self.writer.finish().await;
            }
            self.session.close(0, b"");
            // The client closes the connection once it knows, as there is nothing else on it.
            self.quic.0.closed().await;
        };
        // In a box, as the connection's task would otherwise be larger from its beginning.
        let _ = Box::pin(timeout(LINGER, orderly)).await;
    }
}
