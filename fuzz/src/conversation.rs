//! The whole server over a pipe in memory beside a model: a client that keeps to the protocol, its frames split and its
//! bytes torn anywhere, gets every answer in order.

use std::io;

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt, DuplexStream, split},
    task::yield_now,
    time::timeout,
};

use crate::{
    frames::push_frame,
    model::{KINDS, Message, Model, server},
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

/// All that the client says, and all that it must hear.
#[derive(Default)]
struct Talk {
    said: Vec<u8>,
    heard: Vec<Message>,
}

/// Every event is answered with what it brought, and rooms carry what is sent to them exactly to those inside.
pub fn conversation(data: &[u8]) {
    let mut script = Script::new(data);
    let tear = usize::from(script.below(255)) + 1;
    let talk = Talk::of(script);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let io = server();
        let mut client = connect(&io);
        client.write_all(UPGRADE.as_bytes()).await.expect("the server reads");
        skip_head(&mut client).await;
        let (mut reader, mut writer) = split(client);
        let speak = async {
            for chunk in talk.said.chunks(tear) {
                writer.write_all(chunk).await.expect("the server reads");
                yield_now().await;
            }
        };
        let listen = timeout(PATIENCE, async {
            for packet in ["0{", "40{"] {
                let opened = read_message(&mut reader).await;
                assert!(matches!(&opened, Message::Text(text) if text.starts_with(packet)), "{opened:?}");
            }
            for expected in &talk.heard {
                assert_eq!(read_message(&mut reader).await, *expected);
            }
        });
        let ((), listened) = tokio::join!(speak, listen);
        listened.expect("every answer comes");
    });
}

impl Talk {
    fn of(mut script: Script<'_>) -> Self {
        let (mut talk, mut model) = (Self::default(), Model::default());
        push_message(&Message::Text("40".to_owned()), 0, &mut talk.said);
        while let Some(choice) = script.byte() {
            let (kind, pieces) = (choice % (KINDS + 1), usize::from(choice >> 5));
            if kind == KINDS {
                script.byte();
                push_ping(&mut talk.said);
                continue;
            }
            let exchange = model.exchange(kind, &mut script);
            for message in &exchange.said {
                push_message(message, pieces, &mut talk.said);
            }
            talk.heard.extend(exchange.heard);
        }
        talk
    }
}

/// Appends the frames of a message whose last part has so many before it.
pub(crate) fn push_message(message: &Message, before: usize, out: &mut Vec<u8>) {
    let (opcode, mut rest) = match message {
        Message::Text(text) => (TEXT, text.as_bytes()),
        Message::Binary(bytes) => (BINARY, &bytes[..]),
    };
    let length = rest.len() / (before + 1);
    for number in 0..=before {
        let part = rest.split_off(..if number == before { rest.len() } else { length });
        let opcode = if number == 0 { opcode } else { CONTINUATION };
        let is_final = if number == before { FINAL } else { 0 };
        push_frame(is_final | opcode, MASK, part.unwrap_or_default(), out);
    }
}

/// Appends a ping of the WebSocket.
pub(crate) fn push_ping(out: &mut Vec<u8>) {
    push_frame(FINAL | PING, MASK, b"?", out);
}

/// Reads the answer to the request for an upgrade.
pub(crate) async fn skip_head(client: &mut DuplexStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.expect("the server answers"));
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "));
}

/// Reads the next message, answers to pings left out.
pub(crate) async fn read_message(reader: &mut (impl AsyncRead + Unpin)) -> Message {
    loop {
        let (first, payload) = read_frame(reader).await.expect("the connection lasts");
        match first ^ FINAL {
            TEXT => return Message::Text(String::from_utf8(payload).expect("text is UTF-8")),
            BINARY => return Message::Binary(payload),
            PONG => {}
            other => panic!("a frame that begins with {other:#x}"),
        }
    }
}

/// Reads a frame without a mask.
async fn read_frame(reader: &mut (impl AsyncRead + Unpin)) -> io::Result<(u8, Vec<u8>)> {
    let first = reader.read_u8().await?;
    let length = match reader.read_u8().await? {
        126 => usize::from(reader.read_u16().await?),
        short => usize::from(short),
    };
    let mut payload = vec![0; length];
    reader.read_exact(&mut payload).await?;
    Ok((first, payload))
}
