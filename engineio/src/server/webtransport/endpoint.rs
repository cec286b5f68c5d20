//! The UDP endpoint and what QUIC may cost.

use std::{
    fmt, io,
    net::{SocketAddr, UdpSocket},
    sync::Arc,
    time::Duration,
};

use tokio::sync::watch;
use web_transport_quinn::quinn::{
    Endpoint, EndpointConfig, IdleTimeout, ServerConfig, TokioRuntime, TransportConfig, VarInt,
};

use super::{certificate::Certificate, connection_id::ConnectionIds};
use crate::config::Config;

/// The streams in both directions a client may have at once: the CONNECT request, that of the session, and two that are
/// refused without harm.
const BIDIRECTIONAL_STREAMS: u32 = 4;
/// The streams towards the server a client may have at once: HTTP/3 wants three, and there may be some of unknown kinds.
const UNIDIRECTIONAL_STREAMS: u32 = 8;
/// The bytes a client may send ahead on one stream, and on all.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 512 * 1024;
/// The bytes that QUIC keeps until the client acknowledges them; the others wait in the session's queue.
const SEND_WINDOW: u64 = 256 * 1024;
/// The bytes of datagrams that nobody reads.
const DATAGRAMS: usize = 4 * 1024;
/// How often a silent connection shows that it is there, as browsers forget it after 30 s.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// The time that QUIC leaves a silent client beyond what the heartbeat of Engine.IO does, so that the heartbeat is what
/// ends a session.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest time-out QUIC is asked for.
const MAX_IDLE: Duration = Duration::from_secs(24 * 60 * 60);

/// A UDP endpoint for WebTransport, to be served by [`Service::serve_webtransport`](crate::server::Service).
///
/// Its certificate can be exchanged while it is served.
pub struct WebTransport {
    socket: UdpSocket,
    certificate: watch::Sender<Certificate>,
}

impl fmt::Debug for WebTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebTransport").field("socket", &self.socket).finish_non_exhaustive()
    }
}

/// Why WebTransport cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum WebTransportError {
    /// [`Config::webtransport`](crate::Config::webtransport) is false.
    #[error("`webtransport` is off in the server's configuration")]
    Off,
    /// The address cannot be bound.
    #[error("cannot use the address {address}: {error}")]
    Bind {
        /// The address.
        address: String,
        /// The reason.
        error: io::Error,
    },
    /// The service has middleware, which would not see a WebTransport session.
    #[error("a service with middleware cannot serve WebTransport")]
    Middleware,
    /// The socket cannot be used.
    #[error("cannot use the socket: {0}")]
    Socket(#[from] io::Error),
}

impl WebTransport {
    /// Binds a UDP address, such as `0.0.0.0:443`. Clients use one address for all transports, so it should have the port
    /// of the HTTP service.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub fn bind(address: &str, certificate: Certificate) -> Result<Self, WebTransportError> {
        let socket = UdpSocket::bind(address)
            .map_err(|error| WebTransportError::Bind { address: address.to_owned(), error })?;
        Ok(Self { socket, certificate: watch::channel(certificate).0 })
    }

    /// The address that is bound.
    ///
    /// # Errors
    /// The operating system does not tell.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Uses another certificate for connections that begin from now on.
    pub fn renew(&self, certificate: Certificate) {
        self.certificate.send_replace(certificate);
    }

    /// The certificate in use, and those that follow.
    pub(super) fn certificates(&self) -> watch::Receiver<Certificate> {
        self.certificate.subscribe()
    }

    /// Begins to receive.
    pub(super) fn start(&self, config: &Config) -> io::Result<Endpoint> {
        let mut endpoint = EndpointConfig::default();
        endpoint.cid_generator(|| Box::new(ConnectionIds));
        let settings = settings(&self.certificate.borrow(), config);
        Endpoint::new(endpoint, Some(settings), self.socket.try_clone()?, Arc::new(TokioRuntime))
    }
}

/// How connections that use `certificate` begin.
pub(super) fn settings(certificate: &Certificate, config: &Config) -> ServerConfig {
    let mut settings = ServerConfig::with_crypto(certificate.quic());
    settings.transport_config(Arc::new(transport(config)));
    settings
}

/// The bounds of one QUIC connection.
fn transport(config: &Config) -> TransportConfig {
    let idle = config.ping_interval.saturating_add(config.ping_timeout).saturating_add(PATIENCE);
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(BIDIRECTIONAL_STREAMS))
        .max_concurrent_uni_streams(VarInt::from_u32(UNIDIRECTIONAL_STREAMS))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW))
        .send_window(SEND_WINDOW)
        .datagram_receive_buffer_size(Some(DATAGRAMS))
        .keep_alive_interval(Some(KEEP_ALIVE))
        .max_idle_timeout(IdleTimeout::try_from(idle.min(MAX_IDLE)).ok());
    transport
}
