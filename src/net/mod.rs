//! The listening socket, its connections, and the way to stop.

mod files;
mod listener;
mod metrics;
mod notify;
mod serve;
mod stop;

pub use files::allow_many_connections;
pub use listener::{BindError, Listener};
pub use metrics::MetricsListener;
pub use notify::ready;
pub use serve::serve;
pub use stop::Stop;
