//! A small pool of reading connections; each read runs on the runtime's blocking threads.

use std::{path::Path, sync::Arc, thread, time::Duration};

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

use super::schema;
use crate::store::StoreError;

/// Reading connections at most; SQLite's readers gain nothing from more than there are processors.
const MAX_READERS: usize = 4;

/// How long a caller waits for a free connection before it is told that the store is not available.
const READER_WAIT: Duration = Duration::from_secs(5);

/// How long a caller waits for the end of its read. A disk that hangs must not hold requests for ever.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// The pool.
pub(super) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    /// One permit per connection; whoever holds one finds a connection in `idle`. Closed with the store.
    permits: Arc<Semaphore>,
    count: u32,
}

impl Readers {
    /// Opens all connections.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let count = thread::available_parallelism().map_or(1, usize::from).min(MAX_READERS);
        let connections = (0..count).map(|_| schema::open_reader(path)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            idle: Arc::new(Mutex::new(connections)),
            permits: Arc::new(Semaphore::new(count)),
            count: u32::try_from(count).unwrap_or(1),
        })
    }

    /// Runs `work` on a free connection.
    pub(super) async fn read<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let permit = timeout(READER_WAIT, Arc::clone(&self.permits).acquire_owned())
            .await
            .map_err(|_| StoreError::Unavailable("too many reads are waiting".to_owned()))?
            .map_err(|_| closed())?;
        let idle = Arc::clone(&self.idle);
        // The connection goes back inside the blocking task, so a caller that stops waiting takes none along.
        let read = spawn_blocking(move || {
            let conn = idle.lock().pop().ok_or_else(closed)?;
            let result = work(&conn);
            idle.lock().push(conn);
            drop(permit);
            result
        });
        timeout(ANSWER_WAIT, read)
            .await
            .map_err(|_| StoreError::Unavailable("the disk took too long".to_owned()))?
            .unwrap_or_else(|error| Err(StoreError::Unavailable(error.to_string())))
    }

    /// Refuses further reads, waits for the running ones and closes the connections.
    pub(super) async fn close(&self) {
        let all = timeout(READER_WAIT, self.permits.acquire_many(self.count)).await;
        self.permits.close();
        drop(all);
        self.idle.lock().clear();
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}
