//! The network shell: HTTP and WebSocket on hyper, tokio and tokio-tungstenite.

mod client_bundle;
mod clock;
mod codec;
mod cors;
mod fragments;
mod gathering;
mod headers;
mod http_stream;
mod joining;
mod listen;
mod options;
mod polling;
mod runtime;
mod service;
mod stream;
mod websocket;

pub use client_bundle::ClientBundle;
pub use cors::{Cors, Origins};
pub use listen::{ListenError, serve_connection, serve_connection_until};
pub use options::{AllowRequest, Cookie, Options, SameSite};
pub use runtime::TokioRuntime;
pub use service::Service;
