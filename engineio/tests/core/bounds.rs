use std::time::Duration;

use engineio::{Config, Sent, Socket, hub::JoinError};

use crate::support::World;

#[test]
fn a_client_that_does_not_read_is_closed_and_told_apart_from_the_others() {
    let world = World::new();
    let (slow, quick) = (world.connected(), world.connected());
    let text = "x".repeat(100_000);
    for _ in 0..20 {
        world.io.emit("ev", &text);
        assert_eq!(quick.received().len(), 1);
    }
    assert!(slow.is_closed());
    assert!(!quick.is_closed());
    assert!(slow.peer.queued_bytes() <= world.io.config().max_queued_bytes);
    assert_eq!(world.io.of("/").len(), 1);
}

#[test]
fn the_sender_is_told_that_a_client_is_too_slow() {
    let world = World::with(Config { max_queued_packets: 2, ..Config::default() });
    let _client = world.connected();
    let socket = world.io.of("/").sockets().remove(0);
    assert_eq!(socket.emit("ev", &()), Sent::Queued);
    assert_eq!(socket.emit("ev", &()), Sent::Queued);
    assert_eq!(socket.emit("ev", &()), Sent::Overflow);
    assert_eq!(socket.emit("ev", &()), Sent::Closed);
}

#[test]
fn a_slow_client_is_closed_by_a_broadcast_from_within_its_own_room_tables() {
    let world = World::with(Config { max_queued_packets: 1, ..Config::default() });
    let _clients = [world.connected(), world.connected()];
    for socket in world.io.of("/").sockets() {
        socket.join("x").unwrap();
        socket.on_disconnect(|socket: Socket| socket.namespace().to("x").emit("left", &()));
    }
    for _ in 0..3 {
        world.io.to("x").emit("ev", &());
    }
    assert_eq!(world.io.of("/").len(), 0);
    assert!(world.io.of("/").adapter().rooms().is_empty());
}

#[test]
fn rooms_are_bounded_in_number_and_length() {
    let world = World::new();
    let _client = world.connected();
    let socket = world.io.of("/").sockets().remove(0);
    for number in 0..1_024 {
        socket.join(number.to_string()).unwrap();
    }
    assert_eq!(socket.join("one more"), Err(JoinError::TooManyRooms(1_024)));
    assert_eq!(socket.join("0"), Ok(()), "joining twice is joining once");
    assert_eq!(socket.join("x".repeat(257)), Err(JoinError::NameTooLong(256)));
}

#[test]
fn namespaces_of_one_connection_are_bounded() {
    let world = World::new();
    for number in 0..=64 {
        world.io.of(&format!("/{number}"));
    }
    let client = world.client();
    for number in 0..64 {
        client.send(&format!("0/{number},"));
    }
    assert!(!client.is_closed());
    client.received();
    client.send("0/64,");
    assert!(client.received()[0].starts_with("44/64,"));
    assert!(client.is_closed());
}

#[test]
fn a_namespace_name_too_long_is_not_repeated_to_the_client() {
    let world = World::new();
    let client = world.client();
    client.send(&format!("0/{},", "a".repeat(255)));
    assert!(client.received()[0].starts_with("44/aaa"));
    client.send(&format!("0/{},", "a".repeat(256)));
    assert!(client.received().is_empty());
    assert!(client.is_closed());
}

#[test]
fn an_attachment_that_does_not_come_closes_the_connection() {
    let world = World::new();
    let client = world.connected();
    client.send(r#"51-["ev",{"_placeholder":true,"num":0}]"#);
    world.advance(Duration::from_secs(9));
    assert!(!client.is_closed());
    world.advance(Duration::from_secs(1));
    assert!(client.is_closed());
}

#[test]
fn a_departed_client_leaves_nothing_behind() {
    let world = World::new();
    for _ in 0..100 {
        let client = world.connected();
        let socket = world.io.of("/").sockets().remove(0);
        socket.join("x").unwrap();
        drop(socket.emit_with_timeout("ask", &(), Duration::from_secs(1)));
        client.vanish();
        let weak = std::sync::Arc::downgrade(&client.peer);
        drop((client, socket));
        assert_eq!(weak.strong_count(), 0, "nothing keeps the connection alive");
    }
    assert_eq!((world.connections(), world.io.of("/").len(), world.tasks()), (0, 0, 0));
}

#[test]
fn pings_that_nobody_answers_end_the_connection() {
    let world = World::new();
    let client = world.connected();
    world.advance(Duration::from_millis(44_999));
    assert!(!client.is_closed());
    world.advance(Duration::from_millis(1));
    assert!(client.is_closed());
    assert_eq!(world.connections(), 0);
}
