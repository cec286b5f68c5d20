//! The parser for MessagePack.

use engineio::{Ack, Args, Config, ConnectError, Data, Parser, Payload, Server, Socket, server::Options};
use serde_json::{Value, json};

use crate::Made;

/// - `echo`(args…) is acknowledged with the arguments.
/// - `inspect`(args…) is acknowledged with the text of the arguments' JSON, as listeners see it.
/// - `ask`(x): the event `question`(x) goes back, and its answer is sent as the event `answer`.
/// - `join`(room) joins; `publish`(room, x) sends `published`(x) to everyone in the room.
/// - `kick` ends the socket's stay.
/// - The namespace `/admin` lets in who has the `token` "good" in `auth`, and answers `echo` as well.
pub(crate) fn server() -> Made {
    let io = Server::with_config(Config { parser: Parser::Msgpack, ..Config::default() })?;
    io.on("echo", |payload: Payload, ack: Ack| ack.send_payload(&payload));
    io.on("inspect", |Args(args): Args<Vec<Value>>, ack: Ack| ack.send(&json!(args).to_string()));
    io.on("ask", async |socket: Socket, Data(question): Data<Value>| {
        if let Ok(reply) = socket.emit_with_ack("question", &(question,)).await {
            socket.emit("answer", &reply.first::<Value>().ok());
        }
    });
    io.on("join", |socket: Socket, Data(room): Data<String>, ack: Ack| ack.send(&socket.join(room).is_ok()));
    io.on("publish", |socket: Socket, Args((room, value)): Args<(String, engineio::Binary)>| {
        socket.namespace().to(room).emit("published", &(value,));
    });
    io.on("kick", |socket: Socket| socket.disconnect());
    let admin = io.of("/admin");
    admin.on("echo", |payload: Payload, ack: Ack| ack.send_payload(&payload));
    admin.middleware(|socket: Socket| {
        let auth = socket.auth::<Value>().unwrap_or_default();
        async move {
            if auth.get("token") == Some(&json!("good")) {
                return Ok(());
            }
            Err(ConnectError::new("wrong token").with_data(json!({ "got": auth.get("token") })))
        }
    });
    Ok((io, Options::default()))
}
