//! What observers hear of rooms.

use std::sync::Mutex;

use engineio::{Socket, hub::RoomEvent};

use crate::support::{Log, World};

fn watched(world: &World) -> Log {
    let log = Log::default();
    let heard = log.clone();
    world.io.of("/").on_room_event(move |event: RoomEvent<'_>| heard.add(event.to_string()));
    log
}

fn joined(world: &World) -> Socket {
    world.io.sockets().pop().unwrap()
}

#[test]
fn rooms_are_told_of_when_they_really_change() {
    let world = World::new();
    let _first = world.connected();
    let first = joined(&world);
    let log = watched(&world);
    let second = world.connected();
    let other = world.io.sockets().into_iter().find(|socket| *socket != first).unwrap();
    let (a, b) = (first.id(), other.id());
    assert_eq!(log.take(), [format!("create-room {b}"), format!("join-room {b} {b}")]);
    first.join(["red", "red"]).unwrap();
    first.join("red").unwrap();
    assert_eq!(log.take(), ["create-room red".into(), format!("join-room red {a}")]);
    other.join("red").unwrap();
    assert_eq!(log.take(), [format!("join-room red {b}")]);
    first.leave("red");
    first.leave("red");
    first.leave("unknown");
    assert_eq!(log.take(), [format!("leave-room red {a}")]);
    second.vanish();
    let left = [
        format!("leave-room red {b}"),
        "delete-room red".into(),
        format!("leave-room {b} {b}"),
        format!("delete-room {b}"),
    ];
    assert_eq!(log.take(), left);
}

#[test]
fn rooms_joined_in_middleware_are_told_of_once_the_client_is_let_in() {
    let world = World::new();
    let log = watched(&world);
    world.io.middleware(async |socket: Socket| {
        socket.join("early").map_err(|error| engineio::ConnectError::new(error.to_string()))?;
        if socket.auth_json().is_some() { Ok(()) } else { Err(engineio::ConnectError::new("no")) }
    });
    world.client().send("0");
    assert!(log.take().is_empty());
    world.client().send("0{}");
    assert_eq!(log.take()[2], "create-room early");
}

#[test]
fn the_room_of_a_sockets_own_id_can_be_left_and_joined_again() {
    let world = World::new();
    let _client = world.connected();
    let socket = joined(&world);
    let (log, id) = (watched(&world), socket.id());
    socket.join(*id).unwrap();
    socket.leave(id.as_str());
    socket.leave(id.as_str());
    socket.join(*id).unwrap();
    let told = [
        format!("leave-room {id} {id}"),
        format!("delete-room {id}"),
        format!("create-room {id}"),
        format!("join-room {id} {id}"),
    ];
    assert_eq!(log.take(), told);
}

#[test]
fn an_observer_may_change_rooms_itself() {
    let world = World::new();
    let _client = world.connected();
    let socket = joined(&world);
    let log = watched(&world);
    // Taken by its use: a namespace that kept one of its sockets would be kept by it.
    let same = Mutex::new(Some(socket.clone()));
    world.io.of("/").on_room_event(move |event| {
        if let RoomEvent::Joined(room, _) = event
            && **room == *"first"
            && let Some(same) = same.lock().unwrap().take()
        {
            same.join("second").unwrap();
        }
    });
    socket.join("first").unwrap();
    let id = socket.id();
    let told = [
        "create-room first".into(),
        format!("join-room first {id}"),
        "create-room second".into(),
        format!("join-room second {id}"),
    ];
    assert_eq!(log.take(), told);
}
