//! The hub without network, runtime or real time: clients are queues, the clock is a number.

#![allow(clippy::disallowed_methods, reason = "tests make their own time")]
#![allow(missing_docs, reason = "tests are described by their names")]

mod acks;
mod bounds;
mod connecting;
mod layers;
mod listeners;
mod rooms;
mod support;
