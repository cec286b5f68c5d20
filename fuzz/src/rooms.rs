//! Rooms beside a naive model: whoever is in a room receives what is published there, once, and nobody else.

use std::collections::BTreeSet;

use paths::{Client, World};

use crate::script::Script;

const CLIENTS: usize = 6;
const ROOMS: u8 = 4;

struct Model {
    world: World,
    clients: Vec<Client>,
    /// Who is in which room.
    places: BTreeSet<(usize, u8)>,
}

/// Any order of joining, leaving, publishing and vanishing keeps to the model.
pub fn rooms(data: &[u8]) {
    let mut script = Script::new(data);
    let world = World::new();
    let clients = (0..CLIENTS).map(|_| world.connect()).collect();
    let mut model = Model { world, clients, places: BTreeSet::new() };
    while let Some(choice) = script.byte() {
        let who = usize::from(choice >> 4) % CLIENTS;
        let room = script.below(ROOMS);
        match choice % 6 {
            0 | 1 => {
                model.clients[who].text(&format!(r#"2["join","{room}"]"#));
                model.places.insert((who, room));
            }
            2 => {
                model.clients[who].socket.leave(&room.to_string());
                model.places.remove(&(who, room));
            }
            3 => model.replace(who),
            _ => model.publish(who, room),
        }
        assert_eq!(model.world.io.of("/").len(), CLIENTS);
    }
}

impl Model {
    /// A client goes, and another comes in its place.
    fn replace(&mut self, who: usize) {
        self.clients[who].text("1");
        self.clients[who] = self.world.connect();
        self.places.retain(|(member, _)| *member != who);
    }

    fn publish(&self, who: usize, room: u8) {
        let before: Vec<u64> = self.clients.iter().map(Client::received).collect();
        self.clients[who].text(&format!(r#"2["publish","{room}","hello"]"#));
        // A frame's header of two bytes, and the packet.
        let message = 2 + r#"42["msg","hello"]"#.len() as u64;
        for (number, (client, before)) in self.clients.iter().zip(before).enumerate() {
            let expected = if self.places.contains(&(number, room)) { message } else { 0 };
            assert_eq!(client.received() - before, expected, "client {number}, room {room}");
        }
    }
}
