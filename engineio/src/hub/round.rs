//! Calling the listeners of one event, one after the other.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    vec,
};

use bytes::Bytes;
use serde_json::json;

use super::{
    args::ArgsError,
    guard::{Guarded, guarded},
    handler::{EventRef, Listener, Origin},
    reason::DisconnectReason,
    runtime::BoxFuture,
    socket::Socket,
};
use crate::socketio::AckId;

/// Calls the listeners of an event in order; each begins when the one before is done. What is answered must be
/// [waited for](finish) before the next event.
pub(super) fn call<'a>(
    mut listeners: impl Iterator<Item = &'a Arc<dyn Listener>>,
    event: &EventRef<'_>,
) -> Option<BoxFuture<'static, ()>> {
    let first = listeners.next()?;
    let Some(second) = listeners.next() else { return call_only(&**first, event) };
    let all: Vec<_> = [first, second].into_iter().chain(listeners).cloned().collect();
    let answered = Arc::new(AtomicBool::new(false));
    let mut round = Round { rest: all.into_iter(), answered, was_taken: false, refusal: None };
    match round.go_on(event) {
        None => {
            round.finish(event);
            None
        }
        Some(waiting) => {
            let event = OwnedEvent::from(event);
            Some(Box::pin(round.run(waiting, event)))
        }
    }
}

/// Calls a listener that has the event for itself, which is the usual case and costs no memory.
fn call_only(listener: &dyn Listener, event: &EventRef<'_>) -> Option<BoxFuture<'static, ()>> {
    match call_guarded(listener, event) {
        Called::Done => None,
        Called::Waits(future) => Some(future),
        Called::Refused(error) => {
            refuse(event, &error);
            None
        }
    }
}

/// Waits for a listener, which may panic.
pub(super) async fn finish(future: BoxFuture<'static, ()>) {
    if Guarded(future).await.is_err() {
        tracing::error!("a listener panicked while it was waiting");
    }
}

enum Called {
    Done,
    Waits(BoxFuture<'static, ()>),
    /// The event has not what the listener asks for.
    Refused(ArgsError),
}

fn call_guarded(listener: &dyn Listener, event: &EventRef<'_>) -> Called {
    match guarded(|| listener.call(event)) {
        Ok(Ok(None)) => Called::Done,
        Ok(Ok(Some(future))) => Called::Waits(future),
        Ok(Err(error)) => Called::Refused(error),
        Err(_) => {
            tracing::error!(event = event.name, "a listener panicked");
            Called::Done
        }
    }
}

/// Tells the sender that no listener could read the event.
fn refuse(event: &EventRef<'_>, error: &ArgsError) {
    tracing::debug!(event = event.name, %error, "an event has another form than its listener expects");
    if let Some(id) = event.ack {
        event.socket.send_ack(id, &json!({ "error": error.to_string() }));
    }
}

/// The listeners of one event that have not been called yet.
struct Round {
    rest: vec::IntoIter<Arc<dyn Listener>>,
    /// Whether one of them has answered the client, which hears one answer only.
    answered: Arc<AtomicBool>,
    was_taken: bool,
    refusal: Option<ArgsError>,
}

impl Round {
    /// Calls listeners until one has to wait.
    fn go_on(&mut self, event: &EventRef<'_>) -> Option<BoxFuture<'static, ()>> {
        let event = EventRef { answered: Some(&self.answered), ..*event };
        for listener in self.rest.by_ref() {
            match call_guarded(&*listener, &event) {
                Called::Done => self.was_taken = true,
                Called::Waits(future) => {
                    self.was_taken = true;
                    return Some(future);
                }
                Called::Refused(error) => {
                    self.refusal.get_or_insert(error);
                }
            }
        }
        None
    }

    fn finish(&self, event: &EventRef<'_>) {
        match &self.refusal {
            Some(error) if !self.was_taken && !self.answered.load(Ordering::Acquire) => refuse(event, error),
            _ => {}
        }
    }

    async fn run(mut self, first: BoxFuture<'static, ()>, event: OwnedEvent) {
        let mut waiting = Some(first);
        while let Some(future) = waiting {
            finish(future).await;
            waiting = self.go_on(&event.borrowed());
        }
        self.finish(&event.borrowed());
    }
}

/// An event that outlives the packet it came in.
struct OwnedEvent {
    socket: Socket,
    name: String,
    data: String,
    attachments: Vec<Bytes>,
    ack: Option<AckId>,
    reason: Option<DisconnectReason>,
    origin: Origin,
}

impl From<&EventRef<'_>> for OwnedEvent {
    fn from(event: &EventRef<'_>) -> Self {
        Self {
            socket: event.socket.clone(),
            name: event.name.to_owned(),
            data: event.data.to_owned(),
            attachments: event.attachments.to_vec(),
            ack: event.ack,
            reason: event.reason,
            origin: event.origin,
        }
    }
}

impl OwnedEvent {
    fn borrowed(&self) -> EventRef<'_> {
        EventRef {
            socket: &self.socket,
            name: &self.name,
            data: &self.data,
            attachments: &self.attachments,
            ack: self.ack,
            answered: None,
            reason: self.reason,
            origin: self.origin,
        }
    }
}
