use std::time::Duration;

use engineio::{Config, Server, Socket, server::Options};
use tokio::{io::AsyncReadExt, net::TcpStream, sync::oneshot, time::timeout};

use crate::client::{Client, PATIENCE, serve};

/// A port that nobody listens on.
async fn free_address() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

async fn until_listening(address: &str) {
    let connected = async {
        while TcpStream::connect(address).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, connected).await.unwrap();
}

#[tokio::test]
async fn a_server_that_stops_tells_its_clients_and_ends_waiting_connections() {
    let (io, address) = (Server::new(), free_address().await);
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn({
        let (io, address) = (io.clone(), address.clone());
        async move { io.listen_until(&address, Options::default(), async { drop(stopped.await) }).await }
    });
    until_listening(&address).await;
    let mut idle = TcpStream::connect(&address).await.unwrap();
    let mut client = Client::connect(&address).await;
    stop.send(()).unwrap();
    assert_eq!(client.frame().await.unwrap().opcode, 0x88);
    assert_eq!(timeout(PATIENCE, idle.read(&mut [0])).await.unwrap().unwrap_or(0), 0);
    timeout(PATIENCE, serving).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(&address).await.is_err());
    assert!(io.peers().is_empty());
}

#[tokio::test]
async fn closing_a_server_closes_the_sessions_of_all_its_services() {
    let io = Server::new();
    let reasons = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = std::sync::Arc::clone(&reasons);
    io.of("/").on_disconnect(move |_: Socket, reason: engineio::DisconnectReason| {
        seen.lock().unwrap().push(reason.to_string());
    });
    let mut clients =
        [Client::connect(&serve(io.clone()).await).await, Client::connect(&serve(io.clone()).await).await];
    assert_eq!(io.peers().len(), 2);
    io.close();
    io.close();
    for client in &mut clients {
        assert_eq!(client.frame().await.unwrap().opcode, 0x88);
    }
    assert_eq!(*reasons.lock().unwrap(), ["server shutting down", "server shutting down"]);
}

#[tokio::test]
async fn intervals_without_end_are_no_panic() {
    let endless = Config {
        ping_interval: Duration::MAX,
        ping_timeout: Duration::MAX,
        connect_timeout: Duration::MAX,
        upgrade_timeout: Duration::MAX,
        body_timeout: Duration::MAX,
        close_timeout: Duration::MAX,
        ack_timeout: Duration::MAX,
        attachment_timeout: Duration::MAX,
        ..Config::default()
    };
    let io = Server::with_config(endless).unwrap();
    let mut client = Client::connect(&serve(io.clone()).await).await;
    let answer = io.of("/").sockets()[0].emit_with_ack("ask", &());
    assert_eq!(client.frame().await.unwrap().text(), r#"420["ask"]"#);
    client.send("430[1]").await;
    assert_eq!(timeout(PATIENCE, answer).await.unwrap().unwrap().data, "[1]");
}
