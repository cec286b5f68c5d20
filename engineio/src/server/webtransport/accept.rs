//! From a UDP packet of somebody unknown to a session.

use std::{future::Future, sync::Arc, time::Duration};

use http::{HeaderValue, Method, StatusCode, Version, header::HOST, request::Parts};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::timeout,
};
use web_transport_quinn::{
    Request,
    quinn::{Endpoint, Incoming, VarInt},
};

use super::{
    connection::{Connection, Quic},
    endpoint::{WebTransport, WebTransportError, settings},
};
use crate::{
    engine::{Action, BadRequest, Input, Packet, Query, RequestError, Revision, Transport, handshake},
    hub::{Outbox, Peer, Refusal, RemoteAddr, Secure, Server},
    server::{Options, Service, verify::Opening},
    sid::Sid,
};

/// Clients that may be between their first UDP packet and their session; more are refused.
const MAX_OPENING: usize = 1_024;
/// Of these, how many may come from addresses that were not proved.
const MAX_UNPROVED: usize = 256;
/// The time connections have to end once the endpoint stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

impl Server {
    /// Serves WebTransport beside HTTP until `stop` is ready, as [`Service::serve_webtransport`] does.
    ///
    /// # Errors
    /// WebTransport is off in the server's configuration, the options have middleware, or the socket cannot be used.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// use engineio::{Config, Server, server::{Certificate, Options, WebTransport}};
    ///
    /// let io = Server::with_config(Config { webtransport: true, ..Config::default() })?;
    /// let certificate = Certificate::from_pem(&std::fs::read("chain.pem")?, &std::fs::read("key.pem")?)?;
    /// let endpoint = WebTransport::bind("0.0.0.0:443", certificate)?;
    /// let never = std::future::pending();
    /// let (_, served) = tokio::join!(
    ///     io.listen("127.0.0.1:3000"), // behind a proxy that has port 443 of TCP
    ///     io.serve_webtransport(&endpoint, Options::default(), never),
    /// );
    /// # Ok(served?)
    /// # }
    /// ```
    pub async fn serve_webtransport(
        &self,
        endpoint: &WebTransport,
        options: Options,
        stop: impl Future<Output = ()>,
    ) -> Result<(), WebTransportError> {
        self.service_with(options).serve_webtransport(endpoint, stop).await
    }
}

impl Service {
    /// Serves WebTransport on an endpoint until `stop` is ready; then all sessions are closed, as by [`Service::close`],
    /// and their connections have 5 s to end.
    ///
    /// The sessions are those of the service: a client may begin by polling and upgrade to WebTransport. Path, origin and
    /// [`Options::allow_request`] are asked about the CONNECT request, which
    /// browsers send without cookies.
    ///
    /// # Errors
    /// WebTransport is off in the server's configuration, the service has middleware, or the socket cannot be used.
    pub async fn serve_webtransport(
        &self,
        endpoint: &WebTransport,
        stop: impl Future<Output = ()>,
    ) -> Result<(), WebTransportError> {
        if !self.config().webtransport {
            return Err(WebTransportError::Off);
        }
        if !self.options().middleware.is_empty() {
            return Err(WebTransportError::Middleware);
        }
        let quic = endpoint.start(self.config())?;
        let attached = self.endpoints().attach_webtransport();
        // Each connection keeps a receiver, so that the end of all can be waited for.
        let (alive, _) = watch::channel(());
        tokio::select! {
            () = self.accept_webtransport(endpoint, &quic, &alive) => {}
            () = stop => {}
        }
        drop(attached);
        self.close();
        let _ = timeout(STOP_TIMEOUT, alive.closed()).await;
        quic.close(VarInt::from_u32(0), b"");
        Ok(())
    }

    /// Accepts connections for ever.
    async fn accept_webtransport(&self, endpoint: &WebTransport, quic: &Endpoint, alive: &watch::Sender<()>) {
        let opening = Arc::new(Semaphore::new(MAX_OPENING));
        let mut certificates = endpoint.certificates();
        loop {
            let incoming = tokio::select! {
                incoming = quic.accept() => incoming,
                Ok(()) = certificates.changed() => {
                    quic.set_server_config(Some(settings(&certificates.borrow_and_update(), self.config())));
                    continue;
                }
            };
            let Some(incoming) = incoming else { return };
            let Some((incoming, permit)) = self.admit(incoming, &opening) else { continue };
            let (service, alive) = (self.clone(), alive.subscribe());
            self.runtime().spawn(Box::pin(async move {
                service.webtransport(incoming, permit).await;
                drop(alive);
            }));
        }
    }

    /// Takes a client on, unless there are too many; one that may not have the address it claims to have is asked to prove
    /// it if there are many.
    fn admit(
        &self,
        incoming: Incoming,
        opening: &Arc<Semaphore>,
    ) -> Option<(Incoming, OwnedSemaphorePermit)> {
        let Ok(permit) = Arc::clone(opening).try_acquire_owned() else {
            if self.count(Refusal::WebtransportOpening) {
                tracing::warn!(address = %incoming.remote_address().ip(), "a WebTransport client was refused");
            }
            incoming.refuse();
            return None;
        };
        let underway = MAX_OPENING - opening.available_permits();
        if underway > MAX_UNPROVED && incoming.may_retry() {
            // The error is that it may not, which was asked before.
            let _ = incoming.retry();
            return None;
        }
        Some((incoming, permit))
    }

