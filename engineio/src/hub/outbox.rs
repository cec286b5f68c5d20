//! What waits to be written to one connection.

use std::{collections::VecDeque, io::IoSlice};

use bytes::Bytes;
use parking_lot::Mutex;

use super::encoded::Encoded;
use crate::{config::Config, engine::payload::SEPARATOR};

/// What became of a packet that was to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It is on its way, or waits for its turn.
    Queued,
    /// It was volatile and the connection was not ready to write.
    Dropped,
    /// The connection has ended.
    Closed,
    /// The connection reads too slowly: its queue is full, and it is being closed.
    Overflow,
}

#[derive(Debug)]
enum Entry {
    Packet(Encoded),
    /// WebSocket control frames, which exist on no other transport.
    Control(Bytes),
}

impl Entry {
    fn frames(&self) -> &[u8] {
        match self {
            Entry::Packet(encoded) => encoded.frames(),
            Entry::Control(frame) => frame,
        }
    }
}

#[derive(Debug, Default)]
struct Queue {
    entries: VecDeque<Entry>,
    /// Bytes of the first entry that are written already.
    written: usize,
    bytes: usize,
    controls: usize,
    writable: bool,
    closed: bool,
}

/// The queue of one connection: pushes come from anywhere, one writer takes out.
///
/// Frames cannot interleave, because the writer holds the lock from looking at the first bytes to noting how
/// many the socket took.
#[derive(Debug, Default)]
pub struct Outbox {
    queue: Mutex<Queue>,
}

/// How a packet meets the bounds of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Only if the connection is idle and ready to write.
    Volatile,
    /// As long as the queue is within its bounds.
    Bounded,
    /// In any case: for what the protocol itself owes the client, which is little.
    Always,
}

/// Pongs that wait to be written; a client that pings without reading costs no more than these.
const MAX_CONTROLS: usize = 16;
/// A queue that grew beyond this gives its memory back once it is empty.
const KEPT_CAPACITY: usize = 64;
/// The slices handed to one vectored write.
const MAX_SLICES: usize = 64;

impl Outbox {
    /// Adds a packet.
    ///
    /// The bound on bytes is for what waits behind the first packet: a large one is not counted against those that
    /// are sent while it is on its way.
    ///
    /// # Errors
    /// The queue is full; the packet is given back.
    pub fn push(&self, packet: Encoded, admission: Admission, config: &Config) -> Result<Sent, Encoded> {
        let mut queue = self.queue.lock();
        if queue.closed {
            return Ok(Sent::Closed);
        }
        let ready = queue.writable && queue.entries.is_empty();
        if admission == Admission::Volatile && !ready {
            return Ok(Sent::Dropped);
        }
        if admission == Admission::Bounded && queue.is_full(packet.frames().len(), config) {
            return Err(packet);
        }
        queue.bytes += packet.frames().len();
        queue.entries.push_back(Entry::Packet(packet));
        Ok(Sent::Queued)
    }

    /// Adds a WebSocket control frame; past a small number the oldest is dropped.
    pub fn push_control(&self, frame: Bytes) {
        let mut queue = self.queue.lock();
        if queue.closed {
            return;
        }
        if queue.controls >= MAX_CONTROLS {
            queue.drop_oldest_control();
        }
        queue.controls += 1;
        queue.bytes += frame.len();
        queue.entries.push_back(Entry::Control(frame));
    }

    /// Adds a last control frame and takes nothing more.
    pub fn finish(&self, last: Option<Bytes>) {
        let mut queue = self.queue.lock();
        if queue.closed {
            return;
        }
        queue.closed = true;
        if let Some(frame) = last {
            queue.bytes += frame.len();
            queue.entries.push_back(Entry::Control(frame));
        }
    }

    /// Tells whether a volatile packet has a chance: a poll is waiting, or there is a WebSocket.
    pub fn set_writable(&self, writable: bool) {
        self.queue.lock().writable = writable;
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.lock().entries.is_empty()
    }

