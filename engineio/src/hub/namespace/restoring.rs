//! Clients that were on another server of the cluster.

use std::{sync::Arc, time::Instant};

use super::{Namespace, child::Occupancy};
use crate::{
    config::after,
    hub::{
        adapter::Answered,
        peer::Peer,
        recovery::{Claim, History, SessionClaim, SessionReply, until},
        refusals::Refusal,
    },
};

impl Namespace {
    /// Hands the session that another server's client claims over to that server, if it is here; for adapters. The answer
    /// says as well how far this server's events have come, so that it counts even without a session.
    ///
    /// A connection of the same client that still looks alive is ended first, and its listeners are called here.
    #[must_use]
    pub fn hand_over(&self, claim: &SessionClaim) -> SessionReply {
        self.history().map(|history| history.hand_over(claim)).unwrap_or_default()
    }

    /// Brings a session here that another server may have, so that it can be claimed as one of this server's own. It
    /// waits no longer than [`Config::cluster_timeout`](crate::Config::cluster_timeout).
    pub(crate) async fn fetch_session(&self, claim: &Claim, peer: &Arc<Peer>) {
        let Some(history) = self.history() else { return };
        let Some(mut open) = history.open_claim(claim) else {
            if peer.count(Refusal::SessionClaims) {
                tracing::debug!(namespace = self.name(), "too many clients wait for other servers");
            }
            return;
        };
        let timeout = self.config().cluster_timeout;
        let deadline = after(self.runtime().now(), timeout);
        // Another connection of the same client may be waiting already; only one can have the answer.
        let question = until(history, deadline, |book| open.question(book, claim)).await.flatten();
        let Some(question) = question else { return };
        let answered = self.adapter().restore_session(&question, timeout).await;
        if self.settle(history, claim, answered, deadline).await.is_none() {
            tracing::debug!(namespace = self.name(), "no other server could hand over a session");
        }
    }

    /// Takes in what the other servers have answered, once as much has been heard here as where the session was.
    async fn settle(
        &self,
        history: &History,
        claim: &Claim,
        answered: Answered<SessionReply>,
        deadline: Instant,
    ) -> Option<()> {
        let (replies, all_answered) = match answered {
            Ok(replies) => (replies, true),
            Err(unanswered) => (unanswered.answers, false),
        };
        let (moved, awaited) = history.open().sort(replies, all_answered, self.config().cluster_timeout)?;
        until(history, deadline, |book| book.has_heard(&awaited).then_some(())).await?;
        let occupancy = Occupancy::of(self);
        history.open().take_in(claim.pid, *moved, self.config(), occupancy, self.route())
    }
}
