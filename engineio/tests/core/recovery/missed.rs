//! What a client missed, and when it gets it.

use engineio::{
    Binary, Recovery,
    engine::{Input, Packet, Transport},
};
use serde_json::Value;

use super::{back, joined, socket, with, world};

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
    client.peer.feed(Input::UpgradeOpened(Transport::Websocket));
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
