//! The indexes, made at start. A database whose documents forbid one is told about and served without it.

use std::time::Duration;

use mongodb::{
    Collection, IndexModel,
    bson::{Bson, Document, doc},
    error::Result,
    options::{AggregateOptions, IndexOptions},
};

use super::{
    database::{Database, ignoring_case},
    error::{is_duplicate, is_index_conflict},
};

/// The unique index of e-mail addresses; its name differs from mongoose's `email_1`, which may stand beside it.
const EMAIL_UNIQUE: &str = "email_ci";
/// What stands in for it while the database holds an address twice.
const EMAIL_LOOKUP: &str = "email_ci_lookup";
/// The unique index of room codes, under the name mongoose gives it.
const CODE_UNIQUE: &str = "code_1";
/// What stands in for it while the database holds a code twice.
const CODE_LOOKUP: &str = "code_lookup";

/// Groups of equal documents that are named in a warning at most.
const NAMED_GROUPS: i32 = 20;

/// Creates what is missing.
pub(super) async fn prepare(db: &Database) -> Result<()> {
    let email = IndexOptions::builder()
        .collation(ignoring_case())
        .partial_filter_expression(doc! { "email": { "$exists": true } })
        .build();
    unique(&db.users, "email", email, [EMAIL_UNIQUE, EMAIL_LOOKUP]).await?;
    unique(&db.rooms, "code", IndexOptions::default(), [CODE_UNIQUE, CODE_LOOKUP]).await?;
    create(&db.messages, doc! { "roomCode": 1, "_id": -1 }, IndexOptions::default()).await?;
    let once_per_user = IndexOptions::builder()
        .unique(true)
        .partial_filter_expression(doc! { "clientId": { "$exists": true } })
        .build();
    create(&db.messages, doc! { "userOid": 1, "clientId": 1 }, once_per_user).await?;
    let at_the_date = IndexOptions::builder().expire_after(Duration::ZERO).build();
    create(&db.revoked_tokens, doc! { "expiresAt": 1 }, at_the_date).await
}

/// Creates a unique index on `field`, or a plain one if documents that are there already forbid it.
async fn unique(
    collection: &Collection<Document>,
    field: &str,
    options: IndexOptions,
    [unique_name, lookup_name]: [&str; 2],
) -> Result<()> {
    // The stand-in of an earlier start would forbid the index it stands in for. Mostly there is none to drop.
    let _none_there = collection.drop_index(lookup_name).await;
    let named = |name: &str, unique: bool| {
        let mut options = options.clone();
        options.name = Some(name.to_owned());
        options.unique = unique.then_some(true);
        options
    };
    match create(collection, doc! { field: 1 }, named(unique_name, true)).await {
        Err(error) if is_duplicate(&error) => {
            for documents in duplicates(collection, field, &options).await? {
                tracing::warn!(
                    collection = collection.name(),
                    documents,
                    "several documents have the same {field}; the unique index waits for all but one to change"
                );
            }
            create(collection, doc! { field: 1 }, named(lookup_name, false)).await
        }
        done => done,
    }
}

/// Creates an index unless there is one of these keys.
async fn create(collection: &Collection<Document>, keys: Document, options: IndexOptions) -> Result<()> {
    let model = IndexModel::builder().keys(keys.clone()).options(options).build();
    match collection.create_index(model).await {
        Err(error) if is_index_conflict(&error) => {
            tracing::warn!(
                collection = collection.name(), %keys,
                "an index of these keys exists with other options and is left as it is: {}", error.kind
            );
            Ok(())
        }
        done => done.map(drop),
    }
}

/// Finds the documents that are equal in `field`: the ids of each group of them.
pub(super) async fn duplicates(
    collection: &Collection<Document>,
    field: &str,
    options: &IndexOptions,
) -> Result<Vec<String>> {
    let pipeline = [
        doc! { "$match": { field: { "$exists": true } } },
        doc! { "$group": { "_id": format!("${field}"), "ids": { "$push": "$_id" }, "count": { "$sum": 1 } } },
        doc! { "$match": { "count": { "$gt": 1 } } },
        doc! { "$limit": NAMED_GROUPS },
    ];
    let mut groups = collection
        .aggregate(pipeline)
        .with_options(AggregateOptions::builder().collation(options.collation.clone()).build())
        .await?;
    let mut found = Vec::new();
    while groups.advance().await? {
        let group = groups.deserialize_current()?;
        found.push(group.get_array("ids").map(|ids| names(ids)).unwrap_or_default());
    }
    Ok(found)
}

fn names(ids: &[Bson]) -> String {
    // An ObjectId's own form is its digits alone, which is what one searches for.
    let name = |id: &Bson| id.as_object_id().map_or_else(|| id.to_string(), |id| id.to_hex());
    ids.iter().map(name).collect::<Vec<_>>().join(", ")
}
