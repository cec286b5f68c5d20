//! Sessions, rooms and acknowledgements without sockets: what is left of an operation when the kernel costs nothing.

#![allow(missing_docs, reason = "criterion makes public functions without documentation")]
#![allow(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::{hint::black_box, time::Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use engineio::{
    Config,
    engine::{Input, Packet, Session, Transport},
};
use paths::World;

fn session(c: &mut Criterion) {
    let (config, now) = (Config::default(), Instant::now());
    let mut session = Session::new(Transport::Websocket, &config, now);
    c.bench_function("session: a message", |b| {
        b.iter(|| session.handle(Input::Packet(Packet::Message(black_box("2[\"a\"]"))), &config, now));
    });
    let mut polling = Session::new(Transport::Polling, &config, now);
    c.bench_function("session: a poll opened and answered", |b| {
        b.iter(|| {
            black_box(polling.handle(Input::PollOpened, &config, now));
            black_box(polling.handle(Input::PollAnswered, &config, now));
        });
    });
}

fn events(c: &mut Criterion) {
    let world = World::new();
    let client = world.connect();
    let echo = format!(r#"212["echo","{}"]"#, "x".repeat(64));
    c.bench_function("echo with acknowledgement", |b| b.iter(|| client.text(black_box(&echo))));
    let head = r#"451-12["echo",{"_placeholder":true,"num":0}]"#.replacen('4', "", 1);
    c.bench_function("echo with acknowledgement, binary", |b| {
        b.iter(|| {
            client.text(black_box(&head));
            client.binary(&[7; 64]);
        });
    });
    let mut id = 0_u64;
    c.bench_function("a question to the client and its answer", |b| {
        b.iter(|| {
            let answer = client.socket.emit_with_ack("question", &"x");
            client.text(&format!("3{id}[\"y\"]"));
            id += 1;
            answer
        });
    });
}

fn fan_out(c: &mut Criterion) {
    let mut group = c.benchmark_group("publish to a room of");
    group.sample_size(20);
    for members in [10, 1_000, 10_000] {
        let world = World::new();
        let room = world.room("r", members);
        let publisher = world.connect();
        let message = format!(r#"2["publish","r","{}"]"#, "x".repeat(64));
        group.throughput(Throughput::Elements(members as u64));
        group.bench_function(BenchmarkId::from_parameter(members), |b| b.iter(|| publisher.text(&message)));
        assert!(room.iter().all(|member| member.received() == room[0].received()), "all got the same");
    }
}

fn rooms(c: &mut Criterion) {
    let mut group = c.benchmark_group("join and leave while there are rooms:");
    for rooms in [1, 100_000] {
        let world = World::new();
        let others: Vec<_> = (0..rooms)
            .step_by(100)
            .map(|first| {
                let other = world.connect();
                for room in first..(first + 100).min(rooms) {
                    assert!(other.socket.join(format!("room-{room}")).is_ok());
                }
                other
            })
            .collect();
        let client = world.connect();
        group.bench_function(BenchmarkId::from_parameter(rooms), |b| {
            b.iter(|| {
                let joined = client.socket.join(black_box("room-0")).is_ok();
                client.socket.leave("room-0");
                joined
            });
        });
        drop(others);
    }
}

criterion_group!(benches, session, events, fan_out, rooms);
criterion_main!(benches);
