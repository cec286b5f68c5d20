//! The Socket.IO server: its namespaces and its life.

use std::{fmt, sync::Arc};

use dashmap::DashMap;
use serde::Serialize;

use super::{
    adapter::{Adapter, Room},
    application::{Application, Receiver},
    broadcast::BroadcastOperator,
    connection::Connection,
    handler::Handler,
    handshake::Handshake,
    namespace::Namespace,
    outbox::Sent,
    peer::{Peer, Peers, close_all},
    reason::DisconnectReason,
    runtime::Runtime,
};
use crate::config::Config;

/// The namespaces of a server by name.
pub(crate) struct Namespaces(DashMap<Box<str>, Namespace>);

impl Namespaces {
    pub(crate) fn get(&self, name: &str) -> Option<Namespace> {
        self.0.get(name).map(|entry| entry.clone())
    }
}

/// Makes the adapter of a new namespace.
pub type AdapterFactory = Arc<dyn Fn(&str) -> Arc<dyn Adapter> + Send + Sync>;

/// A Socket.IO server. Clones are cheap and mean the same server.
#[derive(Clone)]
pub struct Server(Arc<Inner>);

struct Inner {
    config: Arc<Config>,
    runtime: Arc<dyn Runtime>,
    namespaces: Arc<Namespaces>,
    adapter: AdapterFactory,
    peers: Arc<Peers>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({} namespaces)", self.0.namespaces.0.len())
    }
}

impl Server {
    /// A server in a world of the caller's choice; the namespace `/` exists from the beginning.
    #[must_use]
    pub fn with_runtime(config: Config, runtime: Arc<dyn Runtime>, adapter: AdapterFactory) -> Self {
        let namespaces = Arc::new(Namespaces(DashMap::new()));
        let server = Self(Arc::new(Inner {
            config: Arc::new(config),
            runtime,
            namespaces,
            adapter,
            peers: Arc::default(),
        }));
        server.of("/");
        server
    }

    /// The intervals and limits.
    #[must_use]
    pub fn config(&self) -> &Arc<Config> {
        &self.0.config
    }

    /// The world the server runs in.
    #[must_use]
    pub fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.0.runtime
    }

    /// The sessions, over whichever service they came.
    #[must_use]
    pub fn peers(&self) -> &Arc<Peers> {
        &self.0.peers
    }

    /// Closes all sessions: sockets leave with "server shutting down", and the official clients come back as soon as
    /// there is a server again. New sessions can be opened afterwards; who wants none stops listening first.
    pub fn close(&self) {
        close_all(self, self.peers());
    }

    /// The namespace of this name, which is made if there is none; a leading `/` may be left out.
    pub fn of(&self, name: &str) -> Namespace {
        let name = if name.starts_with('/') { name.to_owned() } else { format!("/{name}") };
        let make = || {
            let (runtime, config) = (Arc::clone(&self.0.runtime), Arc::clone(&self.0.config));
            Namespace::new(&name, (self.0.adapter)(&name), runtime, config)
        };
        self.0.namespaces.0.entry(name.as_str().into()).or_insert_with(make).clone()
    }

    /// Calls `handler` for each client that joins the namespace `/`.
    pub fn on_connection<Marker: 'static>(&self, handler: impl Handler<Marker>) {
        self.of("/").on_connection(handler);
    }

    /// Calls `handler` for an event from any client of the namespace `/`.
    pub fn on<Marker: 'static>(&self, event: &str, handler: impl Handler<Marker>) {
        self.of("/").on(event, handler);
    }

    /// Sends an event to every socket of the namespace `/`.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Sent {
        self.of("/").emit(event, args)
    }

    /// A broadcast to a room of the namespace `/`.
    pub fn to(&self, room: impl Into<Room>) -> BroadcastOperator {
        self.of("/").to(room)
    }
}

impl Application for Server {
    fn opened(&self, peer: &Arc<Peer>, request: &http::request::Parts) -> Box<dyn Receiver> {
        let handshake = Handshake::new(request, self.0.runtime.wall_clock());
        Box::new(Connection::new(peer, Arc::clone(&self.0.namespaces), handshake))
    }

    fn closing(&self) {
        let namespaces: Vec<_> = self.0.namespaces.0.iter().map(|entry| entry.value().clone()).collect();
        for socket in namespaces.iter().flat_map(Namespace::sockets) {
            socket.gone(DisconnectReason::ServerShuttingDown);
        }
    }
}
