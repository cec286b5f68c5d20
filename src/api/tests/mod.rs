//! The whole API without a socket: requests go in, responses come out.

mod accounts;
mod browsers;
mod chat;
mod limits;

use std::{net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};

use super::Api;
use crate::{
    config::{Args, Config},
    http::{Peer, static_files::Asset},
    service::{
        Service,
        fake::{FakeStore, Recorder},
    },
};

static PAGE: [Asset; 1] = [Asset { path: "/", content: b"<!doctype html>" }];

/// The API over a store in memory.
struct World {
    api: Arc<Api>,
    store: Arc<FakeStore>,
    events: Arc<Recorder>,
}

/// What came back.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    fn error(&self) -> String {
        let json = self.json();
        assert_eq!(json["success"], false, "{}", self.text);
        json["errorMessage"].as_str().unwrap().to_owned()
    }

    fn result(&self) -> Value {
        let json = self.json();
        assert_eq!((self.status.as_u16(), &json["success"]), (200, &json!(true)), "{}", self.text);
        json["result"].clone()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The cookie as a browser sends it back.
    fn cookie(&self) -> String {
        self.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
    }
}

/// A request: method and path, then headers and a body.
struct Ask<'a> {
    line: &'a str,
    headers: Vec<(&'a str, String)>,
    body: Option<Value>,
}

fn ask(line: &str) -> Ask<'_> {
    Ask { line, headers: vec![("host", "localhost:8080".to_owned())], body: None }
}

impl<'a> Ask<'a> {
    fn header(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn cookie(self, cookie: &str) -> Self {
        self.header("cookie", cookie)
    }

    fn json(mut self, body: Value) -> Self {
        self.body = Some(body);
        self.header("content-type", "application/json")
    }
}

impl World {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(set: impl FnOnce(&mut Args)) -> Self {
        let mut args = Args {
            jwt_secret: Some("0123456789abcdef0123456789abcdef".into()),
            bcrypt_cost: Some("4".into()),
            jwt_expire_in: Some("15m".into()),
            allowed_origins: Some("https://app.example".into()),
            ..Args::default()
        };
        set(&mut args);
        let config = Config::from_args(&args).unwrap();
        let (store, events) = (Arc::new(FakeStore::default()), Arc::new(Recorder::default()));
        let service = Service::new(store.clone(), events.clone(), &config);
        Self { api: Arc::new(Api::new(service, &config, &PAGE)), store, events }
    }

    async fn send(&self, ask: Ask<'_>) -> Answer {
        let body = ask.body.as_ref().map(Value::to_string).unwrap_or_default();
        self.send_raw(ask, body.into()).await
    }

    async fn send_raw(&self, ask: Ask<'_>, body: Bytes) -> Answer {
        let (method, path) = ask.line.split_once(' ').unwrap();
        let mut request = http::Request::builder().method(method).uri(path);
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(body)).unwrap();
        let peer = Peer { address: IpAddr::from([192, 0, 2, 1]), tls: false };
        // A server runs this on any of its threads.
        let api = Arc::clone(&self.api);
        let response = tokio::spawn(async move { api.handle(request, peer).await }).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    /// Creates an account and answers its cookie.
    async fn sign_up(&self, name: &str) -> String {
        let email = format!("{name}@example.org");
        let body = json!({ "email": email, "name": name, "password": "secret-1" });
        let answer = self.send(ask("POST /user/create").json(body)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.cookie()
    }

    /// Creates a room and answers its code.
    async fn room(&self, cookie: &str, name: &str) -> String {
        let body = json!({ "roomName": name });
        let answer = self.send(ask("POST /chat/create-room").cookie(cookie).json(body)).await;
        answer.result()["newRoom"]["code"].as_str().unwrap().to_owned()
    }

    async fn join(&self, cookie: &str, code: &str) -> Answer {
        self.send(ask(&format!("POST /chat/join-room/{code}")).cookie(cookie)).await
    }

    async fn post(&self, cookie: &str, body: Value) -> Answer {
        self.send(ask("POST /chat/message").cookie(cookie).json(body)).await
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told_apart() {
    let world = World::new();
    let rows = [
        ("GET /nothing", 404, None),
        ("POST /nothing", 404, None),
        ("GET /chat", 404, None),
        ("DELETE /chat/rooms", 405, Some("GET, HEAD, OPTIONS")),
        ("GET /chat/message", 405, Some("POST, OPTIONS")),
        ("HEAD /auth/refresh", 405, Some("GET, POST, OPTIONS")),
        ("HEAD /chat/join-room/R1", 405, Some("GET, POST, OPTIONS")),
        ("POST /", 405, Some("GET, HEAD")),
        ("OPTIONS /chat/rooms", 204, Some("GET, HEAD, OPTIONS")),
        ("GET /chat/join-room/%ff", 400, None),
    ];
    for (line, status, allow) in rows {
        let answer = world.send(ask(line)).await;
        assert_eq!((answer.status.as_u16(), answer.header("allow")), (status, allow), "{line}");
    }
}

#[tokio::test]
async fn the_page_is_served_with_its_policy() {
    let world = World::new();
    let page = world.send(ask("GET /")).await;
    assert_eq!((page.status.as_u16(), page.text.as_str()), (200, "<!doctype html>"));
    assert!(page.header("content-security-policy").unwrap().contains("default-src 'self'"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    let etag = page.header("etag").unwrap();
    let again = world.send(ask("GET /").header("if-none-match", etag)).await;
    assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""));
}

#[tokio::test]
async fn head_tells_what_get_would() {
    let world = World::new();
    let cookie = world.sign_up("Ann").await;
    for path in ["/", "/healthz", "/readyz", "/auth/me", "/chat/rooms"] {
        let get = world.send(ask(&format!("GET {path}")).cookie(&cookie)).await;
        let head = world.send(ask(&format!("HEAD {path}")).cookie(&cookie)).await;
        assert_eq!((head.status, head.text.as_str()), (get.status, ""), "{path}");
        assert_eq!(head.header("content-length"), Some(get.text.len().to_string().as_str()), "{path}");
    }
}

#[tokio::test]
async fn a_database_that_is_away_is_503_and_comes_back() {
    let world = World::with(|args| args.express_errors = Some("true".into()));
    let cookie = world.sign_up("Ann").await;
    world.store.set_away(true);
    for line in ["GET /readyz", "GET /auth/me", "GET /chat/rooms"] {
        let answer = world.send(ask(line).cookie(&cookie)).await;
        assert_eq!(answer.status, 503, "{line}");
        assert_eq!(answer.error(), "The database is not available, try again in a moment");
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    assert_eq!(world.send(ask("GET /healthz")).await.status, 200);
    world.store.set_away(false);
    assert_eq!(world.send(ask("GET /readyz")).await.status, 200);
    assert_eq!(world.send(ask("GET /auth/me").cookie(&cookie)).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_is_408_and_closes_the_connection() {
    let world = World::new();
    let request = http::Request::post("/auth/login").body(Silence).unwrap();
    let peer = Peer { address: IpAddr::from([192, 0, 2, 1]), tls: false };
    let started = tokio::time::Instant::now();
    let response = world.api.handle(request, peer).await;
    assert_eq!((response.status().as_u16(), started.elapsed()), (408, Duration::from_secs(10)));
    assert_eq!(response.headers()["connection"], "close");
}

/// A body that never comes.
struct Silence;

impl hyper::body::Body for Silence {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
        std::task::Poll::Pending
    }
}
