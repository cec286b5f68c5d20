//! An adapter for servers of one process that reach each other by queues: what a cluster's adapter has to do, and
//! nothing else.

use std::{
    collections::{HashMap, VecDeque},
    future::poll_fn,
    pin::pin,
    sync::{
        Arc, Mutex, OnceLock, Weak,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use engineio::{
    AckReply, Payload, Room, ServerSideEvent, Sid, Socket,
    adapter::MemoryAdapter,
    hub::{
        Adapter, AdapterFactory, Answered, Answers, BoxFuture, Encoded, Event, JoinError, Namespace,
        Question, SocketDetails, Target, Timed, Unanswered, WeakNamespace,
    },
};

/// An event as it travels: JSON and attachments.
type Wire = (String, Vec<bytes::Bytes>);

fn to_wire(event: &Event) -> Wire {
    (event.to_json(), event.args.attachments().to_vec())
}

fn from_wire((json, attachments): Wire) -> Event {
    Event::from_json(&json, attachments).unwrap()
}

/// What servers tell each other; the numbers belong requests and answers together.
#[derive(Clone)]
enum Message {
    Broadcast(Target, Wire, bool),
    Ask(u64, Target, Wire, Duration, bool),
    Asked(u64, usize),
    Reply(u64, AckReply),
    Missed(u64),
    Fetch(u64, Target),
    /// The sockets as JSON.
    Fetched(u64, String),
    Join(Target, Vec<Room>),
    Leave(Target, Vec<Room>),
    Disconnect(Target, bool),
    ServerSide(Option<u64>, Wire),
    Answer(u64, Wire),
}

#[derive(Default)]
struct Node {
    adapter: Weak<BusAdapter>,
    inbox: VecDeque<(usize, Message)>,
    is_silent: bool,
}

/// The medium between the servers. Nothing arrives before it is delivered.
#[derive(Clone, Default)]
pub struct Bus(Arc<Mutex<Vec<Node>>>);

impl Bus {
    /// Makes the adapters of a server that is joined to the others in one of its namespaces.
    pub fn factory(&self, joined: &'static str) -> AdapterFactory {
        let bus = self.clone();
        Arc::new(move |name: &str| -> Arc<dyn Adapter> {
            if name == joined { bus.join() } else { Arc::new(MemoryAdapter::default()) }
        })
    }

    fn join(&self) -> Arc<BusAdapter> {
        let mut nodes = self.0.lock().unwrap();
        let adapter = Arc::new(BusAdapter {
            table: MemoryAdapter::default(),
            bus: self.clone(),
            own: nodes.len(),
            namespace: OnceLock::new(),
            numbers: AtomicU64::new(0),
            requests: Mutex::default(),
        });
        nodes.push(Node { adapter: Arc::downgrade(&adapter), ..Node::default() });
        adapter
    }

    /// Lets a server hear nothing any more; the others do not know that.
    pub fn silence(&self, node: usize) {
        self.0.lock().unwrap()[node].is_silent = true;
    }

    /// The others learn that a server is gone.
    pub fn lose(&self, node: usize) {
        self.silence(node);
        let adapters: Vec<_> =
            self.0.lock().unwrap().iter().filter_map(|node| node.adapter.upgrade()).collect();
        for adapter in adapters {
            adapter.lose(node);
        }
    }

    fn send(&self, from: usize, to: usize, message: Message) {
        let node = &mut self.0.lock().unwrap()[to];
        if !node.is_silent {
            node.inbox.push_back((from, message));
        }
    }

    fn others(&self, own: usize) -> Vec<usize> {
        (0..self.0.lock().unwrap().len()).filter(|&node| node != own).collect()
    }

    /// Takes the next message for one server.
    pub fn next_for(&self, node: usize) -> Option<Parcel> {
        let mut nodes = self.0.lock().unwrap();
        let node = &mut nodes[node];
        let adapter = node.adapter.upgrade()?;
        let (from, message) = node.inbox.pop_front()?;
        Some(Parcel { adapter, from, message })
    }

    /// Delivers what was sent, and what is sent because of it.
    pub fn deliver(&self) {
        let nodes = self.0.lock().unwrap().len();
        while let Some(parcel) = (0..nodes).find_map(|node| self.next_for(node)) {
            parcel.deliver();
        }
    }
}

/// A message that has reached its server and is not taken in yet.
pub struct Parcel {
    adapter: Arc<BusAdapter>,
    from: usize,
    message: Message,
}

impl Parcel {
    /// The event and whom it is for, if it is one for clients.
    pub fn event(&self) -> Option<(&Target, &str)> {
        if let Message::Broadcast(target, wire, _) | Message::Ask(_, target, wire, ..) = &self.message {
            return Some((target, &wire.0));
        }
        None
    }

    /// Whom it makes join or leave rooms; true is for joining.
    pub fn moves(&self) -> Option<(&Target, &[Room], bool)> {
        if let Message::Join(target, rooms) | Message::Leave(target, rooms) = &self.message {
            return Some((target, rooms, matches!(self.message, Message::Join(..))));
        }
        None
    }

    /// Lets the server take it in.
    pub fn deliver(self) {
        self.adapter.receive(self.from, self.message);
    }
}

/// Who waits for the answer of other servers.
enum Request {
    Acks(Arc<dyn Answers>),
    Sockets(Arc<Gathering<SocketDetails>>),
    Answers(Arc<Gathering<Payload>>),
}

/// Answers of other servers, one each.
struct Gathering<T>(Mutex<Gathered<T>>);

struct Gathered<T> {
    answers: Vec<T>,
    missing: usize,
    is_late: bool,
}

impl<T> Gathering<T> {
    fn new(answers: Vec<T>, missing: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Gathered { answers, missing, is_late: false })))
    }

    fn add(&self, answers: Vec<T>) {
        let mut gathered = self.0.lock().unwrap();
        gathered.answers.extend(answers);
        gathered.missing = gathered.missing.saturating_sub(1);
    }

    /// Tests poll by themselves, so that nobody has to be woken.
    async fn wait(self: Arc<Self>) -> Answered<T> {
        poll_fn(|_| {
            let mut gathered = self.0.lock().unwrap();
            let missing = gathered.missing;
            if missing > 0 && !gathered.is_late {
                return Poll::Pending;
            }
            let answers = std::mem::take(&mut gathered.answers);
            Poll::Ready(if missing == 0 { Ok(answers) } else { Err(Unanswered { answers, missing }) })
        })
        .await
    }
}

