//! The order of one socket's events: the next one waits until the listeners of the one before are done.

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};

use bytes::Bytes;
use parking_lot::Mutex;

use super::{failure::EventError, reason::DisconnectReason};
use crate::socketio::AckId;

/// Something to tell a socket's listeners.
#[derive(Debug)]
pub(crate) enum Job {
    /// The socket has joined its namespace.
    Connection,
    /// The client sent an event.
    Event { name: String, data: String, attachments: Vec<Bytes>, ack: Option<AckId> },
    /// The socket has to leave soon.
    Expiring(Duration),
    /// The client sent something that is no event.
    Failure(EventError),
    /// The socket has left.
    Disconnect(DisconnectReason),
}

impl Job {
    /// The memory it keeps while it waits, in bytes.
    pub(crate) fn size(&self) -> usize {
        let content = match self {
            Job::Event { name, data, attachments, .. } => {
                name.len() + data.len() + attachments.iter().map(Bytes::len).sum::<usize>()
            }
            Job::Connection | Job::Expiring(_) | Job::Failure(_) | Job::Disconnect(_) => 0,
        };
        size_of::<Job>() + content
    }
}

/// The events that wait while a listener of the same socket is not done.
///
/// Nearly always nobody waits, so that the listeners are claimed and freed without the lock.
#[derive(Debug)]
pub(crate) struct Inbox {
    state: AtomicU8,
    /// Jobs stand here while the state is [`AWAITED`], which only changes under this lock.
    waiting: Mutex<VecDeque<Job>>,
}

/// The listeners are free.
const FREE: u8 = 0;
/// A listener is at work, and nothing waits.
const BUSY: u8 = 1;
/// A listener is at work, and something waits.
const AWAITED: u8 = 2;

impl Inbox {
    /// The inbox of a socket whose first listeners, those of its connection, are still to be called.
    pub(crate) fn claimed() -> Self {
        Self { state: AtomicU8::new(BUSY), waiting: Mutex::default() }
    }

    fn move_on(&self, from: u8, to: u8) -> Result<u8, u8> {
        self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire)
    }

    /// Claims the socket's listeners if they are free.
    pub(crate) fn claim(&self) -> bool {
        self.move_on(FREE, BUSY).is_ok()
    }

    /// Whether a listener is at work.
    pub(crate) fn is_busy(&self) -> bool {
        self.state.load(Ordering::Acquire) != FREE
    }

    /// Lets `job` wait its turn; gives it back if the listeners have become free meanwhile, and are now claimed.
    pub(crate) fn wait(&self, job: Job) -> Option<Job> {
        let mut waiting = self.waiting.lock();
        while self.move_on(BUSY, AWAITED) == Err(FREE) {
            if self.claim() {
                return Some(job);
            }
        }
        waiting.push_back(job);
        None
    }

    /// The next job, or `None`, which frees the listeners.
    pub(crate) fn next(&self) -> Option<Job> {
        if self.move_on(BUSY, FREE) != Err(AWAITED) {
            return None;
        }
        let mut waiting = self.waiting.lock();
        let next = waiting.pop_front();
        if waiting.is_empty() {
            if waiting.capacity() > 16 {
                *waiting = VecDeque::new();
            }
            self.state.store(BUSY, Ordering::Release);
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_wait_in_order_while_the_listeners_are_busy() {
        let inbox = Inbox::claimed();
        assert!(!inbox.claim());
        assert!(inbox.wait(Job::Connection).is_none());
        assert!(inbox.wait(Job::Disconnect(DisconnectReason::ForcedServerClose)).is_none());
        assert!(matches!(inbox.next(), Some(Job::Connection)));
        assert!(matches!(inbox.next(), Some(Job::Disconnect(_))));
        assert!(inbox.next().is_none());
        assert!(inbox.wait(Job::Connection).is_some(), "free listeners take a job at once");
        assert!(!inbox.claim());
    }

    #[test]
    fn jobs_of_many_threads_are_done_once_each_and_one_at_a_time() {
        const JOBS: u64 = if cfg!(miri) { 50 } else { 20_000 };
        let inbox = Inbox::claimed();
        assert!(inbox.next().is_none());
        let (at_work, done) = (AtomicU8::new(0), Mutex::new(Vec::new()));
        let work = |job: Job| {
            assert_eq!(at_work.fetch_add(1, Ordering::AcqRel), 0, "one at a time");
            if let Job::Expiring(number) = job {
                done.lock().push(number.as_nanos());
            }
            at_work.fetch_sub(1, Ordering::AcqRel);
        };
        let send = |thread: u64| {
            for number in 0..JOBS {
                let job = Job::Expiring(Duration::from_nanos(thread * JOBS + number));
                let mut mine = if inbox.claim() { Some(job) } else { inbox.wait(job) };
                while let Some(job) = mine {
                    work(job);
                    mine = inbox.next();
                }
            }
        };
        std::thread::scope(|scope| {
            for thread in 0..4 {
                scope.spawn(move || send(thread));
            }
        });
        assert!(!inbox.is_busy());
        let done = done.into_inner();
        for thread in 0..4 {
            let of_thread = u128::from(thread * JOBS)..u128::from((thread + 1) * JOBS);
            let found: Vec<_> = done.iter().copied().filter(|number| of_thread.contains(number)).collect();
            assert!(found.is_sorted() && found.len() as u64 == JOBS, "each once, in the order of its thread");
        }
    }
}
