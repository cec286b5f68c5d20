//! The service that programs give their requests to: what it is made of, and how sessions are opened.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, atomic::AtomicBool},
};

use bytes::Bytes;
use dashmap::Entry;
use http::{
    Extensions, HeaderValue, Request, Response, StatusCode,
    header::{CONNECTION, UPGRADE},
    request::Parts,
};
use hyper::body::{Body as HttpBody, Incoming};

use super::{
    headers::{Body, empty},
    options::Options,
    verify::Opening,
};
use crate::{
    config::Config,
    engine::handshake,
    hub::{
        Application, Encoded, Endpoints, Engine, Peer, Peers, Refusal, Refusals, RemoteAddr, Runtime, Server,
        close_all,
    },
    sid::Sid,
};

/// An Engine.IO server as a hyper service, to be mounted alone or in front of other routes.
///
/// What runs on top is an [`Application`]: the Socket.IO [`Server`], or one of your own for bare Engine.IO.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    application: Arc<dyn Application>,
    config: Arc<Config>,
    runtime: Arc<dyn Runtime>,
    options: Options,
    /// The path of the options without a slash at its end.
    path: Box<str>,
    peers: Arc<Peers>,
    endpoints: Arc<Endpoints>,
    /// Whether no session may be opened any more.
    stopping: AtomicBool,
    /// Held by each WebSocket's task.
    connections: Arc<()>,
}

impl Inner {
    fn new(
        application: Arc<dyn Application>,
        config: Arc<Config>,
        runtime: Arc<dyn Runtime>,
        options: Options,
        peers: Arc<Peers>,
        endpoints: Arc<Endpoints>,
    ) -> Self {
        let (stopping, connections) = (AtomicBool::new(false), Arc::default());
        let path = options.path.trim_end_matches('/').into();
        Self { application, config, runtime, options, path, peers, endpoints, stopping, connections }
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Service({}, {} sessions)", self.0.options.path, self.len())
    }
}

impl Server {
    /// The service for this server, with the default [`Options`].
    #[must_use]
    pub fn service(&self) -> Service {
        self.service_with(Options::default())
    }

    /// The service for this server. All services of a server share its sessions.
    #[must_use]
    pub fn service_with(&self, options: Options) -> Service {
        let (config, runtime) = (Arc::clone(self.config()), Arc::clone(self.runtime()));
        let (peers, endpoints) = (Arc::clone(self.peers()), Arc::clone(self.endpoints()));
        let application = Arc::new(self.clone());
        Service(Arc::new(Inner::new(application, config, runtime, options, peers, endpoints)))
    }
}

impl Engine {
    /// The service for this server below `/engine.io`, with the default [`Options`].
    #[must_use]
    pub fn service(&self) -> Service {
        self.service_with(Options::engine_io())
    }

    /// The service for this server. All services of a server share its sessions.
    #[must_use]
    pub fn service_with(&self, options: Options) -> Service {
        let (config, runtime) = (Arc::clone(self.config()), Arc::clone(self.runtime()));
        let (application, peers) = (Arc::new(self.clone()), Arc::clone(self.peers()));
        Service(Arc::new(Inner::new(application, config, runtime, options, peers, Arc::default())))
    }
}

impl Service {
    /// A service for any application.
    #[must_use]
    pub fn new(
        application: Arc<dyn Application>,
        config: Arc<Config>,
        runtime: Arc<dyn Runtime>,
        options: Options,
    ) -> Self {
        let (peers, endpoints) = Default::default();
        Self(Arc::new(Inner::new(application, config, runtime, options, peers, endpoints)))
    }

    /// Whether a request for this path belongs to the service.
    #[must_use]
    pub fn owns(&self, path: &str) -> bool {
        path.strip_prefix(&*self.0.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// How many sessions are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.peers.len()
    }

    /// Whether no session is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How often clients were refused something, and what.
    #[must_use]
    pub fn refusals(&self) -> &Refusals {
        self.0.peers.refusals()
    }

    /// Closes all sessions of the application, as [`Server::close`] does.
    pub fn close(&self) {
        close_all(&*self.0.application, &self.0.peers);
    }

    /// Answers a request. The request's extensions may hold a [`RemoteAddr`].
    pub fn handle<B>(&self, request: Request<B>) -> impl Future<Output = Response<Body>>
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        self.answer_for_hyper(request, None)
    }

