//! The network shell: HTTP and WebSocket on hyper, tokio and tokio-tungstenite, WebTransport on quinn.

mod answer;
mod client_bundle;
mod clock;
mod codec;
mod compression;
mod cookie;
mod cors;
mod deflate;
mod door;
mod encodings;
mod farewell;
mod first_request;
mod fragments;
#[cfg(feature = "fuzz")]
#[doc(hidden)]
pub mod fuzz;
mod gathering;
mod guards;
mod head_timer;
mod headers;
mod hooks;
mod http_stream;
mod joining;
mod listen;
mod middleware;
mod options;
mod polling;
mod runtime;
mod seldom;
mod service;
mod slices;
mod stream;
#[cfg(feature = "tower")]
mod tower;
mod upgrade;
mod verify;
mod websocket;
#[cfg(feature = "webtransport")]
mod webtransport;
mod whole_frame;

pub use client_bundle::ClientBundle;
pub use compression::HttpCompression;
pub use cookie::{Cookie, SameSite};
pub use cors::{Cors, Origins};
pub use deflate::PerMessageDeflate;
pub use door::{Door, Guest};
pub use farewell::Farewell;
pub use hooks::{
    AllowRequest, ClientAddress, ConnectionError, ConnectionErrorHook, Decide, GenerateId, HeadersHook,
};
pub use listen::{ListenError, serve_connection, serve_connection_until};
pub use middleware::{Exchange, Middleware, Verdict};
pub use options::Options;
pub use runtime::TokioRuntime;
pub use service::Service;
#[cfg(feature = "webtransport")]
pub use webtransport::{Certificate, CertificateError, WebTransport, WebTransportError};
