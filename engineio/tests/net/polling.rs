use std::sync::Arc;

use engineio::{Data, Server};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Semaphore,
    time::timeout,
};

use crate::client::{PATIENCE, serve};

/// A polling session, each request on a connection of its own.
pub struct Poller {
    pub address: String,
    pub sid: String,
}

impl Poller {
    /// A client that has joined `/`.
    pub async fn connect(address: String) -> Self {
        let open = request(&address, "GET", "", "").await;
        let sid = open.split(r#""sid":""#).nth(1).unwrap().split('"').next().unwrap().to_owned();
        let poller = Self { address, sid };
        assert_eq!(poller.post("40").await, "ok");
        assert!(poller.poll().await.starts_with("40{"));
        poller
    }

    pub async fn poll(&self) -> String {
        request(&self.address, "GET", &self.sid, "").await
    }

    pub async fn post(&self, payload: &str) -> String {
        request(&self.address, "POST", &self.sid, payload).await
    }
}

/// Sends one request and answers the body of a response with status 200.
pub async fn request(address: &str, method: &str, sid: &str, body: &str) -> String {
    let sid = if sid.is_empty() { String::new() } else { format!("&sid={sid}") };
    let head = format!(
        "{method} /socket.io/?EIO=4&transport=polling{sid} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    let answer = timeout(PATIENCE, exchange).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[tokio::test]
async fn a_post_of_more_events_than_may_wait_is_answered_when_the_listener_has_caught_up() {
    let io = Server::new();
    let permits = Arc::new(Semaphore::new(0));
    let taken = Arc::clone(&permits);
    io.on("ev", move |Data(_): Data<u32>| {
        let taken = Arc::clone(&taken);
        async move { taken.acquire().await.unwrap().forget() }
    });
    let poller = Poller::connect(serve(io).await).await;
    let events: Vec<_> = (0..2_000).map(|number| format!(r#"42["ev",{number}]"#)).collect();
    let payload = events.join("\x1e");
    let mut post = std::pin::pin!(poller.post(&payload));
    tokio::select! {
        _ = &mut post => panic!("answered while 2,000 events were waiting"),
        () = tokio::time::sleep(std::time::Duration::from_millis(100)) => {}
    }
    permits.add_permits(2_000);
    assert_eq!(post.await, "ok");
    assert_eq!(poller.post(r#"42["ev",2000]"#).await, "ok", "the session lives");
}

#[tokio::test]
async fn a_post_underway_when_the_server_ends_the_session_is_ended() {
    let io = Server::new();
    let address = serve(io.clone()).await;
    let poller = Poller::connect(address.clone()).await;
    let mut post = TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "POST /socket.io/?EIO=4&transport=polling&sid={} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n4",
        poller.sid
    );
    post.write_all(head.as_bytes()).await.unwrap();
    let mut poll = std::pin::pin!(poller.poll());
    let both_have_arrived = || {
        let session = io.peers().iter().map(|entry| format!("{:?}", entry.value())).collect::<String>();
        session.contains("polling: true") && session.contains("posting: true")
    };
    while !both_have_arrived() {
        tokio::select! {
            answer = &mut poll => panic!("nothing was sent, and yet it got {answer}"),
            () = tokio::time::sleep(std::time::Duration::from_millis(1)) => {}
        }
    }
    io.close();
    assert_eq!(poll.await, "1");
    let mut answer = [0; 12];
    timeout(PATIENCE, post.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 400");
}
