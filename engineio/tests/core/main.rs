//! The hub without network, runtime or real time: clients are queues, the clock is a number.

#![allow(clippy::disallowed_methods, reason = "tests make their own time")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(missing_docs, unreachable_pub, reason = "tests are described by their names and used by nobody")]

mod acks;
mod bounds;
mod broadcasts;
mod catch_all;
mod cluster;
mod connecting;
mod deadlines;
mod emitting;
mod engine;
mod event_errors;
mod layers;
mod leaving;
mod listeners;
mod msgpack;
mod namespaces;
mod old_clients;
mod overflow;
mod reasons;
mod recovery;
mod refusals;
mod rooms;
mod rooms_watched;
mod schema;
mod support;
mod threads;
