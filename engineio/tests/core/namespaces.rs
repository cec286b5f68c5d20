//! Namespaces that are made when clients ask for them, and those that are given up.

use std::sync::Arc;

use engineio::{
    Config, ConnectError, ParentNamespace, Refusal, Server, Socket, engine::CloseReason,
    hub::DisconnectReason,
};
use serde::Deserialize;

use crate::support::{Client, Gate, Log, World};

/// Asks for a namespace; answers the first packet that comes.
fn ask(client: &Client, name: &str) -> String {
    client.send(&format!("0{name},"));
    client.received().into_iter().next().unwrap_or_default()
}

fn enters(world: &World, name: &str) -> Client {
    let client = world.client();
    let answer = ask(&client, name);
    assert!(answer.starts_with(&format!(r#"40{name},{{"sid":"#)), "{answer}");
    client
}

fn is_unknown(world: &World, name: &str) -> bool {
    ask(&world.client(), name) == format!(r#"44{name},{{"message":"Invalid namespace"}}"#)
}

fn names(namespaces: &[engineio::Namespace]) -> Vec<&str> {
    let mut names: Vec<_> = namespaces.iter().map(engineio::Namespace::name).collect();
    names.sort_unstable();
    names
}

fn rooms(io: &Server) -> ParentNamespace {
    io.of_pattern("/room-*").unwrap()
}

#[test]
fn a_name_that_matches_a_pattern_is_made_for_the_client_that_asks() {
    let world = World::new();
    let parent = world.io.of_pattern("tenant/{id}").unwrap();
    parent.on_connection(|socket: Socket| {
        socket.emit("tenant", &socket.namespace().param("id"));
    });
    let client = world.client();
    client.send("0/tenant/7,");
    assert_eq!(client.received()[1], r#"42/tenant/7,["tenant","7"]"#);
    assert!(is_unknown(&world, "/tenant/7/8"));
    assert!(is_unknown(&world, "/tenants"));
    assert_eq!(names(&world.io.namespaces()), ["/", "/tenant/7"]);
    assert_eq!(world.io.of("/tenant/7").param("other"), None);
}

#[test]
fn of_several_parents_the_first_that_wants_a_name_gets_it() {
    let world = World::new();
    let first = world.io.of_matching(|name| name.starts_with("/a"));
    let second = world.io.of_deciding(async |asked| asked.name().ends_with('z'));
    let third = world.io.of_pattern("/*").unwrap();
    for name in ["/az", "/bz", "/b"] {
        enters(&world, name);
    }
    assert_eq!(names(&first.children()), ["/az"]);
    assert_eq!(names(&second.children()), ["/bz"]);
    assert_eq!(names(&third.children()), ["/b"]);
}

#[derive(Deserialize)]
struct Auth {
    token: String,
}

#[test]
fn a_function_decides_by_name_and_auth_and_the_request_of_the_connection() {
    let world = World::new();
    world.io.of_deciding(async |asked| {
        let token = asked.auth::<Auth>().map(|auth| auth.token);
        asked.name() == "/private"
            && token.as_deref() == Some("x")
            && asked.handshake().header("x-test") == Some("yes")
    });
    assert!(is_unknown(&world, "/private"));
    let client = world.client();
    client.send(r#"0/private,{"token":"x"}"#);
    assert!(client.received()[0].starts_with("40/private,"));
    assert_eq!(world.tasks(), 0, "what does not wait needs no task");
}

#[test]
fn two_clients_that_ask_while_the_function_decides_get_one_namespace() {
    let (world, gate, made) = (World::new(), Gate::default(), Log::default());
    let (opened, log) = (gate.clone(), made.clone());
    world.io.on_new_namespace(move |namespace| log.add(namespace.name()));
    let parent = world.io.of_deciding(move |_| {
        let opened = opened.clone();
        async move {
            opened.await;
            true
        }
    });
    let (a, b) = (world.client(), world.client());
    assert_eq!((ask(&a, "/x"), ask(&b, "/x")), (String::new(), String::new()));
    gate.open();
    world.run();
    assert!(a.received()[0].starts_with("40/x,") && b.received()[0].starts_with("40/x,"));
    assert_eq!(parent.children().len(), 1);
    assert_eq!(parent.children()[0].len(), 2);
    assert_eq!(made.take(), ["/x"]);
}

#[test]
fn a_client_that_leaves_while_the_function_decides_leaves_nothing_behind() {
    let (world, gate) = (World::new(), Gate::default());
    let opened = gate.clone();
    world.io.of_deciding(move |_| {
        let opened = opened.clone();
        async move {
            opened.await;
            true
        }
    });
    let client = world.client();
    ask(&client, "/x");
    client.vanish();
    gate.open();
    world.run();
    assert!(world.io.namespace("/x").is_none());
    assert_eq!(world.tasks(), 0);
}

#[test]
fn a_client_that_does_not_wait_for_the_decision_is_closed() {
    let (world, gate) = (World::new(), Gate::default());
    world.io.of_deciding(move |_| {
        let gate = gate.clone();
        async move {
            gate.await;
            true
        }
    });
    for packet in ["0/x,", r#"2/x,["early"]"#] {
        let client = world.client();
        ask(&client, "/x");
        client.send(packet);
        assert!(client.is_closed(), "{packet}");
    }
}

#[test]
fn a_function_that_panics_has_said_no() {
    let world = World::new();
    world.io.of_matching(|name| if name == "/x" { panic!("in a predicate") } else { false });
    world.io.of_deciding(async |asked| if asked.name() == "/x" { panic!("in a decision") } else { false });
    assert!(is_unknown(&world, "/x"));
    assert!(!world.client().is_closed());
}

#[test]
fn what_is_added_to_a_parent_holds_for_its_children_also_later() {
    let (world, log) = (World::new(), Log::default());
    let parent = rooms(&world.io);
    let client = enters(&world, "/room-1");
    let heard = log.clone();
    parent.on("ev", move |socket: Socket| heard.add(format!("parent in {}", socket.namespace().name())));
    let heard = log.clone();
    world.io.of("/room-1").on("ev", move || heard.add("child"));
    client.send(r#"2/room-1,["ev"]"#);
    assert_eq!(log.take(), ["parent in /room-1", "child"]);
    let other = enters(&world, "/room-2");
    other.send(r#"2/room-2,["ev"]"#);
    assert_eq!(log.take(), ["parent in /room-2"]);
    parent.middleware(async |_| Err(ConnectError::new("full")));
    assert_eq!(ask(&world.client(), "/room-1"), r#"44/room-1,{"message":"full"}"#);
}

#[test]
fn a_parents_middlewares_are_asked_before_those_of_the_child() {
    let (world, log) = (World::new(), Log::default());
    let parent = rooms(&world.io);
    for (namespace, word) in [(None, "parent"), (Some(world.io.of("/room-1")), "child")] {
        let asked = log.clone();
        let middleware = move |_: Socket| {
            asked.add(word);
            async { Ok(()) }
        };
        match namespace {
            None => parent.middleware(middleware),
            Some(child) => child.middleware(middleware),
        }
    }
    enters(&world, "/room-1");
    assert_eq!(log.take(), ["parent", "child"]);
}

#[test]
fn a_parent_sends_to_all_its_children_and_to_rooms_in_them() {
    let world = World::new();
    let parent = rooms(&world.io);
    parent.on("join", |socket: Socket| socket.join("red"));
    let (a, b) = (enters(&world, "/room-1"), enters(&world, "/room-2"));
    let stranger = world.connected();
    parent.emit("ev", &1);
    assert_eq!(a.received(), [r#"42/room-1,["ev",1]"#]);
    assert_eq!(b.received(), [r#"42/room-2,["ev",1]"#]);
    a.send(r#"2/room-1,["join"]"#);
    parent.to("red").send(&2);
    assert_eq!((a.received().len(), b.received().len()), (1, 0));
    parent.except("red").emit("ev", &3);
    assert_eq!((a.received().len(), b.received().len()), (0, 1));
    parent.sockets_join("blue").unwrap();
    assert_eq!(parent.to("blue").sockets().len(), 2);
    parent.sockets_leave("blue");
    assert!(parent.to("blue").sockets().is_empty());
    parent.disconnect_sockets(false);
    assert_eq!((a.received(), b.received()), (vec!["41/room-1,".into()], vec!["41/room-2,".into()]));
    assert!(stranger.received().is_empty());
}

#[test]
fn a_namespace_made_by_hand_whose_name_matches_becomes_a_child() {
    let (world, made) = (World::new(), Log::default());
    let log = made.clone();
    world.io.on_new_namespace(move |namespace| log.add(namespace.name()));
    let parent = rooms(&world.io);
    let by_hand = world.io.of("room-1");
    world.io.of("/room-1");
    assert_eq!(by_hand.parent(), Some(&parent));
    assert_eq!(parent.children(), [by_hand]);
    assert_eq!(world.io.of("/other").parent(), None);
    enters(&world, "/room-1");
    assert_eq!(made.take(), ["/room-1", "/other"], "once each");
}

#[test]
fn equal_rooms_of_two_namespaces_do_not_mix() {
    let world = World::new();
    rooms(&world.io).on_connection(|socket: Socket| socket.join("red"));
    let (a, b) = (enters(&world, "/room-1"), enters(&world, "/room-2"));
    world.io.of("/room-1").to("red").emit("ev", &());
    assert_eq!((a.received().len(), b.received().len()), (1, 0));
    assert_eq!(world.io.of("/room-2").to("red").sockets().len(), 1);
}

#[test]
fn the_namespaces_that_clients_have_made_are_bounded() {
    let world = World::with(Config { max_dynamic_namespaces: 2, ..Config::default() });
    rooms(&world.io);
    world.io.of("/room-by-hand");
    let (first, _second) = (enters(&world, "/room-1"), enters(&world, "/room-2"));
    let third = world.client();
    assert_eq!(ask(&third, "/room-3"), r#"44/room-3,{"message":"too many namespaces"}"#);
    assert!(!third.is_closed());
    assert_eq!(world.io.refusals().count(Refusal::DynamicNamespaces), 1);
    enters(&world, "/room-by-hand");
    enters(&world, "/room-1").vanish();
    assert!(ask(&third, "/room-3").starts_with("44"), "a namespace that is in use is not given up");
    first.vanish();
    assert!(ask(&third, "/room-3").starts_with("40"), "an empty one makes room");
    assert_eq!(names(&world.io.namespaces()), ["/", "/room-2", "/room-3", "/room-by-hand"]);
}

#[test]
fn the_namespace_that_has_been_empty_for_longest_makes_room() {
    let world = World::with(Config { max_dynamic_namespaces: 3, ..Config::default() });
    rooms(&world.io);
    let mut clients: Vec<_> = ["/room-1", "/room-2", "/room-3"].map(|name| enters(&world, name)).into();
    clients.rotate_left(1);
    clients.iter().for_each(Client::vanish);
    let _back = enters(&world, "/room-2");
    enters(&world, "/room-4");
    assert_eq!(names(&world.io.namespaces()), ["/", "/room-1", "/room-2", "/room-4"]);
}

fn cleaning() -> World {
    World::with(Config { cleanup_empty_child_namespaces: true, ..Config::default() })
}

#[test]
fn an_empty_child_is_given_up_when_its_last_socket_leaves_and_can_be_made_again() {
    let world = cleaning();
    let parent = rooms(&world.io);
    let (a, b) = (enters(&world, "/room-1"), enters(&world, "/room-1"));
    a.send("1/room-1,");
    assert_eq!(parent.children().len(), 1, "the other is still in it");
    b.vanish();
    assert!(parent.children().is_empty());
    enters(&world, "/room-1");
    assert_eq!(parent.children().len(), 1);
}

#[test]
fn a_child_whose_only_client_was_refused_is_given_up() {
    let (world, gate) = (cleaning(), Gate::default());
    let opened = gate.clone();
    let parent = rooms(&world.io);
    parent.middleware(move |socket: Socket| {
        let opened = opened.clone();
        async move {
            if socket.auth_json().is_none() {
                return Err(ConnectError::new("no"));
            }
            opened.await;
            Ok(())
        }
    });
    assert!(ask(&world.client(), "/room-1").starts_with("44"));
    assert!(parent.children().is_empty());
    let waiting = world.client();
    waiting.send("0/room-1,{}");
    assert!(ask(&world.client(), "/room-1").starts_with("44"));
    assert_eq!(parent.children().len(), 1, "another client still waits to be let in");
    gate.open();
    world.run();
    assert_eq!(parent.children()[0].len(), 1);
    waiting.vanish();
    assert!(parent.children().is_empty());
}

#[test]
fn what_was_made_by_hand_is_never_given_up_by_itself() {
    let world = cleaning();
    rooms(&world.io);
    world.io.of("/room-1");
    world.io.of("/static");
    world.connected().vanish();
    for name in ["/room-1", "/static"] {
        enters(&world, name).vanish();
        assert!(world.io.namespace(name).is_some(), "{name}");
    }
}

#[test]
fn empty_children_stay_unless_the_option_is_set() {
    let world = World::new();
    let parent = rooms(&world.io);
    enters(&world, "/room-1").vanish();
    assert_eq!(parent.children().len(), 1);
}

#[test]
fn a_removed_namespace_disconnects_its_sockets_and_is_unknown() {
    let (world, log) = (World::new(), Log::default());
    let (admin, left) = (world.io.of("/admin"), log.clone());
    admin.on_disconnect(move |reason: DisconnectReason| left.add(reason.to_string()));
    let client = enters(&world, "/admin");
    assert!(world.io.remove_namespace("admin"));
    assert_eq!(client.received(), ["41/admin,"]);
    assert!(!client.is_closed());
    assert_eq!(log.take(), ["server namespace disconnect"]);
    assert!(is_unknown(&world, "/admin"));
    assert!(!world.io.remove_namespace("/admin"), "there is none any more");
    assert!(!world.io.remove_namespace("/"), "the root exists always");
}

#[test]
fn a_client_that_a_middleware_lets_into_a_removed_namespace_is_disconnected() {
    let (world, gate) = (World::new(), Gate::default());
    let opened = gate.clone();
    let admin = world.io.of("/admin");
    admin.middleware(move |_| {
        let opened = opened.clone();
        async move {
            opened.await;
            Ok(())
        }
    });
    let client = world.client();
    ask(&client, "/admin");
    world.io.remove_namespace("/admin");
    gate.open();
    world.run();
    let packets = client.received();
    assert!(packets[0].starts_with("40/admin,"));
    assert_eq!(packets[1], "41/admin,");
    assert!(admin.is_empty());
}

#[test]
fn a_server_that_closes_empties_all_namespaces_and_serves_again() {
    let (world, log) = (World::new(), Log::default());
    let heard = log.clone();
    rooms(&world.io).on_disconnect(move |reason: DisconnectReason| heard.add(reason.to_string()));
    enters(&world, "/room-1");
    world.connected();
    world.io.close();
    assert_eq!(log.take(), ["server shutting down"]);
    assert!(world.io.namespaces().iter().all(engineio::Namespace::is_empty));
    enters(&world, "/room-1");
    world.connected();
}

#[test]
fn a_server_without_sessions_is_freed_with_its_last_handle() {
    let (world, held) = (World::new(), Arc::new(()));
    let seen = Arc::downgrade(&held);
    world.io.on("join", move |socket: Socket| {
        let _ = &held;
        socket.join("a").map(drop)
    });
    let clients = [world.connected(), world.connected()];
    clients[0].send(r#"2["join"]"#);
    assert_eq!(world.io.to("a").sockets().len(), 1);
    for client in &clients {
        client.peer.lost(CloseReason::TransportClose);
    }
    drop((world, clients));
    assert!(seen.upgrade().is_none(), "its listeners are freed");
}
