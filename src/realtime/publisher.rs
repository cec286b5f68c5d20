//! What happened in the chat, told to those whom it concerns.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use engineio::{Server, hub::Turn};

use crate::{
    auth::Claims,
    chat::{Message, Room, RoomCode, UserOid, notice},
    service::{Event, Events, Member},
};

use super::{
    events::{Notice, TEXT},
    live::channel,
    people,
    sessions::Sessions,
};

/// Sends the service's events to live sockets.
#[derive(Debug)]
pub struct Publisher {
    io: Server,
    sessions: Arc<Sessions>,
}

impl Publisher {
    /// A publisher to the sockets of `io`.
    #[must_use]
    pub fn new(io: Server, sessions: Arc<Sessions>) -> Self {
        Self { io, sessions }
    }

    fn joined(&self, user: &Member, room: &Room) {
        if let Some(live) = self.sessions.get(&user.oid) {
            live.enter(&room.code);
        }
        self.tell(&room.code, &notice::joined(&user.name, room));
        people::announce(&self.io.of("/"), &room.code);
    }

    fn left(&self, user: &Member, room: &Room) {
        if let Some(live) = self.sessions.get(&user.oid) {
            live.leave(&room.code);
        }
        self.tell(&room.code, &notice::left(&user.name, room));
        people::announce(&self.io.of("/"), &room.code);
    }

    fn tell(&self, code: &RoomCode, text: &str) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let at = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        self.io.to(channel(code)).emit(TEXT, &Notice::to_room(text, code, at));
    }

    fn posted(&self, message: &Message) {
        self.io.to(channel(&message.room_code)).emit(TEXT, message);
    }

    fn logged_out(&self, user: &UserOid, token_id: &str) {
        if let Some(live) = self.sessions.get(user).filter(|live| live.has_token(token_id)) {
            live.socket.disconnect();
        }
    }

    fn refreshed(&self, user: &UserOid, old_token_id: &str, claims: &Claims) {
        if let Some(live) = self.sessions.get(user).filter(|live| live.has_token(old_token_id)) {
            live.extend(claims);
        }
    }
}

impl Events for Publisher {
    fn publish(&self, event: Event) {
        let _turn = Turn::gather(self.io.runtime());
        match event {
            Event::Joined { user, room } => self.joined(&user, &room),
            Event::Left { user, room } => self.left(&user, &room),
            Event::Posted { message } => self.posted(&message),
            Event::LoggedOut { user, token_id } => self.logged_out(&user, &token_id),
            Event::Refreshed { user, old_token_id, claims } => self.refreshed(&user, &old_token_id, &claims),
        }
    }
}
