//! The contract on SQLite, and what only SQLite can show.

use std::{
    fs,
    path::Path,
    sync::{Arc, Barrier, mpsc},
    thread,
};

use super::{FILE_NAME, SqliteStore, database_file};
use crate::store::{
    Store, StoreError,
    contract::{
        Place, contract,
        support::{TempDir, entered_room, eventually, post, text, user, whole_history},
    },
};

struct Directory(TempDir);

impl Directory {
    fn new() -> Self {
        Self(TempDir::new())
    }
}

#[async_trait::async_trait(?Send)]
impl Place for Directory {
    async fn open(&self) -> Arc<dyn Store> {
        let store = SqliteStore::open(self.0.path()).unwrap();
        store.ready().await.unwrap();
        Arc::new(store)
    }
}

contract!(super::Directory::new());

#[tokio::test]
async fn everything_answered_is_in_the_files_as_a_killed_process_leaves_them() {
    let (dir, copy) = (TempDir::new(), TempDir::new());
    let store = SqliteStore::open(dir.path()).unwrap();
    let ann = user(&store, "Ann").await;
    let code = entered_room(&store, &ann).await;
    for number in 0..50 {
        post(&store, &ann, &code, &number.to_string()).await;
    }
    for file in [FILE_NAME.to_owned(), format!("{FILE_NAME}-wal")] {
        fs::copy(dir.path().join(&file), copy.path().join(&file)).unwrap();
    }
    let copied = SqliteStore::open(copy.path()).unwrap();
    assert_eq!(whole_history(&copied, &ann, &code, 100).await.len(), 50);
    assert_eq!(copied.current_room(&ann).await.unwrap().map(|room| room.code), Some(code));
}

