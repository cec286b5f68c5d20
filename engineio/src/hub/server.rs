//! The Socket.IO server: its namespaces and its life.

use std::{borrow::Cow, fmt, future::Future, sync::Arc, time::Duration};

use serde::Serialize;

use super::{
    adapter::Answered,
    application::{Application, Receiver},
    broadcast::{BroadcastOperator, asking, sending},
    connection::Connection,
    encode::EmitError,
    endpoints::Endpoints,
    handshake::Handshake,
    namespace::{
        AdapterFactory, Hooks, Matcher, Namespace, NamespaceRequest, Namespaces, ParentNamespace, Pattern,
        PatternError, hooking,
    },
    payload::Payload,
    peer::{Peer, Peers, close_all},
    reason::DisconnectReason,
    refusals::Refusals,
    runtime::{BoxFuture, Runtime},
    state::State,
};
use crate::config::Config;

/// A Socket.IO server. Clones are cheap and mean the same server.
#[derive(Clone)]
pub struct Server(Arc<Inner>);

struct Inner {
    config: Arc<Config>,
    runtime: Arc<dyn Runtime>,
    /// The namespace `/`.
    root: Namespace,
    namespaces: Arc<Namespaces>,
    peers: Arc<Peers>,
    endpoints: Arc<Endpoints>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({} namespaces)", self.namespaces().len())
    }
}

hooking!(Server);
sending!(Server, BroadcastOperator);
asking!(Server);

impl Server {
    /// A server in a world of the caller's choice; the namespace `/` exists from the beginning.
    #[must_use]
    pub fn with_runtime(config: Config, runtime: Arc<dyn Runtime>, adapter: AdapterFactory) -> Self {
        let config = Arc::new(config);
        let peers: Arc<Peers> = Arc::default();
        let (known, world) = (Arc::clone(&config), Arc::clone(&runtime));
        let namespaces = Namespaces::new(known, world, adapter, Arc::downgrade(&peers));
        let root = namespaces.of("/");
        let namespaces = Arc::new(namespaces);
        let endpoints = Arc::default();
        Self(Arc::new(Inner { config, runtime, root, namespaces, peers, endpoints }))
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

    /// How often clients were refused something, and what; can be read at any time without a lock.
    #[must_use]
    pub fn refusals(&self) -> &Refusals {
        self.0.peers.refusals()
    }

    /// The endpoints beside HTTP.
    #[must_use]
    pub fn endpoints(&self) -> &Arc<Endpoints> {
        &self.0.endpoints
    }

    fn hooks(&self) -> &Hooks {
        self.0.root.hooks()
    }

    fn operator(&self) -> BroadcastOperator {
        BroadcastOperator::new(self.0.root.clone())
    }

    /// Keeps a value for listeners of all namespaces, one of each type, which they ask for as [`State`]. Answers whether
    /// it is the first of its type; it replaces another.
    pub fn manage<T: Send + Sync + 'static>(&self, value: T) -> bool {
        self.0.namespaces.values().insert(value)
    }

