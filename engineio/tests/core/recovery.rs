//! Coming back after the connection was lost: what a client finds, and when it begins anew.

use std::{sync::Arc, time::Duration};

use engineio::{
    Ack, Binary, Config, ConnectError, DisconnectReason, Recovery, Sent, Socket,
    engine::{CloseReason, Input, Packet},
    hub::Room,
};
use serde_json::{Value, json};

use crate::support::{Client, Gate, Log, World};

/// A server that keeps sessions.
fn world() -> World {
    with(Recovery::default())
}

fn with(recovery: Recovery) -> World {
    World::with(Config { connection_state_recovery: Some(recovery), ..Config::default() })
}

/// What a client remembers: as the official one does, the last argument of an event if it is a string.
#[derive(Clone, Debug, Default, PartialEq)]
struct Memory {
    id: String,
    pid: String,
    offset: Option<String>,
    events: Vec<Value>,
}

impl Memory {
    /// Takes in packets in the order in which they came; those before the answer to CONNECT count as well.
    fn take_in(&mut self, packets: &[String]) {
        for packet in packets {
            if let Some(reply) = packet.strip_prefix("40") {
                let reply: Value = serde_json::from_str(reply).unwrap();
                (self.id, self.pid) =
                    (reply["sid"].as_str().unwrap().into(), reply["pid"].as_str().unwrap_or_default().into());
            } else if let Some(event) = packet.strip_prefix("42") {
                let mut args: Vec<Value> = serde_json::from_str(event).unwrap();
                if let Some(Value::String(last)) = args.last() {
                    self.offset = Some(last.clone());
                    args.pop();
                }
                self.events.push(args[1].clone());
            }
        }
    }

    fn take_events(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.events)
    }

    fn connect(&self) -> String {
        format!("0{}", json!({ "pid": self.pid, "offset": self.offset }))
    }
}

/// A client that has joined `/`, and what it remembers.
fn joined(world: &World) -> (Client, Memory) {
    let (client, mut memory) = (world.client(), Memory::default());
    client.send("0");
    memory.take_in(&client.received());
    (client, memory)
}

/// A new connection of a client that has been here before.
fn back(world: &World, memory: &mut Memory) -> (Client, bool) {
    let before = memory.clone();
    let client = world.client();
    client.send(&before.connect());
    memory.take_in(&client.received());
    (client, memory.pid == before.pid && memory.id == before.id)
}

fn socket(world: &World, memory: &Memory) -> Socket {
    let sockets = world.io.of("/").sockets();
    sockets.into_iter().find(|socket| socket.id().as_str() == memory.id).unwrap()
}

fn answer_ping(client: &Client) -> Vec<String> {
    let packets = client.received();
    if packets.contains(&"2".to_owned()) {
        client.peer.feed(Input::Packet(Packet::Pong("")));
    }
    packets
}

