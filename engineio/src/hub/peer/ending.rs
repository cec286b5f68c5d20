//! The end of a session: who wants it, why, and who is told.

use std::sync::{Arc, atomic::Ordering};

use super::Peer;
use crate::{
    engine::{CloseReason, Input, Transport},
    hub::refusals::Refusal,
};

/// The longest description of a session's end, in bytes.
pub const MAX_DESCRIPTION: usize = 256;

impl Peer {
    /// Closes a connection that reads too slowly.
    pub(super) fn give_up(self: &Arc<Self>) {
        let bytes = self.queued_bytes();
        if self.count(Refusal::SlowReader) {
            tracing::warn!(bytes, "closing a connection that reads too slowly");
        }
        self.describe(|| format!("the client reads too slowly: {bytes} bytes wait for it"));
        self.outbox.close();
        let this = Arc::clone(self);
        self.runtime.spawn(Box::pin(async move { this.lost(CloseReason::TransportError) }));
    }

    /// Ends the session after what was sent before; the reason is "forced close".
    pub fn close(self: &Arc<Self>) {
        self.feed(Input::Close);
    }

    /// Reads nothing more from the client's connection, so that what was taken in can be finished before the session is
    /// closed. Polling goes on: a POST whose answer were held back would look like a broken connection.
    pub fn hold_back(&self) {
        if self.transport() != Transport::Polling {
            self.backlog.seal();
        }
    }

    /// Whether something that the client sent is still being worked on.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.receiver.get().is_some_and(|receiver| receiver.is_busy())
    }

    /// Closes the session, as [`close`](Self::close) does, because the server stops, which is the reason that the
    /// application hears.
    pub fn see_off(self: &Arc<Self>) {
        if let Some(receiver) = self.receiver.get() {
            receiver.stopping();
        }
        self.close();
    }

    /// The transport is gone, whoever's fault it was.
    pub fn lost(self: &Arc<Self>, reason: CloseReason) {
        self.feed(Input::TransportLost(reason));
    }

    /// A request of the session failed: the session ends, and its waiting poll fails as well, so that the client
    /// hears of an error and not of an orderly close.
    pub fn fail(self: &Arc<Self>) {
        self.failed.store(true, Ordering::Release);
        self.lost(CloseReason::TransportError);
    }

    /// The session has ended: the application is told, the client as far as possible.
    pub(super) fn end(self: &Arc<Self>, reason: CloseReason) {
        if reason == CloseReason::PingTimeout {
            self.count(Refusal::PingTimeout);
            self.describe(|| format!("no pong came within {:?}", self.config.ping_timeout));
        }
        if let Some(peers) = self.peers.upgrade() {
            peers.remove(&self.sid);
        }
        if let Some(pass) = self.pass.get() {
            pass.give_back();
        }
        self.tell(reason);
        self.outbox.close();
        // When the connection's task sees this, it writes what is queued by then, and goes.
        let _ = self.end.set(reason);
        self.notify();
        self.wakers.wake_all();
    }

    pub(super) fn tell(&self, reason: CloseReason) {
        if !self.told.swap(true, Ordering::AcqRel)
            && let Some(receiver) = self.receiver.get()
        {
            receiver.closed(reason);
        }
    }

    /// Why the session has ended, once it has.
    #[must_use]
    pub fn ended(&self) -> Option<CloseReason> {
        self.end.get().copied()
    }

    /// Notes why the session is about to end, in words; the first ones count. What a client sent may be part of them, so
    /// they are cut to [`MAX_DESCRIPTION`] bytes.
    pub fn describe(&self, why: impl FnOnce() -> String) {
        self.description.get_or_init(|| {
            let mut text = why();
            text.truncate(text.floor_char_boundary(MAX_DESCRIPTION));
            Box::new(text.into())
        });
    }

    /// Why the session has ended, in words, if more is known than the [reason](Self::ended).
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.description.get().map(|text| &***text)
    }
}
