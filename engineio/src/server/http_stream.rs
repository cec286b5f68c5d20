//! A TCP connection while hyper has it, which can hold back the answer that opens a WebSocket.
//!
//! hyper writes an answer as soon as it is complete. The one that opens a session's WebSocket is better sent together
//! with the open packet behind it: one system call and one segment instead of two of each.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::joining::joined;
use crate::hub::Pass;

/// How an answer begins that hands the connection over.
const SWITCHING: &[u8] = b"HTTP/1.1 101 ";

/// Asks a connection to hold its next answer back; in the extensions of requests for a WebSocket.
#[derive(Clone, Debug, Default)]
pub(super) struct HoldBack(Arc<AtomicBool>);

impl HoldBack {
    /// Holds the next answer back if it is a 101; whoever takes the connection over must send it.
    pub(super) fn ask(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it was asked for, and not since.
    fn take(&self) -> bool {
        // Most writes were not asked to be held back: looking is cheaper than swapping.
        self.0.load(Ordering::Acquire) && self.0.swap(false, Ordering::AcqRel)
    }
}

/// The connection.
pub(super) struct HttpStream {
    stream: TcpStream,
    /// What was read before hyper had the connection, and hyper has not read yet.
    unread: Box<[u8]>,
    hold_back: HoldBack,
    held: Vec<u8>,
    pass: Option<Box<Pass>>,
}

impl HttpStream {
    pub(super) fn new(stream: TcpStream, unread: Box<[u8]>, pass: Option<Box<Pass>>) -> Self {
        Self { stream, unread, hold_back: HoldBack::default(), held: Vec::new(), pass }
    }

    /// What to ask for holding back.
    pub(super) fn hold_back(&self) -> HoldBack {
        self.hold_back.clone()
    }

    /// Keeps what is about to be written if it is the answer to hold back.
    fn holds(&mut self, bytes: &[u8]) -> bool {
        let holds = self.hold_back.take() && bytes.starts_with(SWITCHING);
        if holds {
            self.held = bytes.to_vec();
        }
        holds
    }

    /// Sends a last answer, as far as the connection takes it at once.
    pub(super) fn send_last(self, answer: &[u8]) {
        // There is nobody left to tell of an error.
        let _ = self.stream.try_write(answer);
    }

    /// The bare connection, what must be written to it first, and what lets it be there.
    pub(super) fn into_parts(self) -> (TcpStream, Vec<u8>, Option<Box<Pass>>) {
        (self.stream, self.held, self.pass)
    }
}

impl AsyncRead for HttpStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unread.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let length = self.unread.len().min(buf.remaining());
        buf.put_slice(&self.unread[..length]);
        self.unread = self.unread[length..].into();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for HttpStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.holds(buf) {
            return Poll::Ready(Ok(buf.len()));
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // hyper writes such an answer as one slice, as it is a head without a body.
        if let Some(head) = slices.first()
            && self.holds(head)
        {
            return Poll::Ready(Ok(head.len()));
        }
        let mut stream = Pin::new(&mut self.stream);
        let written = joined(slices, |bytes| stream.as_mut().poll_write(cx, bytes));
        written.unwrap_or_else(|| stream.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