impl<T: Send> Timed for Gathering<T> {
    fn fire(self: Arc<Self>, _: Instant) {
        self.0.lock().unwrap().is_late = true;
    }
}

/// Sends what comes of a question back to the server that asked.
struct Report {
    bus: Bus,
    own: usize,
    to: usize,
    number: u64,
}

impl Report {
    fn send(&self, message: Message) {
        self.bus.send(self.own, self.to, message);
    }
}

impl Answers for Report {
    fn asked(&self, sockets: usize) {
        self.send(Message::Asked(self.number, sockets));
    }

    fn answered(&self, reply: AckReply) {
        self.send(Message::Reply(self.number, reply));
    }

    fn missed(&self) {
        self.send(Message::Missed(self.number));
    }
}

struct BusAdapter {
    table: MemoryAdapter,
    bus: Bus,
    own: usize,
    namespace: OnceLock<WeakNamespace>,
    numbers: AtomicU64,
    requests: Mutex<HashMap<u64, Request>>,
}

impl BusAdapter {
    fn namespace(&self) -> Namespace {
        self.namespace.get().unwrap().upgrade().unwrap()
    }

    fn publish(&self, target: &Target, message: &Message) {
        if !target.local {
            self.publish_to_all(message);
        }
    }

    fn publish_to_all(&self, message: &Message) {
        for node in self.bus.others(self.own) {
            self.bus.send(self.own, node, message.clone());
        }
    }

