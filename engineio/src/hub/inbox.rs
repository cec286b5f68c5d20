//! The order of one socket's events: the next one waits until the listeners of the one before are done.

use std::collections::VecDeque;

use bytes::Bytes;
use parking_lot::Mutex;

use super::reason::DisconnectReason;
use crate::socketio::AckId;

/// Something to tell a socket's listeners.
#[derive(Debug)]
pub(crate) enum Job {
    /// The socket has joined its namespace.
    Connection,
    /// The client sent an event.
    Event { name: String, data: String, attachments: Vec<Bytes>, ack: Option<AckId> },
    /// The socket has left.
    Disconnect(DisconnectReason),
}

#[derive(Debug, Default)]
struct Queue {
    busy: bool,
    waiting: VecDeque<Job>,
}

/// The events that wait while a listener of the same socket is not done.
#[derive(Debug, Default)]
pub(crate) struct Inbox(Mutex<Queue>);

/// There is no room for another event.
#[derive(Debug)]
pub(crate) struct InboxFull;

impl Inbox {
    /// Claims the socket's listeners if they are free.
    pub(crate) fn claim(&self) -> bool {
        !std::mem::replace(&mut self.0.lock().busy, true)
    }

    /// Lets `job` wait its turn; gives it back if the listeners have become free meanwhile, and are now claimed.
    pub(crate) fn wait(&self, job: Job, limit: usize) -> Result<Option<Job>, InboxFull> {
        let mut queue = self.0.lock();
        if !queue.busy {
            queue.busy = true;
            return Ok(Some(job));
        }
        let is_event = matches!(job, Job::Event { .. });
        if is_event && queue.waiting.len() >= limit {
            return Err(InboxFull);
        }
        queue.waiting.push_back(job);
        Ok(None)
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
        let inbox = Inbox::default();
        assert!(inbox.claim());
        assert!(!inbox.claim());
        assert!(matches!(inbox.wait(Job::Connection, 1), Ok(None)));
        let reason = DisconnectReason::ForcedServerClose;
        assert!(matches!(inbox.wait(Job::Disconnect(reason), 1), Ok(None)));
        assert!(matches!(inbox.next(), Some(Job::Connection)));
        assert!(matches!(inbox.next(), Some(Job::Disconnect(_))));
        assert!(inbox.next().is_none());
        assert!(inbox.claim());
    }

    #[test]
    fn a_listener_that_never_ends_does_not_fill_the_memory() {
        let inbox = Inbox::default();
        assert!(inbox.claim());
        let event = || Job::Event { name: "a".into(), data: "[]".into(), attachments: vec![], ack: None };
        assert!(inbox.wait(event(), 2).is_ok());
        assert!(inbox.wait(event(), 2).is_ok());
        assert!(inbox.wait(event(), 2).is_err());
        assert!(inbox.wait(Job::Disconnect(DisconnectReason::ForcedServerClose), 2).is_ok());
    }
}
