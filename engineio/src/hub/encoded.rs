//! One packet's bytes as they go on the wire, made once and shared by all receivers.

use std::{
    borrow::Cow,
    iter, str,
    sync::{Arc, LazyLock, OnceLock},
};

use bytes::Bytes;

use super::{
    event::Event,
    frames::{self, Kind, MAX_HEADER},
};
use crate::{
    config::Config,
    engine::{Packet, encode_binary, payload::SEPARATOR, stream, v3},
    socketio::{Message, PacketType},
};

/// A WebSocket close frame without a status code.
pub const CLOSE_FRAME: &[u8] = &[0x88, 0];

/// An Engine.IO packet, or a Socket.IO packet with its attachments, in the form of every transport.
///
/// A clone costs one counter. The WebSocket form is complete with its frame headers; the other forms are made
/// when the first receiver asks for them, and are then shared as well.
#[derive(Clone, Debug)]
pub struct Encoded(Arc<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    buffer: Vec<u8>,
    /// Where the first frame begins in the buffer.
    start: usize,
    packets: usize,
    compress: bool,
    worth: Worth,
    /// The bytes behind an event's arguments that the library has put there.
    tail: u8,
    /// Most packets are for WebSockets of protocol 4 alone, so that what others need has a place of its own.
    others: OnceLock<Box<Others>>,
}

/// Whether a packet may be dropped before others of a receiver that reads too slowly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worth {
    /// Never: it belongs to the protocol, or somebody waits for it.
    Kept,
    /// It is an event as any other.
    Event,
    /// Its sender can do without it.
    Droppable,
}

/// The forms that are made on demand.
#[derive(Clone, Debug, Default)]
struct Others {
    payload: OnceLock<Bytes>,
    stream: OnceLock<Box<[u8]>>,
    v3: OnceLock<Encoded>,
    v3_base64: OnceLock<Encoded>,
    gzip: OnceLock<Bytes>,
    deflate: OnceLock<Bytes>,
    deflated: OnceLock<Encoded>,
}

/// How a polling payload may be compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// gzip (RFC 1952).
    Gzip,
    /// deflate, which in HTTP is the zlib format (RFC 1950).
    Deflate,
}

impl Encoded {
    /// A text packet; `write` appends its characters, type digit first.
    pub fn text(write: impl FnOnce(&mut Vec<u8>)) -> Self {
        Self::with_attachments(write, &[])
    }

    /// A text packet followed by binary messages.
    pub fn with_attachments(write: impl FnOnce(&mut Vec<u8>), attachments: &[Bytes]) -> Self {
        let mut buffer = Self::buffer();
        write(&mut buffer);
        Self::from_buffer(buffer, attachments)
    }

    /// A buffer to append a message to, with room for the frame header in front.
    pub(crate) fn buffer() -> Vec<u8> {
        let mut buffer = Vec::with_capacity(128);
        buffer.resize(MAX_HEADER, 0);
        buffer
    }

    /// Makes a packet of a [`buffer`](Self::buffer) and the binary messages that follow it.
    pub(crate) fn from_buffer(mut buffer: Vec<u8>, attachments: &[Bytes]) -> Self {
        let start = put_header(Kind::Text, &mut buffer);
        for attachment in attachments {
            push_binary_frame(attachment, &mut buffer);
        }
        Self::from_frames(buffer, start, 1 + attachments.len())
    }

    /// Makes a binary message of a [`buffer`](Self::buffer).
    pub(crate) fn from_binary_buffer(mut buffer: Vec<u8>) -> Self {
        let start = put_header(Kind::Binary, &mut buffer);
        Self::from_frames(buffer, start, 1)
    }

    /// The answer to a CONNECT and packets that go with it: before it in a polling response, which arrives as a whole,
    /// and behind it over a WebSocket, where the connection may break between any two frames.
    pub(crate) fn answer_with(answer: &Self, packets: &[Self]) -> Self {
        if packets.is_empty() {
            return answer.clone();
        }
        let in_frames = || iter::once(answer).chain(packets);
        let buffer = in_frames().flat_map(|packet| packet.frames().iter().copied()).collect();
        let payloads: Vec<&[u8]> =
            packets.iter().chain(iter::once(answer)).map(|packet| &packet.payload()[..]).collect();
        let payload = Bytes::from(payloads.join(&(SEPARATOR as u8)));
        let together = Self::from_frames(buffer, 0, in_frames().map(Self::packets).sum());
        together.others().payload.get_or_init(|| payload);
        together
    }

    /// A binary message.
    #[must_use]
    pub fn binary(bytes: &[u8]) -> Self {
        let mut buffer = Vec::with_capacity(MAX_HEADER + bytes.len());
        push_binary_frame(bytes, &mut buffer);
        Self::from_frames(buffer, 0, 1)
    }

    /// A complete WebSocket control frame, which exists on no other transport.
    pub(super) fn control(frame: &[u8]) -> Self {
        Self::from_frames(frame.to_vec(), 0, 0)
    }

    /// Whether this is a WebSocket control frame and no packet.
    pub(super) fn is_control(&self) -> bool {
        self.0.packets == 0
    }

