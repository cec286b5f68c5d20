//! What must hold after each step, when nobody is woken, and at the end.

use std::collections::BTreeSet;

use engineio::{Refusal, engine::CloseReason};

use crate::{
    client::Phase,
    model::State,
    place::{NAMESPACES, Space},
    transport::Connection,
    world::World,
};

/// What holds at any time. Of the tables, those of one namespace on one server are looked at, in turn: what is wrong in
/// them stays wrong.
pub fn always(world: &mut World) {
    world.checks += 1;
    let state = world.model.lock();
    assert!(state.faults.is_empty(), "{}", state.faults.join("; "));
    for io in &world.servers {
        // Clients keep to the protocol, so that whatever is refused them for it was misunderstood.
        assert_eq!(io.refusals().count(Refusal::Protocol), 0, "a packet was not understood");
    }
    for (_, seat) in state.seats.iter().filter(|(_, seat)| seat.is_connected()) {
        let peer = seat.socket.peer();
        assert!(peer.ended().is_none(), "a socket outlived its session");
        assert!(world.servers[seat.server].peers().contains_key(peer.sid()), "a session is not in the table");
    }
    let turn = world.checks % (world.servers.len() * world.spaces);
    tables_agree(&state, world, turn / world.spaces, turn % world.spaces);
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

/// The tables of a namespace on one server name those whom the model names.
fn tables_agree(state: &State, world: &World, server: usize, space: Space) {
    let namespace = world.namespace(server, space);
    let members: Vec<_> = {
        let here = state.seats.iter().filter(|((own, _), seat)| (*own, seat.server) == (space, server));
        here.filter(|(_, seat)| seat.is_connected()).collect()
    };
    let known = members.iter().filter(|((_, id), seat)| namespace.socket(id).as_ref() == Some(&seat.socket));
    let counts = (known.count(), namespace.len());
    assert_eq!(counts, (members.len(), members.len()), "the sockets of server {server} in namespace {space}");
    for (place, seat) in &members {
        let (rooms, own) = (seat.socket.rooms(), seat.own_room(place));
        let are_meant = rooms.iter().all(|room| seat.rooms.contains(&**room) || **room == *own);
        assert!(are_meant && rooms.len() == seat.rooms.len() + 1, "{:?} is in {rooms:?}", seat.socket);
    }
    // Who is in a room that the model does not know is found when something is sent there.
    for room in members.iter().flat_map(|(_, seat)| &seat.rooms).collect::<BTreeSet<_>>() {
        let meant = members.iter().filter(|(_, seat)| seat.rooms.contains(room));
        let meant: BTreeSet<_> = meant.map(|((_, id), _)| *id).collect();
        let inside = namespace.to(&**room).sockets();
        let are_meant =
            inside.iter().all(|socket| meant.contains(socket.id())) && inside.len() == meant.len();
        assert!(are_meant, "in {room} of server {server} are {inside:?} in place of {meant:?}");
    }
}

/// The rooms that a namespace knows on one server are those that somebody is in.
fn rooms_agree(state: &State, world: &World, server: usize, space: Space) {
    let rooms = world.namespace(server, space).adapter().rooms();
    let rooms: BTreeSet<_> = rooms.iter().map(|room| room.to_string()).collect();
    let here = state.seats.iter().filter(|((own, _), seat)| (*own, seat.server) == (space, server));
    let here = here.filter(|(_, seat)| seat.is_connected());
    let wanted: BTreeSet<_> = here.flat_map(|(_, seat)| seat.rooms.iter().cloned()).collect();
    assert_eq!(rooms, wanted, "the rooms of server {server} in namespace {space}");
}

/// What holds when nobody is woken.
pub fn at_rest(world: &World) {
    let connections = world.clients.iter().filter_map(|client| client.connection.as_ref());
    for connection in connections.chain(&world.abandoned) {
        assert_eq!(connection.forgotten(), None);
        assert!(!connection.has_timed_out_early(world.runtime.elapsed()), "a heartbeat was not heard");
        let peer = &connection.peer;
        let has_reason = peer.description().is_some() || world.closed.contains(peer.sid());
        assert!(
            has_reason || peer.ended() != Some(CloseReason::ForcedClose),
            "a session was closed by nobody"
        );
    }
}

/// What holds when everything that was sent has been read.
pub fn when_settled(world: &World) {
    let state = world.model.lock();
    for server in 0..world.servers.len() {
        for space in 0..world.spaces {
            tables_agree(&state, world, server, space);
            rooms_agree(&state, world, server, space);
        }
    }
    for (name, client) in world.clients.iter().enumerate() {
        let open = |connection: &&Connection| connection.peer.is_open();
        let Some(connection) = client.connection.as_ref().filter(open) else { continue };
        assert_eq!(client.unanswered_pings(), 0, "pings of client {name} were not answered");
        let mut owed = Vec::new();
        let is_waiting = client.stays.iter().any(|stay| stay.phase == Phase::Knocking);
        assert!(!is_waiting, "client {name} was neither let in nor refused");
        for stay in client.stays.iter().filter(|stay| stay.phase == Phase::Joined) {
            let Some(place) = stay.place else { continue };
            assert_eq!(state.heard(stay.stretch), stay.sent, "what client {name} said was not heard");
            assert!(stay.awaited.is_empty(), "client {name} got no answers: {:?}", stay.awaited);
            let seat = &state.seats[&place];
            assert!(
                seat.is_connected(),
                "client {name} does not know that it has left namespace {}",
                stay.space
            );
            owed.extend(seat.owed(connection.peer.sid()));
        }
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
        assert_eq!(io.peers().len(), 0, "sessions without an owner");
        for name in &NAMESPACES[..world.spaces] {
            let namespace = io.of(name);
            let left = (namespace.len(), namespace.adapter().rooms());
            assert_eq!(left, (0, Vec::new()), "what is left in the tables of {name}");
        }
    }
    assert_eq!(world.runtime.tasks(), 0, "tasks are left");
    world.clients.clear();
    world.abandoned.clear();
    let alive = world.sessions.iter().filter(|session| session.strong_count() > 0).count();
    assert_eq!(alive, 0, "sessions are still held by somebody");
    assert_eq!(world.runtime.timers(), 0, "timers are left");
}
