//! The server over real TCP connections, against a client that knows nothing but RFC 6455's frames, and over UDP.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::disallowed_methods, reason = "tests make their own tasks")]
#![allow(missing_docs, unreachable_pub, reason = "tests are described by their names and used by nobody")]

#[cfg(feature = "tower")]
mod axum;
mod client;
mod crowd;
mod first_request;
mod http;
mod polling;
mod stopping;
mod websocket;
mod webtransport;