    fn request(&self, request: Request) -> u64 {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        self.requests.lock().unwrap().insert(number, request);
        number
    }

    fn wait<T: Send + 'static>(
        &self,
        gathering: Arc<Gathering<T>>,
        timeout: Duration,
    ) -> BoxFuture<'static, Answered<T>> {
        let runtime = Arc::clone(self.namespace().runtime());
        let timed: Arc<dyn Timed> = Arc::<Gathering<T>>::clone(&gathering);
        runtime.arm(runtime.now() + timeout, Arc::downgrade(&timed));
        Box::pin(gathering.wait())
    }

    fn lose(&self, _node: usize) {
        for request in self.requests.lock().unwrap().values() {
            match request {
                Request::Acks(answers) => answers.server_lost(),
                Request::Sockets(gathering) => gathering.add(Vec::new()),
                Request::Answers(gathering) => gathering.add(Vec::new()),
            }
        }
    }

    fn acks(&self, number: u64) -> Arc<dyn Answers> {
        match &self.requests.lock().unwrap()[&number] {
            Request::Acks(answers) => Arc::clone(answers),
            Request::Sockets(_) | Request::Answers(_) => panic!("another request has this number"),
        }
    }

    fn receive(&self, from: usize, message: Message) {
        let namespace = self.namespace();
        match message {
            Message::Broadcast(target, wire, volatile) => {
                let packet = namespace.encode(&from_wire(wire), None).unwrap();
                namespace.tell_of_broadcast(&target, &packet);
                self.table.broadcast(&target, &packet, volatile);
            }
            Message::Ask(number, target, wire, timeout, volatile) => {
                let event = from_wire(wire);
                let question = Question::new(&namespace, &event, target, timeout, volatile).unwrap();
                let report = Report { bus: self.bus.clone(), own: self.own, to: from, number };
                let answers: Arc<dyn Answers> = Arc::new(report);
                drop(self.table.broadcast_with_ack(&question, &answers));
            }
            Message::Asked(number, sockets) => self.acks(number).asked(sockets),
            Message::Reply(number, reply) => self.acks(number).answered(reply),
            Message::Missed(number) => self.acks(number).missed(),
            Message::Fetch(number, target) => {
                let sockets = now(self.table.fetch_sockets(&target, Duration::ZERO)).unwrap();
                let json = serde_json::to_string(&sockets).unwrap();
                self.bus.send(self.own, from, Message::Fetched(number, json));
            }
            Message::Fetched(number, json) => {
                let Request::Sockets(gathering) = &self.requests.lock().unwrap()[&number] else { return };
                gathering.add(serde_json::from_str(&json).unwrap());
            }
            Message::Join(target, rooms) => drop(self.table.add_sockets(&target, &rooms)),
            Message::Leave(target, rooms) => self.table.del_sockets(&target, &rooms),
            Message::Disconnect(target, close) => self.table.disconnect_sockets(&target, close),
            Message::ServerSide(None, wire) => {
                namespace.receive_server_side(&ServerSideEvent::new(from_wire(wire)));
            }
            Message::ServerSide(Some(number), wire) => {
                let (bus, own) = (self.bus.clone(), self.own);
                let answer = move |args| {
                    let event = Event { name: "answer".into(), args };
                    bus.send(own, from, Message::Answer(number, to_wire(&event)));
                };
                namespace.receive_server_side(&ServerSideEvent::with_reply(from_wire(wire), answer));
            }
            Message::Answer(number, wire) => {
                let Request::Answers(gathering) = &self.requests.lock().unwrap()[&number] else { return };
                gathering.add(vec![from_wire(wire).args]);
            }
        }
    }
}

/// What a future is that does not wait.
pub fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it has to wait"),
    }
}

