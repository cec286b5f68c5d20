//! A world without IO: the server's runtime, and clients that talk to it packet by packet.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant, SystemTime},
};

use engineio::{
    Config, Namespace, Refusal, Server, Sid, Socket,
    adapter::MemoryAdapter,
    engine::{CloseReason, Input, Packet, Revision, Transport},
    hub::{AdapterFactory, BoxFuture, Flush, Peer, Peers, Runtime, Timed},
};

/// Virtual time, counted ids, and tasks that run when they are told to.
pub struct FakeRuntime {
    start: Instant,
    elapsed: Mutex<Duration>,
    ids: AtomicU64,
    tasks: Mutex<Vec<BoxFuture<'static, ()>>>,
    visits: Mutex<Vec<(Instant, Weak<dyn Timed>)>>,
}

impl Runtime for FakeRuntime {
    fn now(&self) -> Instant {
        self.start + *self.elapsed.lock().unwrap()
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + *self.elapsed.lock().unwrap()
    }

    fn fresh_sid(&self) -> Sid {
        let mut bytes = [0; Sid::BYTES];
        bytes[..8].copy_from_slice(&self.ids.fetch_add(1, Ordering::Relaxed).to_le_bytes());
        Sid::from_bytes(bytes)
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.tasks.lock().unwrap().push(task);
    }

    fn arm(&self, at: Instant, timed: Weak<dyn Timed>) {
        self.visits.lock().unwrap().push((at, timed));
    }

    fn flush_later(&self, rest: Vec<Arc<dyn Flush>>) {
        rest.iter().for_each(|connection| connection.flush());
    }
}

/// A server in a world of its own.
pub struct World {
    pub io: Server,
    pub runtime: Arc<FakeRuntime>,
    peers: Arc<Peers>,
    _end: End,
}

/// The end of a world: connections are lost and tasks dropped, as they are with a real runtime. What is kept then is
/// kept for ever.
struct End(Arc<Peers>, Arc<FakeRuntime>);

impl Drop for End {
    fn drop(&mut self) {
        let peers: Vec<_> = self.0.iter().map(|peer| Arc::clone(peer.value())).collect();
        for peer in peers {
            peer.feed(Input::TransportLost(CloseReason::TransportClose));
        }
        let tasks = std::mem::take(&mut *self.1.tasks.lock().unwrap());
        drop(tasks);
    }
}

impl World {
    pub fn new() -> Self {
        Self::with(Config::default())
    }

    pub fn with(config: Config) -> Self {
        Self::with_adapter(config, Arc::new(|_| Arc::new(MemoryAdapter::default())))
    }

    /// A world whose namespaces have adapters of the test's choice.
    pub fn with_adapter(config: Config, adapter: AdapterFactory) -> Self {
        Self::with_ids_from(1, config, adapter)
    }

    /// A world beside others, whose ids must not be its own.
    pub fn with_ids_from(first: u64, config: Config, adapter: AdapterFactory) -> Self {
        let runtime = Arc::new(FakeRuntime {
            start: Instant::now(),
            elapsed: Mutex::default(),
            ids: AtomicU64::new(first),
            tasks: Mutex::default(),
            visits: Mutex::default(),
        });
        let io = Server::with_runtime(config, Arc::<FakeRuntime>::clone(&runtime), adapter);
        let peers: Arc<Peers> = Arc::default();
        let _end = End(Arc::clone(&peers), Arc::clone(&runtime));
        Self { io, runtime, peers, _end }
    }

    /// A client whose connection is open, in no namespace yet.
    pub fn client(&self) -> Client {
        self.client_of(Revision::V4)
    }

    /// A client of a revision whose connection is open; of protocol 3, it is on its way into `/`.
    pub fn client_of(&self, revision: Revision) -> Client {
        let (config, runtime) = (Arc::clone(self.io.config()), Arc::clone(self.io.runtime()));
        let (sid, transport) = (runtime.fresh_sid(), Transport::Polling);
        let peer = Peer::with_revision(revision, sid, transport, config, runtime, &self.peers);
        self.peers.insert(*peer.sid(), Arc::clone(&peer));
        let request = http::Request::get("/socket.io/?EIO=4&transport=polling&room=a%20b")
            .header("x-test", "yes")
            .body(())
            .unwrap();
        peer.open(&self.io, &request.into_parts().0);
        Client { peer }
    }

