//! Values that a server keeps for its listeners.

use std::{fmt, ops::Deref, sync::Arc};

use parking_lot::RwLock;

/// A value that the [server keeps](super::Server::manage), shared by all its listeners.
///
/// # Examples
/// ```no_run
/// # use std::sync::atomic::{AtomicU64, Ordering};
/// # use engineio::{Server, State};
/// struct Counter(AtomicU64);
///
/// let io = Server::new();
/// io.manage(Counter(AtomicU64::new(0)));
/// io.on("count", |counter: State<Counter>| {
///     counter.0.fetch_add(1, Ordering::Relaxed);
/// });
/// ```
pub struct State<T>(Arc<T>);

impl<T> State<T> {
    /// The value's shared owner.
    #[must_use]
    pub fn into_arc(self) -> Arc<T> {
        self.0
    }
}

impl<T> Clone for State<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for State<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for State<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("State").field(&self.0).finish()
    }
}

/// The values of one server, one of each type.
#[derive(Default)]
pub(crate) struct Values(RwLock<http::Extensions>);

impl Values {
    pub(crate) fn insert<T: Send + Sync + 'static>(&self, value: T) -> bool {
        self.0.write().insert(State(Arc::new(value))).is_none()
    }

    pub(crate) fn get<T: Send + Sync + 'static>(&self) -> Option<State<T>> {
        self.0.read().get().cloned()
    }
}
