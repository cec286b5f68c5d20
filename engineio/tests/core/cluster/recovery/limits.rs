//! What claims may cost, and what is given up when it is too much.

use std::{sync::Arc, time::Duration};

use engineio::{Config, Recovery, Refusal, Room};

use super::Cluster;
use crate::recovery::{Memory, socket};

fn unknown(number: usize) -> Memory {
    Memory { pid: format!("{number:020}"), ..Memory::default() }
}

#[test]
fn the_claims_that_wait_for_other_servers_are_bounded() {
    let cluster = Cluster::with(2, Recovery { max_claims: 3, ..Recovery::default() });
    let waiting: Vec<_> = (0..3).map(|number| cluster.claim(1, &unknown(number))).collect();
    let one_more = cluster.claim(1, &unknown(3));
    assert!(one_more.received()[0].starts_with("40{"), "it begins anew at once");
    assert_eq!(cluster.servers[1].refused(Refusal::SessionClaims), 1);
    assert!(waiting.iter().all(|client| client.received().is_empty()));
    cluster.settle();
    assert!(waiting.iter().all(|client| client.received()[0].starts_with("40{")));
    let again = cluster.claim(1, &unknown(4));
    assert!(again.received().is_empty(), "there is room again");
    assert_eq!(cluster.servers[1].refused(Refusal::SessionClaims), 1);
}

#[test]
fn what_has_not_the_form_of_a_claim_asks_nobody() {
    let cluster = Cluster::new(2);
    let pid = "AAAAAAAAAAAAAAAAAAAA";
    for auth in [
        String::new(),
        "{}".to_owned(),
        r#"{"pid":"too short"}"#.to_owned(),
        r#"{"pid":17}"#.to_owned(),
        format!(r#"{{"pid":"{pid}","offset":"no offset"}}"#),
    ] {
        let client = cluster.servers[1].client();
        client.send(&format!("0{auth}"));
        assert!(client.received()[0].starts_with("40{"), "{auth}");
        assert!(cluster.bus.next_for(0).is_none(), "{auth}");
    }
}

#[test]
fn a_session_with_more_than_the_new_server_takes_begins_anew() {
    for (count, recovered) in [(10, true), (11, false)] {
        let mut cluster = Cluster::with(1, Recovery::default());
        let config = (**cluster.servers[0].io.config()).clone();
        cluster.add(&Config { max_queued_packets: 10, ..config });
        let mut memory = cluster.away(0, &[]);
        for number in 0..count {
            cluster.emit(0, number);
        }
        cluster.settle();
        assert_eq!(cluster.back(1, &mut memory).1, recovered, "{count}");
    }
}

#[test]
fn what_the_new_server_has_forgotten_may_be_lacking() {
    for (count, recovered) in [(3, true), (4, false)] {
        let mut cluster = Cluster::new(1);
        let config = (**cluster.servers[0].io.config()).clone();
        let recovery = Recovery { max_packets: 3, ..Recovery::default() };
        cluster.add(&Config { connection_state_recovery: Some(recovery), ..config.clone() });
        cluster.add(&config);
        let (client, mut memory) = cluster.joined(0, &[]);
        // What both have heard may be forgotten.
        for number in 0..5 {
            cluster.emit(2, number);
        }
        cluster.settle();
        memory.take_in(&client.received());
        memory.take_events();
        client.vanish();
        for number in 0..count {
            cluster.emit(2, number);
        }
        cluster.bus.deliver_between(2, 1);
        let new = cluster.claim(1, &memory);
        cluster.bus.deliver_between(1, 0);
        cluster.settle();
        assert_eq!(cluster.is_back(&new, &mut memory), recovered, "{count}");
        let expected: Vec<_> = if recovered { (0..count).collect() } else { Vec::new() };
        assert_eq!(memory.take_events(), expected);
    }
}

#[test]
fn an_idle_server_keeps_what_others_send_for_clients_to_come_and_no_longer() {
    let cluster = Cluster::new(2);
    let room = Room::from("room");
    cluster.servers[0].io.to(Arc::clone(&room)).emit("ev", &1);
    cluster.settle();
    assert_eq!(Arc::strong_count(&room), 2, "the other server has it in its log");
    cluster.servers[1].advance(Duration::from_secs(170));
    assert_eq!(Arc::strong_count(&room), 1);
}

#[test]
fn a_server_that_has_handed_a_session_over_keeps_nothing_of_it() {
    let cluster = Cluster::new(2);
    let (client, mut memory) = cluster.joined(0, &[]);
    let room = Room::from("room");
    socket(&cluster.servers[0], &memory).join(Arc::clone(&room)).unwrap();
    client.vanish();
    drop(client);
    assert!(cluster.back(1, &mut memory).1);
    assert_eq!(Arc::strong_count(&room), 1, "the other server has a name of its own");
    cluster.servers[0].io.local().to(Arc::clone(&room)).emit("ev", &1);
    assert_eq!(Arc::strong_count(&room), 1, "nobody can come back here");
}
