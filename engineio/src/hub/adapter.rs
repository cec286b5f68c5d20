//! Who is in which room, on this server and on those beside it.

use std::{error::Error, fmt, future::ready, sync::Arc, time::Duration};

use super::{
    broadcast::{Answers, Question, SocketDetails},
    encoded::Encoded,
    event::Event,
    namespace::Namespace,
    payload::Payload,
    recovery::{SessionClaim, SessionReply},
    runtime::BoxFuture,
    socket::{JoinError, Socket},
};
use crate::sid::Sid;

/// A room's name.
pub type Room = Arc<str>;

/// Whom a broadcast is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Any of these rooms; all sockets of the namespace if there is none.
    pub rooms: Vec<Room>,
    /// But none of these rooms.
    pub except: Vec<Room>,
    /// Only the sockets of this server, if it is one of several.
    pub local: bool,
}

/// Some of the servers that were asked did not answer in time, or could not be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered<T> {
    /// What the others answered.
    pub answers: Vec<T>,
    /// How many servers did not answer.
    pub missing: usize,
}

impl<T> Unanswered<T> {
    /// The same with other answers.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Unanswered<U> {
        Unanswered { answers: self.answers.into_iter().map(change).collect(), missing: self.missing }
    }
}

impl<T> fmt::Display for Unanswered<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of the other servers did not answer in time", self.missing)
    }
}

impl<T: fmt::Debug> Error for Unanswered<T> {}

/// What the servers of a cluster answered, or what came in time of it.
pub type Answered<T> = Result<Vec<T>, Unanswered<T>>;

