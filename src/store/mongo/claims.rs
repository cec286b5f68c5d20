//! Claims on e-mail addresses: what makes sign-up race-free, with or without a unique index on the accounts.
//!
//! A claim is taken before its account is made and stays with it. One whose account never came about (the process
//! died in between) is void after [`VOID_AFTER`], which is longer than any call of the store lasts.

use std::time::Duration;

use mongodb::bson::{DateTime, Document, doc, oid::ObjectId};
use tokio::time::{Instant, sleep};

use super::{
    database::Database,
    error::{is_duplicate, unavailable},
    users,
};
use crate::store::{StoreError, email_key};

/// How old a claim without an account must be before another sign-up may take it.
const VOID_AFTER: Duration = Duration::from_secs(15);

/// How long a sign-up waits for another one of the same address to succeed or fail.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long it waits between two looks.
const PAUSE: Duration = Duration::from_millis(40);

/// Claims `email` for the account `id` that is about to be made.
///
/// # Errors
/// [`StoreError::EmailTaken`] if an account has the address, [`StoreError::Unavailable`] if another sign-up holds it
/// and gets nowhere.
pub(super) async fn take(db: &Database, email: &str, id: ObjectId) -> Result<(), StoreError> {
    let give_up = Instant::now() + PATIENCE;
    loop {
        if try_take(db, email, id).await? {
            return Ok(());
        }
        if users::by_email(db, email).await?.is_some() {
            return Err(StoreError::EmailTaken);
        }
        remove_if_void(db, email).await?;
        if Instant::now() > give_up {
            return Err(StoreError::Unavailable(
                "another sign-up of this e-mail address is under way".to_owned(),
            ));
        }
        sleep(PAUSE).await;
    }
}

/// Gives a claim back whose account was refused.
pub(super) async fn give_back(db: &Database, email: &str, id: ObjectId) -> Result<(), StoreError> {
    remove(db, doc! { "_id": email_key(email), "userOid": id.to_hex() }).await
}

async fn try_take(db: &Database, email: &str, id: ObjectId) -> Result<bool, StoreError> {
    let claim = doc! { "_id": email_key(email), "userOid": id.to_hex(), "at": DateTime::now() };
    match db.email_claims.insert_one(claim).await {
        Ok(_) => Ok(true),
        Err(error) if is_duplicate(&error) => Ok(false),
        Err(error) => Err(unavailable(error)),
    }
}

async fn remove_if_void(db: &Database, email: &str) -> Result<(), StoreError> {
    let claim = db.email_claims.find_one(doc! { "_id": email_key(email) }).await.map_err(unavailable)?;
    let Some(claim) = claim else { return Ok(()) };
    let age =
        claim.get_datetime("at").map_or(VOID_AFTER, |at| at.to_system_time().elapsed().unwrap_or_default());
    if age < VOID_AFTER {
        return Ok(());
    }
    // Its owner is part of the condition: of two that find it void, the slower must not remove the faster's claim.
    let owner = claim.get_str("userOid").unwrap_or_default();
    remove(db, doc! { "_id": email_key(email), "userOid": owner }).await
}

async fn remove(db: &Database, claim: Document) -> Result<(), StoreError> {
    db.email_claims.delete_one(claim).await.map(drop).map_err(unavailable)
}
