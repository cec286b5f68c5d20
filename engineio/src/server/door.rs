//! Connections, before anything is known of them but the address they come from.

use std::{convert::Infallible, fmt, future::Future, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use hyper::{
    body::{Body, Incoming},
    service::Service as HyperService,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Semaphore,
};

use super::{head_timer::HeadTimer, http_stream::HttpStream, listen, service::Service};
use crate::{
    config::Config,
    hub::{Engine, Full, Pass, Peers, Refusal, Runtime, Server},
};

/// Refused connections at once that are given time to read the answer. Others may see a reset in its place.
const FAREWELLS: usize = 64;
/// The time they have.
const FAREWELL_TIME: Duration = Duration::from_secs(1);

/// Lets connections in within [`Config::connections`] and counts those it refuses; for programs that accept connections
/// themselves. [`Server::listen`] does so by itself.
///
/// # Examples
/// ```no_run
/// # async fn run(service: engineio::server::Service) -> std::io::Result<()> {
/// use std::future::pending;
///
/// let door = service.door();
/// let listener = tokio::net::TcpListener::bind("0.0.0.0:3000").await?;
/// loop {
///     let (stream, remote) = listener.accept().await?;
///     let Some(guest) = door.admit(stream, remote) else { continue };
///     tokio::spawn(guest.serve(service.clone(), pending()));
/// }
/// # }
/// ```
#[derive(Clone)]
pub struct Door(Arc<Inner>);

struct Inner {
    config: Arc<Config>,
    runtime: Arc<dyn Runtime>,
    peers: Arc<Peers>,
    farewells: Arc<Semaphore>,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("limits", &self.0.config.connections).finish_non_exhaustive()
    }
}

/// A connection that was let in.
#[derive(Debug)]
pub struct Guest {
    stream: TcpStream,
    remote: SocketAddr,
    door: Door,
    pass: Option<Box<Pass>>,
    /// Whether small packets wait for others on their way out, as they do unless the socket is told otherwise.
    delays: bool,
}

impl Server {
    /// Lets connections in; all doors of a server count together.
    #[must_use]
    pub fn door(&self) -> Door {
        Door::new(self.config(), self.runtime(), self.peers())
    }
}

impl Engine {
    /// Lets connections in; all doors of a server count together.
    #[must_use]
    pub fn door(&self) -> Door {
        Door::new(self.config(), self.runtime(), self.peers())
    }
}

impl Service {
    /// Lets connections in; all doors of a server count together.
    #[must_use]
    pub fn door(&self) -> Door {
        Door::new(self.config(), self.runtime(), self.peers())
    }
}

impl Door {
    fn new(config: &Arc<Config>, runtime: &Arc<dyn Runtime>, peers: &Arc<Peers>) -> Self {
        let (config, runtime, peers) = (Arc::clone(config), Arc::clone(runtime), Arc::clone(peers));
        Self(Arc::new(Inner { config, runtime, peers, farewells: Arc::new(Semaphore::new(FAREWELLS)) }))
    }

    /// Lets a connection in, or answers it with status 503 before a byte of it is read.
    ///
    /// What counts is the address the connection comes from: behind a proxy, which has one for all its clients, limit
    /// [`Config::sessions`] of an address instead.
    #[must_use]
    pub fn admit(&self, stream: TcpStream, remote: SocketAddr) -> Option<Guest> {
        let inner = &self.0;
        let limits = &inner.config.connections;
        match inner.peers.door().enter(limits, Some(remote.ip()), inner.runtime.now()) {
            Ok(pass) => Some(Guest { stream, remote, door: self.clone(), pass, delays: true }),
            Err(full) => {
                let refusal = Refusal::of_connection(full);
                if self.count(refusal) {
                    tracing::warn!(address = %remote.ip(), refusal = refusal.name(), "a connection was refused");
                }
                self.send_away(stream, full);
                None
            }
        }
    }

    /// Counts a refusal; answers whether the log may have a line of it.
    pub(super) fn count(&self, refusal: Refusal) -> bool {
        self.0.peers.refusals().note(refusal, self.0.runtime.now())
    }

