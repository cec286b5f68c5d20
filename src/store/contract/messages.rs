//! Messages and history.

use std::sync::Arc;

use futures_util::future::join_all;

use super::{
    Place,
    support::{entered_room, post, post_once, text, user, whole_history},
};
use crate::{
    chat::{NewMessage, RoomCode, UserOid},
    store::{Store, StoreError, unix_millis},
};

pub(in crate::store) async fn a_message_comes_back_from_history_as_it_was_answered(place: &dyn Place) {
    let (store, ann, code) = room_of_ann(place).await;
    let before = unix_millis();
    let stored = store.append_message(text(&ann, &code, "hello")).await.unwrap();
    assert!(!stored.duplicate);
    let message = &stored.message;
    assert_eq!((&message.room_code, &message.user_oid), (&code, &ann));
    assert_eq!((message.sender.as_str(), message.msg.as_str()), ("Ann (from A room)", "hello"));
    assert!((before..=unix_millis()).contains(&message.at));
    assert!(message.id.len() == 24 && message.id.bytes().all(|digit| b"0123456789abcdef".contains(&digit)));
    let page = store.history(&ann, &code, None, 10).await.unwrap();
    assert_eq!((page.messages, page.next), (vec![stored.message], None));
}

pub(in crate::store) async fn only_those_in_the_room_may_post(place: &dyn Place) {
    let (store, ann, code) = room_of_ann(place).await;
    let bob = user(&*store, "Bob").await;
    assert_not_in_room(&*store, &bob, &code).await;
    store.enter_room(&bob, &code).await.unwrap();
    post(&*store, &bob, &code, "here").await;
    store.leave_room(&bob).await.unwrap();
    assert_not_in_room(&*store, &bob, &code).await;
    let other = store.create_room(&ann, "Another").await.unwrap().code;
    store.enter_room(&ann, &other).await.unwrap();
    assert_not_in_room(&*store, &ann, &code).await;
    assert_eq!(whole_history(&*store, &ann, &code, 10).await, ["here"]);
}

pub(in crate::store) async fn posting_to_an_unknown_room_is_refused(place: &dyn Place) {
    let (store, ann, _) = room_of_ann(place).await;
    let refused = store.append_message(text(&ann, &RoomCode("nosuchroom".to_owned()), "?")).await;
    assert!(matches!(refused, Err(StoreError::NoSuchRoom(_))), "{refused:?}");
}

pub(in crate::store) async fn a_repeated_client_id_answers_the_first_message(place: &dyn Place) {
    let (store, ann, code) = room_of_ann(place).await;
    let first = post_once(&*store, &ann, &code, "first", "id 1").await.unwrap();
    let repeat = post_once(&*store, &ann, &code, "second", "id 1").await.unwrap();
    assert_eq!((first.duplicate, repeat.duplicate), (false, true));
    assert_eq!(first.message, repeat.message);
    assert!(!post_once(&*store, &ann, &code, "third", "ID 1").await.unwrap().duplicate);
    assert_eq!(whole_history(&*store, &ann, &code, 10).await, ["first", "third"]);
}

pub(in crate::store) async fn of_messages_given_together_only_the_bad_ones_are_refused(place: &dyn Place) {
    let (store, ann, code) = room_of_ann(place).await;
    let bob = user(&*store, "Bob").await;
    let first = post_once(&*store, &ann, &code, "first", "id").await.unwrap();
    let given = (0..40).map(|number| match number % 4 {
        0 => NewMessage { client_id: Some("id".to_owned()), ..text(&ann, &code, "a repeat") },
        1 => text(&bob, &code, "from outside"),
        _ => text(&ann, &code, &number.to_string()),
    });
    let given: Vec<_> = given.collect();
    let outcomes = join_all(given.iter().map(|message| store.append_message(message.clone()))).await;
    for (message, outcome) in given.iter().zip(outcomes) {
        match (message.msg.as_str(), outcome) {
            ("a repeat", Ok(answered)) => {
                assert_eq!((answered.duplicate, &answered.message), (true, &first.message));
            }
            ("from outside", Err(StoreError::NotInRoom(_))) => {}
            (msg, Ok(answered)) => {
                assert_eq!((answered.duplicate, answered.message.msg.as_str()), (false, msg));
            }
            (msg, Err(error)) => panic!("{msg}: {error}"),
        }
    }
    let mut stored = whole_history(&*store, &ann, &code, 50).await;
    stored.sort();
    let mut expected: Vec<String> =
        (0..40).filter(|number| number % 4 > 1).map(|number| number.to_string()).collect();
    expected.push("first".to_owned());
    expected.sort();
    assert_eq!(stored, expected);
}

