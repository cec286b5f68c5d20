//! How often the hot paths ask for memory. Unlike times, these numbers are the same on every machine, so that a change
//! that makes a path dearer is seen before it lands.

#![allow(clippy::unwrap_used, reason = "a test may end where it fails")]
#![allow(clippy::disallowed_methods, reason = "a test makes its own time")]

use std::{alloc::System, fmt::Write, hint::black_box, time::Instant};

use engineio::{
    Config,
    engine::{Input, Packet, Session, Transport, payload},
    hub::Encoded,
    socketio,
};
use http::{HeaderMap, HeaderValue, Method, header::COOKIE};
use paths::World;
use roomcast::{auth::identity, http::router::Router};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Runs of each path: before counting, so that queues have the size they keep, and while counting.
const WARM_UP: u32 = 300;
const RUNS: u32 = 1_000;
/// The share of runs that may ask once more, for tables that grow now and then.
const TOLERANCE: f64 = 0.02;

/// What a path may ask for in each run.
struct Budget {
    path: &'static str,
    /// Allocations and reallocations.
    allowed: u32,
    found: f64,
}

#[derive(Default)]
struct Budgets(Vec<Budget>);

impl Budgets {
    fn check<T>(&mut self, path: &'static str, allowed: u32, mut run: impl FnMut() -> T) {
        for _ in 0..WARM_UP {
            black_box(run());
        }
        let region = Region::new(GLOBAL);
        for _ in 0..RUNS {
            black_box(run());
        }
        let change = region.change();
        let found = (change.allocations + change.reallocations) as f64 / f64::from(RUNS);
        self.0.push(Budget { path, allowed, found });
    }
}

// One test, because the counter counts for all threads.
#[test]
fn hot_paths_keep_their_budgets_of_allocations() {
    let mut budgets = Budgets::default();
    codecs(&mut budgets);
    sessions(&mut budgets);
    rooms(&mut budgets);
    requests(&mut budgets);
    let mut report = String::new();
    for Budget { path, allowed, found } in &budgets.0 {
        if *found > f64::from(*allowed) + TOLERANCE {
            writeln!(report, "{path}: {found} allocations, at most {allowed} are allowed").unwrap();
        } else if *found < f64::from(*allowed) - TOLERANCE {
            writeln!(report, "{path}: only {found} allocations: lower the budget of {allowed}").unwrap();
        }
    }
    assert!(report.is_empty(), "\n{report}");
}

fn codecs(budgets: &mut Budgets) {
    let config = Config::default();
    let event = r#"212["message","hello",{"a":1}]"#;
    budgets.check("an event is decoded", 0, || socketio::Packet::decode(black_box(event), &config).is_ok());
    let nested = r#"212["message",{"a":[1,2,3]}]"#;
    // serde_json keeps a stack of what it is inside of.
    budgets
        .check("nested JSON is decoded", 0, || socketio::Packet::decode(black_box(nested), &config).is_ok());
    let body = format!("4{event}\x1e4{event}\x1e2");
    budgets.check("a payload is decoded", 0, || payload::decode(&body).all(|packet| packet.is_ok()));
    budgets.check("a frame is encoded", 2, || Encoded::text(|out| out.extend_from_slice(event.as_bytes())));
}

fn sessions(budgets: &mut Budgets) {
    let (config, now) = (Config::default(), Instant::now());
    let mut session = Session::new(Transport::Websocket, &config, now);
    budgets.check("a session takes a message", 0, || {
        black_box(session.handle(Input::Packet(Packet::Message("2[\"a\"]")), &config, now));
    });
    let world = World::new();
    let client = world.connect();
    budgets.check("an event is echoed", 3, || client.text(r#"212["echo","hello"]"#));
    budgets.check("an event with an attachment is echoed", 6, || {
        client.text(r#"51-12["echo",{"_placeholder":true,"num":0}]"#);
        client.binary(b"hello");
    });
    let mut id = 0_u64;
    let mut answer = String::new();
    budgets.check("a client answers a question", 5, || {
        let asked = client.socket.emit_with_ack("question", "x");
        answer.clear();
        write!(answer, "3{id}[\"y\"]").unwrap();
        client.text(&answer);
        id += 1;
        asked
    });
    budgets.check("an event is emitted to one socket", 2, || client.socket.emit("event", "hello"));
}

fn rooms(budgets: &mut Budgets) {
    let world = World::new();
    let members = world.room("room", 100);
    let member = &members[0];
    let before = member.received();
    budgets
        .check("an event is published to a room of 100", 7, || member.text(r#"2["publish","room","hello"]"#));
    assert_eq!(member.received() - before, u64::from(WARM_UP + RUNS) * 19, "it came every time");
    budgets.check("a room is joined and left", 3, || {
        let joined = member.socket.join(black_box("another")).is_ok();
        member.socket.leave("another");
        joined
    });
}

fn requests(budgets: &mut Budgets) {
    let lines = [(Method::GET, "/healthz", 1), (Method::POST, "/chat/join-room/:roomCode", 2)];
    let router = Router::new(&lines, |_| true);
    budgets.check("a route is found", 0, || {
        black_box(router.find(&Method::POST, "/chat/join-room/r3ymsue4bn"));
    });
    let mut headers = HeaderMap::new();
    headers.insert(COOKIE, HeaderValue::from_static("theme=dark; io=abcdefghij; token=a.b.c"));
    budgets.check("a cookie is found", 0, || identity::of_request(&headers).count());
}
