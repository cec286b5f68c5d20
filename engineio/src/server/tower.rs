//! The service as a tower service, for axum and other frameworks.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Body as HttpBody;

use super::{headers::Body, service::Service};

/// Answers every request it is given: which are, and below which path, decides the router around it.
///
/// # Examples
/// With axum, whose `nest_service` takes off the path as well:
/// ```
/// use axum::{Router, routing::get};
/// use engineio::Server;
///
/// let io = Server::new();
/// let app: Router = Router::new()
///     .route("/", get(|| async { "hello" }))
///     .nest_service("/socket.io", io.service());
/// // axum::serve(listener, app).await
/// ```
impl<B> tower_service::Service<Request<B>> for Service
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { Ok(service.handle(request).await) })
    }
}
