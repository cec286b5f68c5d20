//! What a scenario works with: connections, the time, and the tally of what it has completed.

use crate::{
    fault::Fault,
    net::{Id, Kind, Net, Stage},
    tally::Tally,
    target::Target,
    wire::frame::{self, Opcode},
};

/// A Socket.IO packet or the attachment of one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Message<'a> {
    /// An Engine.IO message, its `4` included.
    Text(&'a [u8]),
    /// An attachment.
    Binary(&'a [u8]),
}

/// The network, the time and the tally, lent to a scenario at every step.
pub(crate) struct Io {
    pub(crate) net: Net,
    pub(crate) target: Target,
    /// The time of the current event, in nanoseconds since the start of the run.
    pub(crate) now: u64,
    /// Whether new operations may begin.
    pub(crate) running: bool,
    /// Whether an operation that ends is followed by another.
    pub(crate) closed_loop: bool,
    /// Whether the scenario's connections are ready for the first operation.
    pub(crate) prepared: bool,
    /// Whether completed operations belong to the measured window.
    pub(crate) measuring: bool,
    pub(crate) tally: Tally,
}

impl Io {
    pub(crate) fn new(net: Net, target: Target, closed_loop: bool) -> Result<Self, Fault> {
        Ok(Self {
            net,
            target,
            now: 0,
            running: false,
            closed_loop,
            prepared: false,
            measuring: false,
            tally: Tally::new()?,
        })
    }

    /// Opens a session over WebSocket; the scenario hears of it when it is in its namespace.
    pub(crate) fn open_websocket(&mut self, tag: u64) -> Result<Id, Fault> {
        self.net.connect(Kind::WebSocket(Stage::Upgrade), tag, &self.target.open_websocket)
    }

    /// Opens a session over WebSocket with a cookie of its own.
    pub(crate) fn open_websocket_as(&mut self, tag: u64, cookie: &str) -> Result<Id, Fault> {
        let request = self.target.upgrade("", cookie);
        self.net.connect(Kind::WebSocket(Stage::Upgrade), tag, &request)
    }

    /// Opens a WebSocket for a polling session; the scenario hears of it when the probe is answered.
    pub(crate) fn probe_websocket(&mut self, tag: u64, sid: &str) -> Result<Id, Fault> {
        let request = self.target.upgrade(sid, "");
        self.net.connect(Kind::WebSocket(Stage::ProbeUpgrade), tag, &request)
    }

    /// Opens an HTTP connection with its first request.
    pub(crate) fn open_http(&mut self, tag: u64, request: &[u8]) -> Result<Id, Fault> {
        self.net.connect(Kind::Http, tag, request)
    }

    /// What the scenario knows a connection by.
    pub(crate) fn tag(&mut self, id: Id) -> u64 {
        self.net.get(id).map_or(0, |connection| connection.tag)
    }

    /// The same as a place in a list.
    pub(crate) fn index(&mut self, id: Id) -> usize {
        usize::try_from(self.tag(id)).unwrap_or(usize::MAX)
    }

    /// Sends a text message over a WebSocket.
    pub(crate) fn text(&mut self, id: Id, packet: &[u8]) {
        self.net.append(id, |out| frame::write(out, Opcode::Text, &[packet]));
    }

    /// Sends a binary message over a WebSocket.
    pub(crate) fn binary(&mut self, id: Id, bytes: &[u8]) {
        self.net.append(id, |out| frame::write(out, Opcode::Binary, &[bytes]));
    }

    /// Notes that an operation is complete that should have begun at a time.
    pub(crate) fn complete(&mut self, since: u64) {
        self.tally.total += 1;
        self.tally.last_progress = self.now;
        if self.measuring {
            self.tally.measure(self.now.saturating_sub(since));
        }
    }

    /// Notes a step of the setup, so that a long setup does not count as a stall.
    pub(crate) fn step(&mut self) {
        self.tally.last_progress = self.now;
    }

    /// Whether a completed operation is to be followed by another.
    pub(crate) fn again(&self) -> bool {
        self.running && self.closed_loop
    }
}
