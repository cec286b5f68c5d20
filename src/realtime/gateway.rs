//! Socket.IO listeners: who is let in, and what sockets can ask for.

use std::{future::Future, sync::Arc};

use engineio::{Ack, ConnectError, Data, Server, Socket};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    auth::identity,
    chat::notice,
    config::{Config, SocketAuth},
    error::Error,
    service::{
        AuthFailure, Identity, Service,
        answer::{self, Answer},
        input::{History, JoinRoom, PostMessage},
    },
};

use super::{
    budget::Verdict,
    events::{Notice, REPLACED, TEXT},
    live::{self, Live},
    people,
    sessions::Sessions,
};

/// The chat's side of the Socket.IO server.
pub struct Gateway {
    service: Arc<Service>,
    sessions: Arc<Sessions>,
    socket_auth: SocketAuth,
    events_per_second: Option<u32>,
}

/// What was found out about a client before it was let in.
type Admission = Result<Identity, AuthFailure>;

impl Gateway {
    /// Adds the chat's listeners to a server.
    pub fn attach(io: &Server, service: Arc<Service>, sessions: Arc<Sessions>, config: &Config) {
        let gateway = Arc::new(Self {
            service,
            sessions,
            socket_auth: config.socket_auth,
            events_per_second: config.rates.as_ref().map(|rates| rates.events_per_second),
        });
        gateway.listen_to_connections(io);
        gateway.on(io, "chat:join", async |service: Arc<Service>, who: Identity, input: JoinRoom| {
            Ok(answer::room_joined(&service.join_room(&who, &input).await?))
        });
        gateway.on(io, "chat:leave", async |service: Arc<Service>, who: Identity, _: Value| {
            Ok(answer::room_left(service.leave_room(&who).await?.as_ref()))
        });
        gateway.on(io, "chat:message", async |service: Arc<Service>, who: Identity, input: PostMessage| {
            Ok(answer::posted(&service.post_message(&who, &input).await?))
        });
        gateway.on(io, "chat:history", async |service: Arc<Service>, who: Identity, input: History| {
            Ok(answer::history(&service.history(&who, &input).await?))
        });
    }

    fn listen_to_connections(self: &Arc<Self>, io: &Server) {
        let root = io.of("/");
        let gateway = Arc::clone(self);
        root.middleware(move |socket| {
            let gateway = Arc::clone(&gateway);
            async move { gateway.admit(socket).await }
        });
        let gateway = Arc::clone(self);
        root.on_connection(move |socket: Socket| {
            let gateway = Arc::clone(&gateway);
            async move { gateway.welcome(socket).await }
        });
        let gateway = Arc::clone(self);
        root.on_disconnect(move |socket: Socket| gateway.depart(&socket));
        root.on_expiring(|socket: Socket| live::warn(&socket));
    }

    /// Finds out who a client is. Without a good token it is refused, or let in to be disconnected at once: then
    /// the official client sees "io server disconnect" and does not try again.
    async fn admit(&self, socket: Socket) -> Result<(), ConnectError> {
        let admission = self.identify(&socket).await;
        if let (Err(failure), SocketAuth::ConnectError) = (&admission, self.socket_auth) {
            let data = json!({ "code": failure.code() });
            return Err(ConnectError::new(failure.to_string()).with_data(data));
        }
        socket.insert(admission);
        Ok(())
    }

    async fn identify(&self, socket: &Socket) -> Admission {
        let auth: Value = socket.auth().unwrap_or_default();
        let token = auth.get("token").and_then(Value::as_str);
        let cookies = socket.handshake().header("cookie");
        self.service.authenticate(identity::of_socket(cookies, token)).await
    }

