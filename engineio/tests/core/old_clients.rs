//! Clients of Socket.IO 2, which speak Engine.IO protocol 3 and Socket.IO protocol 4.

use std::time::Duration;

use engineio::{
    Ack, Binary, Config, ConnectError, Data, DisconnectReason, Payload, Recovery, Socket,
    engine::{CloseReason, Input, Packet, Revision},
};
use serde_json::json;

use crate::support::{Client, Log, World, gate_of};

/// What waits for a client as text.
fn body(client: &Client) -> String {
    String::from_utf8(client.body()).unwrap()
}

/// A payload of packets of ASCII.
fn payload(packets: &[&str]) -> String {
    packets.iter().map(|packet| format!("{}:{packet}", packet.len())).collect()
}

#[test]
fn an_old_client_is_in_the_root_namespace_without_asking() {
    let world = World::new();
    let seen = Log::default();
    let log = seen.clone();
    world.io.on_connection(move |socket: Socket| {
        log.add(format!("{} {:?}", socket.id(), socket.auth_json()));
        socket.emit("hello", "you");
    });
    let client = world.client_of(Revision::V3);
    assert_eq!(seen.take(), [format!("{} None", client.peer.sid())], "its id is that of its session");
    assert_eq!(body(&client), r#"2:4017:42["hello","you"]"#);
    client.send("0");
    assert!(client.is_closed(), "it is in already");
}

#[test]
fn an_old_client_that_has_been_let_in_is_not_closed_at_the_connect_timeout() {
    let world = World::with(Config { ping_interval: Duration::from_secs(100), ..Config::default() });
    let client = world.client_of(Revision::V3);
    world.advance(Duration::from_secs(50));
    assert!(!client.is_closed());
}

#[test]
fn the_query_of_a_namespace_becomes_the_auth_payload() {
    let world = World::new();
    let seen = Log::default();
    let log = seen.clone();
    let admin = world.io.of("/admin");
    admin.on_connection(move |socket: Socket| log.add(socket.auth_json().unwrap_or("none").to_owned()));
    let client = world.client_of(Revision::V3);
    client.send("0/admin?token=a%26b&n=1&n=2&empty=,");
    assert_eq!(seen.take(), [r#"{"token":"a&b","n":"2","empty":""}"#], "values are text, the last counts");
    assert_eq!(body(&client), "2:409:40/admin,");
    client.send("0/admin?token=other,");
    assert!(client.is_closed(), "it has joined the namespace already");
    let client = world.client_of(Revision::V3);
    client.send("0/admin");
    assert_eq!(seen.take(), ["none"]);
}

#[test]
fn a_refusal_is_plain_text_or_the_data_alone() {
    let world = World::new();
    world
        .io
        .of("/data")
        .middleware(async |_: Socket| Err(ConnectError::new("no").with_data(json!({ "code": 7 }))));
    world.io.of("/text").middleware(async |_: Socket| Err(ConnectError::new("no")));
    let client = world.client_of(Revision::V3);
    assert_eq!(body(&client), "2:40");
    for (name, answer) in [
        ("/nope", r#"44/nope,"Invalid namespace""#),
        ("/data", r#"44/data,{"code":7}"#),
        ("/text", r#"44/text,"no""#),
    ] {
        client.send(&format!("0{name}"));
        assert_eq!(body(&client), payload(&[answer]));
    }
    assert!(!client.is_closed());
}

#[test]
fn an_old_client_waits_for_the_middleware_of_the_root_namespace() {
    let world = World::new();
    let gate = gate_of(&world.io.of("/"));
    let client = world.client_of(Revision::V3);
    assert_eq!(body(&client), "");
    gate.open();
    world.run();
    assert_eq!(body(&client), "2:40");
}

#[test]
fn a_refused_old_client_is_told_over_the_root_namespace() {
    let world = World::new();
    world.io.of("/").middleware(async |_: Socket| Err(ConnectError::new("no entry")));
    let client = world.client_of(Revision::V3);
    assert_eq!(body(&client), r#"12:44"no entry""#);
}

#[test]
fn binary_is_base64_or_a_record_as_the_client_reads_it() {
    let world = World::new();
    world.io.on("echo", |payload: Payload, ack: Ack| ack.send_payload(&payload));
    for base64 in [true, false] {
        let client = world.client_of(Revision::V3);
        client.peer.set_base64(base64);
        assert_eq!(body(&client), "2:40");
        client.send(r#"51-7["echo",{"_placeholder":true,"num":0}]"#);
        client.send_binary(&[1, 2, 3, 4]);
        let answer = r#"461-7[{"_placeholder":true,"num":0}]"#;
        assert_eq!(answer.len(), 36);
        let wanted = if base64 {
            payload(&[answer, "b4AQIDBA=="]).into_bytes()
        } else {
            [b"\x00\x03\x06\xff", answer.as_bytes(), b"\x01\x05\xff\x04\x01\x02\x03\x04"].concat()
        };
        assert_eq!(client.body(), wanted);
    }
}

#[test]
fn a_broadcast_reaches_clients_of_both_revisions_in_their_own_forms() {
    let world = World::new();
    world.io.on_connection(|socket: Socket| socket.join("room").map(drop));
    let (old, new) = (world.client_of(Revision::V3), world.connected());
    old.peer.set_base64(true);
    assert_eq!(body(&old), "2:40");
    world.io.to("room").emit("é", &Binary::from("abc"));
    let packet = r#"451-["é",{"_placeholder":true,"num":0}]"#;
    assert_eq!(body(&old), format!("39:{packet}6:b4YWJj"), "a character counts once");
    assert_eq!(body(&new), format!("{packet}\u{1e}bYWJj"));
}

#[test]
fn the_client_pings_and_is_answered() {
    let world = World::new();
    let reasons = Log::default();
    let log = reasons.clone();
    world.io.of("/").on_disconnect(move |reason: DisconnectReason| log.add(reason.to_string()));
    let client = world.client_of(Revision::V3);
    assert_eq!(body(&client), "2:40");
    for _ in 0..3 {
        world.advance(Duration::from_secs(44));
        client.peer.feed(Input::Packet(Packet::Ping("")));
        assert_eq!(body(&client), "1:3", "and the server sends no ping of its own");
    }
    world.advance(Duration::from_secs(46));
    assert_eq!(client.peer.ended(), Some(CloseReason::PingTimeout));
    assert_eq!(reasons.take(), ["ping timeout"]);
}

#[test]
fn pings_of_a_client_that_does_not_read_are_bounded() {
    let world = World::with(Config { max_queued_packets: 10, ..Config::default() });
    let client = world.client_of(Revision::V3);
    for _ in 0..20 {
        client.peer.feed(Input::Packet(Packet::Ping("")));
    }
    world.run();
    assert_eq!(client.peer.ended(), Some(CloseReason::TransportError));
}

#[test]
fn a_socket_outside_the_root_namespace_is_reached_by_the_id_its_client_knows() {
    let world = World::new();
    let chat = world.io.of("/chat");
    chat.on("who", |socket: Socket, ack: Ack| ack.send(&socket.client_id()));
    chat.on("tell", |socket: Socket, Data(id): Data<String>| {
        socket.to(id).emit("told", &());
    });
    let clients = [world.client_of(Revision::V3), world.client_of(Revision::V3)];
    for client in &clients {
        client.send("0/chat");
        assert_eq!(body(client), "2:408:40/chat,");
    }
    let id = format!("/chat#{}", clients[0].peer.sid());
    clients[0].send(r#"2/chat,0["who"]"#);
    assert_eq!(body(&clients[0]), payload(&[&format!(r#"43/chat,0["{id}"]"#)]));
    clients[1].send(&format!(r#"2/chat,["tell","{id}"]"#));
    assert_eq!(body(&clients[0]), payload(&[r#"42/chat,["told"]"#]));
    assert_eq!(body(&clients[1]), "");
    let socket = chat.socket(clients[0].peer.sid()).unwrap();
    assert_eq!(socket.rooms(), [id.as_str().into()]);
    chat.except(id.as_str()).emit("others", &());
    assert_eq!(body(&clients[0]), "");
    assert_eq!(body(&clients[1]), payload(&[r#"42/chat,["others"]"#]));
    socket.leave(&id);
    chat.to(id).emit("told", &());
    assert_eq!(body(&clients[0]), "", "its own room can be left");
}

#[test]
fn a_name_like_that_of_another_namespaces_own_room_is_an_ordinary_room() {
    let world = World::new();
    world.io.of("/chat");
    let client = world.client_of(Revision::V3);
    client.send("0/chat");
    assert_eq!(body(&client), "2:408:40/chat,");
    let id = client.peer.sid();
    world.io.of("/chat").to(format!("/other#{id}")).emit("told", &());
    world.io.to(format!("/chat#{id}")).emit("told", &());
    assert_eq!(body(&client), "");
}

#[test]
fn a_session_the_server_ends_tells_so_in_its_own_form() {
    let world = World::new();
    let client = world.client_of(Revision::V3);
    world.io.of("/").disconnect_sockets(false);
    client.peer.close();
    client.peer.feed(Input::PollOpened);
    assert_eq!(&client.peer.farewell().bytes[..], b"2:402:41");
    client.peer.feed(Input::PollOpened);
    assert_eq!(&client.peer.farewell().bytes[..], b"1:61:1");
}

#[test]
fn an_old_client_is_not_told_how_to_come_back() {
    let config = Config { connection_state_recovery: Some(Recovery::default()), ..Config::default() };
    let world = World::with(config);
    world.io.on_connection(|socket: Socket| assert!(!socket.recovered()));
    let client = world.client_of(Revision::V3);
    assert_eq!(body(&client), "2:40");
    client.vanish();
    assert!(world.io.of("/").is_empty());
    let another = world.client_of(Revision::V3);
    assert_eq!(body(&another), "2:40");
    assert_ne!(another.peer.sid(), client.peer.sid());
}
