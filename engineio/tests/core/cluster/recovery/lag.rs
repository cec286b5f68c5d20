//! Events that are on their way between servers while a client moves.

use std::time::Duration;

use super::Cluster;

#[test]
fn an_event_that_the_old_server_has_not_heard_yet_comes_from_the_new_one() {
    let cluster = Cluster::new(3);
    let (client, mut memory) = cluster.joined(0, &["red"]);
    cluster.emit(2, 0);
    cluster.settle();
    memory.take_in(&client.received());
    client.vanish();
    cluster.servers[2].io.to("red").emit("ev", &1);
    cluster.servers[2].io.to("blue").emit("ev", "no");
    cluster.bus.deliver_between(2, 1);
    let new = cluster.claim(1, &memory);
    cluster.bus.deliver_between(1, 0);
    cluster.settle();
    assert!(cluster.is_back(&new, &mut memory));
    assert_eq!(memory.take_events(), [0, 1]);
}

#[test]
fn an_event_that_the_new_server_has_not_heard_yet_is_waited_for_and_not_told_again() {
    let cluster = Cluster::new(3);
    let mut memory = cluster.away(0, &[]);
    cluster.emit(2, 1);
    cluster.bus.deliver_between(2, 0);
    let new = cluster.claim(1, &memory);
    // The third server answers behind its event, so that its answer is late as well.
    cluster.first_answers_second();
    assert!(new.received().is_empty());
    cluster.settle();
    assert!(cluster.is_back(&new, &mut memory));
    assert_eq!(memory.take_events(), [1]);
}

#[test]
fn an_event_after_the_answer_of_its_server_is_waited_for_as_well() {
    let cluster = Cluster::new(3);
    let mut memory = cluster.away(0, &[]);
    let new = cluster.claim(1, &memory);
    cluster.third_answers_second_and_emits(1);
    cluster.first_answers_second();
    assert!(new.received().is_empty(), "the new server knows that an event is on its way");
    cluster.bus.deliver_between(2, 1);
    cluster.servers[1].run();
    assert!(cluster.is_back(&new, &mut memory));
    assert_eq!(memory.take_events(), [1]);
}

#[test]
fn what_is_sent_while_a_session_moves_comes_once_from_every_server() {
    let cluster = Cluster::new(3);
    cluster.meet();
    let mut memory = cluster.away(0, &["red"]);
    let emit =
        |numbers: [usize; 3]| numbers.iter().enumerate().for_each(|(server, n)| cluster.emit(server, *n));
    emit([1, 2, 3]);
    let new = cluster.claim(1, &memory);
    emit([11, 12, 13]);
    cluster.bus.deliver_between(1, 0);
    emit([21, 22, 23]);
    cluster.bus.deliver_between(2, 0);
    cluster.bus.deliver_between(0, 1);
    emit([31, 32, 33]);
    cluster.settle();
    emit([41, 42, 43]);
    cluster.settle();
    assert!(cluster.is_back(&new, &mut memory));
    let events: Vec<_> = memory.take_events().iter().map(|event| event.as_u64().unwrap()).collect();
    for server in 1..=3 {
        let of_server: Vec<_> = events.iter().copied().filter(|number| number % 10 == server).collect();
        assert_eq!(of_server, [0, 10, 20, 30, 40].map(|ten| ten + server), "{events:?}");
    }
}

#[test]
fn what_does_not_arrive_in_time_makes_the_client_begin_anew() {
    let cluster = Cluster::new(3);
    let mut memory = cluster.away(0, &[]);
    cluster.emit(2, 1);
    cluster.bus.deliver_between(2, 0);
    let new = cluster.claim(1, &memory);
    cluster.first_answers_second();
    cluster.servers[1].advance(Duration::from_secs(5));
    cluster.servers[1].run();
    let packets = new.received();
    assert!(packets.len() == 1 && packets[0].starts_with("40{"), "{packets:?}");
    memory.take_in(&packets);
    cluster.settle();
    memory.take_in(&new.received());
    assert_eq!(memory.take_events(), [1], "it is an event as any other for the new client");
}

#[test]
fn a_server_that_came_late_and_heard_nothing_of_another_takes_nothing_for_new() {
    let mut cluster = Cluster::new(2);
    let config = (**cluster.servers[0].io.config()).clone();
    // It was sent before the client was there, but how should the second server know?
    cluster.emit(1, 1);
    cluster.emit(0, 2);
    cluster.settle();
    cluster.add(&config);
    let mut memory = cluster.away(2, &[]);
    assert!(!cluster.back(1, &mut memory).1);
    assert!(memory.take_events().is_empty());
    // The claim has told the servers of each other.
    let mut memory = cluster.away(2, &[]);
    cluster.emit(0, 3);
    cluster.emit(1, 4);
    assert!(cluster.back(1, &mut memory).1);
    assert_eq!(memory.take_events().len(), 2);
}

#[test]
fn a_server_that_joins_while_a_session_moves_is_waited_for_as_well() {
    let mut cluster = Cluster::new(2);
    let config = (**cluster.servers[0].io.config()).clone();
    let mut memory = cluster.away(0, &[]);
    let new = cluster.claim(1, &memory);
    cluster.add(&config);
    cluster.emit(2, 1);
    cluster.bus.deliver_between(2, 0);
    cluster.first_answers_second();
    assert!(new.received().is_empty(), "nobody could ask it, but it is there");
    cluster.settle();
    assert!(cluster.is_back(&new, &mut memory));
    assert_eq!(memory.take_events(), [1]);
}
