//! The two kinds of byte streams a WebSocket can run on.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf, ReadHalf, WriteHalf},
    net::TcpStream,
};

use super::{http_stream::HttpStream, joining::joined};
use crate::hub::{Link, Outbox, Pass};

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

/// A stream that a WebSocket can begin on.
pub(super) struct Taken {
    pub(super) reader: Reader,
    pub(super) writer: Writer,
    /// What was read ahead.
    pub(super) unread: Box<[u8]>,
    /// An answer that was not written yet: it goes out first.
    pub(super) held: Vec<u8>,
    /// Counts the connection until this is dropped, if connections are counted.
    pub(super) pass: Option<Box<Pass>>,
}

/// Takes the stream back from hyper.
pub(super) fn take_back(upgraded: Upgraded) -> Taken {
    let upgraded = match upgraded.downcast::<TokioIo<HttpStream>>() {
        Ok(parts) => {
            let (stream, held, pass) = parts.io.into_inner().into_parts();
            return Taken { pass, ..Taken::tcp(stream, &parts.read_buf, held) };
        }
        Err(upgraded) => upgraded,
    };
    match upgraded.downcast::<TokioIo<TcpStream>>() {
        Ok(parts) => Taken::tcp(parts.io.into_inner(), &parts.read_buf, Vec::new()),
        Err(upgraded) => {
            let (reader, writer) = tokio::io::split(TokioIo::new(upgraded));
            let (reader, writer) = (Reader::Other(reader), Writer::Other(writer));
            Taken { reader, writer, unread: Box::default(), held: Vec::new(), pass: None }
        }
    }
}

impl Taken {
    /// A stream that nobody else has any more, with what was read from it and what is to be written.
    pub(super) fn tcp(stream: TcpStream, unread: &[u8], held: Vec<u8>) -> Self {
        let stream = Arc::new(stream);
        let (reader, writer) = (Reader::Tcp(Arc::clone(&stream)), Writer::Tcp(stream));
        // Even empty, hyper's buffer would pin several kilobytes: it is copied and dropped.
        Self { reader, writer, unread: unread.into(), held, pass: None }
    }
}

impl Reader {
    /// Reads into `space` and answers how many bytes came; none at the end of the stream.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, space: &mut [u8]) -> Poll<io::Result<usize>> {
        match self {
            Reader::Tcp(stream) => poll_read(stream, cx, space),
            Reader::Other(stream) => {
                let mut buf = ReadBuf::new(space);
                ready!(Pin::new(stream).poll_read(cx, &mut buf))?;
                Poll::Ready(Ok(buf.filled().len()))
            }
        }
    }
}

/// Reads into `space` and answers how many bytes came; none at the end of the stream.
pub(super) fn poll_read(
    stream: &TcpStream,
    cx: &mut Context<'_>,
    space: &mut [u8],
) -> Poll<io::Result<usize>> {
    loop {
        ready!(stream.poll_read_ready(cx))?;
        match try_read(stream, space) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => return Poll::Ready(result),
        }
    }
}

/// Reads what is there. A read that does not fill `space` has emptied the socket, which spares the next one that would
/// say so: tokio is told in the way it understands.
fn try_read(stream: &TcpStream, space: &mut [u8]) -> io::Result<usize> {
    let mut result = Err(io::ErrorKind::WouldBlock.into());
    let _ = stream.try_io(Interest::READABLE, || {
        result = stream.try_read(space);
        match result {
            Ok(read) if read == 0 || read == space.len() => Ok(()),
            _ => Err(io::Error::from(io::ErrorKind::WouldBlock)),
        }
    });
    result
}

impl Link for TcpStream {
    fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        write_by(self, slices, send)
    }
}

/// Writes what waits, small pieces as one by `send`.
fn write_by(
    stream: &TcpStream,
    slices: &[IoSlice<'_>],
    send: fn(&TcpStream, &[u8]) -> io::Result<usize>,
) -> io::Result<usize> {
    let written = joined(slices, |bytes| send(stream, bytes));
    let written = written.unwrap_or_else(|| stream.try_write_vectored(slices))?;
    if written == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(written) }
}

/// Sends without asking tokio first whether the socket takes anything: what tokio knows of it lies in memory that a
/// broadcast to thousands would have to fetch for each. A socket that takes nothing is left to tokio, which waits for it.
#[cfg(target_os = "linux")]
fn send(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    use rustix::{io::Errno, net::SendFlags};

    match rustix::net::send(stream, bytes, SendFlags::NOSIGNAL) {
        Err(Errno::AGAIN) => stream.try_write(bytes),
        sent => Ok(sent?),
    }
}

#[cfg(not(target_os = "linux"))]
fn send(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    stream.try_write(bytes)
}

impl Writer {
    /// Writes what waits; ready when nothing waits any more.
    pub(super) fn poll_flush(&mut self, outbox: &Outbox, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Writer::Tcp(stream) => loop {
                // By tokio, as this is the rest of what a socket did not take: it knows whether that does by now.
                match outbox.write_with(|slices| write_by(stream, slices, TcpStream::try_write)) {
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
