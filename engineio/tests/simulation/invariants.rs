//! What must hold after each step, when nobody is woken, and at the end.

use std::collections::BTreeSet;

use crate::{client::Phase, model::Promise, world::World};

/// What holds at any time.
pub fn always(world: &World) {
    let state = world.model.lock();
    assert!(state.faults.is_empty(), "{}", state.faults.join("; "));
    for (number, io) in world.servers.iter().enumerate() {
        let namespace = io.of("/");
        let members = || state.seats.iter().filter(|(_, seat)| seat.server == number && seat.is_connected());
        let named: BTreeSet<_> = members().map(|(id, _)| *id).collect();
        let known: BTreeSet<_> = namespace.sockets().iter().map(|socket| *socket.id()).collect();
        assert_eq!(known, named, "the sockets of server {number}");
        for (id, seat) in members() {
            let peer = seat.socket.peer();
            assert!(peer.ended().is_none(), "a socket outlived its session");
            assert!(io.peers().contains_key(peer.sid()), "a socket whose session is not in the table");
            let rooms: BTreeSet<_> = seat.socket.rooms().iter().map(|room| room.to_string()).collect();
            let mut wanted = seat.rooms.clone();
            wanted.insert(id.to_string());
            assert_eq!(rooms, wanted, "the rooms of a socket");
        }
        let rooms: BTreeSet<_> = namespace.adapter().rooms().iter().map(|room| room.to_string()).collect();
        let wanted: BTreeSet<_> = members().flat_map(|(_, seat)| seat.rooms.iter().cloned()).collect();
        assert_eq!(rooms, wanted, "the rooms of server {number}");
        for room in wanted {
            let inside: BTreeSet<_> = io.to(&*room).sockets().iter().map(|socket| *socket.id()).collect();
            let meant = state.meant(number, std::slice::from_ref(&room), &[]);
            assert_eq!(inside, meant.into_iter().collect(), "the members of {room}");
        }
    }
    drop(state);
    for peer in world.sessions.iter().filter_map(std::sync::Weak::upgrade) {
        let outbox = peer.outbox();
        // Packets that the protocol owes are admitted past the bound; there are few of them, and missed events of a
        // client that comes back, which fit the bound by themselves.
        let most = 2 * world.config.max_queued_packets + 8;
        assert!(outbox.queued_packets() <= most, "{} packets are queued", outbox.queued_packets());
        let most = 2 * world.config.max_queued_bytes + 2_000;
        assert!(outbox.queued_bytes() <= most, "{} bytes are queued", outbox.queued_bytes());
    }
}

/// What holds when nobody is woken.
pub fn at_rest(world: &World) {
    let connections = world.clients.iter().filter_map(|client| client.connection.as_ref());
    for connection in connections.chain(&world.abandoned) {
        assert_eq!(connection.forgotten(), None);
    }
}

/// What holds when everything that was sent has been read.
pub fn when_settled(world: &World) {
    let mut state = world.model.lock();
    for (name, client) in world.clients.iter().enumerate() {
        let Some(connection) = client.connection.as_ref().filter(|_| client.phase == Phase::Joined) else {
            continue;
        };
        if !connection.peer.is_open() {
            continue;
        }
        let Some(id) = client.id else { continue };
        assert_eq!(state.heard(&id, client.stretch), client.sent, "what client {name} said was not heard");
        assert!(client.awaited.is_empty(), "client {name} got no answers: {:?}", client.awaited);
        let sid = *connection.peer.sid();
        let seat = state.seats.get_mut(&id).expect("the socket of a client that was let in");
        let owed = seat.expected.iter().filter(|expected| !expected.is_dropped).filter(|expected| {
            match expected.promise {
                Promise::Kept => true,
                Promise::Once => expected.connection == sid,
                Promise::Volatile => false,
            }
        });
        let owed: Vec<_> = owed.map(|expected| expected.number).collect();
        assert!(owed.len() as u64 <= client.may_miss(), "client {name} never got {owed:?}");
    }
}

/// What holds when everyone has left and time has passed.
pub fn when_gone(world: &mut World) {
    let faults = std::mem::take(&mut world.model.lock().faults);
    assert!(faults.is_empty(), "{}", faults.join("; "));
    {
        let mut state = world.model.lock();
        assert!(state.questions.is_empty(), "questions without an end: {:?}", state.questions);
        assert!(state.polls.is_empty(), "broadcasts without an end: {:?}", state.polls);
        state.seats.clear();
    }
    for io in &world.servers {
        let namespace = io.of("/");
        assert_eq!(io.peers().len(), 0, "sessions without an owner");
        assert_eq!((namespace.len(), namespace.adapter().rooms()), (0, Vec::new()), "what is left in tables");
    }
    assert_eq!(world.runtime.tasks(), 0, "tasks are left");
    world.clients.clear();
    world.abandoned.clear();
    let alive = world.sessions.iter().filter(|session| session.strong_count() > 0).count();
    assert_eq!(alive, 0, "sessions are still held by somebody");
    assert_eq!(world.runtime.timers(), 0, "timers are left");
}
