//! Inserts messages into roomcast's database, as it has left it, in durable transactions of a given size, and does nothing
//! else: what SQLite and the disk cost anyone. Prints how many it has stored in each second.
//!
//! compare-bare FILE ROWS_AT_ONCE SECONDS

use std::{
    env,
    error::Error,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use rusqlite::Connection;

/// The settings of roomcast's writer.
const SETTINGS: &str = "PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA cache_size = -65536;
    PRAGMA wal_autocheckpoint = 16000;
    PRAGMA journal_size_limit = 67108864;";
/// roomcast's statement.
const INSERT: &str = "INSERT INTO messages (room_id, id, user_oid, sender, msg, at, client_id)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

fn main() -> Result<(), Box<dyn Error>> {
    let [file, batch, seconds] =
        env::args().skip(1).collect::<Vec<_>>().try_into().map_err(|_| "wanted FILE ROWS_AT_ONCE SECONDS")?;
    let (batch, duration) = (batch.parse::<usize>()?, Duration::from_secs_f64(seconds.parse()?));
    let mut connection = Connection::open(file)?;
    connection.execute_batch(SETTINGS)?;
    let people = people(&connection)?;
    let mut turns = people.iter().cycle();
    let (begin, mut stored) = (Instant::now(), 0);
    while begin.elapsed() < duration {
        let senders: Vec<_> = turns.by_ref().take(batch).collect();
        insert(&mut connection, &senders, stored)?;
        stored += senders.len();
    }
    println!("{:.0}", stored as f64 / begin.elapsed().as_secs_f64());
    Ok(())
}

/// Someone in a room.
struct Person {
    room: i64,
    oid: String,
}

fn people(connection: &Connection) -> rusqlite::Result<Vec<Person>> {
    let mut select = connection.prepare("SELECT room_id, user_oid FROM current_rooms")?;
    let people = select.query_map([], |row| Ok(Person { room: row.get(0)?, oid: row.get(1)? }))?;
    people.collect()
}

/// Stores a message of each of these people in one transaction.
fn insert(connection: &mut Connection, people: &[&Person], stored: usize) -> Result<(), Box<dyn Error>> {
    let transaction = connection.transaction()?;
    let mut statement = transaction.prepare_cached(INSERT)?;
    let text = "x".repeat(64);
    for (place, person) in people.iter().enumerate() {
        let at = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
        // Behind all that roomcast has given, in the order of storing.
        let mut id = [0xff; 12];
        id[4..].copy_from_slice(&((stored + place) as u64).to_be_bytes());
        let row = (person.room, id, &person.oid, "User (from Room)", &text, i64::try_from(at)?, None::<&str>);
        statement.execute(row)?;
    }
    drop(statement);
    transaction.commit()?;
    Ok(())
}
