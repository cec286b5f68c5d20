//! The locks and atomics that a session's outgoing side is made of.
//!
//! With `--cfg loom` loom's stand in their place, which try the orders in which threads may use them (`tests/loom/`).
//! Only what those tests run through has to take its locks from here.

#[cfg(not(loom))]
mod real {
    pub(crate) use std::{
        sync::{
            OnceLock as SetOnce,
            atomic::{AtomicBool, AtomicUsize},
        },
        thread_local,
    };

    pub(crate) use parking_lot::Mutex;
}

#[cfg(loom)]
mod tried {
    use std::sync::{OnceLock, PoisonError, atomic::Ordering};

    use loom::sync::MutexGuard;
    pub(crate) use loom::{sync::atomic::AtomicUsize, thread_local};

    /// loom's flag. It would let a flag be found set by a `swap` that a later `store` of another thread has overwritten,
    /// because it does not put the two in one order; a `swap` in the store's place is put there.
    #[derive(Debug)]
    pub(crate) struct AtomicBool(loom::sync::atomic::AtomicBool);

    impl AtomicBool {
        pub(crate) fn new(value: bool) -> Self {
            Self(loom::sync::atomic::AtomicBool::new(value))
        }

        pub(crate) fn load(&self, order: Ordering) -> bool {
            self.0.load(order)
        }

        pub(crate) fn store(&self, value: bool, order: Ordering) {
            self.0.swap(value, order);
        }

        pub(crate) fn swap(&self, value: bool, order: Ordering) -> bool {
            self.0.swap(value, order)
        }
    }

    impl Default for AtomicBool {
        fn default() -> Self {
            Self::new(false)
        }
    }

    /// loom's lock behind the methods of `parking_lot`'s.
    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    /// A cell that is set once. loom has none, so that an atomic of its own stands for the moment at which it is set.
    #[derive(Debug)]
    pub(crate) struct SetOnce<T> {
        cell: OnceLock<T>,
        is_set: AtomicBool,
    }

    impl<T> SetOnce<T> {
        pub(crate) fn new() -> Self {
            Self { cell: OnceLock::new(), is_set: AtomicBool::new(false) }
        }

        pub(crate) fn set(&self, value: T) -> Result<(), T> {
            let result = self.cell.set(value);
            self.is_set.store(true, Ordering::Release);
            result
        }

        pub(crate) fn get(&self) -> Option<&T> {
            if self.is_set.load(Ordering::Acquire) { self.cell.get() } else { None }
        }
    }
}

#[cfg(not(loom))]
pub(crate) use real::{AtomicBool, AtomicUsize, Mutex, SetOnce, thread_local};
#[cfg(loom)]
pub(crate) use tried::{AtomicBool, AtomicUsize, Mutex, SetOnce, thread_local};
