//! Rooms, their members and who is in which, in SQLite.

use rusqlite::{Connection, OptionalExtension, Row};

use super::error::{is_duplicate, unavailable};
use crate::{
    chat::{Room, RoomCode, UserOid},
    store::{
        Entered, ListedRoom, MAX_LISTED_ROOMS, StoreError,
        code::{CODE_TRIES, random_code},
        unix_millis,
    },
};

const INSERT: &str = "INSERT INTO rooms (code, host, name, active, created_at) VALUES (?1, ?2, ?3, 1, ?4)";
const REMEMBER: &str = "INSERT INTO members (room_id, user_oid, joined_at) VALUES (?1, ?2, ?3)
    ON CONFLICT DO NOTHING";
const BY_CODE: &str = "SELECT code, host, name, active, created_at, id FROM rooms WHERE code = ?1";
const CURRENT: &str = "SELECT r.code, r.host, r.name, r.active, r.created_at, r.id
    FROM current_rooms c JOIN rooms r ON r.id = c.room_id WHERE c.user_oid = ?1";
const ENTER: &str = "INSERT INTO current_rooms (user_oid, room_id) VALUES (?1, ?2)
    ON CONFLICT (user_oid) DO UPDATE SET room_id = excluded.room_id";
const LEAVE: &str = "DELETE FROM current_rooms WHERE user_oid = ?1";
const LIST: &str = "SELECT r.code, r.host, r.name, r.active, r.created_at, r.id, u.name,
        EXISTS (SELECT 1 FROM members m WHERE m.room_id = r.id AND m.user_oid = ?1)
    FROM rooms r LEFT JOIN users u ON u.oid = r.host
    WHERE r.active ORDER BY r.id DESC LIMIT ?2";

/// Creates a room under the first of `codes` that is free, with the host as its first member.
pub(super) fn create(
    conn: &Connection,
    host: &UserOid,
    name: &str,
    mut codes: impl FnMut() -> Result<RoomCode, StoreError>,
) -> Result<Room, StoreError> {
    let created_at = unix_millis();
    for _ in 0..CODE_TRIES {
        let code = codes()?;
        match insert(conn, &code, host, name, created_at) {
            Ok(id) => {
                remember(conn, id, host)?;
                return Ok(Room {
                    code,
                    host: host.clone(),
                    name: name.to_owned(),
                    active: true,
                    created_at,
                });
            }
            Err(error) if is_duplicate(&error) => {}
            Err(error) => return Err(unavailable(error)),
        }
    }
    Err(StoreError::Unavailable("no free room code was found".to_owned()))
}

/// Creates a room under a random code.
pub(super) fn create_random(conn: &Connection, host: &UserOid, name: &str) -> Result<Room, StoreError> {
    create(conn, host, name, random_code)
}

/// Lists the active rooms, newest first.
pub(super) fn list(conn: &Connection, user: &UserOid) -> Result<Vec<ListedRoom>, StoreError> {
    let listed =
        |row: &Row<'_>| Ok(ListedRoom { room: room(row)?.room, host_name: row.get(6)?, member: row.get(7)? });
    let mut query = conn.prepare_cached(LIST).map_err(unavailable)?;
    let rows = query.query_map((&user.0, MAX_LISTED_ROOMS), listed).map_err(unavailable)?;
    rows.collect::<Result<_, _>>().map_err(unavailable)
}

/// Makes the room of this code the user's current one and the user its member.
pub(super) fn enter(conn: &Connection, user: &UserOid, code: &RoomCode) -> Result<Entered, StoreError> {
    let entered = by_code(conn, code)?
        .filter(|found| found.room.active)
        .ok_or_else(|| StoreError::NoSuchRoom(code.clone()))?;
    let left = current(conn, user)?.filter(|left| left.id != entered.id);
    remember(conn, entered.id, user)?;
    conn.prepare_cached(ENTER)
        .and_then(|mut enter| enter.execute((&user.0, entered.id)))
        .map_err(unavailable)?;
    Ok(Entered { room: entered.room, left: left.map(|left| left.room) })
}

/// Clears the user's current room.
pub(super) fn leave(conn: &Connection, user: &UserOid) -> Result<Option<Room>, StoreError> {
    let left = current(conn, user)?;
    conn.prepare_cached(LEAVE).and_then(|mut leave| leave.execute([&user.0])).map_err(unavailable)?;
    Ok(left.map(|left| left.room))
}

/// Finds the room the user is in.
pub(super) fn current(conn: &Connection, user: &UserOid) -> Result<Option<StoredRoom>, StoreError> {
    find(conn, CURRENT, &user.0)
}

/// Finds a room by its code, active or not.
pub(super) fn by_code(conn: &Connection, code: &RoomCode) -> Result<Option<StoredRoom>, StoreError> {
    find(conn, BY_CODE, &code.0)
}

/// A room with its key in this database.
pub(super) struct StoredRoom {
    /// The primary key.
    pub(super) id: i64,
    /// The room.
    pub(super) room: Room,
}

fn insert(
    conn: &Connection,
    code: &RoomCode,
    host: &UserOid,
    name: &str,
    created_at: i64,
) -> rusqlite::Result<i64> {
    conn.prepare_cached(INSERT)?.insert((&code.0, &host.0, name, created_at))
}

fn remember(conn: &Connection, room_id: i64, user: &UserOid) -> Result<(), StoreError> {
    conn.prepare_cached(REMEMBER)
        .and_then(|mut remember| remember.execute((room_id, &user.0, unix_millis())))
        .map(drop)
        .map_err(unavailable)
}

fn find(conn: &Connection, sql: &str, key: &str) -> Result<Option<StoredRoom>, StoreError> {
    conn.prepare_cached(sql)
        .and_then(|mut query| query.query_row([key], room).optional())
        .map_err(unavailable)
}

fn room(row: &Row<'_>) -> rusqlite::Result<StoredRoom> {
    let room = Room {
        code: RoomCode(row.get(0)?),
        host: UserOid(row.get(1)?),
        name: row.get(2)?,
        active: row.get(3)?,
        created_at: row.get(4)?,
    };
    Ok(StoredRoom { id: row.get(5)?, room })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{contract::support::TempDir, sqlite::schema};

    #[test]
    fn a_code_that_is_taken_is_replaced_by_another() {
        let dir = TempDir::new();
        let conn = schema::open_writer(&dir.path().join("codes.db")).unwrap();
        let host = UserOid("u".to_owned());
        let mut codes = ["first", "first", "first", "second"].into_iter();
        let mut next = || Ok(RoomCode(codes.next().unwrap().to_owned()));
        assert_eq!(create(&conn, &host, "A", &mut next).unwrap().code.0, "first");
        assert_eq!(create(&conn, &host, "B", &mut next).unwrap().code.0, "second");
    }

    #[test]
    fn a_room_that_is_no_longer_active_cannot_be_entered_or_listed() {
        let dir = TempDir::new();
        let conn = schema::open_writer(&dir.path().join("active.db")).unwrap();
        let host = UserOid("u".to_owned());
        let room = create_random(&conn, &host, "A").unwrap();
        conn.execute("UPDATE rooms SET active = 0", []).unwrap();
        assert!(matches!(enter(&conn, &host, &room.code), Err(StoreError::NoSuchRoom(_))));
        assert_eq!(list(&conn, &host).unwrap(), []);
    }
}
