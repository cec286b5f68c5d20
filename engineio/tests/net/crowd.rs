use std::{future::pending, net::IpAddr, sync::Arc, time::Duration};

use engineio::{
    Config, ConnectionLimits, Refusal, Server,
    server::{ClientAddress, Cors, Options},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Instant, timeout},
};

use crate::client::{Client, PATIENCE, serve, serve_with, upgrade_request};

const HANDSHAKE: &str =
    "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";

/// Sends a request on a new connection and answers all that comes until its end.
async fn exchange(address: &str, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    String::from_utf8(answer).unwrap()
}

async fn handshake(address: &str, headers: &str) -> String {
    exchange(address, format!("{HANDSHAKE}{headers}\r\n").as_bytes()).await
}

fn is_refused(answer: &str, seconds: u32) -> bool {
    let answer = answer.to_lowercase();
    answer.starts_with("http/1.1 503 ") && answer.contains(&format!("\r\nretry-after: {seconds}\r\n"))
}

fn with_sessions(sessions: ConnectionLimits) -> Server {
    Server::with_config(Config { sessions, ..Config::default() }).unwrap()
}

async fn until(condition: impl Fn() -> bool) {
    let met = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, met).await.unwrap();
}

/// Serves a server's connections through its door.
async fn serve_door(io: &Server) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (door, service) = (io.door(), io.service());
    tokio::spawn(async move {
        while let Ok((stream, remote)) = listener.accept().await {
            if let Some(guest) = door.admit(stream, remote) {
                tokio::spawn(guest.serve(service.clone(), pending()));
            }
        }
    });
    address
}

