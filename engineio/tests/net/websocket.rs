use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use engineio::{
    Ack, Config, Data, Payload, Refusal, Server, Socket,
    server::{AllowRequest, Options},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::client::{Client, Frame, frame, serve, serve_with, upgrade_request};

fn echo_server(config: Config) -> Server {
    let io = Server::with_config(config).unwrap();
    io.on("echo", |payload: Payload, ack: Ack| ack.send_payload(&payload));
    io.on("say", |socket: Socket, payload: Payload| socket.namespace().emit_payload("said", &payload));
    io
}

/// Waits until something holds.
pub async fn until(holds: impl Fn() -> bool) {
    for _ in 0..2_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("this did not come to hold");
}

fn is_close(frame: &Frame, code: u16) -> bool {
    frame.opcode == 0x88 && frame.payload == code.to_be_bytes()
}

#[tokio::test]
async fn frames_in_the_same_segment_as_the_upgrade_request_are_read() {
    let address = serve(echo_server(Config::default())).await;
    let mut first = upgrade_request();
    first.extend(frame(0x81, b"40"));
    first.extend(frame(0x81, br#"420["echo","early"]"#));
    let mut client = Client::start(&address, &first).await;
    for start in ["0{", "40{", r#"430["early"]"#] {
        let frame = client.frame().await.unwrap();
        assert!(frame.text().starts_with(start), "{}", frame.text());
    }
}

#[tokio::test]
async fn a_message_may_come_in_many_frames_with_pings_between() {
    let address = serve(echo_server(Config::default())).await;
    let mut client = Client::connect(&address).await;
    let text = br#"427["echo","in pieces"]"#;
    let (last, head) = text.split_last().unwrap();
    for (index, byte) in head.iter().enumerate() {
        client.write(&frame(if index == 0 { 0x01 } else { 0x00 }, &[*byte])).await;
        client.write(&frame(0x89, b"ping")).await;
    }
    client.write(&frame(0x80, &[*last])).await;
    let mut pongs = 0;
    loop {
        let frame = client.frame().await.unwrap();
        if frame.opcode == 0x81 {
            assert_eq!(frame.text(), r#"437["in pieces"]"#);
            break;
        }
        assert_eq!(frame, Frame { opcode: 0x8a, payload: b"ping".to_vec() });
        pongs += 1;
    }
    assert!(pongs > 0);
}

#[tokio::test]
async fn the_pong_that_a_newer_one_replaces_is_counted() {
    let io = echo_server(Config::default());
    let mut client = Client::connect(&serve(io.clone()).await).await;
    let pings =
        |numbers: std::ops::Range<u8>| numbers.flat_map(|number| frame(0x89, &[number])).collect::<Vec<_>>();
    // Each segment is read in one turn, and sixteen pongs may wait for its end.
    client.write(&pings(0..16)).await;
    for number in 0..16 {
        assert_eq!(client.frame().await.unwrap().payload, [number]);
    }
    assert_eq!(io.refusals().count(Refusal::Pongs), 0);
    client.write(&pings(0..17)).await;
    for number in 1..17 {
        assert_eq!(client.frame().await.unwrap().payload, [number]);
    }
    assert_eq!(io.refusals().count(Refusal::Pongs), 1);
}

#[tokio::test]
async fn a_message_of_too_many_frames_closes_its_connection_and_no_other() {
    let io = echo_server(Config { max_fragments: 100, ..Config::default() });
    let address = serve(io.clone()).await;
    let (mut bad, mut good) = (Client::connect(&address).await, Client::connect(&address).await);
    let mut flood = frame(0x01, b"4");
    for _ in 0..100 {
        flood.extend(frame(0x00, b""));
    }
    bad.write(&flood).await;
    assert!(is_close(&bad.frame().await.unwrap(), 1008));
    assert_eq!(bad.frame().await, None);
    good.send(r#"420["echo",1]"#).await;
    assert_eq!(good.frame().await.unwrap().text(), "430[1]");
    assert_eq!(io.of("/").len(), 1);
}

#[tokio::test]
async fn a_claimed_length_of_62_bits_closes_without_being_believed() {
    let address = serve(echo_server(Config::default())).await;
    let mut client = Client::connect(&address).await;
    client.write(&[0x81, 0xff, 0x3f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, b'4']).await;
    assert!(is_close(&client.frame().await.unwrap(), 1009));
}

#[tokio::test]
async fn a_client_that_asks_faster_than_it_reads_is_slowed_down_and_loses_nothing() {
    let address = serve(echo_server(Config::default())).await;
    let mut client = Client::connect(&address).await;
    let text = "x".repeat(64 * 1024);
    let mut waiting: Vec<u8> = Vec::new();
    for number in 0..200 {
        waiting.extend(frame(0x81, format!(r#"42{number}["echo","{text}"]"#).as_bytes()));
    }
    // As much as fits while nothing is read: the server must stop reading, not buffer or close.
    for _ in 0..200 {
        let written = client.try_write(&waiting);
        waiting.drain(..written);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut number = 0;
    while number < 200 {
        let written = client.try_write(&waiting);
        waiting.drain(..written);
        let frame = client.frame().await.expect("the connection lives");
        if frame.opcode == 0x81 && !frame.payload.starts_with(b"2") {
            assert_eq!(frame.text(), format!(r#"43{number}["{text}"]"#));
            number += 1;
        }
    }
}

#[tokio::test]
async fn a_burst_of_events_waits_for_a_slow_listener_and_none_is_lost() {
    let io = Server::new();
    io.on("slow", async |Data(number): Data<u32>, ack: Ack| {
        tokio::task::yield_now().await;
        ack.send(&number);
    });
    let mut client = Client::connect(&serve(io).await).await;
    let events = 5_000;
    let burst: Vec<u8> =
        (0..events).flat_map(|n| frame(0x81, format!(r#"42{n}["slow",{n}]"#).as_bytes())).collect();
    client.write(&burst).await;
    for number in 0..events {
        assert_eq!(client.frame().await.unwrap().text(), format!("43{number}[{number}]"));
    }
}

#[tokio::test]
async fn a_client_that_stops_reading_is_closed_and_the_others_go_on() {
    let io = echo_server(Config::default());
    let address = serve(io.clone()).await;
    let _stalled = Client::connect(&address).await;
    let mut reader = Client::connect(&address).await;
    let text = "x".repeat(100_000);
    let mut received = 0;
    while io.of("/").len() == 2 {
        reader.send(&format!(r#"42["say","{text}"]"#)).await;
        assert_eq!(reader.frame().await.unwrap().payload.len(), text.len() + 13);
        received += 1;
        assert!(received < 1_000, "the stalled client was never given up");
    }
    reader.send(r#"420["echo",1]"#).await;
    assert_eq!(reader.frame().await.unwrap().text(), "430[1]");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pongs_and_broadcasts_never_mix_their_frames() {
    let io = echo_server(Config::default());
    let address = serve(io.clone()).await;
    let mut client = Client::connect(&address).await;
    let text = "y".repeat(20_000);
    let sender = tokio::spawn({
        let (io, text) = (io.clone(), text.clone());
        async move {
            for number in 0..300 {
                io.emit("said", &(number, &text));
                tokio::task::yield_now().await;
            }
        }
    });
    let mut number = 0;
    while number < 300 {
        client.write(&frame(0x89, b"are you there?")).await;
        let frame = client.frame().await.unwrap();
        match frame.opcode {
            0x8a => assert_eq!(frame.payload, b"are you there?"),
            _ => {
                assert_eq!(frame.text(), format!(r#"42["said",{number},"{text}"]"#));
                number += 1;
            }
        }
    }
    sender.await.unwrap();
}

#[tokio::test]
async fn a_connection_that_is_reset_leaves_nothing_behind() {
    let io = echo_server(Config::default());
    let address = serve(io.clone()).await;
    for _ in 0..20 {
        drop(Client::connect(&address).await);
    }
    until(|| io.of("/").is_empty()).await;
}

#[tokio::test]
async fn a_client_gone_before_its_open_packet_leaves_nothing_behind() {
    let soon = Duration::from_millis(100);
    let io = echo_server(Config { ping_interval: soon, ping_timeout: soon, ..Config::default() });
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let allow_request = AllowRequest::new(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        Ok(())
    });
    let options = Options { allow_request: Some(allow_request), ..Options::default() };
    let address = serve_with(io.clone(), options).await;
    let poll = b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n";
    for (number, request) in [&upgrade_request()[..], poll].repeat(10).into_iter().enumerate() {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(request).await.unwrap();
        until(|| asked.load(Ordering::Relaxed) > number).await;
    }
    until(|| io.peers().is_empty()).await;
    Client::connect(&address).await;
}

#[tokio::test]
async fn a_page_of_another_origin_opens_nothing_unless_the_server_says_so() {
    let address = serve(Server::new()).await;
    let own = format!("http://{address}");
    for (origin, websocket, polling) in
        [("http://evil.example", "400", "403"), ("null", "400", "403"), (&*own, "101", "200")]
    {
        let host = format!("Host: {address}\r\nOrigin: {origin}");
        let upgrade = String::from_utf8(upgrade_request()).unwrap().replace("Host: x", &host);
        assert_eq!(status_of(&address, &upgrade).await, websocket, "{origin}");
        let poll = format!("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\n{host}\r\n\r\n");
        assert_eq!(status_of(&address, &poll).await, polling, "{origin}");
    }
}

/// Sends a request and answers the status of the response.
async fn status_of(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.unwrap();
    String::from_utf8_lossy(&head[9..]).into_owned()
}
