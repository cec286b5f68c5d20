//! Listeners of all events, in both directions, and of one event only.

use std::{
    task::{Context, Waker},
    time::Duration,
};

use engineio::{Ack, Args, Binary, Config, Data, EventName, Parser, Payload, Socket};

use crate::support::{Client, Log, World, pause};

fn joined(world: &World) -> (Client, Socket) {
    let client = world.connected();
    let sockets = world.io.of("/").sockets();
    (client, sockets.into_iter().next_back().unwrap())
}

#[test]
fn a_listener_for_one_event_is_called_once_and_then_forgotten() {
    let world = World::new();
    let (seen, captured) = (Log::default(), std::sync::Arc::new(()));
    let (client, socket) = joined(&world);
    let (log, held) = (seen.clone(), std::sync::Arc::clone(&captured));
    socket.once("ev", move |Data(number): Data<u32>| {
        let _ = &held;
        log.add(number.to_string());
    });
    client.send(r#"2["ev","no number"]"#);
    client.send(r#"2["ev",1]"#);
    client.send(r#"2["ev",2]"#);
    assert_eq!(seen.take(), ["1"], "the event it cannot read was not the one it waits for");
    assert!(socket.listeners_of("ev").is_empty());
    assert_eq!(std::sync::Arc::strong_count(&captured), 1, "what the listener held is free");
}

#[test]
fn a_listener_of_a_namespace_for_one_event_takes_it_from_one_client() {
    let world = World::new();
    let seen = Log::default();
    let log = seen.clone();
    world.io.of("/").once("ev", move |socket: Socket| {
        let log = log.clone();
        async move {
            pause().await;
            log.add(socket.id().to_string());
        }
    });
    let ((a, first), (b, _)) = (joined(&world), joined(&world));
    a.send(r#"2["ev"]"#);
    b.send(r#"2["ev"]"#);
    world.run();
    assert_eq!(seen.take(), [first.id().to_string()]);
}

#[test]
fn one_of_several_listeners_can_be_removed_by_its_id() {
    let world = World::new();
    let seen = Log::default();
    let (client, socket) = joined(&world);
    let add = |name: &'static str| {
        let log = seen.clone();
        socket.on("ev", move || log.add(name))
    };
    let ids = [add("a"), add("b"), add("c")];
    assert_eq!(socket.listeners_of("ev"), ids);
    assert!(socket.off_listener(ids[1]));
    assert!(!socket.off_listener(ids[1]), "it is gone");
    assert!(!world.io.of("/").off_listener(ids[0]), "it was added to the socket, not to the namespace");
    client.send(r#"2["ev"]"#);
    assert_eq!(seen.take(), ["a", "c"]);
    socket.off("ev");
    client.send(r#"2["ev"]"#);
    assert!(seen.take().is_empty() && socket.listeners_of("ev").is_empty());
}

#[test]
fn catch_all_listeners_see_each_event_first_and_in_order() {
    let world = World::new();
    let seen = Log::default();
    let log = |line: &'static str| {
        let log = seen.clone();
        move |EventName(name): EventName| log.add(format!("{line} {name}"))
    };
    let (client, socket) = joined(&world);
    socket.on("ev", log("own"));
    world.io.on("ev", log("shared"));
    socket.on_any(log("any of socket"));
    let last = world.io.of("/").on_any(log("any of namespace"));
    let first = world.io.of("/").prepend_any(log("first"));
    assert_eq!(world.io.of("/").listeners_any(), [first, last]);
    client.send(r#"2["ev"]"#);
    let wanted = ["first ev", "any of namespace ev", "any of socket ev", "shared ev", "own ev"];
    assert_eq!(seen.take(), wanted);
    client.send(r#"2["other"]"#);
    assert_eq!(seen.take(), ["first other", "any of namespace other", "any of socket other"]);
    world.io.of("/").off_any();
    socket.off_any();
    client.send(r#"2["ev"]"#);
    assert_eq!(seen.take(), ["shared ev", "own ev"]);
}

#[test]
fn a_catch_all_listener_that_waits_holds_the_event_back_and_keeps_the_order() {
    let world = World::new();
    let seen = Log::default();
    let (any, own) = (seen.clone(), seen.clone());
    world.io.of("/").on_any(move |Data(number): Data<u32>| {
        let log = any.clone();
        async move {
            pause().await;
            log.add(format!("any {number}"));
        }
    });
    world.io.on("ev", move |Data(number): Data<u32>| own.add(format!("own {number}")));
    let client = world.connected();
    client.send(r#"2["ev",1]"#);
    client.send(r#"2["ev",2]"#);
    world.run();
    assert_eq!(seen.take(), ["any 1", "own 1", "any 2", "own 2"]);
}

#[test]
fn a_catch_all_listener_may_answer_and_its_wrong_types_are_nobodys_business() {
    let world = World::new();
    world.io.of("/").on_any(|Data(text): Data<String>, ack: Ack| ack.send(&text));
    world.io.on("ev", |ack: Ack| ack.send("from the listener"));
    let client = world.connected();
    client.send(r#"21["ev","from the catch-all"]"#);
    client.send(r#"22["ev",5]"#);
    assert_eq!(client.received(), [r#"431["from the catch-all"]"#, r#"432["from the listener"]"#]);
}

#[test]
fn a_wrong_type_is_still_told_when_a_catch_all_listener_took_the_event() {
    let world = World::new();
    world.io.of("/").on_any(|| ());
    world.io.on("ev", |Data(_): Data<u32>| ());
    let client = world.connected();
    client.send(r#"21["ev","text"]"#);
    assert!(client.received()[0].starts_with(r#"431[{"error":"invalid type"#));
}

#[test]
fn what_is_sent_is_told_with_its_receiver_and_answers_are_left_out() {
    let world = World::new();
    let seen = Log::default();
    let (client, socket) = joined(&world);
    let (other, _) = joined(&world);
    let log = seen.clone();
    socket.on_any_outgoing(move |to: Socket, EventName(name): EventName, Args(args): Args<Vec<Binary>>| {
        log.add(format!("{name} {:?} to {}", args, to.id()));
    });
    world.io.on("ask", |ack: Ack| ack.send(&Binary::from("answer")));
    client.send(r#"21["ask"]"#);
    assert!(seen.take().is_empty(), "an answer is no event");
    let told = |name: &str| format!("{name} {:?} to {}", [Binary::from("x")], socket.id());
    socket.emit("direct", &(Binary::from("x"),));
    world.io.emit("broadcast", &(Binary::from("x"),));
    drop(socket.emit_with_ack("question", &(Binary::from("x"),)));
    let asked = world.io.of("/").except("nobody");
    let args = (Binary::from("x"),);
    let mut question = Box::pin(asked.timeout(Duration::from_secs(1)).emit_with_ack("all", &args));
    let polled = question.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending());
    assert_eq!(seen.take(), ["direct", "broadcast", "question", "all"].map(told));
    world.io.of("/").except(socket.id().as_str()).emit("for the other", &());
    assert!(seen.take().is_empty(), "it was not for this socket");
    assert_eq!(other.received().len(), 5, "everybody got what was for them");
}

#[test]
fn listeners_of_what_is_sent_can_be_ordered_and_removed() {
    let world = World::new();
    let seen = Log::default();
    let (_client, socket) = joined(&world);
    let log = |line: &'static str| {
        let log = seen.clone();
        move || log.add(line)
    };
    let shared = world.io.of("/").on_any_outgoing(log("shared"));
    let last = socket.on_any_outgoing(log("last"));
    let first = socket.prepend_any_outgoing(log("first"));
    assert_eq!(socket.listeners_any_outgoing(), [first, last]);
    socket.emit("ev", &());
    assert_eq!(seen.take(), ["shared", "first", "last"]);
    assert!(socket.off_listener(first) && world.io.of("/").off_listener(shared));
    socket.emit("ev", &());
    assert_eq!(seen.take(), ["last"]);
    socket.off_any_outgoing();
    socket.emit("ev", &());
    assert!(seen.take().is_empty());
}

#[test]
fn a_listener_of_what_is_sent_may_join_rooms_and_wait() {
    let world = World::new();
    let seen = Log::default();
    let (_client, socket) = joined(&world);
    let log = seen.clone();
    socket.on_any_outgoing(move |socket: Socket, payload: Payload| {
        let log = log.clone();
        async move {
            socket.join("seen").unwrap();
            pause().await;
            log.add(payload.read::<Vec<String>>().unwrap().join(" "));
        }
    });
    world.io.emit("ev", &("a", "b"));
    world.run();
    assert_eq!(seen.take(), ["a b"]);
    assert_eq!(world.io.of("/").to("seen").sockets().len(), 1);
}

#[test]
fn what_is_sent_as_messagepack_is_told_as_well() {
    let world = World::with(Config { parser: Parser::Msgpack, ..Config::default() });
    let seen = Log::default();
    let log = seen.clone();
    world.io.of("/").on_any_outgoing(
        move |EventName(name): EventName, Args((number, bytes)): Args<(u8, Binary)>| {
            log.add(format!("{name} {number} {bytes:?}"));
        },
    );
    let client = world.client();
    client.send_binary(b"\x82\xa4type\x00\xa3nsp\xa1/");
    world.io.emit("ev", &(1, Binary::from("x")));
    assert_eq!(seen.take(), [format!("ev 1 {:?}", Binary::from("x"))]);
}