pub(in crate::store) async fn a_repeat_after_leaving_still_answers_the_first_message(place: &dyn Place) {
    let (store, ann, code) = room_of_ann(place).await;
    let first = post_once(&*store, &ann, &code, "first", "id").await.unwrap();
    store.leave_room(&ann).await.unwrap();
    let repeat = post_once(&*store, &ann, &code, "first", "id").await.unwrap();
    assert_eq!((repeat.duplicate, repeat.message), (true, first.message));
}

pub(in crate::store) async fn a_client_id_is_unique_per_user_only(place: &dyn Place) {
    let (store, ann, code) = room_of_ann(place).await;
    let bob = user(&*store, "Bob").await;
    store.enter_room(&bob, &code).await.unwrap();
    for sender in [&ann, &bob] {
        assert!(!post_once(&*store, sender, &code, "hi", "same").await.unwrap().duplicate);
    }
}

pub(in crate::store) async fn of_concurrent_equal_client_ids_one_is_stored(place: &dyn Place) {
    let (store, ann, code) = room_of_ann(place).await;
    let tries: Vec<_> = (0..50)
        .map(|number| {
            let (store, ann, code) = (Arc::clone(&store), ann.clone(), code.clone());
            let client_id = format!("id {}", number % 2);
            tokio::spawn(async move { post_once(&*store, &ann, &code, "once", &client_id).await.unwrap() })
        })
        .collect();
    let mut ids = Vec::new();
    let mut stored = 0;
    for attempt in tries {
        let appended = attempt.await.unwrap();
        stored += usize::from(!appended.duplicate);
        ids.push(appended.message.id);
    }
    ids.sort();
    ids.dedup();
    assert_eq!((stored, ids.len()), (2, 2));
    assert_eq!(whole_history(&*store, &ann, &code, 10).await.len(), 2);
}

pub(in crate::store) async fn history_is_denied_to_those_who_never_joined(place: &dyn Place) {
    let (store, _, code) = room_of_ann(place).await;
    let bob = user(&*store, "Bob").await;
    let denied = store.history(&bob, &code, None, 10).await;
    assert!(matches!(denied, Err(StoreError::NotMember(_))), "{denied:?}");
}

pub(in crate::store) async fn history_of_an_unknown_room_is_refused(place: &dyn Place) {
    let (store, ann, _) = room_of_ann(place).await;
    let refused = store.history(&ann, &RoomCode("nosuchroom".to_owned()), None, 10).await;
    assert!(matches!(refused, Err(StoreError::NoSuchRoom(_))), "{refused:?}");
}

pub(in crate::store) async fn a_cursor_that_names_no_message_of_the_room_is_refused(place: &dyn Place) {
    let (store, ann, code) = room_of_ann(place).await;
    post(&*store, &ann, &code, "here").await;
    let other = entered_room(&*store, &ann).await;
    let elsewhere = post(&*store, &ann, &other, "elsewhere").await;
    for bad in ["", "x", "$gt", "ffffffffffffffffffffffff", "000000000000000000000000", &elsewhere] {
        let refused = store.history(&ann, &code, Some(bad), 10).await;
        assert!(matches!(refused, Err(StoreError::BadCursor)), "{bad}: {refused:?}");
    }
}

pub(in crate::store) async fn pages_join_without_gaps_or_repeats(place: &dyn Place) {
    let (store, ann, code) = room_of_ann(place).await;
    let mut posted = Vec::new();
    for number in 0..23 {
        // Stored as fast as they can be: many share a millisecond, nearly all share a second.
        posted.push(format!("message {number}"));
        post(&*store, &ann, &code, &posted[number]).await;
    }
    for limit in [1, 2, 7, 22, 23, 200] {
        assert_eq!(whole_history(&*store, &ann, &code, limit).await, posted, "limit {limit}");
    }
}

