//! Servers that do not answer, clients that do not wait, and middlewares.

use std::time::Duration;

use engineio::{ConnectError, Socket};
use serde_json::{Value, json};

use super::Cluster;
use crate::{
    recovery::{Memory, socket},
    support::Client,
};

/// Whether the client is let in as a new one, with nothing else.
fn is_fresh(client: &Client, memory: &Memory) -> bool {
    let packets = client.received();
    packets.len() == 1 && packets[0].starts_with("40{") && !packets[0].contains(&memory.pid)
}

#[test]
fn a_server_that_is_silent_costs_its_clients_their_sessions_after_the_time_out() {
    let cluster = Cluster::new(2);
    let memory = cluster.away(0, &[]);
    cluster.emit(0, 1);
    cluster.settle();
    cluster.bus.silence(0);
    let new = cluster.claim(1, &memory);
    cluster.settle();
    cluster.servers[1].advance(Duration::from_millis(4_999));
    cluster.settle();
    assert!(new.received().is_empty());
    cluster.servers[1].advance(Duration::from_millis(1));
    cluster.settle();
    assert!(is_fresh(&new, &memory));
    assert_eq!(cluster.servers[1].tasks(), 0);
}

#[test]
fn a_server_that_left_costs_its_clients_their_sessions_at_once() {
    let cluster = Cluster::new(3);
    let memory = cluster.away(0, &[]);
    let early = cluster.claim(1, &memory);
    cluster.bus.lose(0);
    let late = cluster.claim(2, &memory);
    cluster.settle();
    assert!(is_fresh(&early, &memory) && is_fresh(&late, &memory));
}

#[test]
fn a_third_server_that_is_silent_costs_time_and_no_session() {
    let cluster = Cluster::new(3);
    let (client, mut memory) = cluster.joined(0, &[]);
    cluster.emit(2, 0);
    cluster.settle();
    client.vanish();
    cluster.emit(0, 1);
    cluster.bus.silence(2);
    let new = cluster.claim(1, &memory);
    cluster.settle();
    assert!(new.received().is_empty());
    cluster.servers[1].advance(Duration::from_secs(5));
    cluster.settle();
    assert!(cluster.is_back(&new, &mut memory));
    assert_eq!(memory.take_events(), [0, 1]);
}

#[test]
fn what_a_silent_server_has_sent_may_still_come_so_that_the_client_begins_anew() {
    let cluster = Cluster::new(3);
    cluster.meet();
    let mut memory = cluster.away(0, &[]);
    cluster.emit(2, 1);
    cluster.bus.deliver_between(2, 0);
    cluster.servers.iter().for_each(|server| server.advance(Duration::from_secs(6)));
    cluster.bus.silence(2);
    let new = cluster.claim(1, &memory);
    cluster.bus.deliver_between(1, 0);
    cluster.bus.deliver_between(0, 1);
    cluster.servers[1].advance(Duration::from_secs(5));
    cluster.servers[1].run();
    assert!(!cluster.is_back(&new, &mut memory));
    cluster.settle();
    memory.take_in(&new.received());
    assert_eq!(memory.take_events(), [1], "it comes late and once");
}

#[test]
fn a_server_that_is_gone_is_not_waited_for() {
    let cluster = Cluster::new(3);
    let (client, mut memory) = cluster.joined(0, &[]);
    cluster.emit(2, 1);
    cluster.bus.deliver_between(2, 0);
    cluster.bus.lose(2);
    // What it sent to the second server is lost with it.
    while cluster.bus.next_between(2, 1).is_some() {}
    cluster.servers.iter().for_each(|server| server.advance(Duration::from_secs(6)));
    client.vanish();
    cluster.emit(0, 2);
    assert!(cluster.back(1, &mut memory).1);
    assert_eq!(memory.take_events(), [1, 2]);
}

#[test]
fn a_client_that_leaves_while_its_session_is_on_its_way_still_has_it() {
    for comes_back_to in [0, 1, 2] {
        let cluster = Cluster::new(3);
        let mut memory = cluster.away(0, &[]);
        cluster.emit(0, 1);
        let gone = cluster.claim(1, &memory);
        cluster.bus.deliver_between(1, 0);
        gone.vanish();
        cluster.settle();
        assert_eq!((cluster.servers[1].io.of("/").len(), cluster.servers[1].tasks()), (0, 0));
        cluster.emit(2, 2);
        cluster.settle();
        assert!(cluster.back(comes_back_to, &mut memory).1, "{comes_back_to}");
        assert_eq!(memory.take_events(), [1, 2]);
    }
}

#[test]
fn of_two_connections_of_a_client_to_the_same_server_the_second_waits_for_the_first() {
    let cluster = Cluster::new(2);
    let mut memory = cluster.away(0, &[]);
    cluster.emit(0, 1);
    let first = cluster.claim(1, &memory);
    let second = cluster.claim(1, &memory);
    cluster.settle();
    assert!(first.is_closed() && !second.is_closed());
    assert!(cluster.is_back(&second, &mut memory));
    assert_eq!(memory.take_events(), [1]);
    assert_eq!((cluster.servers[1].io.of("/").len(), cluster.servers[1].tasks()), (1, 0));
}

#[test]
fn the_second_of_two_connections_waits_as_long_as_the_first() {
    let cluster = Cluster::new(3);
    let mut memory = cluster.away(0, &[]);
    let _first = cluster.claim(1, &memory);
    let second = cluster.claim(1, &memory);
    cluster.third_answers_second_and_emits(1);
    cluster.first_answers_second();
    assert!(second.received().is_empty(), "the session is here, but it lacks an event");
    cluster.settle();
    assert!(cluster.is_back(&second, &mut memory));
    assert_eq!(memory.take_events(), [1]);
}

#[test]
fn middlewares_are_asked_on_the_new_server_and_a_refusal_does_not_cost_the_session() {
    let cluster = Cluster::new(2);
    cluster.servers[1].io.of("/").middleware(async |socket: Socket| {
        let expired = socket.auth::<Value>().is_some_and(|auth| auth["token"] == "expired");
        if expired { Err(ConnectError::new("expired")) } else { Ok(()) }
    });
    let mut memory = cluster.away(0, &["red"]);
    cluster.servers[0].io.to("red").emit("ev", &1);
    let refused = cluster.servers[1].client();
    refused.send(&format!("0{}", json!({ "token": "expired", "pid": memory.pid })));
    cluster.settle();
    assert_eq!(refused.received(), [r#"44{"message":"expired"}"#]);
    assert!(cluster.back(1, &mut memory).1);
    assert_eq!(memory.take_events(), [1]);
}

#[test]
fn a_session_that_was_ended_by_a_disconnect_is_on_no_server() {
    let cluster = Cluster::new(2);
    let (_client, mut memory) = cluster.joined(0, &[]);
    socket(&cluster.servers[0], &memory).disconnect();
    assert!(!cluster.back(1, &mut memory).1);
}

#[test]
fn a_session_is_kept_no_longer_as_it_moves() {
    for (seconds, recovered) in [(59, true), (60, false)] {
        let cluster = Cluster::new(3);
        let mut memory = cluster.away(0, &[]);
        cluster.servers.iter().for_each(|server| server.advance(Duration::from_secs(60)));
        let gone = cluster.claim(1, &memory);
        gone.vanish();
        cluster.settle();
        cluster.servers.iter().for_each(|server| server.advance(Duration::from_secs(seconds)));
        assert_eq!(cluster.back(2, &mut memory).1, recovered, "{seconds}");
    }
}
