//! Guides, a topic each.

#[doc = include_str!("../guide/rooms.md")]
pub mod rooms {}

#[doc = include_str!("../guide/acks.md")]
pub mod acks {}

#[doc = include_str!("../guide/schema.md")]
pub mod schema {}

#[doc = include_str!("../guide/middleware.md")]
pub mod middleware {}

#[doc = include_str!("../guide/auth.md")]
pub mod auth {}

#[doc = include_str!("../guide/recovery.md")]
pub mod recovery {}

#[doc = include_str!("../guide/limits.md")]
pub mod limits {}

#[doc = include_str!("../guide/testing.md")]
pub mod testing {}

#[doc = include_str!("../guide/from_node.md")]
pub mod from_node {}

#[doc = include_str!("../guide/from_socketioxide.md")]
pub mod from_socketioxide {}
