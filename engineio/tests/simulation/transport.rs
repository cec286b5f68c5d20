//! One session's way between client and server, over both transports.

mod client;
mod server;
mod upgrade;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use engineio::{
    Server,
    engine::{CloseReason, Transport},
    hub::{Peer, PollPayload},
};

use crate::{
    dialect::{Body, Dialect},
    network::{FrameReader, Pipe},
    runtime::Flag,
};

/// How far the change to a WebSocket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    None,
    /// The WebSocket is there and nothing was said on it.
    Opened,
    /// The server has answered the probe; the client lets its requests end.
    Answered,
    /// The server has given up.
    Dropped,
}

/// What a poll was answered.
enum Answer {
    Body(Body),
    Failed,
}

impl Answer {
    fn with(payload: &PollPayload) -> Self {
        Answer::Body(Body { bytes: payload.bytes.to_vec(), is_binary: payload.is_binary })
    }
}

pub struct Connection {
    pub peer: Arc<Peer>,
    pub probe: Probe,
    dialect: Dialect,
    pipe: Option<Arc<Pipe>>,
    /// Packets on their way to the server over the WebSocket.
    uplink: VecDeque<String>,
    is_cut: bool,
    /// The server's task has ended and only writes what is left.
    lingers: bool,
    reader: FrameReader,
    polling: bool,
    posting: bool,
    answer: Option<Answer>,
    /// Packets that have reached the session since somebody last asked.
    arrived: Vec<String>,
    /// When the server last heard the client's part of the heartbeat, if it was not the beginning.
    pub heard_at: Duration,
    owner: Arc<Flag>,
    post: Arc<Flag>,
    upgrade: Arc<Flag>,
}

impl Connection {
    pub fn open(io: &Server, dialect: Dialect, now: Duration, pipe: Option<Pipe>) -> Self {
        let (config, runtime) = (Arc::clone(io.config()), Arc::clone(io.runtime()));
        let transport = if pipe.is_some() { Transport::Websocket } else { Transport::Polling };
        let (revision, sid) = (dialect.revision(), runtime.fresh_sid());
        let peer = Peer::with_revision(revision, sid, transport, config, runtime, io.peers());
        peer.set_base64(dialect == Dialect::Old { base64: true } && pipe.is_none());
        io.peers().insert(*peer.sid(), Arc::clone(&peer));
        peer.open(io, &http::Request::new(()).into_parts().0);
        let mut connection = Self {
            peer,
            probe: Probe::None,
            dialect,
            pipe: None,
            uplink: VecDeque::new(),
            is_cut: false,
            lingers: false,
            reader: FrameReader::default(),
            polling: false,
            posting: false,
            answer: None,
            arrived: Vec::new(),
            heard_at: now,
            owner: Arc::default(),
            post: Arc::default(),
            upgrade: Arc::default(),
        };
        if let Some(pipe) = pipe {
            connection.attach(pipe);
        }
        connection
    }

    pub fn is_websocket(&self) -> bool {
        self.pipe.is_some()
    }

    /// Says what was left undone.
    pub fn forgotten(&self) -> Option<&'static str> {
        let peer = &self.peer;
        let outbox = peer.outbox();
        let has_ended = peer.ended().is_some();
        if let Some(pipe) = &self.pipe {
            if !outbox.is_empty() && pipe.has_room() {
                return Some("a WebSocket with room was not written to");
            }
            // Once the queue was too long for reading on, all of it is written first.
            let is_held = peer.is_behind() || !outbox.is_empty();
            if !self.uplink.is_empty() && !is_held && !has_ended {
                return Some("a WebSocket was not read from");
            }
            return (has_ended && !self.lingers).then_some("a WebSocket outlived its session");
        }
        if self.polling && (!outbox.is_empty() || has_ended) {
            return Some("a poll was not answered");
        }
        if self.posting && (!peer.is_behind() || has_ended) {
            return Some("a POST was not answered");
        }
        None
    }

    /// Whether the server took the client for dead before it could know.
    pub fn has_timed_out_early(&self, now: Duration) -> bool {
        let config = self.peer.config();
        self.peer.ended() == Some(CloseReason::PingTimeout)
            && now < self.heard_at + config.ping_interval + config.ping_timeout
    }

    /// Whether nothing is left of it on the server's side.
    pub fn is_over(&self) -> bool {
        self.peer.ended().is_some() && !self.polling && !self.posting && (self.pipe.is_none() || self.lingers)
    }
}
