//! Accepting connections until told to stop, then seeing them off.

use std::{
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use engineio::server::Guest;
use hyper::service::service_fn;
use tokio::{net::TcpListener, sync::mpsc, time::timeout};

use crate::app::App;

use super::Stop;

/// How long requests in progress may take once the service is to stop.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause after an accept that failed, for example because too many files are open.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Why the service cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {error}; choose another PORT or HOST")]
pub struct BindError {
    address: SocketAddr,
    error: io::Error,
}

impl BindError {
    pub(super) fn new(address: SocketAddr, error: io::Error) -> Self {
        Self { address, error }
    }
}

/// A bound socket.
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
}

impl Listener {
    /// Binds a socket; port 0 takes a free one.
    ///
    /// # Errors
    /// The address is in use or not this machine's.
    pub async fn bind(host: IpAddr, port: u16) -> Result<Self, BindError> {
        let address = SocketAddr::new(host, port);
        let listener = TcpListener::bind(address).await.map_err(|error| BindError::new(address, error))?;
        Ok(Self { listener })
    }

    /// The address that clients can connect to.
    ///
    /// # Errors
    /// The operating system does not tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves `app` until `stop`: then takes no new connections, ends the sockets, lets requests in progress finish,
    /// and closes the store.
    pub async fn serve(self, app: Arc<App>, stop: Stop) {
        // Each connection holds a sender; when the last one is gone, so is the last connection.
        let door = app.door();
        let (alive, mut all_gone) = mpsc::channel::<()>(1);
        let stopped = stop.clone().stopped();
        tokio::pin!(stopped);
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, remote)) => {
                        if let Some(guest) = door.admit(stream, remote) {
                            serve_one(&app, guest, remote, stop.clone(), alive.clone());
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a connection was not accepted");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                () = &mut stopped => break,
            }
        }
        drop((self.listener, alive));
        tracing::info!("stopping");
        app.close_sockets();
        if timeout(DRAIN_TIMEOUT, all_gone.recv()).await.is_err() {
            tracing::warn!("some requests were still in progress after {} s", DRAIN_TIMEOUT.as_secs());
        }
        app.close_store().await;
    }
}

fn serve_one(app: &Arc<App>, guest: Guest, remote: SocketAddr, stop: Stop, alive: mpsc::Sender<()>) {
    let app = Arc::clone(app);
    let service = service_fn(move |request| {
        let app = Arc::clone(&app);
        async move { Ok::<_, Infallible>(app.handle(request, remote).await) }
    });
    #[expect(clippy::disallowed_methods, reason = "one task for each connection")]
    tokio::spawn(async move {
        guest.serve(service, stop.stopped()).await;
        drop(alive);
    });
}
