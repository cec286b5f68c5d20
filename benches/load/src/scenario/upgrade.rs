//! Sessions that begin over long-polling and move to WebSocket, as browsers do.
//!
//! A session is complete when an event sent over the WebSocket right after the switch has been acknowledged:
//! the protocol itself does not answer the packet that switches, and a hung upgrade would look like a fast one.

use std::collections::VecDeque;

use clap::Args;

use super::{
    Scenario,
    ask::{Answer, Asker, Line},
    at_least_one,
};
use crate::{
    fault::{Fault, excerpt},
    io::{Io, Message},
    net::Id,
    options::{Common, Rate},
    payload::MIN_SIZE,
    report::Report,
    run::{Progress, drive},
    target::Target,
    wire::{
        http::Response,
        packet::{SEPARATOR, open_sid, push_number},
    },
};

/// The packet that switches the session to the WebSocket.
const SWITCH: &[u8] = b"5";

/// The options of the scenario.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Sessions being opened at once, in an open loop at most.
    #[arg(long, value_name = "N", default_value_t = 32)]
    pub in_flight: u32,
    #[command(flatten)]
    #[doc(hidden)]
    pub rate: Rate,
}

pub(super) fn run(common: &Common, options: &Options, tell: &mut dyn FnMut(Progress)) -> Report {
    let settings = vec![("in_flight", options.in_flight.into()), ("rate", options.rate.rate.into())];
    let report = Report { scenario: "upgrade", settings, ..Report::default() };
    drive(common, options.rate.rate, Upgrade::new(common, options), report, tell)
}

/// What the next response on the polling connection must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    /// The open packet.
    Open,
    /// The `ok` for the post of CONNECT.
    Posted,
    /// The answer to CONNECT.
    Connect,
    /// The noop that ends the last poll.
    Noop,
    /// None: the last poll has ended.
    Nothing,
}

struct Session {
    since: u64,
    wait: Wait,
    poll: Id,
    socket: Option<Id>,
    probed: bool,
    sid: String,
    line: Line,
}

struct Upgrade {
    /// Sessions under way, by the connections' tags.
    sessions: Vec<Option<Session>>,
    free: VecDeque<usize>,
    asker: Asker,
}

impl Upgrade {
    fn new(common: &Common, options: &Options) -> Result<Self, Fault> {
        at_least_one("in-flight", options.in_flight)?;
        Ok(Self {
            sessions: (0..options.in_flight).map(|_| None).collect(),
            free: (0..options.in_flight as usize).collect(),
            asker: Asker::new(&Target::new(common)?.packets, MIN_SIZE, false),
        })
    }

    /// Switches once the probe is answered and no poll is open any more.
    fn switch(&mut self, io: &mut Io, number: usize) {
        let Some(session) = self.sessions[number].as_mut() else { return };
        if let Some(socket) = session.socket
            && session.probed
            && session.wait == Wait::Nothing
        {
            io.text(socket, SWITCH);
            let (packet, _) = self.asker.ask(&mut session.line, session.since);
            io.text(socket, packet);
        }
    }
}

impl Scenario for Upgrade {
    fn prepare(&mut self, io: &mut Io) -> Result<(), Fault> {
        io.prepared = true;
        Ok(())
    }

    fn begin(&mut self, io: &mut Io) -> Result<(), Fault> {
        while self.issue(io, io.now)? {}
        Ok(())
    }

    fn issue(&mut self, io: &mut Io, since: u64) -> Result<bool, Fault> {
        let Some(number) = self.free.pop_front() else { return Ok(false) };
        let request = io.target.open_polling.clone();
        let poll = io.open_http(number as u64, &request)?;
        self.sessions[number] = Some(Session {
            since,
            wait: Wait::Open,
            poll,
            socket: None,
            probed: false,
            sid: String::new(),
            line: Line::new(u32::try_from(number).unwrap_or(u32::MAX)),
        });
        Ok(true)
    }

    fn ready(&mut self, io: &mut Io, id: Id) -> Result<(), Fault> {
        let number = io.index(id);
        if let Some(session) = self.sessions[number].as_mut() {
            session.probed = true;
        }
        self.switch(io, number);
        Ok(())
    }

    fn message(&mut self, io: &mut Io, id: Id, message: Message<'_>) -> Result<(), Fault> {
        let number = io.index(id);
        let Some(session) = self.sessions[number].as_mut() else { return Ok(()) };
        let Message::Text(packet) = message else {
            return Err(Fault::protocol("no attachment was expected"));
        };
        match self.asker.text(&mut session.line, packet)? {
            Answer::Ignored => io.tally.ignored += 1,
            Answer::Partly => {}
            Answer::Complete(since) => {
                io.net.close(session.poll);
                io.net.close(id);
                self.sessions[number] = None;
                self.free.push_back(number);
                io.complete(since);
                if io.again() {
                    self.issue(io, io.now)?;
                }
            }
        }
        Ok(())
    }

    fn response(&mut self, io: &mut Io, id: Id, response: &Response<'_>) -> Result<(), Fault> {
        let number = io.index(id);
        let Some(session) = self.sessions[number].as_mut() else { return Ok(()) };
        let body = &*response.body;
        let wrong = || {
            let found = excerpt(body);
            Fault::protocol(format!(
                "waiting for {:?}, found status {} {found}",
                session.wait, response.status
            ))
        };
        if response.status != 200 || response.last {
            return Err(wrong());
        }
        let (request, wait) = match session.wait {
            Wait::Open => {
                let sid = open_sid(body).ok_or_else(wrong)?;
                let mut post = io.target.post(&sid);
                let connect = io.target.packets.connect();
                push_number(&mut post, connect.len() as u64);
                post.extend_from_slice(b"\r\n\r\n");
                post.extend_from_slice(connect);
                session.sid = sid;
                (post, Wait::Posted)
            }
            Wait::Posted if body == b"ok" => (io.target.get(&session.sid), Wait::Connect),
            Wait::Connect
                if body.split(|byte| *byte == SEPARATOR).any(|packet| packet.starts_with(b"40")) =>
            {
                session.socket = Some(io.probe_websocket(number as u64, &session.sid)?);
                (io.target.get(&session.sid), Wait::Noop)
            }
            Wait::Noop if body == b"6" => (Vec::new(), Wait::Nothing),
            Wait::Posted | Wait::Connect | Wait::Noop | Wait::Nothing => return Err(wrong()),
        };
        session.wait = wait;
        io.net.append(id, |out| out.extend_from_slice(&request));
        self.switch(io, number);
        Ok(())
    }

    fn outstanding(&self) -> u64 {
        (self.sessions.len() - self.free.len()) as u64
    }

    fn awaited(&self) -> String {
        let under_way = || self.sessions.iter().flatten();
        let probed = under_way().filter(|session| session.probed).count();
        let switched = under_way().filter(|session| session.line.waiting() > 0).count();
        format!("{} sessions, {probed} of them probed, {switched} switched", under_way().count())
    }
}
