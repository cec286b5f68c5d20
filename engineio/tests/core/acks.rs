use std::{
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use engineio::{Ack, AckError, Binary, Config, Data, Payload, Socket};

use crate::support::{Log, World};

fn poll<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

fn only_socket(world: &World) -> Socket {
    world.io.of("/").sockets().remove(0)
}

#[test]
fn a_listener_answers_once_and_only_those_who_asked() {
    let world = World::new();
    world.io.on("sum", |Data((a, b)): Data<(u32, u32)>, ack: Ack| {
        assert!(ack.is_wanted() || a == 0);
        ack.send(&(a + b));
    });
    let client = world.connected();
    client.send(r#"27["sum",[1,2]]"#);
    client.send(r#"2["sum",[0,2]]"#);
    assert_eq!(client.received(), ["437[3]"]);
}

#[test]
fn a_payload_is_passed_on_unchanged_with_its_attachments() {
    let world = World::new();
    world.io.on("echo", |payload: Payload, ack: Ack| ack.send_payload(&payload));
    let client = world.connected();
    client.send(r#"251-5["echo"]"#);
    assert!(client.is_closed(), "an event is no binary packet");
    let client = world.connected();
    client.send(r#"51-5["echo",{"z":1.10,"a":[{"_placeholder":true,"num":0}]}]"#);
    client.send_binary(&[1, 2, 3, 4]);
    let wanted = [r#"461-5[{"z":1.10,"a":[{"_placeholder":true,"num":0}]}]"#, "bAQIDBA=="];
    assert_eq!(client.received(), wanted);
}

#[test]
fn a_wrong_type_is_told_to_the_sender_and_the_server_goes_on() {
    let world = World::new();
    world.io.on("sum", |Data(_): Data<u32>, ack: Ack| ack.send("never"));
    let client = world.connected();
    client.send(r#"21["sum","text"]"#);
    let answer = client.received().remove(0);
    assert!(answer.starts_with(r#"431[{"error":"invalid type: string"#), "{answer}");
    assert!(!client.is_closed());
}

#[test]
fn the_server_gets_an_answer_of_any_type() {
    let world = World::new();
    let client = world.connected();
    let mut answer = pin!(only_socket(&world).emit_with_ack("ask", "x"));
    assert_eq!(client.received(), [r#"420["ask","x"]"#]);
    assert!(poll(answer.as_mut()).is_pending());
    client.send(r#"61-0[{"_placeholder":true,"num":0}]"#);
    client.send_binary(b"bytes");
    let Poll::Ready(Ok(reply)) = poll(answer) else { panic!("the client has answered") };
    assert_eq!(reply.first::<Binary>(), Ok("bytes".into()));
}

#[test]
fn a_second_or_unknown_answer_is_ignored() {
    let world = World::new();
    let client = world.connected();
    let answer = only_socket(&world).emit_with_ack("ask", &());
    client.send("30[1]");
    client.send("30[2]");
    client.send("399[3]");
    let Poll::Ready(Ok(reply)) = poll(answer) else { panic!("the client has answered") };
    assert_eq!(reply.data, "[1]");
    assert!(!client.is_closed());
}

#[test]
fn an_answer_that_does_not_come_in_time_is_an_error_and_a_late_one_is_ignored() {
    let world = World::new();
    let client = world.connected();
    let mut answer = pin!(only_socket(&world).emit_with_timeout("ask", &(), Duration::from_secs(1)));
    world.advance(Duration::from_millis(999));
    assert!(poll(answer.as_mut()).is_pending());
    world.advance(Duration::from_millis(1));
    assert_eq!(poll(answer), Poll::Ready(Err(AckError::Timeout)));
    client.send("30[1]");
    assert!(!client.is_closed());
}

#[test]
fn a_time_out_of_zero_is_over_before_any_answer() {
    let world = World::new();
    let client = world.connected();
    let mut answer = pin!(only_socket(&world).emit_with_timeout("ask", &(), Duration::ZERO));
    assert!(poll(answer.as_mut()).is_pending());
    world.advance(Duration::ZERO);
    client.send("30[1]");
    assert_eq!(poll(answer), Poll::Ready(Err(AckError::Timeout)));
}

#[test]
fn pending_answers_fail_when_the_socket_leaves() {
    let world = World::new();
    let client = world.connected();
    let socket = only_socket(&world);
    let waiting = socket.emit_with_ack("ask", &());
    client.vanish();
    assert_eq!(poll(waiting), Poll::Ready(Err(AckError::Disconnected)));
    assert_eq!(poll(socket.emit_with_ack("ask", &())), Poll::Ready(Err(AckError::Disconnected)));
}

#[test]
fn a_client_may_not_owe_more_answers_than_the_limit() {
    let world = World::new();
    let _client = world.connected();
    let socket = only_socket(&world);
    let owed: Vec<_> = (0..1_024).map(|_| socket.emit_with_ack("ask", &())).collect();
    assert_eq!(poll(socket.emit_with_ack("ask", &())), Poll::Ready(Err(AckError::Full)));
    drop(owed);
}

#[test]
fn an_answer_that_nobody_waits_for_is_not_owed() {
    let world = World::with(Config { max_pending_acks: 3, ..Config::default() });
    let client = world.connected();
    let socket = only_socket(&world);
    for _ in 0..20 {
        drop(socket.emit_with_ack("ask", &()));
    }
    let answer = socket.emit_with_ack("ask", &());
    client.send("320[1]");
    assert!(matches!(poll(answer), Poll::Ready(Ok(_))));
}

#[test]
fn an_answer_without_a_time_out_of_its_own_has_that_of_the_server() {
    let world = World::with(Config { ack_timeout: Duration::from_secs(3), ..Config::default() });
    let _client = world.connected();
    let mut answer = pin!(only_socket(&world).emit_with_ack("ask", &()));
    world.advance(Duration::from_millis(2_999));
    assert!(poll(answer.as_mut()).is_pending());
    world.advance(Duration::from_millis(1));
    assert_eq!(poll(answer), Poll::Ready(Err(AckError::Timeout)));
}

#[test]
fn what_cannot_be_sent_fails_at_once() {
    let world = World::new();
    let _client = world.connected();
    let answer = only_socket(&world).emit_with_ack("connect", &());
    assert!(matches!(poll(answer), Poll::Ready(Err(AckError::Invalid(_)))));
}

#[test]
fn a_broadcast_collects_answers_under_one_id_and_counts_the_missing() {
    let world = World::new();
    let (a, b) = (world.connected(), world.connected());
    let mut replies = pin!(world.io.timeout(Duration::from_secs(1)).emit_with_ack("ask", &()));
    assert!(poll(replies.as_mut()).is_pending());
    assert_eq!(a.received(), b.received());
    a.send("30[1]");
    assert!(poll(replies.as_mut()).is_pending());
    world.advance(Duration::from_secs(1));
    let Poll::Ready(Ok(replies)) = poll(replies) else { panic!("the time is over") };
    assert_eq!((replies.replies.len(), replies.missing), (1, 1));
}

#[test]
fn a_broadcast_to_nobody_is_answered_at_once() {
    let world = World::new();
    let Poll::Ready(Ok(replies)) = poll(world.io.to("empty").emit_with_ack("ask", &())) else {
        panic!("there is nobody to wait for");
    };
    assert_eq!((replies.replies.len(), replies.missing), (0, 0));
}

#[test]
fn an_async_listener_can_ask_its_own_client() {
    let world = World::new();
    let seen = Log::default();
    let log = seen.clone();
    world.io.on("start", move |socket: Socket| {
        let log = log.clone();
        async move {
            let answer = socket.emit_with_ack("ask", &()).await;
            log.add(format!("{:?}", answer.map(|reply| reply.data)));
        }
    });
    let client = world.connected();
    client.send(r#"2["start"]"#);
    assert_eq!(world.tasks(), 1);
    client.send("30[5]");
    world.run();
    assert_eq!(seen.take(), [r#"Ok("[5]")"#]);
    assert_eq!(world.tasks(), 0);
}
