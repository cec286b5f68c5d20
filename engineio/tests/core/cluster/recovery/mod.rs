//! Clients that come back to another server than the one they were on.

mod failures;
mod lag;
mod limits;
mod random;

use engineio::{Binary, Config, DisconnectReason, Recovery, Socket, engine::CloseReason};
use serde_json::Value;

use super::bus::Bus;
use crate::{
    recovery::{Memory, joined, socket},
    support::{Client, Log, World},
};

/// Several servers that are joined in their namespace `/` and keep sessions.
struct Cluster {
    bus: Bus,
    servers: Vec<World>,
}

impl Cluster {
    fn new(servers: usize) -> Self {
        Self::with(servers, Recovery::default())
    }

    fn with(servers: usize, recovery: Recovery) -> Self {
        Self::configured(servers, &Config { connection_state_recovery: Some(recovery), ..Config::default() })
    }

    fn configured(servers: usize, config: &Config) -> Self {
        let mut this = Self { bus: Bus::default(), servers: Vec::new() };
        for _ in 0..servers {
            this.add(config);
        }
        this
    }

    /// One more server, which knows nothing of what was before.
    fn add(&mut self, config: &Config) {
        let first = 1 + 100_000 * self.servers.len() as u64;
        self.servers.push(World::with_ids_from(first, config.clone(), self.bus.factory("/")));
    }

    /// Lets each server hear something of all others.
    fn meet(&self) {
        (0..self.servers.len()).for_each(|server| self.emit(server, 0));
        self.settle();
    }

    /// Lets everything arrive, and everybody who waits for it go on.
    fn settle(&self) {
        for _ in 0..5 {
            self.bus.deliver();
            self.servers.iter().for_each(World::run);
        }
    }

    /// A client that has joined `/` on a server, where it is in rooms.
    fn joined(&self, server: usize, rooms: &[&str]) -> (Client, Memory) {
        let (client, memory) = joined(&self.servers[server]);
        socket(&self.servers[server], &memory).join(rooms).unwrap();
        (client, memory)
    }

    /// The same whose connection is lost.
    fn away(&self, server: usize, rooms: &[&str]) -> Memory {
        let (client, memory) = self.joined(server, rooms);
        client.vanish();
        memory
    }

    /// Lets the first server answer what the second has asked, and nothing else arrive.
    fn first_answers_second(&self) {
        self.bus.deliver_between(1, 0);
        self.bus.deliver_between(0, 1);
        self.servers[1].run();
    }

    /// Lets the third server answer the second as well, and sends an event there of which only the first hears in time.
    fn third_answers_second_and_emits(&self, number: usize) {
        self.bus.deliver_between(1, 2);
        self.bus.deliver_between(2, 1);
        self.emit(2, number);
        self.bus.deliver_between(2, 0);
    }

    fn emit(&self, server: usize, number: usize) {
        self.servers[server].io.emit("ev", &number);
    }

    /// A new connection to a server of a client that claims its session.
    fn claim(&self, server: usize, memory: &Memory) -> Client {
        let client = self.servers[server].client();
        client.send(&memory.connect());
        client
    }

    /// A new connection to a server, and whether the client finds its session.
    fn back(&self, server: usize, memory: &mut Memory) -> (Client, bool) {
        let client = self.claim(server, memory);
        self.settle();
        let recovered = self.is_back(&client, memory);
        (client, recovered)
    }

    /// Takes in what a client got that has claimed its session, and tells whether it found it.
    fn is_back(&self, client: &Client, memory: &mut Memory) -> bool {
        let before = memory.clone();
        memory.take_in(&client.received());
        memory.pid == before.pid && memory.id == before.id
    }
}

#[test]
fn a_client_that_comes_to_another_server_finds_its_id_its_rooms_its_data_and_what_it_missed() {
    let cluster = Cluster::new(2);
    let (client, mut memory) = cluster.joined(0, &["red", "blue"]);
    let seen = Log::default();
    let log = seen.clone();
    cluster.servers[1].io.on_connection(move |socket: Socket| {
        let mut rooms: Vec<_> = socket.rooms().iter().map(ToString::to_string).collect();
        rooms.sort();
        log.add(format!("{} {rooms:?} {:?}", socket.recovered(), socket.data()));
    });
    socket(&cluster.servers[0], &memory).set_data("name", "ann");
    cluster.emit(0, 0);
    memory.take_in(&client.received());
    client.vanish();
    cluster.emit(0, 1);
    cluster.servers[1].io.to("red").emit("ev", &2);
    cluster.settle();
    let (client, recovered) = cluster.back(1, &mut memory);
    assert!(recovered);
    assert_eq!(memory.take_events(), [0, 1, 2]);
    let mut rooms = [memory.id.as_str(), "blue", "red"];
    rooms.sort_unstable();
    assert_eq!(
        seen.take(),
        [format!("true {rooms:?} {:?}", serde_json::json!({ "name": "ann" }).as_object().unwrap())]
    );
    cluster.servers[0].io.to("blue").emit("ev", &3);
    cluster.settle();
    memory.take_in(&client.received());
    assert_eq!(memory.take_events(), [3]);
}

