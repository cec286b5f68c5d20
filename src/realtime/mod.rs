//! The chat over Socket.IO: who is connected, what they may send, and what they are told.

mod budget;
mod events;
mod gateway;
mod live;
mod people;
mod publisher;
mod sessions;

pub use gateway::Gateway;
pub use publisher::Publisher;
pub use sessions::Sessions;
