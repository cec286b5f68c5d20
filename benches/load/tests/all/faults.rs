//! Servers that do one thing wrong: each must be found out.

use std::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering},
};

use engineio::{Ack, Args, Payload, Server, Socket};
use loadtest::FaultKind;
use serde_json::{Value, value::RawValue};

use crate::{
    load,
    server::{correct, echo, join, start},
};

/// The call that goes wrong.
const WRONG: u64 = 50;

/// Tells whether this is the call that goes wrong.
fn counter() -> impl Fn() -> bool + Send + Sync + 'static {
    let calls = AtomicU64::new(0);
    move || calls.fetch_add(1, Ordering::Relaxed) == WRONG
}

#[track_caller]
fn fails(handlers: impl FnOnce(&Server), line: &str, kind: FaultKind) {
    let report = load(&start(handlers), line);
    assert_eq!(report.fault.as_ref().map(|fault| fault.kind), Some(kind), "{line}: {:?}", report.fault);
}

fn drops_an_echo(io: &Server) {
    let wrong = counter();
    io.on("echo", move |payload: Payload, ack: Ack| {
        if !wrong() {
            ack.send_payload(&payload);
        }
    });
}

#[test]
fn a_dropped_echo_is_found_by_the_next_one() {
    fails(drops_an_echo, "echo --connections 1 --outstanding 2", FaultKind::Order);
    fails(drops_an_echo, "polling --connections 1 --outstanding 2", FaultKind::Order);
}

#[test]
fn a_dropped_echo_is_found_when_nothing_follows_it() {
    fails(drops_an_echo, "echo --connections 1 --outstanding 1", FaultKind::Stalled);
    fails(drops_an_echo, "echo --connections 3 --outstanding 1", FaultKind::Stalled);
    fails(drops_an_echo, "upgrade --in-flight 1", FaultKind::Stalled);
}

#[test]
fn swapped_echoes_are_found() {
    let held: Mutex<Option<(Payload, Ack)>> = Mutex::new(None);
    let wrong = counter();
    let swap = |io: &Server| {
        io.on("echo", move |payload: Payload, ack: Ack| {
            if wrong() {
                *held.lock().unwrap() = Some((payload, ack));
                return;
            }
            ack.send_payload(&payload);
            if let Some((payload, ack)) = held.lock().unwrap().take() {
                ack.send_payload(&payload);
            }
        });
    };
    fails(swap, "echo --connections 1 --outstanding 4", FaultKind::Order);
}

#[test]
fn another_payload_is_found() {
    let wrong = counter();
    let change = |io: &Server| {
        io.on(
            "echo",
            move |payload: Payload, ack: Ack| {
                if wrong() { ack.send("something else") } else { ack.send_payload(&payload) }
            },
        );
    };
    fails(change, "echo --connections 1", FaultKind::Payload);
}

/// What a wrong server does with a message.
type Publish = fn(&Socket, String, Box<RawValue>, &Mutex<Option<Box<RawValue>>>);

fn publishes(wrongly: Publish) -> impl FnOnce(&Server) {
    move |io| {
        echo(io);
        join(io);
        let (wrong, held) = (counter(), Mutex::new(None));
        io.on("publish", move |socket: Socket, Args((room, message)): Args<(String, Box<RawValue>)>| {
            if wrong() {
                wrongly(&socket, room, message, &held);
                return;
            }
            socket.namespace().to(room.clone()).emit("msg", &message);
            if let Some(message) = held.lock().unwrap().take() {
                socket.namespace().to(room).emit("msg", &message);
            }
        });
    }
}

#[test]
fn swapped_messages_are_found() {
    let swap = publishes(|_, _, message, held| *held.lock().unwrap() = Some(message));
    fails(swap, "broadcast --members 3 --in-flight 4", FaultKind::Order);
}

#[test]
fn a_message_that_is_lost_for_all_is_found() {
    fails(publishes(|_, _, _, _| {}), "broadcast --members 3", FaultKind::Stalled);
    fails(publishes(|_, _, _, _| {}), "rooms --rooms 2 --members 3", FaultKind::Stalled);
    fails(publishes(|_, _, _, _| {}), "rooms --rooms 2 --members 3 --in-flight 3", FaultKind::Order);
}

#[test]
fn a_message_that_is_lost_for_one_is_found() {
    let skip = |socket: &Socket, room: String, message: Box<RawValue>, _: &Mutex<_>| {
        socket.to(room).emit("msg", &message);
    };
    // With rooms, the publisher is a member, and `socket.to` leaves it out.
    fails(publishes(skip), "rooms --rooms 1 --members 3", FaultKind::Stalled);
}

#[test]
fn a_doubled_message_is_found() {
    let double = |socket: &Socket, room: String, message: Box<RawValue>, _: &Mutex<_>| {
        for _ in 0..2 {
            socket.namespace().to(room.clone()).emit("msg", &message);
        }
    };
    fails(publishes(double), "broadcast --members 3", FaultKind::Doubled);
}

#[test]
fn a_damaged_message_is_found() {
    let damage = |socket: &Socket, room: String, message: Box<RawValue>, _: &Mutex<_>| {
        let text: String = serde_json::from_str(message.get()).unwrap();
        socket.namespace().to(room).emit("msg", &Value::String(text.replace('z', "y")));
    };
    fails(publishes(damage), "broadcast --members 3", FaultKind::Payload);
}

#[test]
fn a_disconnection_is_found() {
    let close = |socket: &Socket, _: String, _: Box<RawValue>, _: &Mutex<_>| socket.disconnect();
    fails(publishes(close), "broadcast --members 3", FaultKind::Protocol);
}

#[test]
fn a_wrong_answer_to_a_call_is_found() {
    let other = |io: &Server| {
        io.on("x", |ack: Ack| ack.send("y"));
    };
    fails(other, r#"call --event x --answer ["x"]"#, FaultKind::Payload);
    let silent = |io: &Server| {
        io.on("x", |_: Ack| {});
    };
    fails(silent, "call --event x", FaultKind::Stalled);
}

#[test]
fn a_change_of_rooms_that_is_not_acknowledged_is_found() {
    let wrong = counter();
    let forget = |io: &Server| {
        join(io);
        io.on("leave", move |ack: Ack| {
            if !wrong() {
                ack.send(&());
            }
        });
    };
    fails(forget, "churn --connections 1 --rooms 2", FaultKind::Order);
    fails(join, "churn --connections 1 --rooms 2", FaultKind::Order);
}

#[test]
fn events_nobody_asked_for_are_counted_and_nothing_else() {
    let server = start(|io| {
        correct(io);
        io.on_connection(|socket: Socket| {
            socket.emit("welcome", &("hello", 42));
        });
    });
    let report = load(&server, "echo --connections 5");
    assert!(report.is_ok(), "{:?}", report.fault);
    assert_eq!(report.ignored, 5);
}
