//! Waiting for something that hardly ever comes, such as the stop of a server, beside something that comes all the time.
//!
//! A task that is woken polls all it waits for. This polls its future only when it is the future that has asked for it.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures_util::task::AtomicWaker;

/// A future that is left alone until it asks for being polled.
pub(super) struct Seldom<'a, F> {
    future: Pin<&'a mut F>,
    call: Arc<Call>,
}

/// What the future is given to ask with.
struct Call {
    came: AtomicBool,
    task: AtomicWaker,
}

impl Wake for Call {
    fn wake(self: Arc<Self>) {
        self.came.store(true, Ordering::Release);
        self.task.wake();
    }
}

impl<'a, F: Future> Seldom<'a, F> {
    pub(super) fn new(future: Pin<&'a mut F>) -> Self {
        Self { future, call: Arc::new(Call { came: AtomicBool::new(true), task: AtomicWaker::new() }) }
    }
}

impl<F: Future> Future for Seldom<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // Registering first means that a call that comes in between wakes this task.
        self.call.task.register(cx.waker());
        if !self.call.came.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        self.call.came.store(false, Ordering::Release);
        let waker = Waker::from(Arc::clone(&self.call));
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, pin::pin};

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn the_future_is_polled_when_it_asks_for_it_and_not_before() {
        let (stop, mut stopped) = oneshot::channel::<()>();
        let mut polls = 0;
        let counted = pin!(poll_fn(|cx| {
            polls += 1;
            Pin::new(&mut stopped).poll(cx)
        }));
        let mut seldom = Seldom::new(counted);
        for _ in 0..10 {
            let mut cx = Context::from_waker(Waker::noop());
            assert!(Pin::new(&mut seldom).poll(&mut cx).is_pending());
        }
        let waiting = async { (&mut seldom).await.is_ok() };
        let (is_stopped, sent) = tokio::join!(waiting, async { stop.send(()) });
        assert!(is_stopped && sent.is_ok());
        assert_eq!(polls, 2);
    }
}
