//! Checking requests before they reach a session.

use std::{net::IpAddr, sync::Arc};

use http::{Method, header::ORIGIN, request::Parts};

use super::{cors::Cors, service::Service};
use crate::{
    config::ConnectionLimits,
    engine::{BadRequest, Query, RequestError, Revision, Transport, handshake},
    hub::{Pass, Peer, Refusal, RemoteAddr},
    sid::Sid,
};

/// What a request wants, once it has been checked.
pub(super) enum Wanted {
    NewSession(Opening),
    Session(Arc<Peer>),
}

/// How a new session begins.
pub(super) struct Opening {
    pub(super) sid: Sid,
    pub(super) revision: Revision,
    pub(super) transport: Transport,
    pub(super) base64: bool,
    /// Counts the session from now to its end.
    pub(super) pass: Option<Box<Pass>>,
}

impl Service {
    /// Checks a request in the order of the reference implementation. One that opens a session shows from where to those
    /// who are asked about it.
    pub(super) async fn verify(
        &self,
        parts: &mut Parts,
        remote: Option<RemoteAddr>,
        is_upgrade: bool,
    ) -> Result<Wanted, RequestError> {
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        let transport = query.transport(self.config())?;
        let origin = parts.headers.get(ORIGIN);
        if origin.is_some_and(|origin| !handshake::is_valid_header_value(origin.as_bytes())) {
            return Err(RequestError::BadRequest(BadRequest::InvalidOrigin));
        }
        if let Some(sid) = &query.sid {
            let peer = self.verify_session(sid, &query, transport, is_upgrade)?;
            if is_upgrade {
                // The rules of browsers, which keep foreign pages from polling, do not concern a WebSocket.
                self.check_origin(parts)?;
            }
            return Ok(Wanted::Session(peer));
        }
        if let Some(remote) = remote {
            parts.extensions.insert(remote);
        }
        self.verify_handshake(parts, transport, is_upgrade)?;
        let pass = self.let_in(parts)?;
        self.ask_application(parts).await?;
        let (revision, base64) = (query.revision(self.config())?, query.wants_base64());
        let sid = self.fresh_sid(parts).await?;
        Ok(Wanted::NewSession(Opening { sid, revision, transport, base64, pass }))
    }

    /// Counts a session that is about to begin: before the program is asked, which may take its time.
    pub(super) fn let_in(&self, parts: &Parts) -> Result<Option<Box<Pass>>, RequestError> {
        let limits = &self.config().sessions;
        if !limits.look_at_addresses() {
            return self.enter(limits, None);
        }
        let address = match &self.options().client_address {
            Some(tell) => tell(parts),
            None => parts.extensions.get::<RemoteAddr>().map(|remote| remote.0.ip()),
        };
        self.enter(limits, address)
    }

    fn enter(
        &self,
        limits: &ConnectionLimits,
        address: Option<IpAddr>,
    ) -> Result<Option<Box<Pass>>, RequestError> {
        self.peers().gate().enter(limits, address, self.runtime().now()).map_err(|full| {
            let refusal = Refusal::of_session(full);
            if self.count(refusal) {
                let (address, refusal) = (address.map(tracing::field::display), refusal.name());
                tracing::warn!(address, refusal, "a session was refused");
            }
            RequestError::Unavailable { retry_after: full.retry_after() }
        })
    }

    fn verify_session(
        &self,
        sid: &str,
        query: &Query<'_>,
        transport: Transport,
        is_upgrade: bool,
    ) -> Result<Arc<Peer>, RequestError> {
        let peer = Sid::parse(sid).and_then(|sid| self.peer(&sid)).ok_or(RequestError::UnknownSid)?;
        let fits = if is_upgrade {
            transport == Transport::Websocket
        } else {
            transport == peer.transport() && transport == Transport::Polling
        };
        let fits = fits && query.is_of(peer.revision());
        if fits { Ok(peer) } else { Err(RequestError::BadRequest(BadRequest::TransportMismatch)) }
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
            return Err(RequestError::BadRequest(BadRequest::TransportHandshakeError));
        }
        self.check_origin(parts)
    }

    /// Refuses requests from pages of origins that are not allowed.
    pub(super) fn check_origin(&self, parts: &Parts) -> Result<(), RequestError> {
        let admits = |cors: &Cors| cors.admits(&parts.headers);
        let cors = self.options().cors.as_ref();
        if !cors.map_or_else(|| Cors::admits_by_default(&parts.headers), admits) {
            return Err(RequestError::Forbidden("Forbidden".into()));
        }
        Ok(())
    }

    /// Asks the application whether a session may be opened.
    pub(super) async fn ask_application(&self, parts: &Parts) -> Result<(), RequestError> {
        match &self.options().allow_request {
            Some(allow) => allow.ask(parts).await.map_err(RequestError::Forbidden),
            None => Ok(()),
        }
    }

    /// An id for the session that a request opens.
    pub(super) async fn fresh_sid(&self, parts: &Parts) -> Result<Sid, RequestError> {
        let Some(generate) = &self.options().generate_id else { return Ok(self.runtime().fresh_sid()) };
        let fail = |error| RequestError::BadRequest(BadRequest::IdGenerationError(error));
        let sid = generate.ask(parts).await.map_err(fail)?;
        // The session that has the id must not be handed over to a stranger.
        if self.peer(&sid).is_some() { Err(fail("the id is in use".into())) } else { Ok(sid) }
    }
}