/// The sockets and rooms of one namespace, and the way to the same namespace on other servers.
///
/// The first half of the methods is the table of this server's sockets. Every socket is in the room of its own id from
/// the beginning; leaving it is possible like any other.
///
/// The second half concerns all servers of a cluster. As provided, these methods do their work on the table alone,
/// which is all that a single server needs. An adapter for a cluster has a
/// [`MemoryAdapter`](crate::adapter::MemoryAdapter) as its table and leaves the first half to it. In the second half it
/// first tells the other servers, unless [`Target::local`] is set, and then calls the same method of its table. What it
/// hears from another server it gives to the table's methods, but a broadcast to [`Namespace::receive_broadcast`], what
/// servers send each other to [`Namespace::receive_server_side`] and a claim to [`Namespace::hand_over`].
///
/// No method waits: where other servers must answer, a future is answered, and what the method does at once has been
/// done when it returns. So packets and what changes rooms keep their order.
///
/// What an adapter owes to [connection state recovery](crate::Config::connection_state_recovery) on several servers is
/// order. All that one server sends to another, events, claims and answers alike, is to arrive in the order in which it
/// was sent, once and without gaps; what several servers send may mix in any way. [`broadcast`](Self::broadcast) is
/// called in the order of the events' offsets, while the namespace's history is locked: it must not call listeners or
/// other servers there and then, but leave that to a task of its own.
pub trait Adapter: Send + Sync + 'static {
    /// The namespace has been made and has no sockets yet. Called once. An adapter that keeps the namespace must keep
    /// it [weakly](Namespace::downgrade), and must not ask the server for namespaces here.
    fn init(&self, _namespace: &Namespace) {}

    /// The namespace is given up, or the server stops.
    fn close(&self) -> BoxFuture<'static, ()> {
        Box::pin(ready(()))
    }

    // ---- the sockets of this server ----

    /// Adds a socket to the namespace.
    fn insert(&self, socket: &Socket);

    /// Takes a socket out of the namespace and of `rooms`.
    fn remove(&self, id: &Sid, rooms: &[Room]);

    /// Adds a socket of the namespace to a room; answers whether the room is new by that.
    fn join(&self, socket: &Socket, room: &Room) -> bool;

    /// Takes a socket out of a room; answers whether the room is gone by that.
    fn leave(&self, id: &Sid, room: &str) -> bool;

    /// The socket with this id.
    fn socket(&self, id: &Sid) -> Option<Socket>;

    /// Calls `visit` once for each socket of this server that is meant. `visit` must not change rooms.
    fn for_each(&self, target: &Target, visit: &mut dyn FnMut(&Socket));

    /// The names of the rooms that have members on this server, rooms of single sockets left out.
    fn rooms(&self) -> Vec<Room>;

    /// How many sockets the namespace has on this server.
    fn len(&self) -> usize;

    /// Whether the namespace has no sockets on this server.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    // ---- the sockets of all servers ----

    /// How many servers there are, this one included.
    fn server_count(&self) -> BoxFuture<'static, usize> {
        Box::pin(ready(1))
    }

    /// Sends a packet to each socket that is meant; the packet is encoded already. What other servers need to encode it
    /// again is in [`Encoded::event`], the offset included.
    fn broadcast(&self, target: &Target, packet: &Encoded, volatile: bool) {
        self.for_each(target, &mut |socket| {
            socket.peer().send(packet.clone(), volatile);
        });
    }

    /// Asks each socket that is meant and reports to `answers`: for each server how many sockets it has asked, and for
    /// each of these sockets what came of it. Answers how many servers have been asked, this one included.
    fn broadcast_with_ack(
        &self,
        question: &Question,
        answers: &Arc<dyn Answers>,
    ) -> BoxFuture<'static, usize> {
        let sockets = collect(self, &question.target);
        answers.asked(sockets.len());
        for socket in sockets {
            socket.put(question, answers);
        }
        Box::pin(ready(1))
    }

    /// Fetches what can be told of each socket that is meant. Other servers have `timeout` to answer.
    fn fetch_sockets(
        &self,
        target: &Target,
        _timeout: Duration,
    ) -> BoxFuture<'static, Answered<SocketDetails>> {
        let mut details = Vec::new();
        self.for_each(target, &mut |socket| details.push(SocketDetails::of(socket)));
        Box::pin(ready(Ok(details)))
    }

    /// Makes each socket that is meant join rooms.
    ///
    /// # Errors
    /// The first socket of this server that could not, after all others have been tried.
    fn add_sockets(&self, target: &Target, rooms: &[Room]) -> Result<(), JoinError> {
        let join = |socket: Socket| socket.join(rooms);
        collect(self, target).into_iter().map(join).fold(Ok(()), Result::and)
    }

    /// Makes each socket that is meant leave rooms.
    fn del_sockets(&self, target: &Target, rooms: &[Room]) {
        for socket in collect(self, target) {
            rooms.iter().for_each(|room| socket.leave(room));
        }
    }

    /// Ends the stay of each socket that is meant, and with `close` its whole connection.
    fn disconnect_sockets(&self, target: &Target, close: bool) {
        for socket in collect(self, target) {
            if close {
                socket.close();
            } else {
                socket.disconnect();
            }
        }
    }

    // ---- the other servers themselves ----

    /// Asks the other servers for a session that this one does not have, each for the answer of its
    /// [`Namespace::hand_over`], which have `timeout` to come. All servers are asked whose broadcasts may still arrive.
    ///
    /// It is called for clients that came back, and only with
    /// [`Config::connection_state_recovery`](crate::Config::connection_state_recovery). The client waits for it.
    fn restore_session(
        &self,
        _claim: &SessionClaim,
        _timeout: Duration,
    ) -> BoxFuture<'static, Answered<SessionReply>> {
        Box::pin(ready(Ok(Vec::new())))
    }

    /// Sends an event to the other servers.
    fn server_side_emit(&self, _event: &Event) {}

    /// Sends an event to the other servers and waits until each has answered, or for `timeout`.
    fn server_side_emit_with_ack(
        &self,
        _event: &Event,
        _timeout: Duration,
    ) -> BoxFuture<'static, Answered<Payload>> {
        Box::pin(ready(Ok(Vec::new())))
    }
}

/// The sockets of this server that are meant. They are listed before anything is done with them, as that may change the
/// rooms.
pub(crate) fn collect<A: Adapter + ?Sized>(adapter: &A, target: &Target) -> Vec<Socket> {
    let mut sockets = Vec::new();
    adapter.for_each(target, &mut |socket| sockets.push(socket.clone()));
    sockets
}
