//! The two kinds of byte streams a WebSocket can run on.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf, ReadHalf, WriteHalf},
    net::TcpStream,
};

use crate::hub::Outbox;

/// The reading side.
pub(super) enum Reader {
    /// A TCP connection taken back from hyper: whoever has something to send writes to it directly.
    Tcp(Arc<TcpStream>),
    /// Anything else, such as TLS: only the connection's own task writes.
    Other(ReadHalf<TokioIo<Upgraded>>),
}

/// The writing side.
pub(super) enum Writer {
    Tcp(Arc<TcpStream>),
    Other(WriteHalf<TokioIo<Upgraded>>),
}

/// Takes the stream back from hyper, with what hyper has read of it already.
pub(super) fn split(upgraded: Upgraded) -> (Reader, Writer, Bytes) {
    match upgraded.downcast::<TokioIo<TcpStream>>() {
        Ok(parts) => {
            // Even empty, hyper's buffer would pin several kilobytes: it is copied and dropped.
            let rest = Bytes::copy_from_slice(&parts.read_buf);
            let stream = Arc::new(parts.io.into_inner());
            (Reader::Tcp(Arc::clone(&stream)), Writer::Tcp(stream), rest)
        }
        Err(upgraded) => {
            let (read, write) = tokio::io::split(TokioIo::new(upgraded));
            (Reader::Other(read), Writer::Other(write), Bytes::new())
        }
    }
}

impl Reader {
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Reader::Tcp(stream) => loop {
                ready!(stream.poll_read_ready(cx))?;
                match stream.try_read(buf.initialize_unfilled()) {
                    Ok(read) => {
                        buf.advance(read);
                        return Poll::Ready(Ok(()));
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Poll::Ready(Err(error)),
                }
            },
            Reader::Other(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

/// Writes what waits, straight to the socket.
///
/// # Errors
/// `WouldBlock` when the socket takes no more, or the connection's error.
pub(super) fn try_flush(stream: &TcpStream, outbox: &Outbox) -> io::Result<()> {
    outbox.write_with(|slices| match stream.try_write_vectored(slices) {
        Ok(0) => Err(io::ErrorKind::WriteZero.into()),
        result => result,
    })
}

impl Writer {
    /// Writes what waits; ready when nothing waits any more.
    pub(super) fn poll_flush(&mut self, outbox: &Outbox, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Writer::Tcp(stream) => loop {
                match try_flush(stream, outbox) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        ready!(stream.poll_write_ready(cx))?;
                    }
                    result => return Poll::Ready(result),
                }
            },
            Writer::Other(stream) => {
                let mut stream = Pin::new(stream);
                let written = outbox.write_with(|slices| poll_write(stream.as_mut(), slices, cx));
                match written {
                    Err(None) => Poll::Pending,
                    Err(Some(error)) => Poll::Ready(Err(error)),
                    Ok(()) => stream.poll_flush(cx),
                }
            }
        }
    }

    /// Tells the other side that nothing more will come.
    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Writer::Tcp(stream) => {
                let socket = socket2::SockRef::from(&**stream);
                Poll::Ready(socket.shutdown(std::net::Shutdown::Write))
            }
            Writer::Other(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// One write; `None` as error means that the stream takes no more now.
fn poll_write(
    stream: Pin<&mut WriteHalf<TokioIo<Upgraded>>>,
    slices: &[IoSlice<'_>],
    cx: &mut Context<'_>,
) -> Result<usize, Option<io::Error>> {
    match stream.poll_write_vectored(cx, slices) {
        Poll::Pending => Err(None),
        Poll::Ready(Ok(0)) => Err(Some(io::ErrorKind::WriteZero.into())),
        Poll::Ready(Ok(written)) => Ok(written),
        Poll::Ready(Err(error)) => Err(Some(error)),
    }
}

/// Bytes read before the WebSocket took over, then the stream.
pub(super) struct Source {
    pub(super) first: Bytes,
    pub(super) reader: Reader,
}

impl Source {
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            return self.reader.poll_read(cx, buf);
        }
        let length = self.first.len().min(buf.remaining());
        buf.put_slice(&self.first[..length]);
        self.first.advance(length);
        if self.first.is_empty() {
            self.first = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}
