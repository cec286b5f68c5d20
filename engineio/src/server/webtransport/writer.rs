//! The writing side of a WebTransport stream.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use web_transport_quinn::SendStream;

use crate::{
    hub::{Form, Link, Outbox},
    server::joining::joined,
};

/// Whoever has something to send writes it to the stream directly. QUIC takes it into its own buffer, as far as its
/// window allows, and wakes the connection's task when it takes more.
pub(super) struct Writer(Mutex<Sending>);

struct Sending {
    /// None once the stream has been finished.
    stream: Option<SendStream>,
    /// The waker of the connection's task.
    waker: Waker,
}

impl Writer {
    pub(super) fn new(stream: SendStream) -> Self {
        Self(Mutex::new(Sending { stream: Some(stream), waker: Waker::noop().clone() }))
    }

    /// Writes what waits; ready when nothing waits any more.
    pub(super) fn poll_flush(&self, outbox: &Outbox, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.lock().waker.clone_from(cx.waker());
        match outbox.write_with(|slices| self.write(slices)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            result => Poll::Ready(result),
        }
    }

    /// Ends the stream and waits until the client has received all of it, or is gone.
    pub(super) async fn finish(&self) {
        let stream = self.0.lock().stream.take();
        if let Some(mut stream) = stream
            && stream.finish().is_ok()
        {
            let _ = stream.stopped().await;
        }
    }
}

impl Link for Writer {
    fn form(&self) -> Form {
        Form::Stream
    }

    fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut sending = self.0.lock();
        if let Some(written) = joined(slices, |bytes| sending.write(bytes)) {
            return written;
        }
        let mut taken = 0;
        for slice in slices {
            match sending.write(slice) {
                Ok(written) => taken += written,
                // The next call will say so again.
                Err(_) if taken > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(taken)
    }
}

impl Sending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(stream) = &mut self.stream else { return Err(io::ErrorKind::BrokenPipe.into()) };
        let mut cx = Context::from_waker(&self.waker);
        match Pin::new(stream).poll_write(&mut cx, bytes) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}