/// How often this process has a file of a directory open.
#[cfg(target_os = "linux")]
fn open_files(dir: &Path) -> usize {
    let links =
        fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    links.filter(|file| file.starts_with(dir)).count()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn all_files_are_open_from_the_start() {
    let dir = TempDir::new();
    let store = SqliteStore::open(dir.path()).unwrap();
    store.ready().await.unwrap();
    let at_first = open_files(dir.path());
    // As many readers as there are on any machine, at the same moment.
    let readers = thread::available_parallelism().map_or(1, usize::from).min(2);
    let all_are_here = Arc::new(Barrier::new(readers));
    let reads = (0..readers).map(|_| {
        let all_are_here = Arc::clone(&all_are_here);
        store.readers.read(move |conn| {
            all_are_here.wait();
            super::users::by_email(conn, "ann@example.org")
        })
    });
    futures_util::future::try_join_all(reads).await.unwrap();
    assert!(
        at_first >= 5,
        "the file and its log for the writer and a reader, and their shared index: {at_first}"
    );
    assert_eq!(open_files(dir.path()), at_first);
}

#[tokio::test]
async fn closing_folds_the_log_into_the_file() {
    let dir = TempDir::new();
    let store = SqliteStore::open(dir.path()).unwrap();
    let ann = user(&store, "Ann").await;
    store.close().await;
    assert!(!dir.path().join(format!("{FILE_NAME}-wal")).exists());
    let reopened = SqliteStore::open(dir.path()).unwrap();
    assert!(reopened.user_by_oid(&ann).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_job_does_not_undo_the_others_of_its_transaction() {
    let dir = TempDir::new();
    let store = Arc::new(SqliteStore::open(dir.path()).unwrap());
    let ann = user(&*store, "Ann").await;
    let code = entered_room(&*store, &ann).await;
    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let (store, ann, code) = (Arc::clone(&store), ann.clone(), code.clone());
            tokio::spawn(async move {
                if number % 2 == 0 {
                    post(&*store, &ann, &code, "kept").await;
                } else {
                    let broken = store.writer.write(|conn| {
                        conn.execute("INSERT INTO revoked_tokens VALUES ('half done', 9999999999)", [])
                            .unwrap();
                        Err::<(), _>(StoreError::BadCursor)
                    });
                    assert!(matches!(broken.await, Err(StoreError::BadCursor)));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(whole_history(&*store, &ann, &code, 200).await.len(), 100);
    assert!(!store.is_revoked("half done").await.unwrap());
}

#[tokio::test]
async fn a_full_disk_fails_with_an_answer_and_space_lets_it_recover() {
    let dir = TempDir::new();
    let store = SqliteStore::open(dir.path()).unwrap();
    let ann = user(&store, "Ann").await;
    let code = entered_room(&store, &ann).await;
    let limit = |pages: &'static str| {
        store.writer.write_statement(move |conn| {
            conn.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).unwrap();
            Ok(())
        })
    };
    limit("1").await.unwrap();
    let mut stored = 0;
    let failure = eventually("the disk is full", async || {
        let appended = store.append_message(text(&ann, &code, &"x".repeat(4_000))).await;
        stored += usize::from(appended.is_ok());
        appended.err()
    });
    assert!(matches!(failure.await, StoreError::Unavailable(_)));
    limit("1000000").await.unwrap();
    post(&store, &ann, &code, "again").await;
    assert_eq!(whole_history(&store, &ann, &code, 200).await.len(), stored + 1);
}

#[tokio::test]
async fn a_disk_that_hangs_holds_nobody_for_ever_and_what_was_given_up_is_not_written_later() {
    let dir = TempDir::new();
    let store = SqliteStore::open(dir.path()).unwrap();
    let ann = user(&store, "Ann").await;
    let code = entered_room(&store, &ann).await;
    let (release, held) = mpsc::channel();
    let hanging = store.writer.write_statement(move |_| {
        held.recv().unwrap();
        Ok(())
    });
    // The writer's thread knows nothing of this clock, which jumps to the next time-out while everyone waits.
    tokio::time::pause();
    let waiting = store.append_message(text(&ann, &code, "given up"));
    let (hanging, waiting) = tokio::join!(hanging, waiting);
    assert!(matches!(hanging, Err(StoreError::Unavailable(_))), "{hanging:?}");
    assert!(matches!(waiting, Err(StoreError::Unavailable(_))), "{waiting:?}");
    tokio::time::resume();
    release.send(()).unwrap();
    post(&store, &ann, &code, "after it").await;
    assert_eq!(whole_history(&store, &ann, &code, 10).await, ["after it"]);
}

#[tokio::test]
async fn ids_stay_in_order_when_the_clock_was_set_back_between_two_starts() {
    let dir = TempDir::new();
    let store = SqliteStore::open(dir.path()).unwrap();
    let ann = user(&store, "Ann").await;
    let code = entered_room(&store, &ann).await;
    post(&store, &ann, &code, "from the future").await;
    let moved = store.writer.write(|conn| {
        conn.execute("UPDATE messages SET id = x'fff000000000000000000000'", []).unwrap();
        Ok(())
    });
    moved.await.unwrap();
    store.close().await;
    let store = SqliteStore::open(dir.path()).unwrap();
    post(&store, &ann, &code, "now").await;
    assert_eq!(whole_history(&store, &ann, &code, 1).await, ["from the future", "now"]);
}

#[test]
fn a_file_that_is_no_database_is_refused_as_corrupt() {
    let dir = TempDir::new();
    let file = dir.path().join("notes.txt");
    fs::write(&file, "not a database, only a few words of text\n".repeat(50)).unwrap();
    assert!(matches!(SqliteStore::open(&file), Err(StoreError::Corrupt(_))));
}

#[test]
fn a_place_that_cannot_be_written_is_refused_with_its_name() {
    let dir = TempDir::new();
    fs::write(dir.path().join("file"), "").unwrap();
    let error = SqliteStore::open(&dir.path().join("file/chat.db")).err().unwrap();
    assert!(error.to_string().contains("chat.db"), "{error}");
}

#[test]
fn a_directory_gets_the_file_and_a_file_is_taken_as_it_is() {
    let dir = TempDir::new();
    let (new, file) = (dir.path().join("data"), dir.path().join("chat.sqlite"));
    assert_eq!(database_file(dir.path()), dir.path().join(FILE_NAME));
    assert_eq!(database_file(&new), new.join(FILE_NAME));
    assert_eq!(database_file(&file), file);
    assert_eq!(database_file(Path::new("chat.db")), Path::new("chat.db"));
}

#[cfg(unix)]
#[test]
fn a_new_database_can_be_read_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let dir = TempDir::new();
    let path = dir.path().join("data");
    drop(SqliteStore::open(&path).unwrap());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(&path.join(FILE_NAME))), (0o700, 0o600));
}
