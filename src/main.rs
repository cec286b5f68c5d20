//! The roomcast server.

use std::{error::Error, io::IsTerminal, process::ExitCode, sync::Arc, time::Duration};

use roomcast::{
    app::App,
    config::Config,
    net::{self, Listener, MetricsListener, Stop, allow_many_connections},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The time that blocking work has to end after everything else.
const LAST_TASKS: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    start_log();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let config = Config::load()?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    allow_many_connections();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(serve(&config));
    // What still runs has had its time.
    runtime.shutdown_timeout(LAST_TASKS);
    served
}

async fn serve(config: &Config) -> Result<(), Box<dyn Error>> {
    let stop = Stop::at_signals()?;
    // Clients wait in its queue while the process before this one still has the data.
    let listener = Listener::open(config)?;
    let app = tokio::select! {
        app = App::start(config) => app?,
        () = stop.clone().stopped() => return Ok(()),
    };
    if let Some(address) = config.metrics {
        let metrics = MetricsListener::bind(address).await?;
        #[expect(clippy::disallowed_methods, reason = "the task lives as long as the process")]
        tokio::spawn(metrics.serve(Arc::clone(&app), stop.clone()));
    }
    let port = listener.address()?.port();
    tracing::info!("roomcast is listening on http://localhost:{port}");
    net::ready();
    net::serve(listener, app, stop, &config.stopping).await;
    Ok(())
}

/// Logs to standard error; `RUST_LOG` is one of error, warn, info (the default), debug and trace.
fn start_log() {
    let level = std::env::var("RUST_LOG").ok().and_then(|level| level.parse().ok());
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let colours = !unwanted && std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .with_max_level(level.unwrap_or(tracing::Level::INFO))
        .with_target(false)
        .init();
}
