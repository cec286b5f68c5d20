//! The embedded store: one SQLite file, one writing thread, a few reading connections.

mod error;
mod messages;
mod readers;
mod rooms;
mod schema;
#[cfg(test)]
mod tests;
mod users;
mod writer;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use async_trait::async_trait;

use self::{readers::Readers, writer::Writer};
use super::{Appended, Entered, ListedRoom, Page, Store, StoreError, oid::Oid};
use crate::chat::{NewMessage, NewUser, Room, RoomCode, User, UserOid};

/// The file's name where a directory is given.
const FILE_NAME: &str = "roomcast.db";

/// A [`Store`] in one SQLite file.
///
/// Dropped without [`Store::close`] it loses nothing that was answered; only the log is folded in at the next start.
pub struct SqliteStore {
    writer: Writer,
    readers: Readers,
}

impl SqliteStore {
    /// Opens or creates the database at `path`: a file, or a directory (an existing one, or a path without an
    /// extension) that holds `roomcast.db`. New files and directories are the owner's alone. Blocks on the disk.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the file cannot be created or opened, [`StoreError::Corrupt`] if it is no
    /// database or one of a newer version.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let file = database_file(path);
        prepare_file(&file)
            .map_err(|error| StoreError::Unavailable(format!("{}: {error}", file.display())))?;
        let conn = schema::open_writer(&file)?;
        if let Some(newest) = messages::newest_id(&conn)? {
            Oid::continue_after(newest);
        }
        let readers = Readers::open(&file)?;
        Ok(Self { writer: Writer::start(conn)?, readers })
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn ready(&self) -> Result<(), StoreError> {
        self.readers.read(|conn| users::is_revoked(conn, "")).await?;
        self.writer.write_statement(|_| Ok(())).await
    }

    async fn create_user(&self, user: NewUser) -> Result<User, StoreError> {
        self.writer.write_statement(move |conn| users::create(conn, user)).await
    }

    async fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        let email = email.to_owned();
        self.readers.read(move |conn| users::by_email(conn, &email)).await
    }

    async fn user_by_oid(&self, oid: &UserOid) -> Result<Option<User>, StoreError> {
        let oid = oid.clone();
        self.readers.read(move |conn| users::by_oid(conn, &oid)).await
    }

    async fn create_room(&self, host: &UserOid, name: &str) -> Result<Room, StoreError> {
        let (host, name) = (host.clone(), name.to_owned());
        self.writer.write(move |conn| rooms::create_random(conn, &host, &name)).await
    }

    async fn rooms(&self, user: &UserOid) -> Result<Vec<ListedRoom>, StoreError> {
        let user = user.clone();
        self.readers.read(move |conn| rooms::list(conn, &user)).await
    }

    async fn enter_room(&self, user: &UserOid, code: &RoomCode) -> Result<Entered, StoreError> {
        let (user, code) = (user.clone(), code.clone());
        self.writer.write(move |conn| rooms::enter(conn, &user, &code)).await
    }

    async fn leave_room(&self, user: &UserOid) -> Result<Option<Room>, StoreError> {
        let user = user.clone();
        self.writer.write_statement(move |conn| rooms::leave(conn, &user)).await
    }

    async fn current_room(&self, user: &UserOid) -> Result<Option<Room>, StoreError> {
        let user = user.clone();
        let found = self.readers.read(move |conn| rooms::current(conn, &user)).await?;
        Ok(found.map(|found| found.room))
    }

    async fn append_message(&self, message: NewMessage) -> Result<Appended, StoreError> {
        self.writer.write_statement(move |conn| messages::append(conn, message)).await
    }

    async fn history(
        &self,
        user: &UserOid,
        code: &RoomCode,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        let (user, code, before) = (user.clone(), code.clone(), before.map(str::to_owned));
        self.readers.read(move |conn| messages::history(conn, &user, &code, before.as_deref(), limit)).await
    }

    async fn revoke_token(&self, jti: &str, expires_at: i64) -> Result<(), StoreError> {
        let jti = jti.to_owned();
        self.writer.write(move |conn| users::revoke(conn, &jti, expires_at)).await
    }

    async fn is_revoked(&self, jti: &str) -> Result<bool, StoreError> {
        let jti = jti.to_owned();
        self.readers.read(move |conn| users::is_revoked(conn, &jti)).await
    }

    async fn close(&self) {
        // The writer's connection is the last to close, so that SQLite can remove the log.
        self.readers.close().await;
        self.writer.close().await;
    }
}

fn database_file(path: &Path) -> PathBuf {
    if path.is_dir() || (path.extension().is_none() && !path.is_file()) {
        path.join(FILE_NAME)
    } else {
        path.to_owned()
    }
}

/// Creates the file and the directories above it so that only the owner can read the password hashes in it.
fn prepare_file(file: &Path) -> io::Result<()> {
    let mut directory = fs::DirBuilder::new();
    let mut options = fs::OpenOptions::new();
    directory.recursive(true);
    options.create(true).append(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        directory.mode(0o700);
        options.mode(0o600);
    }
    if let Some(parent) = file.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        directory.create(parent)?;
    }
    options.open(file).map(drop)
}
