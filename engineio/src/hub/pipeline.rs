//! The way of an event that others see before its listeners: catch-all listeners, then middlewares.

use std::sync::Arc;

use super::{
    event_ref::{Origin, OwnedEvent},
    failure::EventError,
    handler::{Listener, Unfinished},
    intercept,
    listeners::{Every, Listeners},
    round::{self, call_guarded, fail, finish},
};

/// Brings an event to all that listen. The tables are looked at anew at each step, as those before may change them.
pub(super) async fn run(mut event: OwnedEvent) -> Result<(), EventError> {
    // All that can answer share one answer.
    event.answered.get_or_insert_default();
    for listener in catch_alls(&event) {
        let waiting = match call_guarded(&*listener, &event.borrowed()) {
            Ok(waiting) => waiting,
            // Whoever listens to every event may take those only that it can read.
            Err(error) if error.is_refusal() => None,
            Err(error) => fail(&event.borrowed(), error),
        };
        wait(waiting, &event).await?;
    }
    if let Err(error) = intercept::ask(&interceptors(&event), &mut event).await {
        let told = fail(&event.borrowed(), error);
        return told_to_end(told).await;
    }
    // The server may have ended the socket's stay meanwhile.
    if event.socket.is_dismissed() {
        return Ok(());
    }
    let called = {
        let tables = event.socket.tables();
        let listeners = tables.iter().flat_map(|table| table.find(Origin::Client, &event.name));
        round::call(listeners, &event.borrowed())
    };
    wait(called, &event).await
}

fn catch_alls(event: &OwnedEvent) -> Vec<Arc<dyn Listener>> {
    let tables = event.socket.tables();
    tables.iter().flat_map(|table| table.every(Every::Incoming)).cloned().collect()
}

fn interceptors(event: &OwnedEvent) -> Vec<intercept::Interceptor> {
    let tables = event.socket.tables();
    tables.iter().flat_map(Listeners::interceptors).cloned().collect()
}

async fn wait(waiting: Option<Unfinished>, event: &OwnedEvent) -> Result<(), EventError> {
    let Some(waiting) = waiting else { return Ok(()) };
    match finish(waiting).await {
        Ok(()) => Ok(()),
        Err(error) => told_to_end(fail(&event.borrowed(), error)).await,
    }
}

async fn told_to_end(told: Option<Unfinished>) -> Result<(), EventError> {
    match told {
        Some(told) => finish(told).await,
        None => Ok(()),
    }
}
