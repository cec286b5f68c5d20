//! Connection state recovery: numbered events to clients that lose their connections again and again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use engineio::{Ack, Args, Config, Recovery, Server, Socket, server::Options};
use serde_json::json;

use crate::Made;

/// Client `n` is in the room of this name.
fn room_of(client: usize) -> String {
    format!("room {}", client % 3)
}

/// What is known of one client: the socket to reach it by, and the events it has sent.
#[derive(Default)]
struct Client {
    socket: Option<Socket>,
    counted: u64,
    /// Events that came too early, because one before them is missing.
    gaps: u64,
}

type Clients = Arc<Mutex<HashMap<usize, Client>>>;

/// Does something with what is known of a client.
fn with<R>(clients: &Clients, client: usize, change: impl FnOnce(&mut Client) -> R) -> R {
    change(clients.lock().unwrap_or_else(PoisonError::into_inner).entry(client).or_default())
}

/// In `/`: `join`(room), `set`(value) and `get` for the socket's data, `later`(event, …) to be sent to everyone in the
/// room "later". `PING_MS` shortens the heartbeat, `AWAY_MS` the time that a client may be away.
///
/// In `/numbered`, a client that says who it is by `auth.client` counts: `count`(n), each number once and in order.
/// `start`(clients, milliseconds) lets the server send the numbers from 0: each third to everyone, each third to a
/// room and each third to one client. `stop` answers how many were sent; `counted`(client) what came from it.
pub(crate) fn server() -> Made {
    let milliseconds =
        |name| std::env::var(name).ok().and_then(|text| text.parse().ok()).map(Duration::from_millis);
    let ping = milliseconds("PING_MS");
    let defaults = (Config::default(), Recovery::default());
    let io = Server::with_config(Config {
        ping_interval: ping.unwrap_or(defaults.0.ping_interval),
        ping_timeout: ping.unwrap_or(defaults.0.ping_timeout),
        connection_state_recovery: Some(Recovery {
            max_disconnection_duration: milliseconds("AWAY_MS")
                .unwrap_or(defaults.1.max_disconnection_duration),
            ..defaults.1
        }),
        ..defaults.0
    })?;
    plain(&io);
    numbered(&io);
    Ok((io, Options::default()))
}

fn plain(io: &Server) {
    io.on("join", |socket: Socket, Args((room,)): Args<(String,)>, ack: Ack| {
        ack.send(&socket.join(room).is_ok());
    });
    io.on("set", |socket: Socket, Args((value,)): Args<(String,)>, ack: Ack| {
        socket.set_data("value", value);
        ack.send(&());
    });
    io.on("get", |socket: Socket, ack: Ack| {
        let mut rooms: Vec<String> = socket.rooms().iter().map(ToString::to_string).collect();
        rooms.sort();
        ack.send(&json!({ "recovered": socket.recovered(), "data": socket.data(), "rooms": rooms }));
    });
    io.on("say", |socket: Socket, Args((room, text)): Args<(String, String)>, ack: Ack| {
        socket.namespace().to(room).emit("said", &text);
        ack.send(&());
    });
    io.on("whisper", |socket: Socket, Args((text,)): Args<(String,)>, ack: Ack| {
        socket.volatile().emit("whispered", &text);
        ack.send(&());
    });
}

fn numbered(io: &Server) {
    let clients = Clients::default();
    let namespace = io.of("/numbered");
    let known = Arc::clone(&clients);
    namespace.on_connection(move |socket: Socket| {
        let Some(client) = client_of(&socket) else { return };
        if !socket.recovered() {
            let _ = socket.join(room_of(client));
        }
        with(&known, client, |entry| entry.socket = Some(socket));
    });
    let known = Arc::clone(&clients);
    namespace.on("count", move |socket: Socket, Args((number,)): Args<(u64,)>, ack: Ack| {
        let Some(client) = client_of(&socket) else { return };
        with(&known, client, |entry| {
            // A number that came before is a retry of one whose answer was lost.
            entry.gaps += u64::from(number > entry.counted);
            entry.counted = entry.counted.max(number + 1);
        });
        ack.send(&());
    });
    let known = Arc::clone(&clients);
    namespace.on("counted", move |_: Socket, Args((client,)): Args<(usize,)>, ack: Ack| {
        ack.send(&with(&known, client, |entry| (entry.counted, entry.gaps)));
    });
    let sending = Arc::new(Mutex::new(None));
    let task = Arc::clone(&sending);
    namespace.on("start", move |socket: Socket, Args((count, ms)): Args<(usize, u64)>, ack: Ack| {
        let numbers = Numbers { namespace: socket.namespace().clone(), clients: Arc::clone(&clients), count };
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let sent = tokio::spawn(numbers.send(Duration::from_millis(ms), stopped));
        *task.lock().unwrap_or_else(PoisonError::into_inner) = Some((stop, sent));
        ack.send(&());
    });
    namespace.on("stop", move |_: Socket, ack: Ack| {
        let task = sending.lock().unwrap_or_else(PoisonError::into_inner).take();
        async move {
            let Some((stop, sent)) = task else { return };
            let _ = stop.send(());
            ack.send(&sent.await.unwrap_or_default());
        }
    });
}

fn client_of(socket: &Socket) -> Option<usize> {
    socket.auth::<serde_json::Value>()?["client"].as_u64().and_then(|client| client.try_into().ok())
}

struct Numbers {
    namespace: engineio::Namespace,
    clients: Clients,
    count: usize,
}

impl Numbers {
    /// Sends a number each `interval` until it is told to stop; answers how many.
    async fn send(self, interval: Duration, mut stopped: tokio::sync::oneshot::Receiver<()>) -> usize {
        let mut ticks = tokio::time::interval(interval);
        for number in 0.. {
            tokio::select! {
                _ = ticks.tick() => self.send_one(number),
                _ = &mut stopped => return number,
            }
        }
        0
    }

    fn send_one(&self, number: usize) {
        let who = number / 3;
        match number % 3 {
            0 => {
                self.namespace.emit("number", &number);
            }
            1 => {
                self.namespace.to(room_of(who)).emit("number", &number);
            }
            _ => {
                // The socket may have left; what is sent to it then is kept for its client.
                let socket = with(&self.clients, who % self.count, |entry| entry.socket.clone());
                if let Some(socket) = socket {
                    socket.emit("number", &number);
                }
            }
        }
        // What is not kept must not spoil what the client remembers.
        self.namespace.volatile().emit("noise", "text");
    }
}
