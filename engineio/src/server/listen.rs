//! The shortest way from a server to a listening port.

use std::{
    convert::Infallible,
    future::{Future, pending, ready},
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response};
use hyper::{
    body::{Body, Incoming},
    server::conn::http1,
    service::{Service as HyperService, service_fn},
};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use socket2::SockRef;
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    sync::{oneshot, watch},
};

use super::{
    clock,
    door::Door,
    first_request::{Fate, Left},
    head_timer::HeadTimer,
    http_stream::HttpStream,
    options::Options,
    seldom::Seldom,
    service::Service,
    upgrade::WebSocket,
    websocket::is_upgrade,
};
use crate::hub::{Engine, Pass, Refusal, RemoteAddr, Runtime, Server};

/// The time a client has to send a complete request head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest request head in bytes.
const MAX_HEAD: usize = 16 * 1024;
/// The time a client has to finish a request body that was refused.
const LINGER_TIMEOUT: Duration = Duration::from_secs(2);
/// The answer to a request whose head does not come to its end.
const TIMED_OUT: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// Why a server cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {error}")]
pub struct ListenError {
    address: String,
    error: io::Error,
}

impl Server {
    /// Serves the server alone on an address, such as `127.0.0.1:3000`, for ever.
    ///
    /// Programs with routes of their own give requests to a [`Service`](super::Service) instead.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn listen(&self, address: &str) -> Result<(), ListenError> {
        self.listen_until(address, Options::default(), pending()).await
    }

    /// Serves the server alone on an address until `stop` is ready, for example a signal: then no connection is accepted
    /// any more, [clients are seen off](Service::see_off), and requests in progress may end, within the time that
    /// [`Options::farewell`] gives them.
    ///
    /// # Errors
    /// The address cannot be listened on.
    ///
    /// # Examples
    /// ```no_run
    /// # async fn run() -> Result<(), engineio::server::ListenError> {
    /// use engineio::{Server, server::{Cors, Options}};
    ///
    /// let io = Server::new();
    /// let options = Options { cors: Some(Cors::origins(["https://chat.example"])), ..Options::default() };
    /// io.listen_until("0.0.0.0:3000", options, async { tokio::signal::ctrl_c().await.unwrap_or_default() }).await
    /// # }
    /// ```
    pub async fn listen_until(
        &self,
        address: &str,
        options: Options,
        stop: impl Future<Output = ()>,
    ) -> Result<(), ListenError> {
        let listener = bind(address).await?;
        self.serve_until(listener, options, stop).await;
        Ok(())
    }

    /// Serves the server alone on a socket that listens already, for example one that was inherited, until `stop` is
    /// ready, as [`listen_until`](Self::listen_until) does.
    pub async fn serve_until(&self, listener: TcpListener, options: Options, stop: impl Future<Output = ()>) {
        run(listener, self.service_with(options), stop, self.shut_down()).await;
    }
}

impl Engine {
    /// Serves the server alone on an address, such as `127.0.0.1:3000`, for ever.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn listen(&self, address: &str) -> Result<(), ListenError> {
        self.listen_until(address, Options::engine_io(), pending()).await
    }

    /// Serves the server alone on an address until `stop` is ready, as [`Server::listen_until`] does.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn listen_until(
        &self,
        address: &str,
        options: Options,
        stop: impl Future<Output = ()>,
    ) -> Result<(), ListenError> {
        let listener = bind(address).await?;
        run(listener, self.service_with(options), stop, async {}).await;
        Ok(())
    }
}

async fn bind(address: &str) -> Result<TcpListener, ListenError> {
    let fail = |error| ListenError { address: address.to_owned(), error };
    TcpListener::bind(address).await.map_err(fail)
}

/// How far a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
enum Phase {
    Serving,
    /// No connection is accepted any more, but requests are still answered: clients fetch their last packets.
    Parting,
    Stopped,
}

