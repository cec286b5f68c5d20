//! The order of one socket's events: the next one waits until the listeners of the one before are done.

use std::{collections::VecDeque, time::Duration};

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

#[derive(Debug)]
struct Queue {
    busy: bool,
    waiting: VecDeque<Job>,
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
#[derive(Debug)]
pub(crate) struct Inbox(Mutex<Queue>);

impl Inbox {
    /// The inbox of a socket whose first listeners, those of its connection, are still to be called.
    pub(crate) fn claimed() -> Self {
        Self(Mutex::new(Queue { busy: true, waiting: VecDeque::new() }))
    }

    /// Claims the socket's listeners if they are free.
    pub(crate) fn claim(&self) -> bool {
        !std::mem::replace(&mut self.0.lock().busy, true)
    }

    /// Whether a listener is at work.
    pub(crate) fn is_busy(&self) -> bool {
        self.0.lock().busy
    }

    /// Lets `job` wait its turn; gives it back if the listeners have become free meanwhile, and are now claimed.
    pub(crate) fn wait(&self, job: Job) -> Option<Job> {
        let mut queue = self.0.lock();
        if !queue.busy {
            queue.busy = true;
            return Some(job);
        }
        queue.waiting.push_back(job);
        None
    }

    /// The next job, or `None`, which frees the listeners.
    pub(crate) fn next(&self) -> Option<Job> {
        let mut queue = self.0.lock();
        let next = queue.waiting.pop_front();
        queue.busy = next.is_some();
        if next.is_none() && queue.waiting.capacity() > 16 {
            queue.waiting = VecDeque::new();
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
}
