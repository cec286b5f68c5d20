//! Names and shapes of the events that the server sends.

use serde::Serialize;

use crate::chat::{RoomCode, UserOid, notice};

/// Every chat text, and notices of the server.
pub(super) const TEXT: &str = "MSG_TO_CLIENTS";
/// Who is in a room; sent to the room whenever that changes.
pub(super) const PEOPLE: &str = "room:people";
/// The token is about to end; a refresh in time keeps the socket.
pub(super) const EXPIRING: &str = "auth:expiring";
/// Another socket of the same user takes over.
pub(super) const REPLACED: &str = "session:replaced";

/// A text of the server, which is not kept in history.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Notice<'a> {
    sender: &'static str,
    msg: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    room_code: Option<&'a RoomCode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<u64>,
}

impl<'a> Notice<'a> {
    /// A notice to one user.
    pub(super) fn to_user(msg: &'a str) -> Self {
        Self { sender: notice::SERVER, msg, room_code: None, at: None }
    }

    /// A notice to a room, made at `at` milliseconds since the Unix epoch.
    pub(super) fn to_room(msg: &'a str, room: &'a RoomCode, at: u64) -> Self {
        Self { sender: notice::SERVER, msg, room_code: Some(room), at: Some(at) }
    }
}

/// Who is in a room.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct People<'a> {
    pub(super) room_code: &'a RoomCode,
    /// The first of them, sorted by name.
    pub(super) people: Vec<Person>,
    /// How many there are, whether listed or not.
    pub(super) count: usize,
}

/// One of the people in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) user_oid: UserOid,
}

/// When a token ends.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Expiring {
    /// Seconds since the Unix epoch.
    pub(super) expires_at: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_names_its_room_only_if_it_has_one() {
        let json = |notice: &Notice<'_>| serde_json::to_string(notice).unwrap();
        let wanted = r#"{"sender":"server","msg":"Connected."}"#;
        assert_eq!(json(&Notice::to_user("Connected.")), wanted);
        let room = RoomCode("AB12".into());
        let wanted = r#"{"sender":"server","msg":"x","roomCode":"AB12","at":5}"#;
        assert_eq!(json(&Notice::to_room("x", &room, 5)), wanted);
    }
}
