//! Requests of the service's path, each to its session.

use std::{convert::Infallible, fmt, future::Future, pin::Pin, sync::Arc};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header::SET_COOKIE, request::Parts,
};
use hyper::{
    body::{Body as HttpBody, Incoming},
    upgrade::OnUpgrade,
};

use super::{
    cors::{Cors, is_preflight},
    headers::{Body, empty, packets, refusal, tame_internet_explorer, upgrade_refusal},
    http_stream::HoldBack,
    options::Options,
    polling,
    websocket::{Connection, is_upgrade, switching_protocols},
};
use crate::{
    config::Config,
    engine::{Action, Input, Query, RequestError, Revision, Transport, handshake},
    hub::{Application, Encoded, Outbox, Peer, Peers, Runtime, Server, close_all},
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
    peers: Arc<Peers>,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Service({}, {} sessions)", self.0.options.path, self.len())
    }
}

/// What a request wants, once it has been checked.
enum Wanted {
    NewSession(Opening),
    Session(Arc<Peer>),
}

/// How a new session begins.
#[derive(Clone, Copy)]
struct Opening {
    revision: Revision,
    transport: Transport,
    base64: bool,
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
        let (application, peers) = (Arc::new(self.clone()), Arc::clone(self.peers()));
        Service(Arc::new(Inner { application, config, runtime, options, peers }))
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
        Self(Arc::new(Inner { application, config, runtime, options, peers: Arc::default() }))
    }

    /// Whether a request for this path belongs to the service.
    #[must_use]
    pub fn owns(&self, path: &str) -> bool {
        let own = self.0.options.path.trim_end_matches('/');
        path.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
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

    /// Closes all sessions of the application, as [`Server::close`] does.
    pub fn close(&self) {
        close_all(&*self.0.application, &self.0.peers);
    }

    /// Answers a request. The request's extensions may hold a [`RemoteAddr`](crate::hub::RemoteAddr).
    pub async fn handle<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        let cors = self.0.options.cors.as_ref();
        if let Some(cors) = cors
            && is_preflight(request.method())
        {
            return cors.preflight(request.headers());
        }
        if let Some(mut response) = self.client_file(&request) {
            if let Some(cors) = cors {
                cors.decorate(request.headers(), response.headers_mut());
            }
            return response;
        }
        if is_upgrade(request.headers()) {
            return self.websocket(request);
        }
        let (parts, body) = request.into_parts();
        let mut response = match self.verify(&parts, false) {
            Ok(wanted) => self.polling(wanted, &parts, body).await,
            Err(error) => refusal(&error),
        };
        self.finish(&parts.headers, &mut response);
        response
    }

    /// Adds the headers that every answer has.
    fn finish(&self, request: &HeaderMap, response: &mut Response<Body>) {
        if let Some(cors) = &self.0.options.cors {
            cors.decorate(request, response.headers_mut());
        }
        tame_internet_explorer(request, response.headers_mut());
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

    /// Checks a request in the order of the reference implementation.
    fn verify(&self, parts: &Parts, is_upgrade: bool) -> Result<Wanted, RequestError> {
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        let transport = query.transport(&self.0.config)?;
        let origin = parts.headers.get(http::header::ORIGIN);
        if origin.is_some_and(|origin| !handshake::is_valid_header_value(origin.as_bytes())) {
            return Err(RequestError::BadRequest);
        }
        if let Some(sid) = &query.sid {
            let peer = Sid::parse(sid).and_then(|sid| self.peer(&sid)).ok_or(RequestError::UnknownSid)?;
            let fits = if is_upgrade {
                transport == Transport::Websocket
            } else {
                transport == peer.transport() && transport == Transport::Polling
            };
            let fits = fits && query.is_of(peer.revision());
            return if fits { Ok(Wanted::Session(peer)) } else { Err(RequestError::BadRequest) };
        }
        self.verify_handshake(parts, transport, is_upgrade)?;
        let (revision, base64) = (query.revision(&self.0.config)?, query.wants_base64());
        Ok(Wanted::NewSession(Opening { revision, transport, base64 }))
    }

    fn verify_handshake(
        &self,
        parts: &Parts,
        transport: Transport,
        is_upgrade: bool,
    ) -> Result<(), RequestError> {
        if parts.method != Method::GET {
            return Err(RequestError::BadHandshakeMethod);
        }
        if is_upgrade != (transport == Transport::Websocket) {
            return Err(RequestError::BadRequest);
        }
        let options = &self.0.options;
        let admits = |cors: &Cors| cors.admits(&parts.headers);
        if !options.cors.as_ref().map_or_else(|| Cors::admits_by_default(&parts.headers), admits) {
            return Err(RequestError::Forbidden("Forbidden".into()));
        }
        match &options.allow_request {
            Some(allow) => allow(parts).map_err(RequestError::Forbidden),
            None => Ok(()),
        }
    }

    fn peer(&self, sid: &Sid) -> Option<Arc<Peer>> {
        self.0.peers.get(sid).map(|entry| Arc::clone(entry.value()))
    }

    /// Opens a session: the open packet is the first thing in its queue, after what a WebSocket may have to send
    /// before it.
    fn open(&self, opening: Opening, parts: &Parts, first: &[u8]) -> Arc<Peer> {
        let inner = &self.0;
        let Opening { revision, transport, base64 } = opening;
        let (config, runtime) = (Arc::clone(&inner.config), Arc::clone(&inner.runtime));
        let sid = runtime.fresh_sid();
        let peer = Peer::with_revision(revision, sid, transport, config, runtime, &inner.peers);
        peer.set_base64(base64);
        if !first.is_empty() {
            peer.outbox().push_control(first);
        }
        let open = handshake::open_packet(peer.sid(), transport, &inner.config);
        peer.send(Encoded::text(|out| out.extend_from_slice(open.as_bytes())), false);
        inner.peers.insert(*peer.sid(), Arc::clone(&peer));
        peer.open(&*inner.application, parts);
        peer
    }

    async fn polling<B>(&self, wanted: Wanted, parts: &Parts, body: B) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        match (wanted, &parts.method) {
            (Wanted::NewSession(opening), _) => self.open_polling(opening, parts),
            (Wanted::Session(peer), &Method::GET) => polling::get(&peer).await,
            (Wanted::Session(peer), &Method::POST) => polling::post(&peer, &parts.headers, body).await,
            (Wanted::Session(_), _) => empty(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    fn open_polling(&self, opening: Opening, parts: &Parts) -> Response<Body> {
        let peer = self.open(opening, parts, &[]);
        let mut response = packets(peer.take_payload().unwrap_or_default());
        if let Some(cookie) = &self.0.options.cookie
            && let Ok(value) = HeaderValue::from_str(&cookie.header(peer.sid().as_str()))
        {
            response.headers_mut().append(SET_COOKIE, value);
        }
        response
    }

    /// Answers a request for a WebSocket, which begins once hyper has let go of the connection.
    fn websocket<B>(&self, mut request: Request<B>) -> Response<Body> {
        let upgraded = hyper::upgrade::on(&mut request);
        let (parts, _) = request.into_parts();
        let wanted = self.verify(&parts, true);
        let opened = wanted.and_then(|wanted| {
            let response = switching_protocols(&parts.headers).ok_or(RequestError::BadRequest)?;
            Ok((wanted, response))
        });
        let (mut response, wanted) = match opened {
            Ok((wanted, response)) => (response, Some(wanted)),
            Err(error) => (upgrade_refusal(&error), None),
        };
        self.finish(&parts.headers, &mut response);
        match wanted {
            Some(Wanted::NewSession(opening)) => self.begin(opening, Box::new(parts), upgraded),
            Some(Wanted::Session(peer)) => {
                let base64 = Query::parse(parts.uri.query().unwrap_or_default()).wants_base64();
                self.0.runtime.spawn(Box::pin(switch(peer, upgraded, base64)));
            }
            None => {}
        }
        response
    }

    /// Opens a session on a WebSocket.
    fn begin(&self, opening: Opening, mut parts: Box<Parts>, upgraded: OnUpgrade) {
        if let Some(hold_back) = parts.extensions.remove::<HoldBack>() {
            hold_back.ask();
        }
        let service = self.clone();
        self.0.runtime.spawn(Box::pin(async move {
            // A client that is gone before the switch leaves nothing behind.
            let Ok(upgraded) = upgraded.await else { return };
            let (connection, first) = Connection::new(upgraded, &service.0.config);
            let peer = service.open(opening, &parts, &first);
            drop((service, parts));
            connection.run(&peer).await;
        }));
    }
}

/// Upgrades a session from polling to a WebSocket.
async fn switch(peer: Arc<Peer>, upgraded: OnUpgrade, base64: bool) {
    let Ok(upgraded) = upgraded.await else { return };
    // The answer was not held back, as the client speaks next.
    let (mut connection, _) = Connection::new(upgraded, peer.config());
    let outbox = Box::new(Outbox::default());
    if !connection.upgrade(&peer, &outbox).await {
        return connection.dismiss(&outbox).await;
    }
    drop(outbox);
    // A client of protocol 3 may read binary over the one transport and not over the other.
    peer.set_base64(base64);
    if peer.is_closing() {
        // The application closed the session while the upgrade was going on.
        if let Action::Close(_) = peer.feed(Input::Close { pending: false }) {
            tracing::debug!("closing a session right after its upgrade");
        }
    }
    connection.run(&peer).await;
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
                return Ok(empty(StatusCode::NOT_FOUND));
            }
            Ok(service.handle(request).await)
        })
    }
}