impl Adapter for BusAdapter {
    fn init(&self, namespace: &Namespace) {
        self.namespace.set(namespace.downgrade()).unwrap();
    }

    fn close(&self) -> BoxFuture<'static, ()> {
        let (bus, own) = (self.bus.clone(), self.own);
        Box::pin(async move { bus.lose(own) })
    }

    fn insert(&self, socket: &Socket) {
        self.table.insert(socket);
    }

    fn remove(&self, id: &Sid, rooms: &[Room]) {
        self.table.remove(id, rooms);
    }

    fn join(&self, socket: &Socket, room: &Room) -> bool {
        self.table.join(socket, room)
    }

    fn leave(&self, id: &Sid, room: &str) -> bool {
        self.table.leave(id, room)
    }

    fn socket(&self, id: &Sid) -> Option<Socket> {
        self.table.socket(id)
    }

    fn for_each(&self, target: &Target, visit: &mut dyn FnMut(&Socket)) {
        self.table.for_each(target, visit);
    }

    fn rooms(&self) -> Vec<Room> {
        self.table.rooms()
    }

    fn len(&self) -> usize {
        self.table.len()
    }

    fn server_count(&self) -> BoxFuture<'static, usize> {
        Box::pin(std::future::ready(1 + self.bus.others(self.own).len()))
    }

    fn broadcast(&self, target: &Target, packet: &Encoded, volatile: bool) {
        let event = packet.event().unwrap();
        self.publish(target, &Message::Broadcast(target.clone(), to_wire(&event), volatile));
        self.table.broadcast(target, packet, volatile);
    }

    fn broadcast_with_ack(
        &self,
        question: &Question,
        answers: &Arc<dyn Answers>,
    ) -> BoxFuture<'static, usize> {
        let target = &question.target;
        let event = question.packet.event().unwrap();
        let number = self.request(Request::Acks(Arc::clone(answers)));
        let Question { timeout, volatile, .. } = *question;
        self.publish(target, &Message::Ask(number, target.clone(), to_wire(&event), timeout, volatile));
        drop(self.table.broadcast_with_ack(question, answers));
        if target.local { Box::pin(std::future::ready(1)) } else { self.server_count() }
    }

    fn fetch_sockets(
        &self,
        target: &Target,
        timeout: Duration,
    ) -> BoxFuture<'static, Answered<SocketDetails>> {
        let local = self.table.fetch_sockets(target, timeout);
        if target.local {
            return local;
        }
        let gathering = Gathering::new(now(local).unwrap(), self.bus.others(self.own).len());
        let number = self.request(Request::Sockets(Arc::clone(&gathering)));
        self.publish_to_all(&Message::Fetch(number, target.clone()));
        self.wait(gathering, timeout)
    }

    fn add_sockets(&self, target: &Target, rooms: &[Room]) -> Result<(), JoinError> {
        self.publish(target, &Message::Join(target.clone(), rooms.to_vec()));
        self.table.add_sockets(target, rooms)
    }

    fn del_sockets(&self, target: &Target, rooms: &[Room]) {
        self.publish(target, &Message::Leave(target.clone(), rooms.to_vec()));
        self.table.del_sockets(target, rooms);
    }

    fn disconnect_sockets(&self, target: &Target, close: bool) {
        self.publish(target, &Message::Disconnect(target.clone(), close));
        self.table.disconnect_sockets(target, close);
    }

    fn server_side_emit(&self, event: &Event) {
        self.publish_to_all(&Message::ServerSide(None, to_wire(event)));
    }

    fn server_side_emit_with_ack(
        &self,
        event: &Event,
        timeout: Duration,
    ) -> BoxFuture<'static, Answered<Payload>> {
        let gathering = Gathering::new(Vec::new(), self.bus.others(self.own).len());
        let number = self.request(Request::Answers(Arc::clone(&gathering)));
        self.publish_to_all(&Message::ServerSide(Some(number), to_wire(event)));
        self.wait(gathering, timeout)
    }
}
