//! The hub's world on tokio.

use std::{
    cell::RefCell,
    fmt,
    sync::{Arc, OnceLock, Weak},
    time::{Instant, SystemTime},
};

use tokio::runtime::Handle;

use super::{
    clock::{Clock, ClockHandle, now},
    gathering::Gathering,
    slices::flush_in_slices,
};
use crate::{
    adapter::MemoryAdapter,
    config::{Config, ConfigError},
    hub::{BoxFuture, Engine, Flush, Runtime, Server, Timed},
    sid::Sid,
};

/// The hub's [`Runtime`] on tokio: its clock is one task for the whole server.
pub struct TokioRuntime {
    clock: ClockHandle,
    gathering: Arc<Gathering>,
    handle: OnceLock<Handle>,
}

impl fmt::Debug for TokioRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokioRuntime")
    }
}

impl TokioRuntime {
    /// A runtime that uses the tokio runtime it is first called in.
    #[must_use]
    pub fn new() -> Arc<Self> {
        let clock = ClockHandle(Arc::new(Clock::default()));
        Arc::new(Self { clock, gathering: Arc::default(), handle: OnceLock::new() })
    }

    fn handle(&self) -> &Handle {
        self.handle.get_or_init(|| {
            let handle = Handle::current();
            handle.spawn(Arc::clone(&self.clock.0).run());
            handle
        })
    }
}

/// The ids whose randomness is fetched with one system call.
const SIDS_AT_ONCE: usize = 32;

thread_local! {
    static RANDOM: RefCell<Vec<[u8; Sid::BYTES]>> = const { RefCell::new(Vec::new()) };
}

fn refill(random: &mut Vec<[u8; Sid::BYTES]>) {
    let mut bytes = [[0; Sid::BYTES]; SIDS_AT_ONCE];
    if let Err(error) = getrandom::fill(bytes.as_flattened_mut()) {
        // A guessable id would hand sessions to strangers; there is no way to go on without randomness.
        tracing::error!(%error, "the operating system gives no random bytes");
        std::process::abort();
    }
    random.extend(bytes);
}

/// Random bytes that nobody else gets, as many as make an id.
pub(super) fn random() -> [u8; Sid::BYTES] {
    RANDOM.with_borrow_mut(|random| {
        if random.is_empty() {
            refill(random);
        }
        random.pop().unwrap_or_default()
    })
}

impl Runtime for TokioRuntime {
    fn now(&self) -> Instant {
        now()
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::now()
    }

    fn fresh_sid(&self) -> Sid {
        Sid::from_bytes(random())
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.handle().spawn(task);
    }

    fn arm(&self, at: Instant, timed: Weak<dyn Timed>) {
        self.handle();
        self.clock.0.arm(at, timed);
    }

    fn flush_later(&self, rest: Vec<Arc<dyn Flush>>) {
        self.handle().spawn(flush_in_slices(rest));
    }

    fn flush_together(&self, connections: &mut Vec<Arc<dyn Flush>>) {
        self.gathering.add(connections, self.handle());
    }
}

impl Server {
    /// A server with the default limits, rooms in memory, on tokio.
    #[must_use]
    pub fn new() -> Self {
        Self::on_tokio(Config::default())
    }

    /// A server with limits of the caller's choice, rooms in memory, on tokio.
    ///
    /// # Errors
    /// A setting makes no sense.
    pub fn with_config(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self::on_tokio(config))
    }

    fn on_tokio(config: Config) -> Self {
        let adapter = Arc::new(|_: &str| Arc::new(MemoryAdapter::default()) as _);
        Self::with_runtime(config, TokioRuntime::new(), adapter)
    }
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine {
    /// A bare Engine.IO server with the default limits, on tokio.
    #[must_use]
    pub fn new() -> Self {
        Self::with_runtime(Config::default(), TokioRuntime::new())
    }

    /// A bare Engine.IO server with limits of the caller's choice, on tokio.
    ///
    /// # Errors
    /// A setting makes no sense.
    pub fn with_config(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self::with_runtime(config, TokioRuntime::new()))
    }
}

impl Default for Engine {
    fn default() -> Self {
        Self::new()
    }
}
