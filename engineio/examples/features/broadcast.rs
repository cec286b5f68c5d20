//! Broadcasts with acknowledgements.

use std::time::Duration;

use engineio::{Ack, Args, Server, Socket, server::Options};

use crate::Made;

/// `join`(room), then `ask`(room, question, milliseconds): the event `question` goes to the room, and the answers that
/// came in time are acknowledged beside the number of those that did not.
pub(crate) fn server() -> Made {
    let io = Server::new();
    io.on("join", |socket: Socket, Args((room,)): Args<(String,)>, ack: Ack| {
        ack.send(&socket.join(room).is_ok());
    });
    io.on(
        "ask",
        async |socket: Socket, Args((room, question, ms)): Args<(String, String, u64)>, ack: Ack| {
            let room = socket.namespace().to(room).timeout(Duration::from_millis(ms));
            let asked = room.emit_with_ack("question", &question);
            let Ok(replies) = asked.await else { return };
            let mut answers: Vec<String> =
                replies.replies.iter().filter_map(|reply| reply.first().ok()).collect();
            answers.sort();
            ack.send(&(answers, replies.missing));
        },
    );
    Ok((io, Options::default()))
}
