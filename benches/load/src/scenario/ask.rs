//! Events that the server acknowledges with what they carry, and the check of what comes back.

use std::collections::VecDeque;

use crate::{
    fault::{Fault, FaultKind, excerpt},
    payload::{MIN_SIZE, Payload},
    wire::packet::{Kind, Packets, push_number},
};

/// The largest payload in bytes.
const MAX_SIZE: usize = 64 << 20;
/// What stands for an attachment in the JSON of a packet.
const PLACEHOLDER: &[u8] = br#"{"_placeholder":true,"num":0}"#;

/// What all connections ask, and how it must be answered.
#[derive(Debug)]
pub(crate) struct Asker {
    packets: Packets,
    payload: Payload,
    binary: bool,
    event: Vec<u8>,
    ack: Vec<u8>,
    /// The last packet that was built, or was expected.
    packet: Vec<u8>,
    attachment: Vec<u8>,
}

/// The questions of one connection, in order.
#[derive(Debug, Default)]
pub(crate) struct Line {
    sender: u32,
    next: u32,
    /// When each unanswered question should have been asked.
    waiting: VecDeque<u64>,
    attachment: bool,
}

impl Line {
    /// The line of a connection that is known by a number.
    pub(crate) fn new(sender: u32) -> Self {
        Self { sender, ..Self::default() }
    }

    /// How many questions are unanswered.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn oldest(&self) -> u32 {
        self.next.wrapping_sub(u32::try_from(self.waiting.len()).unwrap_or(0))
    }
}

/// Checks a size that was asked for.
pub(crate) fn check_size(size: usize) -> Result<(), Fault> {
    if (MIN_SIZE..=MAX_SIZE).contains(&size) {
        return Ok(());
    }
    Err(Fault::setting(format!("--size must be between {MIN_SIZE} and {MAX_SIZE} bytes, found {size}")))
}

impl Asker {
    /// Prepares the questions.
    pub(crate) fn new(packets: &Packets, size: usize, binary: bool) -> Self {
        let (event, ack) = if binary {
            (packets.binary_event(), packets.binary_ack())
        } else {
            (packets.event(), packets.ack())
        };
        let payload = if binary { Payload::binary(size) } else { Payload::text(size) };
        Self {
            packets: packets.clone(),
            payload,
            binary,
            event,
            ack,
            packet: Vec::new(),
            attachment: Vec::new(),
        }
    }

    /// Builds the next question of a line: its packet, and the attachment that follows if it is binary.
    pub(crate) fn ask(&mut self, line: &mut Line, since: u64) -> (&[u8], Option<&[u8]>) {
        let number = line.next;
        line.next = number.wrapping_add(1);
        line.waiting.push_back(since);
        self.build(false, line.sender, number);
        (&self.packet, self.binary.then_some(&self.attachment))
    }

