//! Time that is a number, tasks that run when they are told to, and ids that are counted.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::{Duration, Instant, SystemTime},
};

use engineio::{
    Sid,
    hub::{BoxFuture, Flush, Runtime, Timed},
};

use crate::rng::Rng;

/// Whether somebody was woken. A wake-up that is lost leaves the sleeper asleep, as on a real runtime.
#[derive(Default)]
pub struct Flag(AtomicBool);

impl Flag {
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.set();
    }
}

struct Task {
    future: BoxFuture<'static, ()>,
    woken: Arc<Flag>,
}

#[derive(Default)]
struct State {
    elapsed: Duration,
    counter: u64,
    tasks: Vec<Task>,
    visits: BTreeMap<(Instant, u64), Weak<dyn Timed>>,
    flushes: Vec<Arc<dyn Flush>>,
}

/// The world of all servers of a run.
pub struct VirtualRuntime {
    start: Instant,
    state: Mutex<State>,
}

impl VirtualRuntime {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { start: Instant::now(), state: Mutex::default() })
    }

    pub fn elapsed(&self) -> Duration {
        self.state.lock().unwrap().elapsed
    }

    /// Runs one of the tasks that were woken; answers whether there was one.
    pub fn run_one(&self, rng: &mut Rng) -> bool {
        let mut task = {
            let mut state = self.state.lock().unwrap();
            let ready: Vec<_> = (0..state.tasks.len()).filter(|&at| state.tasks[at].woken.is_set()).collect();
            if ready.is_empty() {
                drop(state);
                return self.flush();
            }
            state.tasks.remove(ready[rng.below(ready.len())])
        };
        task.woken.take();
        let waker = Waker::from(Arc::clone(&task.woken));
        if task.future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            self.state.lock().unwrap().tasks.push(task);
        }
        true
    }

    /// Flushes what was gathered.
    fn flush(&self) -> bool {
        let flushes = std::mem::take(&mut self.state.lock().unwrap().flushes);
        flushes.iter().for_each(|connection| connection.flush());
        !flushes.is_empty()
    }

    pub fn tasks(&self) -> usize {
        self.state.lock().unwrap().tasks.len()
    }

    /// When the next visit is due.
    pub fn next_visit(&self) -> Option<Duration> {
        let state = self.state.lock().unwrap();
        state.visits.first_key_value().map(|((at, _), _)| at.duration_since(self.start))
    }

    /// Lets time pass until `until`, or until the next visit, which is made; answers whether there was one.
    pub fn visit_until(&self, until: Duration) -> bool {
        let mut state = self.state.lock().unwrap();
        match state.visits.first_entry() {
            Some(first) if first.key().0 <= self.start + until => {
                let ((at, _), timed) = first.remove_entry();
                state.elapsed = state.elapsed.max(at.duration_since(self.start));
                drop(state);
                if let Some(timed) = timed.upgrade() {
                    timed.fire(at);
                }
                true
            }
            _ => {
                state.elapsed = until;
                false
            }
        }
    }

    /// The visits that somebody still lives to receive.
    pub fn timers(&self) -> usize {
        self.state.lock().unwrap().visits.values().filter(|timed| timed.strong_count() > 0).count()
    }
}

impl Runtime for VirtualRuntime {
    fn now(&self) -> Instant {
        self.start + self.elapsed()
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.elapsed()
    }

    fn fresh_sid(&self) -> Sid {
        let mut state = self.state.lock().unwrap();
        state.counter += 1;
        let mut bytes = [0; Sid::BYTES];
        bytes[..8].copy_from_slice(&state.counter.to_be_bytes());
        Sid::from_bytes(bytes)
    }

    fn spawn(&self, future: BoxFuture<'static, ()>) {
        let woken = Arc::<Flag>::default();
        woken.set();
        self.state.lock().unwrap().tasks.push(Task { future, woken });
    }

    fn arm(&self, at: Instant, timed: Weak<dyn Timed>) {
        let mut state = self.state.lock().unwrap();
        state.counter += 1;
        let key = (at, state.counter);
        state.visits.insert(key, timed);
    }

    fn flush_later(&self, rest: Vec<Arc<dyn Flush>>) {
        self.state.lock().unwrap().flushes.extend(rest);
    }

    fn flush_together(&self, connections: &mut Vec<Arc<dyn Flush>>) {
        self.state.lock().unwrap().flushes.append(connections);
    }
}

/// A wait for a time.
pub struct Sleep {
    runtime: Arc<VirtualRuntime>,
    alarm: Arc<Alarm>,
    until: Duration,
}

#[derive(Default)]
struct Alarm(Mutex<Option<Waker>>);

impl Timed for Alarm {
    fn fire(self: Arc<Self>, _: Instant) {
        if let Some(waker) = self.0.lock().unwrap().take() {
            waker.wake();
        }
    }
}

impl Sleep {
    pub fn new(runtime: &Arc<VirtualRuntime>, time: Duration) -> Self {
        let until = runtime.elapsed() + time;
        Self { runtime: Arc::clone(runtime), alarm: Arc::default(), until }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.runtime.elapsed() >= self.until {
            return Poll::Ready(());
        }
        // The hub polls a listener's future once by itself before it makes a task of it.
        let is_first = self.alarm.0.lock().unwrap().replace(cx.waker().clone()).is_none();
        if is_first {
            let timed: Arc<dyn Timed> = Arc::<Alarm>::clone(&self.alarm);
            self.runtime.arm(self.runtime.start + self.until, Arc::downgrade(&timed));
        }
        Poll::Pending
    }
}
