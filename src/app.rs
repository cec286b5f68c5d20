//! The whole service put together: store, use cases, HTTP API, Socket.IO and the page.

use std::{fmt::Write, net::SocketAddr, path::PathBuf, sync::Arc};

use bytes::Bytes;
use engineio::{
    ConnectionLimits, Server,
    hub::RemoteAddr,
    server::{
        AllowRequest, ClientBundle, Cookie, Cors, Door, Farewell, Options, SameSite, Service as SocketService,
    },
};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;

use crate::{
    api::Api,
    config::{self, Config},
    http::{Origins, Peer},
    page,
    realtime::{Gateway, Publisher, Sessions},
    service::Service,
    store::{self, DataLock, Store, StoreError},
};

/// The SQLite file in the data directory.
const DATABASE: &str = "roomcast.db";

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The embedded database cannot be opened.
    #[error("cannot open the database under {path} (DATA_DIR): {error}")]
    Sqlite {
        /// The data directory.
        path: PathBuf,
        /// What the store says.
        error: StoreError,
    },
    /// The limits on sockets make no sense.
    #[error(transparent)]
    Limits(#[from] engineio::ConfigError),
    /// `DB_URL` cannot be used.
    #[error("{0}")]
    DbUrl(String),
}

/// The running service, without its listener.
pub struct App {
    api: Api,
    sockets: SocketService,
    service: Arc<Service>,
    store: Arc<dyn Store>,
    /// Held as long as the store is used.
    _lock: Option<DataLock>,
}

impl App {
    /// Opens the store and puts everything together.
    ///
    /// # Errors
    /// The store cannot be used with these settings. A MongoDB that is merely away is no error: the service starts,
    /// says so in `/readyz`, and works as soon as the database does.
    pub async fn start(config: &Config) -> Result<Arc<Self>, StartError> {
        let (store, lock) = open_store(config).await?;
        let io = Server::with_config(socket_config(config))?;
        let sessions = Arc::new(Sessions::default());
        let publisher = Arc::new(Publisher::new(io.clone(), Arc::clone(&sessions)));
        let service = Service::new(Arc::clone(&store), publisher, config);
        Gateway::attach(&io, Arc::clone(&service), sessions, config);
        let api = Api::new(Arc::clone(&service), config, page::ASSETS);
        let sockets = io.service_with(socket_options(config));
        Ok(Arc::new(Self { api, sockets, service, store, _lock: lock }))
    }

    /// Answers a request of a client at `remote`.
    pub async fn handle(&self, request: Request<Incoming>, remote: SocketAddr) -> Response<Full<Bytes>> {
        if self.sockets.owns(request.uri().path()) {
            // In a box, as requests of the API would have to be moved about with room for it.
            return Box::pin(self.sockets.handle_from(request, remote)).await;
        }
        self.api.handle(request, Peer { address: remote.ip(), tls: false }).await
    }

    /// The service that has the sockets.
    #[must_use]
    pub fn sockets(&self) -> &SocketService {
        &self.sockets
    }

    /// Lets connections in, within the limits on them.
    #[must_use]
    pub fn door(&self) -> Door {
        self.sockets.door()
    }

    /// The counters, in the text format of Prometheus.
    #[must_use]
    pub fn metrics(&self) -> String {
        let mut text = String::from(
            "# HELP roomcast_sessions Open Engine.IO sessions.\n# TYPE roomcast_sessions gauge\n",
        );
        let _ = writeln!(text, "roomcast_sessions {}", self.sockets.len());
        text.push_str("# HELP roomcast_refused_total What clients were refused, by the limit.\n");
        text.push_str("# TYPE roomcast_refused_total counter\n");
        let of_library = self.sockets.refusals().iter().map(|(refusal, count)| (refusal.name(), count));
        for (layer, (limit, count)) in of_library
            .map(|counted| ("socket", counted))
            .chain(self.service.refusals().iter().map(|counted| ("service", counted)))
        {
            let _ = writeln!(text, "roomcast_refused_total{{layer=\"{layer}\",limit=\"{limit}\"}} {count}");
        }
        text
    }

    /// Lets supervisors know that the service is about to stop; everything is still served.
    pub fn announce_stop(&self) {
        self.api.announce_stop();
    }

