//! Requests for a WebSocket, which opens a session or becomes the transport of one.

use std::sync::Arc;

use http::{Request, Response, header::SEC_WEBSOCKET_EXTENSIONS, request::Parts};
use hyper::upgrade::{OnUpgrade, Upgraded};

use super::{
    deflate::{PerMessageDeflate, negotiate},
    headers::Body,
    http_stream::HoldBack,
    service::Service,
    verify::{Opening, Wanted},
    websocket::{Connection, switching_protocols},
};
use crate::{
    engine::{Action, BadRequest, Input, Query, RequestError},
    hub::{Outbox, Peer, RemoteAddr},
};
impl Service {
    /// Answers a request for a WebSocket, which begins once hyper has let go of the connection.
    pub(super) async fn websocket<B>(
        &self,
        mut request: Request<B>,
        remote: Option<RemoteAddr>,
    ) -> Response<Body> {
        let upgraded = hyper::upgrade::on(&mut request);
        let (mut parts, body) = request.into_parts();
        drop(body);
        let opened = self.verify(&mut parts, remote, true).await.and_then(|wanted| {
            let bad = RequestError::BadRequest(BadRequest::TransportHandshakeError);
            Ok((wanted, switching_protocols(&parts.headers).ok_or(bad)?))
        });
        let agreed = self.options().per_message_deflate.and_then(|deflate| {
            let answer = negotiate(&parts.headers)?;
            Some((deflate, answer))
        });
        let (mut response, wanted) = match opened {
            Ok((wanted, response)) => (response, Some(wanted)),
            Err(error) => (self.refuse(&parts, &error, true), None),
        };
        let mut deflate = None;
        if let Some((options, answer)) = agreed
            && wanted.is_some()
        {
            response.headers_mut().insert(SEC_WEBSOCKET_EXTENSIONS, answer);
            deflate = Some(options);
        }
        self.finish(&parts, &mut response, matches!(wanted, Some(Wanted::NewSession(_))));
        match wanted {
            Some(Wanted::NewSession(opening)) => self.begin(opening, Box::new(parts), upgraded, deflate),
            Some(Wanted::Session(peer)) => {
                let base64 = Query::parse(parts.uri.query().unwrap_or_default()).wants_base64();
                let open = self.connection();
                self.runtime().spawn(Box::pin(async move {
                    switch(peer, upgraded, base64, deflate).await;
                    drop(open);
                }));
            }
            None => {}
        }
        response
    }

    /// Opens a session on a connection that hyper has let go of; none if its id was taken in this moment.
    fn take_over(
        &self,
        opening: Opening,
        parts: &Parts,
        upgraded: Upgraded,
        deflate: Option<PerMessageDeflate>,
    ) -> Option<(Box<Connection>, Arc<Peer>)> {
        let (connection, first) = Connection::new(upgraded, self.config(), deflate);
        let peer = self.open(opening, parts, &first)?;
        Some((connection, peer))
    }

    /// Opens a session on a WebSocket.
    fn begin(
        &self,
        opening: Opening,
        mut parts: Box<Parts>,
        upgraded: OnUpgrade,
        deflate: Option<PerMessageDeflate>,
    ) {
        if let Some(hold_back) = parts.extensions.remove::<HoldBack>() {
            hold_back.ask();
        }
        let service = self.clone();
        self.runtime().spawn(Box::pin(async move {
            // A client that is gone before the switch leaves nothing behind.
            let Ok(upgraded) = upgraded.await else { return };
            if let Some((connection, peer)) = service.take_over(opening, &parts, upgraded, deflate) {
                let open = service.connection();
                drop((service, parts));
                connection.run(&peer).await;
                drop(open);
            }
        }));
    }
}

/// Upgrades a session from polling to a WebSocket.
async fn switch(peer: Arc<Peer>, upgraded: OnUpgrade, base64: bool, deflate: Option<PerMessageDeflate>) {
    let Ok(upgraded) = upgraded.await else { return };
    // The answer was not held back, as the client speaks next.
    let (mut connection, _) = Connection::new(upgraded, peer.config(), deflate);
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
