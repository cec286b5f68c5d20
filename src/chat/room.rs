//! Rooms.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::user::UserOid;

/// The short code by which a room is shared and joined.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RoomCode(pub String);

impl fmt::Display for RoomCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A chat room as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// The code by which it is joined.
    pub code: RoomCode,
    /// The user who created it.
    pub host: UserOid,
    /// The display name; empty for rooms of older databases that have none.
    pub name: String,
    /// Whether it can still be joined.
    pub active: bool,
    /// When it was created, in milliseconds since the Unix epoch.
    pub created_at: i64,
}
