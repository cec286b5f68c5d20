//! One client in one namespace.

use std::{
    any::Any,
    fmt,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use parking_lot::{Mutex, RwLock};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{
    ack_future::AckFuture,
    adapter::Room,
    args::Payload,
    broadcast::BroadcastOperator,
    encode::{self, Typed, WriteArgs},
    encoded::Encoded,
    handler::{Handler, Listeners},
    handshake::Handshake,
    inbox::Inbox,
    namespace::Namespace,
    outbox::Sent,
    peer::Peer,
    reason::DisconnectReason,
    runtime::Timed,
};
use crate::{
    engine::Transport,
    sid::Sid,
    socketio::{AckError, AckId, AckReply, AckSink, Acks},
};

/// One client in one namespace. Clones are cheap and mean the same socket.
#[derive(Clone)]
pub struct Socket(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    id: Sid,
    pub(crate) peer: Arc<Peer>,
    pub(crate) namespace: Namespace,
    handshake: Arc<Handshake>,
    auth: Option<Box<str>>,
    state: Mutex<State>,
    pub(crate) listeners: RwLock<Listeners>,
    pub(crate) inbox: Inbox,
    acks: Mutex<AckTable>,
    leave: LeaveConnection,
}

/// Tells the connection's protocol machine that the server ended the socket's stay.
pub(crate) type LeaveConnection = Box<dyn Fn(&str) + Send + Sync>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Connecting,
    Connected,
    Gone,
}

struct State {
    phase: Phase,
    in_own_room: bool,
    rooms: Vec<Room>,
    extensions: Option<Box<http::Extensions>>,
    data: Option<Box<Map<String, Value>>>,
}

#[derive(Default)]
struct AckTable {
    acks: Acks,
    armed: Option<Instant>,
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Socket({} in {})", self.0.id, self.0.namespace.name())
    }
}

impl PartialEq for Socket {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Why a socket cannot join a room.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// The socket has left its namespace.
    #[error("the socket is disconnected")]
    Disconnected,
    /// The socket is in [`Config::max_rooms`](crate::Config::max_rooms) rooms.
    #[error("a socket may be in {0} rooms")]
    TooManyRooms(usize),
    /// The name is longer than [`Config::max_room_bytes`](crate::Config::max_room_bytes).
    #[error("a room's name may have {0} bytes")]
    NameTooLong(usize),
}

impl Socket {
    pub(crate) fn new(
        peer: Arc<Peer>,
        namespace: Namespace,
        handshake: Arc<Handshake>,
        auth: &str,
        leave: LeaveConnection,
    ) -> Self {
        Self(Arc::new(Inner {
            id: peer.runtime().fresh_sid(),
            peer,
            namespace,
            handshake,
            auth: (!auth.is_empty()).then(|| auth.into()),
            state: Mutex::new(State {
                phase: Phase::Connecting,
                in_own_room: true,
                rooms: Vec::new(),
                extensions: None,
                data: None,
            }),
            listeners: RwLock::new(Listeners::default()),
            inbox: Inbox::default(),
            acks: Mutex::new(AckTable::default()),
            leave,
        }))
    }

    /// The public id, fresh for each namespace and connection.
    #[must_use]
    pub fn id(&self) -> &Sid {
        &self.0.id
    }