#[test]
fn it_is_off_by_default_and_a_claim_is_ignored() {
    let world = World::new();
    let client = world.client();
    client.send(r#"0{"pid":"AAAAAAAAAAAAAAAAAAAA","offset":"x"}"#);
    let reply = client.received();
    assert!(reply[0].starts_with("40{") && !reply[0].contains("pid"), "{reply:?}");
    world.io.emit("ev", "text");
    socket(&world, &Memory { id: reply[0].split('"').nth(3).unwrap().into(), ..Memory::default() })
        .emit("ev", &());
    assert_eq!(client.received(), [r#"42["ev","text"]"#, r#"42["ev"]"#]);
}

#[test]
fn events_carry_an_offset_and_what_cannot_be_kept_carries_none() {
    let world = world();
    world.io.on("ask", |_: Socket, ack: Ack| ack.send("answer"));
    let (client, memory) = joined(&world);
    assert_eq!((memory.id.len(), memory.pid.len()), (20, 20));
    assert_ne!(memory.id, memory.pid);
    let offset = |packet: &str| packet.rsplit('"').nth(1).unwrap().to_owned();
    world.io.emit("ev", &1);
    socket(&world, &memory).emit("ev", &2);
    world.io.to(&*memory.id).emit("ev", &());
    let packets = client.received();
    let offsets: Vec<_> = packets.iter().map(|packet| offset(packet)).collect();
    assert_eq!(packets[0], format!(r#"42["ev",1,"{}"]"#, offsets[0]));
    assert_eq!(packets[1], format!(r#"42["ev",2,"{}"]"#, offsets[1]));
    assert_eq!(packets[2], format!(r#"42["ev","{}"]"#, offsets[2]));
    assert!(offsets[0] != offsets[1] && offsets[1] != offsets[2]);

    client.peer.outbox().set_writable(true);
    let socket = socket(&world, &memory);
    drop(socket.emit_with_ack("ev", "text"));
    client.send(r#"27["ask"]"#);
    assert_eq!(client.received(), [r#"420["ev","text"]"#, r#"437["answer"]"#]);
}

#[test]
fn a_volatile_event_does_not_spoil_the_offset_of_a_client() {
    let world = world();
    let (client, mut memory) = joined(&world);
    world.io.emit("ev", &1);
    memory.take_in(&client.received());
    client.peer.outbox().set_writable(true);
    let socket = socket(&world, &memory);
    let mut volatile = |send: &dyn Fn() -> Sent| {
        send();
        let packets = client.received();
        memory.take_in(&packets);
        packets[0].clone()
    };
    assert_eq!(volatile(&|| socket.emit_volatile("ev", "text")), r#"42["ev","text",null]"#);
    assert_eq!(volatile(&|| socket.emit_volatile("ev", &7)), r#"42["ev",7]"#);
    let broadcast = || world.io.of("/").volatile().emit("ev", "\"");
    assert_eq!(volatile(&broadcast), r#"42["ev","\"",null]"#);
    memory.take_events();
    client.vanish();
    world.io.emit("ev", &2);
    assert!(back(&world, &mut memory).1);
    assert_eq!(memory.take_events(), [2]);
}

#[test]
fn an_event_without_arguments_does_not_spoil_the_offset_either() {
    let world = world();
    let (client, memory) = joined(&world);
    client.peer.outbox().set_writable(true);
    socket(&world, &memory).emit_volatile("ev", &());
    assert_eq!(client.received(), [r#"42["ev",null]"#]);
}

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
fn missed_events_come_in_order_before_the_answer_whoever_they_were_for() {
    let world = world();
    let (client, mut memory) = joined(&world);
    let before = socket(&world, &memory);
    before.join("room").unwrap();
    world.io.emit("ev", &0);
    memory.take_in(&client.received());
    memory.take_events();
    client.vanish();
    world.io.emit("ev", &1);
    world.io.to("room").emit("ev", &2);
    before.emit("ev", &3);
    world.io.to(&*memory.id).emit("ev", &4);
    world.io.of("/").except("other").emit("ev", &5);
    for not_for_it in [
        world.io.to("other"),
        world.io.of("/").except("room"),
        world.io.to("room").except(&*memory.id),
        before.broadcast(),
    ] {
        not_for_it.emit("ev", "no");
    }
    let client = world.client();
    client.send(&memory.connect());
    let packets = client.received();
    assert_eq!(packets.len(), 6, "{packets:?}");
    assert!(packets[5].starts_with("40{"));
    memory.take_in(&packets);
    assert_eq!(memory.take_events(), [1, 2, 3, 4, 5]);
}

#[test]
fn binary_events_are_kept_with_their_attachments() {
    let world = world();
    let (client, memory) = joined(&world);
    client.vanish();
    world.io.emit("ev", &(Binary::from("abc"),));
    let client = world.client();
    client.send(&memory.connect());
    let packets = client.received();
    assert!(packets[0].starts_with(r#"451-["ev",{"_placeholder":true,"num":0},""#), "{packets:?}");
    assert_eq!(packets[1], "bYWJj");
    assert!(packets[2].starts_with("40{"));
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
fn an_offset_from_a_server_before_this_one_counts_as_none() {
    let world = world();
    let (client, mut memory) = joined(&world);
    client.vanish();
    world.io.emit("ev", &1);
    memory.offset = Some("oldold.1f".into());
    assert!(back(&world, &mut memory).1);
    assert_eq!(memory.take_events(), [1]);
}

#[test]
fn what_was_written_but_did_not_arrive_is_missed() {
    let world = world();
    let (client, mut memory) = joined(&world);
    world.io.emit("ev", &1);
    memory.take_in(&client.received());
    world.io.emit("ev", &2);
    assert_eq!(client.received().len(), 1, "taken from the queue, and lost");
    client.vanish();
    world.io.emit("ev", &3);
    assert!(back(&world, &mut memory).1);
    assert_eq!(memory.take_events(), [1, 2, 3]);
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
fn an_offset_that_lies_ahead_is_not_believed() {
    let world = world();
    let (client, mut memory) = joined(&world);
    world.io.emit("ev", &1);
    memory.take_in(&client.received());
    client.vanish();
    let tag = memory.offset.as_deref().unwrap().split('.').next().unwrap().to_owned();
    memory.offset = Some(format!("{tag}.ffff"));
    assert!(!back(&world, &mut memory).1);
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
fn a_session_is_kept_for_two_minutes_and_then_freed() {
    for (seconds, recovered) in [(119, true), (120, false)] {
        let world = world();
        let (client, mut memory) = joined(&world);
        let room = Room::from("room");
        socket(&world, &memory).join(Arc::clone(&room)).unwrap();
        client.vanish();
        drop(client);
        assert!(Arc::strong_count(&room) > 1);
        world.advance(Duration::from_secs(seconds));
        assert_eq!(back(&world, &mut memory).1, recovered, "{seconds}");
    }
    let world = world();
    let (client, memory) = joined(&world);
    let room = Room::from("room");
    socket(&world, &memory).join(Arc::clone(&room)).unwrap();
    client.vanish();
    drop(client);
    world.io.to(Arc::clone(&room)).emit("ev", &1);
    world.advance(Duration::from_secs(170));
    assert_eq!(Arc::strong_count(&room), 1, "neither the session nor the event is kept");
}

#[test]
fn sessions_packets_and_bytes_are_bounded() {
    let limits = Recovery { max_sessions: 1, ..Recovery::default() };
    let world = with(limits);
    let ((first, mut first_memory), (second, mut second_memory)) = (joined(&world), joined(&world));
    first.vanish();
    second.vanish();
    assert!(!back(&world, &mut first_memory).1, "the one that is away longest is given up");
    assert!(back(&world, &mut second_memory).1);

    for limits in [
        Recovery { max_packets: 2, ..Recovery::default() },
        Recovery { max_bytes: 3_000, ..Recovery::default() },
    ] {
        let world = with(limits);
        let ((late, mut late_memory), (client, mut memory)) = (joined(&world), joined(&world));
        late.vanish();
        let text = "x".repeat(1_000);
        world.io.emit("ev", &(0, &text));
        memory.take_in(&client.received());
        client.vanish();
        for number in 1..3 {
            world.io.emit("ev", &(number, &text));
        }
        assert!(!back(&world, &mut late_memory).1, "the first of three events is gone");
        memory.take_events();
        assert!(back(&world, &mut memory).1);
        assert_eq!(memory.take_events(), [1, 2]);
    }
}

#[test]
fn more_than_the_queue_of_a_connection_takes_begins_anew() {
    let config = Config {
        connection_state_recovery: Some(Recovery::default()),
        max_queued_packets: 10,
        ..Config::default()
    };
    let world = World::with(config);
    for (count, recovered) in [(10, true), (11, false)] {
        let (client, mut memory) = joined(&world);
        client.vanish();
        for number in 0..count {
            world.io.emit("ev", &number);
        }
        assert_eq!(back(&world, &mut memory).1, recovered, "{count}");
        world.io.close();
    }
}

#[test]
fn a_quiet_client_in_a_busy_namespace_comes_back_after_hours() {
    let world = with(Recovery { max_packets: 100, ..Recovery::default() });
    let (client, mut memory) = joined(&world);
    world.io.emit("ev", &0);
    memory.take_in(&client.received());
    memory.take_events();
    for second in 0..7_200 {
        world.io.to("others").emit("ev", &second);
        world.advance(Duration::from_secs(1));
        memory.take_in(&answer_ping(&client));
    }
    client.vanish();
    world.io.emit("ev", &1);
    assert!(back(&world, &mut memory).1);
    assert_eq!(memory.take_events(), [1]);
}

#[test]
fn what_may_have_been_lost_before_the_last_answered_ping_is_not_passed_over() {
    let world = with(Recovery { max_packets: 3, ..Recovery::default() });
    let (client, mut memory) = joined(&world);
    world.io.emit("ev", &0);
    memory.take_in(&client.received());
    for number in 0..10 {
        world.io.to("others").emit("ev", &number);
    }
    client.vanish();
    assert!(!back(&world, &mut memory).1, "nobody can tell that none of them was for it");
}

#[test]
fn a_room_counts_from_when_it_was_joined_until_it_was_left() {
    let world = world();
    let (client, mut memory) = joined(&world);
    let before = socket(&world, &memory);
    world.io.to("room").emit("ev", "before it joined");
    before.join("room").unwrap();
    world.io.to("room").emit("ev", &1);
    before.leave("room");
    world.io.to("room").emit("ev", "after it left");
    client.received();
    client.vanish();
    assert!(back(&world, &mut memory).1);
    assert_eq!(memory.take_events(), [1], "sent while it was in the room, and lost on the way");
}

#[test]
fn middlewares_are_asked_again_and_a_refusal_does_not_cost_the_session() {
    let world = world();
    world.io.of("/").middleware(|socket: Socket| {
        let expired = socket.auth::<Value>().is_some_and(|auth| auth["token"] == "expired");
        let id = socket.id().as_str().to_owned();
        assert!(socket.join("joined by the middleware").is_ok());
        socket.emit("greeting", &id);
        async move { if expired { Err(ConnectError::new("expired")) } else { Ok(()) } }
    });
    let (client, mut memory) = joined(&world);
    memory.take_events();
    client.vanish();
    world.io.emit("ev", &1);
    let refused = world.client();
    refused.send(&format!("0{}", json!({ "token": "expired", "pid": memory.pid })));
    assert!(refused.received().iter().any(|packet| packet == r#"44{"message":"expired"}"#));
    memory.offset = None;
    assert!(back(&world, &mut memory).1);
    assert_eq!(memory.take_events(), [json!(memory.id), json!(1)]);
    assert_eq!(world.io.to("joined by the middleware").sockets().len(), 1);
}

#[test]
fn a_middleware_can_take_a_room_away_with_what_was_missed_there() {
    let world = world();
    let (client, mut memory) = joined(&world);
    socket(&world, &memory).join("secret").unwrap();
    client.vanish();
    world.io.to("secret").emit("ev", "secret");
    world.io.emit("ev", &1);
    world.io.of("/").middleware(async |socket: Socket| {
        socket.leave("secret");
        Ok(())
    });
    assert!(back(&world, &mut memory).1);
    assert_eq!(memory.take_events(), [1]);
    assert!(world.io.to("secret").sockets().is_empty());
}

#[test]
fn middlewares_can_be_passed_over() {
    let world = with(Recovery { skip_middlewares: true, ..Recovery::default() });
    let asked = Log::default();
    let log = asked.clone();
    world.io.of("/").middleware(move |_: Socket| {
        log.add("asked");
        async { Ok(()) }
    });
    let (client, mut memory) = joined(&world);
    client.vanish();
    assert!(back(&world, &mut memory).1);
    assert_eq!(asked.take(), ["asked"]);
}

#[test]
fn a_client_that_is_lost_again_while_a_middleware_waits_still_has_its_session() {
    let world = world();
    let (client, mut memory) = joined(&world);
    client.vanish();
    world.io.emit("ev", &1);
    let gate = Gate::default();
    let waits = gate.clone();
    world.io.of("/").middleware(move |_: Socket| {
        let gate = waits.clone();
        async move {
            gate.await;
            Ok(())
        }
    });
    let (waiting, recovered) = (world.client(), memory.clone());
    waiting.send(&recovered.connect());
    let overtaking = world.client();
    overtaking.send(&memory.connect());
    assert!(waiting.is_closed(), "the client has given it up");
    world.io.emit("ev", &2);
    gate.open();
    world.run();
    memory.take_in(&overtaking.received());
    assert_eq!((memory.take_events(), &memory.id), (vec![json!(1), json!(2)], &recovered.id));
    assert_eq!((world.io.of("/").len(), world.tasks()), (1, 0));
}

#[test]
fn a_client_whose_middleware_takes_too_long_comes_again_and_begins_anew() {
    let world = with(Recovery { max_packets: 1, ..Recovery::default() });
    let (client, mut memory) = joined(&world);
    client.vanish();
    let gate = Gate::default();
    let waits = gate.clone();
    world.io.of("/").middleware(move |_: Socket| {
        let gate = waits.clone();
        async move {
            gate.await;
            Ok(())
        }
    });
    let waiting = world.client();
    waiting.send(&memory.connect());
    world.io.emit("ev", &1);
    world.io.emit("ev", &2);
    gate.open();
    world.run();
    assert!(waiting.is_closed() && waiting.received().is_empty());
    assert!(!back(&world, &mut memory).1);
}

#[test]
fn no_more_goes_before_the_answer_than_one_polling_response_holds() {
    let world = world();
    let (client, mut memory) = joined(&world);
    client.vanish();
    for number in 0..40 {
        world.io.emit("ev", &number);
    }
    let client = world.client();
    client.send(&memory.connect());
    let packets = client.received();
    assert!(packets[15].starts_with("40{"), "{packets:?}");
    memory.take_in(&packets);
    assert_eq!(memory.take_events(), (0..40).map(Value::from).collect::<Vec<_>>());
}

#[test]
fn a_client_that_is_cut_off_between_the_answer_and_the_rest_still_goes_on() {
    let world = world();
    let (client, mut memory) = joined(&world);
    client.vanish();
    for number in 0..40 {
        world.io.emit("ev", &number);
    }
    let client = world.client();
    client.send(&memory.connect());
    memory.take_in(&client.received()[..16]);
    client.send(r#"2["hello"]"#);
    assert!(back(&world, &mut memory).1);
    assert_eq!(memory.take_events(), (0..40).map(Value::from).collect::<Vec<_>>());
}

#[test]
fn a_websocket_carries_the_answer_first_as_it_may_break_behind_any_packet() {
    let world = world();
    let (client, memory) = joined(&world);
    client.vanish();
    world.io.emit("ev", &1);
    let client = world.client();
    client.peer.feed(Input::UpgradeOpened);
    client.peer.feed(Input::ProbePacket(Packet::Ping("probe")));
    client.peer.feed(Input::ProbePacket(Packet::Upgrade));
    client.send(&memory.connect());
    let packets = client.received();
    assert!(packets[0].starts_with("40{") && packets[1].starts_with(r#"42["ev",1,"#), "{packets:?}");
}

#[test]
fn an_answer_that_waits_while_its_session_moves_to_a_websocket_goes_first_there() {
    let world = world();
    let (client, memory) = joined(&world);
    client.vanish();
    world.io.emit("ev", &1);
    let client = world.client();
    client.send(&memory.connect());
    let mut frames = Vec::new();
    let written: Result<(), ()> = client.peer.outbox().write_with(|slices| {
        frames.extend(slices.iter().flat_map(|slice| slice.iter().copied()));
        Ok(slices.iter().map(|slice| slice.len()).sum())
    });
    assert_eq!(written, Ok(()));
    let text = String::from_utf8_lossy(&frames);
    assert!(text.find("40{") < text.find(r#"42["ev""#), "{text}");
}

#[test]
fn nothing_is_kept_while_nobody_could_come_back() {
    let world = world();
    let room = Room::from("room");
    world.io.to(Arc::clone(&room)).emit("ev", &1);
    assert_eq!(Arc::strong_count(&room), 1);
    let (client, _) = joined(&world);
    world.io.to(Arc::clone(&room)).emit("ev", &1);
    assert_eq!(Arc::strong_count(&room), 2);
    client.send("1");
    world.advance(Duration::from_secs(170));
    assert_eq!(Arc::strong_count(&room), 1);
}

#[test]
fn a_namespace_made_for_clients_lasts_while_one_of_them_may_come_back() {
    let world = World::with(Config {
        cleanup_empty_child_namespaces: true,
        connection_state_recovery: Some(Recovery::default()),
        ..Config::default()
    });
    let parent = world.io.of_pattern("/room-{id}").unwrap();
    let client = world.client();
    client.send("0/room-1,");
    let reply = client.received();
    let pid = reply[0].rsplit('"').nth(1).unwrap().to_owned();
    client.vanish();
    parent.emit("ev", &1);
    let again = world.client();
    again.send(&format!(r#"0/room-1,{{"pid":"{pid}"}}"#));
    let packets = again.received();
    assert!(packets[0].starts_with(r#"42/room-1,["ev",1,"#) && packets[1].contains(&pid), "{packets:?}");
    again.vanish();
    world.advance(Duration::from_secs(119));
    assert_eq!(parent.children().len(), 1);
    world.advance(Duration::from_secs(2));
    assert!(parent.children().is_empty());
}

#[test]
fn the_secret_is_not_printed() {
    let world = world();
    let (_client, memory) = joined(&world);
    let socket = socket(&world, &memory);
    let printed = format!("{socket:?} {:?} {:?} {:?}", socket.namespace(), world.io, socket.peer());
    assert!(!printed.contains(&memory.pid), "{printed}");
}
