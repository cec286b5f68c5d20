//! Rooms, their members and who is in which, in MongoDB.

use std::collections::{HashMap, HashSet};

use mongodb::{
    bson::{DateTime, Document, doc, oid::ObjectId},
    options::ReturnDocument,
};

use super::{
    database::{Database, object_id},
    documents,
    error::{is_duplicate, unavailable},
};
use crate::{
    chat::{Room, RoomCode, UserOid},
    store::{
        Entered, ListedRoom, MAX_LISTED_ROOMS, StoreError,
        code::{CODE_TRIES, random_code},
    },
};

/// Creates a room under a free random code.
pub(super) async fn create(db: &Database, host: &UserOid, name: &str) -> Result<Room, StoreError> {
    for _ in 0..CODE_TRIES {
        let room = documents::room_document(&random_code()?, host, name, DateTime::now());
        match db.rooms.insert_one(&room).await {
            Ok(_) => return documents::room(&room),
            Err(error) if is_duplicate(&error) => {}
            Err(error) => return Err(unavailable(error)),
        }
    }
    Err(StoreError::Unavailable("no free room code was found".to_owned()))
}

/// Lists the active rooms, newest first.
pub(super) async fn list(db: &Database, user: &UserOid) -> Result<Vec<ListedRoom>, StoreError> {
    let mut found = db
        .rooms
        .find(doc! { "active": { "$ne": false } })
        .projection(fields_for(user))
        .sort(doc! { "_id": -1 })
        .limit(i64::from(MAX_LISTED_ROOMS))
        .await
        .map_err(unavailable)?;
    let mut rooms = Vec::new();
    while found.advance().await.map_err(unavailable)? {
        let document = found.deserialize_current().map_err(unavailable)?;
        rooms.push((documents::room(&document)?, documents::has_member(&document)));
    }
    let names = host_names(db, rooms.iter().map(|(room, _)| &room.host)).await?;
    let listed =
        |(room, member): (Room, bool)| ListedRoom { host_name: names.get(&room.host).cloned(), room, member };
    Ok(rooms.into_iter().map(listed).collect())
}

/// Makes the room of this code the user's current one and the user its member.
pub(super) async fn enter(db: &Database, user: &UserOid, code: &RoomCode) -> Result<Entered, StoreError> {
    let found = find(db, code, user).await?;
    let room = documents::room(&found)?;
    if !room.active {
        return Err(StoreError::NoSuchRoom(code.clone()));
    }
    if !documents::has_member(&found) {
        remember(db, documents::id(&found)?, user).await?;
    }
    let left = match set_current(db, user, code).await? {
        Some(left) if left != *code => by_code(db, &left).await?,
        Some(_) | None => None,
    };
    Ok(Entered { room, left })
}

/// Clears the user's current room.
pub(super) async fn leave(db: &Database, user: &UserOid) -> Result<Option<Room>, StoreError> {
    let left = db.current_rooms.find_one_and_delete(doc! { "_id": &user.0 }).await.map_err(unavailable)?;
    room_of(db, left).await
}

/// Finds the room the user is in.
pub(super) async fn current(db: &Database, user: &UserOid) -> Result<Option<Room>, StoreError> {
    let current = db.current_rooms.find_one(doc! { "_id": &user.0 }).await.map_err(unavailable)?;
    room_of(db, current).await
}

/// Finds the document of a room, active or not, with no member but `user` in it.
///
/// # Errors
/// [`StoreError::NoSuchRoom`] if there is none.
pub(super) async fn find(db: &Database, code: &RoomCode, user: &UserOid) -> Result<Document, StoreError> {
    db.rooms
        .find_one(doc! { "code": &code.0 })
        .projection(fields_for(user))
        .await
        .map_err(unavailable)?
        .ok_or_else(|| StoreError::NoSuchRoom(code.clone()))
}

/// The fields of a room that are read: of its members, who may be many, only the one who asks.
fn fields_for(user: &UserOid) -> Document {
    doc! {
        "code": 1,
        "hostUserOid": 1,
        "name": 1,
        "active": 1,
        "createdAt": 1,
        "members": { "$elemMatch": { "userOid": &user.0 } },
    }
}

async fn by_code(db: &Database, code: &RoomCode) -> Result<Option<Room>, StoreError> {
    let found = db
        .rooms
        .find_one(doc! { "code": &code.0 })
        .projection(doc! { "members": 0 })
        .await
        .map_err(unavailable)?;
    found.as_ref().map(documents::room).transpose()
}

async fn room_of(db: &Database, current: Option<Document>) -> Result<Option<Room>, StoreError> {
    match current {
        Some(current) => by_code(db, &RoomCode(documents::text(&current, "roomCode"))).await,
        None => Ok(None),
    }
}

/// Adds the user to the room's members unless a concurrent call has.
async fn remember(db: &Database, room: ObjectId, user: &UserOid) -> Result<(), StoreError> {
    let not_yet = doc! { "_id": room, "members.userOid": { "$ne": &user.0 } };
    let add = doc! {
        "$push": { "members": documents::member_document(user) },
        "$set": { "updatedAt": DateTime::now() },
        // mongoose counts changes of an array here, to find out about stale copies.
        "$inc": { "__v": 1 },
    };
    db.rooms.update_one(not_yet, add).await.map(drop).map_err(unavailable)
}

/// Sets the user's current room and answers the one before.
async fn set_current(db: &Database, user: &UserOid, code: &RoomCode) -> Result<Option<RoomCode>, StoreError> {
    let set = || {
        db.current_rooms
            .find_one_and_update(
                doc! { "_id": &user.0 },
                doc! { "$set": { "roomCode": &code.0, "at": DateTime::now() } },
            )
            .upsert(true)
            .return_document(ReturnDocument::Before)
    };
    let before = match set().await {
        // Two upserts that both found nothing: the slower one now finds the faster one's document.
        Err(error) if is_duplicate(&error) => set().await,
        done => done,
    };
    let before = before.map_err(unavailable)?;
    Ok(before.map(|before| RoomCode(documents::text(&before, "roomCode"))))
}

async fn host_names(
    db: &Database,
    hosts: impl Iterator<Item = &UserOid>,
) -> Result<HashMap<UserOid, String>, StoreError> {
    let ids: HashSet<ObjectId> = hosts.filter_map(object_id).collect();
    let ids: Vec<ObjectId> = ids.into_iter().collect();
    let mut names = HashMap::with_capacity(ids.len());
    if ids.is_empty() {
        return Ok(names);
    }
    let mut found = db
        .users
        .find(doc! { "_id": { "$in": ids } })
        .projection(doc! { "name": 1 })
        .await
        .map_err(unavailable)?;
    while found.advance().await.map_err(unavailable)? {
        let host = documents::user(&found.deserialize_current().map_err(unavailable)?)?;
        names.insert(host.oid, host.name);
    }
    Ok(names)
}