    /// Answers a request of a client at `remote`, which becomes a [`RemoteAddr`] among the request's extensions where
    /// anybody can look at it: in requests that open a session, and in all if there are hooks that see all.
    pub fn handle_from<B>(
        &self,
        mut request: Request<B>,
        remote: SocketAddr,
    ) -> impl Future<Output = Response<Body>>
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        let remote = RemoteAddr(remote);
        self.show(remote, request.extensions_mut());
        self.answer_for_hyper(request, Some(remote))
    }

    /// Puts a client's address where hooks that see all requests find it.
    pub(super) fn show(&self, remote: RemoteAddr, extensions: &mut Extensions) {
        if self.0.options.show_every_request() {
            extensions.insert(remote);
        }
    }

    /// Answers a request of a client at `remote`, and those that are not of this service's path with 404.
    pub(super) async fn answer_any(
        self,
        request: Request<Incoming>,
        remote: SocketAddr,
    ) -> Result<Response<Body>, Infallible> {
        if self.owns(request.uri().path()) {
            Ok(self.handle_from(request, remote).await)
        } else {
            Ok(not_found(&request))
        }
    }

    /// How many WebSockets are open, those whose session has ended included.
    #[must_use]
    pub fn connections(&self) -> usize {
        Arc::strong_count(&self.0.connections) - 1
    }

    /// To be held as long as a WebSocket is open.
    pub(super) fn connection(&self) -> Arc<()> {
        Arc::clone(&self.0.connections)
    }

    pub(super) fn stopping(&self) -> &AtomicBool {
        &self.0.stopping
    }

    pub(super) fn config(&self) -> &Arc<Config> {
        &self.0.config
    }

    pub(super) fn runtime(&self) -> &Arc<dyn Runtime> {
        &self.0.runtime
    }

    pub(super) fn options(&self) -> &Options {
        &self.0.options
    }

    pub(super) fn peers(&self) -> &Arc<Peers> {
        &self.0.peers
    }

    /// Counts a refusal; answers whether the log may have a line of it.
    pub(super) fn count(&self, refusal: Refusal) -> bool {
        self.0.peers.refusals().note(refusal, self.0.runtime.now())
    }

    /// The endpoints beside HTTP.
    #[cfg(feature = "webtransport")]
    pub(super) fn endpoints(&self) -> &Arc<Endpoints> {
        &self.0.endpoints
    }

    pub(super) fn peer(&self, sid: &Sid) -> Option<Arc<Peer>> {
        self.0.peers.get(sid).map(|entry| Arc::clone(entry.value()))
    }

    /// Opens a session: the open packet is the first thing in its queue, after what a WebSocket may have to send
    /// before it. `None` if the id has been taken meanwhile.
    pub(super) fn open(&self, opening: Opening, parts: &Parts, first: &[u8]) -> Option<Arc<Peer>> {
        let inner = &self.0;
        let Opening { sid, revision, transport, base64, pass } = opening;
        let (config, runtime) = (Arc::clone(&inner.config), Arc::clone(&inner.runtime));
        let peer = Peer::with_revision(revision, sid, transport, config, runtime, &inner.peers);
        peer.set_base64(base64);
        peer.keep_pass(pass);
        if !first.is_empty() {
            peer.outbox().push_control(first);
        }
        let has_webtransport = inner.endpoints.have_webtransport();
        let open = handshake::open_packet(peer.sid(), transport, &inner.config, has_webtransport);
        peer.send(Encoded::text(|out| out.extend_from_slice(open.as_bytes())), false);
        if let Some(packet) = &inner.options.initial_packet {
            peer.send_text(packet);
        }
        match inner.peers.entry(sid) {
            Entry::Occupied(_) => return None,
            Entry::Vacant(entry) => drop(entry.insert(Arc::clone(&peer))),
        }
        peer.open(&*inner.application, parts);
        Some(peer)
    }
}

impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    /// Answers a request of this service's path, and others with 404.
    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move {
            if !service.owns(request.uri().path()) {
                return Ok(not_found(&request));
            }
            Ok(service.handle(request).await)
        })
    }
}

/// The answer to a request that is nobody's. One that asks for another protocol has nothing to wait for.
fn not_found(request: &Request<Incoming>) -> Response<Body> {
    let mut response = empty(StatusCode::NOT_FOUND);
    if request.headers().contains_key(UPGRADE) {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
