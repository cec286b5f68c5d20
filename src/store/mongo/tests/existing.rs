//! Databases that other programs have filled.

use std::sync::Arc;

use mongodb::{
    IndexModel,
    bson::{DateTime, Document, doc, oid::ObjectId},
    options::IndexOptions,
};

use super::{
    super::{database::ignoring_case, indexes::duplicates},
    server::Server,
};
use crate::{
    chat::{NewUser, RoomCode, UserOid},
    store::{
        Store, StoreError,
        contract::support::{entered_room, post, user},
    },
};

#[tokio::test]
async fn documents_have_exactly_the_fields_of_the_mongoose_models() {
    let server = Server::started().await;
    let store = server.ready_store().await;
    let ann = user(&store, "Ann").await;
    entered_room(&store, &ann).await;
    let account = only_document(&server, "users").await;
    assert_eq!(fields(&account), ["_id", "name", "email", "passwordHash", "created_at", "updated_at", "__v"]);
    assert_eq!(account.get_object_id("_id").unwrap().to_hex(), ann.0);
    assert!(account.get_datetime("created_at").is_ok() && account.get_datetime("updated_at").is_ok());
    let room = only_document(&server, "rooms").await;
    let expected =
        ["_id", "code", "hostUserOid", "active", "name", "members", "createdAt", "updatedAt", "__v"];
    assert_eq!(fields(&room), expected);
    assert_eq!(room.get_str("hostUserOid").unwrap(), ann.0);
    let member = room.get_array("members").unwrap()[0].as_document().unwrap();
    assert_eq!(fields(member), ["_id", "userOid"]);
    assert!(member.get_object_id("_id").is_ok());
}

#[tokio::test]
async fn a_new_member_is_added_to_the_document_once() {
    let server = Server::started().await;
    let store = server.ready_store().await;
    let ann = user(&store, "Ann").await;
    let code = entered_room(&store, &ann).await;
    let bob = user(&store, "Bob").await;
    for _ in 0..3 {
        store.enter_room(&bob, &code).await.unwrap();
    }
    let room = only_document(&server, "rooms").await;
    assert_eq!((room.get_array("members").unwrap().len(), room.get_i32("__v").unwrap()), (2, 1));
    assert!(room.get_datetime("updatedAt").unwrap() > room.get_datetime("createdAt").unwrap());
}

#[tokio::test]
async fn older_documents_that_lack_fields_are_served() {
    let server = Server::started().await;
    let (ann, bob) = (ObjectId::new(), ObjectId::new());
    let users = server.collection("users").await;
    users.insert_one(doc! { "_id": ann, "email": "ann@example.org", "passwordHash": "h" }).await.unwrap();
    users.insert_one(doc! { "_id": bob, "name": "Bob" }).await.unwrap();
    users.insert_one(doc! { "name": "Also without an address" }).await.unwrap();
    let rooms = server.collection("rooms").await;
    rooms.insert_one(doc! { "code": "bare", "hostUserOid": ann.to_hex() }).await.unwrap();
    let store = server.ready_store().await;
    let found = store.user_by_email("ANN@example.org").await.unwrap().unwrap();
    assert_eq!((found.oid.0, found.name), (ann.to_hex(), String::new()));
    let bob = UserOid(bob.to_hex());
    let code = RoomCode("bare".to_owned());
    let entered = store.enter_room(&bob, &code).await.unwrap().room;
    assert_eq!((entered.name.as_str(), entered.active), ("", true));
    assert!(entered.created_at > 0);
    post(&store, &bob, &code, "hello").await;
    assert!(store.rooms(&bob).await.unwrap()[0].member);
}

#[tokio::test]
async fn a_room_that_is_no_longer_active_cannot_be_entered_or_listed() {
    let server = Server::started().await;
    let rooms = server.collection("rooms").await;
    rooms.insert_one(doc! { "code": "closed", "active": false, "members": [] }).await.unwrap();
    let store = server.ready_store().await;
    let ann = user(&store, "Ann").await;
    let refused = store.enter_room(&ann, &RoomCode("closed".to_owned())).await;
    assert!(matches!(refused, Err(StoreError::NoSuchRoom(_))), "{refused:?}");
    assert_eq!(store.rooms(&ann).await.unwrap(), []);
}

