use engineio::{Ack, Data, DisconnectReason, EventName, Socket};

use crate::support::{Log, World, pause};

#[test]
fn events_sent_right_after_connect_reach_listeners_added_in_the_connection_handler() {
    let world = World::new();
    let seen = Log::default();
    let log = seen.clone();
    world.io.on_connection(move |socket: Socket| {
        let log = log.clone();
        async move {
            pause().await;
            socket.on("ev", move |Data(number): Data<u32>| log.add(number.to_string()));
        }
    });
    let client = world.client();
    client.send("0");
    for number in 0..3 {
        client.send(&format!(r#"2["ev",{number}]"#));
    }
    world.run();
    assert_eq!(seen.take(), ["0", "1", "2"]);
}

#[test]
fn a_listener_that_waits_holds_back_its_own_socket_only() {
    let world = World::new();
    let seen = Log::default();
    let log = seen.clone();
    world.io.on("ev", move |Data(text): Data<String>| {
        let log = log.clone();
        async move {
            if text == "slow" {
                pause().await;
            }
            log.add(text);
        }
    });
    let (a, b) = (world.connected(), world.connected());
    a.send(r#"2["ev","slow"]"#);
    a.send(r#"2["ev","after slow"]"#);
    b.send(r#"2["ev","other"]"#);
    world.run();
    assert_eq!(seen.take(), ["other", "slow", "after slow"]);
}

#[test]
fn no_task_is_made_for_a_listener_that_does_not_wait() {
    let world = World::new();
    world.io.on("sync", |_: Socket| ());
    world.io.on("async", async |_: Socket| ());
    let client = world.connected();
    client.send(r#"2["sync"]"#);
    client.send(r#"2["async"]"#);
    assert_eq!(world.tasks(), 0);
}

#[test]
fn several_listeners_run_in_the_order_they_were_added_shared_ones_first() {
    let world = World::new();
    let seen = Log::default();
    let (shared, own) = (seen.clone(), seen.clone());
    world.io.on_connection(move |socket: Socket| {
        for name in ["own 1", "own 2"] {
            let own = own.clone();
            socket.on("ev", move |EventName(event): EventName| own.add(format!("{name} {event}")));
        }
    });
    world.io.on("ev", move || shared.add("shared"));
    let client = world.connected();
    client.send(r#"2["ev"]"#);
    assert_eq!(seen.take(), ["shared", "own 1 ev", "own 2 ev"]);
}

#[test]
fn a_listener_is_not_called_before_the_one_before_is_done() {
    let world = World::new();
    let seen = Log::default();
    let (first, second, third) = (seen.clone(), seen.clone(), seen.clone());
    world.io.on("ev", move |Data(number): Data<u32>| {
        let log = first.clone();
        async move {
            log.add(format!("first begins {number}"));
            pause().await;
            log.add(format!("first ends {number}"));
        }
    });
    world.io.on("ev", move |Data(number): Data<u32>| second.add(format!("second {number}")));
    world.io.on("ev", move |EventName(name): EventName| {
        let log = third.clone();
        async move { log.add(format!("third {name}")) }
    });
    let client = world.connected();
    client.send(r#"2["ev",1]"#);
    client.send(r#"2["ev",2]"#);
    world.run();
    let wanted = ["first begins 1", "first ends 1", "second 1", "third ev"];
    let then = ["first begins 2", "first ends 2", "second 2", "third ev"];
    assert_eq!(seen.take(), [wanted, then].concat());
}

#[test]
fn of_several_listeners_that_answer_the_first_counts() {
    let world = World::new();
    world.io.on("ev", async |ack: Ack| {
        pause().await;
        ack.send("first");
    });
    world.io.on("ev", |ack: Ack| ack.send("second"));
    let client = world.connected();
    client.send(r#"25["ev"]"#);
    world.run();
    assert_eq!(client.received(), [r#"435["first"]"#]);
}

#[test]
fn a_wrong_type_is_told_only_if_no_listener_could_take_the_event() {
    let world = World::new();
    world.io.on("either", |Data(_): Data<u32>, ack: Ack| ack.send("number"));
    world.io.on("either", |Data(_): Data<String>, ack: Ack| ack.send("text"));
    let client = world.connected();
    client.send(r#"21["either","a"]"#);
    client.send(r#"22["either",1]"#);
    assert_eq!(client.received(), [r#"431["text"]"#, r#"432["number"]"#]);
    client.send(r#"23["either",true]"#);
    let answers = client.received();
    assert!(answers.len() == 1 && answers[0].starts_with(r#"433[{"error":"#), "{answers:?}");
}

#[test]
fn a_listener_can_be_removed() {
    let world = World::new();
    let seen = Log::default();
    let log = seen.clone();
    world.io.on_connection(move |socket: Socket| {
        let log = log.clone();
        socket.on("ev", move |socket: Socket| {
            log.add("once");
            socket.off("ev");
        });
    });
    let client = world.connected();
    client.send(r#"2["ev"]"#);
    client.send(r#"2["ev"]"#);
    assert_eq!(seen.take(), ["once"]);
}

#[test]
fn a_panic_ends_neither_the_connection_nor_the_order() {
    let world = World::new();
    let seen = Log::default();
    let log = seen.clone();
    world.io.on("sync", |socket: Socket| assert!(!socket.is_connected(), "on purpose"));
    world.io.on("async", async |socket: Socket| {
        pause().await;
        assert!(!socket.is_connected(), "on purpose, later");
    });
    world.io.on("ev", move || log.add("alive"));
    let client = world.connected();
    for event in ["sync", "async", "ev"] {
        client.send(&format!(r#"2["{event}"]"#));
    }
    world.run();
    assert_eq!(seen.take(), ["alive"]);
    assert!(!client.is_closed());
}

#[test]
fn disconnecting_sees_the_rooms_and_disconnect_sees_none() {
    let world = World::new();
    let seen = Log::default();
    let log = seen.clone();
    world.io.on_connection(move |socket: Socket| {
        socket.join("x").unwrap();
        let (before, after) = (log.clone(), log.clone());
        socket.on_disconnecting(move |socket: Socket, reason: DisconnectReason| {
            before.add(format!("{} rooms, {reason}", socket.rooms().len()));
        });
        socket.on_disconnect(move |socket: Socket, reason: DisconnectReason| {
            after.add(format!("{} rooms, {reason}", socket.rooms().len()));
        });
    });
    world.connected().send("1");
    let reason = "client namespace disconnect";
    assert_eq!(seen.take(), [format!("2 rooms, {reason}"), format!("0 rooms, {reason}")]);
    world.connected().vanish();
    assert_eq!(seen.take()[1], "0 rooms, transport close");
}

#[test]
fn every_way_to_leave_has_its_reason() {
    let world = World::new();
    let seen = Log::default();
    let log = seen.clone();
    world.io.of("/").on_disconnect(move |reason: DisconnectReason| log.add(reason.to_string()));
    world.io.on("kick", |socket: Socket| socket.disconnect());
    world.io.on("close", |socket: Socket| socket.close());
    for packet in [r#"2["kick"]"#, r#"2["close"]"#, "1", "0", r#"51-["x"]"#, "abc"] {
        let client = world.connected();
        client.send(packet);
        if packet.starts_with('5') {
            client.send(r#"2["text instead"]"#);
        }
        assert_eq!(seen.take().len(), 1, "{packet}");
    }
    for (packet, reason) in [
        (r#"2["kick"]"#, "server namespace disconnect"),
        (r#"2["close"]"#, "server namespace disconnect"),
        ("0", "forced server close"),
        ("abc", "forced close"),
    ] {
        world.connected().send(packet);
        assert_eq!(seen.take(), [reason], "{packet}");
    }
}

#[test]
fn events_in_flight_at_the_servers_disconnect_are_dropped_without_closing() {
    let world = World::new();
    let client = world.connected();
    world.io.of("/").disconnect_sockets(false);
    client.send(r#"2["late"]"#);
    assert_eq!(client.received(), ["41"]);
    assert!(!client.is_closed());
    client.send("0");
    assert!(client.received()[0].starts_with("40{"), "the client may come back");
}

#[test]
fn state_is_kept_with_the_socket_by_type_and_as_json() {
    #[derive(Clone, Debug, PartialEq)]
    struct User(&'static str);

    let world = World::new();
    let _client = world.connected();
    let socket = world.io.of("/").sockets().remove(0);
    assert_eq!(socket.insert(User("ann")), None);
    assert_eq!(socket.insert(User("bob")), Some(User("ann")));
    assert_eq!(socket.get::<User>(), Some(User("bob")));
    assert_eq!(socket.get::<u8>(), None);
    assert_eq!(socket.remove::<User>(), Some(User("bob")));
    assert_eq!(socket.get::<User>(), None);
    socket.set_data("name", "bob");
    assert_eq!(serde_json::Value::Object(socket.data()), serde_json::json!({ "name": "bob" }));
}

#[test]
fn a_client_cannot_raise_the_events_of_the_library() {
    let world = World::new();
    let seen = Log::default();
    let (connected, named) = (seen.clone(), seen.clone());
    world.io.on_connection(move || connected.add("connected"));
    world.io.on("connection", move || named.add("event"));
    let client = world.connected();
    client.send(r#"2["connection"]"#);
    assert_eq!(seen.take(), ["connected", "event"]);
}

#[test]
fn events_that_wait_are_dropped_when_the_server_ends_the_stay() {
    let world = World::new();
    let seen = Log::default();
    let log = seen.clone();
    world.io.on("check", async |socket: Socket| {
        pause().await;
        socket.disconnect();
    });
    world.io.on("act", move || log.add("acted"));
    let client = world.connected();
    client.send(r#"2["check"]"#);
    client.send(r#"2["act"]"#);
    world.run();
    assert!(seen.take().is_empty());
}

#[test]
fn events_that_wait_are_served_when_the_client_leaves_by_itself() {
    let world = World::new();
    let seen = Log::default();
    let log = seen.clone();
    world.io.on("slow", async |_: Socket| pause().await);
    world.io.on("bye", move || log.add("bye"));
    let client = world.connected();
    for packet in [r#"2["slow"]"#, r#"2["bye"]"#, "1"] {
        client.send(packet);
    }
    world.run();
    assert_eq!(seen.take(), ["bye"]);
}
