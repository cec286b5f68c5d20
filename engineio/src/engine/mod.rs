//! Engine.IO without IO: packets, payloads, the handshake and the session machine.
//!
//! Everything is for protocol 4 unless it says otherwise; [`v3`] has what older clients write differently.

pub mod handshake;
mod heartbeat;
mod packet;
pub mod payload;
mod revision;
mod session;
pub mod stream;
pub mod v3;

pub use handshake::{BadRequest, Query, RequestError, Transport};
pub(crate) use packet::encode_binary;
pub use packet::{Packet, PacketError};
pub use revision::Revision;
pub use session::{Action, CloseReason, Data, Input, Session};
