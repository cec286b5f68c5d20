//! Whom broadcasts of the server reach, and what it can do with many sockets at once.

use engineio::{Ack, Args, BroadcastOperator, Data, Server, Socket, server::Options};
use serde::Deserialize;
use serde_json::json;

use crate::Made;

/// Whom to reach.
#[derive(Deserialize)]
struct Whom {
    rooms: Option<Vec<String>>,
    #[serde(default)]
    except: Vec<String>,
}

impl Whom {
    fn of(self, io: &Server) -> BroadcastOperator {
        let everyone = io.except(self.except);
        match self.rooms {
            Some(rooms) => everyone.to(rooms),
            None => everyone,
        }
    }
}

/// `join`(rooms) joins rooms. The others take `{rooms, except}` first: `emit`(whom, text) has the server send `text`,
/// `add`(whom, rooms) and `drop`(whom, rooms) have others join and leave, `kick`(whom, close) disconnects them,
/// `fetch`(whom) answers who they are. `others`(whom, text) sends from the socket itself. `/beside` answers `ping?`.
pub(crate) fn server() -> Made {
    let io = Server::new();
    io.of("/beside").on("ping?", |ack: Ack| ack.send("pong"));
    io.on("join", |socket: Socket, Data(rooms): Data<Vec<String>>, ack: Ack| {
        socket.set_data("rooms", rooms.len());
        ack.send(&socket.join(rooms).is_ok());
    });
    let server = io.clone();
    io.on("emit", move |Args((whom, text)): Args<(Whom, String)>| {
        whom.of(&server).emit("text", &text);
    });
    io.on("others", |socket: Socket, Args((whom, text)): Args<(Whom, String)>| {
        socket.to(whom.rooms.unwrap_or_default()).except(whom.except).emit("text", &text);
    });
    let server = io.clone();
    io.on("add", move |Args((whom, rooms)): Args<(Whom, Vec<String>)>, ack: Ack| {
        ack.send(&whom.of(&server).sockets_join(rooms).is_ok());
    });
    let server = io.clone();
    io.on("drop", move |Args((whom, rooms)): Args<(Whom, Vec<String>)>, ack: Ack| {
        whom.of(&server).sockets_leave(rooms);
        ack.send(&true);
    });
    let server = io.clone();
    io.on("kick", move |Args((whom, close)): Args<(Whom, bool)>| {
        let kicked = whom.of(&server);
        kicked.emit("text", "bye");
        kicked.disconnect_sockets(close);
    });
    let server = io.clone();
    io.on("fetch", move |Data(whom): Data<Whom>, ack: Ack| {
        let operator = whom.of(&server);
        async move {
            let Ok(sockets) = operator.fetch_sockets().await else { return };
            let sockets: Vec<_> = sockets
                .iter()
                .map(|socket| {
                    let (query, auth) = (&socket.handshake().query, &socket.handshake().auth);
                    let rooms: Vec<_> = socket.rooms().collect();
                    json!({ "id": socket.id(), "rooms": rooms, "data": socket.data(), "query": query, "auth": auth })
                })
                .collect();
            ack.send(&sockets);
        }
    });
    Ok((io, Options::default()))
}
