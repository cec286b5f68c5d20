//! Waiting until a history says what is wanted of it.

use std::{
    future::poll_fn,
    sync::Weak,
    task::{Poll, Waker},
    time::Instant,
};

use super::{Book, History};
use crate::hub::runtime::Timed;

/// The tasks that look again when something has changed.
#[derive(Default)]
pub(super) struct Waiters {
    tasks: Vec<Waker>,
    /// How often they have been woken: whoever has entered since the last time still stands in the list.
    round: u64,
}

/// Where a task has entered. Many may wait at once, so that none looks for itself in the list.
struct Place {
    round: u64,
    task: Waker,
}

impl Waiters {
    fn enter(&mut self, place: &mut Option<Place>, task: &Waker) {
        if !place.as_ref().is_some_and(|place| place.round == self.round && place.task.will_wake(task)) {
            self.tasks.push(task.clone());
            *place = Some(Place { round: self.round, task: task.clone() });
        }
    }
}

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
        let Waiters { tasks, round } = &mut self.state.waiting;
        self.woken.0.append(tasks);
        *round += 1;
    }
}

/// Looks into the history at each change, until `look` finds something; `None` if it has not by `deadline`.
pub(crate) async fn until<T>(
    history: &History,
    deadline: Instant,
    mut look: impl FnMut(&mut Book<'_>) -> Option<T>,
) -> Option<T> {
    let (mut is_armed, mut place) = (false, None);
    poll_fn(|cx| {
        let mut book = history.open();
        if let Some(found) = look(&mut book) {
            return Poll::Ready(Some(found));
        }
        if history.runtime.now() >= deadline {
            return Poll::Ready(None);
        }
        book.state.waiting.enter(&mut place, cx.waker());
        drop(book);
        if !std::mem::replace(&mut is_armed, true) {
            let this: Weak<dyn Timed> = Weak::<History>::clone(&history.this);
            history.runtime.arm(deadline, this);
        }
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, task::Wake};

    use super::*;

    struct Task;

    impl Wake for Task {
        fn wake(self: Arc<Self>) {}
    }

    #[test]
    fn a_task_stands_in_the_list_once_and_enters_again_when_it_was_woken_or_is_another() {
        let [first, second] = [(); 2].map(|()| Waker::from(Arc::new(Task)));
        let (mut waiters, mut place) = (Waiters::default(), None);
        waiters.enter(&mut place, &first);
        if !cfg!(miri) {
            // Miri gives one table of functions several addresses, by which wakers are known.
            waiters.enter(&mut place, &first);
        }
        assert_eq!(waiters.tasks.len(), 1);
        waiters.enter(&mut place, &second);
        assert_eq!(waiters.tasks.len(), 2, "what waits may go on in another task");
        waiters.tasks.clear();
        waiters.round += 1;
        waiters.enter(&mut place, &second);
        assert_eq!(waiters.tasks.len(), 1);
    }
}