    /// Ends all sessions, spread over the time that is configured, and lets no new ones begin; their clients come back
    /// as soon as there is a server again. Answers whether all have ended in time.
    pub async fn see_off(&self) -> bool {
        self.sockets.see_off().await
    }

    /// Waits until clients over long-polling need no more connections, for a moment at most.
    pub async fn last_polls(&self) {
        self.sockets.last_polls().await;
    }

    /// Waits until everything accepted is durable.
    pub async fn close_store(&self) {
        self.store.close().await;
    }
}

type Opened = (Arc<dyn Store>, Option<DataLock>);

async fn open_store(config: &Config) -> Result<Opened, StartError> {
    if let Some(url) = &config.db_url {
        return Ok((open_mongo(url.as_str())?, None));
    }
    let fail = |error| StartError::Sqlite { path: config.data_dir.clone(), error };
    let unavailable = |error: &dyn ToString| fail(StoreError::Unavailable(error.to_string()));
    let lock = DataLock::of(&config.data_dir).await.map_err(|error| unavailable(&error))?;
    let path = config.data_dir.join(DATABASE);
    let opened = tokio::task::spawn_blocking(move || store::SqliteStore::open(&path)).await;
    let store = opened.map_err(|error| unavailable(&error))?.map_err(fail)?;
    Ok((Arc::new(store), Some(lock)))
}

#[cfg(feature = "mongodb")]
fn open_mongo(url: &str) -> Result<Arc<dyn Store>, StartError> {
    let store = store::MongoStore::connect(url).map_err(|error| StartError::DbUrl(error.to_string()))?;
    Ok(Arc::new(store))
}

#[cfg(not(feature = "mongodb"))]
fn open_mongo(_: &str) -> Result<Arc<dyn Store>, StartError> {
    Err(StartError::DbUrl("DB_URL is set, but this program was built without the feature `mongodb`".into()))
}

/// The limits of sockets. A proxy has one address for all its clients, so that behind one only sockets are counted by
/// address.
fn socket_config(config: &Config) -> engineio::Config {
    let Some(rates) = &config.rates else { return engineio::Config::default() };
    let sessions = ConnectionLimits {
        max: Some(rates.max_connections),
        max_per_address: Some(rates.max_connections_per_address),
        max_new_per_second: Some(rates.connections_per_second),
        max_new_per_second_per_address: Some(rates.connections_per_second_per_address),
    };
    let connections = if config.trust_proxy == 0 {
        sessions
    } else {
        ConnectionLimits { max_per_address: None, max_new_per_second_per_address: None, ..sessions }
    };
    engineio::Config { sessions, connections, ..engineio::Config::default() }
}

/// How Socket.IO requests are answered: sockets of foreign pages are refused, as the cookie would let them in.
fn socket_options(config: &Config) -> Options {
    let origins = Origins::new(config);
    let addresses = origins.clone();
    let allow = AllowRequest::new(move |request| {
        let remote = request.extensions.get::<RemoteAddr>();
        let Some(remote) = remote else { return Err("Forbidden".into()) };
        let peer = Peer { address: remote.0.ip(), tls: false };
        let allowed = origins.allows_socket(&request.headers, peer);
        if allowed { Ok(()) } else { Err("This origin is not in ALLOWED_ORIGINS".into()) }
    });
    let listed = config.allowed_origins.iter().map(ToString::to_string);
    Options {
        cors: Some(Cors { refuse_others: false, ..Cors::origins(listed) }),
        cookie: Some(io_cookie(config)),
        farewell: Farewell { spread: config.stopping.spread, patience: config.stopping.patience() },
        allow_request: Some(allow),
        client_address: Some(Arc::new(move |request| {
            let remote = request.extensions.get::<RemoteAddr>()?.0.ip();
            Some(addresses.address(&request.headers, Peer { address: remote, tls: false }))
        })),
        client: Some(Arc::new(ClientBundle::new(page::CLIENT_VERSION, page::CLIENT_FILES.iter().copied()))),
        ..Options::default()
    }
}

/// The cookie with the session id goes where the token's cookie goes.
fn io_cookie(config: &Config) -> Cookie {
    let same_site = match config.cookie_same_site {
        config::SameSite::None => SameSite::None,
        config::SameSite::Lax => SameSite::Lax,
        config::SameSite::Strict => SameSite::Strict,
    };
    Cookie { same_site, secure: config.cookie_secure, ..Cookie::default() }
}
