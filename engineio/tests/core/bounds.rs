use std::{
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use engineio::{Config, Data, Sent, Socket, hub::JoinError};

use crate::support::{Gate, Log, World};

#[test]
fn a_client_that_does_not_read_is_closed_and_told_apart_from_the_others() {
    let world = World::with(Config { max_queued_bytes: 10_000, ..Config::default() });
    let (slow, quick) = (world.connected(), world.connected());
    let text = "x".repeat(1_000);
    for _ in 0..20 {
        world.io.emit("ev", &text);
        assert_eq!(quick.received().len(), 1);
    }
    world.run();
    assert!(slow.is_closed());
    assert!(!quick.is_closed());
    let one_packet = text.len() + 100;
    assert!(slow.peer.queued_bytes() <= world.io.config().max_queued_bytes + one_packet);
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
    world.run();
    assert_eq!(world.io.of("/").len(), 0);
    assert!(world.io.of("/").adapter().rooms().is_empty());
}

#[test]
fn an_emit_never_runs_the_listeners_of_a_client_it_gives_up() {
    let world = World::with(Config { max_queued_packets: 1, ..Config::default() });
    let _client = world.connected();
    let socket = world.io.of("/").sockets().remove(0);
    let held = Arc::new(Mutex::new(0));
    let wanted = Arc::clone(&held);
    socket.on_disconnect(move || *wanted.try_lock().expect("the sender holds no lock any more") += 1);
    {
        let _caller = held.lock().unwrap();
        assert_eq!(socket.emit("ev", &()), Sent::Queued);
        assert_eq!(socket.emit("ev", &()), Sent::Overflow);
    }
    world.run();
    assert_eq!(*held.lock().unwrap(), 1);
}

#[test]
fn a_ping_is_sent_however_much_waits() {
    let world = World::with(Config { max_queued_packets: 1, max_queued_bytes: 10, ..Config::default() });
    let client = world.connected();
    world.io.emit("ev", &"x".repeat(1_000));
    world.advance(Duration::from_secs(25));
    world.run();
    assert!(!client.is_closed());
    assert_eq!(client.received().last().map(String::as_str), Some("2"));
}

#[test]
fn a_client_that_sends_faster_than_its_listener_works_is_held_back_and_kept() {
    let world = World::new();
    let seen = Log::default();
    let log = seen.clone();
    let gate = Gate::default();
    let waits = gate.clone();
    world.io.on("ev", move |Data(number): Data<usize>| {
        let (log, gate) = (log.clone(), waits.clone());
        async move {
            gate.await;
            log.add(number.to_string());
        }
    });
    let client = world.connected();
    for number in 0..=1_024 {
        assert!(!client.peer.is_behind(), "event {number} is within the limit");
        client.send(&format!(r#"2["ev",{number}]"#));
    }
    assert!(client.peer.is_behind());
    world.advance(Duration::from_secs(300));
    assert!(!client.is_closed(), "its pongs cannot be read, so it is not to blame");
    gate.open();
    world.run();
    assert!(!client.peer.is_behind());
    let wanted: Vec<_> = (0..=1_024).map(|number| number.to_string()).collect();
    assert_eq!(seen.take(), wanted);
    world.advance(Duration::from_secs(46));
    assert!(client.is_closed(), "now a pong that does not come counts");
}

#[test]
fn the_bytes_of_waiting_events_are_bounded_as_well_as_their_number() {
    let world = World::with(Config { max_waiting_bytes: 10_000, ..Config::default() });
    world.io.on("ev", async |_: Socket| pending::<()>().await);
    let client = world.connected();
    let event = format!(r#"2["ev","{}"]"#, "x".repeat(4_000));
    for _ in 0..3 {
        client.send(&event);
        assert!(!client.peer.is_behind());
    }
    client.send(&event);
    assert!(client.peer.is_behind());
    assert!(!client.is_closed());
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
        let asked = socket.emit_with_timeout("ask", &(), Duration::from_secs(1));
        // Listeners that hold their own socket, as closures easily do.
        let (held, told) = (socket.clone(), socket.clone());
        socket.on("ev", move || drop(held.rooms()));
        socket.on_any_outgoing(move || drop(told.rooms()));
        client.vanish();
        drop(asked);
        let weak = Arc::downgrade(&client.peer);
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
