//! One connection of a Socket.IO client: from engine messages to sockets.

use std::{
    borrow::Cow,
    sync::Arc,
    task::{Context, Waker},
    time::Instant,
};

use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::Value;

use super::{
    application::Receiver,
    dispatch::InTurns,
    encode::{self, Route},
    failure::{EventError, EventErrorKind},
    guard::{Guarded, Panicked, guarded},
    handshake::Handshake,
    middleware::{ConnectError, Middleware},
    namespace::{Entry, NamespaceRequest, Namespaces},
    peer::Peer,
    reason::DisconnectReason,
    recovery::{Claim, History, Session},
    refusals::Refusal,
    runtime::BoxFuture,
    socket::Socket,
    turn::{self, Turn},
};
use crate::{
    config::{Config, Parser},
    engine::{CloseReason, Data, Revision, handshake::pairs},
    socketio::{AckReply, Client, ClientAction, DecodeError, Fault, Message, Packet, PacketType},
};

/// The Socket.IO side of one session.
pub(crate) struct Connection(Arc<Inner>);

struct Inner {
    config: Arc<Config>,
    namespaces: Arc<Namespaces>,
    handshake: Arc<Handshake>,
    state: Mutex<State>,
}

struct State {
    client: Client,
    sockets: Vec<Socket>,
    closed: bool,
    /// Why the server is closing the connection, if it is.
    closing: Option<DisconnectReason>,
}

impl Connection {
    pub(crate) fn new(peer: &Arc<Peer>, namespaces: Arc<Namespaces>, handshake: Handshake) -> Self {
        let config = Arc::clone(peer.config());
        let now = peer.runtime().now();
        let client = match peer.revision() {
            Revision::V3 => Client::of_protocol_four(&config, now),
            Revision::V4 => Client::new(&config, now),
        };
        let state = State { client, sockets: Vec::new(), closed: false, closing: None };
        Self(Arc::new(Inner { config, namespaces, handshake: Arc::new(handshake), state: Mutex::new(state) }))
    }
}

impl Receiver for Connection {
    fn opened(&self, peer: &Arc<Peer>) {
        // Clients of protocol 4 are in `/` without asking.
        if peer.revision() == Revision::V3 {
            let _turn = Turn::begin(peer.runtime());
            self.0.read_text(peer, "0");
        }
    }

    fn message(&self, peer: &Arc<Peer>, data: Data<'_>) {
        let inner = &self.0;
        match (inner.config.parser, data) {
            (Parser::Json, Data::Text(text)) => inner.read_text(peer, text),
            (Parser::Json, Data::Binary(bytes)) => {
                let now = turn::now(peer.runtime());
                let action = inner.state.lock().client.binary(bytes, &inner.config, now);
                inner.act(peer, action, &[]);
            }
            (Parser::Msgpack, Data::Binary(bytes)) => inner.read_msgpack(peer, &bytes),
            (Parser::Msgpack, Data::Text(_)) => inner.violation(peer, &DecodeError::TextInstead.into()),
        }
    }

    fn closed(&self, reason: CloseReason) {
        let (sockets, closing) = {
            let mut state = self.0.state.lock();
            state.closed = true;
            (std::mem::take(&mut state.sockets), state.closing)
        };
        let reason = match (reason, closing) {
            (CloseReason::ForcedClose, Some(reason)) => reason,
            (CloseReason::ForcedClose, None) => DisconnectReason::ForcedServerClose,
            (reason, _) => DisconnectReason::Transport(reason),
        };
        for socket in sockets {
            socket.gone(reason);
        }
    }

    fn is_busy(&self) -> bool {
        self.0.state.lock().sockets.iter().any(|socket| socket.0.inbox.is_busy())
    }

    fn stopping(&self) {
        self.0.state.lock().closing = Some(DisconnectReason::ServerShuttingDown);
    }

    fn deadline(&self) -> Option<Instant> {
        let state = self.0.state.lock();
        // A session that has ended for the application may wait for its last poll; nothing is due any more.
        if state.closed { None } else { state.client.deadline() }
    }

    fn tick(&self, peer: &Arc<Peer>, now: Instant) {
        let fault = self.0.state.lock().client.tick(now);
        if let Some(fault) = fault {
            self.0.violation(peer, &fault);
        }
    }
}

impl State {
    fn socket(&self, namespace: &str) -> Option<Socket> {
        self.sockets.iter().find(|socket| socket.namespace().name() == namespace).cloned()
    }
}

/// Gives an event or an answer to its socket, which may have left while attachments were on their way.
fn deliver(socket: Option<Socket>, packet: &Packet<'_>, attachments: &[Bytes]) {
    let Some(socket) = socket else { return };
    if let PacketType::Ack | PacketType::BinaryAck = packet.kind {
        if let Some(id) = packet.id {
            let reply = AckReply { data: packet.data.to_owned(), attachments: attachments.to_vec() };
            socket.answer(id, reply);
        }
    } else {
        socket.receive(packet, attachments);
    }
}

