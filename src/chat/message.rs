//! Messages.

use serde::Serialize;

use super::{room::RoomCode, user::UserOid};

/// A stored chat message, as clients see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// 24 hexadecimal digits that grow with time; also the history cursor.
    pub id: String,
    /// The room it was sent to.
    pub room_code: RoomCode,
    /// Who sent it.
    pub user_oid: UserOid,
    /// The sender's name and room as shown to people: "NAME (from ROOM)".
    pub sender: String,
    /// The text.
    pub msg: String,
    /// When it was stored, in milliseconds since the Unix epoch.
    pub at: i64,
}

/// A message that is to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMessage {
    /// The room to send it to.
    pub room_code: RoomCode,
    /// Who sends it.
    pub user_oid: UserOid,
    /// The sender as shown to people.
    pub sender: String,
    /// The text.
    pub msg: String,
    /// The sender's own id of this message; a second message of the same user with the same id is the first one.
    pub client_id: Option<String>,
}
