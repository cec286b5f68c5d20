//! Calling the listeners of one event, one after the other.

use std::{
    sync::{Arc, atomic::AtomicBool},
    vec,
};

use super::{
    ack::Ack,
    event_ref::{EventRef, OwnedEvent},
    failure::EventError,
    guard::{Guarded, Panicked, guarded},
    handler::{Listener, Unfinished},
};

/// Calls the listeners of an event in order; each begins when the one before is done. What is answered must be
/// [waited for](finish) before the next event.
pub(super) fn call<'a>(
    mut listeners: impl Iterator<Item = &'a Arc<dyn Listener>>,
    event: &EventRef<'_>,
) -> Option<Unfinished> {
    let first = listeners.next()?;
    let Some(second) = listeners.next() else { return call_only(&**first, event) };
    let all: Vec<_> = [first, second].into_iter().chain(listeners).cloned().collect();
    let answered = event.answered.cloned().unwrap_or_default();
    let mut round = Round { rest: all.into_iter(), answered, was_taken: false, refusal: None };
    match round.go_on(event) {
        None => round.finish(event),
        Some(waiting) => {
            let event = OwnedEvent::from(event);
            Some(Box::pin(round.run(waiting, event)))
        }
    }
}

/// Calls a listener that has the event for itself, which is the usual case and costs no memory.
fn call_only(listener: &dyn Listener, event: &EventRef<'_>) -> Option<Unfinished> {
    match call_guarded(listener, event) {
        Ok(Some(waiting)) if event.is_failure() => Some(Box::pin(log_failure(waiting))),
        Ok(waiting) => waiting,
        Err(error) => fail(event, error),
    }
}

/// Calls a listener, which may panic.
pub(super) fn call_guarded(
    listener: &dyn Listener,
    event: &EventRef<'_>,
) -> Result<Option<Unfinished>, EventError> {
    guarded(|| listener.call(event)).unwrap_or_else(|Panicked| Err(EventError::panicked(event.name)))
}

/// Waits for a listener, which may panic.
pub(super) async fn finish(listener: Unfinished) -> Result<(), EventError> {
    Guarded(listener).await.unwrap_or_else(|Panicked| Err(EventError::panicked("")))
}

/// A failure of those who are told of failures is told nobody else, or it would go round for ever.
async fn log_failure(listener: Unfinished) -> Result<(), EventError> {
    if let Err(error) = finish(listener).await {
        error.log();
    }
    Ok(())
}

/// Tells of an error: the sender, if no listener could be called, and the listeners of `error`.
pub(super) fn fail(event: &EventRef<'_>, error: EventError) -> Option<Unfinished> {
    if error.is_refusal() {
        Ack::of(event).send(&error.to_answer());
    }
    if event.is_failure() {
        error.log();
        return None;
    }
    event.socket.report(error)
}

/// The listeners of one event that have not been called yet.
struct Round {
    rest: vec::IntoIter<Arc<dyn Listener>>,
    /// Whether one of them has answered the client, which hears one answer only.
    answered: Arc<AtomicBool>,
    was_taken: bool,
    refusal: Option<EventError>,
}

impl Round {
    /// Calls listeners until one has to wait.
    fn go_on(&mut self, event: &EventRef<'_>) -> Option<Unfinished> {
        let event = EventRef { answered: Some(&self.answered), ..*event };
        for listener in self.rest.by_ref() {
            let waiting = match call_guarded(&*listener, &event) {
                Err(error) if error.is_refusal() => {
                    self.refusal.get_or_insert(error);
                    continue;
                }
                Ok(waiting) => waiting,
                Err(error) => fail(&event, error),
            };
            self.was_taken = true;
            if waiting.is_some() {
                return waiting;
            }
        }
        None
    }

    /// All listeners are done. An event that one of them took was no mistake of the sender.
    fn finish(&mut self, event: &EventRef<'_>) -> Option<Unfinished> {
        let error = self.refusal.take().filter(|_| !self.was_taken)?;
        fail(&EventRef { answered: Some(&self.answered), ..*event }, error)
    }

    async fn run(mut self, first: Unfinished, event: OwnedEvent) -> Result<(), EventError> {
        let mut waiting = Some(first);
        while let Some(listener) = waiting {
            if let Err(error) = finish(listener).await
                && let Some(told) = fail(&event.borrowed(), error)
            {
                finish(told).await?;
            }
            waiting = self.go_on(&event.borrowed());
        }
        match self.finish(&event.borrowed()) {
            Some(told) => finish(told).await,
            None => Ok(()),
        }
    }
}
