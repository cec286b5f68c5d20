//! The frames that wait for one connection, in the order in which they were sent.

use std::{collections::VecDeque, io::IoSlice};

use super::{encoded::Encoded, poll_payload};
use crate::{config::Config, engine::Revision};

/// Pongs that wait to be written; a client that pings without reading costs no more than these.
const MAX_CONTROLS: usize = 16;
/// A list that grew beyond this gives its memory back once it is empty.
const KEPT_CAPACITY: usize = 16;
/// The slices handed to one vectored write.
const MAX_SLICES: usize = 64;

/// In which form packets are written to a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// As WebSocket frames. The bytes of a packet that waits for a poll are counted like this as well.
    #[default]
    Frames,
    /// With the headers of WebTransport.
    Stream,
}

impl Form {
    fn of(self, packet: &Encoded) -> &[u8] {
        match self {
            Form::Frames => packet.frames(),
            Form::Stream => packet.stream(),
        }
    }
}

/// Packets and WebSocket control frames.
#[derive(Debug, Default)]
pub(super) struct Queue {
    form: Form,
    /// Beside the others, as a connection that keeps up never has more.
    first: Option<Encoded>,
    behind: VecDeque<Encoded>,
    /// Bytes of the first that are written already.
    written: usize,
    bytes: usize,
    controls: usize,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// In which form packets are written.
    pub(super) fn form(&self) -> Form {
        self.form
    }

    /// Changes the form, before anything has been written in another one.
    pub(super) fn set_form(&mut self, form: Form) {
        if form != self.form {
            self.form = form;
            self.bytes = self.first.iter().chain(&self.behind).map(|packet| form.of(packet).len()).sum();
        }
    }

    /// The bytes that are not written yet.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The bytes behind the first packet; `None` if there is none.
    fn bytes_behind(&self) -> Option<usize> {
        let first = self.first.as_ref()?;
        Some(self.bytes - (self.form.of(first).len() - self.written))
    }

    /// Whether `another` byte count would exceed a bound.
    pub(super) fn is_full(&self, another: usize, config: &Config) -> bool {
        let Some(behind) = self.bytes_behind() else { return false };
        behind + another > config.max_queued_bytes || 1 + self.behind.len() >= config.max_queued_packets
    }

    /// Drops packets that wait and that `may_go`, the oldest first, until there is room for `another` byte count; answers
    /// how many. If that would not be enough, none is dropped and the answer is zero.
    ///
    /// The first packet stays, as part of it may be on its way.
    pub(super) fn make_room(
        &mut self,
        another: usize,
        config: &Config,
        may_go: impl Fn(&Encoded) -> bool,
    ) -> usize {
        let Some(behind) = self.bytes_behind() else { return 0 };
        let form = self.form;
        let mut bytes = (behind + another).saturating_sub(config.max_queued_bytes);
        let mut packets = (2 + self.behind.len()).saturating_sub(config.max_queued_packets);
        let mut seen = 0;
        for packet in &self.behind {
            if bytes == 0 && packets == 0 {
                break;
            }
            seen += 1;
            if may_go(packet) {
                bytes = bytes.saturating_sub(form.of(packet).len());
                packets = packets.saturating_sub(1);
            }
        }
        if bytes > 0 || packets > 0 {
            return 0;
        }
        let (kept, dropped): (Vec<_>, Vec<_>) = self.behind.drain(..seen).partition(|packet| !may_go(packet));
        kept.into_iter().rev().for_each(|packet| self.behind.push_front(packet));
        self.bytes -= dropped.iter().map(|packet| form.of(packet).len()).sum::<usize>();
        dropped.len()
    }

    /// How many packets wait.
    pub(super) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.behind.len()
    }

    pub(super) fn push(&mut self, frames: Encoded) {
        self.bytes += self.form.of(&frames).len();
        self.controls += usize::from(frames.is_control());
        if self.first.is_none() {
            self.first = Some(frames);
        } else {
            self.behind.push_back(frames);
        }
    }

    /// Adds a control frame; past a small number the oldest is dropped, which is answered.
    pub(super) fn push_control(&mut self, frame: Encoded) -> bool {
        let is_one_too_many = self.controls >= MAX_CONTROLS;
        let dropped = is_one_too_many && self.drop_oldest_control();
        self.push(frame);
        dropped
    }

    /// Takes the packets that one polling response may carry.
    pub(super) fn take_packets(&mut self, revision: Revision, config: &Config) -> Vec<Encoded> {
        let (mut taken, mut packets, mut bytes) = (Vec::new(), 0, 0);
        while let Some(next) = &self.first {
            packets += next.packets();
            bytes += poll_payload::size(next, revision);
            let fits = packets <= config.max_packets_per_poll && bytes <= config.max_payload;
            // The first goes out in any case, or it would block those behind it for ever.
            if !fits && !taken.is_empty() {
                break;
            }
            bytes += 1;
            // A control frame belongs to a WebSocket that is gone.
            taken.extend(self.pop().filter(|entry| !entry.is_control()));
        }
        taken
    }

    /// Lets `write` take the frames until nothing is left or it answers with an error.
    pub(super) fn write_with<E>(
        &mut self,
        mut write: impl FnMut(&[IoSlice<'_>]) -> Result<usize, E>,
    ) -> Result<(), E> {
        while let Some(first) = &self.first {
            let first = IoSlice::new(&self.form.of(first)[self.written..]);
            let taken =
                if self.behind.is_empty() { write(&[first])? } else { self.write_joined(first, &mut write)? };
            self.advance(taken);
        }
        if self.behind.capacity() > KEPT_CAPACITY {
            self.behind = VecDeque::new();
        }
        Ok(())
    }

    /// Writes what waits in one call, as far as one call can.
    fn write_joined<E>(
        &self,
        first: IoSlice<'_>,
        write: &mut impl FnMut(&[IoSlice<'_>]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        let mut slices = [first; MAX_SLICES];
        let mut used = 1;
        for (slot, entry) in slices[1..].iter_mut().zip(&self.behind) {
            *slot = IoSlice::new(self.form.of(entry));
            used += 1;
        }
        write(&slices[..used])
    }

    fn advance(&mut self, mut taken: usize) {
        while let Some(first) = &self.first {
            let rest = self.form.of(first).len() - self.written;
            if taken < rest {
                self.written += taken;
                self.bytes -= taken;
                return;
            }
            taken -= rest;
            self.pop();
        }
    }

    fn pop(&mut self) -> Option<Encoded> {
        let first = std::mem::replace(&mut self.first, self.behind.pop_front())?;
        self.bytes -= self.form.of(&first).len() - std::mem::take(&mut self.written);
        self.controls -= usize::from(first.is_control());
        Some(first)
    }

    /// Drops the first control frame of which nothing is written yet; answers whether there is one.
    fn drop_oldest_control(&mut self) -> bool {
        if self.written == 0 && self.first.as_ref().is_some_and(Encoded::is_control) {
            self.pop();
            return true;
        }
        if let Some(at) = self.behind.iter().position(Encoded::is_control)
            && let Some(dropped) = self.behind.remove(at)
        {
            self.bytes -= self.form.of(&dropped).len();
            self.controls -= 1;
            return true;
        }
        false
    }
}
