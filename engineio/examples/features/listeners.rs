//! What a program does with the events of a socket: listeners, middlewares, errors, deadlines, ends.

use std::time::{Duration, SystemTime};

use engineio::{
    Ack, Args, Config, Data, DisconnectDetails, EventError, EventName, Extension, Incoming, Overflow,
    Payload, Server, Socket, State, TimeLeft, server::Options,
};

use crate::Made;

/// Sockets that watch the others.
const WATCHERS: &str = "watchers";

/// What the server keeps for its listeners.
struct Greeting(&'static str);

/// What is kept with a socket.
#[derive(Clone)]
struct Name(String);

/// Each event comes to a catch-all listener and a middleware, which renames `old` to `new`, writes the text of `shout` in
/// capitals and refuses `secret`. What is sent to a socket after `trace` comes to it again as `trace`. The room `watchers`,
/// which `watch` joins, is told of errors as `error:told` and of ends as `left`. `stay`(milliseconds, warning) sets a
/// deadline; `flood`(n) sends n droppable events of 10 kB in one turn.
pub(crate) fn server() -> Made {
    let io = Server::with_config(Config {
        max_payload: 10_000,
        max_queued_bytes: 100_000,
        overflow: Overflow::DropVolatile,
        ..Config::default()
    })?;
    io.manage(Greeting("hello"));
    io.on_any(|socket: Socket, EventName(name): EventName, payload: Payload| {
        if socket.get::<Traced>().is_some() {
            socket.emit("seen", &(name, payload.read::<Vec<serde_json::Value>>().unwrap_or_default().len()));
        }
    });
    io.event_middleware(rewrite);
    io.on_error(|socket: Socket, error: EventError| {
        let told = (error.event(), format!("{:?}", error.kind()), error.to_string());
        socket.namespace().to(WATCHERS).emit("error:told", &told)
    });
    io.on_disconnect(|socket: Socket, why: DisconnectDetails| {
        let told = (socket.id().as_str(), why.reason.to_string(), why.description);
        socket.namespace().to(WATCHERS).emit("left", &told)
    });
    io.on_expiring(|socket: Socket, TimeLeft(left): TimeLeft| {
        socket.emit("expiring", &u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
    });
    add_listeners(&io);
    Ok((io, Options::default()))
}

/// Marks a socket that is told what is sent to it.
#[derive(Clone)]
struct Traced;

/// Takes a while for each event, as a middleware that asks a database does.
async fn rewrite(mut event: Incoming) -> Result<Incoming, String> {
    tokio::task::yield_now().await;
    match event.name() {
        "secret" => return Err("you may not".into()),
        "old" => event.set_name("new"),
        "shout" => {
            let (text,): (String,) = event.args().map_err(|error| error.to_string())?;
            event.set_args(&text.to_uppercase()).map_err(|error| error.to_string())?;
        }
        _ => {}
    }
    Ok(event)
}

fn add_listeners(io: &Server) {
    io.on("new", |ack: Ack| ack.send("the listener of `new`"));
    io.on("shout", |Data(text): Data<String>, ack: Ack| ack.send(&text));
    io.on("secret", |ack: Ack| ack.send("never"));
    io.on("sum", |Args((a, b)): Args<(i64, i64)>, ack: Ack| ack.send(&(a + b)));
    io.on("fail", || Err::<(), _>("out of luck"));
    io.on("fail later", async || {
        tokio::task::yield_now().await;
        Err::<(), _>("out of luck, later")
    });
    io.on("name", |socket: Socket, Data(name): Data<String>, ack: Ack| {
        socket.insert(Name(name));
        ack.send(&());
    });
    io.on("greet", |greeting: State<Greeting>, Extension(Name(name)): Extension<Name>, ack: Ack| {
        ack.send(&format!("{} {name}", greeting.0));
    });
    io.on("only once", |socket: Socket, ack: Ack| {
        socket.once("answer", |ack: Ack| ack.send("once"));
        socket.on("answer", |ack: Ack| ack.send("again"));
        ack.send(&());
    });
    io.on("watch", |socket: Socket, ack: Ack| ack.send(&socket.join(WATCHERS).is_ok()));
    io.on("rooms", |socket: Socket, ack: Ack| {
        let joined = socket.join(["a", "b"]).is_ok();
        let count = socket.rooms().len();
        socket.leave_all();
        ack.send(&(joined, count, socket.rooms().len()));
    });
    io.on("trace", |socket: Socket, ack: Ack| {
        socket.insert(Traced);
        socket.on_any_outgoing(|socket: Socket, EventName(name): EventName, payload: Payload| {
            if !matches!(&*name, "sent" | "seen") {
                socket.emit("sent", &(name, payload.attachments().len()));
            }
        });
        ack.send(&());
    });
    io.on("say", |socket: Socket, payload: Payload| socket.namespace().emit_payload("said", &payload));
    io.on("stay", |socket: Socket, Args((ms, warning)): Args<(u64, u64)>, ack: Ack| {
        let end = SystemTime::now() + Duration::from_millis(ms);
        socket.set_deadline(end, Duration::from_millis(warning));
        ack.send(&());
    });
    io.on("flood", |socket: Socket, Data(count): Data<u32>, ack: Ack| {
        let text = "x".repeat(10_000);
        for number in 0..count {
            socket.droppable().emit("number", &(number, &text));
        }
        ack.send(&socket.dropped_packets());
    });
}
