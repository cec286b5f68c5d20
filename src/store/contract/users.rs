//! Accounts.

use std::sync::Arc;

use super::{
    Place,
    support::{self, new_user},
};
use crate::{chat::UserOid, store::StoreError};

pub(in crate::store) async fn an_account_is_found_by_its_email_in_any_spelling_and_by_its_id(
    place: &dyn Place,
) {
    let store = place.open().await;
    let made = store.create_user(new_user("Ann", "Ann@Example.org")).await.unwrap();
    assert_eq!((made.name.as_str(), made.email.as_str()), ("Ann", "Ann@Example.org"));
    assert!(made.oid.0.len() == 24 && made.oid.0.bytes().all(|digit| b"0123456789abcdef".contains(&digit)));
    for spelling in ["Ann@Example.org", "ann@example.org", "ANN@EXAMPLE.ORG"] {
        assert_eq!(store.user_by_email(spelling).await.unwrap().as_ref(), Some(&made), "{spelling}");
    }
    assert_eq!(store.user_by_oid(&made.oid).await.unwrap(), Some(made));
}

pub(in crate::store) async fn an_account_that_does_not_exist_is_not_found(place: &dyn Place) {
    let store = place.open().await;
    support::user(&*store, "Ann").await;
    assert_eq!(store.user_by_email("bob@example.org").await.unwrap(), None);
    assert_eq!(store.user_by_email("").await.unwrap(), None);
    for oid in ["000000000000000000000000", "", "not an id"] {
        assert_eq!(store.user_by_oid(&UserOid(oid.to_owned())).await.unwrap(), None, "{oid}");
    }
}

pub(in crate::store) async fn an_email_in_another_spelling_is_taken(place: &dyn Place) {
    let store = place.open().await;
    store.create_user(new_user("Ann", "ann@example.org")).await.unwrap();
    for spelling in ["ann@example.org", "ANN@example.ORG"] {
        let again = store.create_user(new_user("Bob", spelling)).await;
        assert!(matches!(again, Err(StoreError::EmailTaken)), "{spelling}: {again:?}");
    }
    assert_eq!(store.user_by_email("ann@example.org").await.unwrap().unwrap().name, "Ann");
}

pub(in crate::store) async fn of_many_concurrent_sign_ups_in_different_spellings_one_succeeds(
    place: &dyn Place,
) {
    let store = place.open().await;
    let spellings = ["ann@example.org", "Ann@example.org", "ANN@EXAMPLE.ORG", "aNN@eXAMPLE.oRG"];
    let tries: Vec<_> = (0..100)
        .map(|number| {
            let store = Arc::clone(&store);
            let user = new_user(&format!("Ann {number}"), spellings[number % spellings.len()]);
            tokio::spawn(async move { store.create_user(user).await })
        })
        .collect();
    let mut made = Vec::new();
    for attempt in tries {
        match attempt.await.unwrap() {
            Ok(user) => made.push(user),
            Err(StoreError::EmailTaken) => {}
            Err(error) => panic!("wanted EmailTaken, got {error}"),
        }
    }
    assert_eq!(made.len(), 1, "{made:?}");
    assert_eq!(store.user_by_email("ann@example.org").await.unwrap().as_ref(), made.first());
}

pub(in crate::store) async fn concurrent_sign_ups_of_different_emails_all_succeed(place: &dyn Place) {
    let store = place.open().await;
    let tries: Vec<_> = (0..50)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { support::user(&*store, &format!("user{number}")).await })
        })
        .collect();
    let mut oids = Vec::new();
    for attempt in tries {
        oids.push(attempt.await.unwrap());
    }
    oids.sort();
    oids.dedup();
    assert_eq!(oids.len(), 50);
}

pub(in crate::store) async fn texts_that_look_like_operators_are_only_texts(place: &dyn Place) {
    let store = place.open().await;
    support::user(&*store, "Ann").await;
    for operator in ["{\"$gt\":\"\"}", "$ne", "' OR 1=1 --", "%", ".*", "\0"] {
        assert_eq!(store.user_by_email(operator).await.unwrap(), None, "{operator}");
        assert!(!store.is_revoked(operator).await.unwrap(), "{operator}");
    }
    let odd = store.create_user(new_user("$name", "{\"$ne\":1}@example.org")).await.unwrap();
    assert_eq!(store.user_by_email("{\"$NE\":1}@example.org").await.unwrap(), Some(odd));
}

pub(in crate::store) async fn accounts_keep_their_unicode(place: &dyn Place) {
    let store = place.open().await;
    let made = store.create_user(new_user("Zoë 👩‍👩‍👧 \u{202e}x", "Jürgen@bücher.example")).await.unwrap();
    assert_eq!(store.user_by_oid(&made.oid).await.unwrap().as_ref(), Some(&made));
    assert_eq!(store.user_by_email("Jürgen@bücher.example").await.unwrap().as_ref(), Some(&made));
    assert_eq!(store.user_by_email("JÜRGEN@BÜCHER.EXAMPLE").await.unwrap().as_ref(), Some(&made));
    assert_eq!(store.user_by_email("Jurgen@bucher.example").await.unwrap(), None);
}
