//! Between documents and the chat's types. Older documents lack fields: what is missing has a default.

use mongodb::bson::{Bson, DateTime, Document, doc, oid::ObjectId};

use super::database::next_object_id;
use crate::{
    chat::{Message, NewMessage, NewUser, Room, RoomCode, User, UserOid},
    store::StoreError,
};

/// The document of a new account, as mongoose writes it.
pub(super) fn user_document(id: ObjectId, user: &NewUser) -> Document {
    let now = DateTime::now();
    doc! {
        "_id": id,
        "name": &user.name,
        "email": &user.email,
        "passwordHash": &user.password_hash,
        "created_at": now,
        "updated_at": now,
        "__v": 0,
    }
}

/// Reads an account.
pub(super) fn user(document: &Document) -> Result<User, StoreError> {
    Ok(User {
        oid: UserOid(id(document)?.to_hex()),
        name: text(document, "name"),
        email: text(document, "email"),
        // bcrypt matches nothing against an empty hash, so an account without one cannot be logged into.
        password_hash: text(document, "passwordHash"),
    })
}

/// The document of a new room with its host as the first member, as mongoose writes it.
pub(super) fn room_document(code: &RoomCode, host: &UserOid, name: &str, now: DateTime) -> Document {
    doc! {
        "_id": next_object_id(),
        "code": &code.0,
        "hostUserOid": &host.0,
        "active": true,
        "name": name,
        "members": [member_document(host)],
        "createdAt": now,
        "updatedAt": now,
        "__v": 0,
    }
}

/// A member inside a room's document; mongoose gives such subdocuments an id of their own.
pub(super) fn member_document(user: &UserOid) -> Document {
    doc! { "_id": next_object_id(), "userOid": &user.0 }
}

/// Reads a room.
pub(super) fn room(document: &Document) -> Result<Room, StoreError> {
    let created_at = match document.get_datetime("createdAt") {
        Ok(created_at) => *created_at,
        // An id carries the second in which it was made.
        Err(_) => id(document)?.timestamp(),
    };
    Ok(Room {
        code: RoomCode(text(document, "code")),
        host: UserOid(text(document, "hostUserOid")),
        name: text(document, "name"),
        active: document.get_bool("active").unwrap_or(true),
        created_at: created_at.timestamp_millis(),
    })
}

/// Tells whether a projection of `members` to one user has found that user.
pub(super) fn has_member(room: &Document) -> bool {
    room.get_array("members").is_ok_and(|members| !members.is_empty())
}

/// The document of a new message.
pub(super) fn message_document(id: ObjectId, new: &NewMessage, at: DateTime) -> Document {
    let mut document = doc! {
        "_id": id,
        "roomCode": &new.room_code.0,
        "userOid": &new.user_oid.0,
        "sender": &new.sender,
        "msg": &new.msg,
        "at": at,
    };
    if let Some(client_id) = &new.client_id {
        document.insert("clientId", client_id);
    }
    document
}

/// Reads a message.
pub(super) fn message(document: &Document) -> Result<Message, StoreError> {
    let id = id(document)?;
    Ok(Message {
        id: id.to_hex(),
        room_code: RoomCode(text(document, "roomCode")),
        user_oid: UserOid(text(document, "userOid")),
        sender: text(document, "sender"),
        msg: text(document, "msg"),
        at: document.get_datetime("at").copied().unwrap_or_else(|_| id.timestamp()).timestamp_millis(),
    })
}

/// Reads a text; a reference that was stored as an `ObjectId` is its hexadecimal form.
pub(super) fn text(document: &Document, field: &str) -> String {
    match document.get(field) {
        Some(Bson::String(text)) => text.clone(),
        Some(Bson::ObjectId(id)) => id.to_hex(),
        Some(_) | None => String::new(),
    }
}

/// Reads a document's own id.
pub(super) fn id(document: &Document) -> Result<ObjectId, StoreError> {
    document.get_object_id("_id").map_err(|_| {
        StoreError::Corrupt(format!("wanted an ObjectId as _id, found {:?}", document.get("_id")))
    })
}
