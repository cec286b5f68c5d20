//! What is written behind an event, and what a client may say it has.

use engineio::{Ack, Sent, Socket};

use super::{Memory, back, joined, socket, world};
use crate::support::World;

#[test]
fn it_is_off_by_default_and_a_claim_is_ignored() {
    let world = World::new();
    let client = world.client();
    client.send(r#"0{"pid":"AAAAAAAAAAAAAAAAAAAA","offset":"x"}"#);
    let reply = client.received();
    assert!(reply[0].starts_with("40{") && !reply[0].contains("pid"), "{reply:?}");
    world.io.emit("ev", "text");
    socket(&world, &Memory { id: reply[0].split('"').nth(3).unwrap().into(), ..Memory::default() })
        .emit("ev", &());
    assert_eq!(client.received(), [r#"42["ev","text"]"#, r#"42["ev"]"#]);
}

#[test]
fn events_carry_an_offset_and_what_cannot_be_kept_carries_none() {
    let world = world();
    world.io.on("ask", |_: Socket, ack: Ack| ack.send("answer"));
    let (client, memory) = joined(&world);
    assert_eq!((memory.id.len(), memory.pid.len()), (20, 20));
    assert_ne!(memory.id, memory.pid);
    let offset = |packet: &str| packet.rsplit('"').nth(1).unwrap().to_owned();
    world.io.emit("ev", &1);
    socket(&world, &memory).emit("ev", &2);
    world.io.to(&*memory.id).emit("ev", &());
    let packets = client.received();
    let offsets: Vec<_> = packets.iter().map(|packet| offset(packet)).collect();
    assert_eq!(packets[0], format!(r#"42["ev",1,"{}"]"#, offsets[0]));
    assert_eq!(packets[1], format!(r#"42["ev",2,"{}"]"#, offsets[1]));
    assert_eq!(packets[2], format!(r#"42["ev","{}"]"#, offsets[2]));
    assert!(offsets[0] != offsets[1] && offsets[1] != offsets[2]);

    client.peer.outbox().set_writable(true);
    let socket = socket(&world, &memory);
    drop(socket.emit_with_ack("ev", "text"));
    client.send(r#"27["ask"]"#);
    assert_eq!(client.received(), [r#"420["ev","text"]"#, r#"437["answer"]"#]);
}

#[test]
fn a_volatile_event_does_not_spoil_the_offset_of_a_client() {
    let world = world();
    let (client, mut memory) = joined(&world);
    world.io.emit("ev", &1);
    memory.take_in(&client.received());
    client.peer.outbox().set_writable(true);
    let socket = socket(&world, &memory);
    let mut volatile = |send: &dyn Fn() -> Sent| {
        send();
        let packets = client.received();
        memory.take_in(&packets);
        packets[0].clone()
    };
    assert_eq!(volatile(&|| socket.emit_volatile("ev", "text")), r#"42["ev","text",null]"#);
    assert_eq!(volatile(&|| socket.emit_volatile("ev", &7)), r#"42["ev",7]"#);
    let broadcast = || world.io.of("/").volatile().emit("ev", "\"");
    assert_eq!(volatile(&broadcast), r#"42["ev","\"",null]"#);
    memory.take_events();
    client.vanish();
    world.io.emit("ev", &2);
    assert!(back(&world, &mut memory).1);
    assert_eq!(memory.take_events(), [2]);
}

#[test]
fn an_event_without_arguments_does_not_spoil_the_offset_either() {
    let world = world();
    let (client, memory) = joined(&world);
    client.peer.outbox().set_writable(true);
    socket(&world, &memory).emit_volatile("ev", &());
    assert_eq!(client.received(), [r#"42["ev",null]"#]);
}

#[test]
fn an_offset_from_a_server_before_this_one_counts_as_none() {
    let world = world();
    let (client, mut memory) = joined(&world);
    client.vanish();
    world.io.emit("ev", &1);
    memory.offset = Some("oldold.1f".into());
    assert!(back(&world, &mut memory).1);
    assert_eq!(memory.take_events(), [1]);
}

#[test]
fn an_offset_that_lies_ahead_is_not_believed() {
    let world = world();
    let (client, mut memory) = joined(&world);
    world.io.emit("ev", &1);
    memory.take_in(&client.received());
    client.vanish();
    let tag = memory.offset.as_deref().unwrap().split('.').next().unwrap().to_owned();
    memory.offset = Some(format!("{tag}.ffff"));
    assert!(!back(&world, &mut memory).1);
}
