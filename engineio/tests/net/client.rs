//! A WebSocket client made of bytes.

use std::time::Duration;

use engineio::{Server, server::Options};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// Longer than anything here takes.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Serves on a free port and answers its address.
pub async fn serve(io: Server) -> String {
    serve_with(io, Options::default()).await
}

/// The same with options.
pub async fn serve_with(io: Server, options: Options) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { io.serve_until(listener, options, std::future::pending()).await });
    address.to_string()
}

/// One connection.
pub struct Client {
    stream: TcpStream,
    read: Vec<u8>,
}

/// A frame from the server.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    pub opcode: u8,
    pub payload: Vec<u8>,
}

impl Frame {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.payload).unwrap()
    }
}

/// The request that opens a WebSocket session.
pub fn upgrade_request() -> Vec<u8> {
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
      Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        .to_vec()
}

/// A masked frame; the mask of zeros leaves the payload as it is.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    if let Ok(length) = u8::try_from(payload.len())
        && length < 126
    {
        bytes.push(0x80 | length);
    } else if let Ok(length) = u16::try_from(payload.len()) {
        bytes.push(0x80 | 126);
        bytes.extend_from_slice(&length.to_be_bytes());
    } else {
        bytes.push(0x80 | 127);
        bytes.extend_from_slice(&(payload.len() as u64).to_be_bytes());
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}

impl Client {
    /// Sends `first` on a new connection and reads the answer's head.
    pub async fn start(address: &str, first: &[u8]) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let mut client = Self { stream, read: Vec::new() };
        client.write(first).await;
        while !client.read.windows(4).any(|end| end == b"\r\n\r\n") {
            assert!(client.fill().await > 0, "the server closed before it answered");
        }
        let end = client.read.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
        let head: Vec<u8> = client.read.drain(..end).collect();
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        client
    }

    /// A client that has joined `/`.
    pub async fn connect(address: &str) -> Self {
        let mut client = Self::start(address, &upgrade_request()).await;
        assert!(client.frame().await.unwrap().text().starts_with("0{"));
        client.send("40").await;
        assert!(client.frame().await.unwrap().text().starts_with("40{"));
        client
    }

    pub async fn write(&mut self, bytes: &[u8]) {
        timeout(PATIENCE, self.stream.write_all(bytes)).await.unwrap().unwrap();
    }

    /// Writes what the connection takes at once.
    pub fn try_write(&mut self, bytes: &[u8]) -> usize {
        self.stream.try_write(bytes).unwrap_or(0)
    }

    /// Sends a text message.
    pub async fn send(&mut self, text: &str) {
        self.write(&frame(0x81, text.as_bytes())).await;
    }

    async fn fill(&mut self) -> usize {
        let mut buffer = [0; 65_536];
        let read = timeout(PATIENCE, self.stream.read(&mut buffer)).await.unwrap().unwrap_or(0);
        self.read.extend_from_slice(&buffer[..read]);
        read
    }

    /// The next frame; `None` at the end of the connection.
    pub async fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some((header, length)) = self.header()
                && self.read.len() >= header + length
            {
                let opcode = self.read[0];
                let payload = self.read[header..header + length].to_vec();
                self.read.drain(..header + length);
                return Some(Frame { opcode, payload });
            }
            if self.fill().await == 0 {
                return None;
            }
        }
    }

    fn header(&self) -> Option<(usize, usize)> {
        Some(match *self.read.get(1)? {
            127 => {
                (10, usize::try_from(u64::from_be_bytes(self.read.get(2..10)?.try_into().unwrap())).unwrap())
            }
            126 => (4, usize::from(u16::from_be_bytes(self.read.get(2..4)?.try_into().unwrap()))),
            short => (2, usize::from(short)),
        })
    }
}
