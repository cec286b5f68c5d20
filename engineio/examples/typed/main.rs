//! Events declared once, for the server and for TypeScript in the browser.
//!
//! `cargo run -p engineio --example typed` serves on port 3000; with the argument `--types` it writes the declaration for
//! clients to standard output instead, which `events.d.ts` beside this file has.

#![allow(clippy::print_stdout, reason = "the declaration is what was asked for")]

mod chat;

use chat::{ClientToServerEvents, ServerToClientEvents};
use engineio::{Server, schema::typescript};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    if std::env::args().any(|argument| argument == "--types") {
        print!("{}", typescript::<ClientToServerEvents, ServerToClientEvents>());
        return Ok(());
    }
    let io = Server::new();
    chat::listen(&io);
    Ok(io.listen("127.0.0.1:3000").await?)
}
