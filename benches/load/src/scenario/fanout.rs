//! Publishing to rooms: every member must receive every message once, in order, as it was sent.

use std::collections::VecDeque;

use serde_json::Value;

use super::{Scenario, ask::check_size, crowd::Crowd};
use crate::{
    fault::{Fault, FaultKind, excerpt},
    io::{Io, Message},
    net::Id,
    options::Common,
    payload::Payload,
    target::Target,
    wire::packet::{Kind, Packets},
};

/// The most messages of one room that an open loop lets be under way.
const MOST_UNDER_WAY: usize = 256;

/// How a scenario lays out its rooms.
pub(super) struct Plan {
    pub(super) rooms: u32,
    /// Members of each room.
    pub(super) members: u32,
    /// How many of them stop reading when all have joined.
    pub(super) stalled: u32,
    /// Whether the publisher of a room is a connection that is in no room, or one of its members.
    pub(super) outsider: bool,
    /// Messages of each room under way at once in a closed loop.
    pub(super) in_flight: u32,
    pub(super) size: usize,
    /// Further rooms, shared out among the members, that nobody publishes to.
    pub(super) silent: u32,
}

/// A message that some members have not received yet.
struct Flight {
    since: u64,
    left: u32,
    /// The packet that members must receive.
    packet: Vec<u8>,
}

struct Room {
    /// The number of the oldest message under way.
    oldest: u32,
    under_way: VecDeque<Flight>,
}

/// What has become of the members that stopped reading.
#[derive(Default)]
struct Stalled {
    /// Whether they read again, to find out.
    resumed: bool,
    /// Those the server has closed.
    cut: u32,
    /// Those that have received everything, late.
    caught_up: u32,
}

/// All rooms. Connections are numbered room by room; the publisher is the first of its room.
pub(super) struct Fanout {
    plan: Plan,
    crowd: Crowd,
    packets: Packets,
    payload: Payload,
    rooms: Vec<Room>,
    /// For each connection, the number of the message it must receive next.
    next: Vec<u32>,
    joined: u32,
    stalled: Stalled,
    outstanding: u64,
    /// Which room is next in an open loop.
    turn: usize,
    packet: Vec<u8>,
}

impl Fanout {
    pub(super) fn new(common: &Common, plan: Plan) -> Result<Self, Fault> {
        check_size(plan.size)?;
        let connections = plan.rooms.checked_mul(plan.members + u32::from(plan.outsider));
        let connections = connections.ok_or_else(|| Fault::setting("too many members"))?;
        Ok(Self {
            crowd: Crowd::new(connections),
            packets: Target::new(common)?.packets,
            payload: Payload::text(plan.size),
            rooms: (0..plan.rooms).map(|_| Room { oldest: 0, under_way: VecDeque::new() }).collect(),
            next: vec![0; connections as usize],
            joined: 0,
            stalled: Stalled::default(),
            outstanding: 0,
            turn: 0,
            packet: Vec::new(),
            plan,
        })
    }

    /// Connections that belong to a room, its publisher included.
    fn group(&self) -> u32 {
        self.plan.members + u32::from(self.plan.outsider)
    }

    /// Whether a connection is one of those that stop reading: the last of each room.
    fn is_stalled(&self, number: usize) -> bool {
        number % self.group() as usize >= (self.group() - self.plan.stalled) as usize
    }

    fn stalled(&self) -> impl Iterator<Item = u32> + use<> {
        let (group, stalled) = (self.group(), self.plan.stalled);
        (0..self.plan.rooms)
            .flat_map(move |room| (group - stalled..group).map(move |place| room * group + place))
    }

    fn name(room: usize) -> String {
        format!("room-{room}")
    }

