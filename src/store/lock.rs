//! One process at a time on a data directory.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    time::Duration,
};

/// The file in the data directory whose lock is held; nothing is written into it.
const LOCK: &str = "roomcast.lock";
/// The pause between two attempts.
const RETRY: Duration = Duration::from_millis(20);

/// A data directory that this process has for itself until the lock is dropped or the process ends, however it does.
///
/// Two processes on one SQLite database would tell their messages to their own sockets only, and give ids that are not
/// in the order of history.
#[derive(Debug)]
pub struct DataLock {
    _held: Option<File>,
}

impl DataLock {
    /// Creates the directory, then waits until no other process has it: the one before may still be stopping.
    ///
    /// A file system without locks is used without one, which the log says.
    ///
    /// # Errors
    /// The directory or the file cannot be created.
    pub async fn of(directory: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let path = directory.join(LOCK);
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _held: Some(file) }),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => {
                    tracing::warn!(%error, "{} cannot be locked: let no second process use it", path.display());
                    return Ok(Self { _held: None });
                }
            }
            if !std::mem::replace(&mut told, true) {
                tracing::warn!("another process uses {}: waiting until it has ended", directory.display());
            }
            tokio::time::sleep(RETRY).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{env, fs, process};

    use super::*;

    #[tokio::test]
    async fn a_data_directory_belongs_to_one_process_after_the_other() {
        let directory = env::temp_dir().join(format!("roomcast-lock-{}", process::id()));
        let first = DataLock::of(&directory).await.unwrap();
        let second = DataLock::of(&directory);
        tokio::pin!(second);
        assert!(tokio::time::timeout(RETRY * 3, &mut second).await.is_err());
        drop(first);
        second.await.unwrap();
        fs::remove_dir_all(&directory).unwrap();
    }
}
