//! tungstenite between bytes read and messages; it never sees the socket.
//!
//! Whatever a socket holds is read at once into a buffer of the thread, so that a connection that is idle keeps almost
//! no memory. tungstenite takes it from there, and its own frames, pongs and answers to close frames, go into the
//! session's outbox.

use std::{
    cell::Cell,
    io::{self, Read, Write},
};

use bytes::Bytes;
use tokio_tungstenite::tungstenite::{
    Error, Message,
    protocol::{Role, WebSocketConfig, WebSocketContext},
};

use super::fragments::Fragments;
use crate::{config::Config, hub::Outbox};

/// The bytes read from a socket at once.
const SCRATCH: usize = 16 * 1024;
/// The size of tungstenite's buffer, which each connection keeps: a small message with its header.
const READ_BUFFER: usize = 256;
/// Frames of more bytes than this leave a buffer behind that is not worth keeping.
const LARGE_FRAME: u64 = 4 * 1024;

thread_local! {
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// What was read from a socket and not taken in yet, in the thread's buffer.
pub(super) struct Scratch {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Scratch {
    /// Takes the thread's buffer for one turn and puts the bytes left from an earlier turn into it.
    pub(super) fn with(left: &[u8]) -> Self {
        let mut buffer = BUFFER.take();
        // The bytes hyper has read ahead may be more than the buffer holds.
        buffer.resize(left.len().max(SCRATCH), 0);
        buffer[..left.len()].copy_from_slice(left);
        Self { buffer, start: 0, end: left.len() }
    }

    /// The bytes nobody has taken yet.
    pub(super) fn unread(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// The whole buffer, once all of it has been taken.
    pub(super) fn space(&mut self) -> &mut [u8] {
        &mut self.buffer
    }

    /// Notes that the buffer's first bytes have been filled.
    pub(super) fn filled(&mut self, length: usize) {
        (self.start, self.end) = (0, length);
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        BUFFER.set(std::mem::take(&mut self.buffer));
    }
}

/// The reading side of one WebSocket.
pub(super) struct Codec {
    context: WebSocketContext,
    fragments: Fragments,
    max_fragments: usize,
}

impl Codec {
    pub(super) fn new(config: &Config) -> Self {
        let settings = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(config.max_payload))
            .max_frame_size(Some(config.max_payload));
        Self {
            context: WebSocketContext::new(Role::Server, Some(settings)),
            fragments: Fragments::default(),
            max_fragments: config.max_fragments,
        }
    }

    /// The next message in the bytes at hand; `None` if they end before it does.
    ///
    /// # Errors
    /// The client broke the protocol or a limit.
    pub(super) fn next(&mut self, scratch: &mut Scratch, outbox: &Outbox) -> Result<Option<Message>, Error> {
        let Self { context, fragments, max_fragments } = self;
        let mut pipe = Pipe { scratch, outbox, fragments, max_fragments: *max_fragments };
        match context.read(&mut pipe) {
            Ok(message) => Ok(Some(message)),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                self.shrink();
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Writes tungstenite's answer to a close frame into the outbox.
    pub(super) fn answer_close(&mut self, scratch: &mut Scratch, outbox: &Outbox) {
        let Self { context, fragments, max_fragments } = self;
        let mut pipe = Pipe { scratch, outbox, fragments, max_fragments: *max_fragments };
        // The outbox takes everything; the error is that the connection is closed now.
        let _ = context.flush(&mut pipe);
    }

    /// Gives the buffer of a large frame back: tungstenite keeps it otherwise.
    ///
    /// All bytes at hand have been taken. If they end where a message does, then tungstenite holds none of them.
    fn shrink(&mut self) {
        if self.fragments.largest() > LARGE_FRAME && self.fragments.at_boundary() {
            self.context = WebSocketContext::new(Role::Server, Some(*self.context.get_config()));
            self.fragments = Fragments::default();
        }
    }
}

/// What tungstenite takes for the connection.
struct Pipe<'a> {
    scratch: &'a mut Scratch,
    outbox: &'a Outbox,
    fragments: &'a mut Fragments,
    max_fragments: usize,
}

impl Read for Pipe<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let unread = self.scratch.unread();
        let length = unread.len().min(buf.len());
        if length == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let bytes = &unread[..length];
        if !self.fragments.admit(bytes, self.max_fragments) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a message has too many frames"));
        }
        buf[..length].copy_from_slice(bytes);
        self.scratch.start += length;
        Ok(length)
    }
}

impl Write for Pipe<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.outbox.push_control(Bytes::copy_from_slice(buf));
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
