//! `/metrics` for operators, on an address of its own: clients of the service cannot reach it, whatever their proxies do.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use engineio::server::serve_connection_until;
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{CONTENT_TYPE, HeaderName},
};
use http_body_util::Full;
use hyper::{body::Incoming, service::service_fn};
use tokio::{net::TcpListener, sync::Semaphore};

use super::{BindError, Stop, serve::ACCEPT_PAUSE};
use crate::app::App;

/// The version of the text format.
const FORMAT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
/// Connections at once: a few programs ask from time to time.
const MAX_CONNECTIONS: usize = 16;

/// A bound socket that shows the counters.
#[derive(Debug)]
pub struct MetricsListener {
    listener: TcpListener,
}

impl MetricsListener {
    /// Binds a socket.
    ///
    /// # Errors
    /// The address is in use or not this machine's.
    pub async fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let listener = TcpListener::bind(address).await.map_err(|error| BindError::new(address, error))?;
        Ok(Self { listener })
    }

    /// Answers requests until `stop`.
    pub async fn serve(self, app: Arc<App>, stop: Stop) {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let stopped = stop.clone().stopped();
        tokio::pin!(stopped);
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = &mut stopped => return,
            };
            let Ok((stream, remote)) = accepted else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            // Who is not let in asks again at the next interval.
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
            let (app, stop) = (Arc::clone(&app), stop.clone());
            let service = service_fn(move |request: Request<Incoming>| {
                let answer = answer(&app, &request);
                async move { Ok::<_, Infallible>(answer) }
            });
            #[expect(clippy::disallowed_methods, reason = "one task for each connection")]
            tokio::spawn(async move {
                serve_connection_until(stream, remote, service, stop.stopped()).await;
                drop(place);
            });
        }
    }
}

fn answer(app: &App, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let (status, text) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => (StatusCode::OK, app.metrics()),
        _ => (StatusCode::NOT_FOUND, String::new()),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, FORMAT);
    let no_sniff = HeaderValue::from_static("nosniff");
    response.headers_mut().insert(HeaderName::from_static("x-content-type-options"), no_sniff);
    response
}
