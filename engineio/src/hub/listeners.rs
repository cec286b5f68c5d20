//! The tables of listeners that a socket and a namespace have.

use std::{
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use parking_lot::RwLock;

use super::{
    event_ref::{EventRef, Origin},
    failure::EventError,
    handler::{Erased, Handler, Listener, Unfinished},
    intercept::Interceptor,
};

/// Names one listener, for its removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListenerId(u64);

impl ListenerId {
    /// An id that no other listener of this process has, so that it means nothing to another socket's table.
    fn fresh() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed))
    }
}

/// Listeners by event, in the order they were added. Few events per table, so a list beats a hash map.
///
/// The table is shared and replaced when it changes: calling listeners costs one counter, and a listener may add and
/// remove listeners while it runs.
#[derive(Clone, Default)]
pub(crate) struct Listeners(Option<Arc<Table>>);

/// A table that is read for each event and seldom changed.
#[derive(Default)]
pub(crate) struct SharedListeners {
    /// Whether there are any: most sockets have none of their own, which is seen without the lock.
    is_used: AtomicBool,
    table: RwLock<Listeners>,
}

impl SharedListeners {
    /// The listeners as they are now.
    pub(crate) fn get(&self) -> Listeners {
        if self.is_used.load(Ordering::Acquire) { self.table.read().clone() } else { Listeners::default() }
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Listeners) -> T) -> T {
        let mut table = self.table.write();
        let result = change(&mut table);
        self.is_used.store(table.0.is_some(), Ordering::Release);
        result
    }
}

#[derive(Clone, Default)]
struct Table {
    entries: Vec<Entry>,
    /// Called for each event of a client, before anything else.
    any: Vec<CatchAll>,
    /// Called for each event to a client.
    outgoing: Vec<CatchAll>,
    /// Asked before the listeners of an event.
    interceptors: Vec<(ListenerId, Interceptor)>,
    has_once: bool,
}

#[derive(Clone)]
struct Entry {
    id: ListenerId,
    event: Box<str>,
    origin: Origin,
    once: bool,
    listener: Arc<dyn Listener>,
}

type CatchAll = (ListenerId, Arc<dyn Listener>);

/// The lists of listeners that take every event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Every {
    Incoming,
    Outgoing,
}

/// Where a catch-all listener is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    First,
    Last,
}

/// A listener that takes one event.
struct Once<L> {
    spent: AtomicBool,
    listener: L,
}

impl<L: Listener> Listener for Once<L> {
    fn call(&self, event: &EventRef<'_>) -> Result<Option<Unfinished>, EventError> {
        if self.spent.swap(true, Ordering::AcqRel) {
            return Ok(None);
        }
        let called = self.listener.call(event);
        // An event that the listener cannot read has not been the one it waits for.
        if called.as_ref().is_err_and(EventError::is_refusal) {
            self.spent.store(false, Ordering::Release);
        }
        called
    }

    fn is_spent(&self) -> bool {
        self.spent.load(Ordering::Acquire)
    }
}

fn erased<Marker: 'static>(handler: impl Handler<Marker>) -> Erased<impl Handler<Marker>, Marker> {
    Erased(handler, PhantomData)
}

impl Listeners {
    fn table(&self) -> Option<&Table> {
        self.0.as_deref()
    }

    fn change(&mut self) -> &mut Table {
        Arc::make_mut(self.0.get_or_insert_default())
    }

