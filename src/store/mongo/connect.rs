//! Reaching the database in the background, for as long as it takes.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use mongodb::{
    error::Result,
    options::{ClientOptions, ConnectionString},
};
use parking_lot::Mutex;
use tokio::{task::JoinHandle, time::sleep};

use super::{database::Database, indexes, messages};
use crate::store::{StoreError, oid::Oid};

/// The pause after the first failure; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A database that is there as soon as it has been reached, its indexes stand and its newest message is known.
pub(super) struct Connection {
    progress: Arc<Progress>,
    task: JoinHandle<()>,
}

struct Progress {
    database: OnceLock<Database>,
    last_error: Mutex<String>,
}

impl Connection {
    /// Starts to connect. Must be called inside a tokio runtime.
    pub(super) fn start(url: ConnectionString) -> Self {
        let last_error = Mutex::new("it has not been reached yet".to_owned());
        let progress = Arc::new(Progress { database: OnceLock::new(), last_error });
        #[expect(clippy::disallowed_methods, reason = "the task lives as long as the store, which aborts it")]
        let task = tokio::spawn(connect(url, Arc::clone(&progress)));
        Self { progress, task }
    }

    /// The database, once it is there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] until then.
    pub(super) fn database(&self) -> std::result::Result<&Database, StoreError> {
        self.progress
            .database
            .get()
            .ok_or_else(|| StoreError::Unavailable(self.progress.last_error.lock().clone()))
    }

    /// Gives up connecting if it has not come about.
    pub(super) fn stop(&self) {
        self.task.abort();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn connect(url: ConnectionString, progress: Arc<Progress>) {
    let mut database = None;
    let mut pause = FIRST_PAUSE;
    while let Err(error) = try_connect(&url, &mut database).await {
        tracing::warn!(
            next_try_ms = pause.as_millis(),
            "the MongoDB database cannot be used yet: {}",
            error.kind
        );
        *progress.last_error.lock() = error.kind.to_string();
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    if let Some(database) = database {
        tracing::info!("the MongoDB database is ready");
        // This task alone sets it, once.
        let _already_set = progress.database.set(database);
    }
}

/// Goes as far as it can; a client that has been made is kept for the next try.
async fn try_connect(url: &ConnectionString, database: &mut Option<Database>) -> Result<()> {
    let database = match database {
        Some(database) => database,
        // With `mongodb+srv` this asks a name server, which may be away as well.
        None => database.insert(Database::new(ClientOptions::parse(url.clone()).await?)?),
    };
    database.ping().await?;
    indexes::prepare(database).await?;
    if let Some(newest) = messages::newest_id(database).await? {
        Oid::continue_after(newest);
    }
    Ok(())
}
