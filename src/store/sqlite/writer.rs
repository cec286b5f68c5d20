//! The one thread that writes: everything that waits becomes one transaction with one sync to disk.

use std::{thread, time::Duration};

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::timeout,
};

use super::error::unavailable;
use crate::store::StoreError;

/// Jobs that may wait for the writer; further callers wait for a place.
const QUEUE_JOBS: usize = 4096;

/// Jobs of one transaction at most, so that the first of them does not wait too long for its answer.
const BATCH_JOBS: usize = 2048;

/// How long the writer lets callers gather who have just been answered all at once and will mostly be back.
const GATHERING: Duration = Duration::from_micros(500);

/// How long a caller waits for a place in the queue before it is told that the store is not available.
const QUEUE_WAIT: Duration = Duration::from_secs(5);

/// How long a caller waits for the end of its work. A disk that hangs must not hold requests for ever.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// The writer thread's queue, as its callers hold it.
pub(super) struct Writer {
    /// `None` once the store is closed.
    queue: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    /// Becomes `true` when the thread has written everything and let go of the file.
    finished: watch::Receiver<bool>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(conn: Connection) -> Result<Self, StoreError> {
        let (queue, jobs) = mpsc::channel(QUEUE_JOBS);
        let (finish, finished) = watch::channel(false);
        let work = move || {
            run(conn, jobs);
            finish.send_replace(true);
        };
        thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(work)
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self { queue: Mutex::new(Some(queue)), finished })
    }

    /// Runs `work` in the next transaction and answers after its commit; if it fails, its changes are undone alone.
    pub(super) async fn write<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.write_statement(|conn: &Connection| in_savepoint(conn, work)).await
    }

    /// As [`Writer::write`] for work whose last step is its only changing statement: there is nothing to undo then,
    /// and a savepoint would be wasted on the busiest path.
    pub(super) async fn write_statement<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let Some(queue) = self.queue.lock().clone() else { return Err(closed()) };
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Work { work: Some(work), result: None, reply });
        queue.send_timeout(job, QUEUE_WAIT).await.map_err(|_| overloaded())?;
        drop(queue);
        timeout(ANSWER_WAIT, answer).await.map_err(|_| slow())?.unwrap_or_else(|_| Err(closed()))
    }

    /// Refuses further work and waits until everything accepted is written and the log is folded into the file.
    pub(super) async fn close(&self) {
        self.queue.lock().take();
        // An error means that the thread is gone already, which is what is waited for.
        let mut finished = self.finished.clone();
        let _gone = finished.wait_for(|finished| *finished).await;
    }
}

/// A piece of work in the queue, without the type of its answer.
trait Job: Send {
    /// Does the work inside the open transaction and keeps the result.
    fn run(&mut self, conn: &Connection);

    /// Why the work has failed, if it was the database's fault.
    fn failure(&self) -> Option<&str>;

    /// Answers the caller, now that the transaction is durable or has failed.
    fn answer(self: Box<Self>, committed: Result<(), &str>);
}

struct Work<T, W> {
    work: Option<W>,
    result: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, W> Job for Work<T, W>
where
    T: Send,
    W: FnOnce(&Connection) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, conn: &Connection) {
        // What its caller has given up must not be done out of nowhere, when the disk works again.
        if !self.reply.is_closed() {
            self.result = self.work.take().map(|work| work(conn));
        }
    }

    fn failure(&self) -> Option<&str> {
        match &self.result {
            Some(Err(StoreError::Unavailable(reason))) => Some(reason),
            _ => None,
        }
    }

    fn answer(self: Box<Self>, committed: Result<(), &str>) {
        // Refusals wait for the commit as well: they may rest on changes of the same transaction.
        let result = match committed {
            Ok(()) => self.result.unwrap_or_else(|| Err(closed())),
            Err(reason) => Err(StoreError::Unavailable(reason.to_owned())),
        };
        // A caller that no longer waits needs no answer.
        let _unheard = self.reply.send(result);
    }
}

fn run(conn: Connection, mut jobs: mpsc::Receiver<Box<dyn Job>>) {
    let mut batch = Vec::with_capacity(BATCH_JOBS);
    let mut last_batch = 0;
    while jobs.blocking_recv_many(&mut batch, BATCH_JOBS) > 0 {
        if batch.len() < last_batch / 2 {
            // The first to come back woke this thread; a sync to disk for them alone would hold up all the others.
            thread::sleep(GATHERING);
            while batch.len() < BATCH_JOBS
                && let Ok(job) = jobs.try_recv()
            {
                batch.push(job);
            }
        }
        last_batch = batch.len();
        let committed = transact(&conn, &mut batch);
        for job in batch.drain(..) {
            job.answer(committed.as_ref().map_err(String::as_str).copied());
        }
    }
    if let Err(error) = conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE);") {
        tracing::warn!("sqlite checkpoint at the end failed, the log stays: {error}");
    }
    if let Err((_conn, error)) = conn.close() {
        tracing::warn!("sqlite did not close cleanly: {error}");
    }
}

/// Runs all jobs in one transaction and commits it. After an error nothing of it is in the database.
fn transact(conn: &Connection, batch: &mut [Box<dyn Job>]) -> Result<(), String> {
    let committed = try_transact(conn, batch);
    if committed.is_err() && !conn.is_autocommit() {
        // If even this fails, the next BEGIN fails and answers its callers with an error.
        let _rolled_back = execute(conn, "ROLLBACK");
    }
    committed
}

fn try_transact(conn: &Connection, batch: &mut [Box<dyn Job>]) -> Result<(), String> {
    execute(conn, "BEGIN IMMEDIATE").map_err(|error| error.to_string())?;
    for job in batch {
        job.run(conn);
        if conn.is_autocommit() {
            // A full disk or an IO error ends the whole transaction, with the work of the jobs before.
            return Err(job.failure().unwrap_or("the disk refused the transaction").to_owned());
        }
    }
    execute(conn, "COMMIT").map_err(|error| error.to_string())
}

fn in_savepoint<T>(
    conn: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    execute(conn, "SAVEPOINT job").map_err(unavailable)?;
    let result = work(conn);
    if result.is_err() && !conn.is_autocommit() {
        execute(conn, "ROLLBACK TO job").map_err(unavailable)?;
    }
    if !conn.is_autocommit() {
        execute(conn, "RELEASE job").map_err(unavailable)?;
    }
    result
}

fn execute(conn: &Connection, sql: &str) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.execute([]).map(drop)
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

fn slow() -> StoreError {
    StoreError::Unavailable("the disk took too long".to_owned())
}

fn overloaded() -> StoreError {
    StoreError::Unavailable("too many changes are waiting to be written".to_owned())
}
