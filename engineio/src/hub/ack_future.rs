//! Waiting for one answer.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;

use crate::socketio::{AckError, AckReply, AckSink};

type Answer = Result<AckReply, AckError>;

#[derive(Debug, Default)]
struct Slot {
    answer: Option<Answer>,
    waker: Option<Waker>,
}

/// The answer to come; dropping it means not to care.
#[derive(Debug)]
#[must_use = "an acknowledgement must be awaited"]
pub struct AckFuture(Arc<Mutex<Slot>>);

impl AckFuture {
    /// A future, and the function that completes it.
    pub(crate) fn pair() -> (Self, AckSink) {
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
        (Self(slot), Box::new(complete))
    }

    /// A future that has failed already.
    pub(crate) fn failed(error: AckError) -> Self {
        Self(Arc::new(Mutex::new(Slot { answer: Some(Err(error)), waker: None })))
    }
}

impl Future for AckFuture {
    type Output = Answer;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        let mut slot = self.0.lock();
        match slot.answer.take() {
            Some(answer) => Poll::Ready(answer),
            None => {
                slot.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
