//! Limits on rates, and what happens under load.

use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::json;

use super::{Answer, World, ask};
use crate::service::Event;

async fn try_password(world: &World, email: &str, address: &str) -> Answer {
    let body = json!({ "email": email, "password": "wrong-1" });
    world.send(ask("POST /auth/login").header("x-forwarded-for", address).json(body)).await
}

#[tokio::test]
async fn password_tries_are_limited_per_account_and_address() {
    let world = World::with(|args| {
        args.login_tries = Some("3".into());
        args.trust_proxy = Some("1".into());
    });
    world.sign_up("Ann").await;
    for _ in 0..3 {
        assert_eq!(try_password(&world, "Ann@example.org", "198.51.100.1").await.status, 401);
    }
    let refused = try_password(&world, "ann@example.org", "198.51.100.1").await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("retry-after"), Some("200"));
    assert_eq!(refused.error(), "Too many login tries, try again in 200 s");
    assert_eq!(try_password(&world, "Ann@example.org", "198.51.100.2").await.status, 401);
    assert_eq!(try_password(&world, "bob@example.org", "198.51.100.1").await.status, 401);
}

#[tokio::test]
async fn requests_are_limited_per_address_but_supervisors_are_not() {
    let world = World::with(|args| args.requests_per_second = Some("1".into()));
    let mut refused = None;
    for _ in 0..12 {
        let answer = world.send(ask("GET /auth/me")).await;
        refused = refused.or((answer.status == 429).then_some(answer));
    }
    assert_eq!(refused.unwrap().header("retry-after"), Some("1"));
    for _ in 0..20 {
        assert_eq!(world.send(ask("GET /healthz")).await.status, 200);
    }
}

#[tokio::test]
async fn limits_off_turns_all_of_them_off() {
    let world = World::with(|args| {
        args.limits = Some("off".into());
        args.login_tries = Some("1".into());
        args.requests_per_second = Some("1".into());
    });
    for _ in 0..20 {
        assert_eq!(try_password(&world, "ann@example.org", "").await.status, 401);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_room_sees_concurrent_messages_in_the_order_of_history() {
    let world = Arc::new(World::with(|args| args.limits = Some("off".into())));
    let cookie = world.sign_up("Ann").await;
    let code = world.room(&cookie, "Lounge").await;
    world.join(&cookie, &code).await;
    world.events.take();
    let post = |n: usize| {
        let (world, cookie, code) = (Arc::clone(&world), cookie.clone(), code.clone());
        tokio::spawn(
            async move { world.post(&cookie, json!({ "roomCode": code, "msg": n.to_string() })).await },
        )
    };
    for answer in join_all((0..200).map(post)).await {
        assert_eq!(answer.unwrap().status, 200);
    }
    let id = |event: Event| if let Event::Posted { message } = event { Some(message.id) } else { None };
    let published: Vec<_> = world.events.take().into_iter().filter_map(id).collect();
    assert_eq!(published.len(), 200);
    assert!(published.is_sorted());
}

#[tokio::test]
async fn a_client_that_goes_away_does_not_keep_the_room_from_being_told() {
    let world = World::new();
    let cookie = world.sign_up("Ann").await;
    let code = world.room(&cookie, "Lounge").await;
    // One poll starts the join; then the client is gone.
    let join = Box::pin(world.join(&cookie, &code));
    assert!(futures_util::FutureExt::now_or_never(join).is_none());
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(matches!(&world.events.take()[..], [Event::Joined { .. }]));
}
