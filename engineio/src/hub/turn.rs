//! Joining all that one turn sends to a connection into one write.
//!
//! A turn is the handling of one batch of input on one thread. While it lasts, connections that get something
//! to send are only noted; at its end each of them is flushed once, with everything that came together. The
//! first few are flushed at once; the rest of a large broadcast is handed to the runtime, which takes breaks.
//!
//! A task that was woken, such as a listener that waited for a database, is seldom alone: one commit or one answer
//! wakes many. Their turns are gathered: what they send is written when all tasks that are ready have run.

use std::{cell::RefCell, sync::Arc, time::Instant};

use super::runtime::{Flush, Runtime};
use crate::sync::thread_local;

/// Connections flushed before the turn's thread goes on; the rest follows in slices.
pub const FLUSH_AT_ONCE: usize = 64;

#[derive(Default)]
struct State {
    depth: usize,
    /// When something in this turn first asked for the time.
    now: Option<Instant>,
    /// Connections to flush at the end; the list keeps its memory from turn to turn.
    waiting: Vec<Arc<dyn Flush>>,
}

thread_local! {
    static TURN: RefCell<State> = RefCell::default();
}

fn with_turn<T>(change: impl FnOnce(&mut State) -> T) -> T {
    TURN.with(|turn| change(&mut turn.borrow_mut()))
}

/// A turn in progress on this thread; its end flushes.
pub struct Turn<'a> {
    runtime: &'a Arc<dyn Runtime>,
    gathers: bool,
}

impl<'a> Turn<'a> {
    /// Begins a turn, or joins the one in progress.
    #[must_use = "a turn lasts as long as this value"]
    pub fn begin(runtime: &'a Arc<dyn Runtime>) -> Self {
        Self::enter(runtime, false)
    }

    /// Begins a turn of a task, or joins the one in progress. What it sends is written together with what other
    /// tasks send that are ready to run.
    #[must_use = "a turn lasts as long as this value"]
    pub fn gather(runtime: &'a Arc<dyn Runtime>) -> Self {
        Self::enter(runtime, true)
    }

    fn enter(runtime: &'a Arc<dyn Runtime>, gathers: bool) -> Self {
        with_turn(|turn| {
            if turn.depth == 0 {
                turn.now = None;
            }
            turn.depth += 1;
        });
        Self { runtime, gathers }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let ended = with_turn(|turn| {
            turn.depth -= 1;
            (turn.depth == 0 && !turn.waiting.is_empty()).then(|| std::mem::take(&mut turn.waiting))
        });
        let Some(mut waiting) = ended else { return };
        if waiting.len() > FLUSH_AT_ONCE {
            self.runtime.flush_later(waiting.split_off(FLUSH_AT_ONCE));
        }
        if self.gathers {
            self.runtime.flush_together(&mut waiting);
        }
        for connection in waiting.drain(..) {
            connection.flush();
        }
        with_turn(|turn| {
            if turn.waiting.capacity() == 0 {
                turn.waiting = waiting;
            }
        });
    }
}

/// Notes a connection for the end of the turn; gives it back if there is none.
pub(crate) fn note(connection: Arc<dyn Flush>) -> Option<Arc<dyn Flush>> {
    with_turn(|turn| {
        if turn.depth == 0 {
            return Some(connection);
        }
        turn.waiting.push(connection);
        None
    })
}

/// The time of the turn, which is read from the clock once for all packets that came together.
pub(crate) fn now(runtime: &Arc<dyn Runtime>) -> Instant {
    with_turn(|turn| match turn.depth {
        0 => runtime.now(),
        _ => *turn.now.get_or_insert_with(|| runtime.now()),
    })
}