    /// The value of this type that the server keeps.
    #[must_use]
    pub fn state<T: Send + Sync + 'static>(&self) -> Option<State<T>> {
        self.0.namespaces.values().get()
    }

    // ---- namespaces ----

    /// The namespace of this name, which is made if there is none; a leading `/` may be left out. If the name matches a
    /// [pattern](Self::of_pattern) or [function](Self::of_matching), it becomes a child of that parent.
    pub fn of(&self, name: &str) -> Namespace {
        self.0.namespaces.of(&with_slash(name))
    }

    /// Namespaces that are made when a client asks for a name that matches, such as `/room-*` or `/tenant/{id}`.
    ///
    /// A wildcard stands for one character or more, but not for `/`; each part between slashes may have one. The value
    /// of one with a name is [`Namespace::param`]. Of several parents, the first that wants a name gets it. Clients
    /// may have [`Config::max_dynamic_namespaces`] made.
    ///
    /// # Errors
    /// The pattern has two wildcards between the same slashes, or its braces are wrong.
    ///
    /// # Examples
    /// ```
    /// # fn example(io: engineio::Server) -> Result<(), engineio::hub::PatternError> {
    /// use engineio::Socket;
    ///
    /// let tenants = io.of_pattern("/tenant/{id}")?;
    /// tenants.on_connection(|socket: Socket| {
    ///     socket.emit("welcome", &socket.namespace().param("id"));
    /// });
    /// tenants.emit("news", "to all tenants");
    /// # Ok(()) }
    /// ```
    pub fn of_pattern(&self, pattern: &str) -> Result<ParentNamespace, PatternError> {
        let pattern = Pattern::parse(&with_slash(pattern))?;
        Ok(self.0.namespaces.add_parent(Matcher::Pattern(pattern)))
    }

    /// Namespaces that are made when a client asks for a name, beginning with `/`, for which the function answers true.
    pub fn of_matching(&self, predicate: impl Fn(&str) -> bool + Send + Sync + 'static) -> ParentNamespace {
        self.0.namespaces.add_parent(Matcher::Predicate(Box::new(predicate)))
    }

    /// Namespaces that are made when a client asks for them and the function, which may take its time, answers true.
    ///
    /// # Examples
    /// ```
    /// # async fn is_known(_: &str) -> bool { true }
    /// # fn example(io: engineio::Server) {
    /// let projects = io.of_deciding(async |asked| {
    ///     asked.name().starts_with("/project-") && is_known(asked.name()).await
    /// });
    /// # }
    /// ```
    pub fn of_deciding<F, Fut>(&self, decide: F) -> ParentNamespace
    where
        F: Fn(NamespaceRequest) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = bool> + Send + 'static,
    {
        self.0.namespaces.add_parent(Matcher::decision(decide))
    }

    /// The namespace of this name, if there is one.
    #[must_use]
    pub fn namespace(&self, name: &str) -> Option<Namespace> {
        self.0.namespaces.get(&with_slash(name))
    }

    /// All namespaces there are, in no particular order.
    #[must_use]
    pub fn namespaces(&self) -> Vec<Namespace> {
        self.0.namespaces.list()
    }

    /// Calls `observer` for each namespace that is made from now on, by [`of`](Self::of) or for a client.
    pub fn on_new_namespace(&self, observer: impl Fn(Namespace) + Send + Sync + 'static) {
        self.0.namespaces.observe(Arc::new(observer));
    }

    /// Gives a namespace up: its sockets are disconnected, and clients that ask for it are told that it does not exist.
    /// Answers whether there was one; `/` cannot be given up.
    pub fn remove_namespace(&self, name: &str) -> bool {
        self.0.namespaces.remove(&with_slash(name))
    }

    // ---- other servers ----

    /// Sends an event to the other servers of the cluster, in the namespace `/`; see [`Namespace::server_side_emit`].
    ///
    /// # Errors
    /// Those of [`Namespace::server_side_emit`].
    pub fn server_side_emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        self.0.root.server_side_emit(event, args)
    }

    /// Sends an event to the other servers of the cluster and gathers their answers, in the namespace `/`; see
    /// [`Namespace::server_side_emit_with_ack`].
    ///
    /// # Errors
    /// Those of [`Namespace::server_side_emit_with_ack`].
    pub fn server_side_emit_with_ack<T: Serialize + ?Sized>(
        &self,
        event: &str,
        args: &T,
        timeout: Duration,
    ) -> Result<BoxFuture<'static, Answered<Payload>>, EmitError> {
        self.0.root.server_side_emit_with_ack(event, args, timeout)
    }

    // ---- the end ----

    /// Closes all sessions: sockets leave with "server shutting down", and the official clients come back as soon as
    /// there is a server again. New sessions can be opened afterwards; who wants none stops listening first.
    ///
    /// Open sessions hold on to their server: a program that goes on without it closes it before it lets it go.
    pub fn close(&self) {
        close_all(self, self.peers());
    }

    /// Closes all sessions as [`close`](Self::close) does, and then the adapters, which leave their cluster.
    pub async fn shut_down(&self) {
        self.close();
        for namespace in self.namespaces() {
            namespace.adapter().close().await;
        }
    }
}

/// A namespace's name as it stands in packets.
fn with_slash(name: &str) -> Cow<'_, str> {
    if name.starts_with('/') { Cow::Borrowed(name) } else { Cow::Owned(format!("/{name}")) }
}

impl Application for Server {
    fn opened(&self, peer: &Arc<Peer>, request: &http::request::Parts) -> Box<dyn Receiver> {
        let handshake = Handshake::new(request, self.0.runtime.wall_clock());
        Box::new(Connection::new(peer, Arc::clone(&self.0.namespaces), handshake))
    }

    fn closing(&self) {
        for socket in self.namespaces().iter().flat_map(Namespace::sockets) {
            socket.gone(DisconnectReason::ServerShuttingDown);
        }
    }
}
