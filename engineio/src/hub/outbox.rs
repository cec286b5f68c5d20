//! What waits to be written to one connection.

mod overflow;

use std::{
    fmt,
    io::{self, IoSlice},
    sync::{Arc, atomic::Ordering},
};

use super::{
    application::Link,
    encoded::{CLOSE_FRAME, Encoded},
    queue::{Form, Queue},
};
use crate::{
    config::Config,
    engine::Revision,
    sync::{AtomicUsize, Mutex},
};

/// What became of a packet that was to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It is on its way, or waits for its turn.
    Queued,
    /// It is on its way or waits for its turn, and events that waited before it were dropped to make room; see
    /// [`Config::overflow`].
    Displaced,
    /// It was volatile and the connection was not ready to write, or it was droppable and the queue is full.
    Dropped,
    /// The connection has ended.
    Closed,
    /// The connection reads too slowly: its queue is full, and it is being closed.
    Overflow,
}

/// The outgoing side of one connection: pushes come from anywhere, one writer takes out.
///
/// Frames cannot interleave, because the writer holds the lock from looking at the first bytes to noting how
/// many the socket took.
#[derive(Default)]
pub struct Outbox {
    state: Mutex<State>,
    /// A copy of the queue's length in bytes, to be looked at before each message that is read without the lock.
    queued_bytes: AtomicUsize,
}

#[derive(Default)]
struct State {
    queue: Queue,
    /// The WebSocket or WebTransport stream, once there is one.
    link: Option<Arc<dyn Link>>,
    writable: bool,
    closed: bool,
    /// What packets become before they are queued, on a WebSocket that compresses.
    compress: Option<Arc<Compressor>>,
    /// Packets that were dropped because the queue was full.
    dropped: u64,
}

/// Makes a packet's compressed form.
pub type Compressor = dyn Fn(&Encoded) -> Encoded + Send + Sync;

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        f.debug_struct("Outbox")
            .field("queue", &state.queue)
            .field("closed", &state.closed)
            .finish_non_exhaustive()
    }
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