    fn build(&mut self, answer: bool, sender: u32, number: u32) {
        let Self { packet, attachment, payload, .. } = self;
        packet.clear();
        packet.extend_from_slice(if answer { &self.ack } else { &self.event });
        push_number(packet, u64::from(number));
        packet.extend_from_slice(if answer { b"[" } else { br#"["echo","# });
        if self.binary {
            packet.extend_from_slice(PLACEHOLDER);
            attachment.clear();
            payload.push(attachment, sender, number);
        } else {
            packet.push(b'"');
            payload.push(packet, sender, number);
            packet.push(b'"');
        }
        packet.push(b']');
    }

    /// Takes in a packet. Gives the time its question should have been asked if that is now answered; true
    /// without a time if the packet was an event, which nobody asked for.
    pub(crate) fn text(&mut self, line: &mut Line, packet: &[u8]) -> Result<Answer, Fault> {
        if line.attachment {
            return Err(Fault::protocol(format!("an attachment was expected, found {}", excerpt(packet))));
        }
        let expected = line.oldest();
        self.build(true, line.sender, expected);
        if packet != self.packet {
            let Some(loose) = self.packets.parse(packet) else {
                return Err(Fault::protocol(format!(
                    "an acknowledgement was expected, found {}",
                    excerpt(packet)
                )));
            };
            if loose.kind == Kind::Event {
                return Ok(Answer::Ignored);
            }
            if line.waiting.is_empty() || !loose.is(&self.packets, &self.packet) {
                return Err(wrong_answer(line, loose.id, packet));
            }
        }
        if line.waiting.is_empty() {
            return Err(wrong_answer(line, Some(u64::from(expected)), packet));
        }
        if self.binary {
            line.attachment = true;
            return Ok(Answer::Partly);
        }
        Ok(line.waiting.pop_front().map_or(Answer::Partly, Answer::Complete))
    }

    /// Takes in an attachment.
    pub(crate) fn binary(&mut self, line: &mut Line, bytes: &[u8]) -> Result<Answer, Fault> {
        if !line.attachment {
            return Err(Fault::protocol("an attachment without its packet"));
        }
        self.build(true, line.sender, line.oldest());
        if bytes != self.attachment {
            let text =
                format!("the attachment {} came back as {}", excerpt(&self.attachment), excerpt(bytes));
            return Err(Fault::new(FaultKind::Payload, text));
        }
        line.attachment = false;
        Ok(line.waiting.pop_front().map_or(Answer::Partly, Answer::Complete))
    }
}

/// What a packet or attachment meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The oldest question is answered; when it should have been asked.
    Complete(u64),
    /// More has to come.
    Partly,
    /// It was no answer but an event of the server's own.
    Ignored,
}

/// Says what is wrong with an answer that is not the one to the oldest question.
fn wrong_answer(line: &Line, id: Option<u64>, packet: &[u8]) -> Fault {
    let Some(id) = id else {
        return Fault::protocol(format!("an acknowledgement without id: {}", excerpt(packet)));
    };
    let (sender, oldest, found) = (line.sender, line.oldest(), excerpt(packet));
    let place = |kind, what: &str| {
        Fault::new(kind, format!("connection {sender} expected the answer to {oldest} and {what}: {found}"))
    };
    if id < u64::from(oldest) || line.waiting.is_empty() {
        place(FaultKind::Doubled, "found one that it did not wait for")
    } else if id == u64::from(oldest) {
        place(FaultKind::Payload, "found it with another content")
    } else {
        place(FaultKind::Order, "found a later one")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asker(binary: bool) -> (Asker, Line) {
        (Asker::new(&Packets::new("/", &[]), 16, binary), Line::new(1))
    }

    #[test]
    fn an_answer_completes_the_oldest_question() {
        let (mut asker, mut line) = asker(false);
        assert_eq!(asker.ask(&mut line, 70), (&br#"420["echo","0000000100000000"]"#[..], None));
        asker.ask(&mut line, 71);
        assert_eq!(asker.text(&mut line, br#"42["welcome"]"#).unwrap(), Answer::Ignored);
        assert_eq!(asker.text(&mut line, br#"430["0000000100000000"]"#).unwrap(), Answer::Complete(70));
        // Another layout of the same JSON is as good.
        assert_eq!(
            asker.text(&mut line, br#"431[ "000000010000\u0030001" ]"#).unwrap(),
            Answer::Complete(71)
        );
        assert_eq!(line.waiting(), 0);
    }

    #[test]
    fn wrong_answers_are_told_apart() {
        for (packet, kind) in [
            (&br#"432["0000000100000002"]"#[..], FaultKind::Order),
            (br#"430["0000000100000000"]"#, FaultKind::Doubled),
            (br#"431["0000000100000009"]"#, FaultKind::Payload),
            (br#"431[]"#, FaultKind::Payload),
            (b"41", FaultKind::Protocol),
        ] {
            let (mut asker, mut line) = asker(false);
            for since in 0..3 {
                asker.ask(&mut line, since);
            }
            asker.text(&mut line, br#"430["0000000100000000"]"#).unwrap();
            assert_eq!(asker.text(&mut line, packet).unwrap_err().kind, kind, "{}", excerpt(packet));
        }
        let (mut asker, mut line) = asker(false);
        let early = asker.text(&mut line, br#"430["0000000100000000"]"#).unwrap_err();
        assert_eq!(early.kind, FaultKind::Doubled);
    }

    #[test]
    fn a_binary_answer_is_complete_with_its_attachment() {
        let (mut asker, mut line) = asker(true);
        let (packet, attachment) = asker.ask(&mut line, 7);
        assert_eq!(packet, br#"451-0["echo",{"_placeholder":true,"num":0}]"#);
        assert_eq!(attachment, Some(&b"0000000100000000"[..]));
        assert!(asker.binary(&mut line, b"0000000100000000").is_err(), "too early");
        let ack = br#"461-0[{"num":0,"_placeholder":true}]"#;
        assert_eq!(asker.text(&mut line, ack).unwrap(), Answer::Partly);
        assert_eq!(asker.binary(&mut line, b"0000000100000001").unwrap_err().kind, FaultKind::Payload);
        assert_eq!(asker.binary(&mut line, b"0000000100000000").unwrap(), Answer::Complete(7));
    }
}
