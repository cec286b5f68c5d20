//! Durable messages in SQLite: one at a time, many at once, and what the same rows cost a program that only inserts them.

#![allow(missing_docs, reason = "criterion makes public functions without documentation")]
#![allow(clippy::unwrap_used, reason = "there is nothing to measure then")]
#![allow(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::{cell::Cell, path::Path};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use roomcast::{
    chat::{NewMessage, NewUser, RoomCode, UserOid},
    store::{SqliteStore, Store},
};
use rusqlite::Connection;
use tokio::runtime::Runtime;

/// Rooms that messages go to, in turns.
const ROOMS: usize = 64;
/// Messages under way at once: what 128 people have who each wait for 4.
const MANY: usize = 512;

struct Rig {
    store: SqliteStore,
    places: Vec<(RoomCode, UserOid)>,
}

async fn rig(directory: &Path) -> Rig {
    let store = SqliteStore::open(&directory.join("store.db")).unwrap();
    let mut places = Vec::new();
    for number in 0..ROOMS {
        let (name, email) = (format!("User {number}"), format!("{number}@example.org"));
        let user = NewUser { name, email, password_hash: "x".into() };
        let user = store.create_user(user).await.unwrap();
        let room = store.create_room(&user.oid, "Room").await.unwrap();
        store.enter_room(&user.oid, &room.code).await.unwrap();
        places.push((room.code, user.oid));
    }
    Rig { store, places }
}

impl Rig {
    fn message(&self, number: usize) -> NewMessage {
        let (room_code, user_oid) = self.places[number % ROOMS].clone();
        let (sender, msg) = ("User (from Room)".into(), "x".repeat(64));
        NewMessage { room_code, user_oid, sender, msg, client_id: None }
    }

    /// Stores messages that are under way at once.
    async fn append(&self, count: usize) {
        let appends = (0..count).map(|number| self.store.append_message(self.message(number)));
        for appended in futures_util::future::join_all(appends).await {
            assert!(!appended.unwrap().duplicate);
        }
    }
}

fn messages(c: &mut Criterion) {
    let directory = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let rig = runtime.block_on(rig(directory.path()));
    let mut group = c.benchmark_group("durable messages");
    group.sample_size(20);
    for count in [1, MANY] {
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(format!("{count} under way"), |b| {
            b.iter(|| runtime.block_on(rig.append(count)));
        });
    }
    group.throughput(Throughput::Elements(50));
    let (code, user) = &rig.places[0];
    group.bench_function("a page of history", |b| {
        b.iter(|| runtime.block_on(rig.store.history(user, code, None, 50)).unwrap());
    });
    runtime.block_on(rig.store.close());

    // The same file, the same statement, the same batches, and nothing else.
    let mut conn = Connection::open(directory.path().join("store.db")).unwrap();
    conn.pragma_update(None, "journal_mode", "WAL").unwrap();
    conn.pragma_update(None, "synchronous", "FULL").unwrap();
    let number = Cell::new(0_u64);
    group.throughput(Throughput::Elements(MANY as u64));
    group.bench_function(format!("{MANY} in one bare transaction"), |b| {
        b.iter_batched(|| (), |()| insert(&mut conn, &number), BatchSize::PerIteration);
    });
}

fn insert(conn: &mut Connection, number: &Cell<u64>) {
    let transaction = conn.transaction().unwrap();
    let mut statement = transaction
        .prepare_cached(
            "INSERT INTO messages (room_id, id, user_oid, sender, msg, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .unwrap();
    let msg = "x".repeat(64);
    for place in 0..MANY {
        number.set(number.get() + 1);
        let mut id = [0xf0; 12];
        id[4..].copy_from_slice(&number.get().to_be_bytes());
        let room = i64::try_from(place % ROOMS + 1).unwrap();
        statement.execute((room, id, "65f0a1b2c3d4e5f601234567", "User (from Room)", &msg, 0)).unwrap();
    }
    drop(statement);
    transaction.commit().unwrap();
}

criterion_group!(benches, messages);
criterion_main!(benches);
