//! What is told of why a socket left.

use engineio::{DisconnectDetails, EventError, EventErrorKind, Socket, hub::MAX_DESCRIPTION};

use crate::support::{Log, World};

/// A world that notes departures with their descriptions.
fn world() -> (World, Log) {
    let (world, seen) = (World::new(), Log::default());
    let log = seen.clone();
    world.io.of("/").on_disconnect(move |why: DisconnectDetails| log.add(why.to_string()));
    (world, seen)
}

#[test]
fn a_violation_of_the_protocol_is_described() {
    let (world, seen) = world();
    for (packet, why) in [
        ("abc", "forced close: undecodable packet: unknown packet type 'a'"),
        ("5woooot", "forced close: undecodable packet: Illegal attachments"),
        ("0", "forced server close: got a second CONNECT for namespace \"/\""),
        (r#"2/x,["ev"]"#, "forced server close: got a packet for namespace \"/x\", which is not joined"),
    ] {
        world.connected().send(packet);
        assert_eq!(seen.take(), [why]);
    }
}

#[test]
fn what_is_no_surprise_needs_no_description() {
    let (world, seen) = world();
    world.io.on("kick", |socket: Socket| socket.disconnect());
    for (packet, reason) in
        [("1", "client namespace disconnect"), (r#"2["kick"]"#, "server namespace disconnect")]
    {
        world.connected().send(packet);
        assert_eq!(seen.take(), [reason]);
    }
    world.connected().vanish();
    assert_eq!(seen.take(), ["transport close"]);
}

#[test]
fn a_missing_pong_is_described_with_the_time_it_had() {
    let (world, seen) = world();
    let client = world.connected();
    world.advance(world.io.config().ping_interval + world.io.config().ping_timeout);
    assert_eq!(seen.take(), ["ping timeout: no pong came within 20s"]);
    assert!(client.is_closed());
}

#[test]
fn a_slow_reader_is_told_from_a_broken_connection() {
    let (world, seen) = world();
    let _client = world.connected();
    for _ in 0..=world.io.config().max_queued_packets {
        world.io.emit("ev", &());
    }
    world.run();
    let why = seen.take();
    assert!(why[0].starts_with("transport error: the client reads too slowly: "), "{why:?}");
}

#[test]
fn error_listeners_of_all_its_sockets_hear_of_what_cannot_be_read_before_they_leave() {
    let (world, seen) = world();
    let log = seen.clone();
    world.io.of("/").on_error(move |error: EventError| {
        assert_eq!((error.kind(), error.event()), (EventErrorKind::Malformed, ""));
        log.add(error.to_string());
    });
    let log = seen.clone();
    world.io.of("/other").on_error(move || log.add("other"));
    let client = world.connected();
    client.send("0/other");
    client.send("9");
    let mut told = seen.take();
    told.sort();
    let wanted = [
        "forced close: undecodable packet: unknown packet type '9'",
        "other",
        "undecodable packet: unknown packet type '9'",
    ];
    assert_eq!(told, wanted);
}

#[test]
fn a_description_is_no_longer_than_its_limit_whatever_the_client_sent() {
    let (world, seen) = world();
    world.connected().send(&format!(r#"2/{},["ev"]"#, "ä".repeat(10_000)));
    let why = seen.take().remove(0);
    assert!(why.len() <= "forced server close: ".len() + MAX_DESCRIPTION, "{}", why.len());
}
