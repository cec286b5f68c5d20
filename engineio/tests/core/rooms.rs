use engineio::{Args, Data, Sid, Socket};
use proptest::prelude::*;
use std::collections::BTreeSet;

use crate::support::{Client, World};

/// Clients whose sockets stand in the same order.
fn crowd<const N: usize>(world: &World) -> [(Client, Socket); N] {
    std::array::from_fn(|_| {
        let client = world.client();
        client.send("0");
        let packet = client.received().remove(0);
        let id = Sid::parse(packet.split('"').nth(3).unwrap()).unwrap();
        (client, world.io.of("/").socket(&id).unwrap())
    })
}

fn events(client: &Client) -> usize {
    client.received().len()
}

#[test]
fn a_namespace_reaches_all_of_it_and_nobody_else() {
    let world = World::new();
    world.io.of("/other");
    let [(a, _), (b, _)] = crowd(&world);
    let stranger = world.client();
    stranger.send("0/other,");
    stranger.received();
    world.io.emit("ev", "x");
    assert_eq!(a.received(), [r#"42["ev","x"]"#]);
    assert_eq!((events(&b), events(&stranger)), (1, 0));
}

#[test]
fn a_socket_in_several_rooms_gets_one_copy_and_the_sender_none() {
    let world = World::new();
    let [(a, sa), (b, sb), (c, _)] = crowd(&world);
    for room in ["x", "y"] {
        sa.join(room).unwrap();
        sb.join(room).unwrap();
    }
    sa.to("x").to("y").emit("ev", &());
    assert_eq!([events(&a), events(&b), events(&c)], [0, 1, 0]);
    world.io.to("x").to("y").emit("ev", &());
    assert_eq!([events(&a), events(&b), events(&c)], [1, 1, 0]);
}

#[test]
fn except_beats_rooms_and_takes_ids_as_well() {
    let world = World::new();
    let [(a, sa), (b, sb), (c, sc)] = crowd(&world);
    for socket in [&sa, &sb, &sc] {
        socket.join("all").unwrap();
    }
    sb.join("muted").unwrap();
    world.io.to("all").except("muted").except(sc.id().as_str()).emit("ev", &());
    assert_eq!([events(&a), events(&b), events(&c)], [1, 0, 0]);
    sa.except("muted").emit("ev", &());
    assert_eq!([events(&a), events(&b), events(&c)], [0, 0, 1]);
    sa.broadcast().emit("ev", &());
    assert_eq!([events(&a), events(&b), events(&c)], [0, 1, 1]);
}

#[test]
fn every_socket_is_in_the_room_of_its_own_id_until_it_leaves_it() {
    let world = World::new();
    let [(a, sa), (b, sb)] = crowd(&world);
    world.io.to(sa.id().as_str()).emit("ev", &());
    assert_eq!([events(&a), events(&b)], [1, 0]);
    sb.join(sa.id().as_str()).unwrap();
    sa.leave(sa.id().as_str());
    world.io.to(sa.id().as_str()).emit("ev", &());
    assert_eq!([events(&a), events(&b)], [0, 1]);
    assert!(sa.rooms().is_empty());
}

#[test]
fn operators_can_be_kept_and_flags_do_not_leak() {
    let world = World::new();
    let [(a, sa), (b, _)] = crowd(&world);
    sa.join("x").unwrap();
    let to_x = world.io.to("x");
    to_x.clone().except("x").emit("nobody", &());
    to_x.emit("ev", &());
    to_x.emit("ev", &());
    assert_eq!([events(&a), events(&b)], [2, 0]);
}

#[test]
fn empty_rooms_vanish() {
    let world = World::new();
    let [(_, sa), (b, sb)] = crowd(&world);
    sa.join("x").unwrap();
    sb.join("x").unwrap();
    sa.leave("x");
    sa.leave("unknown");
    assert_eq!(world.io.of("/").adapter().rooms().len(), 1);
    b.vanish();
    assert_eq!(world.io.of("/").adapter().rooms().len(), 0);
}

#[test]
fn a_room_joined_in_a_listener_is_in_force_at_once() {
    let world = World::new();
    world.io.on("join", |socket: Socket, Data(room): Data<String>| {
        socket.join(room.as_str()).unwrap();
        socket.namespace().to(room).emit("ev", &());
    });
    let client = world.connected();
    client.send(r#"2["join","x"]"#);
    assert_eq!(client.received(), [r#"42["ev"]"#]);
}

#[test]
fn a_disconnected_socket_joins_nothing() {
    let world = World::new();
    let [(_, socket)] = crowd(&world);
    socket.disconnect();
    assert!(socket.join("x").is_err());
    assert!(socket.rooms().is_empty());
}

#[test]
fn an_event_before_a_disconnection_of_everybody_arrives_first() {
    let world = World::new();
    let [(a, _)] = crowd(&world);
    world.io.emit("bye", &());
    world.io.of("/").disconnect_sockets(false);
    assert_eq!(a.received(), [r#"42["bye"]"#, "41"]);
}

#[test]
fn many_sockets_join_and_leave_at_once() {
    let world = World::new();
    let [(_, sa), _] = crowd(&world);
    sa.join("x").unwrap();
    world.io.to("x").sockets_join("y").unwrap();
    assert_eq!(world.io.to("y").sockets(), [sa]);
    world.io.to("x").sockets_leave("y");
    assert!(world.io.to("y").sockets().is_empty());
}

#[test]
fn of_two_volatile_events_in_a_turn_exactly_one_arrives() {
    let world = World::new();
    world.io.on("go", |socket: Socket| {
        for number in 0..2 {
            socket.emit_volatile("volatile", &number);
        }
        socket.emit("normal", &());
    });
    let client = world.connected();
    client.peer.outbox().set_writable(true);
    client.send(r#"2["go"]"#);
    assert_eq!(client.received(), [r#"42["volatile",0]"#, r#"42["normal"]"#]);
}

#[test]
fn arguments_can_be_taken_as_a_tuple() {
    let world = World::new();
    world.io.on("add", |socket: Socket, Args((a, b)): Args<(u32, u32)>| {
        socket.emit("sum", &(a + b));
    });
    let client = world.connected();
    client.send(r#"2["add",2,3]"#);
    assert_eq!(client.received(), [r#"42["sum",5]"#]);
}

#[derive(Clone, Debug)]
enum Step {
    Join(usize, usize),
    Leave(usize, usize),
    Vanish(usize),
}

proptest! {
    /// The adapter against a plain set of pairs.
    #[test]
    fn membership_agrees_with_a_naive_model(
        steps in prop::collection::vec(
            prop_oneof![
                (0..6usize, 0..4usize).prop_map(|(s, r)| Step::Join(s, r)),
                (0..6usize, 0..4usize).prop_map(|(s, r)| Step::Leave(s, r)),
                (0..6usize).prop_map(Step::Vanish),
            ],
            0..60,
        ),
        targets in prop::collection::vec(0..4usize, 0..3),
        except in prop::collection::vec(0..4usize, 0..2),
    ) {
        let world = World::new();
        let crowd: [(Client, Socket); 6] = crowd(&world);
        let (mut model, mut alive) = (BTreeSet::new(), [true; 6]);
        for step in steps {
            match step {
                Step::Join(s, r) => {
                    if crowd[s].1.join(format!("room{r}")).is_ok() {
                        model.insert((s, r));
                    }
                }
                Step::Leave(s, r) => {
                    crowd[s].1.leave(&format!("room{r}"));
                    model.remove(&(s, r));
                }
                Step::Vanish(s) => {
                    crowd[s].0.vanish();
                    alive[s] = false;
                    model.retain(|&(member, _)| member != s);
                }
            }
        }
        let mut broadcast = world.io.of("/").except("nobody");
        for target in &targets {
            broadcast = broadcast.to(format!("room{target}"));
        }
        for room in &except {
            broadcast = broadcast.except(format!("room{room}"));
        }
        broadcast.emit("ev", &());
        for (index, (client, _)) in crowd.iter().enumerate() {
            let is_in = |room: &usize| model.contains(&(index, *room));
            let meant = targets.is_empty() || targets.iter().any(is_in);
            let expected = alive[index] && meant && !except.iter().any(is_in);
            prop_assert_eq!(events(client), usize::from(expected), "socket {}", index);
        }
    }
}

#[test]
fn all_rooms_are_left_at_once_that_of_the_own_id_included() {
    let world = World::new();
    let [(_client, socket)] = crowd::<1>(&world);
    socket.join(["a", "b"]).unwrap();
    socket.leave_all();
    assert!(socket.rooms().is_empty());
    assert!(world.io.of("/").adapter().rooms().is_empty());
    assert!(world.io.to(socket.id()).sockets().is_empty());
    assert_eq!(world.io.of("/").len(), 1, "it is still in the namespace");
}
