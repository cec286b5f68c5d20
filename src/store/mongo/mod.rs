//! The store in MongoDB, on the documents of the mongoose models that existing deployments have.
//!
//! Only single documents are changed at a time, so that a standalone server, which has no transactions, will do.

mod claims;
mod connect;
mod database;
mod documents;
mod error;
mod indexes;
mod messages;
mod rooms;
#[cfg(test)]
mod tests;
mod tokens;
mod users;
mod writer;

use std::time::Duration;

use async_trait::async_trait;
use mongodb::options::ConnectionString;
use tokio::time::timeout;

use self::{
    connect::Connection,
    error::{bounded, unavailable},
};
use super::{Appended, Entered, ListedRoom, Page, Store, StoreError};
use crate::chat::{NewMessage, NewUser, Room, RoomCode, User, UserOid};

/// How long [`Store::close`] waits for running calls.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// A connection string that MongoDB's driver does not understand.
#[derive(Debug, thiserror::Error)]
#[error("DB_URL must be a connection string such as mongodb://localhost:27017/chat: {0}")]
pub struct BadUrl(String);

/// A [`Store`] in a MongoDB database.
pub struct MongoStore {
    connection: Connection,
}

impl MongoStore {
    /// Starts to connect to `url` in the background and answers at once.
    ///
    /// Until the database has been reached and its indexes stand, every method answers
    /// [`StoreError::Unavailable`]; tries go on, with pauses, until the store is closed or dropped. A string without
    /// a database name means the database `test`, as mongoose has it. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`BadUrl`] if `url` can never work.
    pub fn connect(url: &str) -> Result<Self, BadUrl> {
        let url = ConnectionString::parse(url).map_err(|error| BadUrl(error.kind.to_string()))?;
        Ok(Self { connection: Connection::start(url) })
    }
}

#[async_trait]
impl Store for MongoStore {
    async fn ready(&self) -> Result<(), StoreError> {
        let db = self.connection.database()?;
        bounded(async { db.ping().await.map_err(unavailable) }).await
    }

    async fn create_user(&self, user: NewUser) -> Result<User, StoreError> {
        bounded(users::create(self.connection.database()?, user)).await
    }

    async fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        bounded(users::by_email(self.connection.database()?, email)).await
    }

    async fn user_by_oid(&self, oid: &UserOid) -> Result<Option<User>, StoreError> {
        bounded(users::by_oid(self.connection.database()?, oid)).await
    }

    async fn create_room(&self, host: &UserOid, name: &str) -> Result<Room, StoreError> {
        bounded(rooms::create(self.connection.database()?, host, name)).await
    }

    async fn rooms(&self, user: &UserOid) -> Result<Vec<ListedRoom>, StoreError> {
        bounded(rooms::list(self.connection.database()?, user)).await
    }

    async fn enter_room(&self, user: &UserOid, code: &RoomCode) -> Result<Entered, StoreError> {
        bounded(rooms::enter(self.connection.database()?, user, code)).await
    }

    async fn leave_room(&self, user: &UserOid) -> Result<Option<Room>, StoreError> {
        bounded(rooms::leave(self.connection.database()?, user)).await
    }

    async fn current_room(&self, user: &UserOid) -> Result<Option<Room>, StoreError> {
        bounded(rooms::current(self.connection.database()?, user)).await
    }

    async fn append_message(&self, message: NewMessage) -> Result<Appended, StoreError> {
        bounded(messages::append(self.connection.database()?, message)).await
    }

    async fn history(
        &self,
        user: &UserOid,
        code: &RoomCode,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        bounded(messages::history(self.connection.database()?, user, code, before, limit)).await
    }

    async fn revoke_token(&self, jti: &str, expires_at: i64) -> Result<(), StoreError> {
        bounded(tokens::revoke(self.connection.database()?, jti, expires_at)).await
    }

    async fn is_revoked(&self, jti: &str) -> Result<bool, StoreError> {
        bounded(tokens::is_revoked(self.connection.database()?, jti)).await
    }

    async fn close(&self) {
        self.connection.stop();
        if let Ok(db) = self.connection.database() {
            // Whatever still runs then has not been answered, so nothing answered is lost.
            let _late = timeout(CLOSE_LIMIT, db.client.clone().shutdown()).await;
        }
    }
}
