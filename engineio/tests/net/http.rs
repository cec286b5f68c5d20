use std::time::{Duration, Instant};

use engineio::{
    Engine, Server,
    server::{Options, serve_connection},
};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::{body::Incoming, service::service_fn};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::client::{PATIENCE, serve};

/// Sends bytes on a new connection and answers all that comes until its end.
async fn exchange(address: &str, bytes: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}

fn get(path: &str) -> String {
    format!("GET {path}?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
}

// The clock stands still unless everybody waits, so that ten seconds pass at once.
#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_end_is_answered_408_and_an_idle_connection_just_closed() {
    let address = serve(Server::new()).await;
    let slow = exchange(&address, "GET /socket.io/ HTTP/1.1\r\nHost: x\r\n").await;
    assert!(slow.starts_with("HTTP/1.1 408 "), "{slow}");
    assert!(slow.contains("connection: close\r\n"), "{slow}");
    let idle = exchange(&address, "").await;
    assert_eq!(idle, "");
    let kept_alive = exchange(&address, "GET /elsewhere HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(kept_alive.starts_with("HTTP/1.1 404 ") && !kept_alive.contains("408"), "{kept_alive}");
}

#[tokio::test]
async fn a_client_that_is_refused_before_its_body_ends_can_send_it_and_read_the_answer() {
    let address = serve(Server::new()).await;
    let body = vec![b'x'; 16_000_000];
    for framing in [format!("Content-Length: {}", body.len()), "Transfer-Encoding: chunked".to_owned()] {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let head = format!("POST /elsewhere HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n{:x}\r\n", body.len());
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&body).await.expect("the server reads on");
        let mut answer = String::new();
        timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    }
}

#[tokio::test]
async fn a_client_that_never_ends_a_refused_body_is_cut_off() {
    let address = serve(Server::new()).await;
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream
        .write_all(b"POST /elsewhere HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n")
        .await
        .unwrap();
    let begun = Instant::now();
    let endless = async { while stream.write_all(&[b'x'; 1000]).await.is_ok() {} };
    timeout(PATIENCE, endless).await.expect("the server closes the connection");
    assert!(begun.elapsed() > Duration::from_secs(1), "a client has some time to end its body");
}

#[tokio::test]
async fn two_engines_and_other_handlers_share_a_listener_without_disturbing_each_other() {
    let (one, other) = (Engine::new(), Engine::new());
    let services = [("/one", &one), ("/other", &other)]
        .map(|(path, engine)| engine.service_with(Options { path: path.into(), ..Options::engine_io() }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, remote)) = listener.accept().await {
            let services = services.clone();
            let route = service_fn(move |request: Request<Incoming>| {
                let service = services.iter().find(|service| service.owns(request.uri().path())).cloned();
                async move {
                    Ok(match service {
                        Some(service) => service.handle(request).await,
                        None => Response::builder().status(StatusCode::OK).body(Full::from("mine")).unwrap(),
                    })
                }
            });
            tokio::spawn(serve_connection(stream, remote, route));
        }
    });
    let opened = exchange(&address, &get("/one/")).await;
    let sid = opened.split(r#""sid":""#).nth(1).unwrap().split('"').next().unwrap();
    assert_eq!((one.len(), other.len()), (1, 0));
    let foreign =
        exchange(&address, &get("/other/").replace("&transport", &format!("&sid={sid}&transport"))).await;
    assert!(foreign.contains("Session ID unknown"), "{foreign}");
    assert!(exchange(&address, &get("/other/")).await.starts_with("HTTP/1.1 200 "));
    assert!(exchange(&address, &get("/")).await.ends_with("mine"));
    other.close();
    let all_open = |engine: &Engine| engine.peers().iter().all(|peer| peer.is_open());
    assert_eq!((all_open(&one), all_open(&other)), (true, false));
}
