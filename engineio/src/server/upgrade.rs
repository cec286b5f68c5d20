//! Requests for a WebSocket, which opens a session or becomes the transport of one.

use std::sync::Arc;

use http::{header::SEC_WEBSOCKET_EXTENSIONS, request::Parts};
use hyper::upgrade::OnUpgrade;

use super::{
    answer::Answered,
    deflate::{PerMessageDeflate, negotiate},
    http_stream::HoldBack,
    service::Service,
    stream::{Taken, take_back},
    verify::Wanted,
    websocket::{Connection, switching_protocols},
};
use crate::{
    engine::{Action, BadRequest, Input, Query, RequestError},
    hub::{Outbox, Peer, RemoteAddr},
};

/// A WebSocket that was agreed to. It begins when its connection is free for it.
pub(super) struct Agreed {
    wanted: Wanted,
    parts: Box<Parts>,
    deflate: Option<PerMessageDeflate>,
}

/// A WebSocket that is its session's transport.
pub(super) struct WebSocket {
    connection: Box<Connection>,
    peer: Arc<Peer>,
    /// Counts it.
    _open: Arc<()>,
}

impl Service {
    /// Answers a request for a WebSocket.
    pub(super) async fn websocket(&self, mut parts: Box<Parts>, remote: Option<RemoteAddr>) -> Answered {
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
        (response, wanted.map(|wanted| Box::new(Agreed { wanted, parts, deflate })))
    }

    /// Begins a WebSocket as soon as hyper has let go of its connection.
    pub(super) fn begin_after(&self, mut agreed: Box<Agreed>, upgraded: OnUpgrade) {
        let hold_back = agreed.parts.extensions.remove::<HoldBack>();
        if let (Wanted::NewSession(_), Some(hold_back)) = (&agreed.wanted, hold_back) {
            hold_back.ask();
        }
        let service = self.clone();
        self.runtime().spawn(Box::pin(async move {
            // A client that is gone before the switch leaves nothing behind.
            let Ok(upgraded) = upgraded.await else { return };
            let begun = Box::pin(service.begin(*agreed, take_back(upgraded))).await;
            drop(service);
            if let Some(websocket) = begun {
                websocket.run().await;
            }
        }));
    }

    /// Begins a WebSocket on a connection that is free for it, at once or when its client has probed it. `None` if it
    /// has not, or if the id of a new session was taken in this moment.
    pub(super) async fn begin(&self, agreed: Agreed, taken: Taken) -> Option<WebSocket> {
        let _open = self.connection();
        let Agreed { wanted, parts, deflate } = agreed;
        let (connection, first) = Connection::new(taken, self.config(), deflate);
        let (connection, peer) = match wanted {
            Wanted::NewSession(opening) => (connection, self.open(opening, &parts, &first)?),
            Wanted::Session(peer) => {
                let base64 = Query::parse(parts.uri.query().unwrap_or_default()).wants_base64();
                drop(parts);
                Box::pin(switch(connection, peer, first, base64)).await?
            }
        };
        Some(WebSocket { connection, peer, _open })
    }
}

impl WebSocket {
    /// Serves the client to its end.
    pub(super) async fn run(self) {
        self.connection.run(&self.peer).await;
    }
}

/// Upgrades a session from polling to a WebSocket, to which this is to be written first.
async fn switch(
    mut connection: Box<Connection>,
    peer: Arc<Peer>,
    first: Vec<u8>,
    base64: bool,
) -> Option<(Box<Connection>, Arc<Peer>)> {
    // What is written meanwhile does not go through the session's own outbox, which still belongs to polling.
    let outbox = Outbox::default();
    if !first.is_empty() {
        outbox.push_control(&first);
    }
    if !connection.upgrade(&peer, &outbox).await {
        connection.dismiss(&outbox).await;
        return None;
    }
    drop(outbox);
    // A client of protocol 3 may read binary over the one transport and not over the other.
    peer.set_base64(base64);
    if peer.is_closing() {
        // The application closed the session while the upgrade was going on.
        if let Action::Close(_) = peer.feed(Input::Close) {
            tracing::debug!("closing a session right after its upgrade");
        }
    }
    Some((connection, peer))
}
