//! Many threads at one server, with the very locks and tables that it has in service.
//!
//! loom (`tests/loom/`) tries every order, but for one connection only and with locks of its own. These run a few orders
//! of everything; Miri (`tests/miri`) looks at each for data races.

use std::{
    sync::{Arc, Weak},
    thread,
};

use engineio::{Socket, hub::Peer};

use crate::support::World;

/// How often each thread does what it does. Miri tries more orders in place of longer ones.
const ROUNDS: usize = if cfg!(miri) { 2 } else { 300 };

fn socket_of(world: &World, at: usize) -> Socket {
    world.io.of("/").sockets().remove(at)
}

#[test]
fn what_threads_send_to_all_arrives_once_and_in_the_order_of_each() {
    let world = World::new();
    let (read_meanwhile, read_later) = (world.connected(), world.connected());
    let mut received = Vec::new();
    thread::scope(|scope| {
        for sender in ["a", "b"] {
            let io = &world.io;
            scope.spawn(move || {
                for number in 0..ROUNDS {
                    io.emit(sender, &number);
                }
            });
        }
        while received.len() < 2 * ROUNDS {
            received.extend(read_meanwhile.received());
            thread::yield_now();
        }
    });
    for received in [received, read_later.received()] {
        assert_eq!(received.len(), 2 * ROUNDS);
        for sender in ["a", "b"] {
            let own = received.iter().filter(|packet| packet.contains(sender));
            let sent = (0..ROUNDS).map(|number| format!(r#"42["{sender}",{number}]"#));
            assert!(own.eq(sent.collect::<Vec<_>>().iter()), "{received:?}");
        }
    }
}

#[test]
fn a_room_that_threads_join_and_leave_has_those_who_joined_last() {
    let world = World::new();
    let clients = [world.connected(), world.connected()];
    thread::scope(|scope| {
        for at in 0..clients.len() {
            let socket = socket_of(&world, at);
            scope.spawn(move || {
                for _ in 0..ROUNDS {
                    socket.join("room").unwrap();
                    socket.leave("room");
                    socket.join("room").unwrap();
                }
            });
        }
        for _ in 0..ROUNDS {
            world.io.to("room").emit("meanwhile", &());
        }
    });
    clients.iter().for_each(|client| drop(client.received()));
    world.io.to("room").emit("after", &());
    for (at, client) in clients.iter().enumerate() {
        assert_eq!(client.received(), [r#"42["after"]"#]);
        socket_of(&world, at).leave("room");
    }
    world.io.to("room").emit("nobody", &());
    assert!(clients.iter().all(|client| client.received().is_empty()));
}

#[test]
fn clients_that_come_and_go_on_all_threads_leave_nothing_behind() {
    let world = World::new();
    let come_and_go = || -> Vec<Weak<Peer>> {
        let once = |_| {
            let client = world.connected();
            client.send(r#"2["ev"]"#);
            client.vanish();
            Arc::downgrade(&client.peer)
        };
        (0..ROUNDS).map(once).collect()
    };
    world.io.on("ev", |socket: Socket| drop(socket.join("room")));
    let gone = thread::scope(|scope| {
        let workers = [scope.spawn(come_and_go), scope.spawn(come_and_go)];
        for _ in 0..ROUNDS {
            world.io.to("room").emit("meanwhile", &());
        }
        workers.map(|worker| worker.join().unwrap()).concat()
    });
    assert!(gone.iter().all(|peer| peer.strong_count() == 0), "nothing keeps a connection alive");
    assert_eq!((world.connections(), world.io.of("/").len(), world.tasks()), (0, 0, 0));
    assert!(world.io.of("/").adapter().rooms().is_empty());
}
