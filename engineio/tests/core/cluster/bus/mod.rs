//! An adapter for servers of one process that reach each other by queues: what a cluster's adapter has to do, and
//! nothing else.

mod adapter;
mod message;
mod requests;

use std::{
    collections::VecDeque,
    pin::pin,
    sync::{Arc, Mutex, Weak},
    task::{Context, Poll, Waker},
};

use engineio::{
    Room,
    adapter::MemoryAdapter,
    hub::{Adapter, AdapterFactory, Target},
};

use adapter::BusAdapter;
use message::Message;

#[derive(Default)]
struct Node {
    adapter: Weak<BusAdapter>,
    inbox: VecDeque<(usize, Message)>,
    is_silent: bool,
    is_lost: bool,
}

/// The medium between the servers. Nothing arrives before it is delivered.
#[derive(Clone, Default)]
pub struct Bus(Arc<Mutex<Vec<Node>>>);

impl Bus {
    /// Makes the adapters of a server that is joined to the others in one of its namespaces.
    pub fn factory(&self, joined: &'static str) -> AdapterFactory {
        let bus = self.clone();
        Arc::new(move |name: &str| -> Arc<dyn Adapter> {
            if name == joined { bus.join() } else { Arc::new(MemoryAdapter::default()) }
        })
    }

    fn join(&self) -> Arc<BusAdapter> {
        let mut nodes = self.0.lock().unwrap();
        let adapter = Arc::new(BusAdapter::new(self.clone(), nodes.len()));
        nodes.push(Node { adapter: Arc::downgrade(&adapter), ..Node::default() });
        adapter
    }

    /// Lets a server hear nothing any more; the others do not know that.
    pub fn silence(&self, node: usize) {
        let node = &mut self.0.lock().unwrap()[node];
        node.is_silent = true;
        node.inbox.clear();
    }

    /// The others learn that a server is gone.
    pub fn lose(&self, node: usize) {
        self.silence(node);
        self.0.lock().unwrap()[node].is_lost = true;
        let adapters: Vec<_> =
            self.0.lock().unwrap().iter().filter_map(|node| node.adapter.upgrade()).collect();
        for adapter in adapters {
            adapter.lose_one();
        }
    }

    fn send(&self, from: usize, to: usize, message: Message) {
        let node = &mut self.0.lock().unwrap()[to];
        if !node.is_silent {
            node.inbox.push_back((from, message));
        }
    }

    fn others(&self, own: usize) -> Vec<usize> {
        let nodes = self.0.lock().unwrap();
        (0..nodes.len()).filter(|&node| node != own && !nodes[node].is_lost).collect()
    }

    /// Takes the next message for one server.
    pub fn next_for(&self, node: usize) -> Option<Parcel> {
        let mut nodes = self.0.lock().unwrap();
        let node = &mut nodes[node];
        let adapter = node.adapter.upgrade()?;
        let (from, message) = node.inbox.pop_front()?;
        Some(Parcel { adapter, from, message })
    }

    /// Takes the next message from one server to another, which may overtake those of other servers.
    pub fn next_between(&self, from: usize, to: usize) -> Option<Parcel> {
        let mut nodes = self.0.lock().unwrap();
        let node = &mut nodes[to];
        let adapter = node.adapter.upgrade()?;
        let at = node.inbox.iter().position(|(sender, _)| *sender == from)?;
        let (from, message) = node.inbox.remove(at)?;
        Some(Parcel { adapter, from, message })
    }

    /// Delivers what one server has sent to another, before what others have sent.
    pub fn deliver_between(&self, from: usize, to: usize) {
        while let Some(parcel) = self.next_between(from, to) {
            parcel.deliver();
        }
    }

    /// Delivers what was sent, and what is sent because of it.
    pub fn deliver(&self) {
        let nodes = self.0.lock().unwrap().len();
        while let Some(parcel) = (0..nodes).find_map(|node| self.next_for(node)) {
            parcel.deliver();
        }
    }
}

/// A message that has reached its server and is not taken in yet.
pub struct Parcel {
    adapter: Arc<BusAdapter>,
    from: usize,
    message: Message,
}

impl Parcel {
    /// The event and whom it is for, if it is one for clients.
    pub fn event(&self) -> Option<(&Target, String)> {
        if let Message::Broadcast(target, wire, _) | Message::Ask(_, target, wire, ..) = &self.message {
            return Some((target, wire.read().to_json()));
        }
        None
    }

    /// Whom it makes join or leave rooms; true is for joining.
    pub fn moves(&self) -> Option<(&Target, &[Room], bool)> {
        if let Message::Join(target, rooms) | Message::Leave(target, rooms) = &self.message {
            return Some((target, rooms, matches!(self.message, Message::Join(..))));
        }
        None
    }

    /// Lets the server take it in.
    pub fn deliver(self) {
        self.adapter.receive(self.from, self.message);
    }
}

/// What a future is that does not wait.
pub fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it has to wait"),
    }
}
