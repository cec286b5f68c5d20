//! The namespaces of a server: by name, made by hand or for clients, and given up again.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Waker},
};

use dashmap::DashMap;
use parking_lot::{Mutex, RwLock};

use super::{
    Namespace, WeakNamespace,
    child::{Child, Occupancy},
    parent::{Matcher, NamespaceRequest, ParentNamespace},
    pattern::Params,
};
use crate::{
    config::Config,
    hub::{
        adapter::Adapter, guard::guarded, middleware::ConnectError, peer::Peers, refusals::Refusal,
        runtime::Runtime, state::Values,
    },
};

/// Makes the adapter of a new namespace, whose name is given. It must not ask the server for namespaces.
pub type AdapterFactory = Arc<dyn Fn(&str) -> Arc<dyn Adapter> + Send + Sync>;

type Observer = Arc<dyn Fn(Namespace) + Send + Sync>;

/// A namespace that a client is about to join. One that is made for clients is not given up meanwhile.
pub(crate) struct Entry {
    pub(crate) namespace: Namespace,
    pub(crate) occupancy: Option<Occupancy>,
}

impl Entry {
    /// To be called while the namespace is in the table.
    fn new(namespace: &Namespace) -> Self {
        Self { namespace: namespace.clone(), occupancy: Occupancy::of(namespace) }
    }
}

/// The namespaces of a server by name.
pub(crate) struct Namespaces {
    config: Arc<Config>,
    runtime: Arc<dyn Runtime>,
    adapter: AdapterFactory,
    /// Where refusals are counted. The sessions hold the namespaces, so that the other way round would keep both for ever.
    peers: Weak<Peers>,
    /// What the server keeps for its listeners.
    values: Arc<Values>,
    all: DashMap<Box<str>, Namespace>,
    parents: RwLock<Vec<ParentNamespace>>,
    observers: RwLock<Vec<Observer>>,
    /// How many have been made for clients.
    for_clients: AtomicUsize,
    /// Namespaces made for clients that were empty at some time, those that have been so for longest first.
    idle: Mutex<VecDeque<WeakNamespace>>,
}

impl Namespaces {
    pub(crate) fn new(
        config: Arc<Config>,
        runtime: Arc<dyn Runtime>,
        adapter: AdapterFactory,
        peers: Weak<Peers>,
    ) -> Self {
        Self {
            config,
            runtime,
            adapter,
            peers,
            values: Arc::default(),
            all: DashMap::new(),
            parents: RwLock::default(),
            observers: RwLock::default(),
            for_clients: AtomicUsize::new(0),
            idle: Mutex::default(),
        }
    }

    pub(crate) fn values(&self) -> &Values {
        &self.values
    }

    pub(crate) fn get(&self, name: &str) -> Option<Namespace> {
        self.all.get(name).map(|entry| entry.clone())
    }

    pub(crate) fn list(&self) -> Vec<Namespace> {
        self.all.iter().map(|entry| entry.value().clone()).collect()
    }

    pub(crate) fn children_of(&self, parent: &ParentNamespace) -> Vec<Namespace> {
        let is_child = |namespace: &Namespace| namespace.parent() == Some(parent);
        self.all.iter().filter(|entry| is_child(entry)).map(|entry| entry.value().clone()).collect()
    }

    pub(crate) fn observe(&self, observer: Observer) {
        self.observers.write().push(observer);
    }

    fn tell(&self, namespace: &Namespace) {
        let observers = self.observers.read().clone();
        for observer in observers {
            if guarded(|| observer(namespace.clone())).is_err() {
                tracing::error!(namespace = namespace.name(), "an observer of namespaces panicked");
            }
        }
    }

    fn make(&self, name: &str, child: Option<Child>) -> Namespace {
        let (runtime, config) = (Arc::clone(&self.runtime), Arc::clone(&self.config));
        Namespace::new(name, (self.adapter)(name), runtime, config, Arc::clone(&self.values), child)
    }

    // ---- by hand ----

    /// The namespace of this name, which begins with `/`; it is made if there is none.
    pub(crate) fn of(&self, name: &str) -> Namespace {
        if let Some(namespace) = self.get(name) {
            return namespace;
        }
        let parents = self.parents.read().clone();
        let child = parents.into_iter().find_map(|parent| {
            let params = parent.matches(name)?;
            Some(Child::by_hand(parent, params))
        });
        let mut is_new = false;
        let namespace = self.all.entry(name.into()).or_insert_with(|| {
            is_new = true;
            self.make(name, child)
        });
        let namespace = namespace.clone();
        if is_new && name != "/" {
            self.tell(&namespace);
        }
        namespace
    }

