//! How people come in: an account and its cookie, a room, a socket, and a place in the room.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

use crate::{
    fault::{Fault, excerpt},
    io::Io,
    net::Id,
    wire::{http::Response, packet},
};

/// The most people coming in at once: hashing their passwords is the server's hardest work.
const AT_ONCE: u32 = 16;
/// The password of all accounts.
const PASSWORD: &str = "load-password";
/// The acknowledgement id of `chat:join`.
pub(super) const JOIN_ID: u64 = 0;

/// What a person does next, or waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    SignUp,
    LogIn,
    CreateRoom,
    /// The first person of the room has not made it yet.
    AwaitRoom,
    Connect,
    Ready,
}

struct Person {
    http: Id,
    socket: Id,
    cookie: String,
    step: Step,
}

/// Everybody, known by numbers from 0, room by room; the first person of a room makes it.
pub(super) struct Entrance {
    wanted: u32,
    members: u32,
    keep_http: bool,
    people: Vec<Person>,
    rooms: Vec<Option<String>>,
    joined: u32,
}

impl Entrance {
    pub(super) fn new(wanted: u32, members: u32, keep_http: bool) -> Self {
        let rooms = vec![None; (wanted / members) as usize];
        Self { wanted, members, keep_http, people: Vec::new(), rooms, joined: 0 }
    }

    pub(super) fn people(&self) -> u32 {
        self.wanted
    }

    pub(super) fn step(&self, person: u32) -> Step {
        self.people[person as usize].step
    }

    pub(super) fn http(&self, person: u32) -> Id {
        self.people[person as usize].http
    }

    pub(super) fn socket(&self, person: u32) -> Id {
        self.people[person as usize].socket
    }

    pub(super) fn cookie(&self, person: u32) -> &str {
        &self.people[person as usize].cookie
    }

    /// The room of a person who has come in.
    pub(super) fn room_code(&self, person: u32) -> &str {
        self.rooms[(person / self.members) as usize].as_deref().unwrap_or_default()
    }

    /// Lets the next people come.
    pub(super) fn admit(&mut self, io: &mut Io) -> Result<(), Fault> {
        io.tally.wanted = u64::from(self.wanted);
        while self.begun() < self.wanted.min(self.joined + AT_ONCE) {
            let number = self.begun();
            let account = account(number);
            let request = io.target.post_json("/user/create", "", &account);
            let http = io.open_http(u64::from(number), &request)?;
            self.people.push(Person { http, socket: 0, cookie: String::new(), step: Step::SignUp });
        }
        Ok(())
    }

    fn begun(&self) -> u32 {
        u32::try_from(self.people.len()).unwrap_or(u32::MAX)
    }

    /// Takes in the answer to a request of a person who is coming in.
    pub(super) fn response(
        &mut self,
        io: &mut Io,
        person: u32,
        response: &Response<'_>,
    ) -> Result<(), Fault> {
        io.step();
        let succeeded = succeeded(&response.body);
        match self.step(person) {
            // The account is there from an earlier run.
            Step::SignUp if succeeded.is_err() => {
                self.people[person as usize].step = Step::LogIn;
                self.post(io, person, "/auth/login", &account(person));
                Ok(())
            }
            Step::SignUp | Step::LogIn => {
                succeeded?;
                let token = response.cookie("token").ok_or_else(|| {
                    Fault::protocol(format!("no cookie `token` came with {}", excerpt(&response.body)))
                })?;
                self.people[person as usize].cookie = format!("token={token}");
                self.find_room(io, person)
            }
            Step::CreateRoom => {
                succeeded?;
                let room = (person / self.members) as usize;
                self.rooms[room] = Some(room_code(&response.body)?);
                self.connect(io, person)?;
                for other in person + 1..(person + self.members).min(self.begun()) {
                    if self.step(other) == Step::AwaitRoom {
                        self.connect(io, other)?;
                    }
                }
                Ok(())
            }
            Step::AwaitRoom | Step::Connect | Step::Ready => {
                Err(Fault::protocol(format!("no response was expected: {}", excerpt(&response.body))))
            }
        }
    }