async fn run(
    listener: TcpListener,
    service: Service,
    stop: impl Future<Output = ()>,
    shut_down: impl Future<Output = ()>,
) {
    // Connections inherit it. Small packets are all there is, and each is written whole.
    let _ = SockRef::from(&listener).set_tcp_nodelay(true);
    // Each connection keeps a receiver: they hear of the end by it, also if this future is dropped, and it tells
    // that they are still there.
    let (stop_all, stopping) = watch::channel(Phase::Serving);
    let (ended, accepting) = oneshot::channel();
    let runtime = Arc::clone(service.runtime());
    // A task of its own, as the future that a program waits for in `main` does not run where connections do: each
    // would be handed over from thread to thread.
    runtime.spawn(Box::pin(accept(listener, service.clone(), Arc::clone(&runtime), stopping, ended)));
    stop.await;
    let last = tokio::time::Instant::now() + service.options().farewell.limit();
    let end_accepting = async {
        service.last_polls().await;
        stop_all.send_replace(Phase::Parting);
        let _ = accepting.await;
    };
    tokio::join!(service.see_off(), end_accepting);
    stop_all.send_replace(Phase::Stopped);
    let end = async {
        shut_down.await;
        stop_all.closed().await;
    };
    let _ = tokio::time::timeout_at(last, end).await;
}

