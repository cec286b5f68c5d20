//! Namespaces that are made when a client asks for them, and what they have in common.

use std::{
    fmt,
    future::Future,
    sync::{Arc, Weak},
};

use serde::{Serialize, de::DeserializeOwned};

use super::{
    Hooks, Namespace, hooking,
    pattern::{Params, Pattern},
    registry::Namespaces,
};
use crate::hub::{
    broadcast::{BroadcastOperator, Rooms, Selection, selecting, sending},
    guard::{Guarded, guarded},
    handshake::Handshake,
    outbox::Sent,
    payload::Payload,
    runtime::BoxFuture,
    socket::{JoinError, Socket},
};

/// A client that asks for a namespace that does not exist yet.
#[derive(Clone, Debug)]
pub struct NamespaceRequest {
    pub(crate) name: Box<str>,
    pub(crate) auth: Option<Box<str>>,
    pub(crate) handshake: Arc<Handshake>,
}

impl NamespaceRequest {
    /// The name that is asked for, beginning with `/`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The CONNECT packet's payload (`auth` in the client's options) read as a type; `None` if there was none or it has
    /// another form.
    #[must_use]
    pub fn auth<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(self.auth.as_deref()?).ok()
    }

    /// The request that opened the connection.
    #[must_use]
    pub fn handshake(&self) -> &Handshake {
        &self.handshake
    }
}

type Decide = Box<dyn Fn(NamespaceRequest) -> BoxFuture<'static, bool> + Send + Sync>;

/// Which names a parent takes for its children.
pub(crate) enum Matcher {
    Pattern(Pattern),
    Predicate(Box<dyn Fn(&str) -> bool + Send + Sync>),
    Decision(Decide),
}

impl Matcher {
    pub(crate) fn decision<F, Fut>(decide: F) -> Self
    where
        F: Fn(NamespaceRequest) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = bool> + Send + 'static,
    {
        Self::Decision(Box::new(move |request| Box::pin(decide(request))))
    }
}

/// What namespaces have in common that are made when clients ask for them: their listeners, their middlewares, and
/// broadcasts to all of them. Listeners and middlewares added later hold for the children there are as well.
///
/// Clones are cheap and mean the same parent.
#[derive(Clone)]
pub struct ParentNamespace(Arc<Inner>);

struct Inner {
    matcher: Matcher,
    hooks: Hooks,
    registry: Weak<Namespaces>,
}

impl fmt::Debug for ParentNamespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.matcher {
            Matcher::Pattern(pattern) => write!(f, "ParentNamespace({pattern:?})"),
            Matcher::Predicate(_) | Matcher::Decision(_) => f.write_str("ParentNamespace"),
        }
    }
}

impl PartialEq for ParentNamespace {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

hooking!(ParentNamespace);
sending!(ParentNamespace, ParentBroadcast);

impl ParentNamespace {
    pub(crate) fn new(matcher: Matcher, registry: Weak<Namespaces>) -> Self {
        Self(Arc::new(Inner { matcher, hooks: Hooks::default(), registry }))
    }

    /// The namespaces that have been made for it.
    #[must_use]
    pub fn children(&self) -> Vec<Namespace> {
        self.0.registry.upgrade().map(|registry| registry.children_of(self)).unwrap_or_default()
    }

    pub(crate) fn hooks(&self) -> &Hooks {
        &self.0.hooks
    }

    fn operator(&self) -> ParentBroadcast {
        ParentBroadcast { parent: self.clone(), selection: Selection::default() }
    }

    /// Whether the name alone makes a namespace a child; a function that decides is asked for clients only.
    pub(super) fn matches(&self, name: &str) -> Option<Params> {
        match &self.0.matcher {
            Matcher::Pattern(pattern) => pattern.matches(name),
            Matcher::Predicate(predicate) => {
                guarded(|| predicate(name)).unwrap_or(false).then(Params::default)
            }
            Matcher::Decision(_) => None,
        }
    }

    /// Whether a client's request makes a namespace a child. A function that panics has said no.
    pub(super) async fn admits(&self, request: &NamespaceRequest) -> Option<Params> {
        let Matcher::Decision(decide) = &self.0.matcher else { return self.matches(&request.name) };
        let decision = match guarded(|| decide(request.clone())) {
            Ok(decision) => Guarded(decision).await,
            Err(panicked) => Err(panicked),
        };
        decision.unwrap_or(false).then(Params::default)
    }
}

/// Whom of a parent's children to send to, and how. Each method answers a new operator.
#[derive(Clone, Debug)]
#[must_use = "a broadcast does nothing before `emit`"]
pub struct ParentBroadcast {
    parent: ParentNamespace,
    selection: Selection,
}

selecting!(ParentBroadcast);

impl ParentBroadcast {
    fn each(&self) -> impl Iterator<Item = BroadcastOperator> {
        let children = self.parent.children().into_iter();
        children.map(|child| BroadcastOperator::with(child, self.selection.clone()))
    }

    /// Sends an event in each child: a tuple is several arguments, `()` none, anything else one.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Sent {
        self.each().map(|child| child.emit(event, args)).fold(Sent::Queued, worse)
    }

    /// Sends an event whose arguments came from elsewhere in each child.
    pub fn emit_payload(&self, event: &str, payload: &Payload) -> Sent {
        self.each().map(|child| child.emit_payload(event, payload)).fold(Sent::Queued, worse)
    }

    /// Sends the event `message` in each child.
    pub fn send<T: Serialize + ?Sized>(&self, args: &T) -> Sent {
        self.emit("message", args)
    }

    /// The sockets of this server that are meant.
    #[must_use]
    pub fn sockets(&self) -> Vec<Socket> {
        self.each().flat_map(|child| child.sockets()).collect()
    }

    /// Makes the sockets join a room or several, each in its own namespace.
    ///
    /// # Errors
    /// The first socket of this server that could not, after all others have been tried.
    pub fn sockets_join(&self, rooms: impl Rooms) -> Result<(), JoinError> {
        let rooms: Vec<_> = rooms.into_rooms().collect();
        self.each().map(|child| child.sockets_join(&rooms[..])).fold(Ok(()), Result::and)
    }

    /// Makes the sockets leave a room or several.
    pub fn sockets_leave(&self, rooms: impl Rooms) {
        let rooms: Vec<_> = rooms.into_rooms().collect();
        self.each().for_each(|child| child.sockets_leave(&rooms[..]));
    }

    /// Ends the sockets' stay in their namespaces; with `close`, their connections as well.
    pub fn disconnect_sockets(&self, close: bool) {
        self.each().for_each(|child| child.disconnect_sockets(close));
    }
}

fn worse(first: Sent, second: Sent) -> Sent {
    if first == Sent::Queued { second } else { first }
}