    /// The bytes that wait.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.queue.lock().bytes
    }

    /// Lets `write` write the waiting frames until it has taken all or answers with an error.
    ///
    /// `write` gets the slices in order and tells how many bytes it took.
    ///
    /// # Errors
    /// Those of `write`; what it took before stays taken.
    pub fn write_with<E>(&self, mut write: impl FnMut(&[IoSlice<'_>]) -> Result<usize, E>) -> Result<(), E> {
        let mut queue = self.queue.lock();
        while let Some(first) = queue.entries.front() {
            let first = IoSlice::new(&first.frames()[queue.written..]);
            let taken = if queue.entries.len() == 1 {
                write(&[first])?
            } else {
                queue.write_joined(first, &mut write)?
            };
            queue.advance(taken);
        }
        if queue.entries.capacity() > KEPT_CAPACITY {
            queue.entries.shrink_to(0);
        }
        Ok(())
    }

    /// Takes what one polling response may carry; `None` if nothing waits.
    #[must_use]
    pub fn take_payload(&self, config: &Config) -> Option<Bytes> {
        let mut queue = self.queue.lock();
        let first = queue.pop_packet()?;
        let (mut packets, mut bytes) = (first.packets(), first.payload().len());
        let fits = |packets: usize, bytes: usize| {
            packets <= config.max_packets_per_poll && bytes <= config.max_payload
        };
        let mut all = vec![first];
        while let Some(Entry::Packet(next)) = queue.entries.front() {
            packets += next.packets();
            bytes += 1 + next.payload().len();
            if !fits(packets, bytes) {
                break;
            }
            all.extend(queue.pop_packet());
        }
        drop(queue);
        if let [only] = &all[..] {
            return Some(only.payload().clone());
        }
        let mut out = Vec::with_capacity(bytes);
        for packet in &all {
            if !out.is_empty() {
                out.push(SEPARATOR as u8);
            }
            out.extend_from_slice(packet.payload());
        }
        Some(out.into())
    }
}

impl Queue {
    fn is_full(&self, another: usize, config: &Config) -> bool {
        let Some(first) = self.entries.front() else { return false };
        let behind = self.bytes.saturating_sub(first.frames().len() - self.written);
        behind + another > config.max_queued_bytes || self.entries.len() >= config.max_queued_packets
    }

    /// Writes what waits in one call, as far as one call can.
    fn write_joined<E>(
        &self,
        first: IoSlice<'_>,
        write: &mut impl FnMut(&[IoSlice<'_>]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        let mut slices = [first; MAX_SLICES];
        let mut used = 1;
        for (slot, entry) in slices[1..].iter_mut().zip(self.entries.iter().skip(1)) {
            *slot = IoSlice::new(entry.frames());
            used += 1;
        }
        write(&slices[..used])
    }

    /// Drops the first control frame of which nothing is written yet.
    fn drop_oldest_control(&mut self) {
        let begun = usize::from(self.written > 0);
        let is_control = |entry: &Entry| matches!(entry, Entry::Control(_));
        if let Some(at) = self.entries.iter().skip(begun).position(is_control)
            && let Some(entry) = self.entries.remove(begun + at)
        {
            self.bytes -= entry.frames().len();
            self.controls -= 1;
        }
    }

    fn advance(&mut self, mut taken: usize) {
        self.bytes = self.bytes.saturating_sub(taken);
        while let Some(entry) = self.entries.front() {
            let rest = entry.frames().len() - self.written;
            if taken < rest {
                self.written += taken;
                return;
            }
            taken -= rest;
            self.written = 0;
            self.controls -= usize::from(matches!(entry, Entry::Control(_)) && self.controls > 0);
            self.entries.pop_front();
        }
    }

    fn pop_packet(&mut self) -> Option<Encoded> {
        match self.entries.pop_front()? {
            Entry::Packet(packet) => {
                self.bytes = self.bytes.saturating_sub(packet.frames().len());
                Some(packet)
            }
            // A control frame belongs to a WebSocket that is gone.
            Entry::Control(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Encoded {
        Encoded::text(|out| out.extend_from_slice(text.as_bytes()))
    }

    fn push(outbox: &Outbox, packet: &str, admission: Admission, config: &Config) -> Sent {
        outbox.push(text(packet), admission, config).unwrap_or(Sent::Overflow)
    }

    fn outbox(texts: &[&str]) -> (Outbox, Config) {
        let (outbox, config) = (Outbox::default(), Config::default());
        for entry in texts {
            assert_eq!(push(&outbox, entry, Admission::Bounded, &config), Sent::Queued);
        }
        (outbox, config)
    }

    #[test]
    fn frames_come_out_whole_and_in_order_however_little_the_socket_takes() {
        for step in 1..9 {
            let (outbox, _) = outbox(&["4one", "4two", "4three"]);
            let mut out = Vec::new();
            let result: Result<(), ()> = outbox.write_with(|slices| {
                let bytes: Vec<u8> =
                    slices.iter().flat_map(|slice| slice.iter().copied()).take(step).collect();
                out.extend_from_slice(&bytes);
                Ok(bytes.len())
            });
            assert_eq!(result, Ok(()));
            assert_eq!(out, b"\x81\x044one\x81\x044two\x81\x064three");
            assert_eq!(outbox.queued_bytes(), 0);
        }
    }

    #[test]
    fn a_payload_joins_what_waits_within_its_limits() {
        let (outbox, config) = outbox(&["4a"; 20]);
        let payload = outbox.take_payload(&config).unwrap();
        assert_eq!(payload.split(|&byte| byte == 0x1e).count(), 16);
        let payload = outbox.take_payload(&config).unwrap();
        assert_eq!(&payload[..], b"4a\x1e4a\x1e4a\x1e4a");
        assert_eq!(outbox.take_payload(&config), None);
        assert_eq!(outbox.queued_bytes(), 0);
    }

    #[test]
    fn a_payload_larger_than_the_limit_is_sent_alone() {
        let (outbox, _) = outbox(&["4aaaaaaaaaa", "4b"]);
        let config = Config { max_payload: 5, ..Config::default() };
        assert_eq!(outbox.take_payload(&config).unwrap(), "4aaaaaaaaaa");
        assert_eq!(outbox.take_payload(&config).unwrap(), "4b");
    }

    #[test]
    fn a_volatile_packet_needs_an_idle_writable_connection() {
        let (outbox, config) = outbox(&[]);
        assert_eq!(push(&outbox, "4v", Admission::Volatile, &config), Sent::Dropped);
        outbox.set_writable(true);
        assert_eq!(push(&outbox, "4v", Admission::Volatile, &config), Sent::Queued);
        assert_eq!(push(&outbox, "4v", Admission::Volatile, &config), Sent::Dropped);
        assert_eq!(push(&outbox, "4n", Admission::Bounded, &config), Sent::Queued);
    }

    #[test]
    fn the_bound_on_bytes_is_for_what_waits_behind_the_first_packet() {
        let config = Config { max_queued_bytes: 10, ..Config::default() };
        let outbox = Outbox::default();
        for large in ["4 far more than ten bytes", "4six by"] {
            assert_eq!(push(&outbox, large, Admission::Bounded, &config), Sent::Queued);
        }
        assert_eq!(push(&outbox, "4", Admission::Bounded, &config), Sent::Overflow);
        assert_eq!(push(&outbox, "2", Admission::Always, &config), Sent::Queued);
    }

    #[test]
    fn the_number_of_packets_is_bounded() {
        let config = Config { max_queued_packets: 2, ..Config::default() };
        let outbox = Outbox::default();
        assert_eq!(push(&outbox, "4", Admission::Bounded, &config), Sent::Queued);
        assert_eq!(push(&outbox, "4", Admission::Bounded, &config), Sent::Queued);
        assert_eq!(push(&outbox, "4", Admission::Bounded, &config), Sent::Overflow);
    }

    #[test]
    fn a_ping_flood_keeps_few_pongs_and_those_are_the_latest() {
        let (outbox, _) = outbox(&["4a"]);
        for number in 0..100 {
            outbox.push_control(Bytes::copy_from_slice(&[0x8a, 1, number]));
        }
        let mut out = Vec::new();
        let drained: Result<(), ()> = outbox.write_with(|slices| {
            out.extend(slices.iter().flat_map(|slice| slice.iter().copied()));
            Ok(slices.iter().map(|slice| slice.len()).sum())
        });
        assert_eq!(drained, Ok(()));
        let pongs: Vec<u8> = (84..100).flat_map(|number| [0x8a, 1, number]).collect();
        assert_eq!(out, [b"\x81\x024a", &pongs[..]].concat());
        assert_eq!(outbox.queued_bytes(), 0);
    }

    #[test]
    fn a_pong_that_is_half_written_is_not_dropped() {
        let outbox = Outbox::default();
        outbox.push_control(Bytes::from_static(b"\x8a\x01a"));
        let mut first = true;
        let blocked = outbox.write_with(|_| if std::mem::take(&mut first) { Ok(1) } else { Err(()) });
        assert_eq!(blocked, Err(()));
        for _ in 0..100 {
            outbox.push_control(Bytes::from_static(b"\x8a\x01b"));
        }
        let mut out = Vec::new();
        let drained: Result<(), ()> = outbox.write_with(|slices| {
            out.extend(slices.iter().flat_map(|slice| slice.iter().copied()));
            Ok(slices.iter().map(|slice| slice.len()).sum())
        });
        assert_eq!(drained, Ok(()));
        assert_eq!(&out[..5], b"\x01a\x8a\x01b");
    }

    #[test]
    fn a_finished_queue_takes_nothing_more() {
        let (outbox, config) = outbox(&["4a"]);
        outbox.finish(Some(Bytes::from_static(b"\x88\0")));
        assert_eq!(push(&outbox, "4b", Admission::Bounded, &config), Sent::Closed);
        assert_eq!(outbox.queued_bytes(), 6);
    }
}
