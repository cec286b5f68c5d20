//! What a server sends and when: bursts, volatile events, large ones, and ends.

use std::time::{Duration, SystemTime};

use engineio::{Ack, Binary, Config, Data, Payload, Server, Socket, server::Options};
use serde_json::json;

use crate::Made;

/// The largest message, far above what the tests send.
const MAX_PAYLOAD: usize = 20_000_000;

/// `handshake` is acknowledged with what the server knows of the request. `burst`(n) brings n events `number`. In one turn,
/// `mixed` brings the normal 0 and 2 and tries the volatile 1, `volatile` tries two events; `-room` sends them by a
/// broadcast, `-binary` with bytes. `echo` comes back, however large. `last` brings `last` and ends the connection, and
/// `shutdown` closes the server, which goes on.
pub(crate) fn server() -> Made {
    let io = Server::with_config(Config {
        max_payload: MAX_PAYLOAD,
        ping_interval: Duration::from_secs(5),
        ..Config::default()
    })?;
    for name in ["/", "/other"] {
        io.of(name).on("handshake", |socket: Socket, ack: Ack| ack.send(&handshake(&socket)));
    }
    io.on("burst", |socket: Socket, Data(count): Data<u32>| {
        for number in 0..count {
            socket.emit("number", &number);
        }
    });
    io.on("mixed", |socket: Socket| {
        socket.emit("number", &0);
        socket.emit_volatile("number", &1);
        socket.emit("number", &2);
    });
    io.on("volatile", |socket: Socket| {
        for number in 0..2 {
            socket.emit_volatile("number", &number);
        }
    });
    io.on("volatile-binary", |socket: Socket| {
        for number in 0..2 {
            socket.emit_volatile("number", &(number, Binary::from(vec![number])));
        }
    });
    io.on("mixed-room", |socket: Socket| {
        let all = socket.namespace();
        all.emit("number", &0);
        all.volatile().emit("number", &1);
        all.emit("number", &2);
    });
    io.on("echo", |payload: Payload, ack: Ack| ack.send_payload(&payload));
    io.on("last", |socket: Socket| {
        socket.emit("last", &());
        socket.close();
    });
    let server = io.clone();
    io.on("shutdown", move || server.close());
    Ok((io, Options::default()))
}

fn handshake(socket: &Socket) -> serde_json::Value {
    let handshake = socket.handshake();
    let query = ["transport", "room", "a b", "token"].map(|name| handshake.query(name));
    let age = SystemTime::now().duration_since(handshake.issued).unwrap_or_default();
    json!({
        "query": query,
        "header": handshake.header("x-test"),
        "address": handshake.address.map(|address| address.ip().to_string()),
        "url": handshake.url,
        "secure": handshake.secure,
        "xdomain": handshake.xdomain,
        "is recent": age < Duration::from_secs(60),
        "auth": socket.auth::<serde_json::Value>(),
    })
}