    /// Makes a new socket its user's live one and puts it into the user's room.
    async fn welcome(&self, socket: Socket) {
        let who = match socket.get::<Admission>() {
            Some(Ok(who)) => who,
            // The token could not be checked: the client comes back by itself after a broken connection.
            Some(Err(AuthFailure::Service(_))) => return socket.peer().close(),
            Some(Err(AuthFailure::Token(_))) | None => return socket.disconnect(),
        };
        let live = Live::new(socket, who, self.events_per_second);
        live.socket.insert(Arc::clone(&live));
        if let Some(old) = self.sessions.insert(&live) {
            old.socket.emit(REPLACED, &());
            old.socket.disconnect();
        }
        live.stay_as_long_as(&live.who().claims);
        let entered = self.service.with_current_room(&live.who().user, |room| {
            if let Some(room) = room {
                live.enter(&room.code);
            }
        });
        if let Err(error) = entered.await {
            tracing::warn!(%error, "a socket could not be put into its user's room");
            // Without its room the socket would miss messages: better that the client comes back.
            return live.socket.peer().close();
        }
        // From here on the socket gets everything that is sent to its room.
        live.socket.emit(TEXT, &Notice::to_user(notice::CONNECTED));
        if let Some(code) = live.room() {
            people::announce(live.socket.namespace(), &code);
        }
        if !live.socket.is_connected() {
            self.depart(&live.socket);
        }
    }

    /// Forgets a socket that has left.
    fn depart(&self, socket: &Socket) {
        // The live socket and its state hold each other until here.
        let Some(live) = socket.remove::<Arc<Live>>() else { return };
        self.sessions.remove(&live);
        if let Some(code) = live.room() {
            people::announce(socket.namespace(), &code);
        }
    }

    /// Answers an event of logged-in sockets with what `handle` answers.
    fn on<T, F, Fut>(self: &Arc<Self>, io: &Server, event: &'static str, handle: F)
    where
        T: DeserializeOwned + Send + 'static,
        F: Fn(Arc<Service>, Identity, T) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Answer, Error>> + Send + 'static,
    {
        let gateway = Arc::clone(self);
        let handle = Arc::new(handle);
        io.on(event, move |socket: Socket, Data(input): Data<Value>, ack: Ack| {
            let (gateway, handle) = (Arc::clone(&gateway), Arc::clone(&handle));
            async move {
                let result = match (admitted(&socket), read(input)) {
                    (Ok(who), Ok(input)) => handle(Arc::clone(&gateway.service), who, input).await,
                    (Err(error), _) | (_, Err(error)) => Err(error),
                };
                ack.send(&result.unwrap_or_else(|error| {
                    gateway.service.refusals().note(&error);
                    answer::failure(&error)
                }));
            }
        });
    }
}

/// Who sends an event, if its socket may send one now.
fn admitted(socket: &Socket) -> Result<Identity, Error> {
    let live = socket.get::<Arc<Live>>();
    let live = live.ok_or(Error::Unauthenticated("You are not logged in".into()))?;
    match live.spend() {
        Verdict::Admitted => Ok(live.who().clone()),
        Verdict::Refused(error) => Err(error),
        Verdict::TooMany => {
            socket.disconnect();
            Err(Error::Forbidden("This socket sent too many events".into()))
        }
    }
}

/// Reads an event's argument; none at all counts as an empty object.
fn read<T: DeserializeOwned>(input: Value) -> Result<T, Error> {
    let input = if input.is_null() { json!({}) } else { input };
    if !input.is_object() {
        return Err(Error::invalid("Send one object with the event, such as {\"roomCode\": \"…\"}"));
    }
    serde_json::from_value(input)
        .map_err(|error| Error::invalid(format!("The event's object has another form: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_s_argument_is_one_object_or_nothing() {
        let code = |input| read::<JoinRoom>(input).map(|join| join.room_code);
        assert_eq!(code(json!({ "roomCode": "AB12", "more": 1 })), Ok(Some("AB12".into())));
        assert_eq!(code(Value::Null), Ok(None));
        for input in [json!(["AB12"]), json!("AB12"), json!(5), json!({ "roomCode": 5 })] {
            assert!(code(input.clone()).is_err(), "{input}");
        }
    }
}
