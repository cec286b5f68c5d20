use std::{sync::Arc, time::Duration};

use engineio::{
    Config, ConnectError, Server, Sid, Socket,
    adapter::MemoryAdapter,
    engine::{Input, Transport},
    hub::{Adapter, Room, Target},
};
use serde_json::json;

use crate::support::{Gate, Log, World, pause};

#[test]
fn a_client_is_answered_with_a_fresh_id_in_each_namespace() {
    let world = World::new();
    world.io.of("/admin");
    let client = world.client();
    client.send("0");
    client.send("0/admin,");
    let packets = client.received();
    assert!(packets[0].starts_with(r#"40{"sid":""#));
    assert!(packets[1].starts_with(r#"40/admin,{"sid":""#));
    let id = |packet: &str| packet.split('"').nth(3).unwrap().to_owned();
    assert_ne!(id(&packets[0]), id(&packets[1]));
    assert_ne!(id(&packets[0]), client.peer.sid().as_str());
}

#[test]
fn an_unknown_namespace_is_refused_and_the_connection_lives_on() {
    let world = World::new();
    let client = world.client();
    client.send("0/nope,");
    assert_eq!(client.received(), [r#"44/nope,{"message":"Invalid namespace"}"#]);
    client.send("0");
    assert!(client.received()[0].starts_with("40{"));
}

#[test]
fn a_name_without_slash_means_the_same_namespace() {
    let world = World::new();
    assert_eq!(world.io.of("chat").name(), world.io.of("/chat").name());
    assert_eq!(world.io.of("").name(), "/");
}

#[test]
fn the_handshake_and_the_auth_payload_are_known() {
    let world = World::new();
    let seen = Log::default();
    let log = seen.clone();
    world.io.on_connection(move |socket: Socket| {
        let auth: serde_json::Value = socket.auth().unwrap_or_default();
        let handshake = socket.handshake();
        log.add(format!("{auth} {:?} {:?}", handshake.query("room"), handshake.header("x-test")));
    });
    world.client().send(r#"0{"token":"x"}"#);
    assert_eq!(seen.take(), [r#"{"token":"x"} Some("a b") Some("yes")"#]);
}

#[test]
fn middlewares_run_in_order_and_the_first_refusal_counts() {
    let world = World::new();
    let seen = Log::default();
    let (first, second, connected) = (seen.clone(), seen.clone(), seen.clone());
    let root = world.io.of("/");
    root.middleware(move |socket: Socket| {
        first.add(format!("first, connected: {}", socket.is_connected()));
        async { Ok(()) }
    });
    root.middleware(move |_: Socket| {
        second.add("second");
        async { Err(ConnectError::new("no").with_data(json!({ "code": 7 }))) }
    });
    root.middleware(async |_: Socket| panic!("not asked after a refusal"));
    root.on_connection(move |_: Socket| connected.add("connected"));
    let client = world.client();
    client.send("0");
    assert_eq!(client.received(), [r#"44{"message":"no","data":{"code":7}}"#]);
    assert_eq!(seen.take(), ["first, connected: false", "second"]);
    client.send("0");
    assert_eq!(client.received().len(), 1, "a refused client may ask again");
}

#[test]
fn rooms_joined_in_middleware_hold_after_success_and_are_left_after_refusal() {
    let world = World::new();
    world.io.of("/").middleware(|socket: Socket| async move {
        socket.join("lobby").unwrap();
        let auth: Option<bool> = socket.auth().and_then(|auth: serde_json::Value| auth["ok"].as_bool());
        auth.unwrap_or_default().then_some(()).ok_or(ConnectError::new("no"))
    });
    let client = world.client();
    client.send(r#"0{"ok":true}"#);
    let refused = world.client();
    refused.send("0");
    assert_eq!(world.io.to("lobby").sockets().len(), 1);
    assert_eq!(world.io.of("/").len(), 1);
}

#[test]
fn a_client_lost_while_middleware_waits_leaves_nothing_behind() {
    let world = World::new();
    let seen = Log::default();
    let log = seen.clone();
    let gate = Gate::default();
    let waits = gate.clone();
    world.io.of("/").middleware(move |socket: Socket| {
        socket.join("lobby").unwrap();
        let gate = waits.clone();
        async move {
            gate.await;
            Ok(())
        }
    });
    world.io.on_connection(move |_: Socket| log.add("connected"));
    let client = world.client();
    client.send("0");
    assert_eq!(world.io.to("lobby").sockets().len(), 0, "not let in yet");
    client.vanish();
    gate.open();
    world.run();
    assert!(seen.take().is_empty());
    assert_eq!(world.io.to("lobby").sockets().len(), 0);
    assert_eq!((world.tasks(), world.connections()), (0, 0));
}

#[test]
fn silence_is_closed_at_the_connect_timeout_and_not_later_than_the_first_connect() {
    let world = World::new();
    let (silent, talking) = (world.client(), world.connected());
    keep_alive(&world, &[&silent, &talking], Duration::from_secs(45));
    assert!(silent.is_closed());
    assert!(!talking.is_closed());
}

#[test]
fn a_refused_client_that_does_not_ask_again_is_closed_at_the_connect_timeout() {
    let world = World::new();
    world.io.of("/").middleware(async |_: Socket| Err(ConnectError::new("no")));
    let client = world.client();
    client.send("0");
    keep_alive(&world, &[&client], Duration::from_secs(45));
    assert!(client.is_closed());
}

#[test]
fn an_upgrade_that_is_not_finished_in_time_is_dropped_at_its_own_deadline() {
    let world = World::new();
    let client = world.connected();
    client.peer.feed(Input::UpgradeOpened(Transport::Websocket));
    world.advance(Duration::from_millis(9_999));
    assert!(client.peer.is_upgrading());
    world.advance(Duration::from_millis(1));
    assert!(!client.peer.is_upgrading());
    assert!(!client.is_closed());
}

/// Answers the server's pings for a while.
fn keep_alive(world: &World, clients: &[&crate::support::Client], time: Duration) {
    use engineio::engine::{Input, Packet};
    let step = Duration::from_secs(5);
    for _ in 0..time.as_secs() / step.as_secs() {
        world.advance(step);
        for client in clients {
            if client.received().contains(&"2".to_owned()) {
                client.peer.feed(Input::Packet(Packet::Pong("")));
            }
        }
    }
}

#[test]
fn a_middleware_that_panics_refuses_the_client() {
    let world = World::new();
    world.io.of("/at-once").middleware(|socket: Socket| {
        assert!(socket.is_connected(), "on purpose");
        async { Ok(()) }
    });
    world.io.of("/later").middleware(async |socket: Socket| {
        pause().await;
        assert!(socket.is_connected(), "on purpose, later");
        Ok(())
    });
    let client = world.client();
    for namespace in ["/at-once", "/later"] {
        client.send(&format!("0{namespace},"));
        world.run();
        assert_eq!(client.received(), [format!(r#"44{namespace},{{"message":"internal error"}}"#)]);
    }
    assert!(!client.is_closed());
}

/// Sends something to each socket as soon as it is in the room tables, as a broadcast of another thread could.
#[derive(Default)]
struct Eager(MemoryAdapter);

impl Adapter for Eager {
    fn insert(&self, socket: &Socket) {
        self.0.insert(socket);
        socket.peer().send_text(r#"2["early"]"#);
    }

    fn remove(&self, id: &Sid, rooms: &[Room]) {
        self.0.remove(id, rooms);
    }

    fn join(&self, socket: &Socket, room: &Room) -> bool {
        self.0.join(socket, room)
    }

    fn leave(&self, id: &Sid, room: &str) -> bool {
        self.0.leave(id, room)
    }

    fn socket(&self, id: &Sid) -> Option<Socket> {
        self.0.socket(id)
    }

    fn for_each(&self, target: &Target, visit: &mut dyn FnMut(&Socket)) {
        self.0.for_each(target, visit);
    }

    fn rooms(&self) -> Vec<Room> {
        self.0.rooms()
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

#[test]
fn nothing_reaches_a_client_before_the_answer_to_its_connect() {
    let mut world = World::new();
    let adapter = Arc::new(|_: &str| Arc::new(Eager::default()) as _);
    world.io = Server::with_runtime(Config::default(), Arc::clone(&world.runtime) as _, adapter);
    let client = world.client();
    client.send("0");
    let received = client.received();
    assert!(received[0].starts_with("40{"), "{received:?}");
    assert_eq!(received[1], r#"42["early"]"#);
}
