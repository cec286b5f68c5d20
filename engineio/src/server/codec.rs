//! tungstenite between bytes read and messages; it never sees the socket.
//!
//! Whatever a socket holds is read at once into a buffer of the thread. Messages that are plain and complete there are
//! read in place (`whole_frame.rs`); tungstenite takes all else from there, and its own frames, pongs and answers to
//! close frames, go into the session's outbox. It is borrowed from the thread between two messages, so that a connection
//! that is idle keeps almost no memory.

use std::{
    cell::Cell,
    io::{self, Read, Write},
    sync::Arc,
};

use tokio_tungstenite::tungstenite::{
    Error, Message,
    protocol::{Role, WebSocketConfig, WebSocketContext},
};

use super::{
    deflate::{PerMessageDeflate, inflate},
    fragments::Fragments,
    whole_frame::{self, WholeFrame},
};
use crate::config::Config;

/// The bytes read from a socket at once.
const SCRATCH: usize = 16 * 1024;
/// The size of tungstenite's buffer: a few small messages with their headers.
const READ_BUFFER: usize = 1024;
/// Frames of more bytes than this leave a buffer behind that is not worth keeping.
const LARGE_FRAME: u64 = 4 * 1024;

thread_local! {
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    /// Between two messages tungstenite knows nothing of its connection, so that one of it serves all that take turns
    /// on this thread.
    static SPARE: Cell<Option<Box<Reading>>> = const { Cell::new(None) };
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

    /// Notes that the first of these bytes have been taken.
    #[cfg(feature = "webtransport")]
    pub(super) fn take(&mut self, length: usize) {
        self.start += length;
    }

    /// The whole buffer, once all of it has been taken.
    pub(super) fn space(&mut self) -> &mut [u8] {
        &mut self.buffer
    }

    /// Takes the message at the front, if it is plain and complete.
    fn take_whole(&mut self, limit: usize) -> Option<WholeFrame> {
        let mut frame = whole_frame::take(&mut self.buffer[self.start..self.end], limit)?;
        frame.payload = self.start + frame.payload.start..self.start + frame.payload.end;
        self.start = frame.payload.end;
        Some(frame)
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

/// What came over a WebSocket.
#[derive(Debug)]
pub(super) enum Incoming {
    /// A message that stands in the scratch buffer.
    InPlace(WholeFrame),
    /// What tungstenite has read.
    Message(Message),
}

/// What came, as far as it matters.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum View<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
    /// The client closes the connection.
    Close,
    /// Control frames, which are done with.
    Control,
}

impl Incoming {
    /// Looks at what came, before anything else is read into the buffer.
    ///
    /// # Errors
    /// A text is no UTF-8.
    pub(super) fn view<'a>(&'a self, scratch: &'a Scratch) -> Result<View<'a>, Error> {
        match self {
            Incoming::InPlace(frame) => {
                let bytes = &scratch.buffer[frame.payload.clone()];
                if !frame.is_text {
                    return Ok(View::Binary(bytes));
                }
                let text = std::str::from_utf8(bytes).map_err(|error| Error::Utf8(error.to_string()))?;
                Ok(View::Text(text))
            }
            Incoming::Message(Message::Text(text)) => Ok(View::Text(text)),
            Incoming::Message(Message::Binary(bytes)) => Ok(View::Binary(bytes)),
            Incoming::Message(Message::Close(_)) => Ok(View::Close),
            Incoming::Message(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => Ok(View::Control),
        }
    }
}

/// tungstenite, and how far it has come.
struct Reading {
    context: WebSocketContext,
    fragments: Fragments,
}

/// The reading side of one WebSocket.
pub(super) struct Codec {
    /// Only while part of a message has been read.
    reading: Option<Box<Reading>>,
    config: Arc<Config>,
    deflate: Option<PerMessageDeflate>,
}

impl Codec {
    pub(super) fn new(config: &Arc<Config>, deflate: Option<PerMessageDeflate>) -> Self {
        Self { reading: None, config: Arc::clone(config), deflate }
    }

    /// When messages are compressed, if the client has agreed to it.
    pub(super) fn deflate(&self) -> Option<PerMessageDeflate> {
        self.deflate
    }

    /// The next message in the bytes at hand; `None` if they end before it does. tungstenite's own frames go to `control`.
    ///
    /// # Errors
    /// The client broke the protocol or a limit.
    pub(super) fn next(
        &mut self,
        scratch: &mut Scratch,
        control: &mut dyn FnMut(&[u8]),
    ) -> Result<Option<Incoming>, Error> {
        if self.reading.is_none() {
            if scratch.unread().is_empty() {
                return Ok(None);
            }
            if let Some(frame) = scratch.take_whole(self.config.max_payload) {
                return Ok(Some(Incoming::InPlace(frame)));
            }
        }
        let mut reading = self.reading.take().unwrap_or_else(|| self.begin());
        let mut read = reading.read(scratch, control, self.config.max_fragments);
        if let Ok(Message::Binary(bytes)) = &read
            && let Some(is_text) = reading.fragments.take_compressed()
        {
            read = inflated(bytes, is_text, self.config.max_payload);
        }
        let ends = matches!(&read, Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock);
        if ends && reading.fragments.at_boundary() {
            Reading::put_by(reading);
        } else {
            self.reading = Some(reading);
        }
        if ends { Ok(None) } else { read.map(|message| Some(Incoming::Message(message))) }
    }

    /// What reads the next message.
    fn begin(&self) -> Box<Reading> {
        let mut reading = Reading::begin(self.config.max_payload);
        if self.deflate.is_some() {
            reading.fragments = Fragments::of_compressed();
        }
        reading
    }

    /// Gives tungstenite's answer to a close frame to `control`.
    pub(super) fn answer_close(&mut self, scratch: &mut Scratch, control: &mut dyn FnMut(&[u8])) {
        if let Some(mut reading) = self.reading.take() {
            let Reading { context, fragments } = &mut *reading;
            // Everything is taken; the error is that the connection is closed now.
            let _ = context.flush(&mut Pipe { scratch, control, fragments, max_fragments: usize::MAX });
        }
    }
}

/// A message that was compressed.
fn inflated(bytes: &[u8], is_text: bool, limit: usize) -> Result<Message, Error> {
    let bytes = inflate(bytes, limit)?;
    if !is_text {
        return Ok(Message::Binary(bytes.into()));
    }
    let text = String::from_utf8(bytes).map_err(|error| Error::Utf8(error.to_string()))?;
    Ok(Message::text(text))
}

impl Reading {
    /// Takes over from a connection that is between two messages.
    fn begin(max_payload: usize) -> Box<Self> {
        let spare = SPARE.take();
        let spare = spare.filter(|spare| spare.context.get_config().max_frame_size == Some(max_payload));
        spare.unwrap_or_else(|| {
            let settings = WebSocketConfig::default()
                .read_buffer_size(READ_BUFFER)
                .write_buffer_size(0)
                .max_message_size(Some(max_payload))
                .max_frame_size(Some(max_payload));
            let context = WebSocketContext::new(Role::Server, Some(settings));
            Box::new(Self { context, fragments: Fragments::default() })
        })
    }

    fn read(
        &mut self,
        scratch: &mut Scratch,
        control: &mut dyn FnMut(&[u8]),
        max_fragments: usize,
    ) -> Result<Message, Error> {
        let Self { context, fragments } = self;
        context.read(&mut Pipe { scratch, control, fragments, max_fragments })
    }

    /// Lets the next connection have it, but not the buffer that a large frame has left in it.
    fn put_by(mut reading: Box<Self>) {
        if reading.fragments.largest() <= LARGE_FRAME {
            reading.fragments = Fragments::default();
            SPARE.set(Some(reading));
        }
    }
}

/// What tungstenite takes for the connection.
struct Pipe<'a> {
    scratch: &'a mut Scratch,
    control: &'a mut dyn FnMut(&[u8]),
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
        buf[..length].copy_from_slice(&unread[..length]);
        let Some(admitted) = self.fragments.admit(&mut buf[..length], self.max_fragments) else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a message has too many frames"));
        };
        self.scratch.start += admitted;
        Ok(admitted)
    }
}