/// Accepts connections until the server stops; `_ended` is dropped when the port is free again.
async fn accept(
    listener: TcpListener,
    service: Service,
    runtime: Arc<dyn Runtime>,
    mut stopping: watch::Receiver<Phase>,
    _ended: oneshot::Sender<()>,
) {
    let door = service.door();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = reached(Phase::Parting, &mut stopping) => return,
        };
        // A connection that is gone before it was accepted, or too many open files, passes.
        match accepted {
            Ok((stream, remote)) => {
                let Some(guest) = door.admit(stream, remote) else { continue };
                let (service, mut stopping) = (service.clone(), stopping.clone());
                let answering = service.clone();
                let answer = move |request, remote| answering.clone().answer_any(request, remote);
                let stop = async move { reached(Phase::Stopped, &mut stopping).await };
                runtime.spawn(Box::pin(guest.without_delay().serve_behind(service, answer, stop)));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Waits until the server is so far, or nobody is left who could stop it.
async fn reached(phase: Phase, stopping: &mut watch::Receiver<Phase>) {
    let _ = stopping.wait_for(|&now| now >= phase).await;
}

/// Serves HTTP/1.1 on a connection with bounded heads and the client's address in each request.
pub async fn serve_connection<S, B>(stream: TcpStream, remote: SocketAddr, service: S)
where
    S: HyperService<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    B: Body<Data = Bytes, Error = Infallible> + 'static,
{
    serve_connection_until(stream, remote, service, pending()).await;
}

/// Serves a connection like [`serve_connection`]; once `stop` is ready, the request in progress is the last one.
pub async fn serve_connection_until<S, B>(
    stream: TcpStream,
    remote: SocketAddr,
    service: S,
    stop: impl Future<Output = ()>,
) where
    S: HyperService<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    B: Body<Data = Bytes, Error = Infallible> + 'static,
{
    let _ = stream.set_nodelay(true);
    let timer = HeadTimer::default();
    serve(
        HttpStream::new(stream, Box::default(), None),
        timer,
        with_address(service, remote),
        pin!(stop),
        None,
    )
    .await;
}

/// Calls a service with the client's address among the extensions of each request.
pub(super) fn with_address<S: HyperService<Request<Incoming>>>(
    service: S,
    remote: SocketAddr,
) -> impl Fn(Request<Incoming>) -> S::Future {
    move |mut request| {
        request.extensions_mut().insert(RemoteAddr(remote));
        service.call(request)
    }
}

/// Serves a connection by hyper; `door` counts heads that are refused.
pub(super) async fn serve<F, B, S>(
    stream: HttpStream,
    timer: HeadTimer,
    answer: impl Fn(Request<Incoming>) -> F,
    stop: Pin<&mut S>,
    door: Option<&Door>,
) where
    F: Future<Output = Result<Response<B>, Infallible>>,
    B: Body<Data = Bytes, Error = Infallible> + 'static,
    S: Future<Output = ()>,
{
    let hold_back = stream.hold_back();
    let has_body = AtomicBool::new(false);
    let service = service_fn(|mut request: Request<Incoming>| {
        has_body.store(!request.body().is_end_stream(), Ordering::Relaxed);
        if is_upgrade(request.headers()) {
            request.extensions_mut().insert(hold_back.clone());
        }
        answer(request)
    });
    // hyper takes no more than a hundred header lines by itself; told so, it would ask for memory for each head.
    let mut connection = http1::Builder::new()
        .timer(timer)
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let result = tokio::select! {
        biased;
        result = &mut connection => result,
        () = Seldom::new(stop) => {
            Pin::new(&mut connection).graceful_shutdown();
            (&mut connection).await
        }
    };
    let Err(error) = result else {
        if has_body.load(Ordering::Relaxed)
            && let Some(left) = connection.into_parts()
        {
            Box::pin(linger(left.io.into_inner())).await;
        }
        return;
    };
    let count = |refusal| door.is_none_or(|door| door.count(refusal));
    if error.is_parse_too_large() {
        count(Refusal::HeadTooLarge);
    }
    if error.is_timeout()
        && let Some(left) = connection.into_parts()
        && !left.read_buf.is_empty()
    {
        // A connection that was only idle has asked for nothing, and is told nothing.
        count(Refusal::HeadTimeout);
        left.io.into_inner().send_last(TIMED_OUT);
    }
    tracing::debug!(%error, "an HTTP connection ended");
}

/// Serves a connection whose first request is read here if it is for a WebSocket of `service`, and all else by hyper.
/// Answers the WebSocket that it has become.
pub(super) async fn serve_behind<F, B>(
    service: Service,
    connection: (TcpStream, Option<Box<Pass>>),
    remote: SocketAddr,
    answer: impl Fn(Request<Incoming>) -> F,
    stop: impl Future<Output = ()>,
    door: Door,
) -> Option<WebSocket>
where
    F: Future<Output = Result<Response<B>, Infallible>>,
    B: Body<Data = Bytes, Error = Infallible> + 'static,
{
    let mut stop = pin!(stop);
    let deadline = clock::now() + HEAD_TIMEOUT;
    match service.first_request(connection, RemoteAddr(remote), deadline, stop.as_mut()).await {
        Fate::WebSocket(websocket) => return Some(websocket),
        // In a box, as most connections become WebSockets.
        Fate::Http(left) => Box::pin(serve_left(left, deadline, answer, stop, &door)).await,
        Fate::End => {}
    }
    None
}

/// Serves what the first request has left to hyper, whose head must end before `deadline`.
async fn serve_left<F, B, S>(
    left: Box<Left>,
    deadline: Instant,
    answer: impl Fn(Request<Incoming>) -> F,
    stop: Pin<&mut S>,
    door: &Door,
) where
    F: Future<Output = Result<Response<B>, Infallible>>,
    B: Body<Data = Bytes, Error = Infallible> + 'static,
    S: Future<Output = ()>,
{
    let Left { stream, read, pass, answer: first_answer } = *left;
    let (stream, timer) = (HttpStream::new(stream, read, pass), HeadTimer::until(deadline));
    if let Some(first_answer) = first_answer {
        let first_answer = Mutex::new(Some(first_answer));
        let answer = |_| ready(Ok(first_answer.lock().take().unwrap_or_default()));
        Box::pin(serve(stream, timer, answer, stop, Some(door))).await;
    } else {
        serve(stream, timer, answer, stop, Some(door)).await;
    }
}

/// Reads and drops what a client still sends of a body that was refused. If the connection were closed at once, its next
/// packet would be answered by a reset, which takes the answer that the client has not read yet away from it.
async fn linger(mut stream: HttpStream) {
    let read_on = async {
        let mut unwanted = [0; 4096];
        while stream.read(&mut unwanted).await.is_ok_and(|length| length > 0) {}
    };
    let _ = tokio::time::timeout(LINGER_TIMEOUT, read_on).await;
}
