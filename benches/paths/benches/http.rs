//! What each HTTP request of the service goes through: the route, the cookie, the token.

#![allow(missing_docs, reason = "criterion makes public functions without documentation")]
#![allow(clippy::unwrap_used, reason = "there is nothing to measure then")]
#![allow(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::{hint::black_box, time::Duration};

use criterion::{Criterion, criterion_group, criterion_main};
use http::{HeaderMap, HeaderValue, Method, header::COOKIE};
use roomcast::{
    auth::{TokenSubject, Tokens, identity},
    config::Secret,
    http::router::Router,
};

const NOW: i64 = 1_700_000_000;

fn routes(c: &mut Criterion) {
    let lines = [
        (Method::POST, "/chat/message", 1),
        (Method::GET, "/chat/messages/:roomCode", 2),
        (Method::GET, "/chat/rooms", 3),
        (Method::POST, "/chat/join-room/:roomCode", 4),
        (Method::POST, "/auth/login", 5),
        (Method::GET, "/healthz", 6),
    ];
    let router = Router::new(&lines, |_| true);
    for (name, path) in [("first", "/chat/message"), ("with a parameter", "/chat/join-room/r3ymsue4bn")] {
        c.bench_function(&format!("route: {name}"), |b| {
            b.iter(|| black_box(router.find(&Method::POST, black_box(path))));
        });
    }
    c.bench_function("route: none", |b| b.iter(|| router.find(&Method::GET, black_box("/nothing/here"))));
}

fn identities(c: &mut Criterion) {
    let tokens = Tokens::new(&Secret::new(&[7; 32]), Duration::from_hours(1));
    let user_oid = "65f0a1b2c3d4e5f601234567";
    let subject = TokenSubject { user_oid, email: "ann@example.org", name: "Ann" };
    let (token, _) = tokens.mint(subject, NOW).unwrap();
    let mut headers = HeaderMap::new();
    let cookies = format!("_ga=GA1.1.123456.1700000000; theme=dark; io=abcdefghij; token={token}");
    headers.insert(COOKIE, HeaderValue::from_str(&cookies).unwrap());
    c.bench_function("cookie: found", |b| b.iter(|| identity::of_request(black_box(&headers)).count()));
    c.bench_function("token: verified", |b| b.iter(|| tokens.verify(black_box(&token), NOW).is_ok()));
    c.bench_function("token: minted", |b| b.iter(|| tokens.mint(black_box(subject), NOW).is_ok()));
}

criterion_group!(benches, routes, identities);
criterion_main!(benches);
