//! Calling a socket's listeners: in order, guarded against panics, and without a task unless one waits.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use super::{
    event_ref::{About, EventRef, Origin, OwnedEvent},
    failure::EventError,
    handler::Unfinished,
    inbox::Job,
    listeners::Listeners,
    pipeline,
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
                origin: Origin::Client,
                about: About::NOTHING,
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
    pub(super) fn submit(&self, job: Job) {
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

    /// Tells the listeners of errors when it is their turn.
    pub(crate) fn complain(&self, error: EventError) {
        self.submit(Job::Failure(error));
    }

    /// The socket has left for `reason`.
    pub(crate) fn gone(&self, reason: DisconnectReason) {
        if self.detach(Some(reason)) {
            self.submit(Job::Disconnect(reason));
        }
    }

    /// Goes through what waits, until a listener really has to wait; only then a task takes over.
    fn go_on(&self, mut waiting: Option<Unfinished>) {
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

    async fn finish(self, first: Unfinished) {
        self.end(first).await;
        while let Some(job) = self.0.inbox.next() {
            if let Some(listener) = self.perform(job) {
                self.end(listener).await;
            }
        }
    }

    /// Waits for a listener, and tells of its error.
    async fn end(&self, listener: Unfinished) {
        if let Err(error) = round::finish(listener).await
            && let Some(told) = self.report(error)
            && let Err(error) = round::finish(told).await
        {
            error.log();
        }
    }

    /// Tells the listeners of errors, or the log if there are none.
    pub(super) fn report(&self, error: EventError) -> Option<Unfinished> {
        let tables = self.tables();
        let found = || tables.iter().flat_map(|table| table.find(Origin::Library, "error"));
        if found().next().is_none() {
            error.log();
            return None;
        }
        let about = About::Failure(error);
        round::call(found(), &EventRef::of_library(self, "error", &about))
    }

    fn perform(&self, job: Job) -> Option<Unfinished> {
        if let Job::Event { .. } = job {
            self.0.peer.release_event(job.size());
        }
        match job {
            Job::Connection => self.call(&EventRef::of_library(self, "connection", About::NOTHING)),
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
                    origin: Origin::Client,
                    about: About::NOTHING,
                })
            }
            // The deadline may have been moved, or the socket have left, while this waited.
            Job::Expiring(_) if self.deadline().is_none() => None,
            Job::Expiring(left) => {
                let about = About::TimeLeft(left);
                self.call(&EventRef::of_library(self, "expiring", &about))
            }
            Job::Failure(error) => self.report(error),
            Job::Disconnect(reason) => self.depart(reason),
        }
    }

    /// Tells the listeners that the socket has left, then forgets them: they may hold the socket itself.
    fn depart(&self, reason: DisconnectReason) -> Option<Unfinished> {
        let about = About::Departure(reason);
        let leaving = self.call(&EventRef::of_library(self, "disconnecting", &about));
        let left = move |socket: &Self| {
            socket.forget_rooms();
            socket.call(&EventRef::of_library(socket, "disconnect", &about))
        };
        if let Some(leaving) = leaving {
            let socket = self.clone();
            return Some(Box::pin(async move {
                socket.end(leaving).await;
                if let Some(left) = left(&socket) {
                    socket.end(left).await;
                }
                socket.forget_listeners();
                Ok(())
            }));
        }
        if let Some(left) = left(self) {
            let socket = self.clone();
            return Some(Box::pin(async move {
                socket.end(left).await;
                socket.forget_listeners();
                Ok(())
            }));
        }
        self.forget_listeners();
        None
    }

    /// The listeners of the namespace's parent, the namespace's, and the socket's own, as they are called.
    pub(super) fn tables(&self) -> [Listeners; 3] {
        let namespace = &self.0.namespace;
        let parent = namespace.parent().map(|parent| parent.hooks().table()).unwrap_or_default();
        [parent, namespace.hooks().table(), self.0.listeners.get()]
    }

    /// Calls the listeners of all tables. What is answered must be awaited before the next event.
    fn call(&self, event: &EventRef<'_>) -> Option<Unfinished> {
        let tables = self.tables();
        if event.origin == Origin::Client && tables.iter().any(Listeners::take_every_event) {
            return Some(Box::pin(pipeline::run(OwnedEvent::from(event))));
        }
        let listeners = tables.iter().flat_map(|table| table.find(event.origin, event.name));
        let waiting = round::call(listeners, event);
        if tables.iter().any(Listeners::have_spent) {
            drop(tables);
            self.forget_spent_listeners();
        }
        waiting
    }

    fn forget_spent_listeners(&self) {
        let namespace = &self.0.namespace;
        if let Some(parent) = namespace.parent() {
            parent.hooks().change_listeners(Listeners::forget_spent);
        }
        namespace.hooks().change_listeners(Listeners::forget_spent);
        self.change_listeners(Listeners::forget_spent);
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
