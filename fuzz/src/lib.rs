//! What must hold for any bytes from outside: one function for each target, called alike by the fuzzer and by the test
//! that replays the corpus.
//!
//! A target fails by a panic. Where there is a second, simpler way to the same answer, both are compared.

#![allow(clippy::missing_panics_doc, reason = "panicking is how a target tells of what it has found")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the same")]

mod attachments;
mod conversation;
mod engine;
mod frames;
mod model;
mod naive;
mod pipes;
mod polling;
mod replay;
mod rooms;
mod script;
mod service;
mod socketio;
mod stream;

pub use attachments::attachments;
pub use conversation::conversation;
pub use engine::{engine_packet, engine_payload, engine_v3_payload, query, session};
pub use frames::{frames, inflate, upgrade_request, whole_frame};
pub use pipes::pipes;
pub use polling::polling;
pub use replay::{TARGETS, Target, replay};
pub use rooms::rooms;
pub use service::{cookie, json_body, percent, route, set_cookie, token};
pub use socketio::{client, msgpack, socketio_packet};
pub use stream::engine_stream;
