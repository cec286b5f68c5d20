//! Opening many WebSocket connections, some at a time.

use crate::{fault::Fault, io::Io, net::Id};

/// The most connections being opened at once; more would overflow the queues of small servers.
const AT_ONCE: u32 = 64;

/// Connections that stay open, known by their numbers from 0.
#[derive(Debug)]
pub(crate) struct Crowd {
    wanted: u32,
    begun: u32,
    ready: u32,
    ids: Vec<Id>,
}

impl Crowd {
    pub(crate) fn new(wanted: u32) -> Self {
        Self { wanted, begun: 0, ready: 0, ids: vec![0; wanted as usize] }
    }

    /// Begins to open connections.
    pub(crate) fn open(&mut self, io: &mut Io) -> Result<(), Fault> {
        io.tally.wanted = u64::from(self.wanted);
        while self.begun < self.wanted.min(self.ready + AT_ONCE) {
            self.ids[self.begun as usize] = io.open_websocket(u64::from(self.begun))?;
            self.begun += 1;
        }
        Ok(())
    }

    /// Notes that a connection is ready and opens further ones. Tells whether all are ready.
    pub(crate) fn ready(&mut self, io: &mut Io) -> Result<bool, Fault> {
        self.ready += 1;
        io.tally.ready = u64::from(self.ready);
        io.step();
        self.open(io)?;
        Ok(self.complete())
    }

    /// How many connections there are to be.
    pub(crate) fn wanted(&self) -> u32 {
        self.wanted
    }

    /// Whether all connections are ready.
    pub(crate) fn complete(&self) -> bool {
        self.ready == self.wanted
    }

    /// The connection of a number.
    pub(crate) fn id(&self, number: u32) -> Id {
        self.ids[number as usize]
    }

    /// What is awaited during the setup.
    pub(crate) fn awaited(&self) -> String {
        format!("{} of {} connections ready", self.ready, self.wanted)
    }
}
