//! The formats on the wire, as a client sees them: HTTP responses, WebSocket frames, Socket.IO packets.

pub(crate) mod frame;
pub(crate) mod http;
pub(crate) mod packet;
pub(crate) mod session;
