//! What a client says that keeps to the protocol, and what it must hear.

use engineio::{Ack, Config, Data, Payload, Server, Socket};

use crate::script::Script;

/// The kinds of events.
pub(crate) const KINDS: u8 = 5;
const ROOMS: u8 = 3;

/// A packet of Engine.IO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Text(String),
    Binary(Vec<u8>),
}

/// What one event is made of, and its answer.
#[derive(Default)]
pub(crate) struct Exchange {
    pub(crate) said: Vec<Message>,
    pub(crate) heard: Vec<Message>,
}

/// A socket as it must be.
#[derive(Default)]
pub(crate) struct Model {
    /// In which rooms the client is.
    rooms: [bool; ROOMS as usize],
    /// The id of the latest event.
    id: u32,
}

/// A server whose events the model knows: every event is answered with what it brought, and rooms carry what is sent to
/// them exactly to those inside.
pub(crate) fn server() -> Server {
    let io = Server::with_config(Config { max_payload: 10_000, ..Config::default() }).unwrap();
    io.on("echo", |payload: Payload, ack: Ack| ack.send_payload(&payload));
    io.on("join", |socket: Socket, Data(room): Data<String>| socket.join(room).map(drop));
    io.on("leave", |socket: Socket, Data(room): Data<String>| socket.leave(&room));
    io.on("publish", |socket: Socket, Data(room): Data<String>| {
        socket.namespace().to(room).emit("msg", "hello");
    });
    io
}

impl Model {
    /// The next event of this kind, as the script has it.
    pub(crate) fn exchange(&mut self, kind: u8, script: &mut Script<'_>) -> Exchange {
        let room = script.below(ROOMS);
        match kind {
            0 => self.echo_text(script.text()),
            1 => self.echo_binary(script.bytes()),
            2 => self.change("join", room, true),
            3 => self.change("leave", room, false),
            _ => self.publish(room),
        }
    }

    fn echo_text(&mut self, text: &str) -> Exchange {
        let (id, text) = (self.next_id(), serde_json::Value::from(text));
        Exchange {
            said: vec![Message::Text(format!(r#"42{id}["echo",{text}]"#))],
            heard: vec![Message::Text(format!("43{id}[{text}]"))],
        }
    }

    fn echo_binary(&mut self, bytes: &[u8]) -> Exchange {
        let id = self.next_id();
        let placeholder = r#"{"_placeholder":true,"num":0}"#;
        let with_bytes = |text| vec![Message::Text(text), Message::Binary(bytes.to_vec())];
        Exchange {
            said: with_bytes(format!(r#"451-{id}["echo",{placeholder}]"#)),
            heard: with_bytes(format!("461-{id}[{placeholder}]")),
        }
    }

    fn change(&mut self, event: &str, room: u8, is_inside: bool) -> Exchange {
        self.rooms[usize::from(room)] = is_inside;
        Exchange { said: vec![Message::Text(format!(r#"42["{event}","{room}"]"#))], heard: Vec::new() }
    }

    fn publish(&self, room: u8) -> Exchange {
        let heard = self.rooms[usize::from(room)].then(|| Message::Text(r#"42["msg","hello"]"#.to_owned()));
        Exchange {
            said: vec![Message::Text(format!(r#"42["publish","{room}"]"#))],
            heard: Vec::from_iter(heard),
        }
    }

    fn next_id(&mut self) -> u32 {
        self.id += 1;
        self.id
    }
}
