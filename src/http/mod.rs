//! HTTP in small pieces of our own: routing, cookies, query strings, CORS, the cross-site rule, static files.
//!
//! Nothing here knows the chat or touches a socket: requests come in as `http` types and responses leave as such.

pub mod body;
pub mod client;
pub mod cookie;
pub mod cors;
pub mod csrf;
pub mod origins;
pub mod percent;
pub mod query;
pub mod request;
pub mod response;
pub mod router;
pub mod static_files;

pub use client::Peer;
pub use origins::Origins;
pub use request::Request;
pub use response::Response;
