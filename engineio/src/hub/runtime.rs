//! What the hub needs from the world: time, randomness, and somewhere to run a waiting future.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Weak},
    time::{Instant, SystemTime},
};

use crate::sid::Sid;

/// A future on the heap.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The world around the hub. The network shell implements it on tokio; a simulation implements it on virtual
/// time and a seed.
pub trait Runtime: Send + Sync + 'static {
    /// The time.
    fn now(&self) -> Instant;

    /// Fifteen unguessable bytes.
    fn fresh_sid(&self) -> Sid;

    /// Runs a future to its end. The hub asks for this only when a listener really waits for something.
    fn spawn(&self, task: BoxFuture<'static, ()>);

    /// The time of day.
    fn wall_clock(&self) -> SystemTime;

    /// Calls [`Timed::fire`] at `at` or soon after, if `timed` still exists then.
    fn arm(&self, at: Instant, timed: Weak<dyn Timed>);

    /// Flushes connections soon, a few at a time, so that a large broadcast holds up nobody else.
    fn flush_later(&self, rest: Vec<Arc<dyn Flush>>);

    /// Takes connections that may be flushed together with those of other tasks that are ready to run. Those it leaves
    /// are flushed at once.
    fn flush_together(&self, _connections: &mut Vec<Arc<dyn Flush>>) {}
}

/// Something with a deadline.
pub trait Timed: Send + Sync {
    /// The time `at`, for which this was armed, has come.
    fn fire(self: Arc<Self>, at: Instant);
}

/// A connection with something to write.
pub trait Flush: Send + Sync {
    /// Writes as much as the socket takes now, without waiting.
    fn flush(&self);
}
