//! Engine.IO protocol 4 without IO: packets, payloads, the handshake and the session machine.

pub mod handshake;
mod packet;
pub mod payload;
mod session;

pub use handshake::{Query, RequestError, Transport};
pub(crate) use packet::encode_binary;
pub use packet::{Packet, PacketError};
pub use session::{Action, CloseReason, Data, Input, Session};
