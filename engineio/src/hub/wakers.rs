//! The tasks that wait for something to happen to a session.

use std::task::Waker;

use crate::sync::Mutex;

/// Who waits; there is one of each at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// The waiting poll, or the WebSocket's task: for packets to write.
    Owner,
    /// The task of a WebSocket that is not yet the transport: for the end of the upgrade.
    Upgrade,
    /// The POST whose body is being read: for the end of the session.
    Post,
}

/// The wakers of one session.
#[derive(Debug, Default)]
pub(super) struct Wakers(Mutex<[Option<Waker>; 3]>);

impl Wakers {
    /// Keeps a waker in place of the one before it.
    pub(super) fn wait(&self, who: Waiting, waker: &Waker) {
        match &mut self.0.lock()[who as usize] {
            Some(known) => known.clone_from(waker),
            empty => *empty = Some(waker.clone()),
        }
    }

    /// Wakes one of those who wait.
    pub(super) fn wake(&self, who: Waiting) {
        let waker = self.0.lock()[who as usize].take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Wakes all who wait.
    pub(super) fn wake_all(&self) {
        let wakers = std::mem::take(&mut *self.0.lock());
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}
