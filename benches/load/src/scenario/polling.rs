//! Events with acknowledgement over long-polling alone: each session holds a poll open and posts beside it.

use std::collections::VecDeque;

use clap::Args;

use super::{
    Scenario,
    ask::{Answer, Asker, Line, check_size},
    at_least_one,
};
use crate::{
    fault::{Fault, excerpt},
    io::{Io, Message},
    net::Id,
    options::{Common, Rate},
    report::Report,
    run::{Progress, drive},
    target::Target,
    wire::{
        http::Response,
        packet::{PING, PONG, SEPARATOR, open_sid, push_number},
    },
};

/// The most sessions being opened at once.
const AT_ONCE: usize = 64;
/// The most unanswered events of one session in an open loop.
const MOST_WAITING: usize = 256;

/// The options of the scenario.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Sessions; each has two TCP connections, one for its polls and one for its posts.
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub connections: u32,
    /// Unanswered events of each session in a closed loop.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub outstanding: u32,
    /// Bytes of each payload.
    #[arg(long, value_name = "BYTES", default_value_t = 64)]
    pub size: usize,
    #[command(flatten)]
    #[doc(hidden)]
    pub rate: Rate,
}

pub(super) fn run(common: &Common, options: &Options, tell: &mut dyn FnMut(Progress)) -> Report {
    let settings = vec![
        ("connections", options.connections.into()),
        ("outstanding", options.outstanding.into()),
        ("size", options.size.into()),
        ("rate", options.rate.rate.into()),
    ];
    let report = Report { scenario: "polling", settings, ..Report::default() };
    drive(common, options.rate.rate, Polling::new(common, options), report, tell)
}

/// One session.
struct Session {
    /// The connection of its polls, and that of its posts once there is one.
    poll: Id,
    post: Option<Id>,
    poll_request: Vec<u8>,
    post_head: Vec<u8>,
    /// Packets for the next post.
    body: Vec<u8>,
    posting: bool,
    connected: bool,
    line: Line,
}

struct Polling {
    sessions: Vec<Session>,
    wanted: usize,
    asker: Asker,
    outstanding: u32,
    ready: usize,
    under_way: u64,
    turn: usize,
    /// Sessions that have something to post when the current response has been taken in.
    posts: VecDeque<usize>,
}

impl Polling {
    fn new(common: &Common, options: &Options) -> Result<Self, Fault> {
        at_least_one("connections", options.connections)?;
        at_least_one("outstanding", options.outstanding)?;
        check_size(options.size)?;
        Ok(Self {
            sessions: Vec::new(),
            wanted: options.connections as usize,
            asker: Asker::new(&Target::new(common)?.packets, options.size, false),
            outstanding: options.outstanding,
            ready: 0,
            under_way: 0,
            turn: 0,
            posts: VecDeque::new(),
        })
    }

    fn open(&mut self, io: &mut Io) -> Result<(), Fault> {
        io.tally.wanted = self.wanted as u64;
        while self.sessions.len() < self.wanted.min(self.ready + AT_ONCE) {
            let number = self.sessions.len();
            let request = io.target.open_polling.clone();
            let poll = io.open_http(number as u64, &request)?;
            self.sessions.push(Session {
                poll,
                post: None,
                poll_request: Vec::new(),
                post_head: Vec::new(),
                body: Vec::new(),
                posting: false,
                connected: false,
                line: Line::new(u32::try_from(number).unwrap_or(u32::MAX)),
            });
        }
        Ok(())
    }

    fn push(&mut self, number: usize, packet: &[u8]) {
        let body = &mut self.sessions[number].body;
        if !body.is_empty() {
            body.push(SEPARATOR);
        }
        body.extend_from_slice(packet);
        self.posts.push_back(number);
    }

    fn ask(&mut self, number: usize, since: u64) {
        self.under_way += 1;
        let session = &mut self.sessions[number];
        let (packet, _) = self.asker.ask(&mut session.line, since);
        if !session.body.is_empty() {
            session.body.push(SEPARATOR);
        }
        session.body.extend_from_slice(packet);
        self.posts.push_back(number);
    }

