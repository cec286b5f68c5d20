//! Requests of the service's path, each to its session.

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
    HeaderValue, Method, Request, Response, StatusCode,
    header::{CONNECTION, SET_COOKIE, UPGRADE},
    request::Parts,
};
use hyper::body::{Body as HttpBody, Incoming};

use super::{
    compression::respond,
    cors::is_preflight,
    headers::{Body, empty, refusal, tame_internet_explorer, upgrade_refusal},
    hooks::ConnectionError,
    middleware::{self, Exchange, Verdict},
    options::Options,
    polling,
    verify::{Opening, Wanted},
    websocket::is_upgrade,
};
use crate::{
    config::Config,
    engine::{BadRequest, RequestError, handshake},
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
        self.respond(request, None)
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
        if self.0.options.show_every_request() {
            request.extensions_mut().insert(remote);
        }
        self.respond(request, Some(remote))
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

    async fn respond<B>(&self, request: Request<B>, remote: Option<RemoteAddr>) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        if let Some(response) = self.answer_early(&request) {
            return response;
        }
        if self.0.options.middleware.is_empty() {
            return self.answer(request, remote).await;
        }
        Box::pin(self.pass_middleware(request)).await
    }

    /// Answers what no session and no hook is asked about: preflights, files, and newcomers while the server stops.
    fn answer_early<B>(&self, request: &Request<B>) -> Option<Response<Body>> {
        let cors = self.0.options.cors.as_ref();
        if let Some(cors) = cors
            && is_preflight(request.method())
        {
            return Some(cors.preflight(request.headers()));
        }
        let refused = || self.refuse_while_stopping(request.uri().query().unwrap_or_default());
        let mut response = self.client_file(request).or_else(refused)?;
        if let Some(cors) = cors {
            cors.decorate(request.headers(), response.headers_mut());
        }
        Some(response)
    }

    async fn answer<B>(&self, request: Request<B>, remote: Option<RemoteAddr>) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        if is_upgrade(request.headers()) {
            // In a box, as there is one on a connection at most, and its future is larger than that of others.
            return Box::pin(self.websocket(request, remote)).await;
        }
        let (mut parts, body) = request.into_parts();
        let (response, opens) = match self.verify(&mut parts, remote, false).await {
            Ok(Wanted::NewSession(opening)) => (self.open_polling(opening, &parts).await, true),
            Ok(Wanted::Session(peer)) => (self.polling(&peer, &parts, body).await, false),
            Err(error) => (Err(error), false),
        };
        let mut response = response.unwrap_or_else(|error| self.refuse(&parts, &error, false));
        self.finish(&parts, &mut response, opens);
        response
    }

    async fn pass_middleware<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        let (request, body) = request.into_parts();
        let mut exchange = Exchange { request, headers: http::HeaderMap::new() };
        let verdict = middleware::run(&self.0.options.middleware, &mut exchange).await;
        let Exchange { request, headers } = exchange;
        let mut response = match verdict {
            Verdict::Next => self.answer(Request::from_parts(request, body), None).await,
            Verdict::End(response) => {
                let mut response = response.map(Body::new);
                self.finish(&request, &mut response, false);
                response
            }
            Verdict::Fail(reason) => {
                let error = RequestError::BadRequest(BadRequest::MiddlewareFailure(reason));
                let mut response = self.refuse(&request, &error, is_upgrade(&request.headers));
                self.finish(&request, &mut response, false);
                response
            }
        };
        middleware::add_headers(&headers, response.headers_mut());
        response
    }

    /// Tells the application of a request that is refused, and counts it.
    pub(super) fn tell_refused(&self, request: &Parts, error: &RequestError) {
        if let RequestError::Forbidden(_) = error {
            self.count(Refusal::Forbidden);
        }
        if let Some(tell) = &self.0.options.on_connection_error {
            tell(&ConnectionError { request, error });
        }
    }

    pub(super) fn refuse(&self, request: &Parts, error: &RequestError, is_upgrade: bool) -> Response<Body> {
        self.tell_refused(request, error);
        if is_upgrade { upgrade_refusal(error) } else { refusal(error) }
    }

    /// Adds the headers that every answer has; `opens` says whether it is the one that opens a session.
    pub(super) fn finish(&self, request: &Parts, response: &mut Response<Body>, opens: bool) {
        let (options, headers) = (&self.0.options, response.headers_mut());
        if let Some(cors) = &options.cors {
            cors.decorate(&request.headers, headers);
        }
        tame_internet_explorer(&request.headers, headers);
        if opens && let Some(change) = &options.initial_headers {
            change(headers, request);
        }
        if let Some(change) = &options.headers {
            change(headers, request);
        }
    }

    /// Answers a request for a file of the client library.
    fn client_file<B>(&self, request: &Request<B>) -> Option<Response<Body>> {
        let client = self.0.options.client.as_ref()?;
        let name = request.uri().path().rsplit('/').next()?;
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return None;
        }
        client.respond(name, request.headers())
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

    async fn polling<B>(
        &self,
        peer: &Arc<Peer>,
        parts: &Parts,
        body: B,
    ) -> Result<Response<Body>, RequestError>
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        let compression = self.0.options.http_compression.as_ref();
        match parts.method {
            Method::GET => polling::get(peer, &parts.headers, compression).await,
            Method::POST => polling::post(peer, &parts.headers, body).await,
            _ => Ok(empty(StatusCode::INTERNAL_SERVER_ERROR)),
        }
    }

    async fn open_polling(&self, opening: Opening, parts: &Parts) -> Result<Response<Body>, RequestError> {
        let in_use = || RequestError::BadRequest(BadRequest::IdGenerationError("the id is in use".into()));
        let peer = self.open(opening, parts, &[]).ok_or_else(in_use)?;
        let compression = self.0.options.http_compression.as_ref();
        let payload = peer.take_payload().unwrap_or_default();
        let mut response = respond(compression, &parts.headers, payload).await;
        if let Some(cookie) = &self.0.options.cookie
            && let Ok(value) = HeaderValue::from_str(&cookie.header(peer.sid().as_str()))
        {
            response.headers_mut().append(SET_COOKIE, value);
        }
        Ok(response)
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
