//! Telling listeners what is sent: only namespaces that have such listeners pay for it.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{
    adapter::{Target, collect},
    encoded::Encoded,
    event_ref::{About, EventRef, Origin},
    listeners::{Every, Listeners},
    namespace::Namespace,
    round::{call_guarded, fail, finish},
    socket::Socket,
};
use crate::socketio::name_of;

/// How many listeners there are for what is sent: a number that is looked at before each event.
#[derive(Debug, Default)]
pub(crate) struct OutgoingCount(AtomicUsize);

impl OutgoingCount {
    pub(crate) fn is_zero(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    /// Lets `change` change one of the tables that are counted here.
    pub(crate) fn change<T>(&self, listeners: &mut Listeners, change: impl FnOnce(&mut Listeners) -> T) -> T {
        let before = listeners.outgoing_count();
        let changed = change(listeners);
        let after = listeners.outgoing_count();
        self.0.fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
        changed
    }
}

/// Tells the listeners of one socket's outgoing events of `packet`.
pub(super) fn tell(socket: &Socket, packet: &Encoded) {
    if socket.is_overheard() {
        tell_all(std::slice::from_ref(socket), packet);
    }
}

impl Namespace {
    /// Tells those who listen to what is sent of a broadcast to this server's sockets. To be called before it, with no
    /// lock held; the listeners may change rooms.
    pub(super) fn tell_of_broadcast(&self, target: &Target, packet: &Encoded) {
        if self.is_overheard() {
            let mut sockets = collect(self.adapter(), target);
            sockets.retain(Socket::is_overheard);
            tell_all(&sockets, packet);
        }
    }
}

fn tell_all(sockets: &[Socket], packet: &Encoded) {
    if sockets.is_empty() {
        return;
    }
    // The packet is what was encoded for the clients; reading it again is cheaper than to keep the arguments of every
    // event for a listener that hardly any program has.
    let Some((data, attachments)) = packet.event_parts() else { return };
    let Some(name) = name_of(&data) else { return };
    for socket in sockets {
        let event = EventRef {
            socket,
            name: &name,
            data: &data,
            attachments: &attachments,
            ack: None,
            answered: None,
            origin: Origin::Client,
            about: About::NOTHING,
        };
        call_all(&event);
    }
}

fn call_all(event: &EventRef<'_>) {
    let tables = event.socket.tables();
    for listener in tables.iter().flat_map(|table| table.every(Every::Outgoing)) {
        let waiting = call_guarded(&**listener, event)
            .unwrap_or_else(|error| if error.is_refusal() { None } else { fail(event, error) });
        if let Some(waiting) = waiting {
            spawn(event.socket, waiting);
        }
    }
}

/// An `async` listener holds nobody up: the event is on its way already.
fn spawn(socket: &Socket, waiting: super::handler::Unfinished) {
    let this = socket.clone();
    let task = async move {
        if let Err(error) = finish(waiting).await
            && let Some(told) = this.report(error)
        {
            let _ = finish(told).await;
        }
    };
    socket.peer().runtime().spawn(Box::pin(task));
}