    fn from_frames(buffer: Vec<u8>, start: usize, packets: usize) -> Self {
        Self(Arc::new(Inner {
            buffer,
            start,
            packets,
            compress: true,
            worth: Worth::Kept,
            tail: 0,
            others: OnceLock::new(),
        }))
    }

    /// Says whether a transport that compresses should compress this packet, which is the default. It is not worth
    /// the effort for what is compressed already, such as pictures.
    #[must_use]
    pub fn with_compression(mut self, compress: bool) -> Self {
        if self.0.compress != compress {
            let inner = Arc::make_mut(&mut self.0);
            (inner.compress, inner.others) = (compress, OnceLock::new());
        }
        self
    }

    /// Says whether the packet may be dropped if its receiver reads too slowly.
    pub(super) fn with_worth(mut self, worth: Worth) -> Self {
        if self.0.worth != worth {
            let inner = Arc::make_mut(&mut self.0);
            (inner.worth, inner.others) = (worth, OnceLock::new());
        }
        self
    }

    /// Says how many bytes of JSON stand behind an event's arguments that are not its program's.
    pub(super) fn with_tail(mut self, tail: u8) -> Self {
        if self.0.tail != tail {
            Arc::make_mut(&mut self.0).tail = tail;
        }
        self
    }

    /// Whether the packet may be dropped if its receiver reads too slowly.
    pub(super) fn worth(&self) -> Worth {
        self.0.worth
    }

    /// Whether a transport that compresses should compress this packet.
    #[must_use]
    pub fn compress(&self) -> bool {
        self.0.compress
    }

    /// A packet without binary data.
    pub(super) fn of(packet: &Packet<'_>) -> Self {
        Self::text(|out| packet.encode(out))
    }

    /// The ping packet.
    pub(crate) fn ping() -> Self {
        static PING: LazyLock<Encoded> = LazyLock::new(|| Encoded::of(&Packet::Ping("")));
        PING.clone()
    }

    /// The packet as WebSocket frames, headers included.
    #[must_use]
    pub fn frames(&self) -> &[u8] {
        &self.0.buffer[self.0.start..]
    }

    /// How many Engine.IO packets this is: one, and one more for each attachment.
    #[must_use]
    pub fn packets(&self) -> usize {
        self.0.packets
    }

    /// The Socket.IO event that this packet carries, for another server to encode again, with the offset by which this
    /// server knows it; `None` if it carries anything else.
    #[must_use]
    pub fn event(&self) -> Option<Event> {
        let (array, attachments) = self.event_parts()?;
        let inner = array.strip_suffix(']')?;
        let (own, tail) = inner.split_at_checked(inner.len().checked_sub(self.0.tail.into())?)?;
        let offset = tail.strip_prefix(",\"").and_then(|tail| tail.strip_suffix('"'));
        let mut event = Event::from_json(&format!("{own}]"), attachments).ok()?;
        event.offset = offset.map(Into::into);
        Some(event)
    }

    /// The array of the Socket.IO event that this packet carries, and its attachments.
    pub(super) fn event_parts(&self) -> Option<(Cow<'_, str>, Vec<Bytes>)> {
        let mut frames = frames::split(self.frames());
        match frames.next()? {
            (Kind::Text, text) => {
                let array = event_array(str::from_utf8(text).ok()?)?;
                let attachments = frames.map(|(_, attachment)| Bytes::copy_from_slice(attachment));
                Some((Cow::Borrowed(array), attachments.collect()))
            }
            (Kind::Binary, bytes) => {
                // The server's own packets need not obey the limits of those that come from clients.
                let (max_attachments, max_event_args) = (usize::MAX, usize::MAX);
                let config = Config { max_attachments, max_event_args, ..Config::default() };
                let message = Message::decode(bytes, &config).ok()?;
                let packet = message.packet();
                let is_event = matches!(packet.kind, PacketType::Event | PacketType::BinaryEvent);
                is_event.then(|| (Cow::Owned(packet.data.to_owned()), message.attachments().to_vec()))
            }
        }
    }

    /// The packet as a polling payload of protocol 4.
    #[must_use]
    pub fn payload(&self) -> &Bytes {
        self.others().payload.get_or_init(|| payload_of(self.frames()))
    }

    /// The packet as a polling payload of protocol 4 if nobody else can ask for it, so that keeping it would be in vain.
    pub(super) fn payload_once(&self) -> Option<Bytes> {
        let is_kept = self.0.others.get().is_some_and(|others| others.payload.get().is_some());
        (Arc::strong_count(&self.0) == 1 && !is_kept).then(|| payload_of(self.frames()))
    }

    /// The bytes of the polling payload of protocol 4, which is made for that only where it is not the plain text.
    pub(super) fn payload_len(&self) -> usize {
        let mut frames = frames::split(self.frames());
        match (frames.next(), self.0.packets) {
            (Some((Kind::Text, text)), 1) => text.len(),
            _ => self.payload().len(),
        }
    }