#[test]
fn all_that_was_for_a_client_is_missed_on_whichever_server_it_was_sent() {
    let cluster = Cluster::new(3);
    let (client, mut memory) = cluster.joined(0, &["red"]);
    let before = socket(&cluster.servers[0], &memory);
    client.vanish();
    before.emit("ev", &1);
    cluster.servers[1].io.to(&*memory.id).emit("ev", &2);
    cluster.settle();
    cluster.servers[2].io.to("red").emit("ev", &3);
    cluster.settle();
    cluster.servers[1].io.except("blue").emit("ev", &4);
    cluster.settle();
    before.to("red").emit("ev", "no: from itself");
    for server in &cluster.servers {
        for not_for_it in
            [server.io.to("blue"), server.io.except("red"), server.io.to("red").except(&*memory.id)]
        {
            not_for_it.emit("ev", "no");
        }
    }
    cluster.servers[1].io.local().emit("ev", "no: elsewhere");
    assert!(cluster.back(1, &mut memory).1);
    assert_eq!(memory.take_events(), [1, 2, 3, 4]);
}

#[test]
fn what_other_servers_sent_is_missed_by_a_client_that_comes_back_to_its_own() {
    let cluster = Cluster::new(2);
    let (client, mut memory) = cluster.joined(0, &[]);
    cluster.servers[1].io.emit("ev", "text");
    cluster.settle();
    let packets = client.received();
    memory.take_in(&packets);
    let offset = memory.offset.clone().unwrap();
    assert_eq!(packets, [format!(r#"42["ev","text","{offset}"]"#)], "it has the offset of its server alone");
    client.vanish();
    cluster.emit(1, 1);
    cluster.settle();
    assert!(cluster.back(0, &mut memory).1);
    assert_eq!(memory.take_events(), [Value::from("text"), 1.into()]);
}

#[test]
fn binary_events_move_with_their_attachments() {
    let cluster = Cluster::new(2);
    let memory = cluster.away(0, &[]);
    cluster.servers[0].io.emit("ev", &(Binary::from("abc"), "text"));
    let client = cluster.claim(1, &memory);
    cluster.settle();
    let packets = client.received();
    assert!(packets[0].starts_with(r#"451-["ev",{"_placeholder":true,"num":0},"text",""#), "{packets:?}");
    assert_eq!(packets[1], "bYWJj");
    assert!(packets[2].starts_with("40{") && packets[2].contains(&memory.pid), "{packets:?}");
}

#[test]
fn it_works_again_and_again_over_all_servers_and_back() {
    let cluster = Cluster::new(3);
    let (mut client, mut memory) = cluster.joined(0, &["red"]);
    for (round, server) in [1, 2, 0, 2, 2, 1, 0].into_iter().enumerate() {
        client.vanish();
        cluster.emit(round % 3, 10 * round);
        cluster.settle();
        cluster.servers[server].io.to("red").emit("ev", &(10 * round + 1));
        let recovered;
        (client, recovered) = cluster.back(server, &mut memory);
        assert!(recovered, "round {round}");
        assert_eq!(memory.take_events(), [10 * round, 10 * round + 1]);
    }
    let sockets: usize = cluster.servers.iter().map(|server| server.io.of("/").len()).sum();
    assert_eq!(sockets, 1);
}

#[test]
fn a_client_that_got_nothing_from_the_server_it_came_to_has_the_offset_of_the_one_before() {
    let cluster = Cluster::new(3);
    let (client, mut memory) = cluster.joined(0, &[]);
    cluster.emit(0, 0);
    memory.take_in(&client.received());
    client.vanish();
    cluster.emit(0, 1);
    cluster.settle();
    let lost = cluster.claim(1, &memory);
    cluster.settle();
    lost.vanish();
    cluster.emit(0, 2);
    cluster.settle();
    assert!(cluster.back(2, &mut memory).1);
    assert_eq!(memory.take_events(), [0, 1, 2]);
}

#[test]
fn a_connection_that_still_looks_alive_on_another_server_is_ended() {
    let cluster = Cluster::new(2);
    let left = Log::default();
    let log = left.clone();
    cluster.servers[0]
        .io
        .on_disconnect(move |_: Socket, reason: DisconnectReason| log.add(reason.to_string()));
    let (old, mut memory) = cluster.joined(0, &[]);
    cluster.emit(0, 1);
    let (_new, recovered) = cluster.back(1, &mut memory);
    assert!(recovered && old.is_closed());
    assert_eq!(left.take(), [DisconnectReason::Transport(CloseReason::TransportClose).to_string()]);
    assert_eq!(memory.take_events(), [1]);
    assert_eq!((cluster.servers[0].io.of("/").len(), cluster.servers[1].io.of("/").len()), (0, 1));
}

#[test]
fn a_session_is_handed_over_once() {
    let cluster = Cluster::new(3);
    let memory = cluster.away(0, &[]);
    let claims = [cluster.claim(1, &memory), cluster.claim(2, &memory)];
    cluster.settle();
    let found = claims.iter().filter(|client| cluster.is_back(client, &mut memory.clone())).count();
    assert_eq!(found, 1);
}

#[test]
fn what_is_sent_to_a_socket_whose_session_has_moved_is_not_kept() {
    let cluster = Cluster::new(2);
    let (client, mut memory) = cluster.joined(0, &[]);
    let before = socket(&cluster.servers[0], &memory);
    client.vanish();
    assert_eq!(before.emit("ev", &1), engineio::Sent::Queued);
    assert!(cluster.back(1, &mut memory).1);
    assert_eq!(before.emit("ev", &2), engineio::Sent::Closed);
    assert_eq!(memory.take_events(), [1]);
}
