//! How much is kept, and for how long.

use std::{sync::Arc, time::Duration};

use engineio::{Config, Recovery, hub::Room};

use super::{answer_ping, back, joined, socket, with, world};
use crate::support::World;

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
