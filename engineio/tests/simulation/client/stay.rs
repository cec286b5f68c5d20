//! A client in one namespace, as a `Socket` of the official library: what it remembers of it, and what it says there.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    dialect::Welcome,
    model::Model,
    place::{Place, Space, route},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// There is no connection, or nothing was said of this namespace on it, or the stay is over.
    Apart,
    /// CONNECT was sent, or is not needed.
    Knocking,
    Joined,
}

pub struct Stay {
    pub space: Space,
    pub phase: Phase,
    /// The place it has, or had and hopes to get back.
    pub place: Option<Place>,
    pid: Option<String>,
    offset: Option<String>,
    /// Whether the client has left by itself, so that nothing is kept for it.
    has_left: bool,
    /// Events since it was let in; each time is a stretch of its own.
    pub stretch: u64,
    pub sent: u32,
    /// The answers it awaits, by the number of its own that it asked with. In each namespace it counts anew.
    pub awaited: BTreeMap<u64, u32>,
    next_ack: u64,
}

impl Stay {
    pub fn new(space: Space) -> Self {
        Self {
            space,
            phase: Phase::Apart,
            place: None,
            pid: None,
            offset: None,
            has_left: false,
            stretch: 0,
            sent: 0,
            awaited: BTreeMap::new(),
            next_ack: 0,
        }
    }

    /// There is a new connection.
    pub fn begin(&mut self, enters_unasked: bool) {
        self.phase = if enters_unasked { Phase::Knocking } else { Phase::Apart };
        self.has_left = false;
    }

    /// Whether the client has left the namespace on this connection and is not back.
    pub fn has_left(&self) -> bool {
        self.has_left
    }

    /// The client is not in the namespace any more.
    pub fn end(&mut self) {
        self.phase = Phase::Apart;
        self.awaited.clear();
    }

    /// The client has left for good, and comes anew if it comes.
    pub fn forget(&mut self) {
        (self.pid, self.offset) = (None, None);
    }

    /// Asks to be let in. The official client claims its old session even if it has left, in vain.
    pub fn knock(&mut self) -> String {
        let claim = self.pid.as_ref().map(|pid| json!({ "pid": pid, "offset": self.offset }).to_string());
        self.phase = Phase::Knocking;
        format!("40{}{}", route(self.space), claim.unwrap_or_default())
    }

    /// Leaves. Answers that are on their way may still come until the server has read this.
    pub fn leave(&mut self) -> String {
        self.phase = Phase::Apart;
        self.has_left = true;
        format!("41{}", route(self.space))
    }

    /// An event for the server.
    pub fn say(&mut self, event: &str, with_ack: bool) -> String {
        let (stretch, index) = (self.stretch, self.sent);
        self.sent += 1;
        let mut id = String::new();
        if with_ack {
            self.next_ack += 1;
            self.awaited.insert(self.next_ack, index);
            id = self.next_ack.to_string();
        }
        format!(r#"42{}{id}["{event}",{stretch},{index}]"#, route(self.space))
    }

    /// The client is let in; answers whether that is where it was before.
    pub fn welcome(&mut self, found: Option<Welcome>, model: &Model) -> bool {
        let mut state = model.lock();
        let Some(found) = found.filter(|_| self.phase == Phase::Knocking) else {
            state.fault("an answer to CONNECT that makes no sense");
            return false;
        };
        let place = Some((self.space, found.id));
        let is_back = found.pid.is_some() && (place, &found.pid) == (self.place, &self.pid);
        if !is_back {
            self.offset = None;
        } else if self.has_left {
            state.fault("a client was given back what it had left");
        }
        (self.place, self.pid) = (place, found.pid);
        (self.phase, self.has_left) = (Phase::Joined, false);
        self.stretch = state.begin_stretch((self.space, found.id));
        self.sent = 0;
        self.awaited.clear();
        is_back
    }

    /// The server has ended the stay; answers whether it is news. One that the client has left is not told anything.
    pub fn dismissed(&mut self) -> bool {
        let is_news = self.phase == Phase::Joined;
        if is_news {
            // Who was sent away comes anew.
            self.end();
            self.forget();
        }
        is_news
    }

    /// Notes the offset at the end of an event.
    pub fn passes(&mut self, args: &[Value]) {
        if let Some(Value::String(offset)) = args.last().filter(|_| self.pid.is_some() && args.len() > 1) {
            self.offset = Some(offset.clone());
        }
    }

    /// Takes in the answer to an event.
    pub fn answer(&mut self, answer: &str, model: &Model) {
        let at = answer.find('[').unwrap_or(0);
        let id: u64 = answer[..at].parse().unwrap_or_default();
        let said: Option<(u64, u32)> = serde_json::from_str(&answer[at..]).ok();
        let awaited = self.awaited.remove(&id).map(|index| (self.stretch, index));
        if awaited.is_none() || said != awaited {
            model
                .lock()
                .fault(format!("{answer} in namespace {} answers nothing that was asked", self.space));
        }
    }
}
