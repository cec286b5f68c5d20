//! What may happen next.

use std::time::Duration;

use engineio::hub::Target;

use crate::{
    client::{Phase, Stay, WORDS},
    invariants,
    model::{Audience, Promise},
    place::{Space, route},
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
    world.clients.iter().for_each(|client| world.tally.add_experience(client.experience));
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
    if world.clients[client].connection.is_none() && world.rng.one_in(3) {
        return world.connect(client);
    }
    match world.rng.below(100) {
        0..8 => world.connect(client),
        8..26 => drop(world.read(client, false)),
        26..36 => drop(world.send(client)),
        36..46 => world.say(client),
        46..52 => drop(world.upgrade(client)),
        52..54 => world.disturb(client),
        54..55 => world.part(client),
        55..56 => world.leave(client),
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
            return self.knock(client);
        }
        let pipe = if self.rng.one_in(2) { Some(self.pipe()) } else { None };
        self.note(format!("client {client} connects, by WebSocket: {}", pipe.is_some()));
        let now = &mut self.clients[client];
        let connection =
            Connection::open(&self.servers[now.server], now.dialect, self.runtime.elapsed(), pipe);
        self.sessions.push(std::sync::Arc::downgrade(&connection.peer));
        now.begin(connection, &self.runtime);
        if !self.rng.one_in(8) {
            self.knock(client);
        }
        if self.rng.one_in(2) {
            self.knock(client);
        }
    }

    /// One of the client's namespaces that are so, if there is one.
    fn some_stay(&mut self, client: usize, phase: Phase) -> Option<Space> {
        let first = self.some_space();
        self.clients[client].some_stay(phase, first).filter(|&space| space < self.spaces)
    }

    fn knock(&mut self, client: usize) {
        if let Some(space) = self.some_stay(client, Phase::Apart) {
            self.note(format!("client {client} asks to be let into namespace {space}"));
            self.clients[client].knock(space);
        }
    }

    /// The client leaves one namespace and stays in the other, if it is there.
    fn leave(&mut self, client: usize) {
        if let Some(space) = self.some_stay(client, Phase::Joined) {
            self.note(format!("client {client} leaves namespace {space}"));
            self.clients[client].leave(space);
        }
    }

    /// The client reads, and asks for more; if it is `eager`, all that there is.
    fn read(&mut self, client: usize, eager: bool) -> bool {
        let limit = if eager { usize::MAX } else { self.rng.pick(&[1, 5, 40, 100_000]) };
        let (mut was_something, has_ended) = self.clients[client].read(limit, &self.model);
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
        if let Some(space) = self.some_stay(client, Phase::Joined) {
            let event = self.rng.pick(&["say", "say", "wait", "join", "join", "leave"]);
            let with_ack = self.rng.one_in(2);
            self.clients[client].say(space, event, with_ack);
            if self.rng.one_in(10) {
                let (out, route) = (&mut self.clients[client].out, route(space));
                out.push_back(format!(r#"451-{route}["bytes",{{"_placeholder":true,"num":0}},"{WORDS}"]"#));
                out.push_back("bAQID".into());
            }
            self.note(format!(
                "client {client} says {event} in namespace {space}, with an answer: {with_ack}"
            ));
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

    /// The client leaves in an orderly way: a namespace, so that the connection is of no use any more and is cut, or all
    /// that there is.
    fn part(&mut self, client: usize) {
        let Some(space) = self.some_stay(client, Phase::Joined) else { return };
        let is_cut = self.rng.one_in(2);
        self.note(format!("client {client} goes, by leaving namespace {space}: {is_cut}"));
        self.clients[client].send(usize::MAX);
        self.note_arrivals(client);
        let now = &mut self.clients[client];
        if is_cut {
            now.leave(space);
            now.stays[space].forget();
        } else {
            now.out.push_back("1".into());
            now.stays.iter_mut().for_each(Stay::forget);
        }
        // What comes until the server has read this is not looked for.
        now.send(usize::MAX);
        if is_cut {
            self.give_up(client, true);
        } else {
            self.abandoned.extend(now.end());
        }
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
        let ways = 2 * self.spaces;
        let first = self.rng.below(ways);
        let mut ways = (0..ways).map(|way| (way + first) % ways);
        let found = ways.find_map(|way| Some((way / 2, way % 2, self.buses[way / 2].next_for(way % 2)?)));
        let Some((space, node, parcel)) = found else { return false };
        self.note(format!("a message reaches server {node} in namespace {space}"));
        self.tally.relayed += 1;
        if let Some((target, json)) = parcel.event() {
            let number = json.split([',', ']']).nth(1).and_then(|number| number.parse().ok()).unwrap();
            let promise = promise_of(&json, Promise::Once);
            let (rooms, except) = names(target);
            let audience = Audience { server: node, space, rooms: &rooms, except: &except };
            self.model.lock().broadcast(audience, number, promise);
        }
        let moves = parcel.moves().map(|(target, rooms, joins)| (names(target), rooms[0].to_string(), joins));
        parcel.deliver();
        if let Some(((rooms, except), room, joins)) = moves {
            let audience = Audience { server: node, space, rooms: &rooms, except: &except };
            self.move_all(audience, &room, joins);
        }
        true
    }

    /// The model's side of making sockets join or leave a room.
    pub fn move_all(&self, audience: Audience<'_>, room: &str, joins: bool) {
        let mut state = self.model.lock();
        for place in state.meant(audience) {
            let max = state.max_rooms;
            let Some(seat) = state.seats.get_mut(&place) else { continue };
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
        world.closed.extend(world.servers.iter().flat_map(|io| io.peers().iter().map(|peer| *peer.key())));
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
