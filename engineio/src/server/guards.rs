//! What a connection's task owes its session, however the task ends, and the other tasks.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
};

use crate::{
    engine::{Action, CloseReason, Input, Transport},
    hub::{Peer, Waiting},
};

/// Ends the session if the connection's task ends for whatever reason, a panic or the runtime's end included.
pub(super) struct LostOnDrop<'a>(pub(super) &'a Arc<Peer>);

impl Drop for LostOnDrop<'_> {
    fn drop(&mut self) {
        self.0.lost(CloseReason::TransportError);
        self.0.outbox().detach();
    }
}

/// Frees the session for another upgrade; after a switch this does nothing.
struct UpgradeLostOnDrop<'a>(&'a Arc<Peer>);

impl Drop for UpgradeLostOnDrop<'_> {
    fn drop(&mut self) {
        self.0.feed(Input::UpgradeLost);
    }
}

/// Goes through an upgrade of a polling session; answers whether `transport` is the session's now.
///
/// `probe` reads the client's probes and answers them until the session has switched or the connection is of no use.
pub(super) async fn upgrade(
    peer: &Arc<Peer>,
    transport: Transport,
    mut probe: impl FnMut(&mut Context<'_>) -> Poll<bool>,
) -> bool {
    if peer.feed(Input::UpgradeOpened(transport)) == Action::Refuse {
        return false;
    }
    let _guard = UpgradeLostOnDrop(peer);
    poll_fn(|cx| peer.poll_for(Waiting::Upgrade, cx, &mut probe)).await
}

/// Has the task polled again once the sockets that have become ready meanwhile have had their turn.
///
/// A task that wakes itself is polled before the runtime looks at sockets again, which it does once in many polls: some
/// clients that never pause could keep all others waiting.
pub(super) fn poll_again(cx: &mut Context<'_>) {
    // Polled once, it has the task woken; it is not waited for.
    let _ = pin!(tokio::task::yield_now()).poll(cx);
}
