use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use engineio::{
    Server,
    hub::RemoteAddr,
    server::{AllowRequest, Middleware, Options, Verdict},
};
use http::HeaderValue;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};

use crate::{
    client::{Client, PATIENCE, serve, serve_with, upgrade_request},
    websocket::until,
};

/// Sends bytes with a pause after each piece, and answers all that comes until `end`.
async fn answer_to(address: &str, pieces: &[&[u8]], end: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    for piece in pieces {
        stream.write_all(piece).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut answer = String::new();
    while !answer.contains(end) {
        let mut buffer = [0; 4096];
        let length = timeout(PATIENCE, stream.read(&mut buffer)).await.unwrap().unwrap();
        assert!(length > 0, "the server closed after {answer:?}");
        answer.push_str(&String::from_utf8_lossy(&buffer[..length]));
    }
    answer
}

fn head_of(answer: &str) -> Vec<&str> {
    let head = answer[answer.find("HTTP/1.1 101 ").unwrap()..].split("\r\n\r\n").next().unwrap();
    // hyper adds a date, which an answer with this status needs not have.
    head.split("\r\n").filter(|line| !line.starts_with("date: ")).collect()
}

#[tokio::test]
async fn a_websocket_begins_alike_whether_its_request_is_the_first_torn_or_a_later_one() {
    let address = serve(Server::new()).await;
    let request = upgrade_request();
    let poll = b"GET /elsewhere HTTP/1.1\r\nHost: x\r\n\r\n";
    let first = answer_to(&address, &[&request], "\"sid\"").await;
    let torn = answer_to(&address, &[&request[..30], &request[30..]], "\"sid\"").await;
    let later = answer_to(&address, &[poll, &request], "\"sid\"").await;
    assert!(later.starts_with("HTTP/1.1 404 "), "{later}");
    assert_eq!(head_of(&first), head_of(&torn));
    assert_eq!(head_of(&first), head_of(&later));
}

#[tokio::test]
async fn a_refusal_of_the_first_request_is_a_whole_answer_and_the_end() {
    let address = serve(Server::new()).await;
    let request = String::from_utf8(upgrade_request()).unwrap().replace("EIO=4", "EIO=4&sid=unknown");
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.ends_with("Session ID unknown"), "{answer}");
    assert!(answer.contains("connection: close\r\n") && answer.contains("date: "), "{answer}");
}

#[tokio::test]
async fn middlewares_and_hooks_see_the_first_request_once_and_its_address() {
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    let middleware = Middleware::new(move |exchange| {
        let local = exchange.request.extensions.get::<RemoteAddr>().is_some_and(|at| at.0.ip().is_loopback());
        count.fetch_add(usize::from(local), Ordering::Relaxed);
        exchange.headers.insert("x-seen", HeaderValue::from_static("yes"));
        Verdict::Next
    });
    let allow = AllowRequest::new(|request| match request.headers.get("x-refuse") {
        Some(_) => Err("refused".into()),
        None => Ok(()),
    });
    let options = Options { middleware: vec![middleware], allow_request: Some(allow), ..Options::default() };
    let address = serve_with(Server::new(), options).await;
    let opened = answer_to(&address, &[&upgrade_request()], "\"sid\"").await;
    assert!(head_of(&opened).contains(&"x-seen: yes"), "{opened}");
    let request = String::from_utf8(upgrade_request()).unwrap().replace("Host: x", "X-Refuse: 1");
    let refused = answer_to(&address, &[request.as_bytes()], "refused").await;
    assert!(refused.starts_with("HTTP/1.1 400 ") && refused.contains("x-seen: yes\r\n"), "{refused}");
    assert_eq!(seen.load(Ordering::Relaxed), 2);
}

/// Counts those that are there.
struct Present(Arc<AtomicUsize>);

impl Drop for Present {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn a_client_that_leaves_before_it_is_answered_is_forgotten() {
    let asking = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asking);
    let allow = AllowRequest::later(move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        let present = Present(Arc::clone(&count));
        async move {
            std::future::pending::<()>().await;
            drop(present);
            Ok(())
        }
    });
    let io = Server::new();
    let options = Options { allow_request: Some(allow), ..Options::default() };
    let address = serve_with(io.clone(), options).await;
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream.write_all(&upgrade_request()).await.unwrap();
    until(|| asking.load(Ordering::Relaxed) == 1).await;
    drop(stream);
    until(|| asking.load(Ordering::Relaxed) == 0).await;
    assert!(io.peers().is_empty());
}

#[tokio::test]
async fn a_slow_hook_keeps_no_client_from_opening_its_websocket() {
    let allow = AllowRequest::later(|_| async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Ok(())
    });
    let options = Options { allow_request: Some(allow), ..Options::default() };
    let address = serve_with(Server::new(), options).await;
    Client::connect(&address).await;
}

// The clock stands still unless everybody waits, so that ten seconds pass at once.
#[tokio::test(start_paused = true)]
async fn the_time_of_the_first_head_begins_with_the_connection() {
    let address = serve(Server::new()).await;
    let begun = Instant::now();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    tokio::time::sleep(Duration::from_secs(6)).await;
    stream.write_all(b"GET /socket.io/").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(11), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_takes_longer_than_a_head_may_is_told_all_the_same() {
    let allow = AllowRequest::later(|_| async {
        tokio::time::sleep(Duration::from_secs(12)).await;
        Err("refused".into())
    });
    let options = Options { allow_request: Some(allow), ..Options::default() };
    let address = serve_with(Server::new(), options).await;
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream.write_all(&upgrade_request()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.ends_with("refused"), "{answer}");
}