    pub(crate) fn add<Marker: 'static>(
        &mut self,
        origin: Origin,
        event: &str,
        handler: impl Handler<Marker>,
    ) -> ListenerId {
        self.push(origin, event, false, Arc::new(erased(handler)))
    }

    pub(crate) fn add_once<Marker: 'static>(
        &mut self,
        event: &str,
        handler: impl Handler<Marker>,
    ) -> ListenerId {
        let once = Once { spent: AtomicBool::new(false), listener: erased(handler) };
        self.push(Origin::Client, event, true, Arc::new(once))
    }

    fn push(&mut self, origin: Origin, event: &str, once: bool, listener: Arc<dyn Listener>) -> ListenerId {
        let id = ListenerId::fresh();
        let table = self.change();
        table.has_once |= once;
        table.entries.push(Entry { id, event: event.into(), origin, once, listener });
        id
    }

    pub(crate) fn add_any<Marker: 'static>(
        &mut self,
        every: Every,
        place: Place,
        handler: impl Handler<Marker>,
    ) -> ListenerId {
        let id = ListenerId::fresh();
        let list = self.change().every(every);
        let at = if place == Place::First { 0 } else { list.len() };
        list.insert(at, (id, Arc::new(erased(handler))));
        id
    }

    pub(crate) fn add_interceptor(&mut self, interceptor: Interceptor) -> ListenerId {
        let id = ListenerId::fresh();
        self.change().interceptors.push((id, interceptor));
        id
    }

    /// Removes the listeners of an event of clients.
    pub(crate) fn remove(&mut self, event: &str) {
        if self.0.is_some() {
            self.change().entries.retain(|entry| entry.origin != Origin::Client || *entry.event != *event);
            self.tidy();
        }
    }

    /// Removes one listener of whatever kind; answers whether it was here.
    pub(crate) fn remove_one(&mut self, id: ListenerId) -> bool {
        if !self.table().is_some_and(|table| table.knows(id)) {
            return false;
        }
        let table = self.change();
        table.entries.retain(|entry| entry.id != id);
        table.any.retain(|(known, _)| *known != id);
        table.outgoing.retain(|(known, _)| *known != id);
        table.interceptors.retain(|(known, _)| *known != id);
        self.tidy();
        true
    }

    pub(crate) fn remove_any(&mut self, every: Every) {
        if self.0.is_some() {
            self.change().every(every).clear();
            self.tidy();
        }
    }

    /// Whether a listener of this table has had its one event.
    pub(crate) fn have_spent(&self) -> bool {
        let Some(table) = self.table().filter(|table| table.has_once) else { return false };
        table.entries.iter().any(|entry| entry.listener.is_spent())
    }

    /// Forgets listeners that have had their one event.
    pub(crate) fn forget_spent(&mut self) {
        if self.have_spent() {
            let table = self.change();
            table.entries.retain(|entry| !entry.listener.is_spent());
            table.has_once = table.entries.iter().any(|entry| entry.once);
            self.tidy();
        }
    }

    /// A table without listeners costs nothing.
    fn tidy(&mut self) {
        if self.table().is_some_and(Table::is_empty) {
            self.0 = None;
        }
    }

    /// Whether events go anywhere before they go to their listeners.
    pub(crate) fn take_every_event(&self) -> bool {
        self.table().is_some_and(|table| !table.any.is_empty() || !table.interceptors.is_empty())
    }

    /// How many listeners see what is sent.
    pub(crate) fn outgoing_count(&self) -> usize {
        self.table().map_or(0, |table| table.outgoing.len())
    }

    /// The listeners of an event.
    pub(crate) fn find<'a>(
        &'a self,
        origin: Origin,
        event: &'a str,
    ) -> impl Iterator<Item = &'a Arc<dyn Listener>> {
        self.entries(origin, event).map(|entry| &entry.listener)
    }

    fn entries<'a>(&'a self, origin: Origin, event: &'a str) -> impl Iterator<Item = &'a Entry> {
        let list = self.table().map_or(&[][..], |table| &table.entries);
        list.iter().filter(move |entry| entry.origin == origin && *entry.event == *event)
    }

    /// The listeners that take every event.
    pub(crate) fn every(&self, every: Every) -> impl Iterator<Item = &Arc<dyn Listener>> {
        self.catch_alls(every).iter().map(|(_, listener)| listener)
    }

    fn catch_alls(&self, every: Every) -> &[CatchAll] {
        match (self.table(), every) {
            (None, _) => &[],
            (Some(table), Every::Incoming) => &table.any,
            (Some(table), Every::Outgoing) => &table.outgoing,
        }
    }

    /// What is asked before the listeners of an event.
    pub(crate) fn interceptors(&self) -> impl Iterator<Item = &Interceptor> {
        self.table().map_or(&[][..], |table| &table.interceptors).iter().map(|(_, interceptor)| interceptor)
    }

    /// The ids of an event's listeners.
    pub(crate) fn ids(&self, event: &str) -> Vec<ListenerId> {
        let entries = self.entries(Origin::Client, event);
        entries.filter(|entry| !entry.listener.is_spent()).map(|entry| entry.id).collect()
    }

    /// The ids of the listeners that take every event.
    pub(crate) fn ids_of_every(&self, every: Every) -> Vec<ListenerId> {
        self.catch_alls(every).iter().map(|(id, _)| *id).collect()
    }
}

impl Table {
    fn every(&mut self, every: Every) -> &mut Vec<CatchAll> {
        match every {
            Every::Incoming => &mut self.any,
            Every::Outgoing => &mut self.outgoing,
        }
    }

    fn knows(&self, id: ListenerId) -> bool {
        self.entries.iter().any(|entry| entry.id == id)
            || self.any.iter().chain(&self.outgoing).any(|(known, _)| *known == id)
            || self.interceptors.iter().any(|(known, _)| *known == id)
    }

    fn is_empty(&self) -> bool {
        let Self { entries, any, outgoing, interceptors, has_once: _ } = self;
        entries.is_empty() && any.is_empty() && outgoing.is_empty() && interceptors.is_empty()
    }
}
