//! What a session does while it lasts.

use std::time::Duration;

use engineio::{Config, Data, Socket, server::Options};

use super::client::{Client, PATH, World, frame};
use crate::{
    client::serve,
    polling::{Poller, request},
    websocket::until,
};

#[tokio::test]
async fn a_session_opens_and_carries_text_and_binary_both_ways() {
    let world = World::new();
    let mut client = world.connect().await;
    let socket = world.io.of("/").sockets().remove(0);
    let handshake = socket.handshake();
    assert_eq!(handshake.url, PATH);
    assert!(handshake.secure);
    assert_eq!(handshake.address.unwrap().ip().to_string(), "127.0.0.1");
    client.echoes().await;
    client.send(r#"451-9["echo",{"_placeholder":true,"num":0}]"#).await;
    client.write(&frame(true, &[0, 1, 2])).await;
    assert_eq!(client.text().await, r#"461-9[{"_placeholder":true,"num":0}]"#);
    assert_eq!(client.frame().await, Some((true, vec![0, 1, 2])));
}

#[tokio::test]
async fn packets_of_every_size_come_back_whole_and_in_order() {
    let world = World::new();
    let mut client = world.connect().await;
    for length in [1, 100, 125, 126, 300, 65_535, 65_536, 400_000] {
        let text = "x".repeat(length);
        client.send(&format!(r#"421["echo","{text}"]"#)).await;
        assert_eq!(client.text().await, format!(r#"431["{text}"]"#));
    }
}

#[tokio::test]
async fn frames_in_pieces_of_one_byte_are_read() {
    let world = World::new();
    let mut client = world.stream().await;
    let long = format!(r#"422["echo","{}"]"#, "x".repeat(200));
    let mut bytes = [&b"0"[..], b"40", br#"421["echo","in pieces"]"#, long.as_bytes()]
        .map(|packet| frame(false, packet))
        .concat();
    bytes.extend(frame(false, br#"451-3["echo",{"_placeholder":true,"num":0}]"#));
    bytes.extend(frame(true, &[9; 130]));
    for byte in bytes {
        client.write(&[byte]).await;
        tokio::task::yield_now().await;
    }
    for start in ["0{", "40{", r#"431["in pieces"]"#, r#"432["xxx"#, "461-3["] {
        let text = client.text().await;
        assert!(text.starts_with(start), "{text}");
    }
    assert_eq!(client.frame().await, Some((true, vec![9; 130])));
}

#[tokio::test]
async fn a_polling_session_is_told_of_webtransport_and_upgrades_to_it() {
    let world = World::unserved(Config::default());
    let address = serve(world.io.clone()).await;
    let upgrades =
        |open: String| open.split(r#""upgrades":"#).nth(1).unwrap().split(']').next().unwrap().to_owned();
    assert_eq!(
        upgrades(request(&address, "GET", "", "").await),
        r#"["websocket""#,
        "there is no endpoint yet"
    );
    let world = World::with(Config::default(), Options::default());
    let address = serve(world.io.clone()).await;
    until(|| world.io.endpoints().have_webtransport()).await;
    assert_eq!(upgrades(request(&address, "GET", "", "").await), r#"["websocket","webtransport""#);

    let poller = Poller::connect(address).await;
    world.io.of("/").on("say", |socket: Socket, Data(text): Data<String>| socket.emit("said", &text));
    let guest = world.knock(&format!("{PATH}&sid={}", poller.sid), None).await.unwrap();
    let mut client = Client::open(guest).await;
    let waiting = tokio::spawn({
        let (address, sid) = (poller.address.clone(), poller.sid.clone());
        async move { request(&address, "GET", &sid, "").await }
    });
    client.send(&format!(r#"0{{"sid":"{}"}}"#, poller.sid)).await;
    client.send("2probe").await;
    assert_eq!(client.text().await, "3probe");
    assert_eq!(waiting.await.unwrap(), "6");
    // What is sent before the client has moved waits for the stream.
    assert_eq!(poller.post(r#"42["say","by polling"]"#).await, "ok");
    client.send("5").await;
    assert_eq!(client.text().await, r#"42["said","by polling"]"#);
    client.echoes().await;
    assert_eq!(world.io.peers().len(), 2);
}

#[tokio::test]
async fn a_failed_upgrade_leaves_the_session_to_polling() {
    let world = World::new();
    let poller = Poller::connect(serve(world.io.clone()).await).await;
    for probe in ["4", "2", "5"] {
        let mut client = world.stream().await;
        client.send(&format!(r#"0{{"sid":"{}"}}"#, poller.sid)).await;
        client.send(probe).await;
        assert_eq!(client.frame().await, None, "{probe}");
    }
    assert_eq!(poller.post(r#"421["echo",1]"#).await, "ok");
    assert_eq!(poller.poll().await, "431[1]");
}

#[tokio::test]
async fn a_client_that_answers_pings_stays_and_one_that_does_not_is_closed() {
    let intervals = Config {
        ping_interval: Duration::from_millis(100),
        ping_timeout: Duration::from_millis(400),
        ..Config::default()
    };
    let world = World::with(intervals, Options::default());
    let mut client = world.connect().await;
    for _ in 0..5 {
        assert_eq!(client.text().await, "2");
        client.send("3").await;
    }
    client.echoes().await;
    let mut last = None;
    while let Some(frame) = client.frame().await {
        last = Some(frame);
    }
    assert_eq!(last, Some((false, b"2".to_vec())));
    assert_eq!(world.reasons(), ["ping timeout"]);
}
