//! A user's live socket: it lasts as long as its token, which may be refreshed meanwhile.

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use engineio::Socket;
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

/// One user's socket.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) socket: Socket,
    who: Identity,
    /// The ids of the token the socket came with, and of those it was refreshed to.
    tokens: Mutex<Vec<String>>,
    budget: Option<Mutex<Budget>>,
    room: Mutex<Option<RoomCode>>,
}

impl Live {
    /// A socket of someone whose token is good.
    pub(super) fn new(socket: Socket, who: Identity, events_per_second: Option<u32>) -> Arc<Self> {
        let now = socket.peer().runtime().now();
        let budget = events_per_second.map(|rate| Mutex::new(Budget::new(rate, now)));
        let tokens = Mutex::new(vec![who.claims.jti.clone()]);
        Arc::new(Self { socket, who, tokens, budget, room: Mutex::new(None) })
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
        self.tokens.lock().iter().any(|known| known == id)
    }

    /// The token was replaced by one that lives longer.
    pub(super) fn extend(&self, claims: &Claims) {
        let mut tokens = self.tokens.lock();
        if tokens.len() == MAX_TOKEN_IDS {
            tokens.remove(0);
        }
        tokens.push(claims.jti.clone());
        drop(tokens);
        self.stay_as_long_as(claims);
    }

    /// Lets the socket stay until its token ends, which it is told of some time before.
    pub(super) fn stay_as_long_as(&self, claims: &Claims) {
        let seconds = |seconds: i64| Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
        let warn_before = seconds(claims.exp - claims.warn_at());
        self.socket.set_deadline(UNIX_EPOCH + seconds(claims.exp), warn_before);
    }
}

/// Tells a socket that its token is about to end.
pub(super) fn warn(socket: &Socket) {
    let Some(end) = socket.deadline() else { return };
    let since = end.duration_since(UNIX_EPOCH).unwrap_or_default();
    let expires_at = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    socket.emit(EXPIRING, &Expiring { expires_at });
}

/// The Socket.IO room of a chat room; the prefix keeps it apart from the rooms of socket ids.
pub(super) fn channel(code: &RoomCode) -> String {
    format!("room:{code}")
}
