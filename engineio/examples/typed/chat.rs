//! The events of a chat, declared once, and a server of them.

use engineio::{Binary, Server};

engineio::events! {
    /// How loud.
    pub enum Volume { Low as "low", High as "high" }

    /// Who talks.
    pub struct Speaker {
        name: String,
        /// Null for those who stand.
        seat_number as "seatNumber": Option<u32>,
        volume: Volume,
    }

    /// Why one does not come in.
    pub enum Refusal { Nameless as "nameless", Full as "full" }

    /// What a client may send.
    pub incoming ClientToServerEvents {
        /// Comes into a room; the answer is how many are there.
        join(room: String, speaker: Speaker) -> Result<u32, Refusal>,
        /// Says something to everyone in a room.
        say as "chat message"(room: String, text: String),
        /// Shows a picture to the others in a room; the answer is its size in bytes.
        show(room: String, picture: Binary) -> usize,
        /// Asks everyone in a room; the answer is how many said yes, and how many said nothing.
        survey(room: String, question: String) -> (usize, usize),
    }

    /// What the server sends.
    pub outgoing ServerToClientEvents {
        /// Someone has come in.
        joined(speaker: Speaker),
        /// Someone has said something.
        said as "chat message"(text: String),
        /// Someone shows a picture.
        shown(picture: Binary),
        /// Someone wants to know.
        asked(question: String) -> bool,
    }
}

/// Serves the chat.
pub(crate) fn listen(io: &Server) {
    ClientToServerEvents::on(io)
        .join(|socket, room, speaker| {
            if speaker.name.is_empty() {
                return Err(Refusal::Nameless);
            }
            socket.join(room.as_str()).map_err(|_| Refusal::Full)?;
            ServerToClientEvents::emit(socket.to(room.as_str())).joined(speaker);
            let members = socket.namespace().to(room).sockets().len();
            u32::try_from(members).map_err(|_| Refusal::Full)
        })
        .say(|socket, room, text| ServerToClientEvents::emit(socket.namespace().to(room)).said(text))
        .show(|socket, room, picture| {
            ServerToClientEvents::emit(socket.to(room)).shown(&picture);
            picture.0.len()
        })
        .survey(async |socket, room, question| {
            let everyone = socket.namespace().to(room);
            match ServerToClientEvents::emit(everyone).asked(question).await {
                Ok(answers) => (answers.replies.iter().filter(|yes| **yes).count(), answers.missing),
                Err(_) => (0, 0),
            }
        });
}