    fn find_room(&mut self, io: &mut Io, person: u32) -> Result<(), Fault> {
        let room = person / self.members;
        if person.is_multiple_of(self.members) {
            self.people[person as usize].step = Step::CreateRoom;
            self.post(io, person, "/chat/create-room", &format!(r#"{{"roomName":"Load {room}"}}"#));
            return Ok(());
        }
        if self.rooms[room as usize].is_some() {
            return self.connect(io, person);
        }
        self.people[person as usize].step = Step::AwaitRoom;
        Ok(())
    }

    fn post(&self, io: &mut Io, person: u32, path: &str, body: &str) {
        let request = io.target.post_json(path, self.cookie(person), body);
        io.net.append(self.http(person), |out| out.extend_from_slice(&request));
    }

    fn connect(&mut self, io: &mut Io, number: u32) -> Result<(), Fault> {
        let person = &mut self.people[number as usize];
        person.step = Step::Connect;
        person.socket = io.open_websocket_as(u64::from(number), &person.cookie)?;
        if !self.keep_http {
            io.net.close(person.http);
        }
        Ok(())
    }

    /// A person's socket is connected: it joins its room.
    pub(super) fn connected(&mut self, io: &mut Io, person: u32) {
        self.people[person as usize].step = Step::Ready;
        let mut packet = io.target.packets.event();
        let room = self.room_code(person);
        packet.extend_from_slice(format!(r#"{JOIN_ID}["chat:join",{{"roomCode":"{room}"}}]"#).as_bytes());
        io.text(self.socket(person), &packet);
    }

    /// A person is in its room. Tells whether all are.
    pub(super) fn joined(&mut self, io: &mut Io) -> Result<bool, Fault> {
        self.joined += 1;
        io.tally.ready = u64::from(self.joined);
        io.step();
        self.admit(io)?;
        Ok(self.complete())
    }

    /// Whether all are in their rooms.
    pub(super) fn complete(&self) -> bool {
        self.joined == self.wanted
    }

    /// What is awaited during the setup.
    pub(super) fn awaited(&self) -> String {
        format!("{} of {} people in their rooms", self.joined, self.wanted)
    }
}

/// The JSON that signs a person up and logs it in.
fn account(person: u32) -> String {
    format!(r#"{{"email":"load-{person}@example.org","name":"Load {person}","password":"{PASSWORD}"}}"#)
}

/// The outcome that every answer of the service begins with.
#[derive(Deserialize)]
struct Outcome<'a> {
    success: bool,
    #[serde(borrow, rename = "errorMessage")]
    error: Option<Cow<'a, str>>,
}

/// Checks that an answer, or the one argument of an acknowledgement, tells success.
pub(super) fn succeeded(body: &[u8]) -> Result<(), Fault> {
    match serde_json::from_slice::<Outcome<'_>>(body) {
        Ok(Outcome { success: true, .. }) => Ok(()),
        Ok(Outcome { error: Some(error), .. }) => Err(Fault::protocol(format!("the service says: {error}"))),
        _ => Err(Fault::protocol(format!("wanted success, found {}", excerpt(body)))),
    }
}

/// Splits an acknowledgement with one argument into its id and that argument.
pub(super) fn split_ack(answer: &[u8]) -> Result<(u64, &[u8]), Fault> {
    let split = packet::split_ack(answer);
    let split = split.map(|(id, arguments)| (id, &arguments[1..arguments.len() - 1]));
    split.ok_or_else(|| Fault::protocol(format!("no acknowledgement is {}", excerpt(answer))))
}

fn room_code(body: &[u8]) -> Result<String, Fault> {
    let answer: Option<Value> = serde_json::from_slice(body).ok();
    let code = answer.as_ref().and_then(|answer| answer.pointer("/result/newRoom/code")?.as_str());
    // What goes into JSON and paths as it is must need no escapes.
    let plain = code.filter(|code| code.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    plain.map(str::to_owned).ok_or_else(|| Fault::protocol(format!("no room code is in {}", excerpt(body))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgement_has_an_id_and_one_argument() {
        assert_eq!(split_ack(br#"12[{"success":true}]"#).unwrap(), (12, &br#"{"success":true}"#[..]));
        assert!(split_ack(b"[1]").is_err());
        assert!(split_ack(b"1").is_err());
    }

    #[test]
    fn failures_are_told_in_the_service_s_words() {
        succeeded(br#"{"success":true,"result":{}}"#).unwrap();
        let failure = succeeded(br#"{"success":false,"errorMessage":"No room."}"#).unwrap_err();
        assert_eq!(failure.text, "the service says: No room.");
        assert!(succeeded(b"<html>").is_err());
    }

    #[test]
    fn a_room_is_known_by_its_code() {
        assert_eq!(room_code(br#"{"result":{"newRoom":{"code":"ab1"}}}"#).unwrap(), "ab1");
        assert!(room_code(br#"{"result":{"newRoom":{"code":"a\"b"}}}"#).is_err());
        assert!(room_code(b"{}").is_err());
    }
}
