//! The way out of a session under loom, which runs each test again and again, until it has tried the orders in which
//! threads may come to the locks and atomics, and the values that these may have by then.

#![cfg(loom)]
#![allow(clippy::disallowed_methods, reason = "tests make their own time")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(missing_docs, unreachable_pub, reason = "tests are described by their names and used by nobody")]

mod ending;
mod polls;
mod streams;
mod support;
mod turns;