    /// Posts what is waiting; a session's packets go together, and after the post before them was answered.
    fn post(&mut self, io: &mut Io) -> Result<(), Fault> {
        while let Some(number) = self.posts.pop_front() {
            let session = &mut self.sessions[number];
            if session.posting || session.body.is_empty() {
                continue;
            }
            session.posting = true;
            let mut request = session.post_head.clone();
            push_number(&mut request, session.body.len() as u64);
            request.extend_from_slice(b"\r\n\r\n");
            request.append(&mut session.body);
            match session.post {
                Some(post) => io.net.append(post, |out| out.extend_from_slice(&request)),
                None => session.post = Some(io.open_http(number as u64, &request)?),
            }
        }
        Ok(())
    }

    fn take_packet(&mut self, io: &mut Io, number: usize, packet: &[u8]) -> Result<(), Fault> {
        match packet {
            PING => {
                io.tally.pings += 1;
                self.push(number, PONG);
            }
            b"6" => {}
            [b'4', ..] if self.sessions[number].connected => {
                match self.asker.text(&mut self.sessions[number].line, packet)? {
                    Answer::Complete(since) => {
                        self.under_way -= 1;
                        io.complete(since);
                        if io.again() {
                            self.ask(number, io.now);
                        }
                    }
                    Answer::Partly => {}
                    Answer::Ignored => io.tally.ignored += 1,
                }
            }
            _ if io.target.packets.strip(b"40", packet).is_some() => {
                self.sessions[number].connected = true;
                self.ready += 1;
                io.tally.ready = self.ready as u64;
                io.step();
                io.prepared = self.ready == self.wanted;
                self.open(io)?;
            }
            _ => return Err(Fault::protocol(format!("no such packet was expected: {}", excerpt(packet)))),
        }
        Ok(())
    }
}

impl Scenario for Polling {
    fn prepare(&mut self, io: &mut Io) -> Result<(), Fault> {
        self.open(io)
    }

    fn begin(&mut self, io: &mut Io) -> Result<(), Fault> {
        for number in 0..self.sessions.len() {
            for _ in 0..self.outstanding {
                self.ask(number, io.now);
            }
        }
        self.post(io)
    }

    fn issue(&mut self, io: &mut Io, since: u64) -> Result<bool, Fault> {
        // A session that has too much to do is passed over, so that it does not slow the others down.
        for _ in 0..self.sessions.len() {
            let number = self.turn;
            self.turn = (number + 1) % self.sessions.len();
            if self.sessions[number].line.waiting() < MOST_WAITING {
                self.ask(number, since);
                self.post(io)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn ready(&mut self, _: &mut Io, _: Id) -> Result<(), Fault> {
        Err(Fault::protocol("no WebSocket was expected"))
    }

    fn message(&mut self, _: &mut Io, _: Id, _: Message<'_>) -> Result<(), Fault> {
        Err(Fault::protocol("no WebSocket was expected"))
    }

    fn response(&mut self, io: &mut Io, id: Id, response: &Response<'_>) -> Result<(), Fault> {
        let number = io.index(id);
        let body = &response.body;
        if response.status != 200 || response.last {
            let text =
                format!("wanted status 200 and keep-alive, found {} {}", response.status, excerpt(body));
            return Err(Fault::protocol(text));
        }
        let session = &mut self.sessions[number];
        if session.post == Some(id) {
            if **body != *b"ok" {
                return Err(Fault::protocol(format!("a post was answered with {}", excerpt(body))));
            }
            session.posting = false;
            self.posts.push_back(number);
            return self.post(io);
        }
        if session.poll_request.is_empty() {
            let sid = open_sid(body)
                .ok_or_else(|| Fault::protocol(format!("no open packet was found in {}", excerpt(body))))?;
            session.poll_request = io.target.get(&sid);
            session.post_head = io.target.post(&sid);
            let connect = io.target.packets.connect().to_vec();
            self.push(number, &connect);
        } else {
            for packet in body.split(|byte| *byte == SEPARATOR) {
                self.take_packet(io, number, packet)?;
            }
        }
        // The next poll is on its way before the next post, as with a browser.
        let session = &self.sessions[number];
        io.net.append(session.poll, |out| out.extend_from_slice(&session.poll_request));
        self.post(io)
    }

    fn outstanding(&self) -> u64 {
        self.under_way
    }

    fn awaited(&self) -> String {
        if self.ready < self.wanted {
            return format!("{} of {} sessions ready", self.ready, self.wanted);
        }
        let waiting = self.sessions.iter().filter(|session| session.line.waiting() > 0).count();
        format!("{} answers in {waiting} of {} sessions", self.under_way, self.wanted)
    }
}
