//! The program that load generators measure; its contract is in the README beside it.

#![allow(clippy::print_stdout, reason = "load generators wait for this program's line on standard output")]

use engineio::{Ack, Args, Config, Data, Payload, Recovery, Server, Socket, server::Options};

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".into());
    let recovery = std::env::var("RECOVERY").is_ok_and(|on| on == "true").then(Recovery::default);
    let io = Server::with_config(Config { connection_state_recovery: recovery, ..Config::default() })?;
    let counted = io.clone();
    io.on("sessions", move |ack: Ack| ack.send(&counted.peers().len()));
    io.on("echo", |payload: Payload, ack: Ack| ack.send_payload(&payload));
    io.on("join", |socket: Socket, Data(room): Data<String>, ack: Ack| {
        if socket.join(room).is_ok() {
            ack.send(&());
        }
    });
    io.on("leave", |socket: Socket, Data(room): Data<String>, ack: Ack| {
        socket.leave(&room);
        ack.send(&());
    });
    io.on(
        "publish",
        |socket: Socket, Args((room, message)): Args<(String, Box<serde_json::value::RawValue>)>| {
            socket.namespace().to(room).emit("msg", &message);
        },
    );
    println!("listening");
    let stop = async { drop(tokio::signal::ctrl_c().await) };
    Ok(io.listen_until(&format!("127.0.0.1:{port}"), Options::default(), stop).await?)
}