impl Outbox {
    /// Does something to the queue.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock();
        let result = change(&mut state);
        self.queued_bytes.store(state.queue.bytes(), Ordering::Release);
        result
    }

    /// Adds a packet.
    ///
    /// The bound on bytes is for what waits behind the first packet: a large one is not counted against those that
    /// are sent while it is on its way.
    ///
    /// # Errors
    /// The queue is full; the packet is given back.
    pub fn push(&self, packet: Encoded, admission: Admission, config: &Config) -> Result<Sent, Encoded> {
        self.change(|state| {
            if state.closed {
                return Ok(Sent::Closed);
            }
            let packet = match &state.compress {
                Some(compress) if packet.compress() => compress(&packet),
                Some(_) | None => packet,
            };
            let ready = state.writable && state.queue.is_empty();
            if admission == Admission::Volatile && !ready {
                return Ok(Sent::Dropped);
            }
            if admission == Admission::Bounded && state.queue.is_full(packet.frames().len(), config) {
                return Err(packet);
            }
            state.queue.push(packet);
            Ok(Sent::Queued)
        })
    }

    /// Adds a WebSocket control frame; past a small number the oldest is dropped, which is answered.
    pub fn push_control(&self, frame: &[u8]) -> bool {
        self.change(|state| !state.closed && state.queue.push_control(Encoded::control(frame)))
    }

    /// Adds a last control frame and takes nothing more.
    pub fn finish(&self, last: Option<&[u8]>) {
        self.change(|state| state.finish(last));
    }

    /// Takes nothing more; a WebSocket ends with a close frame.
    pub fn close(&self) {
        self.change(|state| {
            let is_websocket = state.link.is_some() && state.queue.form() == Form::Frames;
            state.finish(is_websocket.then_some(CLOSE_FRAME));
        });
    }

    /// Lets whoever sends something write to the stream `link`.
    pub fn attach(&self, link: Arc<dyn Link>) {
        let mut state = self.state.lock();
        state.queue.set_form(link.form());
        state.link = Some(link);
        state.writable = true;
    }

    /// Compresses what is sent from now on.
    pub fn compress(&self, compressor: Arc<Compressor>) {
        self.state.lock().compress = Some(compressor);
    }

    /// Lets go of the stream, so that a program that holds on to the session does not hold the connection open.
    pub fn detach(&self) {
        self.state.lock().link = None;
    }

    /// Tells whether a volatile packet has a chance: a poll is waiting, or there is a stream.
    pub fn set_writable(&self, writable: bool) {
        self.state.lock().writable = writable;
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.state.lock().queue.is_empty()
    }

    /// The bytes that wait.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.queued_bytes.load(Ordering::Acquire)
    }

    /// Writes what waits to the stream, as far as it takes it now.
    ///
    /// # Errors
    /// Something is left for the connection's task, or there is no stream.
    pub fn flush(&self) -> io::Result<()> {
        self.change(|State { queue, link, .. }| match link {
            Some(link) => queue.write_with(|slices| link.write(slices)),
            None => Err(io::ErrorKind::NotConnected.into()),
        })
    }

    /// Lets `write` write the waiting frames until it has taken all or answers with an error.
    ///
    /// `write` gets the slices in order and tells how many bytes it took.
    ///
    /// # Errors
    /// Those of `write`; what it took before stays taken.
    pub fn write_with<E>(&self, write: impl FnMut(&[IoSlice<'_>]) -> Result<usize, E>) -> Result<(), E> {
        self.change(|state| state.queue.write_with(write))
    }

    /// Takes the packets that one polling response of this revision may carry.
    #[must_use]
    pub fn take_packets(&self, revision: Revision, config: &Config) -> Vec<Encoded> {
        self.change(|state| state.queue.take_packets(revision, config))
    }

    /// The same for a session that ends: if there are none, nothing more is taken.
    #[must_use]
    pub fn take_packets_or_finish(&self, revision: Revision, config: &Config) -> Vec<Encoded> {
        self.change(|state| {
            let packets = state.queue.take_packets(revision, config);
            if packets.is_empty() {
                state.finish(None);
            }
            packets
        })
    }
}

impl State {
    fn finish(&mut self, last: Option<&[u8]>) {
        if !std::mem::replace(&mut self.closed, true)
            && let Some(frame) = last
        {
            self.queue.push(Encoded::control(frame));
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use parking_lot::Mutex;

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

    fn take(outbox: &Outbox, revision: Revision, config: &Config) -> Vec<Bytes> {
        let packets = outbox.take_packets(revision, config);
        packets.iter().map(|packet| packet.payload().clone()).collect()
    }

    #[test]
    fn a_payload_joins_what_waits_within_its_limits() {
        for revision in [Revision::V3, Revision::V4] {
            let (outbox, config) = outbox(&["4a"; 20]);
            assert_eq!(take(&outbox, revision, &config).len(), 16);
            assert_eq!(take(&outbox, revision, &config), ["4a"; 4]);
            assert!(take(&outbox, revision, &config).is_empty());
            assert_eq!(outbox.queued_bytes(), 0);
        }
    }

    #[test]
    fn a_payload_larger_than_the_limit_is_sent_alone() {
        let config = Config { max_payload: 5, ..Config::default() };
        for revision in [Revision::V3, Revision::V4] {
            let (outbox, _) = outbox(&["4aaaaaaaaaa", "4b"]);
            assert_eq!(take(&outbox, revision, &config), ["4aaaaaaaaaa"]);
            assert_eq!(take(&outbox, revision, &config), ["4b"]);
        }
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
            assert_eq!(outbox.push_control(&[0x8a, 1, number]), number >= 16, "{number}");
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
        outbox.push_control(b"\x8a\x01a");
        let mut first = true;
        let blocked = outbox.write_with(|_| if std::mem::take(&mut first) { Ok(1) } else { Err(()) });
        assert_eq!(blocked, Err(()));
        for _ in 0..100 {
            outbox.push_control(b"\x8a\x01b");
        }
        let mut out = Vec::new();
        let drained: Result<(), ()> = outbox.write_with(|slices| {
            out.extend(slices.iter().flat_map(|slice| slice.iter().copied()));
            Ok(slices.iter().map(|slice| slice.len()).sum())
        });
        assert_eq!(drained, Ok(()));
        assert_eq!(&out[..5], b"\x01a\x8a\x01b");
    }

    /// Notes what is written to it.
    struct Wire(Form, Mutex<Vec<u8>>);

    impl Link for Wire {
        fn form(&self) -> Form {
            self.0
        }

        fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            let mut wire = self.1.lock();
            slices.iter().for_each(|slice| wire.extend_from_slice(slice));
            Ok(slices.iter().map(|slice| slice.len()).sum())
        }
    }

    #[test]
    fn what_waited_for_a_poll_goes_into_a_stream_in_the_form_of_its_transport() {
        for (form, wanted) in
            [(Form::Frames, &b"\x81\x024a\x82\x01\x07\x88\0"[..]), (Form::Stream, b"\x024a\x81\x07")]
        {
            let (outbox, config) = outbox(&["4a"]);
            assert!(outbox.push(Encoded::binary(&[7]), Admission::Bounded, &config).is_ok());
            let wire = Arc::new(Wire(form, Mutex::default()));
            outbox.attach(Arc::<Wire>::clone(&wire));
            outbox.close();
            outbox.flush().unwrap();
            assert_eq!(*wire.1.lock(), wanted);
            assert_eq!(outbox.queued_bytes(), 0);
        }
    }

    #[test]
    fn a_finished_queue_takes_nothing_more() {
        let (outbox, config) = outbox(&["4a"]);
        outbox.finish(Some(b"\x88\0"));
        assert_eq!(push(&outbox, "4b", Admission::Bounded, &config), Sent::Closed);
        assert_eq!(outbox.queued_bytes(), 6);
    }
}
