//! Compressed WebSocket messages.

use engineio::{
    Ack, Config, Data, Payload, Server, Socket,
    server::{Options, PerMessageDeflate},
};

use crate::Made;

/// `echo` is acknowledged with its arguments, `say` sends them to everybody, and `plain` sends a text back uncompressed.
pub(crate) fn server() -> Made {
    let io = Server::with_config(Config { max_payload: 200_000, ..Config::default() })?;
    io.on("echo", |payload: Payload, ack: Ack| ack.send_payload(&payload));
    io.on("say", |socket: Socket, payload: Payload| {
        socket.namespace().emit_payload("said", &payload);
    });
    io.on("plain", |socket: Socket, Data(text): Data<String>| {
        socket.compress(false).emit("said", &text);
    });
    let per_message_deflate = Some(PerMessageDeflate::default());
    Ok((io, Options { per_message_deflate, ..Options::default() }))
}
