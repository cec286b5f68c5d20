//! Engine.IO and Socket.IO server.

pub mod adapter;
pub mod config;
pub mod engine;
pub mod hub;
#[cfg(feature = "server")]
pub mod server;
mod sid;
pub mod socketio;

pub use config::{Config, ConfigError};
pub use hub::{
    Ack, Args, BroadcastOperator, ConnectError, Data, DisconnectReason, EventName, Namespace, Payload, Room,
    Sent, Server, Socket,
};
pub use sid::Sid;
pub use socketio::{AckError, AckReply, Binary};
