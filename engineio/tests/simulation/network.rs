//! A WebSocket's bytes on their way to a client: torn, joined, and held back.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    sync::Mutex,
};

use engineio::hub::Link;

use crate::rng::Rng;

/// What came out of a transport at the client's end.
#[derive(Debug, PartialEq)]
pub enum Incoming {
    Text(String),
    Binary(Vec<u8>),
    /// The transport has ended.
    End,
}

#[derive(Debug)]
struct State {
    bytes: VecDeque<u8>,
    capacity: usize,
    rng: Rng,
    is_broken: bool,
}

/// One direction of a connection, which takes as much as it likes.
#[derive(Debug)]
pub struct Pipe(Mutex<State>);

impl Pipe {
    pub fn new(capacity: usize, rng: Rng) -> Self {
        Self(Mutex::new(State { bytes: VecDeque::new(), capacity, rng, is_broken: false }))
    }

    /// Everything that is written from now on fails.
    pub fn break_off(&self) {
        self.0.lock().unwrap().is_broken = true;
    }

    pub fn is_empty(&self) -> bool {
        self.0.lock().unwrap().bytes.is_empty()
    }

    pub fn has_room(&self) -> bool {
        let state = self.0.lock().unwrap();
        state.bytes.len() < state.capacity && !state.is_broken
    }

    /// Takes some bytes out at the client's end.
    pub fn take(&self, limit: usize) -> Vec<u8> {
        let bytes = &mut self.0.lock().unwrap().bytes;
        let count = limit.min(bytes.len());
        bytes.drain(..count).collect()
    }
}

impl Link for Pipe {
    fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut state = self.0.lock().unwrap();
        if state.is_broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let room = state.capacity.saturating_sub(state.bytes.len());
        if room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let all: usize = slices.iter().map(|slice| slice.len()).sum();
        let most = if state.rng.one_in(3) { 1 + state.rng.below(all.max(1)) } else { all };
        let count = most.min(room).min(all);
        let bytes = slices.iter().flat_map(|slice| slice.iter().copied()).take(count);
        state.bytes.extend(bytes);
        Ok(count)
    }
}

/// Finds the frames in bytes that come in pieces (RFC 6455, section 5.2).
#[derive(Debug, Default)]
pub struct FrameReader(Vec<u8>);

impl FrameReader {
    /// Takes in a piece.
    ///
    /// # Errors
    /// What came is no frame that a server sends.
    pub fn feed(&mut self, piece: &[u8]) -> Result<Vec<Incoming>, String> {
        self.0.extend_from_slice(piece);
        let mut found = Vec::new();
        while let Some((start, end)) = self.frame() {
            let data = self.0[start..end].to_vec();
            found.push(match self.0[0] {
                0x81 => Incoming::Text(String::from_utf8(data).map_err(|_| "a text is no UTF-8".to_owned())?),
                0x82 => Incoming::Binary(data),
                0x88 => Incoming::End,
                other => return Err(format!("a frame begins with {other:#x}")),
            });
            self.0.drain(..end);
        }
        Ok(found)
    }

    /// Where the content of the first frame is, if it is whole.
    fn frame(&self) -> Option<(usize, usize)> {
        let bytes = &self.0;
        let (start, length) = match *bytes.get(1)? {
            126 => (4, usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]))),
            127 => {
                let wide: [u8; 8] = bytes.get(2..10)?.try_into().ok()?;
                (10, u64::from_be_bytes(wide) as usize)
            }
            short => (2, usize::from(short)),
        };
        (bytes.len() >= start + length).then_some((start, start + length))
    }
}
