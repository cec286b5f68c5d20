//! Socket.IO protocol 5 without IO: packets in text and in MessagePack, attachments, acknowledgements and the client machine.

mod acks;
mod assembly;
mod attachments;
mod client;
mod json;
pub(crate) mod msgpack;
mod packet;
mod scan;

pub use acks::{AckError, AckReply, AckSink, Acks};
pub use assembly::{AssemblyError, BinaryPacket};
pub use attachments::{Binary, with_attachments};
pub use client::{Client, ClientAction, Fault};
pub(crate) use json::{arguments, name_of};
pub use msgpack::Message;
pub use packet::{AckId, DecodeError, Packet, PacketType};
pub(crate) use packet::{RESERVED_EVENTS, encode_head, is_reserved};
