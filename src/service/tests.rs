//! What sockets need of the use cases and HTTP does not show.

use std::{net::IpAddr, sync::Arc};

use super::{
    AuthFailure, Event, MAX_POSTS_UNDERWAY, Service,
    fake::{FakeStore, Recorder},
    input::{CreateRoom, JoinRoom, PostMessage, SignUp},
};
use crate::{
    auth::{Source, TokenFault, identity::of_socket},
    config::{Args, Config},
    error::Error,
};

struct World {
    service: Arc<Service>,
    store: Arc<FakeStore>,
    events: Arc<Recorder>,
}

fn world() -> World {
    let args = Args {
        jwt_secret: Some("0123456789abcdef0123456789abcdef".into()),
        bcrypt_cost: Some("4".into()),
        ..Args::default()
    };
    let config = Config::from_args(&args).unwrap();
    let (store, events) = (Arc::new(FakeStore::default()), Arc::new(Recorder::default()));
    World { service: Service::new(store.clone(), events.clone(), &config), store, events }
}

async fn token(world: &World, name: &str) -> String {
    let input = SignUp {
        email: Some(format!("{name}@example.org")),
        name: Some(name.to_owned()),
        password: Some("secret-1".to_owned()),
        return_token: None,
    };
    world.service.sign_up(&input, IpAddr::from([192, 0, 2, 1])).await.unwrap().token
}

#[tokio::test]
async fn a_socket_is_known_by_its_cookie_or_else_by_its_auth_payload() {
    let world = world();
    let token = token(&world, "Ann").await;
    let cookie = format!("io=1; token={token}");
    type Row<'a> = (Option<&'a str>, Option<&'a str>, Result<Source, &'a str>);
    let rows: [Row<'_>; 6] = [
        (Some(&cookie), None, Ok(Source::Cookie)),
        (Some(&cookie), Some("bad"), Ok(Source::Cookie)),
        (Some("token=bad"), Some(&token), Ok(Source::SocketAuth)),
        (None, Some(&token), Ok(Source::SocketAuth)),
        (None, None, Err("token_missing")),
        (Some("token=bad"), None, Err("token_invalid")),
    ];
    for (cookie, auth, expected) in rows {
        let who = world.service.authenticate(of_socket(cookie, auth)).await;
        match (who, expected) {
            (Ok(who), Ok(source)) => assert_eq!((who.source, who.member().name.as_str()), (source, "Ann")),
            (Err(failure), Err(code)) => assert_eq!(failure.code(), code),
            (who, expected) => panic!("{who:?} instead of {expected:?}"),
        }
    }
}

#[tokio::test]
async fn a_revoked_token_is_known_and_an_unknown_state_is_not_a_refusal() {
    let world = world();
    let (ann, bob) = (token(&world, "Ann").await, token(&world, "Bob").await);
    let who = world.service.authenticate(of_socket(None, Some(&ann))).await.unwrap();
    world.service.log_out(&who).await.unwrap();
    let again = world.service.authenticate(of_socket(None, Some(&ann))).await;
    assert_eq!(again, Err(AuthFailure::Token(TokenFault::Revoked)));
    world.store.set_away(true);
    let unknown = world.service.authenticate(of_socket(None, Some(&bob))).await;
    assert_eq!(unknown, Err(AuthFailure::Service(Error::Unavailable)));
}

#[tokio::test]
async fn a_connecting_socket_sees_the_room_before_or_after_a_join_but_never_between() {
    let world = world();
    let token = token(&world, "Ann").await;
    let who = world.service.authenticate(of_socket(None, Some(&token))).await.unwrap();
    let room = CreateRoom { room_name: Some("Lounge".to_owned()) };
    let code = world.service.create_room(&who, &room).await.unwrap().code;
    let at_connect = world.service.with_current_room(&who.user, |room| room.cloned()).await.unwrap();
    assert_eq!(at_connect, None);

    let one_at_a_time = world.service.users.lock(&who.user).await.unwrap();
    let join = {
        let (service, who) = (Arc::clone(&world.service), who.clone());
        let input = JoinRoom { room_code: Some(code.0.clone()) };
        tokio::spawn(async move { service.join_room(&who, &input).await })
    };
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(world.events.take().is_empty(), "the join waits");
    drop(one_at_a_time);
    join.await.unwrap().unwrap();
    assert!(matches!(&world.events.take()[..], [Event::Joined { .. }]));
    let at_connect = world.service.with_current_room(&who.user, |room| room.cloned()).await.unwrap();
    assert_eq!(at_connect.map(|room| room.code), Some(code));
}

#[tokio::test]
async fn a_message_past_those_underway_is_refused_and_the_next_is_taken_once_there_is_room() {
    let world = world();
    let token = token(&world, "Ann").await;
    let who = world.service.authenticate(of_socket(None, Some(&token))).await.unwrap();
    let room = world.service.create_room(&who, &CreateRoom { room_name: Some("A".into()) }).await.unwrap();
    let join = JoinRoom { room_code: Some(room.code.0.clone()) };
    world.service.join_room(&who, &join).await.unwrap();
    let message = |text: &str| PostMessage {
        room_code: Some(room.code.0.clone()),
        msg: Some(text.into()),
        ..PostMessage::default()
    };
    let underway = u32::try_from(MAX_POSTS_UNDERWAY).unwrap();
    let all_but_one = world.service.posts.try_acquire_many(underway - 1).unwrap();
    world.service.post_message(&who, &message("the last place")).await.unwrap();
    let last = world.service.posts.try_acquire().unwrap();
    let refused = world.service.post_message(&who, &message("one too many")).await.unwrap_err();
    assert_eq!((&refused, refused.status(), refused.retry_after_seconds()), (&Error::Busy, 503, Some(1)));
    drop((all_but_one, last));
    let posted = world.service.post_message(&who, &message("there is room")).await.unwrap();
    assert_eq!(posted.message.msg, "there is room");
}
