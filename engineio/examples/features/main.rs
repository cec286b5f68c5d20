//! One small server for each feature, for tests with real clients: `FEATURE=broadcast PORT=3000`.

#![allow(clippy::disallowed_methods, reason = "a program may spawn its own tasks")]
#![allow(clippy::print_stdout, reason = "tests wait for this program's line on standard output")]

mod broadcast;
mod clients;
mod deflate;
mod http;
mod listeners;
mod msgpack;
mod namespaces;
mod recovery;
mod rooms;
mod schema;
mod sending;
mod webtransport;

use std::error::Error;

use engineio::{
    Server,
    server::{Options, serve_connection},
};
use tokio::net::TcpListener;

/// A server as one feature needs it, and how it answers HTTP.
type Made = Result<(Server, Options), Box<dyn Error>>;

/// A feature's name and server.
type Feature = (&'static str, fn() -> Made);

/// The features by name.
const FEATURES: &[Feature] = &[
    ("broadcast", broadcast::server),
    ("clients", clients::server),
    ("deflate", deflate::server),
    ("http", http::server),
    ("listeners", listeners::server),
    ("msgpack", msgpack::server),
    ("namespaces", namespaces::server),
    ("recovery", recovery::server),
    ("rooms", rooms::server),
    ("schema", schema::server),
    ("sending", sending::server),
    ("webtransport", webtransport::server),
];

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let wanted = std::env::var("FEATURE").unwrap_or_default();
    let Some((_, make)) = FEATURES.iter().find(|(name, _)| *name == wanted) else {
        let names: Vec<_> = FEATURES.iter().map(|(name, _)| *name).collect();
        return Err(format!("FEATURE must be one of {}", names.join(", ")).into());
    };
    let (io, options) = make()?;
    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".into());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on port {port}");
    let service = io.service_with(options);
    loop {
        let (stream, remote) = listener.accept().await?;
        tokio::spawn(serve_connection(stream, remote, service.clone()));
    }
}