    /// Lets a client come to its session within the time for an upgrade, and runs that.
    async fn webtransport(&self, incoming: Incoming, permit: OwnedSemaphorePermit) {
        let opened = timeout(self.config().upgrade_timeout, self.open_webtransport(incoming)).await;
        drop(permit);
        match opened {
            Ok(Some((connection, Opened::Session(peer)))) => connection.run(&peer).await,
            Ok(Some((connection, Opened::Upgrade(peer)))) => upgrade(connection, &peer).await,
            Ok(Some((connection, Opened::Refused(error)))) => {
                tracing::debug!(%error, "refusing a WebTransport session");
                connection.end(&Outbox::default()).await;
            }
            // What was held of the connection is gone, and so is the connection.
            Ok(None) | Err(_) => tracing::debug!("a WebTransport client did not open a session"),
        }
    }

    /// Goes from the QUIC handshake to the first packet; `None` if the client does not.
    async fn open_webtransport(&self, incoming: Incoming) -> Option<(Box<Connection>, Opened)> {
        let quic = Quic(incoming.accept().ok()?.await.ok()?);
        let request = Request::accept(quic.0.clone()).await.ok()?;
        let parts = parts(&request)?;
        if let Err(status) = self.verify_webtransport(&parts).await {
            request.reject(status).await.ok()?;
            // The client closes the connection once it knows.
            quic.0.closed().await;
            return None;
        }
        let session = request.ok().await.ok()?;
        let stream = session.accept_bi().await.ok()?;
        let mut connection = Connection::new(quic, session, stream);
        let wanted = connection.first_packet(self.config(), |packet| wanted(packet, &parts)).await?;
        let opened = match wanted {
            Ok(None) => self.open_session(&parts).await.map(Opened::Session),
            Ok(Some(sid)) => self.session_to_upgrade(&sid).map(Opened::Upgrade),
            Err(error) => Err(error),
        };
        let opened = opened.unwrap_or_else(|error| {
            self.tell_refused(&parts, &error);
            Opened::Refused(error)
        });
        Some((connection, opened))
    }

    /// Checks a CONNECT request; the status of a refusal is what the client gets.
    async fn verify_webtransport(&self, parts: &Parts) -> Result<(), StatusCode> {
        if !self.owns(parts.uri.path()) {
            return Err(StatusCode::NOT_FOUND);
        }
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        let verified = match self.check_origin(parts) {
            Ok(()) if !query.is_of(Revision::V4) => Err(RequestError::UnsupportedVersion),
            // The application is asked about new sessions only.
            Ok(()) if query.sid.is_none() => self.ask_application(parts).await,
            checked => checked,
        };
        verified.map_err(|error| {
            self.tell_refused(parts, &error);
            StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST)
        })
    }

    async fn open_session(&self, parts: &Parts) -> Result<Arc<Peer>, RequestError> {
        let pass = self.let_in(parts)?;
        let sid = self.fresh_sid(parts).await?;
        let (revision, transport) = (Revision::V4, Transport::Webtransport);
        let opened = self.open(Opening { sid, revision, transport, base64: false, pass }, parts, &[]);
        let taken = || RequestError::BadRequest(BadRequest::IdGenerationError("the id is in use".into()));
        opened.ok_or_else(taken)
    }

    fn session_to_upgrade(&self, sid: &Sid) -> Result<Arc<Peer>, RequestError> {
        let peer = self.peer(sid).ok_or(RequestError::UnknownSid)?;
        match peer.revision() {
            Revision::V4 => Ok(peer),
            Revision::V3 => Err(RequestError::BadRequest(BadRequest::TransportMismatch)),
        }
    }
}

/// What a client has come to.
enum Opened {
    Session(Arc<Peer>),
    Upgrade(Arc<Peer>),
    Refused(RequestError),
}

/// The session that a client's first packet asks for: none for a new one.
///
/// One whose CONNECT request named a session was let in for its upgrade, and the application was not asked about
/// another.
fn wanted(packet: &Packet<'_>, parts: &Parts) -> Result<Option<Sid>, RequestError> {
    let bad = || RequestError::BadRequest(BadRequest::TransportHandshakeError);
    let Packet::Open(data) = packet else { return Err(bad()) };
    let wanted = handshake::session_to_upgrade(data)?;
    if wanted.is_none() && names_session(parts) { Err(bad()) } else { Ok(wanted) }
}

/// Whether a CONNECT request is for the upgrade of a session.
fn names_session(parts: &Parts) -> bool {
    Query::parse(parts.uri.query().unwrap_or_default()).sid.is_some()
}

/// A CONNECT request as applications know requests.
fn parts(request: &Request) -> Option<Parts> {
    let url = &request.url;
    let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    let builder = http::Request::builder().method(Method::CONNECT).version(Version::HTTP_3).uri(path);
    let (mut parts, ()) = builder.body(()).ok()?.into_parts();
    parts.headers = request.headers.clone();
    // What the `Host` was before HTTP/2.
    parts.headers.insert(HOST, HeaderValue::try_from(url.authority()).ok()?);
    parts.extensions.insert(RemoteAddr(request.conn().remote_address()));
    parts.extensions.insert(Secure);
    Some(parts)
}

/// Upgrades a session from polling.
async fn upgrade(mut connection: Box<Connection>, peer: &Arc<Peer>) {
    let outbox = Box::new(Outbox::default());
    if !connection.upgrade(peer, &outbox).await {
        return connection.end(&outbox).await;
    }
    drop(outbox);
    if peer.is_closing() {
        // The application closed the session while the upgrade was going on.
        if let Action::Close(_) = peer.feed(Input::Close) {
            tracing::debug!("closing a session right after its upgrade");
        }
    }
    connection.run(peer).await;
}
