//! Accepting connections until told to stop, then seeing them off.

use std::{convert::Infallible, future::Future, net::SocketAddr, sync::Arc, time::Duration};

use engineio::server::Door;
use tokio::{
    net::TcpStream,
    sync::watch,
    time::{Instant, sleep, sleep_until, timeout_at},
};

use crate::{app::App, config::Stopping};

use super::{Listener, Stop, notify};

/// The pause after an accept that failed, for example because too many files are open.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long a fresh connection may take to its first request, though the service stops meanwhile: the request may be on
/// its way.
const FIRST_REQUEST: Duration = Duration::from_millis(500);
/// The time the store has to end, if all of the stop's time was spent before. What was answered is durable already.
const CLOSE_STORE: Duration = Duration::from_secs(1);

/// Serves `app` until `stop`: then takes no new connections, ends the sockets, lets requests in progress finish,
/// and closes the store, all within the times of `stopping`.
pub async fn serve(listener: Listener, app: Arc<App>, stop: Stop, stopping: &Stopping) {
    let (close, closing) = watch::channel(false);
    let connections = Connections { door: app.door(), app: Arc::clone(&app), closing };
    connections.accept(&listener, stop.stopped()).await;
    let deadline = Instant::now() + stopping.timeout;
    app.announce_stop();
    notify::stopping();
    if !stopping.notice.is_zero() {
        tracing::info!("stopping in {} s: not ready from now on", stopping.notice.as_secs());
        connections.accept(&listener, sleep(stopping.notice)).await;
    }
    tracing::info!("stopping");
    let end_accepting = async {
        connections.accept(&listener, app.last_polls()).await;
        for (stream, remote) in listener.close() {
            connections.serve(stream, remote);
        }
        drop(connections);
    };
    let (mut in_time, ()) = tokio::join!(app.see_off(), end_accepting);
    close.send_replace(true);
    in_time &= timeout_at(deadline, close.closed()).await.is_ok();
    if !in_time {
        tracing::warn!("something was still in progress after {} s", stopping.timeout.as_secs());
    }
    if timeout_at(deadline.max(Instant::now() + CLOSE_STORE), app.close_store()).await.is_err() {
        tracing::warn!("the store has not ended in time");
    }
}

/// What each connection gets.
struct Connections {
    door: Door,
    app: Arc<App>,
    /// Tells connections to end. Each holds one; when the last one is gone, so is the last connection.
    closing: watch::Receiver<bool>,
}

impl Connections {
    /// Accepts connections until `end`.
    async fn accept(&self, listener: &Listener, end: impl Future<Output = ()>) {
        tokio::pin!(end);
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, remote)) => self.serve(stream, remote),
                    Err(error) => {
                        tracing::warn!(%error, "a connection was not accepted");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
                () = &mut end => return,
            }
        }
    }

    fn serve(&self, stream: TcpStream, remote: SocketAddr) {
        let Some(guest) = self.door.admit(stream, remote) else { return };
        let (app, mut closing) = (Arc::clone(&self.app), self.closing.clone());
        let first_request = Instant::now() + FIRST_REQUEST;
        let end = async move {
            // An error means that nobody can tell any more, which is the end as well.
            let _ = closing.wait_for(|closing| *closing).await;
            sleep_until(first_request).await;
        };
        let sockets = app.sockets().clone();
        let answer = move |request, remote| {
            let app = Arc::clone(&app);
            async move { Ok::<_, Infallible>(app.handle(request, remote).await) }
        };
        #[expect(clippy::disallowed_methods, reason = "one task for each connection")]
        tokio::spawn(guest.serve_behind(sockets, answer, end));
    }
}
