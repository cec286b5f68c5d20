//! One session's way between client and server, both transports and the change from the one to the other. The server's
//! half does what its network shell does, with flags in place of sockets.

use std::{collections::VecDeque, io, sync::Arc, task::Waker};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use engineio::{
    Server,
    engine::{Action, CloseReason, Input, Packet, Transport, payload},
    hub::{Link, Peer, PollAnswer, Turn, Waiting},
};

use crate::{
    network::{FrameReader, Incoming, Pipe},
    runtime::Flag,
};

/// Messages taken in before the server lets others run.
const MESSAGES_AT_ONCE: usize = 3;

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
    Body(String),
    Failed,
}

pub struct Connection {
    pub peer: Arc<Peer>,
    pub probe: Probe,
    pipe: Option<Arc<Pipe>>,
    /// Messages on their way to the server over the WebSocket.
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
    owner: Arc<Flag>,
    post: Arc<Flag>,
    upgrade: Arc<Flag>,
}

impl Connection {
    pub fn open(io: &Server, pipe: Option<Pipe>) -> Self {
        let (config, runtime) = (Arc::clone(io.config()), Arc::clone(io.runtime()));
        let transport = if pipe.is_some() { Transport::Websocket } else { Transport::Polling };
        let peer = Peer::new(runtime.fresh_sid(), transport, config, runtime, io.peers());
        io.peers().insert(*peer.sid(), Arc::clone(&peer));
        peer.open(io, &http::Request::new(()).into_parts().0);
        let mut connection = Self {
            peer,
            probe: Probe::None,
            pipe: None,
            uplink: VecDeque::new(),
            is_cut: false,
            lingers: false,
            reader: FrameReader::default(),
            polling: false,
            posting: false,
            answer: None,
            arrived: Vec::new(),
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

    // ---- the server's half ----

    fn attach(&mut self, pipe: Pipe) {
        let pipe = Arc::new(pipe);
        self.pipe = Some(Arc::clone(&pipe));
        self.peer.attach(pipe);
        self.owner.set();
    }

    /// Does what the server has been woken for; answers whether it was.
    pub fn serve(&mut self) -> bool {
        let woken = [self.owner.take(), self.post.take(), self.upgrade.take()];
        if woken[0] {
            match self.pipe.clone() {
                Some(pipe) => self.run_socket(&pipe),
                None => self.look_at_poll(),
            }
        }
        if woken[1] {
            self.look_at_post();
        }
        if woken[2] {
            self.look_at_upgrade();
        }
        woken.contains(&true)
    }

    pub fn take_arrived(&mut self) -> Vec<String> {
        std::mem::take(&mut self.arrived)
    }

    fn wait(&self, who: Waiting, flag: &Arc<Flag>) {
        self.peer.wait(who, &Waker::from(Arc::clone(flag)));
    }

    fn run_socket(&mut self, pipe: &Pipe) {
        if self.lingers {
            return drop(self.peer.outbox().write_with(|slices| pipe.write(slices)));
        }
        self.wait(Waiting::Owner, &self.owner);
        if self.read_socket(pipe) {
            self.owner.set();
        }
        self.write_socket(pipe);
        if self.peer.ended().is_some() {
            self.peer.lost(CloseReason::TransportError);
            self.peer.outbox().detach();
            self.lingers = true;
            self.owner.set();
        }
    }

    fn read_socket(&mut self, pipe: &Pipe) -> bool {
        let peer = Arc::clone(&self.peer);
        let _turn = Turn::begin(peer.runtime());
        for _ in 0..MESSAGES_AT_ONCE {
            let is_held = peer.is_behind() || !peer.has_room() && !self.write_socket(pipe);
            if peer.ended().is_some() || is_held {
                return false;
            }
            match self.uplink.pop_front() {
                Some(message) => {
                    feed(&peer, &message);
                    self.arrived.push(message);
                }
                None if self.is_cut => {
                    peer.outbox().finish(None);
                    peer.lost(CloseReason::TransportClose);
                }
                None => return false,
            }
        }
        true
    }

    /// Writes what waits; answers whether that is all.
    fn write_socket(&self, pipe: &Pipe) -> bool {
        match self.peer.outbox().write_with(|slices| pipe.write(slices)) {
            Ok(()) => true,
            Err(error) => {
                if error.kind() != io::ErrorKind::WouldBlock {
                    self.peer.lost(CloseReason::TransportError);
                }
                false
            }
        }
    }

    fn look_at_poll(&mut self) {
        if !self.polling {
            return;
        }
        self.wait(Waiting::Owner, &self.owner);
        if let Some(answer) = self.peer.poll_answer() {
            self.polling = false;
            self.peer.outbox().set_writable(false);
            self.peer.feed(Input::PollAnswered);
            self.answer = Some(match answer {
                PollAnswer::Payload(payload) => body(&payload.bytes),
                PollAnswer::Failed => Answer::Failed,
            });
        }
    }

    fn look_at_post(&mut self) {
        if !self.posting {
            return;
        }
        self.wait(Waiting::Post, &self.post);
        if !self.peer.is_behind() || self.peer.ended().is_some() {
            self.posting = false;
            self.peer.feed(Input::PostEnded);
        }
    }

    fn look_at_upgrade(&mut self) {
        if !matches!(self.probe, Probe::Opened | Probe::Answered) {
            return;
        }
        self.wait(Waiting::Upgrade, &self.upgrade);
        if !self.peer.is_upgrading() {
            self.probe = Probe::Dropped;
            self.peer.feed(Input::UpgradeLost);
        }
    }

    // ---- the client's half ----

    /// Whether a request can carry packets to the server now.
    pub fn can_send(&self) -> bool {
        !self.is_cut && (self.is_websocket() || !self.posting && self.probe != Probe::Answered)
    }

    /// Sends packets, by polling all of them in one request.
    pub fn send(&mut self, packets: Vec<String>) {
        if self.is_websocket() {
            self.uplink.extend(packets);
            self.owner.set();
            return;
        }
        if self.peer.feed(Input::PostOpened) != Action::None {
            return;
        }
        let body = packets.join("\x1e");
        for packet in payload::decode(&body) {
            match packet {
                Ok(packet) => drop(self.peer.feed(Input::Packet(packet))),
                Err(_) => self.peer.lost(CloseReason::ParseError),
            }
            if self.peer.ended().is_some() {
                break;
            }
        }
        self.arrived.extend(packets);
        self.posting = true;
        self.post.set();
    }

    /// Whether the client may ask for packets: it has no poll, and no answer that it has not read.
    pub fn can_poll(&self) -> bool {
        !self.is_websocket() && !self.polling && self.answer.is_none() && self.probe != Probe::Answered
    }

    pub fn is_polling(&self) -> bool {
        self.polling
    }

    /// Sends a GET, even if another one waits.
    pub fn poll(&mut self) {
        match self.peer.feed(Input::PollOpened) {
            Action::Farewell => {
                self.answer = Some(body(&self.peer.farewell().bytes));
            }
            Action::Refuse => self.answer = Some(Answer::Failed),
            Action::None | Action::ReleasePoll => {
                self.polling = true;
                self.peer.outbox().set_writable(true);
                self.owner.set();
            }
            // The second of two; what the first is answered ends the session for the client.
            Action::Close(_)
            | Action::Deliver(_)
            | Action::SendPing
            | Action::SendPong
            | Action::AnswerProbe
            | Action::Switch
            | Action::DropUpgrade
            | Action::AwaitLastPoll => {}
        }
    }

    /// Cuts the waiting GET.
    pub fn abort_poll(&mut self) {
        self.polling = false;
        self.peer.outbox().set_writable(false);
        self.peer.feed(Input::PollAborted);
    }

    /// Whether there is something to read.
    pub fn has_arrived(&self) -> bool {
        self.answer.is_some() || self.pipe.as_ref().is_some_and(|pipe| !pipe.is_empty())
    }

    /// Reads what has arrived, some bytes of it on a WebSocket.
    pub fn read(&mut self, limit: usize) -> Result<Vec<Incoming>, String> {
        let Some(pipe) = &self.pipe else {
            return Ok(match self.answer.take() {
                Some(Answer::Body(body)) => packets(&body),
                Some(Answer::Failed) => vec![Incoming::End],
                None => Vec::new(),
            });
        };
        let bytes = pipe.take(limit);
        if !bytes.is_empty() {
            self.owner.set();
        }
        let mut found = self.reader.feed(&bytes)?;
        if self.lingers && pipe.is_empty() && self.peer.outbox().is_empty() {
            found.push(Incoming::End);
        }
        Ok(found)
    }

    /// The way is gone for the client; if `heard`, the server hears of it at once, otherwise by its heartbeat alone.
    pub fn cut(&mut self, heard: bool) {
        self.answer = None;
        if self.is_websocket() {
            self.is_cut = heard;
            if heard {
                self.uplink.clear();
                self.owner.set();
            }
            if let (Some(pipe), true) = (&self.pipe, heard) {
                pipe.break_off();
            }
        } else {
            if heard && self.polling {
                self.abort_poll();
            }
            if self.probe != Probe::None {
                self.lose_upgrade();
            }
        }
    }

    // ---- the change of transport ----

    /// Brings the change one step on; answers whether there was something to do.
    pub fn step_upgrade(&mut self, pipe: impl FnOnce() -> Pipe) -> bool {
        match self.probe {
            Probe::None if !self.is_websocket() => {
                if self.peer.feed(Input::UpgradeOpened(Transport::Websocket)) == Action::Refuse {
                    return false;
                }
                self.probe = Probe::Opened;
                self.upgrade.set();
            }
            Probe::Opened if self.peer.is_upgrading() => {
                let action = self.peer.feed(Input::ProbePacket(Packet::Ping("probe")));
                self.probe = if action == Action::AnswerProbe { Probe::Answered } else { Probe::Dropped };
            }
            Probe::Answered if !self.polling && !self.posting && self.answer.is_none() => {
                self.switch(pipe);
            }
            Probe::None | Probe::Opened | Probe::Answered | Probe::Dropped => return false,
        }
        true
    }

    fn switch(&mut self, pipe: impl FnOnce() -> Pipe) {
        let action = self.peer.feed(Input::ProbePacket(Packet::Upgrade));
        self.peer.feed(Input::UpgradeLost);
        if action != Action::Switch {
            self.probe = Probe::Dropped;
            return;
        }
        self.probe = Probe::None;
        if self.peer.is_closing() {
            self.peer.feed(Input::Close { pending: false });
        }
        self.attach(pipe());
    }

    /// The WebSocket that is not the transport yet breaks.
    pub fn lose_upgrade(&mut self) -> bool {
        let was = std::mem::replace(&mut self.probe, Probe::None);
        if matches!(was, Probe::Opened | Probe::Answered) {
            self.peer.feed(Input::UpgradeLost);
        }
        was != Probe::None
    }

    // ---- what must hold when nobody is woken ----

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

    /// Whether nothing is left of it on the server's side.
    pub fn is_over(&self) -> bool {
        self.peer.ended().is_some() && !self.polling && !self.posting && (self.pipe.is_none() || self.lingers)
    }
}

fn body(bytes: &[u8]) -> Answer {
    Answer::Body(String::from_utf8_lossy(bytes).into_owned())
}

/// The packets of a polling response.
fn packets(body: &str) -> Vec<Incoming> {
    let packet = |packet: &str| match packet.strip_prefix('b') {
        Some(base64) => Incoming::Binary(STANDARD.decode(base64).unwrap_or_default()),
        None => Incoming::Text(packet.to_owned()),
    };
    body.split('\x1e').map(packet).collect()
}

fn feed(peer: &Arc<Peer>, message: &str) {
    match Packet::decode(message) {
        Ok(packet) => drop(peer.feed(Input::Packet(packet))),
        Err(_) => peer.lost(CloseReason::ParseError),
    }
}
