//! The contract of `bench_server` on socketioxide.

use axum::serve::ListenerExt;
use serde_json::Value;
use socketioxide::{
    SocketIo,
    extract::{AckSender, Data, SocketRef},
};

async fn connected(socket: SocketRef) {
    socket.on("echo", async |Data(x): Data<Value>, ack: AckSender| {
        ack.send(&x).ok();
    });
    socket.on("join", async |socket: SocketRef, Data(room): Data<String>, ack: AckSender| {
        socket.join(room);
        ack.send(&()).ok();
    });
    socket.on("publish", async |io: SocketIo, Data((room, x)): Data<(String, Value)>| {
        io.to(room).emit("msg", &x).await.ok();
    });
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::var("PORT")?;
    let (layer, io) = SocketIo::new_layer();
    io.ns("/", connected);
    let app = axum::Router::<()>::new().layer(layer);
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    // Small packets must not wait for each other, as in all other servers here.
    let listener = listener.tap_io(|stream| {
        stream.set_nodelay(true).ok();
    });
    println!("listening");
    Ok(axum::serve(listener, app).await?)
}
