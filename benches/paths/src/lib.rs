//! A Socket.IO server without sockets and without a runtime: what a packet costs between the bytes that come in and the
//! bytes that go out.

#![forbid(unsafe_code)]

use std::{
    fmt,
    io::{self, IoSlice},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Instant, SystemTime},
};

use engineio::{
    Ack, Args, Config, Data, Payload, Server, Sid, Socket,
    adapter::MemoryAdapter,
    engine::{CloseReason, Input, Packet, Transport},
    hub::{BoxFuture, Flush, Link, Peer, Peers, Runtime, Timed},
};

/// A world in which time stands still and nothing waits.
#[derive(Debug)]
struct StillRuntime {
    now: Instant,
    ids: AtomicU64,
}

impl Runtime for StillRuntime {
    fn now(&self) -> Instant {
        self.now
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn fresh_sid(&self) -> Sid {
        let mut bytes = [0; Sid::BYTES];
        bytes[..8].copy_from_slice(&self.ids.fetch_add(1, Ordering::Relaxed).to_le_bytes());
        Sid::from_bytes(bytes)
    }

    fn spawn(&self, _: BoxFuture<'static, ()>) {}

    fn arm(&self, _: Instant, _: Weak<dyn Timed>) {}

    fn flush_later(&self, rest: Vec<Arc<dyn Flush>>) {
        rest.iter().for_each(|connection| connection.flush());
    }
}

/// A connection that takes everything at once and keeps the size of it.
#[derive(Debug, Default)]
struct Sink {
    bytes: AtomicU64,
}

impl Link for Sink {
    fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let bytes = slices.iter().map(|slice| slice.len()).sum();
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(bytes)
    }
}

/// A server with the contract of `bench_server`, and its clients.
pub struct World {
    /// The server.
    pub io: Server,
    peers: Arc<Peers>,
    /// The socket that connected last.
    latest: Arc<Mutex<Option<Socket>>>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "World({} connections)", self.peers.len())
    }
}

/// One client, connected by a WebSocket to `/`.
#[derive(Debug)]
pub struct Client {
    peer: Arc<Peer>,
    sink: Arc<Sink>,
    /// The client's socket on the server.
    pub socket: Socket,
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// A server that echoes, joins and publishes.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one time of a world in which it stands still")]
    pub fn new() -> Self {
        let runtime = Arc::new(StillRuntime { now: Instant::now(), ids: AtomicU64::new(1) });
        let adapter = Arc::new(|_: &str| Arc::new(MemoryAdapter::default()) as _);
        let io = Server::with_runtime(Config::default(), runtime, adapter);
        io.on("echo", |payload: Payload, ack: Ack| ack.send_payload(&payload));
        io.on("join", |socket: Socket, Data(room): Data<String>| socket.join(room).map(drop));
        io.on("publish", |socket: Socket, Args((room, message)): Args<(String, String)>| {
            socket.namespace().to(room).emit("msg", &message);
        });
        let latest = Arc::new(Mutex::new(None));
        let note = Arc::clone(&latest);
        io.on_connection(move |socket: Socket| {
            *note.lock().unwrap_or_else(PoisonError::into_inner) = Some(socket);
        });
        Self { io, peers: Arc::default(), latest }
    }

    /// Connects a client.
    ///
    /// # Panics
    /// The server does not let it in.
    #[must_use]
    pub fn connect(&self) -> Client {
        let (config, runtime) = (Arc::clone(self.io.config()), Arc::clone(self.io.runtime()));
        let peer = Peer::new(runtime.fresh_sid(), Transport::Websocket, config, runtime, &self.peers);
        self.peers.insert(*peer.sid(), Arc::clone(&peer));
        let (request, ()) = http::Request::new(()).into_parts();
        peer.open(&self.io, &request);
        let sink = Arc::new(Sink::default());
        peer.attach(Arc::<Sink>::clone(&sink));
        peer.feed(Input::Packet(Packet::Message("0")));
        let socket = self.latest.lock().unwrap_or_else(PoisonError::into_inner).take();
        #[expect(clippy::expect_used, reason = "there is nothing to measure then")]
        let socket = socket.expect("the server lets everyone in");
        Client { peer, sink, socket }
    }

    /// Connects so many clients that join `room`.
    #[must_use]
    pub fn room(&self, room: &str, members: usize) -> Vec<Client> {
        let join = |_| {
            let client = self.connect();
            client.text(&format!(r#"2["join","{room}"]"#));
            client
        };
        (0..members).map(join).collect()
    }
}

/// The connection breaks: a session that goes on would keep its server in memory.
impl Drop for Client {
    fn drop(&mut self) {
        self.peer.lost(CloseReason::TransportClose);
    }
}

impl Client {
    /// Sends a Socket.IO packet in its text form.
    pub fn text(&self, packet: &str) {
        self.peer.feed(Input::Packet(Packet::Message(packet)));
    }

    /// Sends an attachment.
    pub fn binary(&self, bytes: &[u8]) {
        self.peer.feed(Input::Packet(Packet::Binary(bytes.into())));
    }

    /// How many bytes the server has written to this client.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.sink.bytes.load(Ordering::Relaxed)
    }
}
