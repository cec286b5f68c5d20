//! The server inside an axum application: `cargo run --example axum --features tower`.

#![allow(clippy::print_stdout, reason = "a program may talk to its user")]

use std::net::SocketAddr;

use axum::{Router, extract::ConnectInfo, routing::get};
use engineio::{
    Payload, Server, Socket,
    hub::RemoteAddr,
    server::{Middleware, Options, Verdict},
};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let io = Server::new();
    io.on("say", |socket: Socket, payload: Payload| {
        socket.namespace().emit_payload("said", &payload);
    });

    // axum tells the client's address in a type of its own.
    let address = Middleware::new(|exchange| {
        let extensions = &mut exchange.request.extensions;
        if let Some(ConnectInfo(address)) = extensions.get::<ConnectInfo<SocketAddr>>().copied() {
            extensions.insert(RemoteAddr(address));
        }
        Verdict::Next
    });
    let service = io.service_with(Options { middleware: vec![address], ..Options::default() });
    let app = Router::new().route("/", get(|| async { "hello" })).nest_service("/socket.io", service);

    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".into());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on port {port}");
    Ok(axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?)
}