    fn send_away(&self, mut stream: TcpStream, full: Full) {
        let answer = format!(
            "HTTP/1.1 503 Service Unavailable\r\nretry-after: {}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            full.retry_after()
        );
        // The buffer of a new connection takes it; if not, there is nobody left to tell.
        let _ = stream.try_write(answer.as_bytes());
        let Ok(permit) = Arc::clone(&self.0.farewells).try_acquire_owned() else { return };
        self.0.runtime.spawn(Box::pin(async move {
            // A connection that is closed with unread bytes in it is reset, and the answer may be lost.
            let read_to_end = async {
                let _ = stream.shutdown().await;
                while stream.read(&mut [0; 512]).await.is_ok_and(|length| length > 0) {}
            };
            let _ = tokio::time::timeout(FAREWELL_TIME, read_to_end).await;
            drop(permit);
        }));
    }
}

impl Guest {
    /// Serves the connection as [`serve_connection_until`](super::serve_connection_until) does. It counts as one of
    /// [`Config::connections`] to its end, also once it has become a WebSocket.
    pub async fn serve<S, B>(self, service: S, stop: impl Future<Output = ()>)
    where
        S: HyperService<Request<Incoming>, Response = Response<B>, Error = Infallible>,
        B: Body<Data = Bytes, Error = Infallible> + 'static,
    {
        let answer = listen::with_address(service, self.remote);
        self.serve_with(move |request, _| answer(request), stop).await;
    }

    /// The same connection, of a listener whose sockets write small packets at once already.
    pub(super) fn without_delay(self) -> Self {
        Self { delays: false, ..self }
    }

    /// Serves the connection as [`serve`](Self::serve) does, with a function that is given the client's address: it is not
    /// among the extensions of the requests, where putting it costs more than many an answer. See
    /// [`Service::handle_from`].
    pub async fn serve_with<F, B>(
        self,
        answer: impl Fn(Request<Incoming>, SocketAddr) -> F,
        stop: impl Future<Output = ()>,
    ) where
        F: Future<Output = Result<Response<B>, Infallible>>,
        B: Body<Data = Bytes, Error = Infallible> + 'static,
    {
        let Self { stream, remote, door, pass, .. } = self.hurried();
        let (stream, timer) = (HttpStream::new(stream, Box::default(), pass), HeadTimer::default());
        listen::serve(stream, timer, |request| answer(request, remote), pin!(stop), Some(&door)).await;
    }

    /// Serves the connection as [`serve_with`](Self::serve_with) does, for a function that gives the requests of `service`
    /// to it. One that asks for a WebSocket, and is the first on its connection, the service answers without the function
    /// being asked: it costs much less, as hyper, which would have to be ready for other requests, never sees it.
    ///
    /// # Examples
    /// ```no_run
    /// # use std::{convert::Infallible, future::pending};
    /// # use engineio::server::{Guest, Service};
    /// # use http::{Request, Response};
    /// # use http_body_util::Full;
    /// # use hyper::body::Incoming;
    /// # async fn run(guest: Guest, service: Service) {
    /// let sockets = service.clone();
    /// let answer = move |request: Request<Incoming>, remote| {
    ///     let sockets = sockets.clone();
    ///     async move {
    ///         if sockets.owns(request.uri().path()) {
    ///             return Ok::<_, Infallible>(sockets.handle_from(request, remote).await);
    ///         }
    ///         Ok(Response::new(Full::from("hello")))
    ///     }
    /// };
    /// guest.serve_behind(service, answer, pending()).await;
    /// # }
    /// ```
    pub fn serve_behind<F, B>(
        self,
        service: Service,
        answer: impl Fn(Request<Incoming>, SocketAddr) -> F,
        stop: impl Future<Output = ()>,
    ) -> impl Future<Output = ()>
    where
        F: Future<Output = Result<Response<B>, Infallible>>,
        B: Body<Data = Bytes, Error = Infallible> + 'static,
    {
        let Self { stream, remote, door, pass, .. } = self.hurried();
        let answer = move |request| answer(request, remote);
        // In a box that is freed when a WebSocket begins, which needs little of it.
        let http = Box::pin(listen::serve_behind(service, (stream, pass), remote, answer, stop, door));
        async move {
            if let Some(websocket) = http.await {
                websocket.run().await;
            }
        }
    }

    /// Has small packets written at once.
    fn hurried(self) -> Self {
        if self.delays {
            let _ = self.stream.set_nodelay(true);
        }
        self.without_delay()
    }
}
