//! How sessions end.

use std::{sync::Arc, time::Duration};

use engineio::{Config, Socket, server::Options};
use tokio::{net::UdpSocket, time::timeout};
use web_transport_quinn::{SessionError, WebTransportError};

use super::client::{Client, PATH, World, knock};
use crate::{client::PATIENCE, websocket::until};

#[tokio::test]
async fn a_client_that_closes_its_session_or_its_stream_has_left() {
    let world = World::new();
    world.connect().await.close().await;
    until(|| world.reasons() == ["transport close"]).await;
    let mut client = world.connect().await;
    client.writer.finish().unwrap();
    assert_eq!(client.frame().await, None);
    assert_eq!(world.reasons(), ["transport close", "transport close"]);
    let mut client = world.connect().await;
    client.writer.reset(7).unwrap();
    assert_eq!(client.frame().await, None);
    assert_eq!(world.reasons().len(), 3);
    until(|| world.io.peers().is_empty()).await;
}

#[tokio::test]
async fn a_close_packet_ends_the_session() {
    let world = World::new();
    let mut client = world.connect().await;
    client.send("1").await;
    assert_eq!(client.frame().await, None);
    assert_eq!(world.reasons(), ["transport close"]);
}

#[tokio::test]
async fn a_server_that_closes_sends_first_what_it_has_said_and_ends_the_session_in_an_orderly_way() {
    let world = World::new();
    let mut client = world.connect().await;
    world.io.of("/").on("bye", |socket: Socket| {
        for number in 0..1_000 {
            socket.emit("number", &number);
        }
        socket.emit("large", &"x".repeat(300_000));
        socket.close();
    });
    client.send(r#"42["bye"]"#).await;
    for number in 0..1_000 {
        assert_eq!(client.text().await, format!(r#"42["number",{number}]"#));
    }
    assert_eq!(client.text().await.len(), 300_014);
    assert_eq!(client.text().await, "41");
    assert_eq!(client.frame().await, None);
    let closed = timeout(PATIENCE, client.guest.session.closed()).await.unwrap();
    let orderly = matches!(&closed, SessionError::WebTransportError(WebTransportError::Closed(0, _)));
    assert!(orderly, "{closed}");
}

/// Hands UDP packets on between one client and a server, until it is dropped.
async fn relay(server: &str) -> (String, tokio::task::JoinHandle<()>) {
    let (outer, inner) =
        (UdpSocket::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap());
    inner.connect(server).await.unwrap();
    let address = outer.local_addr().unwrap().to_string();
    let task = tokio::spawn(async move {
        let (mut up, mut down, mut client) = ([0; 65_536], [0; 65_536], None);
        loop {
            tokio::select! {
                Ok((length, from)) = outer.recv_from(&mut up) => {
                    client = Some(from);
                    let _ = inner.send(&up[..length]).await;
                }
                Ok(length) = inner.recv(&mut down) => {
                    if let Some(client) = client {
                        let _ = outer.send_to(&down[..length], client).await;
                    }
                }
            }
        }
    });
    (address, task)
}

#[tokio::test]
async fn a_client_that_vanishes_without_a_word_is_missed_by_the_heartbeat() {
    let intervals = Config {
        ping_interval: Duration::from_millis(300),
        ping_timeout: Duration::from_millis(300),
        ..Config::default()
    };
    let world = World::with(intervals, Options::default());
    let (address, relay) = relay(&world.address).await;
    let client = Client::open(knock(&address, &world.root, PATH, None).await.unwrap()).await.join().await;
    relay.abort();
    until(|| world.reasons() == ["ping timeout"]).await;
    until(|| world.io.peers().is_empty()).await;
    drop(client);
}

#[tokio::test]
async fn a_connection_is_forgotten_with_its_session() {
    let world = World::new();
    let alive = Arc::new(());
    let held = Arc::downgrade(&alive);
    let kept = std::sync::Mutex::new(Some(alive));
    world.io.on_connection(move |socket: Socket| {
        let held = kept.lock().unwrap().take();
        socket.on("never", move |_: Socket| assert!(held.is_some()));
    });
    world.connect().await.close().await;
    until(|| held.strong_count() == 0).await;
}
