//! What has been said, and so what everybody in the room must hear: once, and in the order of each speaker.

use std::{borrow::Cow, collections::VecDeque, hash::BuildHasher};

use serde::Deserialize;

use crate::{
    fault::{Fault, FaultKind, excerpt},
    payload::Payload,
};

/// The start of an event that carries a message or a notice.
const TEXT_EVENT: &[u8] = br#"["MSG_TO_CLIENTS","#;
/// Who sends notices.
const SERVER: &str = "server";

/// What an event was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// A message that had to come.
    Message,
    /// A notice, or another event of the service.
    Other,
}

/// A message or a notice as clients receive it.
#[derive(Debug, Deserialize)]
struct Text<'a> {
    #[serde(borrow)]
    sender: Cow<'a, str>,
    #[serde(borrow)]
    msg: Cow<'a, str>,
}

/// The messages of all rooms.
pub(super) struct Books {
    members: u32,
    payload: Payload,
    /// What makes this run's client ids its own, if messages have any.
    run: Option<u64>,
    /// For each person, when each unanswered message should have been sent.
    waiting: Vec<VecDeque<u64>>,
    /// For each person, how many messages it has sent.
    sent: Vec<u32>,
    /// For each person and each member of its room, the number of the message to be heard next.
    next: Vec<u32>,
    unanswered: u64,
    unheard: u64,
}

impl Books {
    pub(super) fn new(people: u32, members: u32, size: usize, client_ids: bool) -> Self {
        let run = client_ids.then(|| std::hash::RandomState::new().hash_one(0));
        Self {
            members,
            payload: Payload::text(size),
            run,
            waiting: vec![VecDeque::new(); people as usize],
            sent: vec![0; people as usize],
            next: vec![0; people as usize * members as usize],
            unanswered: 0,
            unheard: 0,
        }
    }

    /// Notes a message that is being sent, and gives its number.
    pub(super) fn begin(&mut self, person: u32, since: u64) -> u32 {
        let number = self.sent[person as usize];
        self.sent[person as usize] = number.wrapping_add(1);
        self.waiting[person as usize].push_back(since);
        self.unanswered += 1;
        self.unheard += u64::from(self.members);
        number
    }

