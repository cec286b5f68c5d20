//! One namespace: its sockets, its listeners and who is let in.

mod child;
mod hooks;
mod parent;
mod pattern;
mod registry;
mod restoring;
mod room_events;
mod server_side;

use std::{
    fmt,
    future::Future,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::Serialize;

use super::{
    adapter::{Adapter, Answered, Target, collect},
    broadcast::{BroadcastOperator, asking, sending},
    encode::{self, EmitError, Route},
    encoded::Encoded,
    event::Event,
    middleware::Middleware,
    payload::Payload,
    recovery::{Audience, History, Stay},
    runtime::{BoxFuture, Runtime},
    socket::Socket,
    state::{State, Values},
    turn::Turn,
};
use crate::{config::Config, sid::Sid, socketio::AckId};

use child::Child;
pub(crate) use child::Occupancy;
pub(crate) use hooks::{Hooks, hooking};
pub(crate) use parent::Matcher;
pub use parent::{NamespaceRequest, ParentBroadcast, ParentNamespace};
pub(crate) use pattern::Pattern;
pub use pattern::PatternError;
pub use registry::AdapterFactory;
pub(crate) use registry::{Entry, Namespaces};
pub use room_events::RoomEvent;
pub(crate) use room_events::RoomObservers;
pub use server_side::ServerSideEvent;

/// A namespace. Clones are cheap and mean the same namespace.
#[derive(Clone)]
pub struct Namespace(Arc<Inner>);

/// A reference to a namespace that does not keep it alive, for what the namespace itself keeps, such as its adapter.
#[derive(Clone, Debug)]
pub struct WeakNamespace(Weak<Inner>);

impl WeakNamespace {
    /// The namespace, unless it has been given up.
    #[must_use]
    pub fn upgrade(&self) -> Option<Namespace> {
        self.0.upgrade().map(Namespace)
    }
}

struct Inner {
    name: Box<str>,
    adapter: Arc<dyn Adapter>,
    runtime: Arc<dyn Runtime>,
    config: Arc<Config>,
    history: Option<Arc<History>>,
    hooks: Hooks,
    observers: RoomObservers,
    ack_ids: AtomicU64,
    values: Arc<Values>,
    child: Option<Child>,
    /// Whether the namespace has been given up.
    is_retired: AtomicBool,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} sockets", self.name, self.adapter.len())
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Namespace({:?})", self.0)
    }
}

impl PartialEq for Namespace {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

hooking!(Namespace);
sending!(Namespace, BroadcastOperator);
asking!(Namespace);

impl Namespace {
    pub(crate) fn new(
        name: &str,
        adapter: Arc<dyn Adapter>,
        runtime: Arc<dyn Runtime>,
        config: Arc<Config>,
        values: Arc<Values>,
        child: Option<Child>,
    ) -> Self {
        let namespace = Self(Arc::new(Inner {
            name: name.into(),
            adapter,
            history: History::new(&config, &runtime),
            runtime,
            config,
            hooks: Hooks::default(),
            observers: RoomObservers::default(),
            ack_ids: AtomicU64::new(0),
            values,
            child,
            is_retired: AtomicBool::new(false),
        }));
        namespace.adapter().init(&namespace);
        namespace
    }

    /// The name, beginning with `/`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The value of a wildcard in the pattern that the name matches, such as `id` of `/tenant/{id}`.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        let params = &self.child()?.params;
        params.iter().find(|(known, _)| **known == *name).map(|(_, value)| &**value)
    }

    /// The parent whose listeners and middlewares this namespace has.
    #[must_use]
    pub fn parent(&self) -> Option<&ParentNamespace> {
        self.child().map(|child| &child.parent)
    }

    fn child(&self) -> Option<&Child> {
        self.0.child.as_ref()
    }

    /// Whether the namespace has been given up: nobody may enter any more.
    pub(crate) fn is_retired(&self) -> bool {
        self.0.is_retired.load(Ordering::SeqCst)
    }

    fn retire(&self) {
        self.0.is_retired.store(true, Ordering::SeqCst);
    }

    /// The table of this namespace's sockets and rooms.
    #[must_use]
    pub fn adapter(&self) -> &dyn Adapter {
        &*self.0.adapter
    }

