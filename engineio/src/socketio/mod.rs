//! Socket.IO protocol 5 without IO: packets, attachments, acknowledgements and the client machine.

mod acks;
mod attachments;
mod client;
mod json;
mod packet;
mod scan;

pub use acks::{AckError, AckReply, AckSink, Acks};
pub use attachments::{Assembly, AssemblyError, Binary, with_attachments};
pub use client::{Client, ClientAction, Fault};
pub(crate) use json::{arguments, name_of};
pub use packet::{AckId, DecodeError, Packet, PacketType};
pub(crate) use packet::{encode_head, is_reserved};
