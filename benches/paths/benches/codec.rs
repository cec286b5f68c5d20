//! Packets and payloads: decoding and encoding, text and binary, small and large.

#![allow(missing_docs, reason = "criterion makes public functions without documentation")]
#![allow(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use engineio::{
    Config,
    engine::{self, payload},
    hub::Encoded,
    socketio,
};

const SIZES: [usize; 3] = [64, 1 << 10, 64 << 10];

fn event(size: usize) -> String {
    format!(r#"212["message","{}"]"#, "x".repeat(size))
}

fn decoding(c: &mut Criterion) {
    let config = Config::default();
    let mut group = c.benchmark_group("decode");
    for size in SIZES {
        let packet = event(size);
        group.throughput(Throughput::Bytes(packet.len() as u64));
        group.bench_with_input(BenchmarkId::new("Socket.IO event", size), &packet, |b, packet| {
            b.iter(|| socketio::Packet::decode(black_box(packet), &config).is_ok());
        });
        let body = vec![format!("4{packet}"); 4].join("\x1e");
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_with_input(BenchmarkId::new("payload of 4", size), &body, |b, body| {
            b.iter(|| payload::decode(black_box(body)).all(|packet| packet.is_ok()));
        });
        let binary = engine::Packet::Binary(vec![7; size].into());
        let body = payload::encode(&[binary]);
        let body = String::from_utf8_lossy(&body).into_owned();
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_with_input(BenchmarkId::new("binary in a payload", size), &body, |b, body| {
            b.iter(|| payload::decode(black_box(body)).all(|packet| packet.is_ok()));
        });
    }
}

fn encoding(c: &mut Criterion) {
    let mut group = c.benchmark_group("encode");
    for size in SIZES {
        let packet = event(size);
        group.throughput(Throughput::Bytes(packet.len() as u64));
        group.bench_with_input(BenchmarkId::new("frame", size), &packet, |b, packet| {
            b.iter(|| Encoded::text(|out| out.extend_from_slice(black_box(packet.as_bytes()))));
        });
        let attachment = Bytes::from(vec![7; size]);
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_with_input(BenchmarkId::new("frames with attachment", size), &attachment, |b, bytes| {
            b.iter(|| {
                let text = br#"451-["m",{"_placeholder":true,"num":0}]"#;
                Encoded::with_attachments(|out| out.extend_from_slice(text), std::slice::from_ref(bytes))
            });
        });
        group.bench_with_input(BenchmarkId::new("payload with attachment", size), &attachment, |b, bytes| {
            b.iter(|| Encoded::binary(black_box(bytes)).payload().len());
        });
    }
}

criterion_group!(benches, decoding, encoding);
criterion_main!(benches);
