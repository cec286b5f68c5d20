//! Signing up, logging in and out.

use serde_json::json;

use super::{World, ask};
use crate::service::Event;

const ATTRIBUTES: &str = "; Max-Age=900; Path=/; HttpOnly; SameSite=None; Secure";

#[tokio::test]
async fn signing_up_creates_the_account_and_logs_it_in() {
    let world = World::new();
    let body = json!({ "email": " Ann@Example.org ", "name": "Ann Lee", "password": "secret-1" });
    let answer = world.send(ask("POST /user/create").json(body.clone())).await;
    assert_eq!(answer.json()["message"], "User Ann Lee has been created successfully.");
    let user = answer.result()["user"].clone();
    assert_eq!((&user["name"], &user["email"]), (&json!("Ann Lee"), &json!("Ann@Example.org")));
    assert!(answer.result().get("token").is_none());
    let set = answer.header("set-cookie").unwrap();
    assert!(set.starts_with("token=ey") && set.ends_with(ATTRIBUTES), "{set}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));

    let me = world.send(ask("GET /auth/me").cookie(&answer.cookie())).await;
    assert_eq!(me.result(), json!({ "user": user, "room": null }));

    let body = json!({ "email": "aNN@example.ORG", "name": "Other", "password": "secret-2" });
    let again = world.send(ask("POST /user/create").json(body)).await;
    assert_eq!((again.status.as_u16(), again.error()), (409, "User already exists".to_owned()));
    assert_eq!(again.header("set-cookie"), None);
}

#[tokio::test]
async fn bad_sign_ups_are_explained() {
    let world = World::new();
    let rows = [
        (json!({}), "`email` is missing"),
        (json!({"email": "a@b"}), "`name` is missing"),
        (json!({"email": "a@b", "name": "A"}), "`password` is missing"),
        (
            json!({"email": "ab", "name": "A", "password": "secret-1"}),
            "`email` must be an e-mail address such as ann@example.org",
        ),
        (json!({"email": "a@b", "name": " ", "password": "secret-1"}), "`name` is missing"),
        (
            json!({"email": "a@b", "name": "A\nB", "password": "secret-1"}),
            "`name` must not have control characters",
        ),
        (
            json!({"email": "a@b", "name": "A", "password": "short"}),
            "`password` must be at least 6 characters long",
        ),
        (
            json!({"email": "a@b", "name": "A", "password": "x".repeat(73)}),
            "`password` must be at most 72 bytes long (it has 73): bcrypt does not read further",
        ),
        (
            json!({"email": "a@b", "name": "A", "password": "secret\0more"}),
            "`password` must not contain NUL characters",
        ),
        (
            json!({"email": {"$gt": ""}, "name": "A", "password": "secret-1"}),
            "The body has a wrong value: invalid type: map, expected a string at line 1 column 9",
        ),
        (json!([1]), "The body must be a JSON object such as {\"name\":\"value\"}"),
    ];
    for (body, expected) in rows {
        let answer = world.send(ask("POST /user/create").json(body.clone())).await;
        assert_eq!((answer.status.as_u16(), answer.error().as_str()), (400, expected), "{body}");
    }
}

#[tokio::test]
async fn bodies_that_are_not_json_are_refused() {
    let world = World::new();
    let rows = [
        (
            "application/json",
            "{\"email\"",
            400,
            "The body is not valid JSON: EOF while parsing an object at line 1 column 8",
        ),
        ("text/plain", "{}", 415, "Send the body as JSON with the header Content-Type: application/json"),
        (
            "application/x-www-form-urlencoded",
            "email=a",
            415,
            "Send the body as JSON with the header Content-Type: application/json",
        ),
    ];
    for (content_type, body, status, expected) in rows {
        let answer =
            world.send_raw(ask("POST /auth/login").header("content-type", content_type), body.into()).await;
        assert_eq!((answer.status.as_u16(), answer.error().as_str()), (status, expected), "{body}");
    }
    let large = ask("POST /auth/login").json(json!({ "email": "x".repeat(100_000) }));
    let answer = world.send(large).await;
    assert_eq!((answer.status.as_u16(), answer.header("connection")), (413, Some("close")));
}

#[tokio::test]
async fn a_failed_login_never_says_what_was_wrong() {
    let world = World::new();
    world.sign_up("Ann").await;
    let rows =
        [("Ann@example.org", "wrong-1"), ("nobody@example.org", "secret-1"), ("not an address", "secret-1")];
    for (email, password) in rows {
        let body = json!({ "email": email, "password": password });
        let answer = world.send(ask("POST /auth/login").json(body)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.error().as_str()),
            (401, "Username or password is incorrect")
        );
        assert_eq!(answer.header("set-cookie"), None);
    }
    let body = json!({ "email": "ANN@example.org", "password": "secret-1", "returnToken": true });
    let answer = world.send(ask("POST /auth/login").json(body)).await;
    let token = answer.result()["token"].as_str().unwrap().to_owned();
    assert!(answer.header("set-cookie").unwrap().starts_with(&format!("token={token}; Max-Age=900")));
    let me = world.send(ask("GET /auth/me").header("authorization", format!("Bearer {token}"))).await;
    assert_eq!(me.result()["user"]["name"], "Ann");
}

