//! What a server waits for, and what it tells of others' questions.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex},
    task::Poll,
    time::Instant,
};

use engineio::{
    AckReply, Payload,
    hub::{Answered, Answers, SessionReply, SocketDetails, Timed, Unanswered},
};

use super::{Bus, message::Message};

/// Who waits for the answer of other servers.
pub enum Request {
    Acks(Arc<dyn Answers>),
    Sockets(Arc<Gathering<SocketDetails>>),
    Answers(Arc<Gathering<Payload>>),
    Sessions(Arc<Gathering<SessionReply>>),
}

impl Request {
    /// A server that was asked is gone.
    pub fn lose_one(&self) {
        match self {
            Request::Acks(answers) => answers.server_lost(),
            Request::Sockets(gathering) => gathering.add(Vec::new()),
            Request::Answers(gathering) => gathering.add(Vec::new()),
            Request::Sessions(gathering) => gathering.add(Vec::new()),
        }
    }
}

/// Answers of other servers, one each.
pub struct Gathering<T>(Mutex<Gathered<T>>);

struct Gathered<T> {
    answers: Vec<T>,
    missing: usize,
    is_late: bool,
}

impl<T> Gathering<T> {
    pub fn new(answers: Vec<T>, missing: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Gathered { answers, missing, is_late: false })))
    }

    pub fn add(&self, answers: Vec<T>) {
        let mut gathered = self.0.lock().unwrap();
        gathered.answers.extend(answers);
        gathered.missing = gathered.missing.saturating_sub(1);
    }

    /// Tests poll by themselves, so that nobody has to be woken.
    pub async fn wait(self: Arc<Self>) -> Answered<T> {
        poll_fn(|_| {
            let mut gathered = self.0.lock().unwrap();
            let missing = gathered.missing;
            if missing > 0 && !gathered.is_late {
                return Poll::Pending;
            }
            let answers = std::mem::take(&mut gathered.answers);
            Poll::Ready(if missing == 0 { Ok(answers) } else { Err(Unanswered { answers, missing }) })
        })
        .await
    }
}

impl<T: Send> Timed for Gathering<T> {
    fn fire(self: Arc<Self>, _: Instant) {
        self.0.lock().unwrap().is_late = true;
    }
}

/// Sends what comes of a question back to the server that asked.
pub struct Report {
    pub bus: Bus,
    pub own: usize,
    pub to: usize,
    pub number: u64,
}

impl Report {
    fn send(&self, message: Message) {
        self.bus.send(self.own, self.to, message);
    }
}

impl Answers for Report {
    fn asked(&self, sockets: usize) {
        self.send(Message::Asked(self.number, sockets));
    }

    fn answered(&self, reply: AckReply) {
        self.send(Message::Reply(self.number, reply));
    }

    fn missed(&self) {
        self.send(Message::Missed(self.number));
    }
}
