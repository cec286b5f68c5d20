//! What every client can do, for official clients of all ages.

use std::time::Duration;

use engineio::{Ack, Args, Binary, Config, ConnectError, Data, Payload, Server, Socket, server::Options};
use serde_json::{Value, json};

use crate::Made;

/// `/` and `/chat` greet with `hello`(id, auth), answer `echo` with `echo-back`, and acknowledge `ask` with its arguments.
/// `question` and `question-binary` are put to the client, whose answer comes back as `answered`. `join` and `leave` take a room, and
/// `say`(room, …) goes to the others in it. `kick` ends the stay. `/closed` refuses everybody.
pub(crate) fn server() -> Made {
    let io = Server::with_config(Config {
        allow_eio3: true,
        ping_interval: Duration::from_millis(300),
        ping_timeout: Duration::from_millis(1_500),
        ..Config::default()
    })?;
    for name in ["/", "/chat"] {
        let namespace = io.of(name);
        namespace.on_connection(|socket: Socket| {
            let auth: Value = socket.auth().unwrap_or_default();
            socket.emit("hello", &(socket.client_id(), auth));
        });
        namespace.on("echo", |socket: Socket, payload: Payload| {
            socket.emit_payload("echo-back", &payload);
        });
        namespace.on("ask", |payload: Payload, ack: Ack| ack.send_payload(&payload));
        namespace.on("question", async |socket: Socket, Data(question): Data<Value>| {
            let answer = socket.emit_with_ack("question", &question).await;
            if let Ok(answer) = answer.and_then(|reply| reply.args::<Vec<Value>>()) {
                socket.emit("answered", &answer[..]);
            }
        });
        namespace.on("question-binary", async |socket: Socket, Data(question): Data<Binary>| {
            let answer = socket.emit_with_ack("question", &question).await;
            if let Ok(answer) = answer.and_then(|reply| reply.first::<Binary>()) {
                socket.emit("answered", &answer);
            }
        });
        namespace.on("join", |socket: Socket, Data(room): Data<String>, ack: Ack| {
            ack.send(&socket.join(room).is_ok());
        });
        namespace.on("leave", |socket: Socket, Data(room): Data<String>, ack: Ack| {
            socket.leave(&room);
            ack.send(&true);
        });
        namespace.on("say", |socket: Socket, Args((room, text)): Args<(String, Value)>| {
            socket.to(room).emit("said", &text);
        });
        namespace.on("kick", |socket: Socket| socket.disconnect());
    }
    io.of("/closed")
        .middleware(async |_: Socket| Err(ConnectError::new("no entry").with_data(json!({ "code": 7 }))));
    Ok((io, Options::default()))
}
