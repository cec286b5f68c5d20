//! Rooms, membership and who is in which room.

use std::sync::Arc;

use super::{
    Place,
    support::{entered_room, user},
};
use crate::{
    chat::{RoomCode, UserOid},
    store::{Store, StoreError, unix_millis},
};

pub(in crate::store) async fn a_new_room_has_its_host_as_a_member_who_is_not_in_it(place: &dyn Place) {
    let store = place.open().await;
    let ann = user(&*store, "Ann").await;
    let before = unix_millis();
    let room = store.create_room(&ann, "Tea & cake").await.unwrap();
    assert_eq!((room.name.as_str(), &room.host, room.active), ("Tea & cake", &ann, true));
    assert!((before..=unix_millis()).contains(&room.created_at));
    assert_eq!(store.current_room(&ann).await.unwrap(), None);
    assert_eq!(store.history(&ann, &room.code, None, 10).await.unwrap().messages, []);
}

pub(in crate::store) async fn rooms_are_listed_newest_first_with_host_and_membership(place: &dyn Place) {
    let store = place.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    assert_eq!(store.rooms(&ann).await.unwrap(), []);
    let first = store.create_room(&ann, "First").await.unwrap();
    let second = store.create_room(&bob, "Second").await.unwrap();
    let third = store.create_room(&bob, "Third").await.unwrap();
    store.enter_room(&ann, &third.code).await.unwrap();
    let listed = store.rooms(&ann).await.unwrap();
    let seen: Vec<_> =
        listed.iter().map(|listed| (&listed.room, listed.host_name.as_deref(), listed.member)).collect();
    assert_eq!(
        seen,
        [(&third, Some("Bob"), true), (&second, Some("Bob"), false), (&first, Some("Ann"), true)]
    );
}

pub(in crate::store) async fn a_room_of_a_host_without_an_account_is_listed_without_a_name(
    place: &dyn Place,
) {
    let store = place.open().await;
    let gone = UserOid("0123456789abcdef01234567".to_owned());
    let room = store.create_room(&gone, "Orphan").await.unwrap();
    let listed = store.rooms(&gone).await.unwrap();
    assert_eq!((listed.len(), &listed[0].room, listed[0].host_name.as_deref()), (1, &room, None));
}

pub(in crate::store) async fn an_unknown_code_cannot_be_entered_and_changes_nothing(place: &dyn Place) {
    let store = place.open().await;
    let ann = user(&*store, "Ann").await;
    let code = entered_room(&*store, &ann).await;
    for unknown in ["", "nosuchroom", "$ne", "{\"$ne\":\"\"}"] {
        let refused = store.enter_room(&ann, &RoomCode(unknown.to_owned())).await.unwrap_err();
        assert!(matches!(refused, StoreError::NoSuchRoom(code) if code.0 == unknown));
    }
    assert_eq!(current(&*store, &ann).await, Some(code));
}

pub(in crate::store) async fn entering_another_room_leaves_the_one_before(place: &dyn Place) {
    let store = place.open().await;
    let ann = user(&*store, "Ann").await;
    let tea = store.create_room(&ann, "Tea").await.unwrap();
    let cake = store.create_room(&ann, "Cake").await.unwrap();
    let entered = store.enter_room(&ann, &tea.code).await.unwrap();
    assert_eq!((entered.room, entered.left), (tea.clone(), None));
    let entered = store.enter_room(&ann, &cake.code).await.unwrap();
    assert_eq!((entered.room, entered.left), (cake.clone(), Some(tea)));
    assert_eq!(store.current_room(&ann).await.unwrap(), Some(cake));
}

pub(in crate::store) async fn entering_the_same_room_again_leaves_nothing(place: &dyn Place) {
    let store = place.open().await;
    let ann = user(&*store, "Ann").await;
    let code = entered_room(&*store, &ann).await;
    let again = store.enter_room(&ann, &code).await.unwrap();
    assert_eq!((&again.room.code, again.left), (&code, None));
    assert_eq!(current(&*store, &ann).await, Some(code));
}

pub(in crate::store) async fn leaving_answers_the_room_once(place: &dyn Place) {
    let store = place.open().await;
    let ann = user(&*store, "Ann").await;
    assert_eq!(store.leave_room(&ann).await.unwrap(), None);
    let code = entered_room(&*store, &ann).await;
    assert_eq!(store.leave_room(&ann).await.unwrap().map(|room| room.code), Some(code));
    assert_eq!(store.leave_room(&ann).await.unwrap(), None);
    assert_eq!(store.current_room(&ann).await.unwrap(), None);
}

pub(in crate::store) async fn membership_stays_after_leaving(place: &dyn Place) {
    let store = place.open().await;
    let (ann, bob) = (user(&*store, "Ann").await, user(&*store, "Bob").await);
    let code = entered_room(&*store, &ann).await;
    store.enter_room(&bob, &code).await.unwrap();
    store.leave_room(&bob).await.unwrap();
    assert!(store.history(&bob, &code, None, 10).await.is_ok());
    assert!(store.rooms(&bob).await.unwrap()[0].member);
}

pub(in crate::store) async fn concurrent_entering_ends_in_one_room_with_one_membership(place: &dyn Place) {
    let store = place.open().await;
    let ann = user(&*store, "Ann").await;
    let rooms = [store.create_room(&ann, "A").await.unwrap(), store.create_room(&ann, "B").await.unwrap()];
    let bob = user(&*store, "Bob").await;
    let entries: Vec<_> = (0..40)
        .map(|number| {
            let (store, bob, code) = (Arc::clone(&store), bob.clone(), rooms[number % 2].code.clone());
            tokio::spawn(async move { store.enter_room(&bob, &code).await.unwrap() })
        })
        .collect();
    for entry in entries {
        let entered = entry.await.unwrap();
        assert_ne!(entered.left.as_ref(), Some(&entered.room));
    }
    let last = store.current_room(&bob).await.unwrap().unwrap();
    assert!(rooms.contains(&last));
    assert!(store.rooms(&bob).await.unwrap().iter().all(|listed| listed.member));
}

pub(in crate::store) async fn everything_answered_is_there_after_a_reopening(place: &dyn Place) {
    let store = place.open().await;
    let ann = user(&*store, "Ann").await;
    let code = entered_room(&*store, &ann).await;
    let account = store.user_by_oid(&ann).await.unwrap();
    store.close().await;
    drop(store);
    let store = place.open().await;
    assert_eq!(store.user_by_oid(&ann).await.unwrap(), account);
    assert_eq!(current(&*store, &ann).await, Some(code));
    assert!(store.rooms(&ann).await.unwrap()[0].member);
}

async fn current(store: &dyn Store, user: &UserOid) -> Option<RoomCode> {
    store.current_room(user).await.unwrap().map(|room| room.code)
}
