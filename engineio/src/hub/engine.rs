//! A bare Engine.IO server: messages without events, rooms and namespaces.

use std::{
    fmt,
    sync::{Arc, Weak},
};

use super::{
    application::{Application, Receiver},
    guard::guarded,
    handshake::Handshake,
    outbox::Sent,
    peer::{Peer, Peers, close_all},
    refusals::Refusals,
    runtime::Runtime,
};
use crate::{
    config::Config,
    engine::{CloseReason, Data, Transport},
    sid::Sid,
};

type OnOpen = dyn Fn(&EngineSocket) + Send + Sync;
type OnMessage = dyn Fn(&EngineSocket, Data<'_>) + Send + Sync;
type OnClose = dyn Fn(&EngineSocket, CloseReason) + Send + Sync;

/// What a program wants to hear.
#[derive(Clone, Default)]
struct Listeners {
    open: Option<Arc<OnOpen>>,
    message: Option<Arc<OnMessage>>,
    close: Option<Arc<OnClose>>,
}

/// A bare Engine.IO server, for programs that speak a protocol of their own over it. Clients use `engine.io-client`.
///
/// Functions are called on the connection's own turn: what one of them sends is written when it returns, and while it
/// runs, nothing more is read from its client. What has to wait belongs into a task, which can keep a clone of the
/// [`EngineSocket`].
///
/// # Examples
/// ```no_run
/// use engineio::Engine;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), engineio::server::ListenError> {
/// let engine = Engine::new()
///     .on_open(|socket| {
///         socket.send_text("welcome");
///     })
///     .on_message(|socket, data| {
///         socket.send(&data); // text or binary, as it came
///     })
///     .on_close(|_, reason| println!("a client has left: {reason}"));
/// engine.listen("127.0.0.1:3000").await
/// # }
/// ```
#[derive(Clone)]
pub struct Engine {
    config: Arc<Config>,
    runtime: Arc<dyn Runtime>,
    peers: Arc<Peers>,
    listeners: Listeners,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Engine({} sessions)", self.len())
    }
}

impl Engine {
    /// A server in a world of the caller's choice.
    #[must_use]
    pub fn with_runtime(config: Config, runtime: Arc<dyn Runtime>) -> Self {
        Self { config: Arc::new(config), runtime, peers: Arc::default(), listeners: Listeners::default() }
    }

    /// Calls a function for each new session, before its first message.
    #[must_use]
    pub fn on_open(mut self, function: impl Fn(&EngineSocket) + Send + Sync + 'static) -> Self {
        self.listeners.open = Some(Arc::new(function));
        self
    }

    /// Calls a function for each message. Those of one session come one after the other, in the order they were sent.
    #[must_use]
    pub fn on_message(mut self, function: impl Fn(&EngineSocket, Data<'_>) + Send + Sync + 'static) -> Self {
        self.listeners.message = Some(Arc::new(function));
        self
    }

    /// Calls a function once for each session that has ended.
    #[must_use]
    pub fn on_close(mut self, function: impl Fn(&EngineSocket, CloseReason) + Send + Sync + 'static) -> Self {
        self.listeners.close = Some(Arc::new(function));
        self
    }

    /// The intervals and limits.
    #[must_use]
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// The world the server runs in.
    #[must_use]
    pub fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.runtime
    }

    /// The sessions, over whichever service they came.
    #[must_use]
    pub fn peers(&self) -> &Arc<Peers> {
        &self.peers
    }

    /// How often clients were refused something, and what; can be read at any time without a lock.
    #[must_use]
    pub fn refusals(&self) -> &Refusals {
        self.peers.refusals()
    }

    /// How many sessions are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.peers.len()
    }

    /// Whether no session is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }

    /// Closes all sessions.
    pub fn close(&self) {
        close_all(self, &self.peers);
    }
}

impl Application for Engine {
    fn opened(&self, peer: &Arc<Peer>, request: &http::request::Parts) -> Box<dyn Receiver> {
        let handshake = Arc::new(Handshake::new(request, self.runtime.wall_clock()));
        Box::new(Session { peer: Arc::downgrade(peer), handshake, listeners: self.listeners.clone() })
    }
}

/// One session: whom its messages are for.
struct Session {
    /// The session owns this, so that the other way round would keep both for ever.
    peer: Weak<Peer>,
    handshake: Arc<Handshake>,
    listeners: Listeners,
}

impl Session {
    fn socket(&self, peer: &Arc<Peer>) -> EngineSocket {
        EngineSocket { peer: Arc::clone(peer), handshake: Arc::clone(&self.handshake) }
    }
}

// A panic of the program's function is reported by the panic hook and ends nothing else.
impl Receiver for Session {
    fn opened(&self, peer: &Arc<Peer>) {
        if let Some(open) = &self.listeners.open {
            let _ = guarded(|| open(&self.socket(peer)));
        }
    }

    fn message(&self, peer: &Arc<Peer>, data: Data<'_>) {
        if let Some(message) = &self.listeners.message {
            let _ = guarded(|| message(&self.socket(peer), data));
        }
    }

    fn closed(&self, reason: CloseReason) {
        if let Some(close) = &self.listeners.close
            && let Some(peer) = self.peer.upgrade()
        {
            let _ = guarded(|| close(&self.socket(&peer), reason));
        }
    }
}

/// One session of an [`Engine`]. Clones are cheap and mean the same session.
#[derive(Clone)]
pub struct EngineSocket {
    peer: Arc<Peer>,
    handshake: Arc<Handshake>,
}

impl fmt::Debug for EngineSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EngineSocket").field(&self.peer).finish()
    }
}

impl EngineSocket {
    /// The session id. It is a secret of this client: whoever knows it can read the session's packets.
    #[must_use]
    pub fn id(&self) -> &Sid {
        self.peer.sid()
    }

    /// The request that opened the session.
    #[must_use]
    pub fn handshake(&self) -> &Handshake {
        &self.handshake
    }

    /// The transport in use.
    #[must_use]
    pub fn transport(&self) -> Transport {
        self.peer.transport()
    }

    /// Whether messages can still be sent.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.peer.is_open()
    }

    /// The bytes waiting to be written to this client.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.peer.queued_bytes()
    }

    /// Sends a message, text or binary.
    pub fn send(&self, data: &Data<'_>) -> Sent {
        match data {
            Data::Text(text) => self.send_text(text),
            Data::Binary(bytes) => self.send_binary(bytes),
        }
    }

    /// Sends a text message.
    pub fn send_text(&self, text: &str) -> Sent {
        self.peer.send_text(text)
    }

    /// Sends a binary message.
    pub fn send_binary(&self, bytes: &[u8]) -> Sent {
        self.peer.send_binary(bytes)
    }

    /// Ends the session after what was sent before; the reason is "forced close".
    pub fn close(&self) {
        self.peer.close();
    }

    /// The session itself, for what this handle does not offer.
    #[must_use]
    pub fn peer(&self) -> &Arc<Peer> {
        &self.peer
    }
}
