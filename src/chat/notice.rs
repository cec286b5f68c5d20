//! The words people read: senders and notices.

use super::Room;

/// The sender of notices.
pub const SERVER: &str = "server";
/// What a user reads when the socket is accepted.
pub const CONNECTED: &str = "Connected.";

/// What a room is called: its name, or its code if it has none.
#[must_use]
pub fn room_title(room: &Room) -> &str {
    if room.name.is_empty() { &room.code.0 } else { &room.name }
}

/// How the sender of a message is shown: "NAME (from ROOM)".
#[must_use]
pub fn sender(user_name: &str, room_title: &str) -> String {
    format!("{user_name} (from {room_title})")
}

/// What a room is told when someone joins it.
#[must_use]
pub fn joined(user_name: &str, room: &Room) -> String {
    format!("{user_name} just connected to room {}", room_title(room))
}

/// What a room is told when someone leaves it.
#[must_use]
pub fn left(user_name: &str, room: &Room) -> String {
    format!("{user_name} left room: {}", room_title(room))
}

/// What the user who signed up is told.
#[must_use]
pub fn signed_up(user_name: &str) -> String {
    format!("User {user_name} has been created successfully.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{RoomCode, UserOid};

    #[test]
    fn notices_have_their_exact_words() {
        let mut room = Room {
            code: RoomCode("AB12".into()),
            host: UserOid("0".repeat(24)),
            name: "Lounge".into(),
            active: true,
            created_at: 0,
        };
        assert_eq!(joined("Ann", &room), "Ann just connected to room Lounge");
        assert_eq!(left("Ann", &room), "Ann left room: Lounge");
        assert_eq!(sender("Ann", room_title(&room)), "Ann (from Lounge)");
        assert_eq!(signed_up("Ann"), "User Ann has been created successfully.");
        room.name.clear();
        assert_eq!(left("Ann", &room), "Ann left room: AB12");
    }
}
