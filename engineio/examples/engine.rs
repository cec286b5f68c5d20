//! A bare Engine.IO server: clients send lines, and everybody gets them with the number of their sender.
//!
//! ```text
//! cargo run --example engine
//! ```
//!
//! A client for Node.js, with `engine.io-client`:
//! ```js
//! import { Socket } from "engine.io-client";
//!
//! const socket = new Socket("http://localhost:3000");
//! socket.on("open", () => socket.send("hello"));
//! socket.on("message", (line) => console.log(line));
//! ```

#![allow(clippy::print_stdout, reason = "a program may talk to its user")]

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use dashmap::DashMap;
use engineio::{Engine, EngineSocket, Sid, engine::Data};

/// Everybody who is here, each with a number: the session's id is a secret and not for others.
#[derive(Default)]
struct Present {
    sockets: DashMap<Sid, (u64, EngineSocket)>,
    last: AtomicU64,
}

impl Present {
    fn enter(&self, socket: &EngineSocket) {
        let number = 1 + self.last.fetch_add(1, Ordering::Relaxed);
        self.sockets.insert(*socket.id(), (number, socket.clone()));
        self.tell(&format!("{number} has come"));
    }

    fn say(&self, socket: &EngineSocket, line: &str) {
        if let Some(number) = self.sockets.get(socket.id()).map(|entry| entry.0) {
            self.tell(&format!("{number}: {line}"));
        }
    }

    fn leave(&self, socket: &EngineSocket) {
        if let Some((_, (number, _))) = self.sockets.remove(socket.id()) {
            self.tell(&format!("{number} has left"));
        }
    }

    fn tell(&self, line: &str) {
        for entry in &self.sockets {
            entry.1.send_text(line);
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let present = Arc::new(Present::default());
    let [entering, speaking, leaving] = [(); 3].map(|()| Arc::clone(&present));
    let engine = Engine::new()
        .on_open(move |socket| entering.enter(socket))
        .on_message(move |socket, data| match data {
            Data::Text(line) => speaking.say(socket, line),
            // Only lines are spoken here.
            Data::Binary(_) => socket.close(),
        })
        .on_close(move |socket, _| leaving.leave(socket));
    let port = std::env::var("PORT").unwrap_or_else(|_| "3000".into());
    println!("listening on port {port}");
    Ok(engine.listen(&format!("127.0.0.1:{port}")).await?)
}