    /// The namespace.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.0.namespace
    }

    /// The request that opened the connection.
    #[must_use]
    pub fn handshake(&self) -> &Handshake {
        &self.0.handshake
    }

    /// The CONNECT packet's payload (`auth` in the client's options) as JSON text, if there was one.
    #[must_use]
    pub fn auth_json(&self) -> Option<&str> {
        self.0.auth.as_deref()
    }

    /// The CONNECT packet's payload read as a type; `None` if there was none or it has another form.
    #[must_use]
    pub fn auth<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(self.auth_json()?).ok()
    }

    /// Whether the client has been let in and has not left.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.0.state.lock().phase == Phase::Connected
    }

    /// The transport in use.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.0.peer.transport()
    }

    /// The session below, shared with the connection's other namespaces.
    #[must_use]
    pub fn peer(&self) -> &Arc<Peer> {
        &self.0.peer
    }

    // ---- state of the application ----

    /// Keeps a value with the socket, one of each type; answers the one it replaces.
    pub fn insert<T: Clone + Send + Sync + 'static>(&self, value: T) -> Option<T> {
        self.0.state.lock().extensions.get_or_insert_default().insert(value)
    }

    /// A copy of the value of this type.
    #[must_use]
    pub fn get<T: Clone + Any + Send + Sync>(&self) -> Option<T> {
        self.0.state.lock().extensions.as_ref()?.get::<T>().cloned()
    }

    /// The socket's JSON data, which other nodes can see.
    #[must_use]
    pub fn data(&self) -> Map<String, Value> {
        self.0.state.lock().data.as_deref().cloned().unwrap_or_default()
    }

    /// Sets one field of the socket's JSON data.
    pub fn set_data(&self, key: impl Into<String>, value: impl Into<Value>) {
        self.0.state.lock().data.get_or_insert_default().insert(key.into(), value.into());
    }

    // ---- listeners ----

    /// Calls `handler` for each event of this name from this client, after those added before.
    ///
    /// Listeners of one socket run one after the other; an `async` one holds back this socket's next event
    /// until it is done. Long work belongs into a task of its own.
    pub fn on<Marker: 'static>(&self, event: &str, handler: impl Handler<Marker>) {
        self.0.listeners.write().add(event, handler);
    }

    /// Removes this socket's own listeners of an event.
    pub fn off(&self, event: &str) {
        self.0.listeners.write().remove(event);
    }

    /// Calls `handler` once the socket has left and its rooms are empty.
    pub fn on_disconnect<Marker: 'static>(&self, handler: impl Handler<Marker>) {
        self.on("disconnect", handler);
    }

    /// Calls `handler` when the socket leaves, while [`Socket::rooms`] still names its rooms.
    pub fn on_disconnecting<Marker: 'static>(&self, handler: impl Handler<Marker>) {
        self.on("disconnecting", handler);
    }

    // ---- rooms ----

    /// Joins a room; joining twice is joining once.
    ///
    /// # Errors
    /// The socket has left its namespace, or a limit is reached.
    pub fn join(&self, room: impl Into<Room>) -> Result<(), JoinError> {
        let room = room.into();
        let config = self.0.peer.config();
        if room.len() > config.max_room_bytes {
            return Err(JoinError::NameTooLong(config.max_room_bytes));
        }
        // The lock is kept while the adapter is told, so that a disconnection in between cannot be missed.
        let mut state = self.0.state.lock();
        if state.phase == Phase::Gone {
            return Err(JoinError::Disconnected);
        }
        if *room == *self.0.id.as_str() {
            state.in_own_room = true;
            return Ok(());
        }
        if state.rooms.contains(&room) {
            return Ok(());
        }
        if state.rooms.len() >= config.max_rooms {
            return Err(JoinError::TooManyRooms(config.max_rooms));
        }
        self.0.namespace.adapter().join(self, &room);
        state.rooms.push(room);
        Ok(())
    }

    /// Leaves a room; leaving one it is not in does nothing.
    pub fn leave(&self, room: &str) {
        let mut state = self.0.state.lock();
        if room == self.0.id.as_str() {
            state.in_own_room = false;
        }
        if let Some(at) = state.rooms.iter().position(|known| **known == *room) {
            state.rooms.swap_remove(at);
            self.0.namespace.adapter().leave(&self.0.id, room);
        }
    }

    /// The rooms the socket is in, its own included.
    #[must_use]
    pub fn rooms(&self) -> Vec<Room> {
        let state = self.0.state.lock();
        let own = state.in_own_room.then(|| Room::from(self.0.id.as_str()));
        own.into_iter().chain(state.rooms.iter().cloned()).collect()
    }

    /// Whether the socket has not left the room of its own id.
    pub(crate) fn is_in_own_room(&self) -> bool {
        self.0.state.lock().in_own_room
    }

    // ---- sending ----

    /// Sends an event to this client: a tuple is several arguments, `()` none, anything else one.
    ///
    /// What cannot be sent (a reserved name, arguments without JSON form) is logged as an error of the program.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Sent {
        self.emit_args(event, &Typed(args), false)
    }

    /// Sends an event whose arguments came from elsewhere.
    pub fn emit_payload(&self, event: &str, payload: &Payload) -> Sent {
        self.emit_args(event, payload, false)
    }

    /// Sends an event only if it can be written at once; it is dropped if the connection is busy.
    pub fn emit_volatile<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Sent {
        self.emit_args(event, &Typed(args), true)
    }

    fn emit_args(&self, event: &str, args: &impl WriteArgs, volatile: bool) -> Sent {
        match encode::event(self.0.namespace.name(), None, event, args) {
            Ok(packet) => self.send(packet, volatile),
            Err(error) => {
                tracing::error!(event, %error, "an event was not sent");
                Sent::Dropped
            }
        }
    }

    /// Sends an event and waits for the client's answer, for as long as it takes or until the client leaves.
    pub fn emit_with_ack<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> AckFuture {
        self.request(event, args, None)
    }

    /// Sends an event and waits for the client's answer for a while.
    pub fn emit_with_timeout<T: Serialize + ?Sized>(
        &self,
        event: &str,
        args: &T,
        timeout: Duration,
    ) -> AckFuture {
        self.request(event, args, Some(timeout))
    }

    fn request<T: Serialize + ?Sized>(&self, event: &str, args: &T, timeout: Option<Duration>) -> AckFuture {
        let id = self.0.namespace.next_ack_id();
        let packet = match encode::event(self.0.namespace.name(), Some(id), event, &Typed(args)) {
            Ok(packet) => packet,
            Err(error) => return AckFuture::failed(AckError::Invalid(error.to_string())),
        };
        let (future, sink) = AckFuture::pair();
        let deadline = timeout.map(|timeout| self.0.peer.runtime().now() + timeout);
        match self.expect_ack(id, deadline, sink) {
            Ok(()) => {
                self.send(packet, false);
                future
            }
            Err(error) => AckFuture::failed(error),
        }
    }

    /// Notes that the client owes an answer.
    pub(crate) fn expect_ack(
        &self,
        id: AckId,
        deadline: Option<Instant>,
        sink: AckSink,
    ) -> Result<(), AckError> {
        let mut table = self.0.acks.lock();
        if self.0.state.lock().phase == Phase::Gone {
            return Err(AckError::Disconnected);
        }
        if table.acks.len() >= self.0.peer.config().max_pending_acks {
            return Err(AckError::Full);
        }
        table.acks.insert(id, deadline, sink);
        if let Some(deadline) = deadline {
            self.arm_acks(&mut table, deadline);
        }
        Ok(())
    }

    fn arm_acks(&self, table: &mut AckTable, deadline: Instant) {
        if table.armed.is_none_or(|at| at > deadline) {
            table.armed = Some(deadline);
            let inner: Arc<dyn Timed> = Arc::<Inner>::clone(&self.0);
            let inner: Weak<dyn Timed> = Arc::downgrade(&inner);
            self.0.peer.runtime().arm(deadline, inner);
        }
    }

    /// Gives the client's answer to whoever waits for it; an unknown or repeated id is ignored.
    pub(crate) fn answer(&self, id: AckId, reply: AckReply) {
        let sink = self.0.acks.lock().acks.take(id);
        if let Some(sink) = sink {
            sink(Ok(reply));
        }
    }

    pub(crate) fn send_ack<T: Serialize + ?Sized>(&self, id: AckId, args: &T) {
        self.send_ack_args(id, &Typed(args));
    }

    pub(crate) fn send_ack_payload(&self, id: AckId, payload: &Payload) {
        self.send_ack_args(id, payload);
    }

    fn send_ack_args(&self, id: AckId, args: &impl WriteArgs) {
        match encode::ack(self.0.namespace.name(), id, args) {
            Ok(packet) => {
                self.send(packet, false);
            }
            Err(error) => tracing::error!(%error, "an answer was not sent"),
        }
    }

    /// Sends a packet unless the socket has left.
    fn send(&self, packet: Encoded, volatile: bool) -> Sent {
        if self.0.state.lock().phase == Phase::Gone {
            return Sent::Closed;
        }
        self.0.peer.send(packet, volatile)
    }

    /// Queues a packet of a broadcast; answers whether the connection must be given up.
    pub(crate) fn push(&self, packet: Encoded, volatile: bool) -> bool {
        self.0.peer.push(packet, volatile) == Sent::Overflow
    }

    /// Closes the connection, which reads too slowly.
    pub(crate) fn give_up(&self) {
        self.0.peer.give_up();
    }

    // ---- broadcasting ----

    /// A broadcast to everyone in the namespace but this socket.
    pub fn broadcast(&self) -> BroadcastOperator {
        BroadcastOperator::new(self.0.namespace.clone()).except(self.0.id.as_str())
    }

    /// A broadcast to a room, without this socket.
    pub fn to(&self, room: impl Into<Room>) -> BroadcastOperator {
        self.broadcast().to(room)
    }

    /// A broadcast to everyone but this socket and a room.
    pub fn except(&self, room: impl Into<Room>) -> BroadcastOperator {
        self.broadcast().except(room)
    }

    // ---- the end ----

    /// Ends the client's stay in this namespace; the client sees "io server disconnect".
    pub fn disconnect(&self) {
        if self.0.state.lock().phase != Phase::Gone {
            self.0.peer.send(encode::disconnect(self.0.namespace.name()), false);
            (self.0.leave)(self.0.namespace.name());
            self.gone(DisconnectReason::ServerNamespaceDisconnect);
        }
    }

    /// Closes the whole connection with all its namespaces, after what was sent before.
    pub fn close(&self) {
        self.0.peer.close();
    }

    /// The client is let in. Answers false if it has left meanwhile.
    pub(crate) fn let_in(&self) -> bool {
        let mut state = self.0.state.lock();
        if state.phase != Phase::Connecting {
            return false;
        }
        state.phase = Phase::Connected;
        self.0.namespace.adapter().insert(self);
        true
    }

    /// The socket has left: out of all tables, pending answers fail. Answers whether it had been let in.
    pub(crate) fn detach(&self) -> bool {
        let (was_connected, rooms) = {
            let mut state = self.0.state.lock();
            let was = std::mem::replace(&mut state.phase, Phase::Gone);
            if was == Phase::Gone {
                return false;
            }
            (was == Phase::Connected, state.rooms.clone())
        };
        self.0.namespace.adapter().remove(&self.0.id, &rooms);
        let unanswered = self.0.acks.lock().acks.take_all();
        for sink in unanswered {
            sink(Err(AckError::Disconnected));
        }
        was_connected
    }

    /// Forgets the rooms, as the listeners of `disconnecting` have seen them.
    pub(crate) fn forget_rooms(&self) {
        let mut state = self.0.state.lock();
        state.rooms = Vec::new();
        state.in_own_room = false;
    }
}

impl Timed for Inner {
    fn fire(self: Arc<Self>, at: Instant) {
        let socket = Socket(self);
        let mut table = socket.0.acks.lock();
        if table.armed != Some(at) {
            return;
        }
        table.armed = None;
        let expired = table.acks.take_expired(socket.0.peer.runtime().now());
        if let Some(deadline) = table.acks.deadline() {
            socket.arm_acks(&mut table, deadline);
        }
        drop(table);
        for sink in expired {
            sink(Err(AckError::Timeout));
        }
    }
}
