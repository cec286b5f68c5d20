//! What happened, for those who tell others about it.

use crate::{
    auth::Claims,
    chat::{Message, Room, UserOid},
};

/// A user as a room sees one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The user's permanent id.
    pub oid: UserOid,
    /// The display name.
    pub name: String,
}

/// Something that has happened and is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A user has entered a room.
    Joined {
        /// Who.
        user: Member,
        /// The room the user is in now.
        room: Room,
    },
    /// A user has left a room, on the way into another one or for good.
    Left {
        /// Who.
        user: Member,
        /// The room the user is no longer in.
        room: Room,
    },
    /// A message has been stored. Messages of one room come in the order of their ids.
    Posted {
        /// The stored message.
        message: Message,
    },
    /// A token has been revoked; the user's live socket ends.
    LoggedOut {
        /// Whose token.
        user: UserOid,
        /// The token's id (`Claims::jti`).
        token_id: String,
    },
    /// A token has been replaced by one that lives longer; so does the user's live socket.
    Refreshed {
        /// Whose token.
        user: UserOid,
        /// The old token's id (`Claims::jti`). The old token stays good until it ends.
        old_token_id: String,
        /// What the new token says.
        claims: Claims,
    },
}

/// Where events go.
pub trait Events: Send + Sync + 'static {
    /// Takes an event; it must not block and must not call the service.
    ///
    /// Events of one user's joining and leaving come in the order the store saw them, and so do the messages of one
    /// room. The call is made before the use case returns, except for a message that waits for an earlier one.
    fn publish(&self, event: Event);
}
