//! What people can do: the use cases, over the store, telling the rest of the program what happened.
//!
//! HTTP routes and socket events call the same methods and render their results with [`answer`]. A method returns
//! `Ok` only after the store has made the effect durable; the [`Event`] follows, never precedes it.

mod accounts;
pub mod answer;
pub(crate) mod clock;
mod events;
mod failure;
pub mod input;
mod locks;
mod messages;
mod order;
mod refusals;
mod revoked;
mod rooms;
mod untold;

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use dashmap::DashMap;
use tokio::{sync::Semaphore, time::timeout};

use crate::{
    auth::{LoginThrottle, Passwords, Tokens},
    chat::RoomCode,
    config::Config,
    error::Error,
    store::Store,
};

pub use accounts::{AuthFailure, Identity, LoggedIn};
pub use events::{Event, Events, Member};
pub use messages::Posted;
pub use refusals::Refusals;

use locks::Locks;
use order::Order;
use revoked::RevokedCache;
use untold::Untold;

/// Messages that may be on their way into the store at once; further ones are answered with 503.
const MAX_POSTS_UNDERWAY: usize = 4096;
/// How long a readiness check waits for the store.
const READY_TIMEOUT: Duration = Duration::from_secs(2);

/// The use cases.
pub struct Service {
    store: Arc<dyn Store>,
    events: Arc<dyn Events>,
    tokens: Tokens,
    passwords: Passwords,
    throttle: Option<LoginThrottle>,
    revoked: RevokedCache,
    /// One user's joining and leaving happens one after the other.
    users: Locks,
    /// Messages of one room are published in the order of their ids.
    order: Order,
    untold: Untold,
    posts: Semaphore,
    refusals: Refusals,
    titles: DashMap<RoomCode, Arc<str>>,
    max_message_chars: usize,
    min_password_chars: usize,
}

impl Service {
    /// A service over `store` that tells `events` what happens.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, events: Arc<dyn Events>, config: &Config) -> Arc<Self> {
        Arc::new(Self {
            tokens: Tokens::new(&config.jwt_secret, config.jwt_expire_in),
            passwords: Passwords::new(config.bcrypt_cost),
            throttle: config.rates.as_ref().map(LoginThrottle::new),
            revoked: RevokedCache::new(),
            users: Locks::new(),
            order: Order::new(Arc::clone(&events)),
            untold: Untold::default(),
            posts: Semaphore::new(MAX_POSTS_UNDERWAY),
            refusals: Refusals::default(),
            titles: DashMap::new(),
            max_message_chars: config.max_message_chars,
            min_password_chars: config.min_password_chars,
            store,
            events,
        })
    }

    /// What clients were refused so far, for whoever answers them to add to.
    #[must_use]
    pub fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// Tells whether requests can be served now.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the store says no, or nothing for two seconds.
    pub async fn ready(&self) -> Result<(), Error> {
        match timeout(READY_TIMEOUT, self.store.ready()).await {
            Ok(ready) => Ok(ready?),
            Err(_) => Err(Error::Unavailable),
        }
    }
}

/// Runs `work` to its end even if the caller goes away.
///
/// A client that disconnects in the middle of a request must not keep the others from being told what is already
/// stored.
async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    #[expect(clippy::disallowed_methods, reason = "the work outlives its caller")]
    let done = tokio::spawn(work);
    done.await.unwrap_or_else(|error| {
        tracing::error!(%error, "a use case failed");
        Err(Error::Internal)
    })
}
