//! Calling a socket's listeners: in order, guarded against panics, and without a task unless one waits.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use serde_json::json;

use super::{
    handler::{EventRef, Listener, Origin},
    inbox::{InboxFull, Job},
    reason::DisconnectReason,
    runtime::{BoxFuture, Runtime},
    socket::Socket,
    turn::Turn,
};
use crate::socketio::Packet;

impl Socket {
    /// Takes in an event that came just now: straight from the packet if the listeners are free.
    pub(crate) fn receive(&self, packet: &Packet<'_>, attachments: &[bytes::Bytes]) -> Result<(), InboxFull> {
        if self.0.inbox.claim() {
            let event = EventRef {
                socket: self,
                name: &packet.event,
                data: packet.data,
                attachments,
                ack: packet.id,
                reason: None,
                origin: Origin::Client,
            };
            let waiting = self.call(&event);
            self.go_on(waiting);
            return Ok(());
        }
        self.submit(Job::Event {
            name: packet.event.clone().into_owned(),
            data: packet.data.to_owned(),
            attachments: attachments.to_vec(),
            ack: packet.id,
        })
    }

    /// Tells the listeners something, now or when they are free.
    fn submit(&self, job: Job) -> Result<(), InboxFull> {
        let limit = self.0.peer.config().max_waiting_events;
        if let Some(job) = self.0.inbox.wait(job, limit)? {
            let waiting = self.perform(job);
            self.go_on(waiting);
        }
        Ok(())
    }

    /// The client has been let in.
    pub(crate) fn announce(&self) {
        // Only events are bounded, so this cannot be refused.
        let _ = self.submit(Job::Connection);
    }

    /// The socket has left for `reason`.
    pub(crate) fn gone(&self, reason: DisconnectReason) {
        if self.detach() {
            let _ = self.submit(Job::Disconnect(reason));
        }
    }

    /// Goes through what waits, until a listener really has to wait; only then a task takes over.
    fn go_on(&self, mut waiting: Option<BoxFuture<'static, ()>>) {
        loop {
            if let Some(future) = waiting {
                let mut rest: BoxFuture<'static, ()> = Box::pin(self.clone().finish(future));
                let mut cx = Context::from_waker(Waker::noop());
                if rest.as_mut().poll(&mut cx).is_pending() {
                    let runtime = self.0.peer.runtime();
                    runtime.spawn(Box::pin(InTurns { runtime: Arc::clone(runtime), future: rest }));
                }
                return;
            }
            match self.0.inbox.next() {
                Some(job) => waiting = self.perform(job),
                None => return,
            }
        }
    }

    async fn finish(self, first: BoxFuture<'static, ()>) {
        Guarded(first).await;
        while let Some(job) = self.0.inbox.next() {
            if let Some(future) = self.perform(job) {
                Guarded(future).await;
            }
        }
    }

    fn perform(&self, job: Job) -> Option<BoxFuture<'static, ()>> {
        match job {
            Job::Connection => self.call(&self.lifecycle("connection", None)),
            // The server has ended the socket's stay while this event waited.
            Job::Event { .. } if self.is_dismissed() => None,
            Job::Event { name, data, attachments, ack } => {
                let (name, data) = (name.as_str(), data.as_str());
                let attachments = &attachments[..];
                self.call(&EventRef {
                    socket: self,
                    name,
                    data,
                    attachments,
                    ack,
                    reason: None,
                    origin: Origin::Client,
                })
            }
            Job::Disconnect(reason) => {
                let leaving = self.call(&self.lifecycle("disconnecting", Some(reason)));
                let socket = self.clone();
                let left = move || {
                    socket.forget_rooms();
                    let event = EventRef { socket: &socket, ..socket.lifecycle("disconnect", Some(reason)) };
                    socket.call(&event)
                };
                match leaving {
                    None => left(),
                    Some(leaving) => Some(Box::pin(async move {
                        leaving.await;
                        if let Some(left) = left() {
                            left.await;
                        }
                    })),
                }
            }
        }
    }

    fn lifecycle<'a>(&'a self, name: &'a str, reason: Option<DisconnectReason>) -> EventRef<'a> {
        EventRef {
            socket: self,
            name,
            data: "",
            attachments: &[],
            ack: None,
            reason,
            origin: Origin::Library,
        }
    }

    /// Calls the namespace's listeners, then the socket's own. What is answered must be awaited before the
    /// next event.
    fn call(&self, event: &EventRef<'_>) -> Option<BoxFuture<'static, ()>> {
        let mut futures: Vec<BoxFuture<'static, ()>> = Vec::new();
        let (shared, own) = (self.0.namespace.listeners(), self.0.listeners.read().clone());
        for listener in shared.find(event.origin, event.name).chain(own.find(event.origin, event.name)) {
            futures.extend(call_guarded(listener, event));
        }
        match futures.len() {
            0 | 1 => futures.pop(),
            _ => Some(Box::pin(async move {
                for future in futures {
                    Guarded(future).await;
                }
            })),
        }
    }
}

fn call_guarded(listener: &dyn Listener, event: &EventRef<'_>) -> Option<BoxFuture<'static, ()>> {
    match catch_unwind(AssertUnwindSafe(|| listener.call(event))) {
        Ok(Ok(future)) => future,
        Ok(Err(error)) => {
            tracing::debug!(event = event.name, %error, "an event has another form than its listener expects");
            if let Some(id) = event.ack {
                event.socket.send_ack(id, &json!({ "error": error.to_string() }));
            }
            None
        }
        Err(_) => {
            tracing::error!(event = event.name, "a listener panicked");
            None
        }
    }
}

/// A listener's future whose panic ends only itself.
struct Guarded(BoxFuture<'static, ()>);

impl Future for Guarded {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx))).unwrap_or_else(|_| {
            tracing::error!("a listener panicked while it was waiting");
            Poll::Ready(())
        })
    }
}

/// Polls a future so that all it sends at once is written at once.
pub(crate) struct InTurns {
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) future: BoxFuture<'static, ()>,
}

impl Future for InTurns {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let runtime = Arc::clone(&self.runtime);
        let _turn = Turn::begin(&runtime);
        self.future.as_mut().poll(cx)
    }
}
