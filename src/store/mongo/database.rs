//! The database's collections and the options under which they are used.

use std::time::Duration;

use mongodb::{
    Client, Collection,
    bson::{Document, doc, oid::ObjectId},
    error::Result,
    options::{
        Acknowledgment, ClientOptions, Collation, CollationStrength, ReadPreference, SelectionCriteria,
        WriteConcern,
    },
};

use super::writer::Writer;
use crate::{chat::UserOid, store::oid::Oid};

/// How long the driver looks for a server that answers; callers wait as long before they hear that there is none.
const SERVER_SELECTION: Duration = Duration::from_millis(2_500);

/// How long a new connection may take to come about.
const CONNECT: Duration = Duration::from_millis(2_500);

/// The database's name where the connection string has none, as mongoose has it.
const DEFAULT_NAME: &str = "test";

/// The collections. `users` and `rooms` hold mongoose's documents, the others are roomcast's own.
#[derive(Clone)]
pub(super) struct Database {
    pub(super) client: Client,
    pub(super) users: Collection<Document>,
    pub(super) rooms: Collection<Document>,
    /// `{_id, roomCode, userOid, sender, msg, at, clientId?}`
    pub(super) messages: Collection<Document>,
    /// `{_id: userOid, roomCode, at}`: who is in which room.
    pub(super) current_rooms: Collection<Document>,
    /// `{_id: jti, expiresAt}`
    pub(super) revoked_tokens: Collection<Document>,
    /// `{_id: e-mail in lower case, userOid, at}`: who may have this e-mail.
    pub(super) email_claims: Collection<Document>,
    /// The way of new messages into `messages`.
    pub(super) writer: Writer,
}

impl Database {
    /// Makes a client; nothing is sent before it is used. Must be called inside a tokio runtime.
    pub(super) fn new(mut options: ClientOptions) -> Result<Self> {
        options.server_selection_timeout = Some(SERVER_SELECTION);
        options.connect_timeout = Some(CONNECT);
        // An answer means durable, on a majority of the servers and in their journals, and what was written is
        // read at once: no connection string takes that back.
        options.write_concern =
            Some(WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build());
        options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
        let client = Client::with_options(options)?;
        let database = client.default_database().unwrap_or_else(|| client.database(DEFAULT_NAME));
        let (messages, current_rooms) =
            (database.collection("messages"), database.collection("current_rooms"));
        Ok(Self {
            users: database.collection("users"),
            rooms: database.collection("rooms"),
            writer: Writer::start(messages.clone(), current_rooms.clone()),
            messages,
            current_rooms,
            revoked_tokens: database.collection("revoked_tokens"),
            email_claims: database.collection("email_claims"),
            client,
        })
    }

    /// Asks the server for a sign of life.
    pub(super) async fn ping(&self) -> Result<()> {
        self.client.database("admin").run_command(doc! { "ping": 1 }).await.map(drop)
    }
}

/// The comparison of e-mail addresses in indexes and queries: letters are equal without regard to case.
pub(super) fn ignoring_case() -> Collation {
    Collation::builder().locale("en").strength(CollationStrength::Secondary).build()
}

/// Makes a new `ObjectId`, greater than all this process has made.
pub(super) fn next_object_id() -> ObjectId {
    ObjectId::from_bytes(Oid::next().bytes())
}

/// The `ObjectId` of a user; `None` for an id that no user of this database can have.
pub(super) fn object_id(user: &UserOid) -> Option<ObjectId> {
    Oid::parse(&user.0).map(|oid| ObjectId::from_bytes(oid.bytes()))
}
