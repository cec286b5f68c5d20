//! Creating, joining and leaving rooms.

use std::sync::Arc;

use crate::{
    chat::{Room, RoomCode, UserOid, notice, rules},
    error::Error,
    store::ListedRoom,
};

use super::{
    Event, Identity, Service,
    input::{CreateRoom, JoinRoom},
    to_its_end,
};

/// Room titles that are remembered at once.
const MAX_TITLES: usize = 10_000;

impl Service {
    /// Lists the active rooms, newest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn rooms(&self, who: &Identity) -> Result<Vec<ListedRoom>, Error> {
        Ok(self.store.rooms(&who.user).await?)
    }

    /// Creates a room with the user as its host and member; the user does not enter it.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a bad name, [`Error::Unavailable`].
    pub async fn create_room(&self, who: &Identity, input: &CreateRoom) -> Result<Room, Error> {
        let name = rules::room_name(input.room_name.as_deref())?;
        Ok(self.store.create_room(&who.user, name).await?)
    }

    /// Makes a room the user's one current room, with or without a live socket.
    ///
    /// # Errors
    /// [`Error::Invalid`] without a code, [`Error::NotFound`] if no room has it, [`Error::Busy`] and
    /// [`Error::Unavailable`].
    pub async fn join_room(self: &Arc<Self>, who: &Identity, input: &JoinRoom) -> Result<Room, Error> {
        let code = rules::room_code(input.room_code.as_deref())?;
        let (service, who) = (Arc::clone(self), who.clone());
        to_its_end(async move {
            let _one_at_a_time = service.users.lock(&who.user).await?;
            let entered = service.store.enter_room(&who.user, &code).await?;
            if let Some(room) = entered.left {
                service.events.publish(Event::Left { user: who.member(), room });
            }
            service.events.publish(Event::Joined { user: who.member(), room: entered.room.clone() });
            service.remember_title(&entered.room);
            Ok(entered.room)
        })
        .await
    }

    /// Takes the user out of the current room; answers the room that was left, if there was one.
    ///
    /// # Errors
    /// [`Error::Busy`] and [`Error::Unavailable`].
    pub async fn leave_room(self: &Arc<Self>, who: &Identity) -> Result<Option<Room>, Error> {
        let (service, who) = (Arc::clone(self), who.clone());
        to_its_end(async move {
            let _one_at_a_time = service.users.lock(&who.user).await?;
            let left = service.store.leave_room(&who.user).await?;
            if let Some(room) = left.clone() {
                service.events.publish(Event::Left { user: who.member(), room });
            }
            Ok(left)
        })
        .await
    }

    /// The room the user is in.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn current_room(&self, who: &Identity) -> Result<Option<Room>, Error> {
        Ok(self.store.current_room(&who.user).await?)
    }

    /// Calls `enter` with the user's current room while the user can neither join nor leave one.
    ///
    /// A socket that connects enters its room with this: no join or leave can come between the reading of the room
    /// and the entering of it.
    ///
    /// # Errors
    /// [`Error::Busy`] and [`Error::Unavailable`]; `enter` is then not called.
    pub async fn with_current_room<T>(
        &self,
        user: &UserOid,
        enter: impl FnOnce(Option<&Room>) -> T + Send,
    ) -> Result<T, Error> {
        let _one_at_a_time = self.users.lock(user).await?;
        let room = self.store.current_room(user).await?;
        Ok(enter(room.as_ref()))
    }

    /// What a room is called, for the sender of a message of a user in that room.
    ///
    /// Rooms are never renamed, so that what was read once is remembered. Whether the user is in the room is left
    /// to the store, which looks when it stores the message; a user who is not gets the code, and then no message.
    pub(super) async fn room_title(&self, user: &UserOid, code: &RoomCode) -> Result<Arc<str>, Error> {
        if let Some(title) = self.titles.get(code) {
            return Ok(Arc::clone(&title));
        }
        let current = self.store.current_room(user).await?;
        Ok(match current.filter(|room| room.code == *code) {
            Some(room) => self.remember_title(&room),
            None => code.0.as_str().into(),
        })
    }

    fn remember_title(&self, room: &Room) -> Arc<str> {
        let title: Arc<str> = notice::room_title(room).into();
        if self.titles.len() >= MAX_TITLES {
            self.titles.clear();
        }
        self.titles.insert(room.code.clone(), Arc::clone(&title));
        title
    }
}
