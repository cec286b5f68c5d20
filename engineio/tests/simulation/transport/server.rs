//! The server's half: what its network shell does, with flags in place of sockets.

use std::{
    io,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use engineio::{
    engine::{CloseReason, Input, Packet, PacketError, Revision, payload, v3},
    hub::{Link, Peer, PollAnswer, Turn, Waiting},
};

use super::{Answer, Connection, Probe};
use crate::{
    dialect::{Body, Message},
    network::Pipe,
    runtime::Flag,
};

/// Messages taken in before the server lets others run.
const MESSAGES_AT_ONCE: usize = 3;

impl Connection {
    pub(super) fn attach(&mut self, pipe: Pipe) {
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

    /// Looks for something, with the flag to be set when it should be looked for again.
    fn poll_for<T>(
        &self,
        who: Waiting,
        flag: &Arc<Flag>,
        look: impl FnOnce(&Arc<Peer>) -> Option<T>,
    ) -> Option<T> {
        let waker = Waker::from(Arc::clone(flag));
        let look = |_: &mut Context<'_>| look(&self.peer).map_or(Poll::Pending, Poll::Ready);
        match self.peer.poll_for(who, &mut Context::from_waker(&waker), look) {
            Poll::Ready(found) => Some(found),
            Poll::Pending => None,
        }
    }

    fn run_socket(&mut self, pipe: &Pipe) {
        if self.lingers {
            return drop(self.peer.outbox().write_with(|slices| pipe.write(slices)));
        }
        let (peer, waker) = (Arc::clone(&self.peer), Waker::from(Arc::clone(&self.owner)));
        let has_ended = peer.poll_for(Waiting::Owner, &mut Context::from_waker(&waker), |_| {
            if self.read_socket(pipe) {
                self.owner.set();
            }
            self.write_socket(pipe);
            if peer.ended().is_some() { Poll::Ready(()) } else { Poll::Pending }
        });
        if has_ended.is_ready() {
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
                Some(packet) => {
                    let revision = peer.revision();
                    match self.dialect.message(&packet) {
                        Message::Text(text) => feed(&peer, revision.decode_text(&text)),
                        Message::Binary(bytes) => feed(&peer, revision.decode_binary(&bytes)),
                    }
                    self.arrived.push(packet);
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
        if let Some(answer) = self.poll_for(Waiting::Owner, &self.owner, Peer::poll_answer) {
            self.polling = false;
            self.peer.outbox().set_writable(false);
            self.peer.feed(Input::PollAnswered);
            self.answer = Some(match answer {
                PollAnswer::Payload(payload) => Answer::with(&payload),
                PollAnswer::Failed => Answer::Failed,
            });
        }
    }

    /// Takes in the body of a POST.
    pub(super) fn take_in(&self, body: &Body) {
        let text = || std::str::from_utf8(&body.bytes).expect("a body of text");
        match (self.peer.revision(), body.is_binary) {
            (Revision::V3, true) => feed_all(&self.peer, v3::payload::decode_binary(&body.bytes)),
            (Revision::V3, false) => feed_all(&self.peer, v3::payload::decode_text(text())),
            (Revision::V4, _) => feed_all(&self.peer, payload::decode(text())),
        }
    }

    fn look_at_post(&mut self) {
        if !self.posting {
            return;
        }
        let is_free = |peer: &Arc<Peer>| (!peer.is_behind() || peer.ended().is_some()).then_some(());
        if self.poll_for(Waiting::Post, &self.post, is_free).is_some() {
            self.posting = false;
            self.peer.feed(Input::PostEnded);
        }
    }

    fn look_at_upgrade(&mut self) {
        if !matches!(self.probe, Probe::Opened | Probe::Answered) {
            return;
        }
        let is_over = |peer: &Arc<Peer>| (!peer.is_upgrading()).then_some(());
        if self.poll_for(Waiting::Upgrade, &self.upgrade, is_over).is_some() {
            self.probe = Probe::Dropped;
            self.peer.feed(Input::UpgradeLost);
        }
    }
}

fn feed_all<'a>(peer: &Arc<Peer>, packets: impl Iterator<Item = Result<Packet<'a>, PacketError>>) {
    for packet in packets {
        feed(peer, packet);
        if peer.ended().is_some() {
            break;
        }
    }
}

fn feed(peer: &Arc<Peer>, packet: Result<Packet<'_>, PacketError>) {
    peer.feed(Input::Packet(packet.expect("the server reads what a client writes")));
}
