//! The whole server over pipes in memory: HTTP, upgrade, WebSocket frames and packets, torn anywhere.

use std::time::Duration;

use engineio::{Ack, Config, Data, Payload, Server, Socket};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    time::{sleep, timeout},
};

use crate::{frames::push_frame, script::Script};

/// Bytes that a pipe holds.
const PIPE: usize = 64 << 10;
/// Longer than anything the server waits for.
pub(crate) const PATIENCE: Duration = Duration::from_mins(5);
/// A request for a WebSocket.
pub(crate) const UPGRADE: &str = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Whatever comes over a connection, the server neither panics nor keeps a session of it for ever, and a well-behaved
/// client beside it is served.
pub fn pipes(data: &[u8]) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let config = Config { max_payload: 10_000, ..Config::default() };
        let io = Server::with_config(config).unwrap();
        io.on("echo", |payload: Payload, ack: Ack| ack.send_payload(&payload));
        io.on("join", |socket: Socket, Data(room): Data<String>| socket.join(room).map(drop));
        let service = io.service();
        let mut client = connect(&io);
        talk(&mut client, data).await;
        check_another(&io).await;
        // The client is gone without a word, or silent: its session ends by itself.
        drop(client);
        sleep(PATIENCE).await;
        assert!(service.is_empty(), "{service:?} after all time-outs");
    });
}

/// Connects a client to the server.
pub(crate) fn connect(io: &Server) -> DuplexStream {
    let (ours, theirs) = duplex(PIPE);
    let service = io.service();
    #[expect(clippy::disallowed_methods, reason = "the server's side of the pipe")]
    tokio::spawn(async move {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(10))
            .max_buf_size(16 << 10)
            .serve_connection(TokioIo::new(theirs), service)
            .with_upgrades();
        // What is wrong with the connection is the client's matter.
        let _ = connection.await;
    });
    ours
}

/// Sends what the script says, in chunks of its choice, and reads what comes.
async fn talk(client: &mut DuplexStream, data: &[u8]) {
    let mut script = Script::new(data);
    let (is_raw, tear) = (script.below(4) == 0, usize::from(script.below(255)) + 1);
    let bytes = if is_raw { script.rest().to_vec() } else { websocket(script) };
    let mut answer = [0; 4096];
    for chunk in bytes.chunks(tear) {
        if client.write_all(chunk).await.is_err() {
            return;
        }
        while let Ok(Ok(read)) = timeout(Duration::from_millis(1), client.read(&mut answer)).await {
            if read == 0 {
                return;
            }
        }
    }
}

/// An upgrade and frames: for each its first byte, and its payload.
fn websocket(mut script: Script<'_>) -> Vec<u8> {
    let mut bytes = UPGRADE.as_bytes().to_vec();
    while let Some(first) = script.byte() {
        // Half of the frames are whole text messages: what is behind them is to be reached.
        let first = if first & 1 == 0 { 0x81 } else { first };
        let payload = script.bytes();
        // A mask of zeros, so that the fuzzer sees what the server will see.
        push_frame(first, [0; 4], payload, &mut bytes);
    }
    bytes
}

/// A client that does everything right is served as ever.
async fn check_another(io: &Server) {
    let mut client = connect(io);
    client.write_all(UPGRADE.as_bytes()).await.expect("the server reads");
    for packet in ["40", r#"4212["echo","x"]"#] {
        let length = u8::try_from(packet.len()).unwrap_or_default();
        client.write_all(&[0x81, 0x80 | length, 0, 0, 0, 0]).await.expect("the server reads");
        client.write_all(packet.as_bytes()).await.expect("the server reads");
    }
    let (mut heard, mut answer) = (Vec::new(), [0; 4096]);
    while !heard.windows(9).any(|window| window == br#"4312["x"]"#) {
        let read = timeout(PATIENCE, client.read(&mut answer)).await;
        match read.expect("the answer comes in time") {
            Ok(0) | Err(_) => panic!("the server closed: {:?}", String::from_utf8_lossy(&heard)),
            Ok(read) => heard.extend_from_slice(&answer[..read]),
        }
    }
}
