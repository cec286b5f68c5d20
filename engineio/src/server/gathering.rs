//! Connections that several tasks sent to, flushed once when those tasks have run.
//!
//! A task that yields runs again when its worker has nothing else to do, or has run some tens of tasks: that is when
//! all have added what they send, and none has waited for long.

use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;
use tokio::{runtime::Handle, task::yield_now};

use crate::hub::{FLUSH_AT_ONCE, Flush};

/// Lists that threads share, so that workers seldom meet at one.
const LISTS: usize = 16;

/// The connections that wait to be flushed.
#[derive(Default)]
pub(super) struct Gathering([Mutex<List>; LISTS]);

#[derive(Default)]
struct List {
    waiting: Vec<Arc<dyn Flush>>,
    /// Whether a task is about to flush them.
    attended: bool,
}

impl Gathering {
    /// Adds connections to the list of this thread.
    pub(super) fn add(self: &Arc<Self>, connections: &mut Vec<Arc<dyn Flush>>, handle: &Handle) {
        let number = list_of_this_thread();
        let mut list = self.0[number].lock();
        list.waiting.append(connections);
        if !mem::replace(&mut list.attended, true) {
            drop(list);
            handle.spawn(Arc::clone(self).attend(number));
        }
    }

    /// Flushes what is in a list until it stays empty.
    async fn attend(self: Arc<Self>, number: usize) {
        let mut connections = Vec::new();
        loop {
            yield_now().await;
            {
                let mut list = self.0[number].lock();
                if list.waiting.is_empty() {
                    list.attended = false;
                    return;
                }
                let some = list.waiting.len().min(FLUSH_AT_ONCE);
                connections.extend(list.waiting.drain(..some));
            }
            connections.drain(..).for_each(|connection: Arc<dyn Flush>| connection.flush());
        }
    }
}

fn list_of_this_thread() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: usize = THREADS.fetch_add(1, Ordering::Relaxed) % LISTS;
    }
    NUMBER.with(|number| *number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes down what happens, and in which order.
    #[derive(Default)]
    struct Log(Mutex<Vec<&'static str>>);

    impl Flush for Log {
        fn flush(&self) {
            self.0.lock().push("flush");
        }
    }

    #[tokio::test]
    async fn tasks_that_are_ready_run_before_anything_is_flushed() {
        let (gathering, log) = (Arc::new(Gathering::default()), Arc::new(Log::default()));
        let (wake, _) = tokio::sync::broadcast::channel(1);
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let (gathering, log, mut woken) =
                    (Arc::clone(&gathering), Arc::clone(&log), wake.subscribe());
                tokio::spawn(async move {
                    woken.recv().await.unwrap();
                    log.0.lock().push("task");
                    let connection: Arc<dyn Flush> = Arc::<Log>::clone(&log);
                    gathering.add(&mut vec![connection], &Handle::current());
                })
            })
            .collect();
        yield_now().await;
        wake.send(()).unwrap();
        for task in tasks {
            task.await.unwrap();
        }
        while log.0.lock().len() < 6 {
            yield_now().await;
        }
        assert_eq!(*log.0.lock(), ["task", "task", "task", "flush", "flush", "flush"]);
        // A list that is empty again is attended again.
        let connection: Arc<dyn Flush> = Arc::<Log>::clone(&log);
        yield_now().await;
        gathering.add(&mut vec![connection], &Handle::current());
        while log.0.lock().len() < 7 {
            yield_now().await;
        }
    }
}
