//! WebTransport: sessions on one bidirectional stream of an HTTP/3 connection (Engine.IO protocol 4, "WebTransport").
//!
//! It has an endpoint of its own, as HTTP/3 runs over UDP. The client asks for it by a CONNECT request and opens the stream,
//! on which packets travel both ways; its first packet tells whether it wants a new session or the upgrade of one that
//! polls. From then on a session is run like one over WebSocket.

mod accept;
mod certificate;
mod connection;
mod connection_id;
mod endpoint;
mod writer;

pub use certificate::{Certificate, CertificateError};
pub use endpoint::{WebTransport, WebTransportError};
