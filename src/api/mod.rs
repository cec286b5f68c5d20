//! The HTTP API: parse, call the service, render. No rule of the chat is here.

mod auth;
mod chat;
mod health;
mod reply;
mod routes;
mod user;

#[cfg(test)]
mod tests;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header::ALLOW, request::Parts};
use hyper::body::Body;

use crate::{
    auth::{RequestThrottle, Source, identity},
    config::Config,
    error::Error,
    http::{
        Origins, Peer, Request, Response,
        body::{self, BodyLimits},
        cookie::CookieStyle,
        cors::Cors,
        csrf::CrossSite,
        response,
        router::{Found, Router},
        static_files::{Asset, StaticFiles},
    },
    service::{Identity, LoggedIn, Service, clock::now},
};

use reply::{Failure, Reply, refusal};
use routes::{Route, TABLE};

/// The API and the page's files.
pub struct Api {
    service: Arc<Service>,
    router: Router<Route>,
    files: StaticFiles,
    cors: Cors,
    origins: Origins,
    cookie: CookieStyle,
    requests: Option<RequestThrottle>,
    body_limits: BodyLimits,
    express_errors: bool,
    stopping: AtomicBool,
}

impl Api {
    /// An API over `service` that also serves `assets`.
    #[must_use]
    pub fn new(service: Arc<Service>, config: &Config, assets: &'static [Asset]) -> Self {
        Self {
            service,
            router: Router::new(&TABLE, |route| !route.changes_something()),
            files: StaticFiles::new(assets),
            cors: Cors::new(config.allowed_origins.clone()),
            origins: Origins::new(config),
            cookie: CookieStyle::new(identity::COOKIE_NAME, config.cookie_same_site, config.cookie_secure),
            requests: config.rates.as_ref().map(RequestThrottle::new),
            body_limits: BodyLimits::new(config.max_body_bytes),
            express_errors: config.express_errors,
            stopping: AtomicBool::new(false),
        }
    }

    /// Lets `/readyz` answer that the service is not ready, as it is about to stop.
    pub fn announce_stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Answers any request; every failure is a response.
    pub async fn handle<B>(&self, request: http::Request<B>, peer: Peer) -> Response
    where
        B: Body<Data = Bytes>,
    {
        let (parts, body) = request.into_parts();
        let mut response = match self.router.find(&parts.method, parts.uri.path()) {
            Found::Target { target, parameter } => {
                let outcome = self.run(target, &parameter, &parts, body, peer).await;
                self.finish(target, outcome)
            }
            Found::WrongMethod(allow) => self.wrong_method(&parts, allow),
            Found::BadParameter => {
                let error = Error::invalid("The path must be percent-encoded UTF-8");
                Failure::from(error).into_response(self.express_errors)
            }
            Found::Nothing => self.file(&parts),
        };
        self.cors.decorate(&parts.headers, response.headers_mut());
        if parts.method == Method::HEAD { response::without_body(response) } else { response }
    }

    /// Answers a preflight, tells a plain OPTIONS the methods, and refuses everything else.
    fn wrong_method(&self, parts: &Parts, allow: &HeaderValue) -> Response {
        if Cors::is_preflight(&parts.method, &parts.headers) {
            return self.cors.preflight(&parts.headers, allow);
        }
        let mut response = if parts.method == Method::OPTIONS {
            response::empty(StatusCode::NO_CONTENT)
        } else {
            refusal(StatusCode::METHOD_NOT_ALLOWED, "This path does not have this method")
        };
        response.headers_mut().insert(ALLOW, allow.clone());
        response
    }

    /// Serves one of the page's files.
    fn file(&self, parts: &Parts) -> Response {
        let file = self.files.respond(&parts.method, parts.uri.path(), &parts.headers);
        file.unwrap_or_else(|| refusal(StatusCode::NOT_FOUND, "Nothing is at this path"))
    }

