//! Revoked tokens, and the store's end.

use super::{Place, support::user};
use crate::store::{StoreError, unix_seconds};

pub(in crate::store) async fn a_revoked_token_stays_revoked_until_it_expires(place: &dyn Place) {
    let store = place.open().await;
    assert!(!store.is_revoked("token").await.unwrap());
    store.revoke_token("token", unix_seconds() + 3_600).await.unwrap();
    store.revoke_token("expired", unix_seconds() - 1).await.unwrap();
    assert!(store.is_revoked("token").await.unwrap());
    assert!(!store.is_revoked("expired").await.unwrap());
    assert!(!store.is_revoked("TOKEN").await.unwrap());
}

pub(in crate::store) async fn a_second_revocation_never_shortens_the_first(place: &dyn Place) {
    let store = place.open().await;
    store.revoke_token("token", unix_seconds() + 3_600).await.unwrap();
    store.revoke_token("token", unix_seconds() - 1).await.unwrap();
    assert!(store.is_revoked("token").await.unwrap());
}

pub(in crate::store) async fn a_revocation_survives_a_reopening(place: &dyn Place) {
    let store = place.open().await;
    store.revoke_token("token", unix_seconds() + 3_600).await.unwrap();
    drop(store);
    assert!(place.open().await.is_revoked("token").await.unwrap());
}

pub(in crate::store) async fn a_closed_store_answers_that_it_is_not_available(place: &dyn Place) {
    let store = place.open().await;
    let ann = user(&*store, "Ann").await;
    store.close().await;
    store.close().await;
    assert!(matches!(store.ready().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.user_by_oid(&ann).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.create_room(&ann, "late").await, Err(StoreError::Unavailable(_))));
}