#[tokio::test]
async fn the_indexes_of_mongoose_may_be_there_already() {
    let server = Server::started().await;
    let unique = |keys| {
        let options = IndexOptions::builder().unique(true).build();
        IndexModel::builder().keys(keys).options(options).build()
    };
    server.collection("users").await.create_index(unique(doc! { "email": 1 })).await.unwrap();
    server.collection("rooms").await.create_index(unique(doc! { "code": 1 })).await.unwrap();
    let store = server.ready_store().await;
    entered_room(&store, &user(&store, "Ann").await).await;
    let names = server.collection("users").await.list_index_names().await.unwrap();
    assert_eq!(names, ["_id_", "email_1", "email_ci"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_with_an_email_twice_is_served_and_sign_up_stays_race_free() {
    let server = Server::started().await;
    let users = server.collection("users").await;
    let stored = |name: &str, email: &str| {
        doc! { "name": name, "email": email, "passwordHash": "h", "created_at": DateTime::now() }
    };
    for (name, email) in [("Old", "ann@example.org"), ("New", "Ann@example.org"), ("Same", "ann@example.org")]
    {
        users.insert_one(stored(name, email)).await.unwrap();
    }
    let store = Arc::new(server.ready_store().await);
    let found = async |email: &str| store.user_by_email(email).await.unwrap().unwrap().name;
    assert_eq!(found("ann@example.org").await, "Old");
    assert_eq!(found("Ann@example.org").await, "New");
    assert_eq!(found("ANN@EXAMPLE.ORG").await, "Old");
    let again = store.create_user(new_user("aNN@example.org")).await;
    assert!(matches!(again, Err(StoreError::EmailTaken)), "{again:?}");
    let names = users.list_index_names().await.unwrap();
    assert!(!names.contains(&"email_ci".to_owned()), "{names:?}");
    assert_eq!(one_of_many_sign_ups(&store).await, 1);
}

#[tokio::test]
async fn documents_with_the_same_email_are_named() {
    let server = Server::started().await;
    let users = server.collection("users").await;
    let mut ids = Vec::new();
    for email in ["a@x.org", "b@x.org", "A@x.org", "c@x.org", "b@x.org"] {
        let id = ObjectId::new();
        users.insert_one(doc! { "_id": id, "email": email }).await.unwrap();
        ids.push(id.to_hex());
    }
    let options = IndexOptions::builder().collation(ignoring_case()).build();
    let mut named = duplicates(&users, "email", &options).await.unwrap();
    named.sort();
    assert_eq!(named, [format!("{}, {}", ids[0], ids[2]), format!("{}, {}", ids[1], ids[4])]);
}

#[tokio::test]
async fn the_unique_index_comes_at_the_next_start_after_the_database_was_cleaned() {
    let server = Server::started().await;
    let users = server.collection("users").await;
    let second = users.insert_one(doc! { "email": "A@x.org" }).await.unwrap().inserted_id;
    users.insert_one(doc! { "email": "a@x.org" }).await.unwrap();
    server.ready_store().await.close().await;
    users.delete_one(doc! { "_id": second }).await.unwrap();
    server.ready_store().await;
    assert_eq!(users.list_index_names().await.unwrap(), ["_id_", "email_ci"]);
}

#[tokio::test]
async fn a_claim_whose_account_never_came_about_is_void_after_a_while() {
    let server = Server::started().await;
    let store = server.ready_store().await;
    let claims = server.collection("email_claims").await;
    let made = |at| doc! { "_id": "ann@example.org", "userOid": "0123456789abcdef01234567", "at": at };
    claims.insert_one(made(DateTime::now())).await.unwrap();
    let waiting = store.create_user(new_user("Ann@example.org")).await;
    assert!(matches!(waiting, Err(StoreError::Unavailable(_))), "{waiting:?}");
    let long_ago = DateTime::from_millis(DateTime::now().timestamp_millis() - 60_000);
    claims.replace_one(doc! { "_id": "ann@example.org" }, made(long_ago)).await.unwrap();
    store.create_user(new_user("Ann@example.org")).await.unwrap();
}

/// Signs up 40 times at once with one address that is free, and answers how often that worked.
async fn one_of_many_sign_ups(store: &Arc<super::MongoStore>) -> usize {
    let tries: Vec<_> = (0..40)
        .map(|number| {
            let store = Arc::clone(store);
            let email = if number % 2 == 0 { "bob@example.org" } else { "BOB@example.org" };
            tokio::spawn(async move { store.create_user(new_user(email)).await.is_ok() })
        })
        .collect();
    let mut made = 0;
    for attempt in tries {
        made += usize::from(attempt.await.unwrap());
    }
    made
}

fn new_user(email: &str) -> NewUser {
    NewUser { name: "Ann".to_owned(), email: email.to_owned(), password_hash: "hash".to_owned() }
}

async fn only_document(server: &Server, collection: &str) -> Document {
    server.collection(collection).await.find_one(doc! {}).await.unwrap().unwrap()
}

fn fields(document: &Document) -> Vec<&str> {
    document.keys().map(String::as_str).collect()
}