    /// The world the server runs in.
    #[must_use]
    pub fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.0.runtime
    }

    /// The intervals and limits.
    #[must_use]
    pub fn config(&self) -> &Arc<Config> {
        &self.0.config
    }

    /// A reference that does not keep the namespace alive.
    #[must_use]
    pub fn downgrade(&self) -> WeakNamespace {
        WeakNamespace(Arc::downgrade(&self.0))
    }

    /// What is kept for clients that may come back, if anything.
    pub(crate) fn history(&self) -> Option<&History> {
        self.0.history.as_deref()
    }

    /// The beginning of a client's stay, if it is one that the client may come back to.
    pub(crate) fn fresh_stay(&self) -> Option<Stay> {
        self.history().map(|_| Stay::new(self.runtime().fresh_sid(), self.runtime().now()))
    }

    /// What all packets of this namespace have in common.
    pub(crate) fn route(&self) -> Route<'_> {
        Route::new(self.name(), &self.0.config)
    }

    pub(crate) fn next_ack_id(&self) -> AckId {
        self.0.ack_ids.fetch_add(1, Ordering::Relaxed)
    }

    // ---- listeners ----

    pub(crate) fn hooks(&self) -> &Hooks {
        &self.0.hooks
    }

    /// The parent's, then its own.
    pub(crate) fn middlewares(&self) -> Vec<Middleware> {
        let mut middlewares = Vec::new();
        if let Some(parent) = self.parent() {
            middlewares.extend_from_slice(&parent.hooks().middlewares.read());
        }
        middlewares.extend_from_slice(&self.0.hooks.middlewares.read());
        middlewares
    }

    /// Whether somebody listens to what is sent to a socket of this namespace.
    #[must_use]
    pub(crate) fn is_overheard(&self) -> bool {
        let of_parent = self.parent().is_some_and(|parent| !parent.hooks().outgoing.is_zero());
        !self.0.hooks.outgoing.is_zero() || of_parent
    }

    /// The value of this type that the [server keeps](super::Server::manage).
    #[must_use]
    pub fn state<T: Send + Sync + 'static>(&self) -> Option<State<T>> {
        self.0.values.get()
    }

    /// Tells `observer` of each change of this server's rooms, from now on. It is called by whoever makes the change,
    /// after it. Changes by several threads at once may be told in another order.
    pub fn on_room_event(&self, observer: impl Fn(RoomEvent<'_>) + Send + Sync + 'static) {
        self.0.observers.add(Arc::new(observer));
    }

    pub(crate) fn observers(&self) -> &RoomObservers {
        &self.0.observers
    }

    // ---- sockets ----

    /// The connected socket of this server with this id.
    #[must_use]
    pub fn socket(&self, id: &Sid) -> Option<Socket> {
        self.adapter().socket(id)
    }

    /// How many sockets of this server are in this namespace.
    #[must_use]
    pub fn len(&self) -> usize {
        self.adapter().len()
    }

    /// Whether no socket of this server is in this namespace.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn operator(&self) -> BroadcastOperator {
        BroadcastOperator::new(self.clone())
    }

    pub(crate) fn collect(&self, target: &Target) -> Vec<Socket> {
        collect(self.adapter(), target)
    }

    // ---- other servers ----

    /// How many servers there are, this one included.
    pub async fn server_count(&self) -> usize {
        self.adapter().server_count().await
    }

    /// Sends an event to the other servers of the cluster, where
    /// [`on_server_side`](Self::on_server_side) listens; a single server sends it to nobody.
    ///
    /// # Errors
    /// The name is one that the reference's servers raise themselves, or the arguments have no JSON form.
    pub fn server_side_emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        let event = server_side::event(event, args)?;
        self.adapter().server_side_emit(&event);
        Ok(())
    }

    /// Sends an event to the other servers of the cluster and gathers their answers within `timeout`, or those that came
    /// until then. The event is sent now, before the future is awaited. A single server gets an empty list at once.
    ///
    /// # Errors
    /// The name is one that the reference's servers raise themselves, or the arguments have no JSON form.
    pub fn server_side_emit_with_ack<T: Serialize + ?Sized>(
        &self,
        event: &str,
        args: &T,
        timeout: Duration,
    ) -> Result<BoxFuture<'static, Answered<Payload>>, EmitError> {
        let event = server_side::event(event, args)?;
        Ok(self.adapter().server_side_emit_with_ack(&event, timeout))
    }

    /// Sends an event that came from another server to the clients of this one, and keeps it for those that may come
    /// back, as the event's offset says; for adapters.
    ///
    /// # Errors
    /// Clients would not accept the event.
    pub fn receive_broadcast(&self, target: &Target, event: &Event, volatile: bool) -> Result<(), EmitError> {
        let draft = encode::draft(self.route(), None, &event.name, &event.args)?;
        let target = Target { local: true, ..target.clone() };
        let _turn = Turn::begin(self.runtime());
        // Listeners to what is sent are called before, as no lock may be held.
        if self.is_overheard() {
            self.tell_of_broadcast(&target, &draft.clone().finish());
        }
        let send = |packet: &Encoded| self.adapter().broadcast(&target, packet, volatile);
        match self.history() {
            None => send(&draft.finish()),
            Some(_) if volatile => send(&draft.finish_without_offset()),
            Some(history) => {
                let audience = Audience::Rooms(target.clone());
                history.open().hear(event.offset.as_deref(), draft, audience, send);
            }
        }
        Ok(())
    }

    /// Calls the listeners of an event that came from another server; for adapters.
    pub fn receive_server_side(&self, event: &ServerSideEvent) {
        if let Some(parent) = self.parent() {
            parent.hooks().server_side.call(event);
        }
        self.0.hooks.server_side.call(event);
    }
}
