//! Where accounts, rooms and messages are kept: one trait, two implementations, one contract test.

mod code;
#[cfg(test)]
mod contract;
mod lock;
#[cfg(feature = "mongodb")]
pub mod mongo;
mod oid;
pub mod sqlite;

use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;

pub use self::lock::DataLock;
#[cfg(feature = "mongodb")]
pub use self::mongo::MongoStore;
pub use self::sqlite::SqliteStore;
use crate::chat::{Message, NewMessage, NewUser, Room, RoomCode, User, UserOid};

/// Rooms listed at most, the newest ones.
const MAX_LISTED_ROOMS: u32 = 10_000;

/// Messages of one history page at most, whatever a caller asks for.
const MAX_PAGE_MESSAGES: usize = 1_000;

/// Why a store did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// Another account already has this e-mail address, in this or another spelling.
    #[error("User already exists")]
    EmailTaken,
    /// No room has this code.
    #[error("No room of code {0} exists")]
    NoSuchRoom(RoomCode),
    /// The sender is not in the room at this moment.
    #[error("You are not in room {0}")]
    NotInRoom(RoomCode),
    /// The user has never joined the room.
    #[error("You are not a member of room {0}")]
    NotMember(RoomCode),
    /// The cursor names no message of the room.
    #[error("`before` must be the id of a message in this room")]
    BadCursor,
    /// The database cannot be reached or refuses to work at this moment.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// What came back from the database cannot be understood.
    #[error("the database answered something unexpected: {0}")]
    Corrupt(String),
}

/// What [`Store::append_message`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The stored message: the new one, or the first one with the same client id.
    pub message: Message,
    /// Whether the message had been stored before.
    pub duplicate: bool,
}

/// What [`Store::enter_room`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entered {
    /// The room the user is in now.
    pub room: Room,
    /// The room the user was in before, if it was another one.
    pub left: Option<Room>,
}

/// A room as it is listed to one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRoom {
    /// The room.
    pub room: Room,
    /// The host's name; `None` if the account is gone.
    pub host_name: Option<String>,
    /// Whether the asking user has ever joined the room.
    pub member: bool,
}

/// One page of a room's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Messages from the oldest to the newest of this page.
    pub messages: Vec<Message>,
    /// The cursor of the next (older) page, if there is one.
    pub next: Option<String>,
}

/// Accounts, rooms, messages and revoked tokens that outlive the process.
///
/// An `Ok` means durable: the effect is still there after the process is killed or the machine loses power.
/// Every method may fail with [`StoreError::Unavailable`]; a later call may then succeed without a restart.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Tells whether the store can serve requests now.
    async fn ready(&self) -> Result<(), StoreError>;

    /// Creates an account; exactly one of several concurrent calls for one e-mail address succeeds.
    async fn create_user(&self, user: NewUser) -> Result<User, StoreError>;

    /// Finds an account by e-mail address: the exact spelling first, then without regard to case.
    async fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError>;

    /// Finds an account by id.
    async fn user_by_oid(&self, oid: &UserOid) -> Result<Option<User>, StoreError>;

    /// Creates a room with `host` as its host and first member; the host does not enter it.
    async fn create_room(&self, host: &UserOid, name: &str) -> Result<Room, StoreError>;

    /// Lists the active rooms, newest first, as `user` sees them.
    async fn rooms(&self, user: &UserOid) -> Result<Vec<ListedRoom>, StoreError>;

    /// Makes `code` the user's one current room and the user a member for ever.
    async fn enter_room(&self, user: &UserOid, code: &RoomCode) -> Result<Entered, StoreError>;

    /// Takes the user out of the current room; answers the room that was left, if there was one.
    async fn leave_room(&self, user: &UserOid) -> Result<Option<Room>, StoreError>;

    /// Finds the room the user is in.
    async fn current_room(&self, user: &UserOid) -> Result<Option<Room>, StoreError>;

    /// Stores a message of a user who is in the room, once per client id.
    async fn append_message(&self, message: NewMessage) -> Result<Appended, StoreError>;

    /// Reads `limit` messages of a room older than `before`, or the newest, for a member.
    async fn history(
        &self,
        user: &UserOid,
        code: &RoomCode,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Page, StoreError>;

    /// Makes the token `jti` invalid until `expires_at`, in seconds since the Unix epoch.
    async fn revoke_token(&self, jti: &str, expires_at: i64) -> Result<(), StoreError>;

    /// Tells whether the token `jti` has been revoked.
    async fn is_revoked(&self, jti: &str) -> Result<bool, StoreError>;

    /// Waits until everything accepted is durable, then lets go of the database.
    async fn close(&self);
}

/// The form of an e-mail address that is unique: lower case.
fn email_key(email: &str) -> String {
    email.to_lowercase()
}

/// The number of messages that is read for a page of `asked` messages.
fn page_limit(asked: usize) -> usize {
    asked.clamp(1, MAX_PAGE_MESSAGES)
}

/// Makes a page of up to `limit` messages out of up to `limit + 1`, the newest first: one too many tells that there
/// are older ones.
fn page_of(mut newest_first: Vec<Message>, limit: usize) -> Page {
    let more = newest_first.len() > limit;
    newest_first.truncate(limit);
    let next = newest_first.last().filter(|_| more).map(|oldest| oldest.id.clone());
    newest_first.reverse();
    Page { messages: newest_first, next }
}

/// The time in milliseconds since the Unix epoch.
fn unix_millis() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

/// The time in seconds since the Unix epoch.
fn unix_seconds() -> i64 {
    unix_millis() / 1_000
}