#[tokio::test]
async fn a_session_past_the_most_gets_503_over_both_transports_until_another_ends() {
    let io = with_sessions(ConnectionLimits { max: Some(2), ..ConnectionLimits::default() });
    let address = serve(io.clone()).await;
    let first = Client::connect(&address).await;
    let mut second = Client::connect(&address).await;
    let polling = handshake(&address, "").await;
    assert!(is_refused(&polling, 5), "{polling}");
    assert!(polling.ends_with(r#"{"code":6,"message":"Too many connections"}"#), "{polling}");
    let websocket = exchange(&address, &upgrade_request()).await;
    assert!(is_refused(&websocket, 5) && websocket.ends_with("Too many connections"), "{websocket}");
    assert_eq!((io.peers().len(), io.refusals().count(Refusal::Sessions)), (2, 2));
    second.send(r#"42["still here"]"#).await;
    drop(first);
    until(|| io.peers().len() == 1).await;
    let opened = handshake(&address, "").await;
    assert!(opened.starts_with("HTTP/1.1 200 "), "{opened}");
}

#[tokio::test]
async fn an_address_that_has_its_share_of_sessions_is_refused_and_others_are_not() {
    let io = with_sessions(ConnectionLimits { max_per_address: Some(1), ..ConnectionLimits::default() });
    let from_header: ClientAddress = Arc::new(|request| {
        let text = request.headers.get("x-client")?.to_str().ok()?;
        text.parse::<IpAddr>().ok()
    });
    let options = Options { client_address: Some(from_header), ..Options::default() };
    let address = serve_with(io.clone(), options).await;
    let rows = [
        ("192.0.2.1", true),
        ("192.0.2.1", false),
        ("192.0.2.2", true),
        ("2001:db8:1:2::1", true),
        ("2001:db8:1:2:ffff::1", false),
    ];
    for (client, is_let_in) in rows {
        let answer = handshake(&address, &format!("X-Client: {client}\r\n")).await;
        assert_eq!(answer.starts_with("HTTP/1.1 200 "), is_let_in, "{client}: {answer}");
        assert_eq!(is_refused(&answer, 5), !is_let_in, "{client}: {answer}");
    }
    assert_eq!(io.refusals().count(Refusal::SessionsOfAddress), 2);
}

#[tokio::test]
async fn sessions_past_the_rate_are_refused_for_a_second() {
    let rows = [
        (
            ConnectionLimits { max_new_per_second: Some(1), ..ConnectionLimits::default() },
            Refusal::SessionRate,
        ),
        (
            ConnectionLimits { max_new_per_second_per_address: Some(1), ..ConnectionLimits::default() },
            Refusal::SessionRateOfAddress,
        ),
    ];
    for (limits, refusal) in rows {
        let io = with_sessions(limits);
        let address = serve(io.clone()).await;
        assert!(handshake(&address, "").await.starts_with("HTTP/1.1 200 "));
        let refused = handshake(&address, "").await;
        assert!(is_refused(&refused, 1), "{refused}");
        assert_eq!(io.refusals().count(refusal), 1);
    }
}

#[tokio::test]
async fn a_handshake_that_is_refused_for_another_reason_leaves_its_place_to_others() {
    let io = with_sessions(ConnectionLimits { max: Some(1), ..ConnectionLimits::default() });
    let address = serve(io.clone()).await;
    let foreign = handshake(&address, "Origin: https://elsewhere.example\r\n").await;
    assert!(foreign.starts_with("HTTP/1.1 403 "), "{foreign}");
    let bad_key = b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let bad = exchange(&address, bad_key).await;
    assert!(bad.starts_with("HTTP/1.1 400 "), "{bad}");
    assert_eq!(io.refusals().count(Refusal::Forbidden), 1);
    Client::connect(&address).await;
}

#[tokio::test]
async fn a_foreign_origin_opens_no_session_and_upgrades_none() {
    for cors in [None, Some(Cors::origins(["https://own.example"]))] {
        let io = Server::new();
        let address = serve_with(io.clone(), Options { cors, ..Options::default() }).await;
        let opened = handshake(&address, "").await;
        let sid = opened.split(r#""sid":""#).nth(1).unwrap().split('"').next().unwrap();
        let upgrade = String::from_utf8(upgrade_request()).unwrap();
        let foreign = upgrade.replace("Host: x", "Host: x\r\nOrigin: https://elsewhere.example");
        let with_sid = foreign.replace("transport=websocket", &format!("transport=websocket&sid={sid}"));
        for request in [foreign, with_sid] {
            let answer = exchange(&address, request.as_bytes()).await;
            assert!(answer.starts_with("HTTP/1.1 400 ") && answer.ends_with("Forbidden"), "{answer}");
        }
        let polling = handshake(&address, "Origin: https://elsewhere.example\r\n").await;
        assert!(polling.starts_with("HTTP/1.1 403 "), "{polling}");
        assert_eq!((io.peers().len(), io.refusals().count(Refusal::Forbidden)), (1, 3));
    }
}

#[tokio::test]
async fn a_connection_past_the_most_gets_503_before_it_asks_and_a_websocket_counts_to_its_end() {
    let connections = ConnectionLimits { max: Some(1), ..ConnectionLimits::default() };
    let io = Server::with_config(Config { connections, ..Config::default() }).unwrap();
    let address = serve_door(&io).await;
    let client = Client::connect(&address).await;
    let refused = exchange(&address, b"").await;
    assert!(is_refused(&refused, 5), "{refused}");
    let refused = exchange(&address, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(is_refused(&refused, 5), "{refused}");
    assert_eq!((io.refusals().count(Refusal::Connections), io.peers().len()), (2, 1));
    drop(client);
    until(|| io.peers().is_empty()).await;
    let mut answer = handshake(&address, "").await;
    while is_refused(&answer, 5) {
        // The connection ends a moment after its session.
        answer = handshake(&address, "").await;
    }
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn connections_of_an_address_and_in_a_second_are_bounded() {
    let rows = [
        (
            ConnectionLimits { max_per_address: Some(1), ..ConnectionLimits::default() },
            Refusal::ConnectionsOfAddress,
            5,
        ),
        (
            ConnectionLimits { max_new_per_second: Some(1), ..ConnectionLimits::default() },
            Refusal::ConnectionRate,
            1,
        ),
        (
            ConnectionLimits { max_new_per_second_per_address: Some(1), ..ConnectionLimits::default() },
            Refusal::ConnectionRateOfAddress,
            1,
        ),
    ];
    for (connections, refusal, seconds) in rows {
        let io = Server::with_config(Config { connections, ..Config::default() }).unwrap();
        let address = serve_door(&io).await;
        let _first = Client::connect(&address).await;
        let refused = exchange(&address, b"").await;
        assert!(is_refused(&refused, seconds), "{refusal:?} {refused}");
        assert_eq!(io.refusals().count(refusal), 1);
    }
}

// The clock stands still unless everybody waits, so that ten seconds pass at once.
#[tokio::test(start_paused = true)]
async fn heads_past_their_limits_are_counted() {
    let io = Server::new();
    let address = serve_door(&io).await;
    let slow = exchange(&address, b"GET /socket.io/ HTTP/1.1\r\nHost: x\r\n").await;
    assert!(slow.starts_with("HTTP/1.1 408 "), "{slow}");
    let lines = "A: b\r\n".repeat(101);
    let many = exchange(&address, format!("GET / HTTP/1.1\r\n{lines}\r\n").as_bytes()).await;
    assert!(many.starts_with("HTTP/1.1 431 "), "{many}");
    let count = |refusal| io.refusals().count(refusal);
    assert_eq!((count(Refusal::HeadTimeout), count(Refusal::HeadTooLarge)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_body_slower_than_a_kilobyte_in_its_time_is_answered_408_and_its_session_ends() {
    let io = Server::new();
    let address = serve(io.clone()).await;
    let opened = handshake(&address, "").await;
    let sid = opened.split(r#""sid":""#).nth(1).unwrap().split('"').next().unwrap();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "POST /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: x\r\nContent-Length: 3000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let started = Instant::now();
    // Each kilobyte earns ten seconds; after the second comes one byte too little.
    stream.write_all(&[b'4'; 1_000]).await.unwrap();
    tokio::time::sleep(Duration::from_secs(9)).await;
    stream.write_all(&[b'4'; 1_999]).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
    assert!(started.elapsed() >= Duration::from_secs(19), "{:?}", started.elapsed());
    assert!(io.peers().is_empty());
    assert_eq!(io.refusals().count(Refusal::BodyTimeout), 1);
}
