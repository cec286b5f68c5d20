//! Opening connections and bringing the schema up to date.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::error::unavailable;
use crate::store::StoreError;

/// How long a connection waits for another process's lock before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Prepared statements kept per connection; more than there are different statements.
const CACHED_STATEMENTS: usize = 64;

/// The schema's steps; step n leads from `user_version` n to n + 1. Published steps are never edited.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE users (
        oid           TEXT PRIMARY KEY,
        name          TEXT NOT NULL,
        email         TEXT NOT NULL,
        -- The e-mail address in lower case: what makes it unique.
        email_key     TEXT NOT NULL UNIQUE,
        password_hash TEXT NOT NULL,
        created_at    INTEGER NOT NULL
    ) WITHOUT ROWID;

    CREATE TABLE rooms (
        id         INTEGER PRIMARY KEY,
        code       TEXT NOT NULL UNIQUE,
        host       TEXT NOT NULL,
        name       TEXT NOT NULL,
        active     INTEGER NOT NULL DEFAULT 1,
        created_at INTEGER NOT NULL
    );

    -- Users who have ever joined a room. Users are not referenced: a room outlives the accounts in it.
    CREATE TABLE members (
        room_id   INTEGER NOT NULL REFERENCES rooms (id),
        user_oid  TEXT NOT NULL,
        joined_at INTEGER NOT NULL,
        PRIMARY KEY (room_id, user_oid)
    ) WITHOUT ROWID;

    CREATE TABLE current_rooms (
        user_oid TEXT PRIMARY KEY,
        room_id  INTEGER NOT NULL REFERENCES rooms (id)
    ) WITHOUT ROWID;

    -- The table itself lies in the order of a room's history, so a page is one walk along it.
    CREATE TABLE messages (
        room_id   INTEGER NOT NULL REFERENCES rooms (id),
        id        BLOB NOT NULL,
        user_oid  TEXT NOT NULL,
        sender    TEXT NOT NULL,
        msg       TEXT NOT NULL,
        at        INTEGER NOT NULL,
        client_id TEXT,
        PRIMARY KEY (room_id, id)
    ) WITHOUT ROWID;
    CREATE UNIQUE INDEX messages_by_client_id ON messages (user_oid, client_id) WHERE client_id IS NOT NULL;

    CREATE TABLE revoked_tokens (
        jti        TEXT PRIMARY KEY,
        expires_at INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX revoked_tokens_by_expiry ON revoked_tokens (expires_at);
"];

/// Opens the connection of the writer thread, creates the file if need be and brings the schema up to date.
pub(super) fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    let mut conn = open(path)?;
    // FULL syncs the write-ahead log at every commit: what was answered survives a loss of power.
    // The cache (64 MiB) holds the inner pages of the client ids' index, whose rows come in no order. The log is folded
    // in at 64 MB (16,000 pages), so that a page that many commits change is written to its place once.
    conn.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA cache_size = -65536;
         PRAGMA wal_autocheckpoint = 16000;
         PRAGMA journal_size_limit = 67108864;",
    )
    .map_err(unavailable)?;
    migrate(&mut conn)?;
    Ok(conn)
}

/// Opens a connection that can only read.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let conn = open(path)?;
    // The second opens the log (WAL), which SQLite would open at the first question: a fault is told at the start, and
    // the process has all its files from then on.
    conn.execute_batch("PRAGMA query_only = ON; PRAGMA schema_version;").map_err(unavailable)?;
    Ok(conn)
}

fn open(path: &Path) -> Result<Connection, StoreError> {
    // The flags leave out URI file names: a path is a path, whatever it begins with.
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(unavailable)?;
    conn.busy_timeout(BUSY_TIMEOUT).map_err(unavailable)?;
    conn.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    // Otherwise a cached statement that may use a partial index is planned anew for every value it is given.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(unavailable)?;
    Ok(conn)
}

fn migrate(conn: &mut Connection) -> Result<(), StoreError> {
    let tx = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(unavailable)?;
    let version: u32 = tx.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(unavailable)?;
    let Some(steps) = MIGRATIONS.get(version as usize..) else {
        return Err(StoreError::Corrupt(format!(
            "wanted a schema of at most version {}, found {version}: the file was made by a newer roomcast",
            MIGRATIONS.len()
        )));
    };
    for step in steps {
        tx.execute_batch(step).map_err(unavailable)?;
    }
    tx.pragma_update(None, "user_version", MIGRATIONS.len() as i64).map_err(unavailable)?;
    tx.commit().map_err(unavailable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::contract::support::TempDir;

    #[test]
    fn a_file_of_a_newer_version_is_refused() {
        let dir = TempDir::new();
        let file = dir.path().join("new.db");
        drop(open_writer(&file).unwrap());
        open(&file).unwrap().pragma_update(None, "user_version", 999).unwrap();
        let error = open_writer(&file).unwrap_err();
        assert!(error.to_string().contains("newer roomcast"), "{error}");
    }

    #[test]
    fn an_up_to_date_file_is_opened_again_unchanged() {
        let dir = TempDir::new();
        let file = dir.path().join("same.db");
        drop(open_writer(&file).unwrap());
        let conn = open_writer(&file).unwrap();
        let version: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!(version, MIGRATIONS.len() as i64);
    }

    #[test]
    fn commits_are_synced_in_full_and_foreign_keys_hold() {
        let dir = TempDir::new();
        let conn = open_writer(&dir.path().join("p.db")).unwrap();
        let value = |name: &str| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!((value("synchronous"), value("foreign_keys")), (2, 1));
        assert!(
            conn.execute("INSERT INTO current_rooms (user_oid, room_id) VALUES ('u', 7)", []).is_err(),
            "a room that does not exist was accepted"
        );
    }

    #[test]
    fn a_history_page_is_read_in_order_without_sorting() {
        let dir = TempDir::new();
        let conn = open_writer(&dir.path().join("plan.db")).unwrap();
        let sql = format!("EXPLAIN QUERY PLAN {}", super::super::messages::PAGE);
        let mut statement = conn.prepare(&sql).unwrap();
        let plan: Vec<String> = statement
            .query_map((1, [0_u8; 12], 50), |row| row.get::<_, String>(3))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert!(plan.iter().all(|step| step.contains("USING PRIMARY KEY")), "{plan:?}");
    }
}
