//! People who chat in rooms, over roomcast's own API: each is logged in, has one socket and posts to its room.

mod books;
mod entrance;

use clap::Args;

use self::{
    books::{Books, Heard},
    entrance::{Entrance, Step},
};
use super::{Scenario, ask::check_size, at_least_one};
use crate::{
    fault::{Fault, excerpt},
    io::{Io, Message},
    net::Id,
    options::{Common, Rate},
    report::Report,
    run::{Progress, drive},
    wire::http::Response,
};

/// The most unanswered messages of one person in an open loop.
const MOST_WAITING: usize = 64;

/// The options of the scenario.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Rooms.
    #[arg(long, value_name = "R", default_value_t = 64)]
    pub rooms: u32,
    /// People in each room.
    #[arg(long, value_name = "M", default_value_t = 2)]
    pub members: u32,
    /// Unanswered messages of each person in a closed loop; with --post there is always one.
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub outstanding: u32,
    /// Bytes of each message.
    #[arg(long, value_name = "BYTES", default_value_t = 64)]
    pub size: usize,
    /// Post by HTTP, one request at a time for each person, and listen on the socket.
    #[arg(long)]
    pub post: bool,
    /// Give each message a `clientId`, as clients do that repeat what was not acknowledged.
    #[arg(long)]
    pub client_ids: bool,
    #[command(flatten)]
    #[doc(hidden)]
    pub rate: Rate,
}

pub(super) fn run(common: &Common, options: &Options, tell: &mut dyn FnMut(Progress)) -> Report {
    let settings = vec![
        ("rooms", options.rooms.into()),
        ("members", options.members.into()),
        ("outstanding", options.outstanding.into()),
        ("size", options.size.into()),
        ("post", options.post.into()),
        ("client_ids", options.client_ids.into()),
        ("rate", options.rate.rate.into()),
    ];
    let report = Report { scenario: "chat", settings, ..Report::default() };
    drive(common, options.rate.rate, Chat::new(options), report, tell)
}

struct Chat {
    entrance: Entrance,
    books: Books,
    post: bool,
    outstanding: u32,
    /// Whose turn it is in an open loop.
    turn: u32,
    packet: Vec<u8>,
}

impl Chat {
    fn new(options: &Options) -> Result<Self, Fault> {
        at_least_one("rooms", options.rooms)?;
        at_least_one("members", options.members)?;
        at_least_one("outstanding", options.outstanding)?;
        check_size(options.size)?;
        let people = options.rooms.checked_mul(options.members);
        let people = people.ok_or_else(|| Fault::setting("too many people"))?;
        Ok(Self {
            entrance: Entrance::new(people, options.members, options.post),
            books: Books::new(people, options.members, options.size, options.client_ids),
            post: options.post,
            outstanding: if options.post { 1 } else { options.outstanding },
            turn: 0,
            packet: Vec::new(),
        })
    }

    fn people(&self) -> u32 {
        self.entrance.people()
    }

    /// Posts the next message of a person.
    fn say(&mut self, io: &mut Io, person: u32, since: u64) {
        let number = self.books.begin(person, since);
        let room = self.entrance.room_code(person);
        self.packet.clear();
        if self.post {
            self.books.write_message(person, number, room, &mut self.packet);
            let body = String::from_utf8_lossy(&self.packet);
            let request = io.target.post_json("/chat/message", self.entrance.cookie(person), &body);
            io.net.append(self.entrance.http(person), |out| out.extend_from_slice(&request));
        } else {
            self.packet.extend_from_slice(&io.target.packets.event());
            self.packet.extend_from_slice(format!(r#"{}["chat:message","#, ack_id(number)).as_bytes());
            self.books.write_message(person, number, room, &mut self.packet);
            self.packet.push(b']');
            io.text(self.entrance.socket(person), &self.packet);
        }
    }

    /// A message has been acknowledged.
    fn said(&mut self, io: &mut Io, person: u32) {
        if let Some(since) = self.books.answered(person) {
            io.complete(since);
            if io.again() {
                self.say(io, person, io.now);
            }
        }
    }

    /// Takes in the answer to `chat:join` or to a message.
    fn answer(&mut self, io: &mut Io, person: u32, answer: &[u8]) -> Result<(), Fault> {
        let (id, body) = entrance::split_ack(answer)?;
        entrance::succeeded(body)?;
        if id == entrance::JOIN_ID {
            io.prepared = self.entrance.joined(io)?;
            return Ok(());
        }
        self.books.check_answer(person, id.wrapping_sub(FIRST_ID))?;
        self.said(io, person);
        Ok(())
    }
}

/// The acknowledgement id of the first message of a person.
const FIRST_ID: u64 = entrance::JOIN_ID + 1;

fn ack_id(number: u32) -> u64 {
    FIRST_ID + u64::from(number)
}

impl Scenario for Chat {
    fn prepare(&mut self, io: &mut Io) -> Result<(), Fault> {
        self.entrance.admit(io)
    }

    fn begin(&mut self, io: &mut Io) -> Result<(), Fault> {
        for person in 0..self.people() {
            for _ in 0..self.outstanding {
                self.say(io, person, io.now);
            }
        }
        Ok(())
    }

    fn issue(&mut self, io: &mut Io, since: u64) -> Result<bool, Fault> {
        let most = if self.post { 1 } else { MOST_WAITING };
        // A person that has too much to do is passed over, so that it does not slow the others down.
        for _ in 0..self.people() {
            let person = self.turn;
            self.turn = (person + 1) % self.people();
            if self.books.waiting(person) < most {
                self.say(io, person, since);
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn ready(&mut self, io: &mut Io, id: Id) -> Result<(), Fault> {
        let person = person(io, id);
        self.entrance.connected(io, person);
        Ok(())
    }

    fn message(&mut self, io: &mut Io, id: Id, message: Message<'_>) -> Result<(), Fault> {
        let Message::Text(packet) = message else {
            return Err(Fault::protocol("no attachment was expected"));
        };
        let person = person(io, id);
        if let Some(answer) = io.target.packets.strip(b"43", packet) {
            return self.answer(io, person, answer);
        }
        let Some(event) = io.target.packets.strip(b"42", packet) else {
            return Err(Fault::protocol(format!("no such packet was expected: {}", excerpt(packet))));
        };
        match self.books.hear(person, event)? {
            Heard::Message => io.step(),
            Heard::Other => io.tally.ignored += 1,
        }
        Ok(())
    }

    fn response(&mut self, io: &mut Io, id: Id, response: &Response<'_>) -> Result<(), Fault> {
        let person = person(io, id);
        if self.entrance.step(person) == Step::Ready {
            if response.status != 200 || response.last {
                let (status, body) = (response.status, excerpt(&response.body));
                return Err(Fault::protocol(format!("a message was answered with {status} {body}")));
            }
            entrance::succeeded(&response.body)?;
            self.said(io, person);
            return Ok(());
        }
        self.entrance.response(io, person, response)
    }

    fn outstanding(&self) -> u64 {
        self.books.outstanding()
    }

    fn awaited(&self) -> String {
        if !self.entrance.complete() {
            return self.entrance.awaited();
        }
        self.books.awaited()
    }
}

fn person(io: &mut Io, id: Id) -> u32 {
    u32::try_from(io.tag(id)).unwrap_or(u32::MAX)
}
