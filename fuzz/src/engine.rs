//! Engine.IO: packets, payloads, queries and the session machine.

use std::time::{Duration, Instant};

use engineio::{
    Config,
    engine::{
        Action, CloseReason, Input, Packet, PacketError, Revision, Session, Transport, handshake, payload, v3,
    },
};

use crate::{naive, script::Script};

/// A packet reads as the naive decoder reads it, and writes as it was read.
pub fn engine_packet(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let packet = Packet::decode(text);
    assert_eq!(packet.as_ref().ok().map(naive::plain), naive::packet(text), "{text:?}");
    if let Ok(packet) = packet {
        let mut written = Vec::new();
        packet.encode(&mut written);
        let written = String::from_utf8(written).expect("packets are text");
        assert_eq!(Packet::decode(&written), Ok(packet), "{text:?} was written as {written:?}");
    }
}

/// A payload has the packets that the naive decoder finds, and writes as it was read.
pub fn engine_payload(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let packets: Result<Vec<_>, _> = payload::decode(text).collect();
    assert_eq!(all_plain(&packets), naive::payload(text), "{text:?}");
    if let Ok(packets) = packets {
        let written = String::from_utf8(payload::encode(&packets)).expect("payloads are text");
        let again: Result<Vec<_>, _> = payload::decode(&written).collect();
        assert_eq!(again, Ok(packets), "{text:?} was written as {written:?}");
    }
}

fn all_plain(packets: &Result<Vec<Packet<'_>>, PacketError>) -> Option<Vec<naive::Plain>> {
    packets.as_ref().ok().map(|packets| packets.iter().map(naive::plain).collect())
}

/// A payload of protocol 3 has the packets that the naive decoder finds, and writes as it was read, as text and as bytes.
pub fn engine_v3_payload(data: &[u8]) {
    let Some((&kind, body)) = data.split_first() else { return };
    let packets = if kind & 1 == 0 {
        let Ok(text) = std::str::from_utf8(body) else { return };
        let packets: Result<Vec<_>, _> = v3::payload::decode_text(text).collect();
        assert_eq!(all_plain(&packets), naive::v3_text(text), "{text:?}");
        packets
    } else {
        let packets: Result<Vec<_>, _> = v3::payload::decode_binary(body).collect();
        assert_eq!(all_plain(&packets), naive::v3_binary(body), "{body:?}");
        packets
    };
    let Ok(packets) = packets else { return };
    let written = String::from_utf8(v3::payload::encode_text(&packets)).expect("it is text");
    let again: Result<Vec<_>, _> = v3::payload::decode_text(&written).collect();
    assert_eq!(again.as_ref(), Ok(&packets), "{body:?} was written as {written:?}");
    let written = v3::payload::encode_binary(&packets);
    let again: Result<Vec<_>, _> = v3::payload::decode_binary(&written).collect();
    assert_eq!(again.as_ref(), Ok(&packets), "{body:?} was written as {written:?}");
}

/// A query has the pairs that the library for form encoding finds.
pub fn query(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let ours: Vec<_> = handshake::pairs(text).collect();
    let theirs: Vec<_> = form_urlencoded::parse(text.as_bytes()).collect();
    assert_eq!(ours, theirs, "{text:?}");
    let first = |name: &str| theirs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let query = handshake::Query::parse(text);
    assert_eq!((query.version, query.transport, query.sid), (first("EIO"), first("transport"), first("sid")));
    assert_eq!(query.b64, first("b64"));
}

/// Any order of events leaves a session that ends once, delivers nothing afterwards, and asks for no visit in the past
/// of the last one.
pub fn session(data: &[u8]) {
    let mut script = Script::new(data);
    let config = Config::default();
    #[expect(clippy::disallowed_methods, reason = "a start for a clock that the script moves")]
    let mut now = Instant::now();
    // One byte for both, so that scripts from before there were two revisions mean what they meant.
    let start = script.below(4);
    let transport = if start & 1 == 0 { Transport::Polling } else { Transport::Websocket };
    let revision = if start & 2 == 0 { Revision::V4 } else { Revision::V3 };
    let mut session = Session::with_revision(revision, transport, &config, now);
    let (mut closes, mut was_closed) = (0, false);
    while let Some(choice) = script.byte() {
        let text = script.text();
        if choice & 0x80 != 0 {
            now += Duration::from_millis(u64::from(script.below(255)) * 500);
        }
        let action = session.handle(input(choice & 0x7f, text), &config, now);
        if let Action::Close(_) = action {
            closes += 1;
        }
        if was_closed {
            assert!(
                !matches!(action, Action::Deliver(_) | Action::Switch | Action::SendPing),
                "{action:?} after the end"
            );
            assert!(session.is_closed() && !session.is_open(), "what has ended stays so");
        }
        was_closed |= session.is_closed();
        assert!(closes <= 1, "a session ends once");
        assert!(was_closed || session.deadline().is_some(), "a session that lives is visited");
    }
}

fn input(choice: u8, text: &str) -> Input<'_> {
    let packet = Packet::decode(text).unwrap_or(Packet::Noop);
    match choice % 16 {
        0 | 1 => Input::Packet(packet),
        2 => Input::PollOpened,
        3 => Input::PollAnswered,
        4 => Input::PollAborted,
        5 => Input::PostOpened,
        6 => Input::PostEnded,
        7 if text.is_empty() => Input::UpgradeOpened(Transport::Websocket),
        7 => Input::UpgradeOpened(Transport::Webtransport),
        8 => Input::ProbePacket(packet),
        9 => Input::UpgradeLost,
        10 => Input::TransportLost(CloseReason::TransportClose),
        11 | 12 => Input::Close,
        13 => Input::FarewellSent,
        14 => Input::ReadingHeld,
        _ => Input::Tick,
    }
}
