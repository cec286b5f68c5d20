//! The client's half: requests, and bytes that are read.

use engineio::engine::{Action, Input};

use super::{Answer, Connection, Probe};
use crate::network::Incoming;

impl Connection {
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
        self.take_in(&self.dialect.body(&packets));
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
                self.answer = Some(Answer::with(&self.peer.farewell()));
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
            return match self.answer.take() {
                Some(Answer::Body(body)) => self.dialect.read_body(&body),
                Some(Answer::Failed) => Ok(vec![Incoming::End]),
                None => Ok(Vec::new()),
            };
        };
        let bytes = pipe.take(limit);
        if !bytes.is_empty() {
            self.owner.set();
        }
        let messages = self.reader.feed(&bytes)?.into_iter();
        let mut found = messages.map(|one| self.dialect.read_message(one)).collect::<Result<Vec<_>, _>>()?;
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
}
