//! The smallest useful program: people join a room under a name and talk.
//!
//! Run it with `cargo run -p engineio --example chat` and connect with `socket.io-client` to port 3000.

use engineio::{Ack, Data, DisconnectReason, Server, Socket};
use serde::Deserialize;
use serde_json::json;

/// Where a socket is and under which name.
#[derive(Clone, Deserialize)]
struct Seat {
    room: String,
    name: String,
}

fn join(socket: Socket, Data(seat): Data<Seat>, ack: Ack) {
    if let Err(error) = socket.join(seat.room.as_str()) {
        return ack.send(&json!({ "error": error.to_string() }));
    }
    socket.to(seat.room.as_str()).emit("joined", &seat.name);
    socket.insert(seat);
    ack.send(&json!({ "ok": true }));
}

fn say(socket: Socket, Data(text): Data<String>) {
    if let Some(seat) = socket.get::<Seat>() {
        socket.namespace().to(seat.room).emit("said", &(seat.name, text));
    }
}

fn leave(socket: Socket, reason: DisconnectReason) {
    if let Some(seat) = socket.get::<Seat>() {
        socket.namespace().to(seat.room).emit("left", &(seat.name, reason.to_string()));
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let io = Server::new();
    io.on("join", join);
    io.on("say", say);
    io.of("/").on_disconnect(leave);
    Ok(io.listen("127.0.0.1:3000").await?)
}