impl Inner {
    fn read_text(self: &Arc<Self>, peer: &Arc<Peer>, text: &str) {
        let now = turn::now(peer.runtime());
        let mut state = self.state.lock();
        let action = state.client.text(text, &self.config, now);
        if let ClientAction::Packet(packet) = &action {
            // The usual case, for which the lock is taken once.
            let socket = state.socket(packet.namespace);
            drop(state);
            return deliver(socket, packet, &[]);
        }
        // Attachments may be awaited from now on.
        let deadline = state.client.deadline();
        drop(state);
        if let Some(deadline) = deadline {
            peer.visit_by(deadline);
        }
        self.act(peer, action, &[]);
    }

    /// Takes a packet that came whole in a binary message.
    fn read_msgpack(self: &Arc<Self>, peer: &Arc<Peer>, bytes: &[u8]) {
        match Message::decode(bytes, &self.config) {
            Ok(message) => {
                let action = self.state.lock().client.packet(message.packet());
                self.act(peer, action, message.attachments());
            }
            Err(error) => self.violation(peer, &error.into()),
        }
    }

    fn act(self: &Arc<Self>, peer: &Arc<Peer>, action: ClientAction<'_>, attachments: &[Bytes]) {
        match action {
            ClientAction::None => {}
            ClientAction::Connect(packet) => self.connect(peer, &packet),
            ClientAction::Packet(packet) => deliver(self.socket(packet.namespace), &packet, attachments),
            ClientAction::Complete(complete) => {
                let packet = complete.packet();
                deliver(self.socket(packet.namespace), &packet, complete.attachments());
                complete.recycle();
            }
            ClientAction::Disconnect(packet) => {
                if let Some(socket) = self.take_socket(packet.namespace) {
                    socket.gone(DisconnectReason::ClientNamespaceDisconnect);
                }
            }
            ClientAction::Close(fault) => self.violation(peer, &fault),
        }
    }

    /// Closes the connection of a client that broke the protocol or a limit.
    fn violation(&self, peer: &Arc<Peer>, fault: &Fault) {
        let is_unreadable = matches!(fault, Fault::Decode(_) | Fault::Assembly(_));
        let prefix = if is_unreadable { "undecodable packet: " } else { "" };
        peer.describe(|| format!("{prefix}{fault}"));
        let may_log = peer.count(Refusal::from(fault));
        let fault = peer.description().unwrap_or_default();
        if may_log {
            tracing::debug!(fault, "closing a connection");
        }
        if is_unreadable {
            let sockets = {
                let mut state = self.state.lock();
                state.closing = Some(DisconnectReason::Transport(CloseReason::ForcedClose));
                state.sockets.clone()
            };
            for socket in sockets {
                socket.complain(EventError::new(EventErrorKind::Malformed, "", fault));
            }
        }
        peer.close();
    }

    fn socket(&self, namespace: &str) -> Option<Socket> {
        self.state.lock().socket(namespace)
    }

    fn take_socket(&self, namespace: &str) -> Option<Socket> {
        let mut state = self.state.lock();
        let at = state.sockets.iter().position(|socket| socket.namespace().name() == namespace)?;
        Some(state.sockets.swap_remove(at))
    }

