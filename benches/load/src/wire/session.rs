//! The way of received bytes: HTTP responses and WebSocket messages, from the upgrade to the scenario.

use crate::{
    fault::{Fault, FaultKind, excerpt},
    io::{Io, Message},
    net::{Id, Kind, Stage},
    scenario::Scenario,
    wire::{
        frame::{self, Frame, Opcode},
        http,
        packet::{PING, PONG},
    },
};

/// The message that asks whether a WebSocket works, and its answer.
const PROBE: (&[u8], &[u8]) = (b"2probe", b"3probe");

/// Takes in what is complete and gives its length; the scenario hears of every response and packet.
pub(crate) fn advance<S: Scenario>(
    io: &mut Io,
    scenario: &mut S,
    id: Id,
    bytes: &[u8],
) -> Result<usize, Fault> {
    let mut used = 0;
    while used < bytes.len() {
        let rest = &bytes[used..];
        // A connection that its scenario has closed takes no more.
        let Some(connection) = io.net.get(id) else { return Ok(bytes.len()) };
        used += match connection.kind {
            Kind::Http => {
                let Some((response, length)) = http::parse(rest).map_err(Fault::protocol)? else { break };
                scenario.response(io, id, &response)?;
                length
            }
            Kind::WebSocket(stage @ (Stage::Upgrade | Stage::ProbeUpgrade)) => {
                let Some((response, length)) = http::parse(rest).map_err(Fault::protocol)? else { break };
                if response.status != 101 || !response.accepted {
                    let body = excerpt(&response.body);
                    let text = format!("wanted an upgrade with status 101, found {} {body}", response.status);
                    return Err(Fault::protocol(text));
                }
                if stage == Stage::ProbeUpgrade {
                    connection.kind = Kind::WebSocket(Stage::Probe);
                    io.text(id, PROBE.0);
                } else {
                    connection.kind = Kind::WebSocket(Stage::Open);
                }
                length
            }
            Kind::WebSocket(stage) => {
                let Some((frame, length)) = frame::parse(rest).map_err(Fault::protocol)? else { break };
                take_frame(io, scenario, id, stage, frame)?;
                length
            }
        };
    }
    Ok(used)
}

fn take_frame<S: Scenario>(
    io: &mut Io,
    scenario: &mut S,
    id: Id,
    stage: Stage,
    frame: Frame<'_>,
) -> Result<(), Fault> {
    let Some(connection) = io.net.get(id) else { return Ok(()) };
    match (frame.opcode, connection.fragments.is_some()) {
        (Opcode::Text | Opcode::Binary, false) => {
            let binary = frame.opcode == Opcode::Binary;
            if frame.fin {
                return take_message(io, scenario, id, stage, binary, frame.payload);
            }
            connection.fragments = Some((binary, frame.payload.to_vec()));
            Ok(())
        }
        (Opcode::Continuation, true) => {
            if let Some((_, message)) = &mut connection.fragments {
                message.extend_from_slice(frame.payload);
            }
            match connection.fragments.take_if(|_| frame.fin) {
                Some((binary, message)) => take_message(io, scenario, id, stage, binary, &message),
                None => Ok(()),
            }
        }
        (Opcode::Ping, _) => {
            io.tally.pings += 1;
            io.net.append(id, |out| frame::write(out, Opcode::Pong, &[frame.payload]));
            Ok(())
        }
        (Opcode::Pong, _) => Ok(()),
        (Opcode::Close, _) => {
            // The answer is the last thing said (RFC 6455, section 5.5.1).
            io.net.append(id, |out| frame::write(out, Opcode::Close, &[frame.payload]));
            io.net.flush()?;
            scenario.ended(io, id)
        }
        (Opcode::Text | Opcode::Binary, true) | (Opcode::Continuation, false) => {
            Err(Fault::protocol("WebSocket fragments out of turn"))
        }
    }
}

fn take_message<S: Scenario>(
    io: &mut Io,
    scenario: &mut S,
    id: Id,
    stage: Stage,
    binary: bool,
    payload: &[u8],
) -> Result<(), Fault> {
    if binary {
        if stage == Stage::Ready {
            return scenario.message(io, id, Message::Binary(payload));
        }
        return Err(Fault::protocol("binary data before the answer to CONNECT"));
    }
    match (stage, payload) {
        (Stage::Ready, [b'4', ..]) => scenario.message(io, id, Message::Text(payload)),
        (_, PING) => {
            io.tally.pings += 1;
            io.text(id, PONG);
            Ok(())
        }
        // A noop packet says nothing.
        (_, b"6") => Ok(()),
        (_, b"1") => Err(Fault::new(FaultKind::Connection, "the server closed a session")),
        (Stage::Open, [b'0', ..]) => {
            let Io { net, target, .. } = io;
            net.append(id, |out| frame::write(out, Opcode::Text, &[target.packets.connect()]));
            enter(io, id, Stage::Connect);
            Ok(())
        }
        (Stage::Connect, packet) if io.target.packets.strip(b"40", packet).is_some() => {
            enter(io, id, Stage::Ready);
            scenario.ready(io, id)
        }
        (Stage::Probe, packet) if packet == PROBE.1 => {
            enter(io, id, Stage::Ready);
            scenario.ready(io, id)
        }
        (Stage::Connect, [b'4', b'4', ..]) => {
            Err(Fault::protocol(format!("the server refused the namespace: {}", excerpt(payload))))
        }
        // Events may precede the answer to CONNECT on servers that emit in their connection handler.
        (Stage::Connect, [b'4', b'2', ..]) => {
            io.tally.ignored += 1;
            Ok(())
        }
        _ => Err(Fault::protocol(format!(
            "at stage {stage:?} no such message was expected: {}",
            excerpt(payload)
        ))),
    }
}

fn enter(io: &mut Io, id: Id, stage: Stage) {
    if let Some(connection) = io.net.get(id) {
        connection.kind = Kind::WebSocket(stage);
    }
}
