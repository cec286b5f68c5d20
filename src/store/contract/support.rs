//! What the stores' tests share.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use crate::{
    chat::{NewMessage, NewUser, RoomCode, UserOid},
    store::{Appended, Store, StoreError, unix_millis},
};

/// How long a condition may take to come true before a test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// A directory that is removed with its contents when the test is over.
pub(in crate::store) struct TempDir(PathBuf);

impl TempDir {
    pub(in crate::store) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("roomcast-test-{}-{}-{count}", std::process::id(), unix_millis());
        let path = env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(in crate::store) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _leftovers = fs::remove_dir_all(&self.0);
    }
}

/// Asks again and again until `check` answers something.
pub(in crate::store) async fn eventually<T>(what: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let give_up = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = check().await {
            return found;
        }
        assert!(Instant::now() < give_up, "waited too long until {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

pub(super) fn new_user(name: &str, email: &str) -> NewUser {
    NewUser { name: name.to_owned(), email: email.to_owned(), password_hash: format!("hash of {email}") }
}

/// Creates an account and answers its id.
pub(in crate::store) async fn user(store: &dyn Store, name: &str) -> UserOid {
    let email = format!("{}@example.org", name.to_lowercase());
    store.create_user(new_user(name, &email)).await.unwrap().oid
}

/// Creates a room that `host` has entered.
pub(in crate::store) async fn entered_room(store: &dyn Store, host: &UserOid) -> RoomCode {
    let code = store.create_room(host, "A room").await.unwrap().code;
    store.enter_room(host, &code).await.unwrap();
    code
}

pub(in crate::store) fn text(user: &UserOid, code: &RoomCode, msg: &str) -> NewMessage {
    NewMessage {
        room_code: code.clone(),
        user_oid: user.clone(),
        sender: "Ann (from A room)".to_owned(),
        msg: msg.to_owned(),
        client_id: None,
    }
}

/// Stores `msg` under a client id.
pub(in crate::store) async fn post_once(
    store: &dyn Store,
    user: &UserOid,
    code: &RoomCode,
    msg: &str,
    client_id: &str,
) -> Result<Appended, StoreError> {
    let message = NewMessage { client_id: Some(client_id.to_owned()), ..text(user, code, msg) };
    store.append_message(message).await
}

/// Stores `msg` and answers its id.
pub(in crate::store) async fn post(store: &dyn Store, user: &UserOid, code: &RoomCode, msg: &str) -> String {
    store.append_message(text(user, code, msg)).await.unwrap().message.id
}

/// Reads the whole history in pages of `limit` and answers the texts from the oldest to the newest.
pub(in crate::store) async fn whole_history(
    store: &dyn Store,
    user: &UserOid,
    code: &RoomCode,
    limit: usize,
) -> Vec<String> {
    let mut texts = Vec::new();
    let mut before: Option<String> = None;
    loop {
        let page = store.history(user, code, before.as_deref(), limit).await.unwrap();
        assert!(page.messages.len() <= limit);
        let page_texts = page.messages.into_iter().map(|message| message.msg);
        texts.splice(0..0, page_texts);
        before = page.next;
        if before.is_none() {
            return texts;
        }
    }
}
