//! Who may come back, and as whom.

use engineio::{
    DisconnectReason, Socket,
    engine::{CloseReason, Input, Packet},
};
use serde_json::json;

use super::{back, joined, socket, world};
use crate::support::{Client, Log};

#[test]
fn a_client_that_comes_back_finds_its_id_its_rooms_and_its_data() {
    let world = world();
    let seen = Log::default();
    let log = seen.clone();
    world.io.on_connection(move |socket: Socket| {
        let mut rooms = socket.rooms();
        rooms.sort_by_key(|room| room.len());
        log.add(format!("{} {} {:?}", socket.recovered(), rooms.len(), socket.data().get("name")));
    });
    let (client, mut memory) = joined(&world);
    let before = socket(&world, &memory);
    before.join("a").unwrap();
    before.join("b").unwrap();
    before.leave("b");
    before.set_data("name", "Ada");
    client.vanish();
    assert!(world.io.to("a").sockets().is_empty());
    assert!(back(&world, &mut memory).1);
    assert_eq!(seen.take(), ["false 1 None", r#"true 2 Some(String("Ada"))"#]);
    assert_eq!(world.io.to("a").sockets().len(), 1);
    assert_eq!(world.io.to(&*memory.id).sockets().len(), 1);
}

#[test]
fn a_client_that_never_got_an_event_comes_back_as_well() {
    let world = world();
    world.io.emit("ev", "before it came");
    let (client, mut memory) = joined(&world);
    assert_eq!(memory.offset, None);
    client.vanish();
    world.io.emit("ev", &1);
    let client = world.client();
    client.send(&format!("0{}", json!({ "pid": memory.pid })));
    memory.take_in(&client.received());
    assert_eq!(memory.take_events(), [1]);
}

#[test]
fn it_works_again_and_again() {
    let world = world();
    let (mut client, mut memory) = joined(&world);
    for number in 0..10 {
        client.vanish();
        world.io.emit("ev", &number);
        let (next, recovered) = back(&world, &mut memory);
        assert!(recovered);
        assert_eq!(memory.take_events(), [number]);
        client = next;
        if number % 2 == 0 {
            world.io.emit("ev", &"live");
            memory.take_in(&client.received());
            assert_eq!(memory.take_events(), ["live"]);
        }
    }
}

#[test]
fn a_connection_that_still_looks_alive_is_taken_over() {
    let world = world();
    let seen = Log::default();
    let log = seen.clone();
    world.io.of("/").on_disconnect(move |_: Socket, reason: DisconnectReason| log.add(reason.to_string()));
    let (old, mut memory) = joined(&world);
    let before = socket(&world, &memory);
    before.join("room").unwrap();
    world.io.to("room").emit("ev", &1);
    old.received();
    world.io.to("room").emit("ev", &2);
    let (new, recovered) = back(&world, &mut memory);
    assert!(recovered && old.is_closed() && !new.is_closed());
    assert_eq!(seen.take(), ["transport close"]);
    assert_eq!(memory.take_events(), [1, 2]);
    world.io.to("room").emit("ev", &3);
    assert_eq!(world.io.of("/").len(), 1);
    memory.take_in(&new.received());
    assert_eq!(memory.take_events(), [3]);
    before.emit("ev", &4);
    before.leave("room");
    world.io.to("room").emit("ev", &5);
    memory.take_in(&new.received());
    assert_eq!(memory.take_events(), [4, 5], "a handle from before reaches the client and changes nothing");
}

#[test]
fn all_namespaces_of_a_connection_that_is_taken_over_come_back() {
    let world = world();
    world.io.of("/b");
    let old = world.client();
    old.send("0");
    old.send("0/b,");
    let pids: Vec<String> =
        old.received().iter().map(|packet| packet.rsplit('"').nth(1).unwrap().to_owned()).collect();
    world.io.of("/b").emit("ev", &1);
    let new = world.client();
    new.send(&format!(r#"0{{"pid":"{}"}}"#, pids[0]));
    new.send(&format!(r#"0/b,{{"pid":"{}"}}"#, pids[1]));
    let packets = new.received();
    assert!(old.is_closed());
    assert!(packets[0].contains(&pids[0]) && packets[1].starts_with(r#"42/b,["ev",1,"#), "{packets:?}");
    assert!(packets[2].contains(&pids[1]));
}

#[test]
fn a_copy_of_what_a_client_knew_gets_a_fresh_session_and_harms_nobody() {
    let world = world();
    let (client, mut memory) = joined(&world);
    client.vanish();
    world.io.emit("ev", &1);
    let copy = memory.clone();
    let (client, recovered) = back(&world, &mut memory);
    assert!(recovered);
    client.send(r#"2["hello"]"#);
    let (other, recovered) = back(&world, &mut copy.clone());
    assert!(!recovered && !other.is_closed() && !client.is_closed());
    assert_eq!(world.io.of("/").len(), 2);
}

#[test]
fn two_live_sockets_never_share_an_id() {
    let world = world();
    let (client, mut memory) = joined(&world);
    client.vanish();
    let mut copy = memory.clone();
    let (first, _) = back(&world, &mut memory);
    let (second, _) = back(&world, &mut copy);
    assert!(first.is_closed() && !second.is_closed(), "the later one is taken for the same client");
    assert_eq!(world.io.of("/").len(), 1);
}

#[test]
fn an_unknown_session_or_offset_begins_anew_and_is_no_error() {
    let world = world();
    let (client, memory) = joined(&world);
    client.vanish();
    let pid = memory.pid.as_str();
    for auth in [
        json!({ "pid": "AAAAAAAAAAAAAAAAAAAA", "offset": "x" }),
        json!({ "pid": "short" }),
        json!({ "pid": 7 }),
        json!({ "pid": pid, "offset": "text" }),
        json!({ "pid": pid, "offset": 7 }),
        json!({ "pid": pid, "offset": {} }),
        json!({ "token": "x" }),
    ] {
        let client = world.client();
        client.send(&format!("0{auth}"));
        let reply = client.received();
        assert!(reply[0].starts_with("40{") && reply.len() == 1, "{auth} {reply:?}");
        assert!(!reply[0].contains(pid) && !reply[0].contains(&memory.id), "{auth} {reply:?}");
    }
}

#[test]
fn only_some_ends_are_recoverable() {
    let lost =
        |reason| move |client: &Client, _: &Socket| drop(client.peer.feed(Input::TransportLost(reason)));
    type End = Box<dyn Fn(&Client, &Socket)>;
    let ends: Vec<(&str, bool, End)> = vec![
        ("transport close", true, Box::new(lost(CloseReason::TransportClose))),
        ("transport error", true, Box::new(lost(CloseReason::TransportError))),
        ("ping timeout", true, Box::new(lost(CloseReason::PingTimeout))),
        ("parse error", false, Box::new(lost(CloseReason::ParseError))),
        ("close packet", true, Box::new(|client, _| drop(client.peer.feed(Input::Packet(Packet::Close))))),
        ("the server closes the connection", true, Box::new(|client, _| client.peer.close())),
        ("DISCONNECT by the client", false, Box::new(|client, _| client.send("1"))),
        ("DISCONNECT by the server", false, Box::new(|_, socket| socket.disconnect())),
        ("both by the server", false, Box::new(|_, socket| socket.close())),
    ];
    for (name, recoverable, end) in ends {
        let world = world();
        let (client, mut memory) = joined(&world);
        end(&client, &socket(&world, &memory));
        assert_eq!(back(&world, &mut memory).1, recoverable, "{name}");
    }
    let world = world();
    let (_client, mut memory) = joined(&world);
    world.io.close();
    assert!(back(&world, &mut memory).1, "server shutting down");
}

#[test]
fn the_secret_is_not_printed() {
    let world = world();
    let (_client, memory) = joined(&world);
    let socket = socket(&world, &memory);
    let printed = format!("{socket:?} {:?} {:?} {:?}", socket.namespace(), world.io, socket.peer());
    assert!(!printed.contains(&memory.pid), "{printed}");
}
