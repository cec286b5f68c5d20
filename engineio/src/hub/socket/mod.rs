//! One client in one namespace.

mod broadcasting;
mod deadline;
mod emission;
mod recovery;
mod rooms;
mod sending;

use std::{
    any::Any,
    borrow::Cow,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{
    adapter::Room,
    encode,
    handshake::Handshake,
    inbox::Inbox,
    listeners::{Listeners, SharedListeners},
    listening::listening,
    namespace::{Entry, Namespace, Occupancy},
    peer::Peer,
    reason::DisconnectReason,
    recovery::{Session, Stay},
};
use crate::{
    engine::{Revision, Transport},
    sid::Sid,
    socketio::{AckError, Acks},
};

use deadline::Deadline;
pub use emission::Emission;
pub use rooms::JoinError;

/// One client in one namespace. Clones are cheap and mean the same socket.
#[derive(Clone)]
pub struct Socket(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    id: Sid,
    /// The secret by which the client may come back, if it may.
    pid: Option<Sid>,
    recovered: bool,
    /// Whether the client has sent something since it was let in, as far as somebody wants to know.
    heard: AtomicBool,
    pub(crate) peer: Arc<Peer>,
    pub(crate) namespace: Namespace,
    handshake: Arc<Handshake>,
    auth: Option<Box<str>>,
    state: Mutex<State>,
    /// A copy of what the state says, to be looked at before each event that is sent without the lock.
    gone: AtomicBool,
    pub(crate) listeners: SharedListeners,
    pub(crate) inbox: Inbox,
    /// Most sockets never owe an answer.
    acks: Mutex<Option<Box<AckTable>>>,
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
    /// What keeps a namespace that was made for clients while the socket is in it.
    occupancy: Option<Occupancy>,
    in_own_room: bool,
    /// Whether the server, and not the client, ended the stay.
    dismissed: bool,
    rooms: Vec<Room>,
    extensions: Option<Box<http::Extensions>>,
    data: Option<Box<Map<String, Value>>>,
    stay: Option<Box<Stay>>,
    deadline: Option<Box<Deadline>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        let outgoing = &self.namespace.hooks().outgoing;
        self.listeners
            .change(|listeners| outgoing.change(listeners, |listeners| *listeners = Listeners::default()));
    }
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

listening!(Socket);

impl Socket {
    /// A client that asks to be let in; `session` is what it comes back to.
    pub(crate) fn new(
        peer: Arc<Peer>,
        entry: Entry,
        handshake: Arc<Handshake>,
        auth: &str,
        leave: LeaveConnection,
        session: Option<Session>,
    ) -> Self {
        let recovered = session.is_some();
        let (id, state) = match (session, peer.revision()) {
            (Some(session), _) => (session.id, State::restored(session, entry.occupancy)),
            // These clients take their session's id for their own.
            (None, Revision::V3) => (*peer.sid(), State::fresh(None, entry.occupancy)),
            (None, Revision::V4) => {
                let stay = entry.namespace.fresh_stay();
                (peer.runtime().fresh_sid(), State::fresh(stay, entry.occupancy))
            }
        };
        Self(Arc::new(Inner {
            id,
            pid: state.stay.as_ref().map(|stay| stay.pid),
            recovered,
            heard: AtomicBool::new(false),
            peer,
            namespace: entry.namespace,
            handshake,
            auth: (!auth.is_empty()).then(|| auth.into()),
            state: Mutex::new(state),
            gone: AtomicBool::new(false),
            listeners: SharedListeners::default(),
            inbox: Inbox::claimed(),
            acks: Mutex::new(None),
            leave,
        }))
    }

    /// The public id, fresh for each namespace and connection. A client that comes back to its session has the id it
    /// had before.
    ///
    /// With [`Config::allow_eio3`](crate::Config::allow_eio3), a client of Socket.IO 2 has its session's secret id in
    /// all namespaces, as its protocol wants it.
    #[must_use]
    pub fn id(&self) -> &Sid {
        &self.0.id
    }

    /// The id that the client itself knows: [`Socket::id`], but `/namespace#id` for a client of Socket.IO 2 in
    /// another namespace than `/`. It is the name of the socket's own room as well.
    #[must_use]
    pub fn client_id(&self) -> Cow<'_, str> {
        let (id, namespace) = (self.0.id.as_str(), self.0.namespace.name());
        match self.0.peer.revision() {
            Revision::V3 if namespace != "/" => Cow::Owned(format!("{namespace}#{id}")),
            Revision::V3 | Revision::V4 => Cow::Borrowed(id),
        }
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

    /// Takes the value of this type away from the socket. A value that holds the socket itself must be taken away
    /// when the socket leaves, or neither is ever freed.
    pub fn remove<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.0.state.lock().extensions.as_mut()?.remove::<T>()
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

    /// Changes the socket's own listeners.
    pub(crate) fn change_listeners<T>(&self, change: impl FnOnce(&mut Listeners) -> T) -> T {
        let outgoing = &self.0.namespace.hooks().outgoing;
        self.0.listeners.change(|listeners| outgoing.change(listeners, change))
    }

    fn own_listeners(&self) -> Listeners {
        self.0.listeners.get()
    }

    /// Whether somebody listens to what is sent to this socket.
    pub(crate) fn is_overheard(&self) -> bool {
        self.tables().iter().any(|table| table.outgoing_count() > 0)
    }

    /// Forgets the listeners, which may hold the socket itself.
    pub(crate) fn forget_listeners(&self) {
        self.change_listeners(|listeners| *listeners = Listeners::default());
    }

    // ---- the end ----

    /// Ends the client's stay in this namespace; the client sees "io server disconnect".
    ///
    /// The listeners of `disconnect` run before this returns, unless another listener of the socket is still at work:
    /// the caller should hold no lock that they want.
    pub fn disconnect(&self) {
        self.dismiss(DisconnectReason::ServerNamespaceDisconnect);
    }

    fn dismiss(&self, reason: DisconnectReason) {
        if self.0.state.lock().phase != Phase::Gone {
            self.0.peer.send(encode::disconnect(self.0.namespace.route()), false);
            self.0.state.lock().dismissed = true;
            (self.0.leave)(self.0.namespace.name());
            self.gone(reason);
        }
    }

    /// Ends the client's stay in this namespace and closes the whole connection, after what was sent before. The
    /// client sees "io server disconnect" and does not come back by itself; `socket.peer().close()` closes the
    /// connection without a word, after which it does.
    pub fn close(&self) {
        self.disconnect();
        self.0.peer.close();
    }

    /// Whether the server has ended the socket's stay.
    pub(crate) fn is_dismissed(&self) -> bool {
        self.0.state.lock().dismissed
    }

    /// The client is let in, and told so before any broadcast can reach it. Answers false if it has left meanwhile, or
    /// cannot go on where it was.
    pub(crate) fn let_in(&self) -> bool {
        if let (Some(history), Some(_)) = (self.0.namespace.history(), self.0.pid) {
            return self.let_in_with(history);
        }
        let mut state = self.0.state.lock();
        if state.phase != Phase::Connecting {
            return false;
        }
        state.phase = Phase::Connected;
        let peer = &self.0.peer;
        peer.send(encode::connect(peer.revision(), self.0.namespace.route(), &self.0.id, None), false);
        let joined = self.enter_rooms(&state);
        let has_deadline = state.deadline.is_some();
        drop(state);
        if has_deadline {
            self.watch_deadline();
        }
        self.tell_of_joined(&joined);
        true
    }

    /// The socket has left: out of all tables, pending answers fail. Answers whether it had been let in.
    pub(crate) fn detach(&self, reason: Option<DisconnectReason>) -> bool {
        // Until the tables are right, nobody can come back to the same id.
        let mut book = self.0.namespace.history().map(|history| history.open());
        let (was_connected, in_own_room, rooms, occupancy) = {
            let mut state = self.0.state.lock();
            let was = std::mem::replace(&mut state.phase, Phase::Gone);
            self.0.gone.store(true, Ordering::Release);
            if was == Phase::Gone {
                return false;
            }
            if let Some(book) = &mut book {
                self.part(book, &mut state, was, reason);
            }
            state.deadline = None;
            (was == Phase::Connected, state.in_own_room, state.rooms.clone(), state.occupancy.take())
        };
        let left = if was_connected { self.leave_rooms(&rooms, in_own_room) } else { Vec::new() };
        drop(book);
        self.tell_of_left(&left);
        drop(occupancy);
        let unanswered = self.0.acks.lock().take();
        for sink in unanswered.into_iter().flat_map(|mut table| table.acks.take_all()) {
            sink(Err(AckError::Disconnected));
        }
        was_connected
    }
}
