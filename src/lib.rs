//! roomcast: a chat service on Socket.IO in one binary.

pub mod chat;
pub mod store;