pub(in crate::store) async fn a_page_that_holds_exactly_the_rest_is_the_last(place: &dyn Place) {
    let (store, ann, code) = room_of_ann(place).await;
    for number in 0..4 {
        post(&*store, &ann, &code, &number.to_string()).await;
    }
    let newest = store.history(&ann, &code, None, 2).await.unwrap();
    let oldest = store.history(&ann, &code, newest.next.as_deref(), 2).await.unwrap();
    let texts: Vec<_> = oldest.messages.iter().map(|message| message.msg.as_str()).collect();
    assert_eq!((texts, oldest.next.as_deref()), (vec!["0", "1"], None));
    let nothing = store.history(&ann, &code, Some(&oldest.messages[0].id), 2).await.unwrap();
    assert_eq!((nothing.messages, nothing.next), (vec![], None));
}

pub(in crate::store) async fn cursors_stay_stable_while_messages_arrive(place: &dyn Place) {
    let (store, ann, code) = room_of_ann(place).await;
    for number in 0..6 {
        post(&*store, &ann, &code, &number.to_string()).await;
    }
    let newest = store.history(&ann, &code, None, 3).await.unwrap();
    for _ in 0..5 {
        post(&*store, &ann, &code, "later").await;
    }
    let older = store.history(&ann, &code, newest.next.as_deref(), 3).await.unwrap();
    let texts: Vec<_> = older.messages.iter().map(|message| message.msg.as_str()).collect();
    assert_eq!(texts, ["0", "1", "2"]);
}

pub(in crate::store) async fn concurrent_messages_are_all_stored_with_ids_in_the_order_of_history(
    place: &dyn Place,
) {
    let (store, ann, code) = room_of_ann(place).await;
    let tasks: Vec<_> = (0..60)
        .map(|number| {
            let (store, ann, code) = (Arc::clone(&store), ann.clone(), code.clone());
            tokio::spawn(async move { post(&*store, &ann, &code, &number.to_string()).await })
        })
        .collect();
    let mut ids = Vec::new();
    for task in tasks {
        ids.push(task.await.unwrap());
    }
    ids.sort();
    let page = store.history(&ann, &code, None, 200).await.unwrap();
    let listed: Vec<_> = page.messages.into_iter().map(|message| message.id).collect();
    assert_eq!(listed, ids);
}

pub(in crate::store) async fn long_and_strange_texts_come_back_unchanged(place: &dyn Place) {
    let (store, ann, code) = room_of_ann(place).await;
    let texts = [
        "🦀".repeat(4_000),
        "a\u{0}b".to_owned(),
        "\u{202e}right to left, e\u{301} and \u{e9}\r\n\t".to_owned(),
        "{\"$set\":{\"msg\":1}}'; DROP TABLE messages; --".to_owned(),
    ];
    for message in &texts {
        post(&*store, &ann, &code, message).await;
    }
    assert_eq!(whole_history(&*store, &ann, &code, 2).await, texts);
}

pub(in crate::store) async fn messages_survive_a_store_that_is_dropped_without_closing(place: &dyn Place) {
    let (store, ann, code) = room_of_ann(place).await;
    let mut posted = Vec::new();
    for number in 0..20 {
        posted.push(number.to_string());
        post_once(&*store, &ann, &code, &posted[number], &format!("id {number}")).await.unwrap();
    }
    drop(store);
    let store = place.open().await;
    assert_eq!(whole_history(&*store, &ann, &code, 50).await, posted);
    assert!(post_once(&*store, &ann, &code, "19", "id 19").await.unwrap().duplicate);
    post(&*store, &ann, &code, "after").await;
    posted.push("after".to_owned());
    assert_eq!(whole_history(&*store, &ann, &code, 50).await, posted);
}

/// A store with Ann in a room of hers.
async fn room_of_ann(place: &dyn Place) -> (Arc<dyn Store>, UserOid, RoomCode) {
    let store = place.open().await;
    let ann = user(&*store, "Ann").await;
    let code = entered_room(&*store, &ann).await;
    (store, ann, code)
}

async fn assert_not_in_room(store: &dyn Store, user: &UserOid, code: &RoomCode) {
    let refused = store.append_message(text(user, code, "let me in")).await;
    assert!(matches!(refused, Err(StoreError::NotInRoom(_))), "{refused:?}");
}