    fn route<'a>(&self, namespace: &'a str) -> Route<'a> {
        Route::new(namespace, &self.config)
    }

    fn connect(self: &Arc<Self>, peer: &Arc<Peer>, packet: &Packet<'_>) {
        if packet.namespace.len() > self.config.max_namespace_bytes {
            // Not answered by name: the answer would be as long as the name.
            return self.violation(peer, &Fault::TooManyNamespaces);
        }
        let entry = self.namespaces.enter(packet.namespace);
        if entry.is_none() && !self.namespaces.has_parents() {
            let error = ConnectError::new("Invalid namespace");
            let route = self.route(packet.namespace);
            peer.send(encode::connect_error(peer.revision(), route, &error), false);
            return;
        }
        let begun = self.state.lock().client.begin(packet.namespace, &self.config);
        if let Err(fault) = begun {
            let error = ConnectError::new(fault.to_string());
            let route = self.route(packet.namespace);
            peer.send(encode::connect_error(peer.revision(), route, &error), false);
            return self.violation(peer, &fault);
        }
        if let Some(entry) = entry {
            return self.enter(peer, entry, &auth(packet));
        }
        let auth = auth(packet);
        let request = NamespaceRequest {
            name: packet.namespace.into(),
            auth: (!auth.is_empty()).then(|| auth.into()),
            handshake: Arc::clone(&self.handshake),
        };
        run(peer, Box::pin(Arc::clone(self).admit(Arc::clone(peer), request)));
    }

    /// Waits for the decision whether there is to be a namespace that does not exist yet.
    async fn admit(self: Arc<Self>, peer: Arc<Peer>, request: NamespaceRequest) {
        let entry = self.namespaces.admit(&request, || !self.state.lock().closed).await;
        match entry {
            Ok(entry) => self.enter(&peer, entry, request.auth.as_deref().unwrap_or_default()),
            Err(error) => self.refuse_name(&peer, &request.name, &error),
        }
    }

    /// Looks for the session that a client comes back to, be it on another server, and seats the client.
    fn enter(self: &Arc<Self>, peer: &Arc<Peer>, entry: Entry, auth: &str) {
        let history = entry.namespace.history().filter(|_| peer.revision() == Revision::V4);
        let Some((history, claim)) = history.and_then(|history| Some((history, Claim::read(auth)?))) else {
            return self.seat(peer, entry, auth, None);
        };
        let session = history.claim(&claim, peer);
        if session.is_some() || history.knows(&claim.pid) {
            return self.seat(peer, entry, auth, session);
        }
        run(peer, Box::pin(Arc::clone(self).fetch(Arc::clone(peer), entry, auth.into(), claim)));
    }

    /// Seats a client whose session may come from another server.
    async fn fetch(self: Arc<Self>, peer: Arc<Peer>, entry: Entry, auth: Box<str>, claim: Claim) {
        entry.namespace.fetch_session(&claim, &peer).await;
        // A client that is gone by now finds the session here, or is asked for it by the server it comes to.
        if !self.state.lock().closed {
            let session = entry.namespace.history().and_then(|history| history.claim(&claim, &peer));
            self.seat(&peer, entry, &auth, session);
        }
    }

    /// Makes a socket and asks the namespace's middlewares.
    fn seat(self: &Arc<Self>, peer: &Arc<Peer>, entry: Entry, auth: &str, session: Option<Session>) {
        let connection = Arc::downgrade(self);
        let leave = move |name: &str| {
            if let Some(connection) = connection.upgrade() {
                connection.state.lock().client.leave(name);
                connection.take_socket(name);
            }
        };
        let handshake = Arc::clone(&self.handshake);
        let skips = session.is_some() && entry.namespace.history().is_some_and(History::skips_middlewares);
        let middlewares = if skips { Vec::new() } else { entry.namespace.middlewares() };
        let socket = Socket::new(Arc::clone(peer), entry, handshake, auth, Box::new(leave), session);
        socket.hold_session();
        if middlewares.is_empty() {
            return self.let_in(&socket);
        }
        run(peer, Box::pin(Arc::clone(self).ask(middlewares, socket)));
    }

    async fn ask(self: Arc<Self>, middlewares: Vec<Middleware>, socket: Socket) {
        for middleware in middlewares {
            if let Err(error) = ask_one(&middleware, socket.clone()).await {
                return self.refuse(&socket, &error);
            }
            if self.state.lock().closed {
                socket.detach(None);
                return;
            }
        }
        self.let_in(&socket);
    }

    fn refuse(&self, socket: &Socket, error: &ConnectError) {
        socket.detach(None);
        self.refuse_name(socket.peer(), socket.namespace().name(), error);
    }

    fn refuse_name(&self, peer: &Arc<Peer>, name: &str, error: &ConnectError) {
        let mut state = self.state.lock();
        if state.closed {
            return;
        }
        state.client.refuse(name);
        drop(state);
        peer.send(encode::connect_error(peer.revision(), self.route(name), error), false);
    }

    fn let_in(&self, socket: &Socket) {
        {
            let mut state = self.state.lock();
            // The connection may have been lost while a middleware was waiting.
            if state.closed || !socket.let_in() {
                drop(state);
                socket.detach(None);
                if socket.recovered() {
                    // It cannot go on where it was after all. It comes again, and begins anew.
                    socket.peer().lost(CloseReason::TransportClose);
                }
                return;
            }
            state.client.accept(socket.namespace().name());
            state.sockets.push(socket.clone());
        }
        socket.announce();
        if socket.namespace().is_retired() {
            socket.disconnect();
        }
    }
}

/// Runs a future to its end; only if it has to wait, a task is made for it.
fn run(peer: &Arc<Peer>, mut future: BoxFuture<'static, ()>) {
    if future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
        let runtime = Arc::clone(peer.runtime());
        peer.runtime().spawn(Box::pin(InTurns { runtime, future }));
    }
}

/// What a CONNECT says of its client as JSON; in protocol 4 it may be a query behind the namespace's name.
fn auth<'a>(packet: &Packet<'a>) -> Cow<'a, str> {
    if packet.query.is_empty() {
        return Cow::Borrowed(packet.data);
    }
    let fields =
        pairs(packet.query).map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())));
    Cow::Owned(Value::Object(fields.collect()).to_string())
}

/// Asks a middleware; one that panics refuses the client.
async fn ask_one(middleware: &Middleware, socket: Socket) -> Result<(), ConnectError> {
    let answer = match guarded(|| middleware(socket)) {
        Ok(asked) => Guarded(asked).await,
        Err(panicked) => Err(panicked),
    };
    answer.unwrap_or_else(|Panicked| {
        tracing::error!("a middleware panicked");
        Err(ConnectError::new("internal error"))
    })
}
