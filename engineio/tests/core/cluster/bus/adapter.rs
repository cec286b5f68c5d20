//! The adapter of one server: it tells the others and does its own part with its table.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use engineio::{
    Payload, Room, ServerSideEvent, Sid, Socket,
    adapter::MemoryAdapter,
    hub::{
        Adapter, Answered, Answers, BoxFuture, Encoded, Event, JoinError, Namespace, Question, SessionClaim,
        SessionReply, SocketDetails, Target, Timed, WeakNamespace,
    },
};

use super::{
    Bus,
    message::{Message, Wire},
    now,
    requests::{Gathering, Report, Request},
};

pub struct BusAdapter {
    table: MemoryAdapter,
    bus: Bus,
    own: usize,
    namespace: OnceLock<WeakNamespace>,
    numbers: AtomicU64,
    requests: Mutex<HashMap<u64, Request>>,
}

impl BusAdapter {
    pub fn new(bus: Bus, own: usize) -> Self {
        Self {
            table: MemoryAdapter::default(),
            bus,
            own,
            namespace: OnceLock::new(),
            numbers: AtomicU64::new(0),
            requests: Mutex::default(),
        }
    }

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

    /// Asks all other servers, and waits for what each adds to `answers`.
    fn gather<T: Send + 'static>(
        &self,
        answers: Vec<T>,
        kind: fn(Arc<Gathering<T>>) -> Request,
        ask: impl FnOnce(u64) -> Message,
        timeout: Duration,
    ) -> BoxFuture<'static, Answered<T>> {
        let gathering = Gathering::new(answers, self.bus.others(self.own).len());
        let number = self.request(kind(Arc::clone(&gathering)));
        self.publish_to_all(&ask(number));
        let runtime = Arc::clone(self.namespace().runtime());
        let timed: Arc<dyn Timed> = Arc::<Gathering<T>>::clone(&gathering);
        runtime.arm(runtime.now() + timeout, Arc::downgrade(&timed));
        Box::pin(gathering.wait())
    }

    pub fn lose_one(&self) {
        self.requests.lock().unwrap().values().for_each(Request::lose_one);
    }

    fn acks(&self, number: u64) -> Arc<dyn Answers> {
        match &self.requests.lock().unwrap()[&number] {
            Request::Acks(answers) => Arc::clone(answers),
            Request::Sockets(_) | Request::Answers(_) | Request::Sessions(_) => {
                panic!("another request has this number")
            }
        }
    }

    pub fn receive(&self, from: usize, message: Message) {
        let namespace = self.namespace();
        match message {
            Message::Broadcast(target, wire, volatile) => {
                namespace.receive_broadcast(&target, &wire.read(), volatile).unwrap();
            }
            Message::Ask(number, target, wire, timeout, volatile) => {
                let question = Question::new(&namespace, &wire.read(), target, timeout, volatile).unwrap();
                let report = Report { bus: self.bus.clone(), own: self.own, to: from, number };
                let answers: Arc<dyn Answers> = Arc::new(report);
                drop(self.table.broadcast_with_ack(&question, &answers));
            }
            Message::Asked(number, sockets) => self.acks(number).asked(sockets),
            Message::Reply(number, reply) => self.acks(number).answered(reply),
            Message::Missed(number) => self.acks(number).missed(),
            Message::Fetch(number, target) => {
                let sockets = now(self.table.fetch_sockets(&target, Duration::ZERO)).unwrap();
                self.bus.send(self.own, from, Message::Fetched(number, Wire::of(&sockets)));
            }
            Message::Fetched(number, sockets) => {
                let Request::Sockets(gathering) = &self.requests.lock().unwrap()[&number] else { return };
                gathering.add(sockets.read());
            }
            Message::Join(target, rooms) => drop(self.table.add_sockets(&target, &rooms)),
            Message::Leave(target, rooms) => self.table.del_sockets(&target, &rooms),
            Message::Disconnect(target, close) => self.table.disconnect_sockets(&target, close),
            Message::ServerSide(None, wire) => {
                namespace.receive_server_side(&ServerSideEvent::new(wire.read()));
            }
            Message::ServerSide(Some(number), wire) => {
                let (bus, own) = (self.bus.clone(), self.own);
                let answer = move |args| {
                    let event = Event { name: "answer".into(), args, offset: None };
                    bus.send(own, from, Message::Answer(number, Wire::of(&event)));
                };
                namespace.receive_server_side(&ServerSideEvent::with_reply(wire.read(), answer));
            }
            Message::Answer(number, wire) => {
                let Request::Answers(gathering) = &self.requests.lock().unwrap()[&number] else { return };
                gathering.add(vec![wire.read().args]);
            }
            Message::Claim(number, claim) => {
                let reply = namespace.hand_over(&claim.read());
                self.bus.send(self.own, from, Message::HandOver(number, Wire::of(&reply)));
            }
            Message::HandOver(number, reply) => {
                let Request::Sessions(gathering) = &self.requests.lock().unwrap()[&number] else { return };
                gathering.add(vec![reply.read()]);
            }
        }
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
        self.publish(target, &Message::Broadcast(target.clone(), Wire::of(&event), volatile));
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
        self.publish(target, &Message::Ask(number, target.clone(), Wire::of(&event), timeout, volatile));
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
        let ask = |number| Message::Fetch(number, target.clone());
        self.gather(now(local).unwrap(), Request::Sockets, ask, timeout)
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
        self.publish_to_all(&Message::ServerSide(None, Wire::of(event)));
    }

    fn server_side_emit_with_ack(
        &self,
        event: &Event,
        timeout: Duration,
    ) -> BoxFuture<'static, Answered<Payload>> {
        let ask = |number| Message::ServerSide(Some(number), Wire::of(event));
        self.gather(Vec::new(), Request::Answers, ask, timeout)
    }

    fn restore_session(
        &self,
        claim: &SessionClaim,
        timeout: Duration,
    ) -> BoxFuture<'static, Answered<SessionReply>> {
        let ask = |number| Message::Claim(number, Wire::of(claim));
        self.gather(Vec::new(), Request::Sessions, ask, timeout)
    }
}
