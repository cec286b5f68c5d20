//! Messages and history in SQLite.

use rusqlite::{Connection, OptionalExtension, Row};

use super::{error::unavailable, rooms};
use crate::{
    chat::{Message, NewMessage, RoomCode, UserOid},
    store::{Appended, Page, StoreError, oid::Oid, page_limit, page_of, unix_millis},
};

const BY_CLIENT_ID: &str = "SELECT m.id, m.user_oid, m.sender, m.msg, m.at, r.code
    FROM messages m JOIN rooms r ON r.id = m.room_id
    WHERE m.user_oid = ?1 AND m.client_id = ?2";
/// The room's key, and whether the user is in it.
const PLACE: &str = "SELECT id, EXISTS (SELECT 1 FROM current_rooms WHERE user_oid = ?2 AND room_id = id)
    FROM rooms WHERE code = ?1";
const INSERT: &str = "INSERT INTO messages (room_id, id, user_oid, sender, msg, at, client_id)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const IS_MEMBER: &str = "SELECT 1 FROM members WHERE room_id = ?1 AND user_oid = ?2";
const IS_MESSAGE: &str = "SELECT 1 FROM messages WHERE room_id = ?1 AND id = ?2";
/// A page from the newest to the oldest, older than the cursor.
pub(super) const PAGE: &str = "SELECT id, user_oid, sender, msg, at FROM messages
    WHERE room_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";
/// A blob that every id is less than: the cursor of the newest page.
const NEWEST: [u8; 13] = [0xff; 13];
const NEWEST_ID: &str = "SELECT max((SELECT max(m.id) FROM messages m WHERE m.room_id = r.id)) FROM rooms r";

/// Stores a message of a user who is in the room; its only change is its last statement.
pub(super) fn append(conn: &Connection, new: NewMessage) -> Result<Appended, StoreError> {
    // A repeat is answered even when its sender has left meanwhile: the first one was accepted.
    if let Some(message) = first_with_client_id(conn, &new)? {
        return Ok(Appended { message, duplicate: true });
    }
    let room_id = room_to_post_in(conn, &new)?;
    let id = Oid::next();
    let at = unix_millis();
    conn.prepare_cached(INSERT)
        .and_then(|mut insert| {
            insert.execute((room_id, id.bytes(), &new.user_oid.0, &new.sender, &new.msg, at, &new.client_id))
        })
        .map_err(unavailable)?;
    let NewMessage { room_code, user_oid, sender, msg, .. } = new;
    let message = Message { id: id.to_string(), room_code, user_oid, sender, msg, at };
    Ok(Appended { message, duplicate: false })
}

/// Reads a page of a room's history for a member.
pub(super) fn history(
    conn: &Connection,
    user: &UserOid,
    code: &RoomCode,
    before: Option<&str>,
    limit: usize,
) -> Result<Page, StoreError> {
    let room = rooms::by_code(conn, code)?.ok_or_else(|| StoreError::NoSuchRoom(code.clone()))?;
    if !exists(conn, IS_MEMBER, (room.id, &user.0))? {
        return Err(StoreError::NotMember(code.clone()));
    }
    let limit = page_limit(limit);
    let newest_first = match before {
        None => rows(conn, room.id, code, &NEWEST, limit + 1)?,
        Some(before) => {
            let cursor = Oid::parse(before).ok_or(StoreError::BadCursor)?.bytes();
            if !exists(conn, IS_MESSAGE, (room.id, cursor))? {
                return Err(StoreError::BadCursor);
            }
            rows(conn, room.id, code, &cursor, limit + 1)?
        }
    };
    Ok(page_of(newest_first, limit))
}

/// Finds the greatest message id, by one seek per room.
pub(super) fn newest_id(conn: &Connection) -> Result<Option<Oid>, StoreError> {
    let id: Option<[u8; 12]> = conn.query_row(NEWEST_ID, [], |row| row.get(0)).map_err(unavailable)?;
    Ok(id.map(Oid::from_bytes))
}

fn first_with_client_id(conn: &Connection, new: &NewMessage) -> Result<Option<Message>, StoreError> {
    let Some(client_id) = &new.client_id else { return Ok(None) };
    conn.prepare_cached(BY_CLIENT_ID)
        .and_then(|mut query| {
            query
                .query_row((&new.user_oid.0, client_id), |row| message(row, &RoomCode(row.get(5)?)))
                .optional()
        })
        .map_err(unavailable)
}

fn room_to_post_in(conn: &Connection, new: &NewMessage) -> Result<i64, StoreError> {
    let place: Option<(i64, bool)> = conn
        .prepare_cached(PLACE)
        .and_then(|mut query| {
            query
                .query_row((&new.room_code.0, &new.user_oid.0), |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()
        })
        .map_err(unavailable)?;
    match place {
        None => Err(StoreError::NoSuchRoom(new.room_code.clone())),
        Some((_, false)) => Err(StoreError::NotInRoom(new.room_code.clone())),
        Some((room_id, true)) => Ok(room_id),
    }
}

fn rows(
    conn: &Connection,
    room_id: i64,
    code: &RoomCode,
    before: &[u8],
    limit: usize,
) -> Result<Vec<Message>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut query = conn.prepare_cached(PAGE).map_err(unavailable)?;
    let found = query.query_map((room_id, before, limit), |row| message(row, code)).map_err(unavailable)?;
    found.collect::<Result<_, _>>().map_err(unavailable)
}

fn exists(conn: &Connection, sql: &str, params: impl rusqlite::Params) -> Result<bool, StoreError> {
    conn.prepare_cached(sql).and_then(|mut query| query.exists(params)).map_err(unavailable)
}

fn message(row: &Row<'_>, code: &RoomCode) -> rusqlite::Result<Message> {
    Ok(Message {
        id: Oid::from_bytes(row.get(0)?).to_string(),
        user_oid: UserOid(row.get(1)?),
        sender: row.get(2)?,
        msg: row.get(3)?,
        at: row.get(4)?,
        room_code: code.clone(),
    })
}