impl Write for Pipe<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (self.control)(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &str) -> Vec<u8> {
        let length = u16::try_from(text.len()).unwrap().to_be_bytes();
        [&[0x81, 0xfe, length[0], length[1], 0, 0, 0, 0], text.as_bytes()].concat()
    }

    fn read(codec: &mut Codec, bytes: &[u8]) -> Vec<String> {
        let mut scratch = Scratch::with(bytes);
        let mut texts = Vec::new();
        while let Some(incoming) = codec.next(&mut scratch, &mut |_| ()).unwrap() {
            let View::Text(text) = incoming.view(&scratch).unwrap() else { panic!("{incoming:?}") };
            texts.push(text.to_owned());
        }
        assert!(scratch.unread().is_empty());
        texts
    }

    #[test]
    fn connections_that_share_a_thread_never_mix_their_messages() {
        let config = Arc::new(Config::default());
        let (first, second) = (frame("a message of the first"), frame("and one of the second"));
        for cut in 1..first.len() {
            let (mut one, mut other) = (Codec::new(&config, None), Codec::new(&config, None));
            assert!(read(&mut one, &first[..cut]).is_empty());
            assert_eq!(read(&mut other, &second), ["and one of the second"]);
            assert_eq!(read(&mut one, &first[cut..]), ["a message of the first"]);
            assert_eq!(read(&mut other, &second), ["and one of the second"]);
        }
    }

    #[test]
    fn nothing_is_kept_for_a_connection_between_two_messages() {
        let mut codec = Codec::new(&Arc::default(), None);
        for length in [10, 60_000, 10] {
            let text = frame(&"x".repeat(length));
            read(&mut codec, &text[..5]);
            assert!(codec.reading.is_some());
            read(&mut codec, &text[5..]);
            assert!(codec.reading.is_none());
        }
    }

    #[test]
    fn the_limit_is_that_of_the_connection_whoever_read_before() {
        let small = Arc::new(Config { max_payload: 10, ..Config::default() });
        read(&mut Codec::new(&Arc::default(), None), &frame("more than ten bytes"));
        let bytes = frame("more than ten bytes");
        let refused = Codec::new(&small, None).next(&mut Scratch::with(&bytes), &mut |_| ());
        assert!(matches!(refused, Err(Error::Capacity(_))));
        assert_eq!(read(&mut Codec::new(&Arc::default(), None), &bytes), ["more than ten bytes"]);
    }
}
