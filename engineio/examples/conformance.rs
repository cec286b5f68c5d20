//! The program that protocol test suites are pointed at; its contract is in the README beside it.

#![allow(clippy::disallowed_methods, reason = "a program may spawn its own tasks")]
#![allow(clippy::print_stdout, reason = "test suites wait for this program's line on standard output")]

use std::time::Duration;

use engineio::{
    Ack, Config, Engine, Namespace, Payload, Server, Socket,
    server::{Cors, Options, Service, serve_connection},
};
use http_body_util::Full;
use hyper::{Request, Response, StatusCode, body::Incoming, service::service_fn};
use tokio::net::TcpListener;

fn socket_io(config: Config) -> Result<Server, engineio::ConfigError> {
    let io = Server::with_config(config)?;
    for name in ["/", "/custom"] {
        let namespace = io.of(name);
        namespace.on_connection(|socket: Socket| {
            let auth: serde_json::Value = socket.auth().unwrap_or_else(|| serde_json::json!({}));
            socket.emit("auth", &auth);
        });
        namespace.on("message", |socket: Socket, payload: Payload| {
            socket.emit_payload("message-back", &payload);
        });
        namespace.on("message-with-ack", |payload: Payload, ack: Ack| ack.send_payload(&payload));
    }
    Ok(io)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = Config {
        ping_interval: Duration::from_millis(300),
        ping_timeout: Duration::from_millis(200),
        max_payload: 1_000_000,
        ..Config::default()
    };
    let options = |path: &str| Options { path: path.into(), cors: Some(Cors::any()), ..Options::default() };
    // A bare Engine.IO server that sends everything back.
    let engine = Engine::with_config(config.clone())?.on_message(|socket, data| {
        socket.send(&data);
    });
    let io = socket_io(config)?;
    let services = [engine.service_with(options("/engine.io")), io.service_with(options("/socket.io"))];

    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".into());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on port {port}");
    loop {
        let (stream, remote) = listener.accept().await?;
        let (services, io) = (services.clone(), io.clone());
        let route = service_fn(move |request: Request<Incoming>| {
            let service = services.iter().find(|service| service.owns(request.uri().path())).cloned();
            let counts = (request.uri().path() == "/counts").then(|| counts(&services, &io));
            async move {
                Ok(match (service, counts) {
                    (Some(service), _) => service.handle(request).await,
                    (None, Some(counts)) => Response::new(counts.into()),
                    (None, None) => not_found(),
                })
            }
        });
        tokio::spawn(serve_connection(stream, remote, route));
    }
}

/// How much of its clients the program remembers: what attackers leave behind shows here.
fn counts([engine, socketio]: &[Service; 2], io: &Server) -> String {
    let sockets: usize = io.namespaces().iter().map(Namespace::len).sum();
    let namespaces = io.namespaces().len();
    serde_json::json!({
        "engineSessions": engine.len(), "sessions": socketio.len(), "sockets": sockets, "namespaces": namespaces,
    })
    .to_string()
}

fn not_found() -> Response<Full<bytes::Bytes>> {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}
