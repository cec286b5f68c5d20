//! The whole server over a pipe in memory beside a model: a client that keeps to the protocol, its frames split and its
//! bytes torn anywhere, gets every answer in order.

use std::io;

use engineio::{Ack, Config, Data, Payload, Server, Socket};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt, DuplexStream, split},
    task::yield_now,
    time::timeout,
};

use crate::{
    frames::push_frame,
    pipes::{PATIENCE, UPGRADE, connect},
    script::Script,
};

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const PING: u8 = 9;
const PONG: u8 = 0xa;
const CONTINUATION: u8 = 0;
const MASK: [u8; 4] = [1, 2, 3, 0x80];
const FINAL: u8 = 0x80;
const ROOMS: u8 = 3;

/// A frame of the server: its first byte and its payload.
type Frame = (u8, Vec<u8>);

/// What the client says, and what it must hear.
#[derive(Default)]
struct Model {
    said: Vec<u8>,
    heard: Vec<Frame>,
    /// In which rooms the client is.
    rooms: [bool; ROOMS as usize],
    /// The id of the latest event.
    id: u32,
}

/// Every event is answered with what it brought, and rooms carry what is sent to them exactly to those inside.
pub fn conversation(data: &[u8]) {
    let mut script = Script::new(data);
    let tear = usize::from(script.below(255)) + 1;
    let model = Model::of(script);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let io = server();
        let mut client = connect(&io);
        client.write_all(UPGRADE.as_bytes()).await.expect("the server reads");
        skip_head(&mut client).await;
        let (mut reader, mut writer) = split(client);
        let talk = async {
            for chunk in model.said.chunks(tear) {
                writer.write_all(chunk).await.expect("the server reads");
                yield_now().await;
            }
        };
        let listen = timeout(PATIENCE, async {
            assert!(read_message(&mut reader).await.1.starts_with(b"0{"), "the session opens");
            assert!(read_message(&mut reader).await.1.starts_with(b"40{"), "the socket connects");
            for expected in &model.heard {
                assert_eq!(read_message(&mut reader).await, *expected);
            }
        });
        let ((), listened) = tokio::join!(talk, listen);
        listened.expect("every answer comes");
    });
}

fn server() -> Server {
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
    fn of(mut script: Script<'_>) -> Self {
        let mut model = Self::default();
        model.say(TEXT, b"40", 0);
        while let Some(choice) = script.byte() {
            let (room, pieces) = (script.below(ROOMS), usize::from(choice >> 5));
            match choice % 6 {
                0 => model.echo_text(script.text(), pieces),
                1 => model.echo_binary(script.bytes(), pieces),
                2 => model.change("join", room, true),
                3 => model.change("leave", room, false),
                4 => model.publish(room),
                _ => push_frame(FINAL | PING, MASK, b"?", &mut model.said),
            }
        }
        model
    }

    fn echo_text(&mut self, text: &str, pieces: usize) {
        let (id, text) = (self.next_id(), serde_json::Value::from(text));
        self.say(TEXT, format!(r#"42{id}["echo",{text}]"#).as_bytes(), pieces);
        self.hear(TEXT, format!("43{id}[{text}]").as_bytes());
    }

    fn echo_binary(&mut self, bytes: &[u8], pieces: usize) {
        let id = self.next_id();
        let placeholder = r#"{"_placeholder":true,"num":0}"#;
        self.say(TEXT, format!(r#"451-{id}["echo",{placeholder}]"#).as_bytes(), 0);
        self.say(BINARY, bytes, pieces);
        self.hear(TEXT, format!("461-{id}[{placeholder}]").as_bytes());
        self.hear(BINARY, bytes);
    }

    fn change(&mut self, event: &str, room: u8, is_inside: bool) {
        self.say(TEXT, format!(r#"42["{event}","{room}"]"#).as_bytes(), 0);
        self.rooms[usize::from(room)] = is_inside;
    }

    fn publish(&mut self, room: u8) {
        self.say(TEXT, format!(r#"42["publish","{room}"]"#).as_bytes(), 0);
        if self.rooms[usize::from(room)] {
            self.hear(TEXT, br#"42["msg","hello"]"#);
        }
    }

    fn next_id(&mut self) -> u32 {
        self.id += 1;
        self.id
    }

    /// Sends a message whose last part has so many before it.
    fn say(&mut self, opcode: u8, payload: &[u8], before: usize) {
        let length = payload.len() / (before + 1);
        let mut rest = payload;
        for number in 0..=before {
            let part = rest.split_off(..if number == before { rest.len() } else { length });
            let opcode = if number == 0 { opcode } else { CONTINUATION };
            let is_final = if number == before { FINAL } else { 0 };
            push_frame(is_final | opcode, MASK, part.unwrap_or_default(), &mut self.said);
        }
    }

    fn hear(&mut self, opcode: u8, payload: &[u8]) {
        self.heard.push((FINAL | opcode, payload.to_vec()));
    }
}

/// Reads the answer to the request for an upgrade.
async fn skip_head(client: &mut DuplexStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.expect("the server answers"));
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "));
}

/// Reads the next message, answers to pings left out.
async fn read_message(reader: &mut (impl AsyncRead + Unpin)) -> Frame {
    loop {
        let frame = read_frame(reader).await.expect("the connection lasts");
        if frame.0 != FINAL | PONG {
            return frame;
        }
    }
}

/// Reads a frame without a mask.
async fn read_frame(reader: &mut (impl AsyncRead + Unpin)) -> io::Result<Frame> {
    let first = reader.read_u8().await?;
    let length = match reader.read_u8().await? {
        126 => usize::from(reader.read_u16().await?),
        short => usize::from(short),
    };
    let mut payload = vec![0; length];
    reader.read_exact(&mut payload).await?;
    Ok((first, payload))
}
