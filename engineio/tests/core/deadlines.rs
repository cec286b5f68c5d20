//! Sockets that may stay for a while.

use std::time::{Duration, SystemTime};

use engineio::{DisconnectReason, Socket, TimeLeft, hub::Runtime};

use crate::support::{Client, Log, World, pause};

const MINUTE: Duration = Duration::from_secs(60);

/// A world that notes warnings and departures.
fn world() -> (World, Log) {
    let (world, seen) = (World::new(), Log::default());
    let (warned, left) = (seen.clone(), seen.clone());
    world.io.of("/").on_expiring(move |time: TimeLeft| warned.add(format!("{} s left", time.0.as_secs())));
    world.io.of("/").on_disconnect(move |reason: DisconnectReason| left.add(reason.to_string()));
    (world, seen)
}

fn joined(world: &World) -> (Client, Socket) {
    let client = world.connected();
    let socket = world.io.of("/").sockets().pop().unwrap();
    (client, socket)
}

fn minutes(world: &World, count: u32) -> SystemTime {
    world.runtime.wall_clock() + MINUTE * count
}

/// Lets time pass for a client that answers its pings.
fn pass(world: &World, client: &Client, time: Duration) {
    let until = world.runtime.now() + time;
    while world.runtime.now() < until {
        world.advance(Duration::from_secs(1));
        client.peer.feed(engineio::engine::Input::Packet(engineio::engine::Packet::Pong("")));
    }
}

#[test]
fn a_socket_is_warned_before_its_deadline_and_leaves_at_it() {
    let (world, seen) = world();
    let (client, socket) = joined(&world);
    socket.set_deadline(minutes(&world, 5), MINUTE);
    assert_eq!(socket.deadline(), Some(minutes(&world, 5)));
    pass(&world, &client, MINUTE * 4 - Duration::from_secs(1));
    assert!(seen.take().is_empty());
    pass(&world, &client, Duration::from_secs(1));
    assert_eq!(seen.take(), ["60 s left"]);
    pass(&world, &client, MINUTE - Duration::from_secs(1));
    assert!(seen.take().is_empty() && socket.is_connected());
    client.received();
    pass(&world, &client, Duration::from_secs(1));
    assert_eq!(seen.take(), ["expired"]);
    assert!(client.received().contains(&"41".to_owned()) && !client.is_closed());
}

#[test]
fn a_deadline_can_be_moved_both_ways_and_is_warned_of_anew() {
    let (world, seen) = world();
    let (client, socket) = joined(&world);
    socket.set_deadline(minutes(&world, 2), MINUTE);
    pass(&world, &client, MINUTE);
    assert_eq!(seen.take(), ["60 s left"]);
    socket.set_deadline(minutes(&world, 3), MINUTE);
    pass(&world, &client, MINUTE);
    assert!(seen.take().is_empty(), "the first deadline does not count any more");
    pass(&world, &client, MINUTE);
    assert_eq!(seen.take(), ["60 s left"]);
    socket.set_deadline(world.runtime.wall_clock() + Duration::from_secs(5), Duration::ZERO);
    pass(&world, &client, Duration::from_secs(5));
    assert_eq!(seen.take(), ["expired"]);
}

#[test]
fn a_deadline_can_be_lifted() {
    let (world, seen) = world();
    let (client, socket) = joined(&world);
    socket.set_deadline(minutes(&world, 2), MINUTE);
    socket.clear_deadline();
    pass(&world, &client, MINUTE * 3);
    assert!(seen.take().is_empty() && socket.is_connected() && socket.deadline().is_none());
}

#[test]
fn a_deadline_in_the_past_ends_the_stay_at_once() {
    let (world, seen) = world();
    let (_client, socket) = joined(&world);
    socket.set_deadline(SystemTime::UNIX_EPOCH, MINUTE);
    world.advance(Duration::ZERO);
    assert_eq!(seen.take(), ["expired"]);
}

#[test]
fn a_deadline_set_by_a_middleware_counts_from_there() {
    let (world, seen) = world();
    let end = minutes(&world, 1);
    world.io.of("/").middleware(move |socket| async move {
        socket.set_deadline(end, Duration::ZERO);
        pause().await;
        Ok(())
    });
    let client = world.client();
    client.send("0");
    pass(&world, &client, Duration::from_secs(30));
    world.run();
    assert_eq!(world.io.of("/").len(), 1);
    pass(&world, &client, Duration::from_secs(30));
    assert_eq!(seen.take(), ["expired"]);
}

#[test]
fn a_client_that_is_let_in_after_its_deadline_leaves_at_once() {
    let (world, seen) = world();
    let end = minutes(&world, 0) + Duration::from_secs(1);
    world.io.of("/").middleware(move |socket| async move {
        socket.set_deadline(end, Duration::ZERO);
        pause().await;
        Ok(())
    });
    let client = world.client();
    client.send("0");
    pass(&world, &client, Duration::from_secs(2));
    assert!(seen.take().is_empty());
    world.run();
    world.advance(Duration::ZERO);
    assert_eq!(seen.take(), ["expired"]);
}

#[test]
fn a_departed_socket_is_not_warned() {
    let (world, seen) = world();
    let (client, socket) = joined(&world);
    socket.set_deadline(minutes(&world, 2), MINUTE);
    client.vanish();
    assert_eq!(seen.take(), ["transport close"]);
    socket.set_deadline(minutes(&world, 2), MINUTE);
    world.advance(MINUTE * 3);
    assert!(seen.take().is_empty() && socket.deadline().is_none());
}
