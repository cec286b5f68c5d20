//! What a client cannot do.

use std::{sync::Arc, time::Duration};

use engineio::{Config, server::Options};
use tokio::time::timeout;

use super::client::{World, frame};
use crate::websocket::until;

#[tokio::test]
async fn a_packet_beyond_the_limit_or_without_bytes_closes_its_session_and_no_other() {
    let config = Config { max_payload: 1_000, ..Config::default() };
    let world = World::with(config, Options::default());
    let mut other = world.connect().await;
    let largest = format!(r#"421["echo","{}"]"#, "x".repeat(1_000 - 14));
    assert_eq!(largest.len(), 1_000);
    other.send(&largest).await;
    assert_eq!(other.text().await.len(), 1_000 - 7);
    let too_large = frame(false, format!("{largest} ").as_bytes());
    for bytes in [&too_large[..], &[0], &[0x80], &[127, 0, 0, 0, 0, 0, 0, 0, 0], &[255; 9]] {
        let mut client = world.connect().await;
        client.write(bytes).await;
        assert_eq!(client.frame().await, None, "{bytes:?}");
    }
    assert_eq!(world.reasons(), ["parse error"; 5]);
    other.echoes().await;
}

#[tokio::test]
async fn what_is_no_packet_closes_its_session() {
    let world = World::new();
    for (bytes, reason) in [
        (frame(false, &[0xc3, 0x28]), "parse error"),
        (frame(false, b"9"), "parse error"),
        (frame(false, b"b$"), "parse error"),
        (frame(false, b"2"), "transport error"),
        (frame(false, b"4nonsense"), "forced close"),
    ] {
        let mut client = world.connect().await;
        client.write(&bytes).await;
        assert_eq!(client.frame().await, None, "{bytes:?}");
        assert_eq!(world.reasons().last().unwrap(), reason, "{bytes:?}");
    }
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_closed_and_the_others_go_on() {
    let world = World::new();
    let mut other = world.connect().await;
    let silent = world.connect().await;
    let sockets = world.io.of("/").sockets();
    assert_eq!(sockets.len(), 2);
    let text = "x".repeat(50_000);
    // The client's library grants a few megabytes ahead; then the queue of 1 MiB fills.
    let flood = async {
        while world.reasons().is_empty() {
            world.io.emit("flood", &text);
            let mut echoed = false;
            while !echoed {
                other.send(r#"421["echo",0]"#).await;
                while !echoed {
                    echoed = other.text().await == "431[0]";
                }
            }
        }
    };
    timeout(Duration::from_secs(60), flood).await.unwrap();
    assert_eq!(world.reasons(), ["transport error"]);
    other.echoes().await;
    drop(silent);
}

#[tokio::test]
async fn a_client_that_asks_faster_than_it_reads_is_slowed_down_and_loses_nothing() {
    let world = World::new();
    let mut client = world.connect().await;
    let text = "x".repeat(100_000);
    let question = frame(false, format!(r#"421["echo","{text}"]"#).as_bytes());
    let mut writer = std::mem::replace(&mut client.writer, world.stream().await.writer);
    let asking = tokio::spawn(async move {
        for _ in 0..200 {
            writer.write_all(&question).await.unwrap();
        }
        writer
    });
    // Twenty megabytes of answers that nobody reads yet: more than all windows and queues hold.
    let peer = Arc::clone(world.io.of("/").sockets()[0].peer());
    until(|| !peer.has_room()).await;
    for _ in 0..200 {
        assert_eq!(client.text().await.len(), text.len() + 7);
    }
    let _writer = asking.await.unwrap();
    assert!(world.reasons().is_empty());
}

#[tokio::test]
async fn other_streams_and_datagrams_are_ignored_and_bounded() {
    let world = World::new();
    let mut client = world.connect().await;
    let session = &client.guest.session;
    let mut streams = Vec::new();
    for _ in 0..100 {
        // What the server does not take up is bounded by what QUIC grants.
        let opening = timeout(Duration::from_millis(50), session.open_bi()).await;
        let Ok(opening) = opening else { break };
        let mut stream = opening.unwrap();
        stream.0.write_all(&frame(false, b"0")).await.unwrap();
        streams.push(stream);
    }
    assert!(streams.len() < 4, "{} more streams were granted", streams.len());
    let mut towards_server = Vec::new();
    for _ in 0..100 {
        let opening = timeout(Duration::from_millis(50), session.open_uni()).await;
        let Ok(opening) = opening else { break };
        towards_server.push(opening.unwrap());
    }
    assert!(towards_server.len() < 8, "{} more streams were granted", towards_server.len());
    for number in 0..1_000_u32 {
        session.send_datagram(number.to_be_bytes().to_vec().into()).unwrap();
    }
    client.echoes().await;
    assert_eq!(world.io.peers().len(), 1);
    client.close().await;
    until(|| world.io.peers().is_empty()).await;
}
