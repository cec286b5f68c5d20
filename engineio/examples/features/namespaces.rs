//! Namespaces that are made when clients ask for them, and given up when they are empty.

use std::time::Duration;

use engineio::{Ack, Config, Data, Namespace, Server, Socket, server::Options};
use serde::Deserialize;

use crate::Made;

#[derive(Deserialize)]
struct Auth {
    token: String,
}

/// `/room-{name}` exists for everyone, `/secret-…` for those who know the token. In a room, `join`(room) joins one and
/// `shout`(text) reaches all rooms. In `/`, `namespaces` answers the names there are and `remove`(name) gives one up.
pub(crate) fn server() -> Made {
    let config =
        Config { cleanup_empty_child_namespaces: true, max_dynamic_namespaces: 3, ..Config::default() };
    let io = Server::with_config(config)?;
    let rooms = io.of_pattern("/room-{name}")?;
    rooms.on_connection(|socket: Socket| {
        socket.emit("welcome", &socket.namespace().param("name"));
    });
    rooms.on("join", |socket: Socket, Data(room): Data<String>, ack: Ack| {
        ack.send(&socket.join(room).is_ok());
    });
    let all = rooms.clone();
    rooms.on("shout", move |Data((room, text)): Data<(Option<String>, String)>| match room {
        Some(room) => all.to(room).emit("heard", &text),
        None => all.emit("heard", &text),
    });
    io.of_deciding(async |asked| {
        // As long as a look into a database.
        tokio::time::sleep(Duration::from_millis(20)).await;
        asked.name().starts_with("/secret-") && asked.auth::<Auth>().is_some_and(|auth| auth.token == "x")
    });
    let server = io.clone();
    io.on("namespaces", move |ack: Ack| {
        let namespaces = server.namespaces();
        let mut names: Vec<_> = namespaces.iter().map(Namespace::name).collect();
        names.sort_unstable();
        ack.send(&names[..]);
    });
    let server = io.clone();
    io.on("remove", move |Data(name): Data<String>, ack: Ack| ack.send(&server.remove_namespace(&name)));
    Ok((io, Options::default()))
}
