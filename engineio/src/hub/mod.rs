//! Sessions, sockets, rooms and their queues. No IO and no clock: both come through [`Runtime`].

mod ack;
mod ack_future;
mod adapter;
mod application;
mod args;
mod backlog;
mod broadcast;
mod connection;
mod dispatch;
mod encode;
mod encoded;
mod endpoints;
mod engine;
mod event;
mod event_ref;
mod extract;
mod failure;
mod frames;
mod gate;
mod guard;
mod handler;
mod handshake;
mod inbox;
mod intercept;
mod listeners;
mod listening;
mod middleware;
mod namespace;
mod outbox;
mod outgoing;
mod payload;
mod peer;
mod pipeline;
mod poll_payload;
mod queue;
mod reason;
mod recovery;
mod refusals;
mod round;
mod runtime;
mod server;
mod socket;
mod state;
mod turn;
mod wakers;

pub use ack::Ack;
pub use ack_future::AckFuture;
pub use adapter::{Adapter, Answered, Room, Target, Unanswered};
pub use application::{Application, Link, Receiver};
pub use args::ArgsError;
pub(crate) use args::read_all;
pub use broadcast::{
    AckReplies, Answers, BroadcastOperator, Debt, HandshakeDetails, Question, RemoteSocket, Replies, Rooms,
    SocketDetails,
};
pub use encode::EmitError;
pub use encoded::{CLOSE_FRAME, Coding, Encoded};
pub use endpoints::{Attached, Endpoints};
pub use engine::{Engine, EngineSocket};
pub use event::Event;
pub use event_ref::EventRef;
pub use extract::{Args, Data, EventName, Extension, FromEvent, TimeLeft};
pub use failure::{EventError, EventErrorKind};
pub use gate::{Full, Gate, Pass, network};
pub use handler::{Handler, Outcome, Unfinished};
pub(crate) use handler::{ended, failed};
pub use handshake::{Handshake, RemoteAddr, Secure};
pub use intercept::{EventMiddleware, Incoming};
pub use listeners::ListenerId;
pub use middleware::ConnectError;
pub use namespace::{
    AdapterFactory, Namespace, NamespaceRequest, ParentBroadcast, ParentNamespace, PatternError, RoomEvent,
    ServerSideEvent, WeakNamespace,
};
pub use outbox::{Admission, Compressor, Outbox, Sent};
pub use payload::Payload;
pub use peer::{MAX_DESCRIPTION, Peer, Peers, PollAnswer, close_all};
pub use poll_payload::PollPayload;
pub use queue::Form;
pub use reason::{DisconnectDetails, DisconnectReason};
pub use recovery::{SessionClaim, SessionReply};
pub use refusals::{Refusal, Refusals};
pub use runtime::{BoxFuture, Flush, Runtime, Timed};
pub use server::Server;
pub use socket::{Emission, JoinError, Socket};
pub use state::State;
pub use turn::{FLUSH_AT_ONCE, Turn};
pub use wakers::Waiting;
