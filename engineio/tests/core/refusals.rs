use std::time::Duration;

use engineio::{
    Config, Overflow, Refusal,
    engine::{Input, Transport},
    hub::PollAnswer,
};

use crate::support::{Client, World};

type Act = fn(&World, &Client);

fn first_attachment(client: &Client) {
    client.send(r#"51-["ev",{"_placeholder":true,"num":0}]"#);
}

/// What goes one past each limit, and the one counter that must count it.
fn rows() -> Vec<(Refusal, Config, Act)> {
    let config = Config {
        max_namespaces: 1,
        max_rooms: 1,
        max_pending_acks: 1,
        max_json_depth: 3,
        max_event_args: 3,
        connect_timeout: Duration::from_secs(5),
        ack_timeout: Duration::from_secs(5),
        ..Config::default()
    };
    let few_packets = Config { max_queued_packets: 2, ..Config::default() };
    let rows: [(Refusal, Act); 13] = [
        (Refusal::JsonDepth, |_, client| client.send(r#"2["ev",[[[[]]]]]"#)),
        (Refusal::EventArgs, |_, client| client.send(r#"2["ev",1,2,3,4,5]"#)),
        (Refusal::Attachments, |_, client| client.send(r#"511-["ev"]"#)),
        (Refusal::Payload, |world, client| {
            first_attachment(client);
            client.send_binary(&vec![0; world.io.config().max_payload + 1]);
        }),
        (Refusal::AttachmentTimeout, |world, client| {
            first_attachment(client);
            world.advance(world.io.config().attachment_timeout);
        }),
        (Refusal::Protocol, |_, client| client.send("9")),
        (Refusal::Namespaces, |world, client| {
            world.io.of("/second");
            client.send("0/second,");
        }),
        (Refusal::Rooms, |world, _| {
            let socket = world.io.of("/").sockets().remove(0);
            socket.join("a").unwrap();
            socket.join("b").unwrap_err();
        }),
        (Refusal::PendingAcks, |world, _| {
            let socket = world.io.of("/").sockets().remove(0);
            drop((socket.emit_with_ack("a", &()), socket.emit_with_ack("b", &())));
        }),
        (Refusal::AckTimeout, |world, _| {
            let answer = world.io.of("/").sockets().remove(0).emit_with_ack("a", &());
            world.advance(world.io.config().ack_timeout);
            drop(answer);
        }),
        (Refusal::CloseTimeout, |world, client| {
            client.peer.close();
            world.advance(world.io.config().close_timeout);
        }),
        (Refusal::PingTimeout, |world, _| world.advance(Duration::from_secs(45))),
        (Refusal::UpgradeTimeout, |world, client| {
            client.peer.feed(Input::UpgradeOpened(Transport::Websocket));
            world.advance(world.io.config().upgrade_timeout);
        }),
    ];
    let mut rows: Vec<(Refusal, Config, Act)> =
        rows.into_iter().map(|(refusal, act)| (refusal, config.clone(), act)).collect();
    let three_events: Act = |world, _| {
        for _ in 0..3 {
            world.io.droppable().emit("ev", &());
        }
    };
    rows.push((Refusal::DroppedDroppable, few_packets.clone(), three_events));
    let drop_oldest = Config { overflow: Overflow::DropOldest, ..few_packets.clone() };
    rows.push((Refusal::DroppedOldest, drop_oldest, three_events));
    rows.push((Refusal::SlowReader, few_packets, |world, _| {
        for _ in 0..3 {
            world.io.emit("ev", &());
        }
    }));
    rows
}

#[test]
fn what_goes_one_past_a_limit_is_counted_once_and_as_nothing_else() {
    for (refusal, config, act) in rows() {
        let world = World::with(config);
        let client = world.connected();
        assert_eq!(Refusal::ALL.iter().map(|&other| world.refused(other)).sum::<u64>(), 0);
        act(&world, &client);
        world.run();
        for &other in Refusal::ALL {
            assert_eq!(world.refused(other), u64::from(other == refusal), "{other:?} after {refusal:?}");
        }
    }
}

#[test]
fn last_packets_that_are_fetched_in_time_are_not_counted() {
    let world = World::new();
    let [waiting, late, upgrading] = [world.connected(), world.connected(), world.connected()];
    for client in [&waiting, &upgrading] {
        client.peer.feed(Input::PollOpened);
    }
    upgrading.peer.feed(Input::UpgradeOpened(Transport::Websocket));
    for client in [&waiting, &late, &upgrading] {
        client.peer.close();
    }
    upgrading.peer.feed(Input::UpgradeLost);
    late.peer.feed(Input::PollOpened);
    late.peer.feed(Input::FarewellSent);
    for client in [&waiting, &upgrading] {
        assert!(
            matches!(client.peer.poll_answer(), Some(PollAnswer::Payload(end)) if &end.bytes[..] == b"1")
        );
    }
    world.advance(world.io.config().close_timeout);
    assert_eq!(world.connections(), 0);
    assert_eq!(world.refused(Refusal::CloseTimeout), 0);
}

#[test]
fn each_event_that_is_dropped_is_counted() {
    let config = Config { max_queued_packets: 2, overflow: Overflow::DropVolatile, ..Config::default() };
    let world = World::with(config);
    let _client = world.connected();
    for _ in 0..2 {
        world.io.droppable().emit("ev", &());
    }
    world.io.emit("ev", &());
    world.io.droppable().emit("ev", &());
    assert_eq!(world.refused(Refusal::DroppedDroppable), 2);
}

#[test]
fn silence_instead_of_a_connect_is_counted() {
    let world = World::with(Config { connect_timeout: Duration::from_secs(5), ..Config::default() });
    let client = world.client();
    world.advance(Duration::from_secs(5));
    assert!(client.is_closed());
    assert_eq!(world.refused(Refusal::ConnectTimeout), 1);
}
