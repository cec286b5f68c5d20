//! A store in memory and an ear for events, for the tests of this crate's upper layers.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use parking_lot::Mutex;

use crate::{
    chat::{Message, NewMessage, NewUser, Room, RoomCode, User, UserOid},
    store::{Appended, Entered, ListedRoom, Page, Store, StoreError},
};

use super::{Event, Events};

/// Remembers what was published.
#[derive(Default)]
pub(crate) struct Recorder {
    events: Mutex<Vec<Event>>,
}

impl Recorder {
    /// The events since the last call.
    pub(crate) fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.events.lock())
    }
}

impl Events for Recorder {
    fn publish(&self, event: Event) {
        self.events.lock().push(event);
    }
}

/// The simplest store that keeps the contract, and can be away.
#[derive(Default)]
pub(crate) struct FakeStore {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    away: bool,
    last_id: u64,
    users: Vec<User>,
    rooms: Vec<Room>,
    members: HashSet<(RoomCode, UserOid)>,
    current: HashMap<UserOid, RoomCode>,
    messages: Vec<(Message, Option<String>)>,
    revoked: HashSet<String>,
}

impl State {
    fn id(&mut self) -> String {
        self.last_id += 1;
        format!("{:024x}", self.last_id)
    }

    fn room(&self, code: &RoomCode) -> Result<Room, StoreError> {
        let room = self.rooms.iter().find(|room| room.code == *code);
        room.cloned().ok_or_else(|| StoreError::NoSuchRoom(code.clone()))
    }
}

impl FakeStore {
    /// Makes the database go away or come back.
    pub(crate) fn set_away(&self, away: bool) {
        self.state.lock().away = away;
    }

    /// Removes all accounts.
    pub(crate) fn forget_users(&self) {
        self.state.lock().users.clear();
    }

    fn state(&self) -> Result<parking_lot::MutexGuard<'_, State>, StoreError> {
        let state = self.state.lock();
        if state.away { Err(StoreError::Unavailable("secret-host:27017 is away".into())) } else { Ok(state) }
    }
}

#[async_trait]
impl Store for FakeStore {
    async fn ready(&self) -> Result<(), StoreError> {
        self.state().map(drop)
    }

    async fn create_user(&self, user: NewUser) -> Result<User, StoreError> {
        let mut state = self.state()?;
        if state.users.iter().any(|other| other.email.to_lowercase() == user.email.to_lowercase()) {
            return Err(StoreError::EmailTaken);
        }
        let oid = UserOid(state.id());
        let user = User { oid, name: user.name, email: user.email, password_hash: user.password_hash };
        state.users.push(user.clone());
        Ok(user)
    }

    async fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        let state = self.state()?;
        Ok(state.users.iter().find(|user| user.email.to_lowercase() == email.to_lowercase()).cloned())
    }

    async fn user_by_oid(&self, oid: &UserOid) -> Result<Option<User>, StoreError> {
        Ok(self.state()?.users.iter().find(|user| user.oid == *oid).cloned())
    }

    async fn create_room(&self, host: &UserOid, name: &str) -> Result<Room, StoreError> {
        let mut state = self.state()?;
        let code = RoomCode(format!("R{}", state.rooms.len() + 1));
        let room = Room {
            code: code.clone(),
            host: host.clone(),
            name: name.to_owned(),
            active: true,
            created_at: 0,
        };
        state.members.insert((code, host.clone()));
        state.rooms.push(room.clone());
        Ok(room)
    }

    async fn rooms(&self, user: &UserOid) -> Result<Vec<ListedRoom>, StoreError> {
        let state = self.state()?;
        let listed = |room: &Room| ListedRoom {
            host_name: state.users.iter().find(|user| user.oid == room.host).map(|user| user.name.clone()),
            member: state.members.contains(&(room.code.clone(), user.clone())),
            room: room.clone(),
        };
        Ok(state.rooms.iter().rev().map(listed).collect())
    }

    async fn enter_room(&self, user: &UserOid, code: &RoomCode) -> Result<Entered, StoreError> {
        let mut state = self.state()?;
        let room = state.room(code)?;
        state.members.insert((code.clone(), user.clone()));
        let before = state.current.insert(user.clone(), code.clone()).filter(|before| before != code);
        let left = before.map(|code| state.room(&code)).transpose()?;
        Ok(Entered { room, left })
    }

    async fn leave_room(&self, user: &UserOid) -> Result<Option<Room>, StoreError> {
        let mut state = self.state()?;
        let code = state.current.remove(user);
        code.map(|code| state.room(&code)).transpose()
    }

    async fn current_room(&self, user: &UserOid) -> Result<Option<Room>, StoreError> {
        let state = self.state()?;
        state.current.get(user).map(|code| state.room(code)).transpose()
    }

    async fn append_message(&self, message: NewMessage) -> Result<Appended, StoreError> {
        let mut state = self.state()?;
        let first = state.messages.iter().find(|(stored, client_id)| {
            message.client_id.is_some()
                && *client_id == message.client_id
                && stored.user_oid == message.user_oid
        });
        if let Some((message, _)) = first {
            return Ok(Appended { message: message.clone(), duplicate: true });
        }
        if state.current.get(&message.user_oid) != Some(&message.room_code) {
            return Err(StoreError::NotInRoom(message.room_code));
        }
        let NewMessage { room_code, user_oid, sender, msg, client_id } = message;
        let message = Message { id: state.id(), room_code, user_oid, sender, msg, at: 1_700_000_000_000 };
        state.messages.push((message.clone(), client_id));
        Ok(Appended { message, duplicate: false })
    }

    async fn history(
        &self,
        user: &UserOid,
        code: &RoomCode,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let state = self.state()?;
        state.room(code)?;
        if !state.members.contains(&(code.clone(), user.clone())) {
            return Err(StoreError::NotMember(code.clone()));
        }
        let of_room: Vec<_> =
            state.messages.iter().map(|(message, _)| message).filter(|m| m.room_code == *code).collect();
        let end = match before {
            None => of_room.len(),
            Some(before) => of_room.iter().position(|m| m.id == before).ok_or(StoreError::BadCursor)?,
        };
        let start = end.saturating_sub(limit);
        let messages: Vec<_> = of_room[start..end].iter().map(|message| (*message).clone()).collect();
        let next = (start > 0).then(|| messages[0].id.clone());
        Ok(Page { messages, next })
    }

    async fn revoke_token(&self, jti: &str, _expires_at: i64) -> Result<(), StoreError> {
        self.state()?.revoked.insert(jti.to_owned());
        Ok(())
    }

    async fn is_revoked(&self, jti: &str) -> Result<bool, StoreError> {
        Ok(self.state()?.revoked.contains(jti))
    }

    async fn close(&self) {}
}
