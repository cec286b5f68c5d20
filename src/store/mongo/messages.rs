//! Messages and history in MongoDB.

use mongodb::{
    bson::{doc, oid::ObjectId},
    error::Result as DriverResult,
    options::ReadConcern,
};

use super::{database::Database, documents, error::unavailable, rooms, writer::Outcome};
use crate::{
    chat::{Message, NewMessage, RoomCode, UserOid},
    store::{Appended, Page, StoreError, oid::Oid, page_limit, page_of},
};

/// Stores a message of a user who is in the room; the unique index decides between equal client ids.
pub(super) async fn append(db: &Database, new: NewMessage) -> Result<Appended, StoreError> {
    match db.writer.store(new).await? {
        Outcome::Stored(message) => Ok(Appended { message, duplicate: false }),
        Outcome::NotHere(new) => refuse(db, &new).await,
        Outcome::Repeated(new) => first_with_client_id(db, &new)
            .await?
            // It is stored but no majority has it yet: to answer it now could be to lose it.
            .ok_or_else(|| StoreError::Unavailable("the same message is just being stored".to_owned())),
    }
}

/// Reads a page of a room's history for a member.
pub(super) async fn history(
    db: &Database,
    user: &UserOid,
    code: &RoomCode,
    before: Option<&str>,
    limit: usize,
) -> Result<Page, StoreError> {
    let room = rooms::find(db, code, user).await?;
    if !documents::has_member(&room) {
        return Err(StoreError::NotMember(code.clone()));
    }
    let mut wanted = doc! { "roomCode": &code.0 };
    if let Some(before) = before {
        wanted.insert("_id", doc! { "$lt": cursor(db, code, before).await? });
    }
    let limit = page_limit(limit);
    let fetched = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let mut found =
        db.messages.find(wanted).sort(doc! { "_id": -1 }).limit(fetched).await.map_err(unavailable)?;
    let mut newest_first = Vec::with_capacity(limit + 1);
    while found.advance().await.map_err(unavailable)? {
        newest_first.push(documents::message(&found.deserialize_current().map_err(unavailable)?)?);
    }
    Ok(page_of(newest_first, limit))
}

/// Finds the greatest message id.
pub(super) async fn newest_id(db: &Database) -> DriverResult<Option<Oid>> {
    let newest = db.messages.find_one(doc! {}).sort(doc! { "_id": -1 }).projection(doc! { "_id": 1 }).await?;
    let id = newest.and_then(|newest| newest.get_object_id("_id").ok());
    Ok(id.map(|id| Oid::from_bytes(id.bytes())))
}

/// Answers a message of a user who is not in the room: a repeat all the same, since the first one was accepted.
async fn refuse(db: &Database, new: &NewMessage) -> Result<Appended, StoreError> {
    if let Some(first) = first_with_client_id(db, new).await? {
        return Ok(first);
    }
    rooms::find(db, &new.room_code, &new.user_oid).await?;
    Err(StoreError::NotInRoom(new.room_code.clone()))
}

async fn first_with_client_id(db: &Database, new: &NewMessage) -> Result<Option<Appended>, StoreError> {
    let Some(client_id) = &new.client_id else { return Ok(None) };
    let found = db
        .messages
        .find_one(doc! { "userOid": &new.user_oid.0, "clientId": client_id })
        .read_concern(ReadConcern::majority())
        .await
        .map_err(unavailable)?;
    let message: Option<Message> = found.as_ref().map(documents::message).transpose()?;
    Ok(message.map(|message| Appended { message, duplicate: true }))
}

/// The id of the message that a cursor names.
async fn cursor(db: &Database, code: &RoomCode, before: &str) -> Result<ObjectId, StoreError> {
    let id = ObjectId::from_bytes(Oid::parse(before).ok_or(StoreError::BadCursor)?.bytes());
    let known = db.messages.find_one(doc! { "_id": id, "roomCode": &code.0 }).await.map_err(unavailable)?;
    known.map(|_| id).ok_or(StoreError::BadCursor)
}
