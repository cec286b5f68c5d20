//! The roomcast server.

use std::{error::Error, io::IsTerminal, process::ExitCode, sync::Arc};

use roomcast::{
    app::App,
    config::Config,
    net::{Listener, MetricsListener, Stop, allow_many_connections},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
    runtime.block_on(serve(&config))
}

async fn serve(config: &Config) -> Result<(), Box<dyn Error>> {
    let stop = Stop::at_signals()?;
    let listener = Listener::bind(config.host, config.port).await?;
    let app = App::start(config).await?;
    if let Some(address) = config.metrics {
        let metrics = MetricsListener::bind(address).await?;
        #[expect(clippy::disallowed_methods, reason = "the task lives as long as the process")]
        tokio::spawn(metrics.serve(Arc::clone(&app), stop.clone()));
    }
    let port = listener.address()?.port();
    tracing::info!("roomcast is listening on http://localhost:{port}");
    listener.serve(app, stop).await;
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
