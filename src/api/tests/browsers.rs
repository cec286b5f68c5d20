//! What other sites' pages can and cannot do.

use serde_json::json;

use super::{World, ask};

const ALLOWED: &str = "https://app.example";
const EVIL: &str = "https://evil.example";

#[tokio::test]
async fn other_sites_cannot_change_anything_with_the_users_cookie() {
    let world = World::new();
    let cookie = world.sign_up("Ann").await;
    let code = world.room(&cookie, "Lounge").await;
    let join = format!("GET /chat/join-room/{code}");
    let routes = [
        "POST /user/create",
        "POST /auth/login",
        "GET /auth/refresh",
        "POST /auth/refresh",
        "POST /auth/logout",
        "GET /chat/create-room?roomName=x",
        "POST /chat/create-room",
        join.as_str(),
        "POST /chat/leave-room",
        "POST /chat/message",
    ];
    for route in routes {
        for (name, value) in [
            ("origin", EVIL),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            let answer = world.send(ask(route).cookie(&cookie).header(name, value)).await;
            assert_eq!(answer.status, 403, "{route} {name}: {value}");
            assert_eq!(answer.header("set-cookie"), None);
            assert_eq!(answer.header("access-control-allow-origin"), None);
        }
    }
    assert!(world.events.take().is_empty());
    assert_eq!(world.send(ask("GET /auth/me").cookie(&cookie)).await.status, 200, "the logout was refused");
}

#[tokio::test]
async fn own_and_allowed_origins_and_other_programs_may_change_things() {
    let world = World::new();
    let cookie = world.sign_up("Ann").await;
    let rows: [&[(&str, &str)]; 6] = [
        &[],
        &[("origin", "http://localhost:8080")],
        &[("origin", ALLOWED), ("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "none")],
        &[("origin", "http://localhost:8080"), ("sec-fetch-site", "same-origin")],
    ];
    for headers in rows {
        let mut request = ask("GET /auth/refresh").cookie(&cookie);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        assert_eq!(world.send(request).await.status, 200, "{headers:?}");
    }
}

#[tokio::test]
async fn bearer_requests_are_exempt_but_not_as_a_cover_for_the_cookie() {
    let world = World::new();
    let cookie = world.sign_up("Ann").await;
    let token = cookie.strip_prefix("token=").unwrap().to_owned();
    let rows = [
        (String::new(), format!("Bearer {token}"), 200),
        ("token=bad".to_owned(), format!("Bearer {token}"), 200),
        (cookie.clone(), "Bearer bad".to_owned(), 403),
        (cookie.clone(), format!("Bearer {token}"), 403),
        (String::new(), "Bearer bad".to_owned(), 403),
    ];
    for (cookie, authorization, status) in rows {
        let request = ask("GET /auth/refresh").cookie(&cookie);
        let request = request.header("authorization", authorization).header("origin", EVIL);
        assert_eq!(world.send(request).await.status.as_u16(), status, "{cookie}");
    }
}

#[tokio::test]
async fn the_own_origin_is_seen_through_trusted_proxies_only() {
    let rows = [(None, None, 403), (Some("1"), None, 200), (None, Some("https://chat.example"), 200)];
    for (hops, public, status) in rows {
        let world = World::with(|args| {
            args.trust_proxy = hops.map(str::to_owned);
            args.public_origin = public.map(str::to_owned);
        });
        let cookie = world.sign_up("Ann").await;
        let request = ask("POST /auth/refresh").cookie(&cookie).header("origin", "https://chat.example");
        let request = request.header("x-forwarded-proto", "https").header("x-forwarded-host", "chat.example");
        assert_eq!(world.send(request).await.status.as_u16(), status, "{hops:?} {public:?}");
    }
}

#[tokio::test]
async fn allowed_origins_read_answers_and_others_do_not() {
    let world = World::new();
    let cookie = world.sign_up("Ann").await;
    for (origin, granted) in [(Some(ALLOWED), true), (Some(EVIL), false), (None, false)] {
        for line in ["GET /auth/me", "GET /nothing", "DELETE /auth/me"] {
            let mut request = ask(line).cookie(&cookie);
            if let Some(origin) = origin {
                request = request.header("origin", origin);
            }
            let answer = world.send(request).await;
            assert_eq!(answer.header("access-control-allow-origin"), origin.filter(|_| granted), "{line}");
            assert_eq!(answer.header("access-control-allow-credentials"), granted.then_some("true"));
            assert_eq!(answer.header("vary"), Some("Origin"));
        }
    }
}

#[tokio::test]
async fn preflights_are_answered_204() {
    let world = World::new();
    for (origin, granted) in [(ALLOWED, true), (EVIL, false)] {
        let request = ask("OPTIONS /chat/message").header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        let answer = world.send(request.header("access-control-request-headers", "content-type")).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
        assert_eq!(answer.header("access-control-allow-origin"), granted.then_some(origin));
        assert_eq!(answer.header("access-control-allow-methods"), granted.then_some("POST, OPTIONS"));
        assert_eq!(answer.header("access-control-allow-headers"), granted.then_some("content-type"));
        assert!(answer.header("vary").unwrap().starts_with("Origin"));
    }
}

#[tokio::test]
async fn a_form_of_another_site_cannot_be_read_as_json() {
    let world = World::new();
    let request = ask("POST /auth/login").header("content-type", "text/plain");
    let body = json!({ "email": "a@b", "password": "secret-1" }).to_string();
    assert_eq!(world.send_raw(request, body.into()).await.status, 415);
}