    /// Asks for a connection's place in its room, and in the silent ones that are its share.
    fn join(&self, io: &mut Io, id: Id, number: usize) {
        let silent = number..self.plan.silent as usize;
        let silent = silent.step_by(self.next.len()).map(|room| format!("silent-{room}"));
        let room = Self::name(number / self.group() as usize);
        for (ack, room) in std::iter::once(room).chain(silent).enumerate() {
            let mut packet = self.packets.event();
            packet.extend_from_slice(format!(r#"{ack}["join","{room}"]"#).as_bytes());
            io.text(id, &packet);
        }
    }

    /// How many places in rooms are taken when all have joined.
    fn places(&self) -> u32 {
        self.plan.rooms * self.plan.members + self.plan.silent
    }

    fn publish(&mut self, io: &mut Io, room: usize, since: u64) {
        let number = self.rooms[room].oldest.wrapping_add(under_way(&self.rooms[room]));
        let sender = u32::try_from(room).unwrap_or(u32::MAX);
        let mut expected = self.packets.event();
        expected.extend_from_slice(br#"["msg",""#);
        self.payload.push(&mut expected, sender, number);
        expected.extend_from_slice(br#""]"#);
        self.packet.clear();
        self.packet.extend_from_slice(&self.packets.event());
        self.packet.extend_from_slice(format!(r#"["publish","{}",""#, Self::name(room)).as_bytes());
        self.payload.push(&mut self.packet, sender, number);
        self.packet.extend_from_slice(br#""]"#);
        io.text(self.crowd.id(sender * self.group()), &self.packet);
        let left = self.plan.members - self.plan.stalled;
        self.outstanding += u64::from(left);
        self.rooms[room].under_way.push_back(Flight { since, left, packet: expected });
    }

    fn joined(&mut self, io: &mut Io, packet: &[u8]) -> Result<(), Fault> {
        let loose = self.packets.parse(packet);
        match loose {
            Some(loose) if loose.kind == Kind::Event => io.tally.ignored += 1,
            Some(loose) if loose.kind == Kind::Ack => {
                self.joined += 1;
                io.step();
                io.prepared = self.crowd.complete() && self.joined == self.places();
                if io.prepared {
                    for number in self.stalled() {
                        io.net.pause(self.crowd.id(number))?;
                    }
                }
            }
            _ => {
                let text = format!("the acknowledgement of `join` was expected, found {}", excerpt(packet));
                return Err(Fault::protocol(text));
            }
        }
        Ok(())
    }

    /// Takes in a message of a member that had stopped reading: others have received it long ago, but it must be the
    /// next in its order.
    fn late(&mut self, number: usize, packet: &[u8]) -> Result<(), Fault> {
        let room = number / self.group() as usize;
        let expected = self.next[number];
        let mut message = self.packets.event();
        message.extend_from_slice(br#"["msg",""#);
        self.payload.push(&mut message, u32::try_from(room).unwrap_or(u32::MAX), expected);
        message.extend_from_slice(br#""]"#);
        if packet != message && matches!(self.unusual(number, room, packet)?, Usual::Ignored) {
            return Ok(());
        }
        self.next[number] = expected.wrapping_add(1);
        self.stalled.caught_up += u32::from(self.has_all(number));
        Ok(())
    }

    /// Whether a connection has received all messages of its room.
    fn has_all(&self, number: usize) -> bool {
        let room = &self.rooms[number / self.group() as usize];
        self.next[number] == room.oldest.wrapping_add(under_way(room))
    }

    /// Takes in a packet that is not, byte for byte, the next message of its connection.
    fn unusual(&self, number: usize, room: usize, packet: &[u8]) -> Result<Usual, Fault> {
        let unknown = || Fault::protocol(format!("connection {number} found {}", excerpt(packet)));
        let loose = self.packets.parse(packet).ok_or_else(unknown)?;
        if loose.kind != Kind::Event {
            return Err(unknown());
        }
        let expected = self.next[number];
        if let Some(flight) = self.rooms[room].flight(expected)
            && loose.is(&self.packets, &flight.packet)
        {
            return Ok(Usual::Message);
        }
        let mut arguments = loose.arguments.iter().map(|argument| argument.as_str());
        if arguments.next() != Some(Some("msg")) {
            return Ok(Usual::Ignored);
        }
        let read = arguments.next().flatten().and_then(|payload| self.payload.read(payload.as_bytes()));
        let (kind, what) = match read {
            Some((sender, found)) if sender as usize == room && loose.arguments.len() == 2 => {
                if found.wrapping_sub(expected) < u32::MAX / 2 {
                    (FaultKind::Order, format!("message {found}"))
                } else {
                    (FaultKind::Doubled, format!("message {found} again"))
                }
            }
            Some((sender, _)) => (FaultKind::Payload, format!("a message of room {sender}")),
            None => (FaultKind::Payload, "damaged bytes".to_owned()),
        };
        let found = excerpt(packet);
        let text = format!(
            "connection {number} in room {room} expected message {expected} and found {what}: {found}"
        );
        Err(Fault::new(kind, text))
    }
}

/// What an unusual packet is after all.
enum Usual {
    Message,
    Ignored,
}

impl Room {
    fn flight(&self, number: u32) -> Option<&Flight> {
        self.under_way.get(number.wrapping_sub(self.oldest) as usize)
    }
}

fn under_way(room: &Room) -> u32 {
    u32::try_from(room.under_way.len()).unwrap_or(u32::MAX)
}

impl Scenario for Fanout {
    fn prepare(&mut self, io: &mut Io) -> Result<(), Fault> {
        self.crowd.open(io)
    }

    fn begin(&mut self, io: &mut Io) -> Result<(), Fault> {
        for room in 0..self.rooms.len() {
            for _ in 0..self.plan.in_flight {
                self.publish(io, room, io.now);
            }
        }
        Ok(())
    }

    fn issue(&mut self, io: &mut Io, since: u64) -> Result<bool, Fault> {
        // A room that is full is passed over, so that it does not slow the others down.
        for _ in 0..self.rooms.len() {
            let room = self.turn;
            self.turn = (room + 1) % self.rooms.len();
            if self.rooms[room].under_way.len() < MOST_UNDER_WAY {
                self.publish(io, room, since);
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn ready(&mut self, io: &mut Io, id: Id) -> Result<(), Fault> {
        let number = io.index(id);
        if !(self.plan.outsider && number.is_multiple_of(self.group() as usize)) {
            self.join(io, id, number);
        }
        self.crowd.ready(io)?;
        Ok(())
    }

    fn message(&mut self, io: &mut Io, id: Id, message: Message<'_>) -> Result<(), Fault> {
        let Message::Text(packet) = message else {
            return Err(Fault::protocol("no attachment was expected"));
        };
        if !io.prepared {
            return self.joined(io, packet);
        }
        let number = io.index(id);
        if self.is_stalled(number) {
            return self.late(number, packet);
        }
        let room = number / self.group() as usize;
        let expected = self.next[number];
        if self.rooms[room].flight(expected).is_none_or(|flight| flight.packet != packet) {
            match self.unusual(number, room, packet)? {
                Usual::Message => {}
                Usual::Ignored => {
                    io.tally.ignored += 1;
                    return Ok(());
                }
            }
        }
        self.next[number] = expected.wrapping_add(1);
        self.outstanding -= 1;
        let state = &mut self.rooms[room];
        let place = expected.wrapping_sub(state.oldest) as usize;
        let Some(flight) = state.under_way.get_mut(place) else { return Ok(()) };
        flight.left -= 1;
        io.complete(flight.since);
        // Members receive in order, so an older message is complete before a later one.
        if flight.left == 0 {
            state.under_way.pop_front();
            state.oldest = state.oldest.wrapping_add(1);
            if io.again() {
                self.publish(io, room, io.now);
            }
        }
        Ok(())
    }

    fn finish(&mut self, io: &mut Io) -> Result<(), Fault> {
        self.stalled.resumed = true;
        for number in self.stalled() {
            io.net.resume(self.crowd.id(number))?;
        }
        Ok(())
    }

    fn ended(&mut self, io: &mut Io, id: Id) -> Result<(), Fault> {
        let number = io.index(id);
        if !io.prepared || !self.is_stalled(number) {
            let text = format!("the server closed a connection; awaited: {}", self.awaited());
            return Err(Fault::new(FaultKind::Connection, text));
        }
        io.net.close(id);
        if !self.has_all(number) {
            self.stalled.cut += 1;
        }
        Ok(())
    }

    fn outstanding(&self) -> u64 {
        let Stalled { resumed, cut, caught_up } = self.stalled;
        let unknown = self.plan.rooms * self.plan.stalled - cut - caught_up;
        self.outstanding + if resumed { u64::from(unknown) } else { 0 }
    }

    fn notes(&self) -> Vec<(&'static str, Value)> {
        if self.plan.stalled == 0 {
            return Vec::new();
        }
        vec![("stalled_cut", self.stalled.cut.into()), ("stalled_caught_up", self.stalled.caught_up.into())]
    }

    fn awaited(&self) -> String {
        if !self.crowd.complete() {
            return self.crowd.awaited();
        }
        if self.joined < self.places() {
            return format!("{} of {} joins acknowledged", self.joined, self.places());
        }
        let members = self.plan.rooms * self.plan.members;
        let group = self.group() as usize;
        let behind = self.next.iter().enumerate().filter(|(number, next)| {
            let outsider = self.plan.outsider && number.is_multiple_of(group);
            !outsider && self.rooms[number / group].flight(**next).is_some()
        });
        let behind = behind.count();
        format!("{} messages, {behind} of {members} members have not received all", self.outstanding)
    }
}
