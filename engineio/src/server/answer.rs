//! Answers to the requests of the service's path: those that nobody is asked about, those of middlewares, and those of
//! sessions.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header::SET_COOKIE, request::Parts};
use hyper::body::Body as HttpBody;

use super::{
    compression::respond,
    cors::is_preflight,
    headers::{Body, empty, refusal, tame_internet_explorer, upgrade_refusal},
    hooks::ConnectionError,
    middleware::{self, Exchange, Verdict},
    polling,
    service::Service,
    upgrade::Agreed,
    verify::{Opening, Wanted},
    websocket::is_upgrade,
};
use crate::{
    engine::{BadRequest, RequestError},
    hub::{Peer, Refusal, RemoteAddr},
};

/// An answer, and the WebSocket that begins with it if it is a 101.
pub(super) type Answered = (Response<Body>, Option<Box<Agreed>>);

impl Service {
    /// Answers a request whose connection hyper has, and lets go of once a WebSocket was agreed to.
    pub(super) async fn answer_for_hyper<B>(
        &self,
        mut request: Request<B>,
        remote: Option<RemoteAddr>,
    ) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        if is_upgrade(request.headers()) {
            let upgraded = hyper::upgrade::on(&mut request);
            let (parts, _) = request.into_parts();
            // In a box, as there is one on a connection at most, and its future is larger than that of others.
            let (response, agreed) = Box::pin(self.answer_upgrade(Box::new(parts), remote)).await;
            if let Some(agreed) = agreed {
                self.begin_after(agreed, upgraded);
            }
            return response;
        }
        let (parts, body) = request.into_parts();
        if let Some(response) = self.answer_early(&parts) {
            return response;
        }
        if self.options().middleware.is_empty() {
            return self.answer(parts, body, remote).await;
        }
        Box::pin(self.pass_middleware(parts, async |parts| (self.answer(parts, body, None).await, None)))
            .await
            .0
    }

    /// Answers a request for a WebSocket.
    pub(super) async fn answer_upgrade(&self, parts: Box<Parts>, remote: Option<RemoteAddr>) -> Answered {
        if let Some(response) = self.answer_early(&parts) {
            return (response, None);
        }
        if self.options().middleware.is_empty() {
            return self.websocket(parts, remote).await;
        }
        Box::pin(self.pass_middleware(*parts, async |parts| self.websocket(Box::new(parts), None).await))
            .await
    }

    /// Answers what no session and no hook is asked about: preflights, files, and newcomers while the server stops.
    fn answer_early(&self, request: &Parts) -> Option<Response<Body>> {
        let cors = self.options().cors.as_ref();
        if let Some(cors) = cors
            && is_preflight(&request.method)
        {
            return Some(cors.preflight(&request.headers));
        }
        let refused = || self.refuse_while_stopping(request.uri.query().unwrap_or_default());
        let mut response = self.client_file(request).or_else(refused)?;
        if let Some(cors) = cors {
            cors.decorate(&request.headers, response.headers_mut());
        }
        Some(response)
    }

    async fn answer<B>(&self, mut parts: Parts, body: B, remote: Option<RemoteAddr>) -> Response<Body>
    where
        B: HttpBody<Data = Bytes> + Unpin,
    {
        let (response, opens) = match self.verify(&mut parts, remote, false).await {
            Ok(Wanted::NewSession(opening)) => (self.open_polling(opening, &parts).await, true),
            Ok(Wanted::Session(peer)) => (self.polling(&peer, &parts, body).await, false),
            Err(error) => (Err(error), false),
        };
        let mut response = response.unwrap_or_else(|error| self.refuse(&parts, &error, false));
        self.finish(&parts, &mut response, opens);
        response
    }

    async fn pass_middleware(&self, request: Parts, answer: impl AsyncFnOnce(Parts) -> Answered) -> Answered {
        let mut exchange = Exchange { request, headers: http::HeaderMap::new() };
        let verdict = middleware::run(&self.options().middleware, &mut exchange).await;
        let Exchange { request, headers } = exchange;
        let (mut response, agreed) = match verdict {
            Verdict::Next => answer(request).await,
            Verdict::End(response) => {
                let mut response = response.map(Body::new);
                self.finish(&request, &mut response, false);
                (response, None)
            }
            Verdict::Fail(reason) => {
                let error = RequestError::BadRequest(BadRequest::MiddlewareFailure(reason));
                let mut response = self.refuse(&request, &error, is_upgrade(&request.headers));
                self.finish(&request, &mut response, false);
                (response, None)
            }
        };
        middleware::add_headers(&headers, response.headers_mut());
        (response, agreed)
    }

    /// Tells the application of a request that is refused, and counts it.
    pub(super) fn tell_refused(&self, request: &Parts, error: &RequestError) {
        if let RequestError::Forbidden(_) = error {
            self.count(Refusal::Forbidden);
        }
        if let Some(tell) = &self.options().on_connection_error {
            tell(&ConnectionError { request, error });
        }
    }

    pub(super) fn refuse(&self, request: &Parts, error: &RequestError, is_upgrade: bool) -> Response<Body> {
        self.tell_refused(request, error);
        if is_upgrade { upgrade_refusal(error) } else { refusal(error) }
    }

    /// Adds the headers that every answer has; `opens` says whether it is the one that opens a session.
    pub(super) fn finish(&self, request: &Parts, response: &mut Response<Body>, opens: bool) {
        let (options, headers) = (&self.options(), response.headers_mut());
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
    fn client_file(&self, request: &Parts) -> Option<Response<Body>> {
        let client = self.options().client.as_ref()?;
        let name = request.uri.path().rsplit('/').next()?;
        if !matches!(request.method, Method::GET | Method::HEAD) {
            return None;
        }
        client.respond(name, &request.headers)
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
        let compression = self.options().http_compression.as_ref();
        match parts.method {
            Method::GET => polling::get(peer, &parts.headers, compression).await,
            Method::POST => polling::post(peer, &parts.headers, body).await,
            _ => Ok(empty(StatusCode::INTERNAL_SERVER_ERROR)),
        }
    }

    async fn open_polling(&self, opening: Opening, parts: &Parts) -> Result<Response<Body>, RequestError> {
        let in_use = || RequestError::BadRequest(BadRequest::IdGenerationError("the id is in use".into()));
        let peer = self.open(opening, parts, &[]).ok_or_else(in_use)?;
        let compression = self.options().http_compression.as_ref();
        let payload = peer.take_payload().unwrap_or_default();
        let mut response = respond(compression, &parts.headers, payload).await;
        if let Some(cookie) = &self.options().cookie
            && let Ok(value) = HeaderValue::from_str(&cookie.header(peer.sid().as_str()))
        {
            response.headers_mut().append(SET_COOKIE, value);
        }
        Ok(response)
    }
}
