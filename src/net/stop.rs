//! Being told to stop.

use std::io;

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// Tells everyone who holds a clone when the service is to stop.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Stops at SIGTERM or SIGINT; a second signal ends the process at once.
    ///
    /// # Errors
    /// The signals cannot be listened to.
    pub fn at_signals() -> io::Result<Self> {
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let (tell, told) = watch::channel(false);
        #[expect(clippy::disallowed_methods, reason = "the task lives as long as the process")]
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                if tell.send_replace(true) {
                    tracing::warn!("told to stop for the second time: stopping at once");
                    std::process::exit(130);
                }
            }
        });
        Ok(Self(told))
    }

    /// Waits until the service is to stop.
    pub async fn stopped(mut self) {
        // An error means that nobody can tell any more, which is the end as well.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}
