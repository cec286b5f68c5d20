//! Coming back after the connection was lost: what a client finds, and when it begins anew.

mod bounds;
mod middlewares;
mod missed;
mod msgpack;
mod offsets;
mod returning;

use engineio::{
    Config, Recovery, Socket,
    engine::{Input, Packet},
};
use serde_json::{Value, json};

use crate::support::{Client, World};

/// A server that keeps sessions.
fn world() -> World {
    with(Recovery::default())
}

fn with(recovery: Recovery) -> World {
    World::with(Config { connection_state_recovery: Some(recovery), ..Config::default() })
}

/// What a client remembers: as the official one does, the last argument of an event if it is a string.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    pub id: String,
    pub pid: String,
    pub offset: Option<String>,
    pub events: Vec<Value>,
}

impl Memory {
    /// Takes in packets in the order in which they came; those before the answer to CONNECT count as well.
    pub fn take_in(&mut self, packets: &[String]) {
        for packet in packets {
            if let Some(reply) = packet.strip_prefix("40") {
                let reply: Value = serde_json::from_str(reply).unwrap();
                (self.id, self.pid) =
                    (reply["sid"].as_str().unwrap().into(), reply["pid"].as_str().unwrap_or_default().into());
            } else if let Some(event) = packet.strip_prefix("42") {
                let mut args: Vec<Value> = serde_json::from_str(event).unwrap();
                if let Some(Value::String(last)) = args.last() {
                    self.offset = Some(last.clone());
                    args.pop();
                }
                self.events.push(args[1].clone());
            }
        }
    }

    pub fn take_events(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.events)
    }

    pub fn connect(&self) -> String {
        format!("0{}", json!({ "pid": self.pid, "offset": self.offset }))
    }
}

/// A client that has joined `/`, and what it remembers.
pub fn joined(world: &World) -> (Client, Memory) {
    let (client, mut memory) = (world.client(), Memory::default());
    client.send("0");
    memory.take_in(&client.received());
    (client, memory)
}

/// A new connection of a client that has been here before.
fn back(world: &World, memory: &mut Memory) -> (Client, bool) {
    let before = memory.clone();
    let client = world.client();
    client.send(&before.connect());
    memory.take_in(&client.received());
    (client, memory.pid == before.pid && memory.id == before.id)
}

pub fn socket(world: &World, memory: &Memory) -> Socket {
    let sockets = world.io.of("/").sockets();
    sockets.into_iter().find(|socket| socket.id().as_str() == memory.id).unwrap()
}

fn answer_ping(client: &Client) -> Vec<String> {
    let packets = client.received();
    if packets.contains(&"2".to_owned()) {
        client.peer.feed(Input::Packet(Packet::Pong("")));
    }
    packets
}
