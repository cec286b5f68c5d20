//! The listening socket, its connections, and the way to stop.

mod listener;
mod stop;

pub use listener::{BindError, Listener};
pub use stop::Stop;
