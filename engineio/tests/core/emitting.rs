//! Events to one client: their manner, their answers, what becomes of them.

use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use engineio::{AckError, Sent, Socket};

use crate::support::{Client, World};

fn joined(world: &World) -> (Client, Socket) {
    let client = world.connected();
    let socket = world.io.of("/").sockets().pop().unwrap();
    (client, socket)
}

#[test]
fn send_is_the_event_message() {
    let world = World::new();
    let (client, socket) = joined(&world);
    assert_eq!(socket.send("hello"), Sent::Queued);
    assert_eq!(socket.compress(false).send(&("a", 1)), Sent::Queued);
    assert_eq!(client.received(), [r#"42["message","hello"]"#, r#"42["message","a",1]"#]);
}

#[test]
fn an_event_says_whether_it_is_to_be_compressed() {
    let world = World::new();
    let (client, socket) = joined(&world);
    let compressed = || client.peer.take_payload().map(|payload| payload.compress);
    socket.emit("ev", &());
    assert_eq!(compressed(), Some(true));
    socket.compress(false).emit("ev", &());
    assert_eq!(compressed(), Some(false));
    world.io.of("/").except("nobody").compress(false).emit("ev", &());
    assert_eq!(compressed(), Some(false));
}

#[test]
fn a_time_of_ones_own_is_the_time_that_is_waited() {
    let world = World::new();
    let (_client, socket) = joined(&world);
    let mut answer = socket.timeout(Duration::from_secs(2)).emit_with_ack("ev", &());
    let mut ask = || Pin::new(&mut answer).poll(&mut Context::from_waker(Waker::noop()));
    world.advance(Duration::from_millis(1_999));
    assert!(ask().is_pending());
    world.advance(Duration::from_millis(1));
    assert_eq!(ask(), Poll::Ready(Err(AckError::Timeout)));
}
