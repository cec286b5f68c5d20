//! Joining all that one turn sends to a connection into one write.
//!
//! A turn is the handling of one batch of input on one thread. While it lasts, connections that get something
//! to send are only noted; at its end each of them is flushed once, with everything that came together. The
//! first few are flushed at once; the rest of a large broadcast is handed to the runtime, which takes breaks.

use std::{cell::RefCell, sync::Arc};

use super::runtime::{Flush, Runtime};

/// Connections flushed before the turn's thread goes on; the rest follows in slices.
pub const FLUSH_AT_ONCE: usize = 128;

thread_local! {
    static TURN: RefCell<Option<Vec<Arc<dyn Flush>>>> = const { RefCell::new(None) };
}

/// A turn in progress on this thread; its end flushes.
pub struct Turn<'a> {
    runtime: &'a Arc<dyn Runtime>,
    is_outermost: bool,
}

impl<'a> Turn<'a> {
    /// Begins a turn, or joins the one in progress.
    #[must_use = "a turn lasts as long as this value"]
    pub fn begin(runtime: &'a Arc<dyn Runtime>) -> Self {
        let is_outermost = TURN.with_borrow_mut(|turn| match turn {
            Some(_) => false,
            None => {
                *turn = Some(Vec::new());
                true
            }
        });
        Self { runtime, is_outermost }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.is_outermost {
            return;
        }
        let Some(mut waiting) = TURN.take() else { return };
        let rest = waiting.split_off(waiting.len().min(FLUSH_AT_ONCE));
        for connection in waiting {
            connection.flush();
        }
        if !rest.is_empty() {
            self.runtime.flush_later(rest);
        }
    }
}

/// Notes a connection for the end of the turn; gives it back if there is none.
pub(crate) fn note(connection: Arc<dyn Flush>) -> Option<Arc<dyn Flush>> {
    TURN.with_borrow_mut(|turn| match turn {
        Some(waiting) => {
            waiting.push(connection);
            None
        }
        None => Some(connection),
    })
}