    /// Counts, reads, authenticates and runs one request.
    async fn run<B>(
        &self,
        route: Route,
        parameter: &str,
        parts: &Parts,
        body: B,
        peer: Peer,
    ) -> Result<Reply, Failure>
    where
        B: Body<Data = Bytes>,
    {
        // Asked for all the time, and needs nothing of what follows.
        if route == Route::Healthy {
            return Ok(health::healthy());
        }
        let address = self.origins.address(&parts.headers, peer);
        if let Some(requests) = self.requests.as_ref().filter(|_| !route.is_for_supervisors()) {
            requests.admit(address, now())?;
        }
        let has_body = parts.method == Method::POST;
        let body =
            if has_body { body::read(&parts.headers, body, self.body_limits).await? } else { Bytes::new() };
        let request = Request { parts, body, address };
        // In a box, as each request would have to be moved about with room for what the largest handler needs.
        Box::pin(self.call(route, parameter, &request, peer)).await
    }

    /// Calls the handler of a route.
    async fn call(
        &self,
        route: Route,
        parameter: &str,
        request: &Request<'_>,
        peer: Peer,
    ) -> Result<Reply, Failure> {
        match route {
            Route::Healthy => Ok(health::healthy()),
            Route::Ready => health::ready(self).await,
            Route::SignUp => {
                self.check_open_site(request, peer)?;
                user::create(self, request).await
            }
            Route::LogIn => {
                self.check_open_site(request, peer)?;
                auth::log_in(self, request).await
            }
            Route::Refresh => auth::refresh(self, request, &self.identify(route, request, peer).await?).await,
            Route::LogOut => match self.identify(route, request, peer).await {
                Ok(who) => auth::log_out(self, &who).await,
                Err(error) => Err(auth::log_out_refused(self, error)),
            },
            Route::Me => auth::me(self, &self.identify(route, request, peer).await?).await,
            Route::Rooms => chat::rooms(self, &self.identify(route, request, peer).await?).await,
            Route::CreateRoom => {
                chat::create_room(self, request, &self.identify(route, request, peer).await?).await
            }
            Route::JoinRoom => {
                chat::join_room(self, parameter, &self.identify(route, request, peer).await?).await
            }
            Route::LeaveRoom => chat::leave_room(self, &self.identify(route, request, peer).await?).await,
            Route::PostMessage => {
                chat::post_message(self, request, &self.identify(route, request, peer).await?).await
            }
            Route::Messages => {
                chat::messages(self, request, parameter, &self.identify(route, request, peer).await?).await
            }
        }
    }

    /// Tells who sends a request and applies the cross-site rule to it.
    async fn identify(&self, route: Route, request: &Request<'_>, peer: Peer) -> Result<Identity, Error> {
        let who = self.service.authenticate(identity::of_request(request.headers())).await;
        // Browsers send cookies by themselves; a Bearer token is sent only by those who have it.
        let is_bearer = who.as_ref().is_ok_and(|who| who.source == Source::Bearer);
        if route.changes_something() && !is_bearer {
            self.check_site(request, peer)?;
        }
        Ok(who?)
    }

    /// The cross-site rule for sign-up and login, where nobody is known yet: a form of another site must not log
    /// the user in to somebody else's account.
    fn check_open_site(&self, request: &Request<'_>, peer: Peer) -> Result<(), Error> {
        if identity::has_bearer(request.headers()) { Ok(()) } else { self.check_site(request, peer) }
    }

    fn check_site(&self, request: &Request<'_>, peer: Peer) -> Result<(), Error> {
        self.origins.check(request.headers(), peer).map_err(|reason| {
            Error::Forbidden(
                match reason {
                    CrossSite::ForeignOrigin => {
                        "This request comes from an origin that is neither the server's own nor in ALLOWED_ORIGINS"
                    }
                    CrossSite::ForeignFetch => "This request was caused by another site",
                }
                .into(),
            )
        })
    }

    /// The response of a route.
    fn finish(&self, route: Route, outcome: Result<Reply, Failure>) -> Response {
        match outcome {
            Ok(reply) => reply.into_response(),
            Err(failure) => {
                let error = &failure.error;
                self.service.refusals().note(error);
                tracing::debug!(?route, status = error.status(), %error, "a request failed");
                failure.into_response(self.express_errors && !route.is_for_supervisors())
            }
        }
    }

    /// The cookie that carries a new token.
    fn token_cookie(&self, logged_in: &LoggedIn) -> Option<HeaderValue> {
        self.cookie.set(&logged_in.token, logged_in.claims.exp - logged_in.claims.iat)
    }
}
