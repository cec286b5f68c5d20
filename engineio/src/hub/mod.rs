//! Sessions, sockets, rooms and their queues. No IO and no clock: both come through [`Runtime`].

mod ack_future;
mod adapter;
mod args;
mod broadcast;
mod connection;
mod dispatch;
mod encode;
mod encoded;
mod handler;
mod handshake;
mod inbox;
mod middleware;
mod namespace;
mod outbox;
mod peer;
mod reason;
mod runtime;
mod server;
mod socket;
mod turn;

pub use ack_future::AckFuture;
pub use adapter::{Adapter, Room, Target};
pub use args::{ArgsError, Payload};
pub use broadcast::{BroadcastOperator, Replies};
pub use encode::EmitError;
pub use encoded::{CLOSE_FRAME, Encoded};
pub use handler::{Ack, Args, Data, EventName, EventRef, FromEvent, Handler, Outcome};
pub use handshake::{Handshake, RemoteAddr, Secure};
pub use middleware::ConnectError;
pub use namespace::Namespace;
pub use outbox::{Outbox, Sent};
pub use peer::{Application, Link, Peer, Peers, PollAnswer, Receiver};
pub use reason::DisconnectReason;
pub use runtime::{BoxFuture, Flush, Runtime, Timed};
pub use server::{AdapterFactory, Server};
pub use socket::{JoinError, Socket};
