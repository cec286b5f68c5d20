//! What the chat is about: users, rooms, messages and the rules they keep. No IO.

pub mod message;
pub mod notice;
pub mod room;
pub mod rules;
pub mod user;

pub use message::{Message, NewMessage};
pub use room::{Room, RoomCode};
pub use user::{NewUser, User, UserOid};
