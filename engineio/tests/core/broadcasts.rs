//! Whom broadcasts reach when several rooms are meant at once, and who may send them.

use std::time::Duration;

use engineio::{Room, Sent, Socket};

use crate::support::{Client, World};

/// Clients in the rooms of these names, and their sockets.
fn crowd<const N: usize>(world: &World, rooms: [&[&str]; N]) -> [(Client, Socket); N] {
    rooms.map(|rooms| {
        let known = world.io.sockets();
        let client = world.connected();
        let socket = world.io.sockets().into_iter().find(|socket| !known.contains(socket)).unwrap();
        socket.join(rooms).unwrap();
        (client, socket)
    })
}

fn counts<const N: usize>(crowd: &[(Client, Socket); N]) -> [usize; N] {
    crowd.each_ref().map(|(client, _)| client.received().len())
}

#[test]
fn several_rooms_are_named_at_once_whatever_holds_them() {
    let world = World::new();
    let crowd = crowd(&world, [&["x"], &["y"], &["x", "y"], &["z"]]);
    world.io.to(["x", "y"]).emit("ev", &());
    assert_eq!(counts(&crowd), [1, 1, 1, 0]);
    world.io.within(vec!["x".to_owned(), "y".to_owned()]).emit("ev", &());
    assert_eq!(counts(&crowd), [1, 1, 1, 0]);
    let rooms = [Room::from("y"), Room::from("z")];
    world.io.except(&rooms[..]).emit("ev", &());
    assert_eq!(counts(&crowd), [1, 0, 0, 0]);
    world.io.to(["x", "z"]).except(["y"]).except(crowd[3].1.id()).emit("ev", &());
    assert_eq!(counts(&crowd), [1, 0, 0, 0]);
}

#[test]
fn a_list_of_rooms_that_is_empty_reaches_nobody() {
    let world = World::new();
    let crowd = crowd(&world, [&["x"], &[]]);
    let nobody: Vec<Room> = Vec::new();
    let operator = world.io.to(nobody.clone());
    operator.emit("ev", &());
    operator.sockets_join("y").unwrap();
    operator.sockets_leave("x");
    operator.disconnect_sockets(true);
    assert!(operator.sockets().is_empty());
    assert_eq!(counts(&crowd), [0, 0]);
    assert_eq!((world.io.to("x").sockets().len(), world.io.to("y").sockets().len()), (1, 0));
    operator.to("x").emit("ev", &());
    assert_eq!(counts(&crowd), [1, 0]);
    world.io.except(nobody).emit("ev", &());
    assert_eq!(counts(&crowd), [1, 1], "nobody is excepted");
}

#[test]
fn a_socket_sends_to_rooms_without_itself() {
    let world = World::new();
    let crowd = crowd(&world, [&["x"], &["x"], &["y"], &["y", "muted"]]);
    let sender = &crowd[0].1;
    sender.within(["x", "y"]).except("muted").emit("ev", &());
    assert_eq!(counts(&crowd), [0, 1, 1, 0]);
    sender.except(["muted", "x"]).send("hello");
    assert_eq!(counts(&crowd), [0, 0, 1, 0]);
    sender.local().to("x").emit("ev", &());
    assert_eq!(counts(&crowd), [0, 1, 0, 0]);
}

#[test]
fn server_and_namespace_send_alike() {
    let world = World::new();
    let crowd = crowd(&world, [&["x"], &[]]);
    let root = world.io.of("/");
    world.io.send("from the server");
    root.send("from the namespace");
    for (client, _) in &crowd {
        let packets = [r#"42["message","from the server"]"#, r#"42["message","from the namespace"]"#];
        assert_eq!(client.received(), packets);
    }
    for operator in [world.io.local(), root.local(), world.io.compress(false), root.timeout(Duration::ZERO)] {
        operator.to("x").emit("ev", &());
        assert_eq!(counts(&crowd), [1, 0]);
    }
    world.io.sockets_join(["a", "b"]).unwrap();
    root.sockets_leave("a");
    assert_eq!((root.to("a").sockets().len(), world.io.to("b").sockets().len()), (0, 2));
    assert_eq!(world.io.emit("connect", &()), Sent::Dropped, "the name is reserved");
}

#[test]
fn of_two_volatile_broadcasts_in_a_turn_exactly_one_arrives() {
    let world = World::new();
    world.io.on("go", |socket: Socket| {
        let all = socket.namespace().volatile();
        for number in 0..2 {
            all.emit("volatile", &number);
        }
    });
    let client = world.connected();
    client.peer.outbox().set_writable(true);
    client.send(r#"2["go"]"#);
    assert_eq!(client.received(), [r#"42["volatile",0]"#]);
}

#[test]
fn disconnecting_with_close_ends_the_whole_connection() {
    let world = World::new();
    let crowd = crowd(&world, [&["x"], &["y"]]);
    world.io.to("x").disconnect_sockets(true);
    world.io.to("y").disconnect_sockets(false);
    assert!(crowd[0].0.is_closed() && !crowd[1].0.is_closed());
    assert_eq!(crowd[1].0.received(), ["41"]);
}

#[test]
fn a_room_that_cannot_be_joined_by_one_is_joined_by_the_others() {
    let world = World::new();
    let crowd = crowd(&world, [&[], &[]]);
    for number in 0..1_024 {
        crowd[0].1.join(format!("room{number}")).unwrap();
    }
    assert!(world.io.sockets_join("y").is_err());
    assert_eq!(world.io.to("y").sockets(), [crowd[1].1.clone()]);
}