    /// A client that has joined `/`.
    pub fn connected(&self) -> Client {
        let client = self.client();
        client.send("0");
        assert!(client.received()[0].starts_with("40{"), "the client is let in");
        client
    }

    /// Polls the tasks until none of them goes on by itself.
    pub fn run(&self) {
        for _ in 0..10 {
            let tasks = std::mem::take(&mut *self.runtime.tasks.lock().unwrap());
            let mut cx = Context::from_waker(Waker::noop());
            for mut task in tasks {
                if task.as_mut().poll(&mut cx).is_pending() {
                    self.runtime.tasks.lock().unwrap().push(task);
                }
            }
        }
    }

    /// How many tasks wait for something.
    pub fn tasks(&self) -> usize {
        self.runtime.tasks.lock().unwrap().len()
    }

    /// Lets time pass and makes the visits that become due.
    pub fn advance(&self, time: Duration) {
        let until = self.runtime.now() + time;
        loop {
            let due = {
                let mut visits = self.runtime.visits.lock().unwrap();
                visits.sort_by_key(|(at, _)| *at);
                if visits.first().is_some_and(|(at, _)| *at <= until) { Some(visits.remove(0)) } else { None }
            };
            let Some((at, timed)) = due else { break };
            *self.runtime.elapsed.lock().unwrap() = at - self.runtime.start;
            if let Some(timed) = timed.upgrade() {
                timed.fire(at);
            }
        }
        *self.runtime.elapsed.lock().unwrap() = until - self.runtime.start;
    }

    /// How often something was refused.
    pub fn refused(&self, refusal: Refusal) -> u64 {
        self.peers.refusals().count(refusal)
    }

    /// How many connections the server knows.
    pub fn connections(&self) -> usize {
        self.peers.len()
    }
}

/// A client at the other end of a polling session.
pub struct Client {
    pub peer: Arc<Peer>,
}

impl Client {
    /// Sends a Socket.IO packet in its text form.
    pub fn send(&self, packet: &str) {
        self.peer.feed(Input::Packet(Packet::Message(packet)));
    }

    pub fn send_binary(&self, bytes: &[u8]) {
        self.peer.feed(Input::Packet(Packet::Binary(bytes.into())));
    }

    /// The Engine.IO packets that wait for this client.
    pub fn received(&self) -> Vec<String> {
        let mut packets = Vec::new();
        while let Some(payload) = self.peer.take_payload() {
            let text = String::from_utf8(payload.bytes.to_vec()).unwrap();
            packets.extend(text.split('\x1e').map(str::to_owned));
        }
        packets
    }

    /// The body of the next polling response as it is, empty if nothing waits.
    pub fn body(&self) -> Vec<u8> {
        self.peer.take_payload().map(|payload| payload.bytes.to_vec()).unwrap_or_default()
    }

    /// The connection breaks.
    pub fn vanish(&self) {
        self.peer.feed(Input::TransportLost(CloseReason::TransportClose));
    }

    /// Whether the server has closed the connection, or is waiting to tell.
    pub fn is_closed(&self) -> bool {
        !self.peer.is_open()
    }
}

/// A list that listeners write to.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub fn add(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// A future that lets others run once.
pub fn pause() -> impl Future<Output = ()> {
    let mut waited = false;
    poll_fn(move |_| if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending })
}

/// Has everyone who wants into a namespace wait until the gate is opened.
pub fn gate_of(namespace: &Namespace) -> Gate {
    let gate = Gate::default();
    let waits = gate.clone();
    namespace.middleware(move |_: Socket| {
        let gate = waits.clone();
        async move {
            gate.await;
            Ok(())
        }
    });
    gate
}

/// A future that waits until it is opened; its clones open together.
#[derive(Clone, Default)]
pub struct Gate(Arc<AtomicBool>);

impl Gate {
    pub fn open(&self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Future for Gate {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.0.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
    }
}
