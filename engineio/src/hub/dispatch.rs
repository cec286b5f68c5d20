//! Calling a socket's listeners: in order, guarded against panics, and without a task unless one waits.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use super::{
    handler::{EventRef, Origin},
    inbox::Job,
    reason::DisconnectReason,
    round,
    runtime::{BoxFuture, Runtime},
    socket::Socket,
    turn::Turn,
};
use crate::socketio::Packet;

impl Socket {
    /// Takes in an event that came just now: straight from the packet if the listeners are free.
    pub(crate) fn receive(&self, packet: &Packet<'_>, attachments: &[bytes::Bytes]) {
        self.hear();
        if self.0.inbox.claim() {
            let event = EventRef {
                socket: self,
                name: &packet.event,
                data: packet.data,
                attachments,
                ack: packet.id,
                answered: None,
                reason: None,
                origin: Origin::Client,
            };
            let waiting = self.call(&event);
            return self.go_on(waiting);
        }
        let job = Job::Event {
            name: packet.event.clone().into_owned(),
            data: packet.data.to_owned(),
            attachments: attachments.to_vec(),
            ack: packet.id,
        };
        self.0.peer.hold_event(job.size());
        self.submit(job);
    }

    /// Tells the listeners something, now or when they are free.
    fn submit(&self, job: Job) {
        if let Some(job) = self.0.inbox.wait(job) {
            let waiting = self.perform(job);
            self.go_on(waiting);
        }
    }

    /// The client has been let in. Its events have waited for this.
    pub(crate) fn announce(&self) {
        let waiting = self.perform(Job::Connection);
        self.go_on(waiting);
    }

    /// The socket has left for `reason`.
    pub(crate) fn gone(&self, reason: DisconnectReason) {
        if self.detach(Some(reason)) {
            self.submit(Job::Disconnect(reason));
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
        round::finish(first).await;
        while let Some(job) = self.0.inbox.next() {
            if let Some(future) = self.perform(job) {
                round::finish(future).await;
            }
        }
    }

    fn perform(&self, job: Job) -> Option<BoxFuture<'static, ()>> {
        if let Job::Event { .. } = job {
            self.0.peer.release_event(job.size());
        }
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
                    answered: None,
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
            answered: None,
            reason,
            origin: Origin::Library,
        }
    }

    /// Calls the namespace's listeners, then the socket's own. What is answered must be awaited before the
    /// next event.
    fn call(&self, event: &EventRef<'_>) -> Option<BoxFuture<'static, ()>> {
        let (shared, own) = (self.0.namespace.listeners(), self.0.listeners.read().clone());
        let listeners = shared.find(event.origin, event.name).chain(own.find(event.origin, event.name));
        round::call(listeners, event)
    }
}

/// Polls a future so that all it sends is written with what others send that are woken together with it.
pub(crate) struct InTurns {
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) future: BoxFuture<'static, ()>,
}

impl Future for InTurns {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let runtime = Arc::clone(&self.runtime);
        let _turn = Turn::gather(&runtime);
        self.future.as_mut().poll(cx)
    }
}
