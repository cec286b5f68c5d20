//! A session with a socket or polls, and what is looked for in what has come out of it.

use std::{
    io::{self, IoSlice},
    sync::{Arc, LazyLock, Mutex, Weak},
    task::{Context, Poll, Waker},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use engineio::{
    Config, Sid,
    engine::Transport,
    hub::{BoxFuture, CLOSE_FRAME, Flush, Link, Peer, Peers, Runtime, Sent, Timed},
};
use loom::model::Builder;

/// Runs a model in all orders with up to so many switches away from a thread that could have gone on.
pub fn check(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

/// A world in which no time passes and tasks wait until they are run.
#[derive(Default)]
pub struct World {
    tasks: Mutex<Vec<BoxFuture<'static, ()>>>,
}

impl World {
    pub fn run_tasks(&self) {
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap());
        for mut task in tasks {
            assert!(task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
        }
    }
}

impl Runtime for World {
    fn now(&self) -> Instant {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        *START
    }

    fn fresh_sid(&self) -> Sid {
        Sid::from_bytes([0; 15])
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.tasks.lock().unwrap().push(task);
    }

    fn wall_clock(&self) -> SystemTime {
        UNIX_EPOCH
    }

    fn arm(&self, _at: Instant, _timed: Weak<dyn Timed>) {}

    fn flush_later(&self, rest: Vec<Arc<dyn Flush>>) {
        assert!(rest.is_empty(), "a model has few connections");
    }
}

/// A stream that takes so many bytes from those who send; the rest is for the connection's task, which has waited until
/// it takes all.
pub struct Socket {
    room: usize,
    // Always used under the lock of the queue, so that it is none of loom's.
    taken: Mutex<Vec<u8>>,
}

impl Socket {
    pub fn with_room(room: usize) -> Arc<Self> {
        Arc::new(Self { room, taken: Mutex::default() })
    }

    fn take(&self, slices: &[IoSlice<'_>], room: usize) -> usize {
        let mut taken = self.taken.lock().unwrap();
        let before = taken.len();
        taken.extend(slices.iter().flat_map(|slice| slice.iter()).take(room.saturating_sub(before)));
        taken.len() - before
    }

    /// What the connection's task does when it has been woken or the socket takes bytes again.
    pub fn write_all(&self, peer: &Peer) {
        let written: Result<(), ()> = peer.outbox().write_with(|slices| Ok(self.take(slices, usize::MAX)));
        assert_eq!(written, Ok(()));
    }

    /// The messages that have come through the socket, and how many close frames stand behind them.
    pub fn messages(&self) -> (Vec<String>, usize) {
        let taken = self.taken.lock().unwrap();
        let (mut rest, mut messages) = (&taken[..], Vec::new());
        while let [0x81, length, more @ ..] = rest {
            let (text, behind) = more.split_at(usize::from(*length));
            messages.push(str::from_utf8(text).unwrap().strip_prefix('4').unwrap().to_owned());
            rest = behind;
        }
        let closes = rest.len() / CLOSE_FRAME.len();
        assert_eq!(rest, CLOSE_FRAME.repeat(closes), "frames are whole and the close frame is the last");
        (messages, closes)
    }
}

impl Link for Socket {
    fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self.take(slices, self.room) {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            taken => Ok(taken),
        }
    }
}

/// A session on a transport.
pub struct Case {
    pub world: Arc<World>,
    pub peer: Arc<Peer>,
    // A session knows the table it is in weakly.
    _peers: Arc<Peers>,
}

impl Case {
    pub fn new(transport: Transport, config: Config) -> Self {
        let (world, peers) = (Arc::<World>::default(), Arc::<Peers>::default());
        let runtime: Arc<dyn Runtime> = Arc::<World>::clone(&world);
        let peer = Peer::new(Sid::from_bytes([0; 15]), transport, Arc::new(config), runtime, &peers);
        Self { world, peer, _peers: peers }
    }

    pub fn with_socket(socket: &Arc<Socket>, config: Config) -> Self {
        let case = Self::new(Transport::Websocket, config);
        case.peer.attach(Arc::<Socket>::clone(socket));
        case
    }

    /// A thread that sends messages; it answers what became of them.
    pub fn send(&self, messages: &'static [&'static str]) -> loom::thread::JoinHandle<Vec<Sent>> {
        let peer = Arc::clone(&self.peer);
        loom::thread::spawn(move || messages.iter().map(|message| peer.send_text(message)).collect())
    }
}

/// Waits as a task does: `look` is called again whenever the waker of its context has been woken.
pub fn wait_until(look: impl FnMut(&mut Context<'_>) -> Poll<()>) {
    loom::future::block_on(std::future::poll_fn(look));
}

/// Asserts that each of these messages has come once, and those of one sender, which begin with the same letter, in order.
pub fn assert_delivered(found: &[String], sent: &[&[&str]]) {
    assert_eq!(found.len(), sent.iter().map(|messages| messages.len()).sum::<usize>(), "{found:?}");
    for messages in sent {
        let of_sender: Vec<_> = found.iter().filter(|found| found[..1] == messages[0][..1]).collect();
        assert_eq!(of_sender, *messages, "in {found:?}");
    }
}
