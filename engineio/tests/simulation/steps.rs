//! What may happen next.

use std::time::Duration;

use engineio::hub::Target;

use crate::{
    client::Phase,
    invariants,
    model::Promise,
    transport::{Connection, Probe},
    world::World,
};

/// One run from its beginning to its end.
pub fn run(world: &mut World) {
    let steps = 60 + world.rng.below(120);
    for _ in 0..steps {
        step(world);
        if !world.rng.one_in(4) {
            rest(world);
        }
        invariants::always(world);
    }
    settle(world);
    invariants::when_settled(world);
    leave(world);
    invariants::when_gone(world);
}

/// Lets everybody finish what they were woken for.
fn rest(world: &mut World) {
    for _ in 0..20_000 {
        if !world.go_on() {
            return invariants::at_rest(world);
        }
    }
    panic!("the servers never come to rest");
}

fn step(world: &mut World) {
    let client = world.rng.below(world.clients.len());
    match world.rng.below(100) {
        0..8 => world.connect(client),
        8..26 => drop(world.read(client, false)),
        26..36 => drop(world.send(client)),
        36..46 => world.say(client),
        46..52 => drop(world.upgrade(client)),
        52..54 => world.disturb(client),
        54..56 => world.part(client),
        56..64 => world.pass_time(),
        64..67 => drop(world.deliver_one()),
        67..72 => world.ask(),
        72..78 => world.emit(),
        78..90 => world.broadcast(),
        90..93 => world.move_by_server(),
        93..94 => world.dismiss(),
        94..96 => world.ask_all(),
        96..97 => world.clients[client].is_mute ^= true,
        _ => drop(world.go_on()),
    }
}

impl World {
    fn connect(&mut self, client: usize) {
        if self.clients[client].connection.is_some() {
            if self.clients[client].phase == Phase::Apart && self.clients[client].out.is_empty() {
                self.note(format!("client {client} asks to be let in"));
                self.clients[client].knock();
            }
            return;
        }
        let pipe = if self.rng.one_in(2) { Some(self.pipe()) } else { None };
        self.note(format!("client {client} connects, by WebSocket: {}", pipe.is_some()));
        let connection = Connection::open(&self.servers[self.clients[client].server], pipe);
        self.sessions.push(std::sync::Arc::downgrade(&connection.peer));
        self.clients[client].begin(connection);
        self.clients[client].knock();
    }

    /// The client reads, and asks for more; if it is `eager`, all that there is.
    fn read(&mut self, client: usize, eager: bool) -> bool {
        let limit = if eager { usize::MAX } else { self.rng.pick(&[1, 5, 40, 100_000]) };
        let before = self.clients[client].id;
        let was_knocking = self.clients[client].phase == Phase::Knocking;
        let (mut was_something, has_ended) = self.clients[client].read(limit, &self.model);
        let now = &self.clients[client];
        if was_knocking && now.phase == Phase::Joined && now.id == before && before.is_some() {
            self.tally.recoveries += 1;
        }
        if has_ended {
            self.note(format!("client {client} finds its connection at an end"));
            self.give_up(client, true);
            return true;
        }
        if let Some(connection) = self.clients[client].connection.as_mut().filter(|it| it.can_poll()) {
            connection.poll();
            was_something = true;
        }
        if was_something {
            self.note(format!("client {client} reads"));
        }
        was_something
    }

    fn send(&mut self, client: usize) -> bool {
        let most = 1 + self.rng.below(6);
        let has_sent = self.clients[client].send(most);
        if has_sent {
            self.note_arrivals(client);
            self.note(format!("client {client} sends"));
        }
        has_sent
    }

