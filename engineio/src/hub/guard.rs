//! Keeping a panic of the application's code from taking anything else down.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use super::runtime::BoxFuture;

/// The application's code has panicked, which the panic hook has reported.
#[derive(Debug)]
pub(super) struct Panicked;

/// Runs a function of the application.
pub(super) fn guarded<T>(function: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(function)).map_err(|_| Panicked)
}

/// A future of the application whose panic ends only itself.
pub(super) struct Guarded<T>(pub(super) BoxFuture<'static, T>);

impl<T> Future for Guarded<T> {
    type Output = Result<T, Panicked>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match guarded(|| self.0.as_mut().poll(cx)) {
            Ok(poll) => poll.map(Ok),
            Err(panicked) => Poll::Ready(Err(panicked)),
        }
    }
}
