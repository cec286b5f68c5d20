//! Sending messages and reading them again.

use std::sync::Arc;

use crate::{
    chat::{Message, NewMessage, notice, rules},
    error::Error,
    store::{Page, StoreError},
};

use super::{
    Identity, Service,
    input::{History, PostMessage},
    to_its_end,
};

/// A message that is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// The stored message.
    pub message: Message,
    /// Whether it had been stored before; it was then not published again.
    pub duplicate: bool,
}

impl Service {
    /// Stores a message and publishes it to the room, once per client id.
    ///
    /// # Errors
    /// [`Error::Invalid`] for values that break a rule, [`Error::Forbidden`] if the user is not in the room,
    /// [`Error::Busy`] and [`Error::Unavailable`].
    pub async fn post_message(
        self: &Arc<Self>,
        who: &Identity,
        input: &PostMessage,
    ) -> Result<Posted, Error> {
        let code = rules::room_code(input.room_code.as_deref())?;
        let msg = rules::message(input.msg.as_deref(), self.max_message_chars)?.to_owned();
        let client_id = rules::client_id(input.client_id.as_deref())?.map(str::to_owned);
        let title = self.room_title(&who.user, &code).await?;
        let sender = notice::sender(&who.claims.name, &title);
        let new = NewMessage { room_code: code, user_oid: who.user.clone(), sender, msg, client_id };
        let service = Arc::clone(self);
        to_its_end(async move { service.store_and_publish(new).await }).await
    }

    async fn store_and_publish(&self, new: NewMessage) -> Result<Posted, Error> {
        let _place = self.posts.try_acquire().map_err(|_| Error::Busy)?;
        let ticket = self.order.begin(&new.room_code);
        let key = new.client_id.clone().map(|client_id| (new.user_oid.clone(), client_id));
        let appended = match self.store.append_message(new).await {
            Ok(appended) => appended,
            Err(error) => {
                // The store may have kept the message although it could not say so.
                if let StoreError::Unavailable(_) = error {
                    self.untold.remember(key);
                }
                return Err(error.into());
            }
        };
        if !appended.duplicate || self.untold.take(key.as_ref()) {
            ticket.stored(appended.message.clone());
        }
        Ok(Posted { message: appended.message, duplicate: appended.duplicate })
    }

    /// Reads a page of a room's history: the newest one, or the one before a cursor.
    ///
    /// # Errors
    /// [`Error::Invalid`] for values that break a rule, [`Error::NotFound`] if no room has the code,
    /// [`Error::Forbidden`] if the user has never joined it, [`Error::Unavailable`].
    pub async fn history(&self, who: &Identity, input: &History) -> Result<Page, Error> {
        let code = rules::room_code(input.room_code.as_deref())?;
        let before = input.before.as_deref().filter(|before| !before.is_empty());
        let before = before.map(rules::cursor).transpose()?;
        let limit = rules::page_limit(input.limit)?;
        Ok(self.store.history(&who.user, &code, before, limit).await?)
    }
}
