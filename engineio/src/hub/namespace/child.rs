//! What a namespace has of its parent, and who keeps it alive.

use std::sync::{
    Weak,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use super::{Namespace, parent::ParentNamespace, pattern::Params, registry::Namespaces};

/// A namespace's part as the child of a parent.
pub(crate) struct Child {
    pub(super) parent: ParentNamespace,
    pub(super) params: Params,
    /// Only for namespaces that are made for clients: those made by hand are never given up by themselves.
    stay: Option<Stay>,
}

struct Stay {
    registry: Weak<Namespaces>,
    /// Clients that are in the namespace, or whom middlewares have not let in yet.
    clients: AtomicUsize,
    /// Whether it is listed as idle.
    is_idle: AtomicBool,
}

impl Child {
    pub(super) fn by_hand(parent: ParentNamespace, params: Params) -> Self {
        Self { parent, params, stay: None }
    }

    pub(super) fn for_clients(parent: ParentNamespace, params: Params, registry: Weak<Namespaces>) -> Self {
        let stay = Stay { registry, clients: AtomicUsize::new(0), is_idle: AtomicBool::new(false) };
        Self { parent, params, stay: Some(stay) }
    }

    pub(super) fn is_for_clients(&self) -> bool {
        self.stay.is_some()
    }

    /// Whether it was made for clients and none is left.
    pub(super) fn is_empty(&self) -> bool {
        self.stay.as_ref().is_some_and(|stay| stay.clients.load(Ordering::Acquire) == 0)
    }

    /// Answers whether it is to be listed as idle, which it is not yet.
    pub(super) fn becomes_idle(&self) -> bool {
        self.stay.as_ref().is_some_and(|stay| !stay.is_idle.swap(true, Ordering::AcqRel))
    }

    pub(super) fn is_not_idle(&self) {
        if let Some(stay) = &self.stay {
            stay.is_idle.store(false, Ordering::Release);
        }
    }
}

/// Counts one client of a namespace that was made for clients, for as long as it exists.
pub(crate) struct Occupancy(Namespace);

impl Occupancy {
    pub(super) fn of(namespace: &Namespace) -> Option<Self> {
        let stay = namespace.child()?.stay.as_ref()?;
        stay.clients.fetch_add(1, Ordering::AcqRel);
        Some(Self(namespace.clone()))
    }
}

impl Drop for Occupancy {
    fn drop(&mut self) {
        let Some(stay) = self.0.child().and_then(|child| child.stay.as_ref()) else { return };
        if stay.clients.fetch_sub(1, Ordering::AcqRel) == 1
            && let Some(registry) = stay.registry.upgrade()
        {
            registry.vacated(&self.0);
        }
    }
}
