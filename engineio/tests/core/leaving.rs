use std::time::Duration;

use engineio::{
    Ack, ConnectError, DisconnectReason, Socket,
    engine::{Action, CloseReason, Input, Packet, Revision, Transport},
};

use crate::support::{Log, World};

/// Notes the names and reasons of all sockets that leave.
fn watched(world: &World) -> Log {
    let seen = Log::default();
    for name in ["/", "/a", "/b"] {
        let log = seen.clone();
        world.io.of(name).on_disconnect(move |reason: DisconnectReason| log.add(format!("{name} {reason}")));
    }
    seen
}

#[test]
fn every_end_of_a_session_has_its_reason() {
    let world = World::new();
    let seen = watched(&world);
    for (input, reason) in [
        (Input::TransportLost(CloseReason::TransportClose), "/ transport close"),
        (Input::Packet(Packet::Close), "/ transport close"),
        (Input::TransportLost(CloseReason::TransportError), "/ transport error"),
        (Input::PollAborted, "/ transport error"),
        (Input::TransportLost(CloseReason::ParseError), "/ parse error"),
        (Input::Close, "/ forced server close"),
    ] {
        let client = world.connected();
        client.peer.feed(input.clone());
        assert_eq!(seen.take(), [reason], "{input:?}");
        assert!(world.io.of("/").is_empty());
    }
    world.connected();
    world.advance(Duration::from_secs(45));
    assert_eq!(seen.take(), ["/ ping timeout"]);
    world.connected();
    world.io.close();
    assert_eq!(seen.take(), ["/ server shutting down"]);
}

#[test]
fn a_client_that_keeps_its_heartbeat_is_not_taken_for_dead_while_a_close_waits_for_its_upgrade() {
    for (revision, heartbeat) in [(Revision::V3, Packet::Ping("")), (Revision::V4, Packet::Pong(""))] {
        let world = World::new();
        let client = world.client_of(revision);
        if revision == Revision::V4 {
            client.send("0");
        }
        world.advance(Duration::from_secs(40));
        client.peer.feed(Input::UpgradeOpened(Transport::Websocket));
        client.peer.feed(Input::ProbePacket(Packet::Ping("probe")));
        client.peer.close();
        client.peer.feed(Input::Packet(heartbeat));
        world.advance(Duration::from_secs(6));
        assert_eq!(client.peer.ended(), None, "{revision:?}");
        assert_eq!(client.peer.feed(Input::ProbePacket(Packet::Upgrade)), Action::Switch);
        client.peer.close();
        assert_eq!(client.peer.ended(), Some(CloseReason::ForcedClose));
    }
}