    /// The polling payload of protocol 4 in a coding, which `compress` makes when the first receiver asks for it.
    pub fn compressed(&self, coding: Coding, compress: impl FnOnce() -> Bytes) -> Bytes {
        let form = match coding {
            Coding::Gzip => &self.others().gzip,
            Coding::Deflate => &self.others().deflate,
        };
        form.get_or_init(compress).clone()
    }

    /// The packet with those of its WebSocket messages compressed that `compress` compresses, when the first receiver asks
    /// for it (RFC 7692). It is for WebSockets alone.
    #[must_use]
    pub fn deflated(&self, compress: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Self {
        let make = || {
            let mut out = Vec::with_capacity(self.frames().len());
            for (kind, data) in frames::split(self.frames()) {
                match compress(data) {
                    Some(data) => frames::push_compressed(kind, &data, &mut out),
                    None => frames::push(kind, &[], data, &mut out),
                }
            }
            Self::from_frames(out, 0, self.packets()).with_compression(false).with_worth(self.worth())
        };
        self.others().deflated.get_or_init(make).clone()
    }

    /// The packet for clients of protocol 3, to which its frames and its parts in payloads belong; with `base64` for
    /// those that read no binary.
    #[must_use]
    pub fn v3(&self, base64: bool) -> Self {
        if !self.has_binary() {
            return self.clone();
        }
        let others = self.others();
        let form = if base64 { &others.v3_base64 } else { &others.v3 };
        let make = || {
            let frames = v3_frames(self.frames(), base64);
            let form = Self::from_frames(frames, 0, self.packets());
            form.with_compression(self.compress()).with_worth(self.worth())
        };
        form.get_or_init(make).clone()
    }

    /// Whether some of the packets are binary. Text comes first if there is any.
    fn has_binary(&self) -> bool {
        self.0.packets > 1 || self.frames().first() == Some(&(Kind::Binary as u8))
    }

    fn others(&self) -> &Others {
        self.0.others.get_or_init(Box::default)
    }

    /// The packet as it goes into a WebTransport stream, headers included.
    #[must_use]
    pub fn stream(&self) -> &[u8] {
        if self.has_binary() {
            return self.others().stream.get_or_init(|| stream_of(self.frames()));
        }
        // Both transports write lengths alike: a text frame without its first byte is all there is to it.
        self.frames().get(1..).unwrap_or_default()
    }
}

/// Puts the header of a frame in front of what stands in a [`buffer`](Encoded::buffer); answers where it begins.
///
/// The message's length decides its header's length, so the message stands behind the longest header.
fn put_header(kind: Kind, buffer: &mut [u8]) -> usize {
    let mut header = [0; MAX_HEADER];
    let header = frames::header(kind, buffer.len().saturating_sub(MAX_HEADER), &mut header);
    let start = MAX_HEADER - header.len();
    buffer[start..MAX_HEADER].copy_from_slice(header);
    start
}

fn push_binary_frame(bytes: &[u8], out: &mut Vec<u8>) {
    frames::push(Kind::Binary, &[], bytes, out);
}

/// The JSON array of an Engine.IO message that is a Socket.IO event, as this server writes it.
fn event_array(message: &str) -> Option<&str> {
    let packet = message.strip_prefix('4')?;
    let rest = match packet.strip_prefix('2') {
        Some(rest) => rest,
        None => packet.strip_prefix('5')?.split_once('-')?.1,
    };
    let rest = if rest.starts_with('/') { rest.split_once(',')?.1 } else { rest };
    Some(rest.trim_start_matches(|character: char| character.is_ascii_digit()))
}

fn payload_of(frames: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(frames.len());
    for (kind, data) in frames::split(frames) {
        if !out.is_empty() {
            out.push(SEPARATOR as u8);
        }
        match kind {
            Kind::Text => out.extend_from_slice(data),
            Kind::Binary => encode_binary(data, &mut out),
        }
    }
    out.into()
}

/// The frames for a client of protocol 3: what is binary has a type, and is text if the client reads no binary.
fn v3_frames(frames: &[u8], base64: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(frames.len() + MAX_HEADER);
    for (kind, data) in frames::split(frames) {
        match (kind, base64) {
            (Kind::Text, _) => frames::push(Kind::Text, &[], data, &mut out),
            (Kind::Binary, false) => frames::push(Kind::Binary, &[v3::MESSAGE_BYTE], data, &mut out),
            (Kind::Binary, true) => {
                let mut text = Vec::new();
                v3::encode_base64(data, &mut text);
                frames::push(Kind::Text, &[], &text, &mut out);
            }
        }
    }
    out
}

/// The packets with the headers of WebTransport.
fn stream_of(frames: &[u8]) -> Box<[u8]> {
    let mut out = Vec::with_capacity(frames.len());
    for (kind, data) in frames::split(frames) {
        match (kind, data) {
            (Kind::Text, text) => stream::encode(false, text, &mut out),
            // A stream has no packets without bytes, but the text form of an empty binary message has one.
            (Kind::Binary, []) => stream::encode(false, b"b", &mut out),
            (Kind::Binary, bytes) => stream::encode(true, bytes, &mut out),
        }
    }
    out.into()
}

#[cfg(test)]
mod tests;
