//! The contract on MongoDB, and what only MongoDB can show.

mod away;
mod existing;
mod server;

use std::sync::Arc;

use self::server::Server;
use super::MongoStore;
use crate::store::{
    Store,
    contract::{Place, contract},
};

/// A server that is started by the first opening.
#[derive(Default)]
struct Fresh(tokio::sync::OnceCell<Server>);

#[async_trait::async_trait(?Send)]
impl Place for Fresh {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(self.0.get_or_init(Server::started).await.ready_store().await)
    }
}

contract!(super::Fresh::default());

#[tokio::test]
async fn a_connection_string_that_can_never_work_is_refused_at_once() {
    for bad in ["", "localhost:27017", "postgres://localhost/chat", "mongodb://"] {
        let refused = MongoStore::connect(bad).err().unwrap();
        assert!(refused.to_string().starts_with("DB_URL must be a connection string"), "{refused}");
    }
}