    fn say(&mut self, client: usize) {
        if self.clients[client].phase == Phase::Joined {
            let event = self.rng.pick(&["say", "say", "wait", "join", "join", "leave"]);
            let with_ack = self.rng.one_in(2);
            self.clients[client].say(event, with_ack);
            if self.rng.one_in(10) {
                let out = &mut self.clients[client].out;
                out.push_back(r#"451-["bytes",{"_placeholder":true,"num":0}]"#.into());
                out.push_back("bAQID".into());
            }
            self.note(format!("client {client} says {event}, with an answer: {with_ack}"));
        }
    }

    fn upgrade(&mut self, client: usize) -> bool {
        let pipe = self.pipe();
        let Some(connection) = &mut self.clients[client].connection else { return false };
        let (before, was_websocket) = (connection.probe, connection.is_websocket());
        let has_gone_on = connection.step_upgrade(|| pipe);
        let (after, is_websocket) = (connection.probe, connection.is_websocket());
        if has_gone_on {
            self.tally.upgrades += u64::from(is_websocket && !was_websocket);
            self.note(format!("client {client} upgrades: {before:?} to {after:?}, {is_websocket}"));
        }
        has_gone_on
    }

    /// Something goes wrong on the way.
    fn disturb(&mut self, client: usize) {
        let kind = self.rng.below(5);
        let Some(connection) = &mut self.clients[client].connection else { return };
        let what = match kind {
            0 if connection.is_polling() => {
                connection.abort_poll();
                "cuts its poll"
            }
            1 if connection.is_polling() => {
                connection.poll();
                "polls twice"
            }
            2 if connection.probe != Probe::None => {
                connection.lose_upgrade();
                "loses its upgrade"
            }
            3 => return self.abandon(client, false),
            _ => return self.abandon(client, true),
        };
        self.note(format!("client {client} {what}"));
    }

    /// The connection breaks; its server may not hear of that.
    fn abandon(&mut self, client: usize, heard: bool) {
        self.note(format!("client {client} loses its connection, heard: {heard}"));
        self.give_up(client, heard);
    }

    fn give_up(&mut self, client: usize, heard: bool) {
        if let Some(mut connection) = self.clients[client].end() {
            connection.cut(heard);
            self.abandoned.push(connection);
        }
    }

    /// The client leaves in an orderly way.
    fn part(&mut self, client: usize) {
        if self.clients[client].phase != Phase::Joined {
            return;
        }
        self.note(format!("client {client} leaves"));
        let packet = if self.rng.one_in(2) { "41" } else { "1" };
        self.clients[client].send(usize::MAX);
        self.note_arrivals(client);
        let client = &mut self.clients[client];
        client.out.push_back(packet.into());
        // What comes until the server has read this is not looked for.
        client.send(usize::MAX);
        if packet == "1" {
            if let Some(connection) = client.end() {
                self.abandoned.push(connection);
            }
        } else {
            let connection = client.end();
            self.abandoned.extend(connection.map(|mut connection| {
                connection.cut(true);
                connection
            }));
        }
        client.forget();
    }

    fn pass_time(&mut self) {
        let time = Duration::from_millis(self.rng.pick(&[1, 100, 2_000, 8_000, 26_000]));
        self.note(format!("{time:?} pass"));
        self.pass(time);
    }

    fn pass(&mut self, time: Duration) {
        let until = self.runtime.elapsed() + time;
        while self.runtime.visit_until(until) {
            rest(self);
        }
    }

    /// A message between servers arrives.
    fn deliver_one(&mut self) -> bool {
        if self.servers.len() < 2 {
            return false;
        }
        let first = self.rng.below(2);
        let found = [first, 1 - first].into_iter().find_map(|node| Some((node, self.bus.next_for(node)?)));
        let Some((node, parcel)) = found else { return false };
        self.note(format!("a message reaches server {node}"));
        self.tally.relayed += 1;
        if let Some((target, json)) = parcel.event() {
            let number = json.split([',', ']']).nth(1).and_then(|number| number.parse().ok()).unwrap();
            let promise = promise_of(&json, Promise::Once);
            let (rooms, except) = names(target);
            self.model.lock().broadcast(node, &rooms, &except, number, promise);
        }
        let moves = parcel.moves().map(|(target, rooms, joins)| (names(target), rooms[0].to_string(), joins));
        parcel.deliver();
        if let Some(((rooms, except), room, joins)) = moves {
            self.move_all(node, &rooms, &except, &room, joins);
        }
        true
    }

    /// The model's side of making sockets join or leave a room.
    pub fn move_all(&self, server: usize, rooms: &[String], except: &[String], room: &str, joins: bool) {
        let mut state = self.model.lock();
        for id in state.meant(server, rooms, except) {
            let max = state.max_rooms;
            let Some(seat) = state.seats.get_mut(&id) else { continue };
            if !joins {
                seat.rooms.remove(room);
            } else if seat.rooms.len() < max {
                seat.rooms.insert(room.to_owned());
            }
        }
    }
}

fn names(target: &Target) -> (Vec<String>, Vec<String>) {
    let names = |rooms: &[engineio::hub::Room]| rooms.iter().map(|room| room.to_string()).collect();
    (names(&target.rooms), names(&target.except))
}

pub fn promise_of(event: &str, usual: Promise) -> Promise {
    if event.contains("vol") || event.contains("all") { Promise::Volatile } else { usual }
}

/// The network works, everybody reads and speaks, and nothing new is begun.
fn settle(world: &mut World) {
    world.note("settle".into());
    for client in &mut world.clients {
        client.is_mute = false;
    }
    for _ in 0..2_000 {
        rest(world);
        let mut goes_on = false;
        while world.deliver_one() {
            goes_on = true;
        }
        for client in 0..world.clients.len() {
            if world.clients[client].is_changing() {
                let connection = world.clients[client].connection.as_mut();
                goes_on |= connection.is_some_and(Connection::lose_upgrade);
            }
            goes_on |= world.read(client, true);
            goes_on |= world.send(client);
        }
        invariants::always(world);
        // Listeners that wait are let go on as well.
        if !goes_on {
            if world.runtime.tasks() == 0 {
                return;
            }
            match world.runtime.next_visit() {
                Some(at) => drop(world.runtime.visit_until(at)),
                None => return,
            }
        }
    }
    panic!("the clients never come to rest");
}

/// Everybody goes, this way or that, and the time of everything that was kept for them passes.
fn leave(world: &mut World) {
    world.note("everybody goes".into());
    for client in 0..world.clients.len() {
        match world.rng.below(4) {
            0 => world.abandon(client, false),
            1 => world.abandon(client, true),
            2 => world.part(client),
            _ => {}
        }
    }
    if world.rng.one_in(2) {
        world.servers.iter().for_each(engineio::Server::close);
    }
    for client in 0..world.clients.len() {
        world.clients[client].is_mute = true;
        world.clients[client].out.clear();
    }
    for _ in 0..12 {
        while world.deliver_one() {}
        rest(world);
        world.pass(Duration::from_secs(60));
        rest(world);
        invariants::always(world);
    }
}