#[tokio::test]
async fn without_a_good_token_everything_behind_it_is_401() {
    let world = World::new();
    let routes = [
        "GET /auth/me",
        "GET /auth/refresh",
        "POST /auth/refresh",
        "POST /auth/logout",
        "GET /chat/rooms",
        "GET /chat/create-room?roomName=x",
        "POST /chat/create-room",
        "GET /chat/join-room/R1",
        "POST /chat/join-room/R1",
        "POST /chat/leave-room",
        "POST /chat/message",
        "GET /chat/messages/R1",
    ];
    let cookies = [
        ("", "You are not logged in"),
        ("token=", "You are not logged in"),
        ("token=a.b.c", "The token is not valid, log in again"),
    ];
    for route in routes {
        for (cookie, expected) in cookies {
            let answer = world.send(ask(route).cookie(cookie)).await;
            assert_eq!((answer.status.as_u16(), answer.error().as_str()), (401, expected), "{route}");
        }
    }
}

#[tokio::test]
async fn refreshing_gives_a_new_token_and_keeps_the_old_one() {
    let world = World::new();
    let cookie = world.sign_up("Ann").await;
    for line in ["GET /auth/refresh?returnToken=true", "POST /auth/refresh"] {
        let answer = world.send(ask(line).cookie(&cookie)).await;
        assert_eq!(answer.result().get("token").is_some(), line.starts_with("GET"));
        assert!(answer.header("set-cookie").unwrap().ends_with(ATTRIBUTES));
        assert_ne!(answer.cookie(), cookie);
        assert_eq!(world.send(ask("GET /auth/me").cookie(&answer.cookie())).await.status, 200);
        let events = world.events.take();
        assert!(
            matches!(&events[..], [Event::Refreshed { claims, old_token_id, .. }] if claims.jti != *old_token_id)
        );
    }
    assert_eq!(world.send(ask("GET /auth/me").cookie(&cookie)).await.status, 200);
}

#[tokio::test]
async fn logging_out_revokes_the_token_and_clears_the_cookie() {
    let world = World::new();
    let (ann, bob) = (world.sign_up("Ann").await, world.sign_up("Bob").await);
    assert_eq!(world.send(ask("GET /auth/me").cookie(&ann)).await.status, 200);
    let answer = world.send(ask("POST /auth/logout").cookie(&ann)).await;
    assert_eq!(answer.status, 200);
    let cleared = answer.header("set-cookie").unwrap();
    assert!(
        cleared.starts_with("token=; Max-Age=0;")
            && cleared.ends_with("Path=/; HttpOnly; SameSite=None; Secure")
    );
    assert!(matches!(&world.events.take()[..], [Event::LoggedOut { .. }]));

    let gone = world.send(ask("GET /auth/me").cookie(&ann)).await;
    assert_eq!(
        (gone.status.as_u16(), gone.error().as_str()),
        (401, "The token has been logged out, log in again")
    );
    let again = world.send(ask("POST /auth/logout").cookie(&ann)).await;
    assert_eq!(again.status, 401);
    assert!(again.header("set-cookie").unwrap().starts_with("token=; Max-Age=0;"));
    assert_eq!(world.send(ask("GET /auth/me").cookie(&bob)).await.status, 200);
}

#[tokio::test]
async fn the_first_good_token_counts() {
    let world = World::new();
    let cookie = world.sign_up("Ann").await;
    let token = cookie.strip_prefix("token=").unwrap();
    let rows = [
        (format!("token=bad; token={token}"), String::new()),
        ("token=bad".to_owned(), format!("Bearer {token}")),
        (cookie.clone(), "Bearer bad".to_owned()),
    ];
    for (cookie, authorization) in rows {
        let me = ask("GET /auth/me").cookie(&cookie).header("authorization", authorization);
        assert_eq!(world.send(me).await.status, 200, "{cookie}");
    }
}

#[tokio::test]
async fn a_token_of_a_deleted_account_is_401() {
    let world = World::new();
    let cookie = world.sign_up("Ann").await;
    world.store.forget_users();
    for line in ["GET /auth/me", "GET /auth/refresh"] {
        assert_eq!(world.send(ask(line).cookie(&cookie)).await.status, 401, "{line}");
    }
}

#[tokio::test]
async fn express_errors_turns_failures_of_the_api_into_200() {
    let world = World::with(|args| args.express_errors = Some("true".into()));
    let rows = [
        ("GET /auth/me", 200, "You are not logged in"),
        ("POST /auth/login", 200, "`email` is missing"),
        ("GET /nothing", 404, "Nothing is at this path"),
        ("DELETE /auth/me", 405, "This path does not have this method"),
    ];
    for (line, status, expected) in rows {
        let answer = world.send(ask(line)).await;
        assert_eq!((answer.status.as_u16(), answer.error().as_str()), (status, expected), "{line}");
    }
    let large = world.send(ask("POST /auth/login").json(json!({ "email": "x".repeat(100_000) }))).await;
    assert_eq!(large.status, 413);
}

#[tokio::test]
async fn the_cookie_is_set_as_configured() {
    let world = World::with(|args| {
        args.cookie_samesite = Some("lax".into());
        args.cookie_secure = Some("false".into());
    });
    let body = json!({ "email": "a@b", "name": "A", "password": "secret-1" });
    let answer = world.send(ask("POST /user/create").json(body)).await;
    assert!(answer.header("set-cookie").unwrap().ends_with("; Max-Age=900; Path=/; HttpOnly; SameSite=Lax"));
}
