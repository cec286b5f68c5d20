//! The database away: at the start, and later.

use std::time::{Duration, Instant};

use mongodb::bson::{DateTime, doc, oid::ObjectId};

use super::server::{Server, until_ready};
use crate::store::{
    Store, StoreError,
    contract::support::{entered_room, post, post_once, user, whole_history},
};

/// The longest a caller may be kept waiting for the news that the database is away.
const PROMPT: Duration = Duration::from_secs(6);

#[tokio::test]
async fn a_store_without_a_database_answers_at_once_that_it_is_not_available() {
    let server = Server::away();
    let begin = Instant::now();
    let store = server.store();
    assert!(matches!(store.ready().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.is_revoked("x").await, Err(StoreError::Unavailable(_))));
    assert!(begin.elapsed() < Duration::from_secs(1));
    store.close().await;
}

#[tokio::test]
async fn a_database_that_comes_late_is_found_without_a_restart() {
    let mut server = Server::away();
    let store = server.store();
    assert!(store.ready().await.is_err());
    server.start().await;
    until_ready(&store).await;
    let ann = user(&store, "Ann").await;
    assert!(store.user_by_oid(&ann).await.unwrap().is_some());
}

#[tokio::test]
async fn everything_answered_survives_a_kill_and_the_store_recovers_by_itself() {
    let mut server = Server::started().await;
    let store = server.ready_store().await;
    let ann = user(&store, "Ann").await;
    let code = entered_room(&store, &ann).await;
    for number in 0..10 {
        post(&store, &ann, &code, &number.to_string()).await;
    }
    server.kill();
    for _ in 0..2 {
        let begin = Instant::now();
        assert!(matches!(store.ready().await, Err(StoreError::Unavailable(_))));
        let lost = post_once(&store, &ann, &code, "10", "id").await;
        assert!(matches!(lost, Err(StoreError::Unavailable(_))), "{lost:?}");
        assert!(begin.elapsed() < 2 * PROMPT);
    }
    server.start().await;
    until_ready(&store).await;
    assert!(!post_once(&store, &ann, &code, "10", "id").await.unwrap().duplicate);
    let expected: Vec<String> = (0..=10).map(|number| number.to_string()).collect();
    assert_eq!(whole_history(&store, &ann, &code, 4).await, expected);
}

#[tokio::test]
async fn a_connection_cut_in_the_middle_of_storing_stores_the_message_once() {
    let server = Server::started().await;
    let store = server.ready_store().await;
    let ann = user(&store, "Ann").await;
    let code = entered_room(&store, &ann).await;
    server.fail_once("insert", doc! { "closeConnection": true }).await;
    // The driver tries such a write again by itself; a caller would do the same after an error.
    if post_once(&store, &ann, &code, "once", "id").await.is_err() {
        post_once(&store, &ann, &code, "once", "id").await.unwrap();
    }
    assert_eq!(whole_history(&store, &ann, &code, 10).await, ["once"]);
}

#[tokio::test]
async fn a_command_that_the_server_refuses_is_not_available_rather_than_done() {
    let server = Server::started().await;
    let store = server.ready_store().await;
    let ann = user(&store, "Ann").await;
    let code = entered_room(&store, &ann).await;
    server.fail_once("insert", doc! { "errorCode": 8 }).await;
    let failed = post_once(&store, &ann, &code, "x", "id").await;
    assert!(matches!(failed, Err(StoreError::Unavailable(_))), "{failed:?}");
    assert!(whole_history(&store, &ann, &code, 10).await.is_empty());
}

#[tokio::test]
async fn a_command_without_an_answer_holds_up_the_messages_behind_it_only_for_so_long() {
    let server = Server::started().await;
    let store = server.ready_store().await;
    let ann = user(&store, "Ann").await;
    let code = entered_room(&store, &ann).await;
    server.fail_once("insert", doc! { "blockConnection": true, "blockTimeMS": 60_000 }).await;
    let begin = Instant::now();
    let (first, second) = tokio::join!(
        post_once(&store, &ann, &code, "first", "1"),
        post_once(&store, &ann, &code, "second", "2")
    );
    assert!(first.is_err() && begin.elapsed() < PROMPT, "{first:?} after {:?}", begin.elapsed());
    if second.is_err() {
        post_once(&store, &ann, &code, "second", "2").await.unwrap();
    }
    post_once(&store, &ann, &code, "first", "1").await.unwrap();
    assert!(begin.elapsed() < 2 * PROMPT, "{:?}", begin.elapsed());
    assert_eq!(whole_history(&store, &ann, &code, 10).await.len(), 2);
}

#[tokio::test]
async fn a_message_whose_sender_has_given_up_waiting_is_not_stored_later() {
    let server = Server::started().await;
    let store = server.ready_store().await;
    let ann = user(&store, "Ann").await;
    let code = entered_room(&store, &ann).await;
    server.fail_once("insert", doc! { "blockConnection": true, "blockTimeMS": 2_000 }).await;
    let behind = async {
        // The insert that is blocked comes first.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let waiting = post_once(&store, &ann, &code, "given up", "2");
        tokio::time::timeout(Duration::from_millis(200), waiting).await
    };
    let (first, second) = tokio::join!(post_once(&store, &ann, &code, "first", "1"), behind);
    first.unwrap();
    assert!(second.is_err(), "{second:?}");
    post(&store, &ann, &code, "last").await;
    assert_eq!(whole_history(&store, &ann, &code, 10).await, ["first", "last"]);
}

#[tokio::test]
async fn ids_stay_in_order_when_the_clock_was_set_back_between_two_starts() {
    let server = Server::started().await;
    let store = server.ready_store().await;
    let ann = user(&store, "Ann").await;
    let code = entered_room(&store, &ann).await;
    let messages = server.collection("messages").await;
    let future = ObjectId::parse_str("fff000000000000000000000").unwrap();
    messages
        .insert_one(doc! {
            "_id": future, "roomCode": &code.0, "userOid": &ann.0, "sender": "Ann", "msg": "from the future",
            "at": DateTime::now(),
        })
        .await
        .unwrap();
    store.close().await;
    let store = server.ready_store().await;
    post(&store, &ann, &code, "now").await;
    assert_eq!(whole_history(&store, &ann, &code, 1).await, ["from the future", "now"]);
}
