//! One namespace: its sockets, its listeners and who is let in.

use std::{
    fmt,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::RwLock;
use serde::Serialize;

use super::{
    adapter::{Adapter, Room, Target},
    args::Payload,
    broadcast::BroadcastOperator,
    encode::Route,
    handler::{Handler, Listeners, Origin},
    middleware::{ConnectError, Middleware, erase},
    outbox::Sent,
    runtime::Runtime,
    socket::Socket,
};
use crate::{config::Config, sid::Sid, socketio::AckId};

/// A namespace. Clones are cheap and mean the same namespace.
#[derive(Clone)]
pub struct Namespace(Arc<Inner>);

struct Inner {
    name: Box<str>,
    adapter: Arc<dyn Adapter>,
    runtime: Arc<dyn Runtime>,
    config: Arc<Config>,
    listeners: RwLock<Listeners>,
    middlewares: RwLock<Vec<Middleware>>,
    ack_ids: AtomicU64,
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Namespace({}, {} sockets)", self.0.name, self.len())
    }
}

impl Namespace {
    pub(crate) fn new(
        name: &str,
        adapter: Arc<dyn Adapter>,
        runtime: Arc<dyn Runtime>,
        config: Arc<Config>,
    ) -> Self {
        Self(Arc::new(Inner {
            name: name.into(),
            adapter,
            runtime,
            config,
            listeners: RwLock::new(Listeners::default()),
            middlewares: RwLock::new(Vec::new()),
            ack_ids: AtomicU64::new(0),
        }))
    }

    /// The name, beginning with `/`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The table of this namespace's sockets and rooms.
    #[must_use]
    pub fn adapter(&self) -> &dyn Adapter {
        &*self.0.adapter
    }

    pub(crate) fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.0.runtime
    }

    /// What all packets of this namespace have in common.
    pub(crate) fn route(&self) -> Route<'_> {
        Route { namespace: self.name(), max_attachments: self.0.config.max_attachments }
    }

    pub(crate) fn next_ack_id(&self) -> AckId {
        self.0.ack_ids.fetch_add(1, Ordering::Relaxed)
    }

    // ---- listeners ----

    /// Calls `handler` for each client that is let in; its events wait until the handler is done.
    pub fn on_connection<Marker: 'static>(&self, handler: impl Handler<Marker>) {
        self.0.listeners.write().add(Origin::Library, "connection", handler);
    }

    /// Calls `handler` for an event from any client of this namespace.
    ///
    /// One listener for all sockets costs no memory per connection, unlike [`Socket::on`].
    pub fn on<Marker: 'static>(&self, event: &str, handler: impl Handler<Marker>) {
        self.0.listeners.write().add(Origin::Client, event, handler);
    }

    /// Calls `handler` for each socket that has left.
    pub fn on_disconnect<Marker: 'static>(&self, handler: impl Handler<Marker>) {
        self.0.listeners.write().add(Origin::Library, "disconnect", handler);
    }

    /// Asks `middleware` before a client is let in. Several are asked in the order they were added; the first
    /// refusal counts.
    ///
    /// The socket is not connected yet: rooms it joins hold once it is let in and are left if it is refused.
    pub fn middleware<F, Fut>(&self, middleware: F)
    where
        F: Fn(Socket) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), ConnectError>> + Send + 'static,
    {
        self.0.middlewares.write().push(erase(middleware));
    }

    pub(crate) fn middlewares(&self) -> Vec<Middleware> {
        self.0.middlewares.read().clone()
    }

    pub(crate) fn listeners(&self) -> Listeners {
        self.0.listeners.read().clone()
    }

    // ---- sockets and sending ----

    /// The connected socket with this id.
    #[must_use]
    pub fn socket(&self, id: &Sid) -> Option<Socket> {
        self.adapter().socket(id)
    }

    /// The sockets of this namespace on this node.
    #[must_use]
    pub fn sockets(&self) -> Vec<Socket> {
        self.operator().sockets()
    }

    /// How many sockets are in this namespace.
    #[must_use]
    pub fn len(&self) -> usize {
        self.adapter().len()
    }

    /// Whether no socket is in this namespace.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn operator(&self) -> BroadcastOperator {
        BroadcastOperator::new(self.clone())
    }

    /// Sends an event to every socket of this namespace.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Sent {
        self.operator().emit(event, args)
    }

    /// Sends an event whose arguments came from elsewhere to every socket of this namespace.
    pub fn emit_payload(&self, event: &str, payload: &Payload) -> Sent {
        self.operator().emit_payload(event, payload)
    }

    /// A broadcast to a room.
    pub fn to(&self, room: impl Into<Room>) -> BroadcastOperator {
        self.operator().to(room)
    }

    /// A broadcast to everyone but a room.
    pub fn except(&self, room: impl Into<Room>) -> BroadcastOperator {
        self.operator().except(room)
    }

    /// A broadcast that skips connections that are busy.
    pub fn volatile(&self) -> BroadcastOperator {
        self.operator().volatile()
    }

    /// Ends the stay of every socket in this namespace.
    pub fn disconnect_sockets(&self) {
        self.operator().disconnect_sockets();
    }

    pub(crate) fn collect(&self, target: &Target) -> Vec<Socket> {
        let mut sockets = Vec::new();
        self.adapter().for_each(target, &mut |socket| sockets.push(socket.clone()));
        sockets
    }
}
