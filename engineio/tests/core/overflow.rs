//! Clients that read too slowly, under each policy.

use std::{
    io::{self, IoSlice},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use engineio::{
    Binary, Config, Overflow, Sent, Socket,
    hub::{Form, Link},
};

use crate::support::{Client, World};

/// A client for which three packets may wait, and the socket behind it.
fn slow(overflow: Overflow) -> (World, Client, Socket) {
    let config = Config { max_queued_packets: 3, max_queued_bytes: 1_000, overflow, ..Config::default() };
    let world = World::with(config);
    let client = world.connected();
    let socket = world.io.of("/").sockets().pop().unwrap();
    (world, client, socket)
}

fn events(client: &Client) -> Vec<String> {
    let name = |packet: &String| packet.split('"').nth(1).map(str::to_owned);
    client.received().iter().filter_map(name).collect()
}

#[test]
fn a_droppable_event_is_dropped_and_costs_the_client_nothing_else() {
    let (world, client, socket) = slow(Overflow::Disconnect);
    for event in ["a", "b", "c"] {
        assert_eq!(socket.emit(event, &()), Sent::Queued);
    }
    assert_eq!(socket.droppable().emit("d", &()), Sent::Dropped);
    world.io.droppable().emit("d", &());
    assert_eq!((socket.queued_packets(), socket.dropped_packets()), (3, 2));
    assert_eq!(events(&client), ["a", "b", "c"]);
    assert_eq!((socket.queued_packets(), socket.queued_bytes()), (0, 0));
    assert_eq!(socket.droppable().emit("e", &()), Sent::Queued, "there is room again");
    assert!(!client.is_closed());
}

#[test]
fn droppable_events_make_room_for_others_the_oldest_first_and_then_the_client_is_closed() {
    let (world, client, socket) = slow(Overflow::DropVolatile);
    socket.emit("a", &());
    assert_eq!(socket.droppable().emit("old", &()), Sent::Queued);
    assert_eq!(socket.droppable().emit("new", &()), Sent::Queued);
    assert_eq!(socket.emit("b", &()), Sent::Displaced);
    assert_eq!(socket.droppable().emit("newer", &()), Sent::Displaced);
    assert_eq!(socket.emit("c", &()), Sent::Displaced);
    assert_eq!(socket.dropped_packets(), 3);
    assert_eq!(socket.emit("d", &()), Sent::Overflow);
    assert_eq!(events(&client), ["a", "b", "c"]);
    world.run();
    assert!(client.is_closed());
}

#[test]
fn the_oldest_events_make_room_but_not_the_one_on_its_way_nor_what_is_waited_for() {
    let (world, client, socket) = slow(Overflow::DropOldest);
    world.io.on("ask", |ack: engineio::Ack| ack.send("answer"));
    socket.emit("first", &());
    client.send(r#"21["ask"]"#);
    socket.emit("a", &());
    assert_eq!(socket.emit("b", &()), Sent::Displaced);
    assert_eq!(socket.emit("c", &()), Sent::Displaced);
    assert_eq!(client.received(), [r#"42["first"]"#, r#"431["answer"]"#, r#"42["c"]"#]);
    let _answer = socket.emit_with_ack("question", &());
    let _another = socket.emit_with_ack("question", &());
    let _third = socket.emit_with_ack("question", &());
    assert_eq!(socket.emit("d", &()), Sent::Overflow, "nothing that waits may go");
    world.run();
    assert!(client.is_closed());
}

#[test]
fn an_event_with_attachments_is_dropped_as_a_whole() {
    let (_world, client, socket) = slow(Overflow::DropOldest);
    socket.emit("first", &());
    socket.emit("binary", &(Binary::from("one"), Binary::from("two")));
    socket.emit("a", &());
    assert_eq!(socket.emit("b", &()), Sent::Displaced);
    assert_eq!(client.received(), [r#"42["first"]"#, r#"42["a"]"#, r#"42["b"]"#]);
}

#[test]
fn as_many_bytes_are_dropped_as_the_new_event_needs_or_none() {
    let (world, client, socket) = slow(Overflow::DropOldest);
    let text = |length: usize| "x".repeat(length);
    socket.emit("first", &text(5_000));
    socket.emit("a", &text(400));
    socket.emit("b", &text(400));
    assert_eq!(socket.emit("c", &text(900)), Sent::Displaced);
    assert_eq!(socket.dropped_packets(), 2);
    assert_eq!(socket.emit("too long for any queue", &text(2_000)), Sent::Overflow);
    assert_eq!(events(&client), ["first", "c"], "what waited was not dropped in vain");
    world.run();
    assert!(client.is_closed());
}

#[test]
fn pings_and_disconnections_are_never_dropped() {
    let (world, client, socket) = slow(Overflow::DropOldest);
    for event in ["a", "b"] {
        socket.emit(event, &());
    }
    world.advance(world.io.config().ping_interval);
    for event in ["c", "d", "e"] {
        socket.emit(event, &());
    }
    socket.disconnect();
    let received = client.received();
    assert!(received.contains(&"2".to_owned()) && received.contains(&"41".to_owned()), "{received:?}");
}

/// A WebTransport stream that takes nothing until it is opened.
#[derive(Default)]
struct Stream {
    is_open: AtomicBool,
    taken: AtomicUsize,
}

impl Link for Stream {
    fn form(&self) -> Form {
        Form::Stream
    }

    fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        if !self.is_open.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let taken = slices.iter().map(|slice| slice.len()).sum();
        self.taken.fetch_add(taken, Ordering::Relaxed);
        Ok(taken)
    }
}

#[test]
fn dropped_events_are_counted_in_the_form_in_which_a_webtransport_stream_would_have_carried_them() {
    let (_world, client, socket) = slow(Overflow::DropOldest);
    let stream = Arc::new(Stream::default());
    client.peer.attach(Arc::<Stream>::clone(&stream));
    for number in 0..40 {
        socket.emit("ev", &(number, Binary::from("abc")));
    }
    assert_eq!(socket.dropped_packets(), 37);
    let waiting = socket.queued_bytes();
    stream.is_open.store(true, Ordering::Relaxed);
    client.peer.outbox().flush().unwrap();
    assert_eq!(stream.taken.load(Ordering::Relaxed), waiting);
    assert_eq!((socket.queued_packets(), socket.queued_bytes()), (0, 0));
}
