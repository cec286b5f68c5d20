//! Middlewares of clients that come back.

use engineio::{
    ConnectError, Recovery, Socket,
    engine::{Input, Packet},
};
use serde_json::{Value, json};

use super::{back, joined, socket, with, world};
use crate::support::{Log, gate_of};

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
    let gate = gate_of(&world.io.of("/"));
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
fn pings_that_a_client_answers_before_it_is_let_in_do_not_say_that_it_has_what_it_missed() {
    let world = world();
    let (client, mut memory) = joined(&world);
    client.vanish();
    let waiting = world.client();
    world.io.emit("ev", &1);
    world.advance(world.io.config().ping_interval);
    let gate = gate_of(&world.io.of("/"));
    waiting.send(&memory.connect());
    waiting.peer.feed(Input::Packet(Packet::Pong("")));
    waiting.vanish();
    gate.open();
    world.run();
    assert!(back(&world, &mut memory).1);
    assert_eq!(memory.take_events(), [json!(1)]);
}

#[test]
fn a_client_whose_middleware_takes_too_long_comes_again_and_begins_anew() {
    let world = with(Recovery { max_packets: 1, ..Recovery::default() });
    let (client, mut memory) = joined(&world);
    client.vanish();
    let gate = gate_of(&world.io.of("/"));
    let waiting = world.client();
    waiting.send(&memory.connect());
    world.io.emit("ev", &1);
    world.io.emit("ev", &2);
    gate.open();
    world.run();
    assert!(waiting.is_closed() && waiting.received().is_empty());
    assert!(!back(&world, &mut memory).1);
}
