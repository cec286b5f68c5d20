//! The service inside an axum application.

use axum::{Router, routing::get};
use engineio::{Ack, Payload, Server};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::client::{Client, PATIENCE};

/// Serves an application and answers its address.
async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address.to_string()
}

async fn body(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

fn io() -> Server {
    let io = Server::new();
    io.on("echo", |payload: Payload, ack: Ack| ack.send_payload(&payload));
    io
}

#[tokio::test]
async fn both_transports_work_where_the_service_is_nested_or_a_route_and_other_routes_go_on() {
    let nested = Router::new().nest_service("/socket.io", io().service());
    let route = Router::new().route_service("/socket.io/", io().service());
    for app in [nested, route] {
        let address = serve(app.route("/", get(|| async { "mine" }))).await;
        assert_eq!(body(&address, "/").await, "mine");
        let opened = body(&address, "/socket.io/?EIO=4&transport=polling").await;
        assert!(opened.starts_with(r#"0{"sid":""#), "{opened}");
        let mut client = Client::connect(&address).await;
        let large = "x".repeat(100_000);
        client.send(&format!(r#"420["echo","{large}"]"#)).await;
        assert_eq!(client.frame().await.unwrap().text(), format!(r#"430["{large}"]"#));
    }
}