#[test]
fn the_end_of_a_session_is_that_of_all_its_namespaces_and_a_disconnection_of_one() {
    let world = World::new();
    let seen = watched(&world);
    for name in ["/", "/a"] {
        world.io.of(name).on("leave", |socket: Socket| socket.disconnect());
        world.io.of(name).on("close", |socket: Socket| socket.close());
    }
    let connected = || {
        let client = world.client();
        for name in ["/", "/a", "/b"] {
            client.send(&format!("0{name},"));
        }
        client
    };
    let client = connected();
    client.send(r#"2/a,["leave"]"#);
    assert_eq!(seen.take(), ["/a server namespace disconnect"]);
    client.send(r#"2["close"]"#);
    let mut others = seen.take();
    others.sort();
    assert_eq!(others, ["/ server namespace disconnect", "/b forced server close"]);
    assert!(client.is_closed());
    let client = connected();
    client.send("1/a,");
    assert_eq!(seen.take(), ["/a client namespace disconnect"]);
    client.vanish();
    let mut others = seen.take();
    others.sort();
    assert_eq!(others, ["/ transport close", "/b transport close"]);
}

#[test]
fn what_comes_after_a_close_from_inside_a_listener_is_ignored() {
    let world = World::new();
    let seen = Log::default();
    let log = seen.clone();
    world.io.on("close", |socket: Socket| socket.peer().close());
    world.io.on("event", move || log.add("event"));
    let client = world.connected();
    for packet in [r#"2["event"]"#, r#"2["close"]"#, r#"2["event"]"#, r#"2["event"]"#] {
        client.send(packet);
    }
    assert_eq!(seen.take(), ["event"]);
    assert_eq!(client.peer.ended(), None, "the client is to be told by its next poll");
}

#[test]
fn a_polling_client_gets_what_was_sent_before_the_end_and_then_the_end() {
    // In one payload, the official client would deal with the close first, and then take itself for connected.
    let world = World::new();
    world.io.on_connection(|socket: Socket| socket.peer().close());
    let client = world.client();
    client.send("0");
    client.peer.feed(Input::PollOpened);
    let answer = client.peer.farewell();
    assert!(answer.bytes.starts_with(b"40{"), "{:?}", answer.bytes);
    assert!(!answer.bytes.contains(&0x1e), "{:?}", answer.bytes);
    client.peer.feed(Input::PollOpened);
    assert_eq!(&client.peer.farewell().bytes[..], b"6\x1e1");
    assert_eq!(client.peer.ended(), Some(CloseReason::ForcedClose));
}

#[test]
fn an_event_before_a_disconnection_by_the_client_is_delivered() {
    // The reference drops such an event if both came in one payload.
    let world = World::new();
    let seen = watched(&world);
    let log = seen.clone();
    world.io.on("event", move || log.add("event"));
    let client = world.connected();
    client.send(r#"51-["event",{"_placeholder":true,"num":0}]"#);
    client.send_binary(&[1]);
    client.send("1");
    assert_eq!(seen.take(), ["event", "/ client namespace disconnect"]);
}

#[test]
fn a_client_gone_before_it_ever_polled_is_forgotten() {
    let world = World::new();
    drop(world.client());
    assert_eq!(world.connections(), 1);
    world.advance(Duration::from_secs(45));
    assert_eq!(world.connections(), 0);
}

#[test]
fn a_middleware_is_asked_for_its_own_namespace_and_what_it_keeps_is_there_afterwards() {
    let world = World::new();
    world.io.of("/a").middleware(async |socket: Socket| {
        socket.insert(7_u32);
        socket.set_data("user", "x");
        Ok(())
    });
    world.io.of("/b").middleware(async |_: Socket| Err(ConnectError::new("no")));
    let seen = Log::default();
    for name in ["/", "/a"] {
        let log = seen.clone();
        world.io.of(name).on_connection(move |socket: Socket| {
            log.add(format!("{name} {:?} {:?}", socket.get::<u32>(), socket.data().get("user")));
        });
    }
    let client = world.client();
    for packet in ["0", "0/a,", "0/b,"] {
        client.send(packet);
    }
    assert_eq!(seen.take(), ["/ None None", r#"/a Some(7) Some(String("x"))"#]);
}

#[test]
fn an_answer_is_binary_by_its_own_content() {
    let world = World::new();
    world.io.on("text for bytes", |ack: Ack| ack.send("text"));
    world.io.on("bytes for text", |ack: Ack| ack.send(&engineio::Binary::from("x")));
    let client = world.connected();
    client.send(r#"51-1["text for bytes",{"_placeholder":true,"num":0}]"#);
    client.send_binary(&[1]);
    client.send(r#"22["bytes for text"]"#);
    let bytes = r#"461-2[{"_placeholder":true,"num":0}]"#;
    assert_eq!(client.received(), [r#"431["text"]"#, bytes, "beA=="]);
}

#[test]
fn an_event_named_like_a_property_of_every_object_is_an_ordinary_one() {
    let world = World::new();
    for name in ["constructor", "__proto__", "toString", "hasOwnProperty"] {
        world.io.on(name, move |ack: Ack| ack.send(name));
        let client = world.connected();
        client.send(&format!("20[{name:?}]"));
        assert_eq!(client.received(), [format!("430[{name:?}]")]);
    }
}
