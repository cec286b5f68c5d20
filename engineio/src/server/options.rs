//! How a service answers HTTP.

use std::{fmt, sync::Arc};

use super::{
    client_bundle::ClientBundle,
    compression::HttpCompression,
    cookie::Cookie,
    cors::Cors,
    deflate::PerMessageDeflate,
    farewell::Farewell,
    hooks::{AllowRequest, ClientAddress, ConnectionErrorHook, GenerateId, HeadersHook},
    middleware::Middleware,
};

/// How a [`Service`](super::Service) answers HTTP.
///
/// # Examples
/// ```
/// use engineio::server::{Cors, Options};
///
/// let options = Options { cors: Some(Cors::origins(["https://chat.example"])), ..Options::default() };
/// ```
#[derive(Clone)]
pub struct Options {
    /// The path that belongs to the service, with everything below it, with and without a slash at its end. Default
    /// `/socket.io`. Which transports are offered there says [`Config`](crate::Config).
    pub path: String,
    /// Which pages of other origins may use the service. Default none: no CORS headers, and a session is opened only for
    /// requests without an `Origin` and for pages of the service's own origin, the host in `Host`. The rules of browsers
    /// do not stop a WebSocket, so without this a page of any site could open one with its visitor's cookies.
    /// A server for all the world says so with [`Cors::any`].
    pub cors: Option<Cors>,
    /// The cookie of a polling handshake. Default none.
    pub cookie: Option<Cookie>,
    /// Asked before a session is opened, not for requests of a session. Default none.
    pub allow_request: Option<AllowRequest>,
    /// Tells a client's address, where that is not the one its connection comes from. Default none: it is the
    /// [`RemoteAddr`](crate::hub::RemoteAddr).
    pub client_address: Option<ClientAddress>,
    /// Makes the ids of sessions. Default none: 15 random bytes.
    pub generate_id: Option<GenerateId>,
    /// A text message that travels together with the open packet. Default none.
    pub initial_packet: Option<String>,
    /// What requests pass before the engine looks at them, in this order. Default nothing.
    ///
    /// Preflights and the files of `client` are answered before.
    pub middleware: Vec<Middleware>,
    /// Changes the headers of the answer that opens a session: by polling, or the 101 that begins a WebSocket. An upgrade
    /// opens nothing. Default none.
    pub initial_headers: Option<HeadersHook>,
    /// Changes the headers of each answer, the 101 that begins a WebSocket and refusals included; called after
    /// `initial_headers`. Default none.
    pub headers: Option<HeadersHook>,
    /// Sees each request that is refused before it reaches a session. Default none.
    pub on_connection_error: Option<ConnectionErrorHook>,
    /// When polling responses are compressed; none leaves all as they are. Default from 1,024 bytes on.
    pub http_compression: Option<HttpCompression>,
    /// When messages to WebSocket clients are compressed, if they offer it; none leaves all as they are. Default none:
    /// it costs more time than most networks save.
    pub per_message_deflate: Option<PerMessageDeflate>,
    /// The client library to serve below the path. Default none.
    pub client: Option<Arc<ClientBundle>>,
    /// How clients are seen off when the server stops.
    pub farewell: Farewell,
}

impl Options {
    /// The defaults of a bare Engine.IO server: the path is `/engine.io`.
    #[must_use]
    pub fn engine_io() -> Self {
        Self { path: "/engine.io".into(), ..Self::default() }
    }

    /// Whether hooks see requests of sessions that are open, and not only those that open one.
    pub(super) fn show_every_request(&self) -> bool {
        !self.middleware.is_empty() || self.headers.is_some() || self.on_connection_error.is_some()
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            path: "/socket.io".into(),
            cors: None,
            cookie: None,
            allow_request: None,
            client_address: None,
            generate_id: None,
            initial_packet: None,
            middleware: Vec::new(),
            initial_headers: None,
            headers: None,
            on_connection_error: None,
            http_compression: Some(HttpCompression::default()),
            per_message_deflate: None,
            client: None,
            farewell: Farewell::default(),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("path", &self.path)
            .field("cors", &self.cors)
            .field("cookie", &self.cookie)
            .field("middleware", &self.middleware)
            .field("http_compression", &self.http_compression)
            .field("per_message_deflate", &self.per_message_deflate)
            .field("client", &self.client)
            .field("farewell", &self.farewell)
            .finish_non_exhaustive()
    }
}
