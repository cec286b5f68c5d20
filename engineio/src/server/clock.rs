//! One task that visits whatever has a deadline, in place of a timer for each connection.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::hub::Timed;

struct Entry {
    at: Instant,
    order: u64,
    timed: Weak<dyn Timed>,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl Entry {
    fn key(&self) -> (Instant, u64) {
        (self.at, self.order)
    }
}

#[derive(Default)]
struct Plan {
    entries: BinaryHeap<Reverse<Entry>>,
    order: u64,
}

/// The planned visits of one server.
#[derive(Default)]
pub(super) struct Clock {
    plan: Mutex<Plan>,
    earlier: Notify,
    ended: AtomicBool,
}

/// Visits between two breaks, so that thousands of pings due at once hold up nobody.
const VISITS_AT_ONCE: usize = 64;

impl Clock {
    /// Plans a visit.
    pub(super) fn arm(&self, at: Instant, timed: Weak<dyn Timed>) {
        let mut plan = self.plan.lock();
        let is_first = plan.entries.peek().is_none_or(|Reverse(first)| at < first.at);
        plan.order += 1;
        let order = plan.order;
        plan.entries.push(Reverse(Entry { at, order, timed }));
        drop(plan);
        if is_first {
            self.earlier.notify_one();
        }
    }

    /// Makes the visits until the server is gone.
    pub(super) async fn run(self: Arc<Self>) {
        while !self.ended.load(Ordering::Acquire) {
            match self.visit_due().await {
                Some(at) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(at.into()) => {}
                        () = self.earlier.notified() => {}
                    }
                }
                None => self.earlier.notified().await,
            }
        }
    }

    /// Visits what is due; answers when the next visit is.
    async fn visit_due(&self) -> Option<Instant> {
        loop {
            for _ in 0..VISITS_AT_ONCE {
                let entry = {
                    let mut plan = self.plan.lock();
                    let next = plan.entries.peek().map(|Reverse(entry)| entry.at)?;
                    if next > now() {
                        return Some(next);
                    }
                    plan.entries.pop()
                };
                if let Some(Reverse(entry)) = entry
                    && let Some(timed) = entry.timed.upgrade()
                {
                    visit(timed, entry.at);
                }
            }
            tokio::task::yield_now().await;
        }
    }
}

/// Makes one visit; what panics in it must not end the visits of all others.
fn visit(timed: Arc<dyn Timed>, at: Instant) {
    if catch_unwind(AssertUnwindSafe(|| timed.fire(at))).is_err() {
        tracing::error!("a visit at a deadline panicked");
    }
}

/// The time, which follows tokio's paused clock in tests.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// A handle that ends the clock's task when the server is gone.
pub(super) struct ClockHandle(pub(super) Arc<Clock>);

impl Drop for ClockHandle {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Release);
        self.0.earlier.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::atomic::AtomicUsize, time::Duration};

    use super::*;

    /// Counts its visits, and panics at the first.
    #[derive(Default)]
    struct Fragile(AtomicUsize);

    impl Timed for Fragile {
        fn fire(self: Arc<Self>, _: Instant) {
            assert!(self.0.fetch_add(1, Ordering::Relaxed) > 0, "on purpose");
        }
    }

    #[tokio::test]
    async fn a_visit_that_panics_does_not_end_the_others() {
        let handle = ClockHandle(Arc::default());
        let clock = Arc::clone(&handle.0);
        let visited = Arc::new(Fragile::default());
        let timed: Arc<dyn Timed> = Arc::<Fragile>::clone(&visited);
        for millis in [1, 2, 3] {
            clock.arm(now() + Duration::from_millis(millis), Arc::downgrade(&timed));
        }
        let all_visits = async {
            while visited.0.load(Ordering::Relaxed) < 3 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = clock.run() => panic!("the clock stopped"),
            done = tokio::time::timeout(Duration::from_secs(10), all_visits) => done.unwrap(),
        }
    }
}
