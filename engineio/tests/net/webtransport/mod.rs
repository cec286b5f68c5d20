//! WebTransport over UDP, against the library's own client side, which knows HTTP/3 but no packets of Engine.IO.

mod client;
mod crowd;
mod ending;
mod limits;
mod opening;
mod sessions;
