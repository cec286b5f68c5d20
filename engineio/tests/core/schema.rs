//! Events that are declared once.

use std::{
    collections::BTreeMap,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use engineio::{
    AckError, Binary, EventError, EventErrorKind, Socket,
    schema::{TypedReplies, typescript},
};

use crate::support::{Gate, Log, World};

#[path = "../../examples/typed/chat.rs"]
mod chat;

engineio::events! {
    /// How loud.
    pub enum Volume { Low, High as "HIGH" }

    /// Who talks.
    pub struct Speaker {
        name: String,
        /// In a row.
        seat_number as "seat-number": Option<u32>,
        r#type: Volume,
        friends: Vec<Speaker>,
    }

    /// What a client may send.
    ///
    /// To be read twice.
    pub incoming ClientToServerEvents {
        /// Comes in.
        join(room: String, speaker: Speaker) -> u32,
        say as "chat message"(text: String),
        rename(new: String) -> Result<String, String>,
        lookup(name: String) -> Result<Binary, Volume>,
        slow(number: u8) -> u8,
        upload(picture: Binary, tags: BTreeMap<String, bool>) -> (u32, bool),
        ping(),
        r#move(ack: i64, default: (f64, f64)) -> Option<bool>,
    }

    /// What the server sends.
    pub outgoing ServerToClientEvents {
        said as "chat message"(from: String, text: String),
        ready(questions: Vec<String>) -> bool,
        picture(picture: Binary),
    }
}

fn poll<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn a_listener_gets_its_arguments_and_its_result_is_the_answer() {
    let world = World::new();
    ClientToServerEvents::on(&world.io)
        .join(|socket, room, speaker| {
            assert_eq!((speaker.r#type, speaker.seat_number), (Volume::High, Some(7)));
            assert_eq!(speaker.friends[0].name, "b");
            socket.join(room).map_or(0, |()| 1)
        })
        .upload(|_, picture, tags| (u32::try_from(picture.0.len()).unwrap(), tags["a"]));
    let client = world.connected();
    let friend = r#"{"name":"b","type":"Low","friends":[]}"#;
    let speaker = format!(r#"{{"name":"a","seat-number":7,"type":"HIGH","friends":[{friend}]}}"#);
    client.send(&format!(r#"21["join","room",{speaker}]"#));
    assert_eq!(client.received(), ["431[1]"]);
    client.send(r#"51-2["upload",{"_placeholder":true,"num":0},{"a":true}]"#);
    client.send_binary(b"abc");
    assert_eq!(client.received(), ["432[[3,true]]"], "a tuple is one answer");
}

#[test]
fn a_listener_may_wait_and_holds_back_the_next_event() {
    let world = World::new();
    let gate = Gate::default();
    let waits = gate.clone();
    let seen = Log::default();
    let log = seen.clone();
    ClientToServerEvents::on(world.io.of("/"))
        .slow(move |_, number| {
            let gate = waits.clone();
            async move {
                gate.await;
                number + 1
            }
        })
        .say(move |_, text| {
            let log = log.clone();
            async move { log.add(text) }
        });
    let client = world.connected();
    client.send(r#"21["slow",1]"#);
    client.send(r#"2["chat message","x"]"#);
    assert!(client.received().is_empty() && seen.take().is_empty());
    gate.open();
    world.run();
    assert_eq!(client.received(), ["431[2]"]);
    assert_eq!(seen.take(), ["x"]);
}

#[test]
fn a_result_answers_its_value_or_its_error() {
    let world = World::new();
    ClientToServerEvents::on(&world.io).rename(|_, new| {
        if new.is_empty() { Err("wanted a name".to_owned()) } else { Ok(new.to_uppercase()) }
    });
    let client = world.connected();
    client.send(r#"21["rename","ada"]"#);
    client.send(r#"22["rename",""]"#);
    assert_eq!(client.received(), [r#"431["ADA"]"#, r#"432[{"error":"wanted a name"}]"#]);
}

#[test]
fn an_event_without_answer_may_fail_and_is_not_answered() {
    let world = World::new();
    let seen = Log::default();
    let log = seen.clone();
    world.io.of("/").on_error(move |error: EventError| {
        log.add(format!("{:?} {} {error}", error.kind(), error.event()));
    });
    ClientToServerEvents::on(&world.io)
        .ping(|socket: Socket| socket.emit("pong", &()))
        .say(async |_, text| if text.is_empty() { Err("silence") } else { Ok(()) });
    let client = world.connected();
    client.send(r#"21["ping"]"#);
    client.send(r#"22["chat message",""]"#);
    assert_eq!(client.received(), [r#"42["pong"]"#]);
    assert_eq!(seen.take(), ["Failed chat message silence"]);
}

#[test]
fn invalid_arguments_never_reach_the_listener_and_are_told_by_name() {
    let world = World::new();
    let seen = Log::default();
    let log = seen.clone();
    world.io.of("/").on_error(move |error: EventError| {
        assert_eq!(error.kind(), EventErrorKind::Arguments);
        log.add(error.event());
    });
    ClientToServerEvents::on(&world.io)
        .join(|_, _, _| -> u32 { panic!("the arguments are not those declared") })
        .ping(|_| -> () { panic!("the arguments are not those declared") });
    let client = world.connected();
    for (event, wanted) in [
        (r#"["join","room"]"#, "wanted 2 arguments (room, speaker), got 1"),
        (r#"["join",1,{}]"#, "argument `room`: invalid type: integer `1`, expected a string"),
        (r#"["join","room",{}]"#, "argument `speaker`: missing field `name`"),
        (r#"["join","room",{"name":"a","type":"LOUD"}]"#, "argument `speaker`: unknown variant `LOUD`"),
        (r#"["ping",1]"#, "wanted 0 arguments, got 1"),
    ] {
        client.send(&format!("27{event}"));
        let answer = client.received().remove(0);
        let error = answer.strip_prefix(r#"437[{"error":""#).unwrap_or_else(|| panic!("{answer}"));
        assert!(error.starts_with(wanted), "{error}");
    }
    assert_eq!(seen.take(), ["join", "join", "join", "join", "ping"]);
    assert!(!client.is_closed());
}

#[test]
fn events_are_sent_with_their_types_by_whatever_can_emit() {
    let world = World::new();
    let client = world.connected();
    let socket = world.io.of("/").sockets().remove(0);
    let other = world.connected();
    let (one, picture) = (&"one".to_owned(), &Binary::from("abc"));
    ServerToClientEvents::emit(&socket).said("to", one);
    ServerToClientEvents::emit(socket.compress(false)).said("to", "one");
    ServerToClientEvents::emit(socket.broadcast()).said("to".to_owned(), "others");
    ServerToClientEvents::emit(&world.io).said("to", "all");
    ServerToClientEvents::emit(world.io.of("/")).said("to", "all");
    ServerToClientEvents::emit(world.io.to(socket.id().as_str())).picture(picture);
    let said = |to: &str| format!(r#"42["chat message","to","{to}"]"#);
    let picture = r#"451-["picture",{"_placeholder":true,"num":0}]"#.to_owned();
    let wanted = [said("one"), said("one"), said("all"), said("all"), picture, "bYWJj".to_owned()];
    assert_eq!(client.received(), wanted);
    assert_eq!(other.received(), [said("others"), said("all"), said("all")]);
}

#[test]
fn one_client_is_asked_and_its_answer_has_the_type() {
    let world = World::new();
    let client = world.connected();
    let socket = world.io.of("/").sockets().remove(0);
    let questions = ["who?".to_owned()];
    let mut answer = pin!(ServerToClientEvents::emit(&socket).ready(&questions[..]));
    assert_eq!(client.received(), [r#"420["ready",["who?"]]"#]);
    assert!(poll(answer.as_mut()).is_pending());
    client.send("30[true]");
    assert_eq!(poll(answer), Poll::Ready(Ok(true)));
    let answer = ServerToClientEvents::emit(&socket).ready(Vec::new());
    client.send(r#"31["yes"]"#);
    assert!(matches!(poll(answer), Poll::Ready(Err(AckError::Type(_)))));
    let mut answer =
        pin!(ServerToClientEvents::emit(socket.timeout(Duration::from_secs(1))).ready(Vec::new()));
    assert!(poll(answer.as_mut()).is_pending());
    world.advance(Duration::from_secs(1));
    assert_eq!(poll(answer), Poll::Ready(Err(AckError::Timeout)));
}

#[test]
fn many_clients_are_asked_and_those_who_answer_nonsense_are_counted() {
    let world = World::new();
    let clients = [world.connected(), world.connected(), world.connected()];
    let operator = world.io.of("/").timeout(Duration::from_secs(1));
    let mut answers = pin!(ServerToClientEvents::emit(&operator).ready(Vec::new()));
    assert!(poll(answers.as_mut()).is_pending());
    clients[0].send("30[true]");
    clients[1].send("30[7]");
    world.advance(Duration::from_secs(1));
    let wanted = TypedReplies { replies: vec![true], unreadable: 1, missing: 1, silent_servers: 0 };
    assert_eq!(poll(answers), Poll::Ready(Ok(wanted)));
}

#[test]
fn a_socket_may_have_listeners_of_its_own() {
    let world = World::new();
    let name: Arc<str> = "mine".into();
    world.io.on_connection(move |socket: Socket| {
        let name = Arc::clone(&name);
        ClientToServerEvents::on(&socket).rename(move |_, new| Ok(format!("{name} {new}")));
    });
    let client = world.connected();
    client.send(r#"21["rename","x"]"#);
    assert_eq!(client.received(), [r#"431["mine x"]"#]);
}

#[test]
fn an_error_with_a_type_is_an_answer_as_well() {
    let world = World::new();
    ClientToServerEvents::on(&world.io).lookup(|_, name| match name.as_str() {
        "" => Err(Volume::Low),
        _ => Ok(Binary::from("abc")),
    });
    let client = world.connected();
    client.send(r#"21["lookup",""]"#);
    client.send(r#"22["lookup","x"]"#);
    let wanted = [r#"431[{"error":"Low"}]"#, r#"461-2[{"_placeholder":true,"num":0}]"#, "bYWJj"];
    assert_eq!(client.received(), wanted);
}

#[test]
fn a_socket_that_was_fetched_is_sent_to_with_types() {
    let world = World::new();
    let client = world.connected();
    let Poll::Ready(Ok(found)) = poll(world.io.fetch_sockets()) else {
        panic!("a single server waits for nobody");
    };
    ServerToClientEvents::emit(&found[0]).said("to", "one");
    assert_eq!(client.received(), [r#"42["chat message","to","one"]"#]);
}

#[test]
fn the_declaration_says_in_typescript_what_is_declared() {
    let declared = typescript::<ClientToServerEvents, ServerToClientEvents>();
    assert_eq!(declared, include_str!("schema.d.ts"));
}

#[test]
fn the_declaration_beside_the_example_is_the_one_it_writes() {
    let declared = typescript::<chat::ClientToServerEvents, chat::ServerToClientEvents>();
    assert_eq!(declared, include_str!("../../examples/typed/events.d.ts"));
}

#[test]
fn the_example_answers_as_it_declares() {
    let world = World::new();
    chat::listen(&world.io);
    let (ada, ben) = (world.connected(), world.connected());
    for (client, name, answer) in
        [(&ada, "ada", "431[1]"), (&ben, "ben", "431[2]"), (&ben, "", r#"431[{"error":"nameless"}]"#)]
    {
        client.send(&format!(r#"21["join","red",{{"name":"{name}","seatNumber":null,"volume":"high"}}]"#));
        assert_eq!(client.received(), [answer]);
    }
    assert_eq!(ada.received(), [r#"42["joined",{"name":"ben","seatNumber":null,"volume":"high"}]"#]);
}
