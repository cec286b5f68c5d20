//! The servers of one run, their listeners, and the clients.

use std::{sync::Arc, time::Duration};

use engineio::{
    Ack, Args, Binary, Config, ConnectError, Data, Overflow, Parser, Recovery, Server, Socket,
    adapter::MemoryAdapter,
    hub::{Peer, Runtime},
};

use crate::{
    bus::Bus,
    client::{Client, answered},
    model::Model,
    network::Pipe,
    rng::Rng,
    runtime::{Sleep, VirtualRuntime},
    transport::Connection,
};

/// How often something happened, to know that a run is worth its time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub events: u64,
    pub upgrades: u64,
    pub recoveries: u64,
    pub overflows: u64,
    pub dropped: u64,
    pub answers: u64,
    pub relayed: u64,
}

impl Tally {
    fn counts(&mut self) -> [&mut u64; 7] {
        let Self { events, upgrades, recoveries, overflows, dropped, answers, relayed } = self;
        [events, upgrades, recoveries, overflows, dropped, answers, relayed]
    }

    pub fn add(&mut self, other: &Self) {
        let mut other = *other;
        self.counts().into_iter().zip(other.counts()).for_each(|(sum, count)| *sum += *count);
    }

    pub fn has_everything(mut self) -> bool {
        self.counts().iter().all(|count| **count > 0)
    }
}

pub struct World {
    pub rng: Rng,
    pub runtime: Arc<VirtualRuntime>,
    pub config: Config,
    pub bus: Bus,
    pub servers: Vec<Server>,
    pub model: Model,
    pub clients: Vec<Client>,
    /// Connections their clients have given up, of which the servers may not know.
    pub abandoned: Vec<Connection>,
    /// Every session there was, to see that none outlives its connection.
    pub sessions: Vec<std::sync::Weak<Peer>>,
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
        ..Config::default()
    }
}

impl World {
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let count = 1 + usize::from(rng.one_in(3));
        let config = config(&mut rng, count);
        let (runtime, bus, model) = (VirtualRuntime::new(), Bus::default(), Model::default());
        {
            let mut state = model.lock();
            state.max_rooms = config.max_rooms;
            state.keeps_sessions = config.connection_state_recovery.is_some();
        }
        let asks = rng.one_in(4);
        let server = |number| {
            let adapter = match count {
                1 => Arc::new(|_: &str| Arc::new(MemoryAdapter::default()) as _),
                _ => bus.factory("/"),
            };
            let world: Arc<dyn Runtime> = Arc::<VirtualRuntime>::clone(&runtime);
            let io = Server::with_runtime(config.clone(), world, adapter);
            listen(&io, number, &model, &runtime);
            if asks {
                ask_first(&io, &runtime);
            }
            io
        };
        let servers: Vec<_> = (0..count).map(server).collect();
        let clients =
            (0..2 + rng.below(4)).map(|number| Client::new(number % count, config.parser)).collect();
        let trace = vec![format!("{count} servers, {config:?}")];
        Self {
            rng,
            runtime,
            config,
            bus,
            servers,
            model,
            clients,
            abandoned: Vec::new(),
            sessions: Vec::new(),
            trace,
            tally: Tally::default(),
        }
    }

    pub fn note(&mut self, step: String) {
        self.trace.push(step);
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
    for number in connection.take_arrived().iter().filter_map(|packet| answered(packet)) {
        let mut state = model.lock();
        let sid = *connection.peer.sid();
        // What comes after the socket has left reaches nobody.
        let is_there =
            state.seats.values().any(|seat| *seat.socket.peer().sid() == sid && seat.is_connected());
        if let Some(question) = state.questions.get_mut(&number)
            && question.connection == sid
        {
            question.offered = true;
            if is_there {
                question.answered_at.get_or_insert(now);
            }
        }
    }
}

/// What the program on the servers does.
fn listen(io: &Server, number: usize, model: &Model, runtime: &Arc<VirtualRuntime>) {
    let known = model.clone();
    io.on_connection(move |socket: Socket| {
        let hello = {
            let mut state = known.lock();
            state.arrive(&socket, number);
            let (hello, promise) = (state.number(), state.usual());
            state.expect(socket.id(), hello, promise);
            hello
        };
        socket.emit("ev", &hello);
    });
    let known = model.clone();
    io.on("say", move |socket: Socket, Args((stretch, index)): Args<(u32, u32)>, ack: Ack| {
        known.lock().hear(&socket, stretch, index);
        ack.send(&index);
    });
    let (known, clock) = (model.clone(), Arc::clone(runtime));
    io.on("wait", move |socket: Socket, Args((stretch, index)): Args<(u32, u32)>, ack: Ack| {
        let (known, clock) = (known.clone(), Arc::clone(&clock));
        async move {
            known.lock().hear(&socket, stretch, index);
            known.lock().listening(&socket, true);
            Sleep::new(&clock, Duration::from_millis(u64::from(index) * 700)).await;
            known.lock().listening(&socket, false);
            ack.send(&index);
        }
    });
    for (event, joins) in [("join", true), ("leave", false)] {
        let known = model.clone();
        io.on(event, move |socket: Socket, Args((stretch, index)): Args<(u32, u32)>, ack: Ack| {
            known.lock().hear(&socket, stretch, index);
            move_one(&known, &socket, &format!("r{}", index % 4), joins);
            ack.send(&index);
        });
    }
    let known = model.clone();
    io.on("bytes", move |_: Socket, Data(Binary(bytes)): Data<Binary>| {
        if bytes != [1, 2, 3][..] {
            known.lock().fault("an attachment changed on its way to the server");
        }
    });
}

/// A socket joins or leaves a room, and the model with it.
pub fn move_one(model: &Model, socket: &Socket, room: &str, joins: bool) {
    if joins {
        let worked = socket.join(room).is_ok();
        model.lock().joined(socket, room, worked);
    } else if socket.is_connected() {
        socket.leave(room);
        model.lock().left(socket, room);
    }
}

/// A program that takes its time before it lets a client in, and refuses some.
fn ask_first(io: &Server, runtime: &Arc<VirtualRuntime>) {
    let clock = Arc::clone(runtime);
    io.of("/").middleware(move |_: Socket| {
        let clock = Arc::clone(&clock);
        async move {
            let time = clock.fresh_sid().as_str().bytes().map(u64::from).sum::<u64>() % 5;
            Sleep::new(&clock, Duration::from_secs(time)).await;
            if time == 4 { Err(ConnectError::new("not today")) } else { Ok(()) }
        }
    });
}
