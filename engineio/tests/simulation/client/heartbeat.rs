//! The heartbeat of a client of Engine.IO 3: it pings, and the server answers.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};

use crate::runtime::{Flag, Sleep, VirtualRuntime};

/// The server's `pingInterval`, which such a client takes for its own.
const INTERVAL: Duration = Duration::from_secs(25);

pub struct Heartbeat {
    clock: Arc<VirtualRuntime>,
    pause: Sleep,
    due: Arc<Flag>,
    /// Pings without an answer so far.
    unanswered: u32,
}

impl Heartbeat {
    pub fn new(clock: &Arc<VirtualRuntime>) -> Self {
        let pause = Sleep::new(clock, INTERVAL);
        let mut new = Self { clock: Arc::clone(clock), pause, due: Arc::default(), unanswered: 0 };
        new.wait();
        new
    }

    fn wait(&mut self) {
        self.pause = Sleep::new(&self.clock, INTERVAL);
        let waker = Waker::from(Arc::clone(&self.due));
        let pause = Pin::new(&mut self.pause).poll(&mut Context::from_waker(&waker));
        assert!(pause.is_pending(), "an interval that is none");
    }

    /// Whether it is time for a ping; one that is not sent is left out.
    pub fn is_due(&mut self) -> bool {
        let is_due = self.due.take();
        if is_due {
            self.wait();
        }
        is_due
    }

    pub fn pinged(&mut self) {
        self.unanswered += 1;
    }

    /// Takes in a pong; answers whether it was owed.
    pub fn answered(&mut self) -> bool {
        let is_owed = self.unanswered > 0;
        self.unanswered -= u32::from(is_owed);
        is_owed
    }

    pub fn unanswered(&self) -> u32 {
        self.unanswered
    }
}
