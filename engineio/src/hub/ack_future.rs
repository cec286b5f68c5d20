//! Waiting for one answer.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;

use crate::socketio::{AckError, AckId, AckReply, AckSink};

type Answer = Result<AckReply, AckError>;

#[derive(Debug, Default)]
struct Slot {
    answer: Option<Answer>,
    waker: Option<Waker>,
}

/// Who owes answers.
pub(crate) trait Debtor: Send + Sync {
    /// Nobody waits for this answer any more.
    fn forgive(&self, id: AckId);
}

/// The answer to come. Dropping it means not to care: the socket then owes it no more.
#[must_use = "an acknowledgement must be awaited"]
pub struct AckFuture {
    slot: Arc<Mutex<Slot>>,
    owed: Option<(Weak<dyn Debtor>, AckId)>,
}

impl std::fmt::Debug for AckFuture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("AckFuture").field(&self.slot.lock().answer).finish()
    }
}

impl AckFuture {
    /// A future, and the function that completes it.
    pub(crate) fn pair(debtor: Weak<dyn Debtor>, id: AckId) -> (Self, AckSink) {
        let slot = Arc::new(Mutex::new(Slot::default()));
        let sink = Arc::clone(&slot);
        let complete = move |answer| {
            let waker = {
                let mut slot = sink.lock();
                slot.answer = Some(answer);
                slot.waker.take()
            };
            if let Some(waker) = waker {
                waker.wake();
            }
        };
        (Self { slot, owed: Some((debtor, id)) }, Box::new(complete))
    }

    /// A future that has failed already.
    pub(crate) fn failed(error: AckError) -> Self {
        let slot = Slot { answer: Some(Err(error)), waker: None };
        Self { slot: Arc::new(Mutex::new(slot)), owed: None }
    }
}

impl Future for AckFuture {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        let mut slot = self.slot.lock();
        match slot.answer.take() {
            Some(answer) => {
                drop(slot);
                self.owed = None;
                Poll::Ready(answer)
            }
            None => {
                slot.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for AckFuture {
    fn drop(&mut self) {
        if let Some((debtor, id)) = self.owed.take()
            && let Some(debtor) = debtor.upgrade()
        {
            debtor.forgive(id);
        }
    }
}
