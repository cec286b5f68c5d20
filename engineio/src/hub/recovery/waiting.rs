//! Waiting until a history says what is wanted of it.

use std::{
    future::poll_fn,
    sync::Weak,
    task::{Poll, Waker},
    time::Instant,
};

use super::{Book, History};
use crate::hub::runtime::Timed;

/// Tasks to be woken when the history is closed.
#[derive(Default)]
pub(super) struct Woken(Vec<Waker>);

impl Drop for Woken {
    fn drop(&mut self) {
        self.0.drain(..).for_each(Waker::wake);
    }
}

impl Book<'_> {
    /// Lets those look again who wait for something in the history.
    pub(super) fn wake(&mut self) {
        self.woken.0.append(&mut self.state.waiting);
    }
}

/// Looks into the history at each change, until `look` finds something; `None` if it has not by `deadline`.
pub(crate) async fn until<T>(
    history: &History,
    deadline: Instant,
    mut look: impl FnMut(&mut Book<'_>) -> Option<T>,
) -> Option<T> {
    let mut is_armed = false;
    poll_fn(|cx| {
        let mut book = history.open();
        if let Some(found) = look(&mut book) {
            return Poll::Ready(Some(found));
        }
        if history.runtime.now() >= deadline {
            return Poll::Ready(None);
        }
        if !book.state.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            book.state.waiting.push(cx.waker().clone());
        }
        drop(book);
        if !std::mem::replace(&mut is_armed, true) {
            let this: Weak<dyn Timed> = Weak::<History>::clone(&history.this);
            history.runtime.arm(deadline, this);
        }
        Poll::Pending
    })
    .await
}
