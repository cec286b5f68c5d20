//! Middlewares of events, and what becomes of errors.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use engineio::{
    Ack, Args, Binary, Data, EventError, EventErrorKind, Extension, Incoming, Payload, Socket, State,
};

use crate::support::{Log, World, pause};

/// A listener that notes that it was called though it should not be.
fn never(log: &Log) -> impl Fn() + Send + Sync + 'static {
    let log = log.clone();
    move || log.add("called in vain")
}

/// Notes the errors of all sockets.
fn note_errors(world: &World) -> Log {
    let errors = Log::default();
    let log = errors.clone();
    world.io.of("/").on_error(move |error: EventError| {
        log.add(format!("{}: {:?}: {error}", error.event(), error.kind()));
    });
    errors
}

#[test]
fn a_middleware_may_change_an_event_and_even_its_name() {
    let world = World::new();
    let seen = Log::default();
    let log = seen.clone();
    world.io.of("/").event_middleware(|mut event: Incoming| {
        let (text, bytes): (String, Binary) = event.args()?;
        event.set_args(&(bytes, text.to_uppercase(), event.wants_ack()))?;
        Ok::<_, engineio::hub::ArgsError>(event)
    });
    world.io.on_connection(|socket: Socket| {
        socket.event_middleware(async |mut event: Incoming| {
            pause().await;
            let name = format!("{} of {}", event.name(), event.socket().namespace().name());
            event.set_name(name);
            Ok::<_, String>(event)
        });
    });
    world.io.on("ev", never(&seen));
    world.io.on("ev of /", move |Args((bytes, text, asks)): Args<(Binary, String, bool)>, ack: Ack| {
        log.add(format!("{bytes:?} {text} {asks}"));
        ack.send("done");
    });
    let client = world.connected();
    client.send(r#"51-7["ev","a",{"_placeholder":true,"num":0}]"#);
    client.send_binary(b"b");
    world.run();
    assert_eq!(seen.take(), [format!("{:?} A true", Binary::from("b"))]);
    assert_eq!(client.received(), [r#"437["done"]"#]);
}

#[test]
fn middlewares_run_in_order_after_catch_all_listeners_and_before_listeners() {
    let world = World::new();
    let seen = Log::default();
    let pass = |line: &'static str| {
        let log = seen.clone();
        move |event: Incoming| {
            log.add(line);
            Ok::<_, String>(event)
        }
    };
    world.io.of("/").event_middleware(pass("first"));
    let second = world.io.of("/").event_middleware(pass("second"));
    let (any, own) = (seen.clone(), seen.clone());
    world.io.of("/").on_any(move || any.add("any"));
    world.io.on("ev", move || own.add("listener"));
    let client = world.connected();
    client.send(r#"2["ev"]"#);
    assert_eq!(seen.take(), ["any", "first", "second", "listener"]);
    assert!(world.io.of("/").off_listener(second));
    client.send(r#"2["ev"]"#);
    assert_eq!(seen.take(), ["any", "first", "listener"]);
}

#[test]
fn an_event_that_a_middleware_refuses_reaches_no_listener_and_its_sender_and_error_listeners_are_told() {
    let world = World::new();
    let errors = note_errors(&world);
    world.io.of("/").event_middleware(
        |event: Incoming| {
            if event.name() == "secret" { Err("you may not") } else { Ok(event) }
        },
    );
    world.io.of("/").event_middleware(|event: Incoming| {
        assert!(event.name() != "secret", "the first refusal counts");
        Ok::<_, String>(event)
    });
    world.io.on("secret", never(&errors));
    world.io.on("ev", |ack: Ack| ack.send(&()));
    let client = world.connected();
    client.send(r#"21["secret"]"#);
    client.send(r#"22["ev"]"#);
    assert_eq!(client.received(), [r#"431[{"error":"you may not"}]"#, "432[]"]);
    assert_eq!(errors.take(), ["secret: Refused: you may not"]);
}

#[test]
fn a_middleware_that_panics_refuses_the_event_and_tells_nothing() {
    let world = World::new();
    let errors = note_errors(&world);
    world.io.of("/").event_middleware(|event: Incoming| {
        assert!(event.name() != "ev", "on purpose");
        Ok::<_, String>(event)
    });
    world.io.on("ev", never(&errors));
    world.connected().send(r#"21["ev"]"#);
    assert_eq!(errors.take(), ["ev: Panicked: a listener panicked"]);
}

#[test]
fn events_that_wait_for_a_middleware_are_dropped_when_the_server_ends_the_stay() {
    let world = World::new();
    world.io.of("/").event_middleware(async |event: Incoming| {
        pause().await;
        event.socket().disconnect();
        Ok::<_, String>(event)
    });
    let errors = note_errors(&world);
    world.io.on("ev", never(&errors));
    world.connected().send(r#"2["ev"]"#);
    world.run();
    assert!(errors.take().is_empty());
}

#[test]
fn errors_and_panics_of_listeners_go_to_error_listeners_before_the_next_event() {
    let world = World::new();
    let errors = note_errors(&world);
    world.io.on("sync", || Err::<(), _>("no luck"));
    world.io.on("async", async || {
        pause().await;
        Err::<(), _>(std::io::Error::other("disk full"))
    });
    world.io.on("panic", |socket: Socket| assert!(!socket.is_connected(), "on purpose"));
    world.io.on("late panic", async |socket: Socket| {
        pause().await;
        assert!(!socket.is_connected(), "on purpose");
    });
    let log = errors.clone();
    world.io.on("ev", move || log.add("next"));
    let client = world.connected();
    for event in ["sync", "async", "panic", "late panic", "ev"] {
        client.send(&format!(r#"2["{event}"]"#));
    }
    world.run();
    let wanted = [
        "sync: Failed: no luck",
        "async: Failed: disk full",
        "panic: Panicked: a listener panicked",
        "late panic: Panicked: a listener panicked",
        "next",
    ];
    assert_eq!(errors.take(), wanted);
    assert!(!client.is_closed());
}

#[test]
fn the_error_of_one_of_several_listeners_keeps_none_of_them_from_the_event() {
    let world = World::new();
    let errors = note_errors(&world);
    world.io.on("ev", || Err::<(), _>("first"));
    world.io.on("ev", async || {
        pause().await;
        Err::<(), _>("second")
    });
    let log = errors.clone();
    world.io.on("ev", move || log.add("third"));
    world.connected().send(r#"2["ev"]"#);
    world.run();
    assert_eq!(errors.take(), ["ev: Failed: first", "ev: Failed: second", "third"]);
}

#[test]
fn a_wrong_type_is_told_to_error_listeners_of_the_socket_as_well() {
    let world = World::new();
    let seen = Log::default();
    let log = seen.clone();
    world.io.on_connection(move |socket: Socket| {
        let log = log.clone();
        socket.on_error(move |socket: Socket, error: EventError| {
            let log = log.clone();
            async move {
                pause().await;
                log.add(format!("{:?} of {}", error.kind(), socket.namespace().name()));
            }
        });
    });
    world.io.on("ev", |Data(_): Data<u32>| ());
    let client = world.connected();
    client.send(r#"21["ev","text"]"#);
    world.run();
    assert_eq!(seen.take(), ["Arguments of /"]);
    assert!(client.received()[0].starts_with(r#"431[{"error":"invalid type"#));
}

#[test]
fn an_error_listener_that_fails_is_not_told_of_itself() {
    let world = World::new();
    let count = Arc::new(AtomicU32::new(0));
    let (sync, waits) = (Arc::clone(&count), Arc::clone(&count));
    world.io.of("/").on_error(move || {
        sync.fetch_add(1, Ordering::Relaxed);
        Err::<(), _>("again")
    });
    world.io.on("ev", || Err::<(), _>("no luck"));
    let client = world.connected();
    client.send(r#"2["ev"]"#);
    assert_eq!(count.load(Ordering::Relaxed), 1);
    world.io.of("/").on_error(move || {
        let count = Arc::clone(&waits);
        async move {
            pause().await;
            count.fetch_add(1, Ordering::Relaxed);
            Err::<(), _>("again")
        }
    });
    client.send(r#"2["ev"]"#);
    world.run();
    assert_eq!(count.load(Ordering::Relaxed), 3);
    assert_eq!(world.tasks(), 0);
}

#[test]
fn a_client_cannot_raise_an_error_by_its_name() {
    let world = World::new();
    let errors = note_errors(&world);
    world.connected().send(r#"2["error","x"]"#);
    assert!(errors.take().is_empty());
}

#[test]
fn a_server_keeps_values_for_its_listeners() {
    struct Counter(AtomicU32);

    let world = World::new();
    assert!(world.io.manage(Counter(AtomicU32::new(0))));
    world.io.of("/other").on("count", |counter: State<Counter>, ack: Ack| {
        ack.send(&(counter.0.fetch_add(1, Ordering::Relaxed) + 1));
    });
    let client = world.connected();
    client.send("0/other");
    client.received();
    client.send(r#"2/other,1["count"]"#);
    client.send(r#"2/other,2["count"]"#);
    assert_eq!(client.received(), ["43/other,1[1]", "43/other,2[2]"]);
    assert_eq!(world.io.state::<Counter>().unwrap().0.load(Ordering::Relaxed), 2);
    assert!(!world.io.manage(Counter(AtomicU32::new(0))), "it replaces another");
}

#[test]
fn a_value_of_the_socket_can_be_asked_for_and_one_that_is_not_there_is_the_servers_own_fault() {
    #[derive(Clone)]
    struct User(&'static str);

    let world = World::new();
    let errors = note_errors(&world);
    world.io.on("in", |socket: Socket| {
        socket.insert(User("ann"));
    });
    world.io.on("who", |Extension(user): Extension<User>, ack: Ack| ack.send(user.0));
    world.io.on("maybe", |user: Option<Extension<User>>, ack: Ack| ack.send(&user.is_some()));
    world.io.on("state", |_: State<u8>| ());
    let client = world.connected();
    for packet in [r#"21["who"]"#, r#"22["maybe"]"#, r#"2["in"]"#, r#"23["who"]"#, r#"24["maybe"]"#] {
        client.send(packet);
    }
    let internal = r#"431[{"error":"internal error"}]"#;
    assert_eq!(client.received(), [internal, "432[false]", r#"433["ann"]"#, "434[true]"]);
    client.send(r#"2["state"]"#);
    let errors = errors.take();
    assert!(errors[0].starts_with("who: Missing: the socket keeps no value of type "), "{errors:?}");
    assert_eq!(errors[1], "state: Missing: the server keeps no value of type u8");
}

#[test]
fn a_parameter_of_ones_own_can_refuse() {
    struct Language(String);

    impl engineio::hub::FromEvent for Language {
        fn from_event(event: &engineio::hub::EventRef<'_>) -> Result<Self, EventError> {
            let language = event.socket().handshake().header("x-test").map(|text| Self(text.to_owned()));
            language.ok_or_else(|| EventError::new(EventErrorKind::Refused, event.name(), "which language?"))
        }
    }

    let world = World::new();
    world.io.on("ev", |language: Language, ack: Ack| ack.send(&language.0));
    let client = world.connected();
    client.send(r#"21["ev"]"#);
    assert_eq!(client.received(), [r#"431["yes"]"#]);
}

#[test]
fn payloads_pass_through_middlewares_unchanged() {
    let world = World::new();
    world.io.of("/").event_middleware(async |event: Incoming| Ok::<_, String>(event));
    world.io.on("echo", |payload: Payload, ack: Ack| ack.send_payload(&payload));
    let client = world.connected();
    client.send(r#"21["echo",{"b":1.10,"a":null}, [] ]"#);
    client.send(r#"22["echo"]"#);
    assert_eq!(client.received(), [r#"431[{"b":1.10,"a":null}, []]"#, "432[]"]);
}
