//! Sockets as the servers of a cluster tell each other of them.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{BroadcastOperator, Rooms};
use crate::{
    hub::{
        adapter::Room,
        namespace::Namespace,
        outbox::Sent,
        socket::{JoinError, Socket},
    },
    socketio::{AckError, AckReply},
};

/// The request that opened a connection, in the form in which the reference's servers pass it on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HandshakeDetails {
    /// The headers, names in lower case; the values of a name that came several times are joined by commas.
    pub headers: BTreeMap<String, String>,
    /// The client's address, without port.
    pub address: Option<String>,
    /// Whether the request came from a page of another origin.
    pub xdomain: bool,
    /// Whether the connection is encrypted.
    pub secure: bool,
    /// When the request came, in milliseconds since 1970.
    pub issued: u64,
    /// The path and query as they were sent.
    pub url: String,
    /// The parameters of the query, percent-decoded.
    pub query: BTreeMap<String, String>,
    /// The CONNECT packet's payload; `null` if there was none.
    pub auth: Value,
}

impl HandshakeDetails {
    fn of(socket: &Socket) -> Self {
        let handshake = socket.handshake();
        let mut headers = BTreeMap::<String, String>::new();
        for (name, value) in handshake.headers() {
            let joined = headers.entry(name.to_owned()).or_default();
            if !joined.is_empty() {
                joined.push_str(if name == "cookie" { "; " } else { ", " });
            }
            joined.push_str(&String::from_utf8_lossy(value));
        }
        let since_1970 = handshake.issued.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self {
            headers,
            address: handshake.address.map(|address| address.ip().to_string()),
            xdomain: handshake.xdomain,
            secure: handshake.secure,
            issued: u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX),
            url: handshake.url.clone(),
            query: handshake
                .parameters()
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
            auth: socket.auth().unwrap_or_default(),
        }
    }
}

/// What can be told of a socket to another server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SocketDetails {
    /// The public id. Servers of other kinds may have ids of another form than [`Sid`](crate::Sid).
    pub id: Box<str>,
    /// The request that opened the connection.
    #[serde(default)]
    pub handshake: HandshakeDetails,
    /// The rooms it is in.
    #[serde(default)]
    pub rooms: Vec<Box<str>>,
    /// Its JSON data.
    #[serde(default)]
    pub data: Map<String, Value>,
}

impl SocketDetails {
    /// What can be told of a socket of this server.
    #[must_use]
    pub fn of(socket: &Socket) -> Self {
        Self {
            id: socket.client_id().into(),
            handshake: HandshakeDetails::of(socket),
            rooms: socket.rooms().iter().map(|room| (**room).into()).collect(),
            data: socket.data(),
        }
    }
}

/// A socket of this server or another one, as [`fetch_sockets`](BroadcastOperator::fetch_sockets) found it. What it knows
/// is of that moment; what it does reaches the socket wherever it is.
#[derive(Clone, Debug)]
pub struct RemoteSocket {
    details: SocketDetails,
    namespace: Namespace,
}

impl RemoteSocket {
    pub(super) fn new(details: SocketDetails, namespace: Namespace) -> Self {
        Self { details, namespace }
    }

    /// The public id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.details.id
    }

    /// The request that opened the connection.
    #[must_use]
    pub fn handshake(&self) -> &HandshakeDetails {
        &self.details.handshake
    }

    /// The rooms it was in, its own included.
    pub fn rooms(&self) -> impl Iterator<Item = &str> {
        self.details.rooms.iter().map(|room| &**room)
    }

    /// Its JSON data.
    #[must_use]
    pub fn data(&self) -> &Map<String, Value> {
        &self.details.data
    }

    fn operator(&self) -> BroadcastOperator {
        BroadcastOperator::new(self.namespace.clone()).to(Room::from(self.id()))
    }

    /// Sends an event to this socket: a tuple is several arguments, `()` none, anything else one.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Sent {
        self.operator().emit(event, args)
    }

    /// Sends an event and waits for the client's answer until [`Config::ack_timeout`](crate::Config::ack_timeout).
    ///
    /// # Errors
    /// The event cannot be sent, or there is no answer.
    pub async fn emit_with_ack<T: Serialize + ?Sized>(
        &self,
        event: &str,
        args: &T,
    ) -> Result<AckReply, AckError> {
        self.emit_with_timeout(event, args, self.namespace.config().ack_timeout).await
    }

    /// Sends an event and waits for the client's answer for a while of the caller's choice.
    ///
    /// # Errors
    /// The event cannot be sent, or there is no answer.
    pub async fn emit_with_timeout<T: Serialize + ?Sized>(
        &self,
        event: &str,
        args: &T,
        timeout: Duration,
    ) -> Result<AckReply, AckError> {
        let mut found = self.operator().timeout(timeout).emit_with_ack(event, args).await?;
        let nobody = if found.is_complete() { AckError::Disconnected } else { AckError::Timeout };
        found.replies.pop().ok_or(nobody)
    }

    /// Makes the socket join a room or several.
    ///
    /// # Errors
    /// It is a socket of this server and could not; what happens on another server is not known.
    pub fn join(&self, rooms: impl Rooms) -> Result<(), JoinError> {
        self.operator().sockets_join(rooms)
    }

    /// Makes the socket leave a room or several.
    pub fn leave(&self, rooms: impl Rooms) {
        self.operator().sockets_leave(rooms);
    }

    /// Ends the socket's stay in the namespace; with `close`, its connection as well.
    pub fn disconnect(&self, close: bool) {
        self.operator().disconnect_sockets(close);
    }
}
