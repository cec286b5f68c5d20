//! The servers of one run, their listeners, and the clients.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use engineio::{
    Config, Namespace, Overflow, Parser, Recovery, Server, Sid,
    adapter::MemoryAdapter,
    hub::{AdapterFactory, Peer, Runtime},
};

use crate::{
    bus::Bus,
    client::{Client, answered},
    dialect::Dialect,
    model::Model,
    network::Pipe,
    place::{NAMESPACES, Space},
    program,
    rng::Rng,
    runtime::VirtualRuntime,
    tally::Tally,
    transport::Connection,
};

pub struct World {
    pub rng: Rng,
    pub runtime: Arc<VirtualRuntime>,
    pub config: Config,
    /// How many of the namespaces there are.
    pub spaces: usize,
    /// One for each namespace.
    pub buses: [Bus; NAMESPACES.len()],
    pub servers: Vec<Server>,
    /// Those of each server.
    namespaces: Vec<Vec<Namespace>>,
    pub model: Model,
    pub clients: Vec<Client>,
    /// Connections their clients have given up, of which the servers may not know.
    pub abandoned: Vec<Connection>,
    /// Sessions that the program has closed.
    pub closed: BTreeSet<Sid>,
    /// Every session there was, to see that none outlives its connection.
    pub sessions: Vec<std::sync::Weak<Peer>>,
    /// How often the invariants have been looked at.
    pub checks: usize,
    pub trace: Vec<String>,
    pub tally: Tally,
}

fn config(rng: &mut Rng, servers: usize) -> Config {
    let recovery = Recovery {
        max_packets: rng.pick(&[10, 65_536]),
        max_sessions: rng.pick(&[2, 65_536]),
        max_disconnection_duration: Duration::from_secs(rng.pick(&[20, 120])),
        skip_middlewares: rng.one_in(2),
        ..Recovery::default()
    };
    Config {
        max_queued_packets: rng.pick(&[6, 20, 4_096, 4_096]),
        max_queued_bytes: rng.pick(&[400, 1 << 20, 1 << 20]),
        max_payload: rng.pick(&[128, 1_000_000]),
        max_packets_per_poll: rng.pick(&[2, 16]),
        max_waiting_events: rng.pick(&[2, 1_024]),
        max_pending_acks: rng.pick(&[3, 1_024]),
        max_rooms: rng.pick(&[2, 1_024]),
        overflow: rng.pick(&[Overflow::Disconnect, Overflow::DropVolatile, Overflow::DropOldest]),
        parser: rng.pick(&[Parser::Json, Parser::Json, Parser::Msgpack]),
        connection_state_recovery: (servers == 1 && !rng.one_in(3)).then_some(recovery),
        // Whether old clients are served at all is decided before the core hears of them.
        allow_eio3: true,
        ..Config::default()
    }
}

fn dialect(rng: &mut Rng, may_be_old: bool) -> Dialect {
    if may_be_old && rng.one_in(2) { Dialect::Old { base64: rng.one_in(2) } } else { Dialect::New }
}

/// Makes the adapters of a server that is joined to the others in each namespace.
fn joined(buses: &[Bus; NAMESPACES.len()]) -> AdapterFactory {
    let factories: Vec<_> = NAMESPACES.iter().zip(buses).map(|(name, bus)| bus.factory(name)).collect();
    Arc::new(move |name: &str| {
        let space = NAMESPACES.iter().position(|known| *known == name).expect("a namespace of the run");
        factories[space](name)
    })
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let count = 1 + usize::from(rng.one_in(3));
        let config = config(&mut rng, count);
        let (runtime, model) = (VirtualRuntime::new(), Model::default());
        let buses: [Bus; NAMESPACES.len()] = std::array::from_fn(|_| Bus::default());
        {
            let mut state = model.lock();
            state.max_rooms = config.max_rooms;
            state.keeps_sessions = config.connection_state_recovery.is_some();
        }
        let spaces = 1 + rng.below(NAMESPACES.len());
        let ask = NAMESPACES.map(|_| rng.one_in(4));
        let server = |number| {
            let adapter = match count {
                1 => Arc::new(|_: &str| Arc::new(MemoryAdapter::default()) as _),
                _ => joined(&buses),
            };
            let world: Arc<dyn Runtime> = Arc::<VirtualRuntime>::clone(&runtime);
            let io = Server::with_runtime(config.clone(), world, adapter);
            for space in 0..spaces {
                let namespace = io.of(NAMESPACES[space]);
                program::listen(&namespace, number, &model, &runtime);
                if ask[space] {
                    program::ask_first(&namespace, &runtime);
                }
            }
            io
        };
        let servers: Vec<_> = (0..count).map(server).collect();
        let (are_old, number_of_clients) = (rng.one_in(2), 2 + rng.below(4));
        let client = |number| Client::new(number % count, config.parser, dialect(&mut rng, are_old));
        let clients: Vec<_> = (0..number_of_clients).map(client).collect();
        let dialects: Vec<_> = clients.iter().map(|client| client.dialect).collect();
        let trace = vec![format!("{count} servers, {spaces} namespaces, {dialects:?}, {config:?}")];
        Self {
            rng,
            runtime,
            config,
            spaces,
            buses,
            namespaces: servers
                .iter()
                .map(|io| NAMESPACES[..spaces].iter().map(|name| io.of(name)).collect())
                .collect(),
            servers,
            model,
            clients,
            abandoned: Vec::new(),
            closed: BTreeSet::new(),
            sessions: Vec::new(),
            checks: 0,
            trace,
            tally: Tally::default(),
        }
    }

    pub fn note(&mut self, step: String) {
        self.trace.push(step);
    }

    pub fn namespace(&self, server: usize, space: Space) -> &Namespace {
        &self.namespaces[server][space]
    }

    pub fn some_space(&mut self) -> Space {
        self.rng.below(self.spaces)
    }

    pub fn pipe(&mut self) -> Pipe {
        let capacity = self.rng.pick(&[7, 100, 1 << 20]);
        Pipe::new(capacity, Rng::new(self.rng.next()))
    }

    /// Does one thing that somebody was woken for; answers whether there was one.
    pub fn go_on(&mut self) -> bool {
        let tasks_first = self.rng.one_in(2);
        if tasks_first && self.runtime.run_one(&mut self.rng) {
            return true;
        }
        if self.clients.iter_mut().any(Client::beat) {
            return true;
        }
        let connections = self.clients.iter_mut().filter_map(|client| client.connection.as_mut());
        for connection in connections.chain(&mut self.abandoned) {
            if connection.serve() {
                note_answers(&self.model, connection, self.runtime.elapsed());
                return true;
            }
        }
        self.abandoned.retain(|connection| !connection.is_over());
        !tasks_first && self.runtime.run_one(&mut self.rng)
    }

    /// Notes what the packets that have reached a session's socket answer.
    pub fn note_arrivals(&mut self, client: usize) {
        if let Some(connection) = &mut self.clients[client].connection {
            note_answers(&self.model, connection, self.runtime.elapsed());
        }
    }
}

fn note_answers(model: &Model, connection: &mut Connection, now: Duration) {
    for packet in connection.take_arrived() {
        if packet == "2" || packet == "3" {
            connection.heard_at = now;
        }
        let Some(number) = answered(&packet) else { continue };
        let mut state = model.lock();
        if let Some(question) = state.questions.get_mut(&number)
            && Arc::ptr_eq(question.socket.peer(), &connection.peer)
        {
            question.offered = true;
            // What comes after the socket has left reaches nobody.
            if question.socket.is_connected() {
                question.answered_at.get_or_insert(now);
            }
        }
    }
}
