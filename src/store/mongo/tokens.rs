//! Revoked tokens in MongoDB, which forgets them by itself when they have expired.

use mongodb::bson::{DateTime, doc};

use super::{
    database::Database,
    error::{is_duplicate, unavailable},
};
use crate::store::StoreError;

/// Keeps a revoked token until `expires_at`, in seconds since the Unix epoch, or an earlier call's later end.
pub(super) async fn revoke(db: &Database, jti: &str, expires_at: i64) -> Result<(), StoreError> {
    let expires_at = DateTime::from_millis(expires_at.saturating_mul(1_000));
    let update = || {
        db.revoked_tokens
            .update_one(doc! { "_id": jti }, doc! { "$max": { "expiresAt": expires_at } })
            .upsert(true)
    };
    let done = match update().await {
        // Two upserts that both found nothing: the slower one now finds the faster one's document.
        Err(error) if is_duplicate(&error) => update().await,
        done => done,
    };
    done.map(drop).map_err(unavailable)
}

/// Tells whether a token is revoked at this moment; the server removes expired ones only once a minute.
pub(super) async fn is_revoked(db: &Database, jti: &str) -> Result<bool, StoreError> {
    let revoked = doc! { "_id": jti, "expiresAt": { "$gt": DateTime::now() } };
    db.revoked_tokens.find_one(revoked).await.map(|found| found.is_some()).map_err(unavailable)
}