    /// Appends the JSON of a message.
    pub(super) fn write_message(&self, person: u32, number: u32, room: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(format!(r#"{{"roomCode":"{room}","msg":""#).as_bytes());
        self.payload.push(out, person, number);
        out.push(b'"');
        if let Some(run) = self.run {
            out.extend_from_slice(format!(r#","clientId":"{run:x}-{number}""#).as_bytes());
        }
        out.push(b'}');
    }

    /// How many messages of a person are unanswered.
    pub(super) fn waiting(&self, person: u32) -> usize {
        self.waiting[person as usize].len()
    }

    /// Checks that an answer is the one to the oldest unanswered message of a person.
    pub(super) fn check_answer(&self, person: u32, number: u64) -> Result<(), Fault> {
        let waiting = u32::try_from(self.waiting(person)).unwrap_or(u32::MAX);
        let oldest = u64::from(self.sent[person as usize].wrapping_sub(waiting));
        if number == oldest && waiting > 0 {
            return Ok(());
        }
        let kind = if number < oldest { FaultKind::Doubled } else { FaultKind::Order };
        let text = format!("person {person} expected the answer to message {oldest} and found {number}");
        Err(Fault::new(kind, text))
    }

    /// Notes an answer; gives the time at which its message should have been sent.
    pub(super) fn answered(&mut self, person: u32) -> Option<u64> {
        let since = self.waiting[person as usize].pop_front()?;
        self.unanswered -= 1;
        Some(since)
    }

    /// Checks what a person has received.
    pub(super) fn hear(&mut self, person: u32, event: &[u8]) -> Result<Heard, Fault> {
        let Some(argument) = event.strip_prefix(TEXT_EVENT).and_then(|rest| rest.strip_suffix(b"]")) else {
            return Ok(Heard::Other);
        };
        let text: Text<'_> = serde_json::from_slice(argument)
            .map_err(|error| Fault::protocol(format!("{error} in {}", excerpt(event))))?;
        if text.sender == SERVER {
            return Ok(Heard::Other);
        }
        let fault = |kind, what: &str| {
            Err(Fault::new(kind, format!("person {person} found {what}: {}", excerpt(event))))
        };
        let Some((speaker, number)) = self.payload.read(text.msg.as_bytes()) else {
            return fault(FaultKind::Payload, "damaged bytes");
        };
        if speaker / self.members != person / self.members {
            return fault(FaultKind::Payload, "a message of another room");
        }
        let place = person as usize * self.members as usize + (speaker % self.members) as usize;
        let expected = self.next[place];
        if number != expected || number == self.sent[speaker as usize] {
            let behind = number.wrapping_sub(expected) >= u32::MAX / 2;
            let kind = if behind { FaultKind::Doubled } else { FaultKind::Order };
            return fault(kind, &format!("message {number} of person {speaker} instead of {expected}"));
        }
        self.next[place] = expected.wrapping_add(1);
        self.unheard -= 1;
        Ok(Heard::Message)
    }

    /// How many answers and deliveries are awaited.
    pub(super) fn outstanding(&self) -> u64 {
        self.unanswered + self.unheard
    }

    /// What is awaited, in words.
    pub(super) fn awaited(&self) -> String {
        format!("{} acknowledgements and {} messages at members", self.unanswered, self.unheard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two rooms of two; person 1 has sent two messages to the first room.
    fn books() -> Books {
        let mut books = Books::new(4, 2, 16, true);
        books.begin(1, 70);
        books.begin(1, 71);
        books
    }

    fn event(msg: &str) -> Vec<u8> {
        format!(r#"["MSG_TO_CLIENTS",{{"id":"1","sender":"P","msg":"{msg}","at":1}}]"#).into_bytes()
    }

    #[test]
    fn a_message_names_its_room_and_its_number() {
        let mut out = Vec::new();
        books().write_message(1, 2, "abc", &mut out);
        let message: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(message["roomCode"], "abc");
        assert_eq!(message["msg"], "0000000100000002");
        assert!(message["clientId"].as_str().unwrap().ends_with("-2"), "{message}");
    }

    #[test]
    fn every_member_must_hear_every_message_once_and_in_order() {
        let mut books = books();
        assert_eq!(books.outstanding(), 6);
        for person in [0, 1] {
            for number in [0, 1] {
                let event = event(&format!("000000010000000{number}"));
                assert_eq!(books.hear(person, &event).unwrap(), Heard::Message);
            }
        }
        assert_eq!(books.outstanding(), 2);
        for (number, since) in [(0, 70), (1, 71)] {
            books.check_answer(1, number).unwrap();
            assert_eq!(books.answered(1), Some(since));
        }
        assert_eq!(books.outstanding(), 0);
    }

    #[test]
    fn notices_and_other_events_are_no_messages() {
        let notice = br#"["MSG_TO_CLIENTS",{"sender":"server","msg":"Connected."}]"#;
        for event in [&notice[..], br#"["room:people",{"count":1}]"#] {
            assert_eq!(books().hear(0, event).unwrap(), Heard::Other);
        }
    }

    #[test]
    fn wrong_messages_are_told_apart() {
        for (person, msg, kind) in [
            (0, "0000000100000001", FaultKind::Order),
            (0, "ffffffffffffffff", FaultKind::Payload),
            (0, "x", FaultKind::Payload),
            (2, "0000000100000000", FaultKind::Payload),
            (0, "0000000000000000", FaultKind::Order),
        ] {
            assert_eq!(books().hear(person, &event(msg)).unwrap_err().kind, kind, "{person} {msg}");
        }
        let mut books = books();
        books.hear(0, &event("0000000100000000")).unwrap();
        let again = books.hear(0, &event("0000000100000000")).unwrap_err();
        assert_eq!(again.kind, FaultKind::Doubled);
        assert_eq!(books.check_answer(1, 1).unwrap_err().kind, FaultKind::Order);
        assert_eq!(books.check_answer(0, 0).unwrap_err().kind, FaultKind::Order, "nothing was asked");
    }
}
