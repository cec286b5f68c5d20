//! Accounts in MongoDB.

use mongodb::bson::{Document, doc};

use super::{
    claims,
    database::{Database, ignoring_case, next_object_id, object_id},
    documents,
    error::{is_duplicate, unavailable},
};
use crate::{
    chat::{NewUser, User, UserOid},
    store::{StoreError, email_key},
};

/// Accounts of one e-mail address that are looked at; an old database may hold it in several spellings.
const SPELLINGS: i64 = 100;

/// Creates an account under a claim on its e-mail address.
pub(super) async fn create(db: &Database, user: NewUser) -> Result<User, StoreError> {
    let id = next_object_id();
    claims::take(db, &user.email, id).await?;
    // Accounts of older databases and of other programs have no claims.
    let made = match by_email(db, &user.email).await? {
        Some(_) => Err(StoreError::EmailTaken),
        None => insert(db, documents::user_document(id, &user)).await,
    };
    match made {
        Ok(()) => Ok(User {
            oid: UserOid(id.to_hex()),
            name: user.name,
            email: user.email,
            password_hash: user.password_hash,
        }),
        Err(StoreError::EmailTaken) => {
            claims::give_back(db, &user.email, id).await?;
            Err(StoreError::EmailTaken)
        }
        // Whether the account was made is unknown, so the claim must stay with it.
        Err(error) => Err(error),
    }
}

/// Finds an account by e-mail address: the exact spelling first, then the oldest of the others.
pub(super) async fn by_email(db: &Database, email: &str) -> Result<Option<User>, StoreError> {
    // `$exists` lets the server use the partial index.
    let same = doc! { "$and": [{ "email": email }, { "email": { "$exists": true } }] };
    let mut found = db
        .users
        .find(same)
        .collation(ignoring_case())
        .sort(doc! { "_id": 1 })
        .limit(SPELLINGS)
        .await
        .map_err(unavailable)?;
    let mut oldest = None;
    while found.advance().await.map_err(unavailable)? {
        let user = documents::user(&found.deserialize_current().map_err(unavailable)?)?;
        if user.email == email {
            return Ok(Some(user));
        }
        // A collation finds more alike than the letters' case, such as "ß" and "ss".
        if oldest.is_none() && email_key(&user.email) == email_key(email) {
            oldest = Some(user);
        }
    }
    Ok(oldest)
}

/// Finds an account by id.
pub(super) async fn by_oid(db: &Database, oid: &UserOid) -> Result<Option<User>, StoreError> {
    let Some(id) = object_id(oid) else { return Ok(None) };
    let found = db.users.find_one(doc! { "_id": id }).await.map_err(unavailable)?;
    found.as_ref().map(documents::user).transpose()
}

async fn insert(db: &Database, user: Document) -> Result<(), StoreError> {
    match db.users.insert_one(user).await {
        Ok(_) => Ok(()),
        Err(error) if is_duplicate(&error) => Err(StoreError::EmailTaken),
        Err(error) => Err(unavailable(error)),
    }
}
