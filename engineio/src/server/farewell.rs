//! Seeing clients off when a server stops.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use http::{HeaderValue, Response, StatusCode, header::RETRY_AFTER};
use tokio::time::{Instant, sleep};

use super::{
    headers::{Body, empty},
    service::Service,
};
use crate::{
    engine::{Query, Transport},
    hub::{Peer, Peers},
};

/// The pause between two looks at sessions that are about to end.
const LOOK: Duration = Duration::from_millis(10);
/// The time for clients that are between two polls to come back for what was sent before. They do so at once, or never.
const LAST_POLLS: Duration = Duration::from_secs(1);
/// Sessions ended before other tasks have their turn.
const AT_ONCE: usize = 64;

/// How clients are seen off by [`Service::see_off`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Farewell {
    /// The time over which sessions are closed, evenly: their clients come back spread over it as well, in place of all
    /// at once. Default none.
    pub spread: Duration,
    /// The time after that for listeners that are still at work, and for clients to fetch what was sent before. Default
    /// 5 s.
    pub patience: Duration,
}

impl Default for Farewell {
    fn default() -> Self {
        Self { spread: Duration::ZERO, patience: Duration::from_secs(5) }
    }
}

impl Farewell {
    /// The longest that all of it takes.
    #[must_use]
    pub fn limit(&self) -> Duration {
        self.spread.saturating_add(self.patience)
    }
}

impl Service {
    /// Ends all sessions because the server stops, as [`Options::farewell`](super::Options) has it; answers whether all
    /// of them came to their end.
    ///
    /// New sessions are refused from now on, with 503. Sessions over long-polling are closed first, as each of their
    /// requests may need a connection, which a server that stops accepts only for a moment (see
    /// [`last_polls`](Self::last_polls)); then those over WebSockets, little by little. A session is closed when the
    /// listeners of what was taken in from it are done, so that the client gets their acknowledgements. Sockets leave with
    /// "server shutting down", and the official clients come back as soon as there is a server again.
    pub async fn see_off(&self) -> bool {
        self.stopping().store(true, Ordering::Release);
        let farewell = self.options().farewell;
        let mut leaving = Leaving::new(self.peers(), farewell.spread);
        let in_time = tokio::time::timeout(farewell.limit(), async {
            while !leaving.is_over(self.peers()) {
                leaving.go_on().await;
                sleep(LOOK).await;
            }
            // A connection lives on until its client has closed its side, or it may lose what it has not read.
            while self.connections() > 0 {
                sleep(LOOK).await;
            }
        });
        let is_over = in_time.await.is_ok();
        // Whoever is still there has had its time.
        self.close();
        is_over
    }

    /// Waits until no session over long-polling is left, for one second at most. Meanwhile a server that [sees its clients
    /// off](Self::see_off) still has to accept connections: many clients make one for each poll, the last one included.
    pub async fn last_polls(&self) {
        let is_left = || self.peers().iter().any(|peer| peer.transport() == Transport::Polling);
        let all_gone = async {
            while is_left() {
                sleep(LOOK).await;
            }
        };
        // Whoever does not come is not waited for.
        let _ = tokio::time::timeout(LAST_POLLS, all_gone).await;
    }

    /// The answer to a request that would open a session of a server that stops.
    pub(super) fn refuse_while_stopping(&self, query: &str) -> Option<Response<Body>> {
        if !self.stopping().load(Ordering::Acquire) || Query::parse(query).sid.is_some() {
            return None;
        }
        let mut response = empty(StatusCode::SERVICE_UNAVAILABLE);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        Some(response)
    }
}

/// The sessions that are still to end.
struct Leaving {
    begin: Instant,
    spread: Duration,
    /// How many there were.
    all: usize,
    /// Those whose time has not come, in their order.
    waiting: VecDeque<Arc<Peer>>,
    /// Those that end as soon as their listeners are done.
    finishing: Vec<Arc<Peer>>,
}

impl Leaving {
    fn new(peers: &Peers, spread: Duration) -> Self {
        let mut waiting: Vec<_> = peers.iter().map(|entry| Arc::clone(entry.value())).collect();
        waiting.sort_by_key(|peer| peer.transport() != Transport::Polling);
        let (all, waiting) = (waiting.len(), waiting.into());
        Self { begin: Instant::now(), spread, all, waiting, finishing: Vec::new() }
    }

    /// Whether no session is left. Those that were just being opened at the beginning are noticed here.
    fn is_over(&mut self, peers: &Peers) -> bool {
        if self.waiting.is_empty() && self.finishing.is_empty() {
            let open = peers.iter().filter(|entry| entry.value().is_open());
            self.finishing.extend(open.map(|entry| Arc::clone(entry.value())));
            return peers.is_empty();
        }
        false
    }

    /// Ends sessions whose listeners are done, and stops reading from those whose time has come.
    async fn go_on(&mut self) {
        let (done, busy): (Vec<_>, Vec<_>) = self.finishing.drain(..).partition(|peer| !peer.is_busy());
        self.finishing = busy;
        for some in done.chunks(AT_ONCE) {
            some.iter().for_each(Peer::see_off);
            tokio::task::yield_now().await;
        }
        // They are looked at only next time: one of them may be taking in a message at this moment.
        let due = self.waiting.len() - self.still_wait().min(self.waiting.len());
        for peer in self.waiting.drain(..due) {
            peer.hold_back();
            self.finishing.push(peer);
        }
    }

    /// How many should not have begun to leave yet.
    fn still_wait(&self) -> usize {
        let polling = self.waiting.iter().take_while(|peer| peer.transport() == Transport::Polling).count();
        let left = self.spread.saturating_sub(self.begin.elapsed()).as_nanos();
        // The spread is not zero where something of it is left.
        let share = (self.all as u128 * left).checked_div(self.spread.as_nanos()).unwrap_or(0);
        usize::try_from(share).unwrap_or(usize::MAX).min(self.waiting.len() - polling)
    }
}
