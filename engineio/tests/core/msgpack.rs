//! The parser for MessagePack: what is on top of the connection does not notice it.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use engineio::{Ack, Args, Binary, Config, ConnectError, Parser, Payload, Socket, hub::AckFuture};
use serde_json::{Value, json};

use crate::support::{Client, Log, World};

fn world() -> World {
    World::with(Config { parser: Parser::Msgpack, ..Config::default() })
}

/// The packets that wait for a client, each from its `b` and base64.
fn received(client: &Client) -> Vec<Vec<u8>> {
    let decode = |packet: String| {
        let base64 = packet.strip_prefix('b').unwrap_or_else(|| panic!("{packet} is no binary message"));
        BASE64_STANDARD.decode(base64).unwrap()
    };
    client.received().into_iter().map(decode).collect()
}

/// A client that has joined `/`.
fn connected(world: &World) -> Client {
    let client = world.client();
    client.send_binary(b"\x82\xa4type\x00\xa3nsp\xa1/");
    let answer = received(&client).remove(0);
    assert!(answer.starts_with(b"\x83\xa4type\x00\xa4data\x81\xa3sid\xb4"), "{answer:?}");
    assert!(answer.ends_with(b"\xa3nsp\xa1/"), "{answer:?}");
    client
}

fn answer_of(future: AckFuture) -> String {
    let polled = pin!(future).poll(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(Ok(reply)) = polled else { panic!("the client has answered") };
    reply.data
}

#[test]
fn an_event_reaches_its_listener_and_is_answered() {
    let world = world();
    world.io.on("sum", |Args((a, b)): Args<(u32, u32)>, ack: Ack| ack.send(&(a + b)));
    let client = connected(&world);
    client.send_binary(b"\x84\xa4type\x02\xa4data\x93\xa3sum\x01\x02\xa3nsp\xa1/\xa2id\x07");
    assert_eq!(received(&client), [b"\x84\xa4type\x03\xa4data\x91\x03\xa3nsp\xa1/\xa2id\x07"]);
}

#[test]
fn the_client_answers_the_server() {
    let world = world();
    let client = connected(&world);
    let asked = world.io.of("/").sockets().remove(0).emit_with_ack("ask", "x");
    assert_eq!(received(&client), [b"\x84\xa4type\x02\xa4data\x92\xa3ask\xa1x\xa3nsp\xa1/\xa2id\x00"]);
    client.send_binary(b"\x84\xa4type\x03\xa4data\x91\xa1y\xa3nsp\xa1/\xa2id\x00");
    assert_eq!(answer_of(asked), r#"["y"]"#);
}

#[test]
fn binary_data_needs_no_second_message() {
    let world = world();
    world.io.on("join", |Args((name, part)): Args<(String, Binary)>, ack: Ack| {
        assert_eq!(&part.0[..], b"\x00\xff");
        ack.send(&(json!({ "name": name }), Binary::from("back")));
    });
    let client = connected(&world);
    client.send_binary(b"\x84\xa4type\x02\xa4data\x93\xa4join\xa1n\xc4\x02\x00\xff\xa3nsp\xa1/\xa2id\x07");
    let wanted = b"\x84\xa4type\x03\xa4data\x92\x81\xa4name\xa1n\xc4\x04back\xa3nsp\xa1/\xa2id\x07";
    assert_eq!(received(&client), [wanted]);
}

#[test]
fn a_payload_is_passed_on_unchanged_even_if_it_looks_like_a_placeholder() {
    let world = world();
    world.io.on("echo", |payload: Payload, ack: Ack| ack.send_payload(&payload));
    let client = connected(&world);
    let arguments = b"\x82\xac_placeholder\xc3\xa3num\x00\xc4\x01x";
    let packet = |kind: u8, front: &[u8]| {
        let mut bytes = b"\x84\xa4type".to_vec();
        bytes.push(kind);
        bytes.extend_from_slice(b"\xa4data");
        bytes.extend_from_slice(front);
        bytes.extend_from_slice(arguments);
        bytes.extend_from_slice(b"\xa3nsp\xa1/\xa2id\x07");
        bytes
    };
    client.send_binary(&packet(2, b"\x93\xa4echo"));
    assert_eq!(received(&client), [packet(3, b"\x92")]);
}

#[test]
fn a_value_that_looks_like_a_placeholder_is_sent_as_it_is() {
    let world = world();
    world.io.on("back", |socket: Socket, Args((value, part)): Args<(Value, Binary)>| {
        assert_eq!(value, json!({ "_placeholder": true, "num": 0 }));
        socket.emit("back", &(value, part));
    });
    let client = connected(&world);
    let packet =
        b"\x83\xa4type\x02\xa4data\x93\xa4back\x82\xac_placeholder\xc3\xa3num\x00\xc4\x01x\xa3nsp\xa1/";
    client.send_binary(packet);
    assert_eq!(received(&client), [packet]);
}

#[test]
fn a_room_gets_one_packet_in_the_same_form() {
    let world = world();
    let clients = [connected(&world), connected(&world)];
    for socket in world.io.of("/").sockets() {
        socket.join("room").unwrap();
    }
    world.io.to("room").emit("said", &("hello", 1.5));
    for client in &clients {
        let wanted = b"\x83\xa4type\x02\xa4data\x93\xa4said\xa5hello\xcb\x3f\xf8\0\0\0\0\0\0\xa3nsp\xa1/";
        assert_eq!(received(client), [wanted]);
    }
}

#[test]
fn namespaces_let_in_refuse_and_end() {
    let world = world();
    let seen = Log::default();
    let log = seen.clone();
    world.io.of("/admin").middleware(move |socket: Socket| {
        let token = socket.auth::<Value>().and_then(|auth| auth.get("token").cloned());
        async move {
            if token == Some(json!("good")) {
                return Ok(());
            }
            Err(ConnectError::new("no").with_data(json!({ "code": 7 })))
        }
    });
    world.io.of("/admin").on_disconnect(move || log.add("left"));
    let client = connected(&world);
    client.send_binary(b"\x82\xa4type\x00\xa3nsp\xa8/unknown");
    let error = b"\x83\xa4type\x04\xa4data\x81\xa7message\xb1Invalid namespace\xa3nsp\xa8/unknown";
    assert_eq!(received(&client), [error]);
    client.send_binary(b"\x83\xa4type\x00\xa4data\x81\xa5token\xa3bad\xa3nsp\xa6/admin");
    let error = b"\x83\xa4type\x04\xa4data\x82\xa7message\xa2no\xa4data\x81\xa4code\x07\xa3nsp\xa6/admin";
    assert_eq!(received(&client), [error]);
    client.send_binary(b"\x83\xa4type\x00\xa4data\x81\xa5token\xa4good\xa3nsp\xa6/admin");
    assert_eq!(received(&client).len(), 1);
    client.send_binary(b"\x82\xa4type\x01\xa3nsp\xa6/admin");
    assert_eq!(seen.take(), ["left"]);
    world.io.of("/").disconnect_sockets(false);
    assert_eq!(received(&client), [b"\x82\xa4type\x01\xa3nsp\xa1/"]);
    assert!(!client.is_closed());
}

#[test]
fn what_breaks_the_protocol_closes_the_connection() {
    let broken: [&[u8]; 7] = [
        b"",
        b"\xc1",
        b"\x82\xa4type\x05\xa3nsp\xa1/",
        // A second CONNECT, an event for a namespace that is not joined, a CONNECT_ERROR, a reserved name.
        b"\x82\xa4type\x00\xa3nsp\xa1/",
        b"\x83\xa4type\x02\xa4data\x91\xa1a\xa3nsp\xa2/a",
        b"\x83\xa4type\x04\xa4data\xa1a\xa3nsp\xa1/",
        b"\x83\xa4type\x02\xa4data\x91\xa7connect\xa3nsp\xa1/",
    ];
    for bytes in broken {
        let world = world();
        let client = connected(&world);
        client.send_binary(bytes);
        assert!(client.is_closed(), "{bytes:?}");
    }
    let world = world();
    let client = connected(&world);
    client.send(r#"2["text"]"#);
    assert!(client.is_closed(), "text is another parser's");
}

#[test]
fn a_client_with_the_other_parser_is_closed_on_either_side() {
    let (text, msgpack) = (World::new(), world());
    let client = text.client();
    client.send_binary(b"\x82\xa4type\x00\xa3nsp\xa1/");
    assert!(client.is_closed());
    let client = msgpack.client();
    client.send("0");
    assert!(client.is_closed());
}
