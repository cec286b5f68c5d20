//! An Engine.IO 4 and Socket.IO 4 (protocol 5) server on hyper and tokio-tungstenite.
//!
//! ```no_run
//! use engineio::{Ack, Data, Server, Socket};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let io = Server::new();
//!     io.on_connection(|socket: Socket| {
//!         socket.emit("welcome", &("hello", 42)); // two arguments
//!     });
//!     io.on("join", |socket: Socket, Data(room): Data<String>, ack: Ack| {
//!         ack.send(&socket.join(room).is_ok());
//!     });
//!     io.on("say", async |socket: Socket, Data((room, text)): Data<(String, String)>| {
//!         socket.to(room).emit("said", &text); // everyone in the room but the sender
//!     });
//!     Ok(io.listen("127.0.0.1:3000").await?)
//! }
//! ```
//!
//! A browser connects with the official client: `io("http://localhost:3000")`.
//!
//! # Where to go from here
//! - [`Server`], [`Namespace`] and [`Socket`] are what a program works with; [`BroadcastOperator`] sends to many.
//! - A listener is a plain function, `async` or not. Its parameters say what it wants: [`Socket`], [`Data`] (the
//!   first argument), [`Args`] (all of them), [`Payload`] (unparsed), [`Ack`], [`EventName`],
//!   [`DisconnectReason`] or [`DisconnectDetails`], a [`State`] of the server, an [`Extension`] of the socket.
//! - A listener that ends with an error tells [`Socket::on_error`]. [`Socket::event_middleware`] sees events before
//!   listeners do, [`Socket::on_any`] all that come and [`Socket::on_any_outgoing`] all that are sent;
//!   a [`Namespace`] has the same for all its sockets.
//! - [`Socket::set_deadline`] lets a socket stay as long as a token. [`Overflow`] says what becomes of slow readers.
//! - [`Binary`] is binary data anywhere in arguments.
//! - [`events!`] declares events with their types once, for listeners, emits and TypeScript; see [`schema`].
//! - [`Config`] has every limit and interval; [`server::Options`] has what concerns HTTP.
//! - [`server::Service`] is the server as a hyper service, to be mounted in front of your own routes.
//!   With the feature `tower` it is a tower service as well, for axum and others.
//! - [`Engine`] is a bare Engine.IO server: messages, and nothing on top of them.
//! - Clients of Socket.IO 2 are served with [`Config::allow_eio3`].
//! - [`guide`] has a page for each topic: rooms, acknowledgements, events with types, middleware, authentication, recovery, limits,
//!   testing,
//!   and how to come from other servers.
//!
//! # Promises
//! - Events of one socket reach its listeners in order, one after the other, in both directions.
//! - A client can harm only itself: each limit ends that client's packet, request or connection.
//! - Memory is bounded by [`Config`]: a client that reads too slowly is closed, or misses events if [`Overflow`] says
//!   so; it is not buffered for.
//!
//! # Without the `server` feature
//! What remains is the protocol core: no IO, no clock, no runtime, and no dependency on tokio or hyper. Bytes and
//! a time go in, decisions come out; [`hub::Runtime`] is all that a shell of another kind has to provide.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests make their own time"))]

pub mod adapter;
pub mod config;
pub mod engine;
#[cfg(feature = "server")]
pub mod guide;
pub mod hub;
pub mod schema;
#[cfg(feature = "server")]
pub mod server;
mod sid;
pub mod socketio;
mod sync;
#[cfg(test)]
mod testing;

pub use config::{Config, ConfigError, ConnectionLimits, Overflow, Parser, Recovery};
pub use hub::{
    Ack, AckReplies, Args, BroadcastOperator, ConnectError, Data, DisconnectDetails, DisconnectReason,
    Emission, Engine, EngineSocket, EventError, EventErrorKind, EventName, Extension, Incoming, ListenerId,
    Namespace, NamespaceRequest, ParentNamespace, Payload, Refusal, Refusals, RemoteSocket, Replies, Room,
    RoomEvent, Rooms, Sent, Server, ServerSideEvent, Socket, State, TimeLeft,
};
pub use sid::Sid;
pub use socketio::{AckError, AckReply, Binary};
