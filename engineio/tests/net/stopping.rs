use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use engineio::{
    Config, Server, Socket,
    server::{Farewell, Options},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Notify, oneshot},
    time::timeout,
};

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
    let reasons = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&reasons);
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

/// Serves on a free port until the sender is used; answers as well what ends with the server.
async fn serve_until_told(
    io: &Server,
    farewell: Farewell,
) -> (String, oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (stop, stopped) = oneshot::channel::<()>();
    let io = io.clone();
    let serving = tokio::spawn(async move {
        let options = Options { farewell, ..Options::default() };
        io.serve_until(listener, options, async { drop(stopped.await) }).await;
    });
    (address, stop, serving)
}

/// Sends one request on a connection of its own that is kept; answers the status line.
async fn ask(stream: &mut TcpStream, target: &str) -> String {
    let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let length = timeout(PATIENCE, stream.read(&mut answer)).await.unwrap().unwrap();
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

#[tokio::test]
async fn what_was_taken_in_is_acknowledged_before_the_server_says_good_bye() {
    let io = Server::new();
    let gate = Arc::new(Notify::new());
    let (opened, begun) = (Arc::clone(&gate), Arc::new(Notify::new()));
    let begin = Arc::clone(&begun);
    io.on("slow", move |ack: engineio::Ack| {
        let (opened, begin) = (Arc::clone(&opened), Arc::clone(&begin));
        async move {
            begin.notify_one();
            opened.notified().await;
            ack.send(&"done");
        }
    });
    let (address, stop, serving) = serve_until_told(&io, Farewell::default()).await;
    let mut client = Client::connect(&address).await;
    client.send(r#"420["slow"]"#).await;
    timeout(PATIENCE, begun.notified()).await.unwrap();
    stop.send(()).unwrap();
    until_refused(&address).await;
    // The listener is still at work, so the session has not ended.
    assert_eq!(io.peers().len(), 1);
    gate.notify_one();
    assert_eq!(client.frame().await.unwrap().text(), r#"430["done"]"#);
    assert_eq!(client.frame().await.unwrap().opcode, 0x88);
    drop(client);
    timeout(PATIENCE, serving).await.unwrap().unwrap();
}

async fn until_refused(address: &str) {
    let refused = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, refused).await.unwrap();
}

#[tokio::test]
async fn a_listener_that_never_ends_does_not_keep_the_server() {
    let io = Server::new();
    let begun = Arc::new(Notify::new());
    let begin = Arc::clone(&begun);
    io.on("endless", move || {
        let begin = Arc::clone(&begin);
        async move {
            begin.notify_one();
            std::future::pending::<()>().await;
        }
    });
    let farewell = Farewell { patience: Duration::from_millis(200), ..Farewell::default() };
    let (address, stop, serving) = serve_until_told(&io, farewell).await;
    let mut client = Client::connect(&address).await;
    client.send(r#"42["endless"]"#).await;
    timeout(PATIENCE, begun.notified()).await.unwrap();
    stop.send(()).unwrap();
    assert_eq!(client.frame().await.unwrap().opcode, 0x88);
    timeout(PATIENCE, serving).await.unwrap().unwrap();
    assert!(io.peers().is_empty());
}

#[tokio::test]
async fn sessions_are_closed_one_after_the_other_and_polling_first() {
    const CLIENTS: usize = 10;
    let io = Server::new();
    let reasons = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&reasons);
    io.of("/").on_disconnect(move |_: Socket, reason: engineio::DisconnectReason| {
        seen.lock().unwrap().push(reason.to_string());
    });
    let spread = Duration::from_millis(1000);
    let farewell = Farewell { spread, ..Farewell::default() };
    let (address, stop, serving) = serve_until_told(&io, farewell).await;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(Client::connect(&address).await);
    }
    let mut polling = TcpStream::connect(&address).await.unwrap();
    let opened = ask(&mut polling, "/socket.io/?EIO=4&transport=polling").await;
    let sid = opened.split(r#""sid":""#).nth(1).unwrap().split('"').next().unwrap();
    let begin = Instant::now();
    stop.send(()).unwrap();
    let last = ask(&mut polling, &format!("/socket.io/?EIO=4&transport=polling&sid={sid}")).await;
    assert!(last.ends_with("\r\n\r\n1"), "a close packet: {last}");
    let ends = clients.into_iter().map(|mut client| {
        tokio::spawn(async move {
            assert_eq!(client.frame().await.unwrap().opcode, 0x88);
            begin.elapsed()
        })
    });
    let mut ends = timeout(PATIENCE, futures_util::future::join_all(ends)).await.unwrap();
    ends.sort_by_key(|end| *end.as_ref().unwrap());
    let ends: Vec<_> = ends.into_iter().map(Result::unwrap).collect();
    // A tenth of the time for each of ten: the middle one is not among the first, and the last not before its time.
    assert!(ends[CLIENTS / 2] >= spread * 4 / 10, "{ends:?}");
    assert!(ends[CLIENTS - 1] >= spread * 9 / 10, "{ends:?}");
    timeout(PATIENCE, serving).await.unwrap().unwrap();
    assert_eq!(*reasons.lock().unwrap(), ["server shutting down"; CLIENTS]);
}

#[tokio::test]
async fn no_session_begins_while_the_server_stops() {
    let io = Server::new();
    let farewell = Farewell { spread: Duration::from_secs(20), ..Farewell::default() };
    let (address, stop, serving) = serve_until_told(&io, farewell).await;
    let _client = Client::connect(&address).await;
    let mut kept = TcpStream::connect(&address).await.unwrap();
    assert!(ask(&mut kept, "/socket.io/?EIO=3&transport=polling").await.starts_with("HTTP/1.1 400"));
    stop.send(()).unwrap();
    until_refused(&address).await;
    let refused = async {
        while !ask(&mut kept, "/socket.io/?EIO=4&transport=polling").await.starts_with("HTTP/1.1 503") {}
    };
    timeout(PATIENCE, refused).await.unwrap();
    let answer = ask(&mut kept, "/socket.io/?EIO=4&transport=polling").await;
    assert!(answer.to_ascii_lowercase().contains("\r\nretry-after: 1\r\n"), "{answer}");
    serving.abort();
}
