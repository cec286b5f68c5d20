//! A user's live socket: it lasts as long as its token, which may be refreshed meanwhile.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant, UNIX_EPOCH},
};

use engineio::{Socket, hub::Timed};
use parking_lot::Mutex;

use crate::{
    auth::Claims,
    chat::RoomCode,
    service::{Identity, Member},
};

use super::{
    budget::{Budget, Verdict},
    events::{EXPIRING, Expiring},
};

/// Ids of refreshed tokens that are remembered, so that logging out with any of them ends the socket.
const MAX_TOKEN_IDS: usize = 8;

/// The longest wait for a visit of the clock, which remembers a visit until its time even if the socket has left.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// One user's socket.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) socket: Socket,
    who: Identity,
    token: Mutex<Token>,
    budget: Option<Mutex<Budget>>,
    room: Mutex<Option<RoomCode>>,
}

#[derive(Debug)]
struct Token {
    /// The token the socket came with, and those it was refreshed to.
    ids: Vec<String>,
    warn_at: i64,
    expires_at: i64,
    warned: bool,
    armed: Option<Instant>,
}

impl Live {
    /// A socket of someone whose token is good.
    pub(super) fn new(socket: Socket, who: Identity, events_per_second: Option<u32>) -> Arc<Self> {
        let now = socket.peer().runtime().now();
        let token = Token {
            ids: vec![who.claims.jti.clone()],
            warn_at: who.claims.warn_at(),
            expires_at: who.claims.exp,
            warned: false,
            armed: None,
        };
        let budget = events_per_second.map(|rate| Mutex::new(Budget::new(rate, now)));
        Arc::new(Self { socket, who, token: Mutex::new(token), budget, room: Mutex::new(None) })
    }

    /// Who is at the other end.
    pub(super) fn who(&self) -> &Identity {
        &self.who
    }

    /// The same as rooms see them.
    pub(super) fn member(&self) -> Member {
        self.who.member()
    }

    /// Takes an event in.
    pub(super) fn spend(&self) -> Verdict {
        let now = self.socket.peer().runtime().now();
        self.budget.as_ref().map_or(Verdict::Admitted, |budget| budget.lock().spend(now))
    }

    /// Puts the socket into a room's broadcasts, in place of the one it was in.
    pub(super) fn enter(&self, code: &RoomCode) {
        let mut room = self.room.lock();
        if let Some(old) = room.replace(code.clone()).filter(|old| old != code) {
            self.socket.leave(&channel(&old));
        }
        if let Err(error) = self.socket.join(channel(code)) {
            tracing::debug!(%error, "a socket could not enter its room");
        }
    }

    /// Takes the socket out of a room's broadcasts.
    pub(super) fn leave(&self, code: &RoomCode) {
        self.room.lock().take_if(|room| room == code);
        self.socket.leave(&channel(code));
    }

    /// The room whose broadcasts the socket gets.
    pub(super) fn room(&self) -> Option<RoomCode> {
        self.room.lock().clone()
    }

    /// Whether the socket came with this token, or was refreshed to it.
    pub(super) fn has_token(&self, id: &str) -> bool {
        self.token.lock().ids.iter().any(|known| known == id)
    }

    /// The token was replaced by one that lives longer.
    pub(super) fn extend(self: &Arc<Self>, claims: &Claims) {
        {
            let mut token = self.token.lock();
            if token.ids.len() == MAX_TOKEN_IDS {
                token.ids.remove(0);
            }
            token.ids.push(claims.jti.clone());
            token.warn_at = claims.warn_at();
            token.expires_at = claims.exp;
            token.warned = false;
        }
        self.watch();
    }

    /// Sees to it that the token's end is noticed.
    pub(super) fn watch(self: &Arc<Self>) {
        let mut token = self.token.lock();
        let seconds = if token.warned { token.expires_at } else { token.warn_at };
        let wait = Duration::from_millis(u64::try_from(seconds * 1_000 - self.now_ms()).unwrap_or_default());
        let runtime = self.socket.peer().runtime();
        let at = runtime.now() + wait.min(MAX_WAIT);
        token.armed = Some(at);
        drop(token);
        let this: Arc<dyn Timed> = Arc::<Self>::clone(self);
        let this: Weak<dyn Timed> = Arc::downgrade(&this);
        runtime.arm(at, this);
    }

    fn now_ms(&self) -> i64 {
        let now = self.socket.peer().runtime().wall_clock();
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}

/// The Socket.IO room of a chat room; the prefix keeps it apart from the rooms of socket ids.
pub(super) fn channel(code: &RoomCode) -> String {
    format!("room:{code}")
}

impl Timed for Live {
    fn fire(self: Arc<Self>, at: Instant) {
        let expiring = {
            let mut token = self.token.lock();
            // A visit planned for a token that has been refreshed meanwhile.
            if token.armed != Some(at) {
                return;
            }
            let now = self.now_ms();
            if now >= token.expires_at * 1_000 {
                drop(token);
                return self.socket.disconnect();
            }
            let due = !token.warned && now >= token.warn_at * 1_000;
            token.warned |= due;
            due.then_some(Expiring { expires_at: token.expires_at })
        };
        if let Some(expiring) = expiring {
            self.socket.emit(EXPIRING, &expiring);
        }
        self.watch();
    }
}
