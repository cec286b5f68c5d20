//! Clients that are cut off at any time and come back to any server, while every message between two servers takes its
//! own time. A seed decides; each event must arrive once, those of one server in their order.

#[allow(dead_code, reason = "the simulation uses more of it")]
#[path = "../../../simulation/rng.rs"]
mod rng;

use std::time::Duration;

use rng::Rng;

use super::Cluster;
use crate::{
    recovery::{Memory, socket},
    support::Client,
};

/// The runs of an ordinary test run; `SIMULATION_SEEDS` asks for more of them, as in the simulation.
const SEEDS: u64 = 1_000;
const STEPS: usize = 400;
const ROOMS: [&str; 3] = ["red", "blue", "green"];

/// A client on its way through the cluster.
struct Roamer {
    server: usize,
    connection: Option<Client>,
    is_claiming: bool,
    memory: Memory,
    rooms: Vec<&'static str>,
    expected: Vec<u64>,
}

/// Whom an event is for.
type IsMeant<'a> = Box<dyn Fn(&Roamer) -> bool + 'a>;

struct Run {
    rng: Rng,
    cluster: Cluster,
    roamers: Vec<Roamer>,
    /// Connections that broke without a server's knowledge.
    dangling: Vec<Client>,
    sent: u64,
    trace: Vec<String>,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let cluster = Cluster::new(2 + rng.below(2));
        cluster.meet();
        let mut this =
            Self { rng, cluster, roamers: Vec::new(), dangling: Vec::new(), sent: 0, trace: Vec::new() };
        for _ in 0..=this.rng.below(3) {
            let server = this.rng.below(this.cluster.servers.len());
            let rooms: Vec<_> = ROOMS.into_iter().filter(|_| this.rng.one_in(2)).collect();
            let (connection, memory) = this.cluster.joined(server, &rooms);
            this.roamers.push(Roamer {
                server,
                connection: Some(connection),
                is_claiming: false,
                memory,
                rooms,
                expected: Vec::new(),
            });
        }
        this
    }

    fn note(&mut self, line: String) {
        self.trace.push(line);
    }

    fn step(&mut self) {
        let (server, roamer) = (self.any_server(), self.rng.below(self.roamers.len()));
        match self.rng.below(24) {
            0..=1 => self.emit(server),
            2..=12 => self.deliver(server),
            13..=14 => self.cluster.servers[server].run(),
            15 => self.read(roamer),
            16 => self.cut(roamer),
            17..=20 => self.come_back(roamer, server),
            21 => self.move_rooms(roamer),
            _ => self.wait(),
        }
    }

    fn any_server(&mut self) -> usize {
        self.rng.below(self.cluster.servers.len())
    }

    fn emit(&mut self, server: usize) {
        self.sent += 1;
        let number = self.sent * 10 + server as u64;
        let (room, roamer) = (self.rng.pick(&ROOMS), self.rng.below(self.roamers.len()));
        let io = &self.cluster.servers[server].io;
        let id = self.roamers[roamer].memory.id.clone();
        let (to, is_meant): (_, IsMeant<'_>) = match self.rng.below(4) {
            0 => (io.except("nobody"), Box::new(|_| true)),
            1 => (io.to(room), Box::new(|roamer| roamer.rooms.contains(&room))),
            2 => (io.except(room), Box::new(|roamer| !roamer.rooms.contains(&room))),
            _ => (io.to(&*id), Box::new(|roamer| roamer.memory.id == id)),
        };
        to.emit("ev", &number);
        for roamer in self.roamers.iter_mut().filter(|roamer| is_meant(roamer)) {
            roamer.expected.push(number);
        }
        drop(is_meant);
        self.note(format!("{server} emits {number}: {to:?}"));
        self.emit_directly(roamer);
    }

    /// An event by the socket itself, which no other server hears of.
    fn emit_directly(&mut self, roamer: usize) {
        let Roamer { server, connection: Some(_), is_claiming: false, ref memory, .. } = self.roamers[roamer]
        else {
            return;
        };
        self.sent += 1;
        let number = self.sent * 10 + server as u64;
        socket(&self.cluster.servers[server], memory).emit("ev", &number);
        self.roamers[roamer].expected.push(number);
        self.note(format!("{server} emits {number} to client {roamer} alone"));
    }

    fn deliver(&mut self, to: usize) {
        let from = self.any_server();
        if let Some(parcel) = self.cluster.bus.next_between(from, to) {
            self.note(format!("a message of {from} reaches {to}"));
            parcel.deliver();
        }
    }

    /// The client takes what waits for it.
    fn read(&mut self, roamer: usize) {
        while self.read_one(roamer) {}
    }

    fn read_one(&mut self, roamer: usize) -> bool {
        let client = &mut self.roamers[roamer];
        let Some(payload) = client.connection.as_ref().and_then(|client| client.peer.take_payload()) else {
            return false;
        };
        let before = client.memory.clone();
        let text = String::from_utf8(payload.bytes.to_vec()).unwrap();
        let packets: Vec<_> = text.split('\x1e').map(str::to_owned).collect();
        client.memory.take_in(&packets);
        client.is_claiming &= !packets.iter().any(|packet| packet.starts_with("40"));
        let found = (&before.id, &before.pid) == (&client.memory.id, &client.memory.pid);
        self.note(format!("client {roamer} gets {packets:?}"));
        assert!(found, "the session is lost");
        true
    }

    fn cut(&mut self, roamer: usize) {
        while self.rng.one_in(2) && self.read_one(roamer) {}
        let Some(connection) = self.roamers[roamer].connection.take() else { return };
        let is_noticed = self.rng.one_in(2);
        self.note(format!("client {roamer} is cut off, noticed: {is_noticed}"));
        if is_noticed {
            connection.vanish();
        } else {
            self.dangling.push(connection);
        }
        if std::mem::take(&mut self.roamers[roamer].is_claiming) {
            // While its session is on its way, it is nowhere.
            self.cluster.settle();
        }
    }

    fn come_back(&mut self, roamer: usize, server: usize) {
        let client = &mut self.roamers[roamer];
        if client.connection.is_none() {
            client.connection = Some(self.cluster.claim(server, &client.memory));
            (client.server, client.is_claiming) = (server, true);
            self.note(format!("client {roamer} comes to {server}"));
        }
    }

    /// The client joins a room or leaves it. Nothing is on its way then, so that it is clear which events are for it.
    fn move_rooms(&mut self, roamer: usize) {
        self.cluster.settle();
        let (room, client) = (self.rng.pick(&ROOMS), &mut self.roamers[roamer]);
        if client.connection.is_none() || client.is_claiming {
            return;
        }
        let socket = socket(&self.cluster.servers[client.server], &client.memory);
        if client.rooms.contains(&room) {
            client.rooms.retain(|known| *known != room);
            socket.leave(room);
        } else {
            client.rooms.push(room);
            socket.join(room).unwrap();
        }
        let rooms = format!("client {roamer} is in {:?}", client.rooms);
        self.note(rooms);
    }

    fn wait(&mut self) {
        if self.roamers.iter().all(|roamer| !roamer.is_claiming) {
            self.cluster.servers.iter().for_each(|server| server.advance(Duration::from_millis(100)));
        }
    }

    /// Everybody comes back, and everything arrives.
    fn finish(&mut self) {
        for roamer in 0..self.roamers.len() {
            let server = self.any_server();
            self.come_back(roamer, server);
            self.cluster.settle();
            self.read(roamer);
        }
    }

    fn check(&self) {
        for (number, roamer) in self.roamers.iter().enumerate() {
            let got: Vec<_> = roamer.memory.events.iter().map(|event| event.as_u64().unwrap()).collect();
            for server in 0..self.cluster.servers.len() as u64 {
                let of_server = |events: &[u64]| -> Vec<u64> {
                    events.iter().copied().filter(|event| event % 10 == server).collect()
                };
                assert_eq!(of_server(&got), of_server(&roamer.expected), "client {number}, server {server}");
            }
        }
        let sockets: usize = self.cluster.servers.iter().map(|server| server.io.of("/").len()).sum();
        assert_eq!(sockets, self.roamers.len(), "nothing is left behind");
    }
}

/// Tells the way of a run that failed.
struct Trace(u64, Run);

impl Drop for Trace {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let lines = self.1.trace.join("\n");
            std::io::Write::write_all(
                &mut std::io::stderr(),
                format!("seed {}\n{lines}\n", self.0).as_bytes(),
            )
            .unwrap();
        }
    }
}

#[test]
fn whatever_is_cut_and_wherever_clients_go_each_event_arrives_once_and_in_order() {
    let seeds = std::env::var("SIMULATION_SEEDS").map_or(SEEDS, |seeds| seeds.parse().unwrap());
    for seed in 0..seeds {
        let mut run = Trace(seed, Run::new(seed));
        for _ in 0..STEPS {
            run.1.step();
        }
        run.1.finish();
        run.1.check();
    }
}