    pub(crate) fn add_parent(self: &Arc<Self>, matcher: Matcher) -> ParentNamespace {
        let parent = ParentNamespace::new(matcher, Arc::downgrade(self));
        self.parents.write().push(parent.clone());
        parent
    }

    /// Gives a namespace up with all its sockets.
    pub(crate) fn remove(&self, name: &str) -> bool {
        // `/` exists always.
        let Some((_, namespace)) = self.all.remove_if(name, |name, _| **name != *"/") else { return false };
        self.retire(&namespace);
        namespace.disconnect_sockets(false);
        true
    }

    // ---- for clients ----

    /// The namespace that a client asks for, if there is one.
    pub(crate) fn enter(&self, name: &str) -> Option<Entry> {
        self.all.get(name).map(|namespace| Entry::new(&namespace))
    }

    pub(crate) fn has_parents(&self) -> bool {
        !self.parents.read().is_empty()
    }

    /// Finds the first parent that wants the namespace that a client asks for, and makes it, unless another client
    /// was faster. Whether the client is still there is asked before it is made.
    pub(crate) async fn admit(
        self: &Arc<Self>,
        request: &NamespaceRequest,
        is_there: impl Fn() -> bool,
    ) -> Result<Entry, ConnectError> {
        let parents = self.parents.read().clone();
        for parent in parents {
            if let Some(params) = parent.admits(request).await {
                return if is_there() { self.make_child(&request.name, parent, params) } else { break };
            }
        }
        Err(ConnectError::new("Invalid namespace"))
    }

    fn make_child(
        self: &Arc<Self>,
        name: &str,
        parent: ParentNamespace,
        params: Params,
    ) -> Result<Entry, ConnectError> {
        if let Some(entry) = self.enter(name) {
            return Ok(entry);
        }
        if !self.reserve() {
            let count =
                |peers: Arc<Peers>| peers.refusals().note(Refusal::DynamicNamespaces, self.runtime.now());
            if self.peers.upgrade().is_some_and(count) {
                tracing::warn!(name, "a namespace was not made: there are too many");
            }
            return Err(ConnectError::new("too many namespaces"));
        }
        let mut is_new = false;
        let entry = Entry::new(&self.all.entry(name.into()).or_insert_with(|| {
            is_new = true;
            self.make(name, Some(Child::for_clients(parent, params, Arc::downgrade(self))))
        }));
        if is_new {
            self.tell(&entry.namespace);
        } else {
            self.for_clients.fetch_sub(1, Ordering::AcqRel);
        }
        Ok(entry)
    }

    /// Counts one namespace more; at the limit, an empty one makes room for it.
    fn reserve(&self) -> bool {
        let limit = self.config.max_dynamic_namespaces;
        let below = |count: usize| (count < limit).then_some(count + 1);
        loop {
            if self.for_clients.fetch_update(Ordering::AcqRel, Ordering::Acquire, below).is_ok() {
                return true;
            }
            let Some(idle) = self.idle.lock().pop_front() else { return false };
            if let Some(namespace) = idle.upgrade() {
                self.give_up_if_empty(&namespace);
            }
        }
    }

    /// The last client of a namespace that was made for clients has left.
    pub(super) fn vacated(&self, namespace: &Namespace) {
        if self.config.cleanup_empty_child_namespaces {
            self.give_up_if_empty(namespace);
        } else if namespace.child().is_some_and(Child::becomes_idle) {
            let mut idle = self.idle.lock();
            if idle.len() >= self.config.max_dynamic_namespaces {
                idle.retain(|namespace| namespace.upgrade().is_some());
            }
            idle.push_back(namespace.downgrade());
        }
    }

    fn give_up_if_empty(&self, namespace: &Namespace) {
        if let Some(child) = namespace.child() {
            child.is_not_idle();
        }
        let is_empty = |known: &Namespace| known == namespace && known.child().is_some_and(Child::is_empty);
        if self.all.remove_if(namespace.name(), |_, known| is_empty(known)).is_some() {
            self.retire(namespace);
        }
    }

    /// Ends a namespace that is no longer in the table.
    fn retire(&self, namespace: &Namespace) {
        if namespace.child().is_some_and(Child::is_for_clients) {
            self.for_clients.fetch_sub(1, Ordering::AcqRel);
        }
        namespace.retire();
        let mut closing = namespace.adapter().close();
        if closing.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            self.runtime.spawn(closing);
        }
    }
}
