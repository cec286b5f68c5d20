//! Events that are declared once: the chat of the example `typed`.

#[path = "../typed/chat.rs"]
mod chat;

use engineio::{Server, server::Options};

use crate::Made;

/// The chat.
pub(crate) fn server() -> Made {
    let io = Server::new();
    chat::listen(&io);
    Ok((io, Options::default()))
}
