//! Several servers that an adapter joins to one.

#[allow(dead_code, reason = "the simulation uses more of it")]
mod bus;
mod recovery;

use std::{
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    time::Duration,
};

use engineio::{AckError, Binary, Config, EventName, RemoteSocket, Sent, ServerSideEvent, Socket};

use crate::support::{Client, Log, World};
use bus::{Bus, now};

impl Bus {
    /// A server that is joined to the others in its namespace `/`.
    fn server(&self) -> World {
        self.server_with("/")
    }

    /// A server that is joined to the others in one of its namespaces.
    fn server_with(&self, joined: &'static str) -> World {
        World::with_adapter(Config::default(), self.factory(joined))
    }
}

/// Two servers with a client each, which is alone in the room `own` and with the other in `all`.
struct Pair {
    bus: Bus,
    a: World,
    b: World,
    at_a: Client,
    at_b: Client,
}

impl Pair {
    fn new() -> Self {
        let bus = Bus::default();
        let (a, b) = (bus.server(), bus.server());
        // The ids of the two worlds are counted alike, so those of one are used up in the other.
        for _ in 0..100 {
            b.io.runtime().fresh_sid();
        }
        for (world, own) in [(&a, "at-a"), (&b, "at-b")] {
            world.io.on_connection(move |socket: Socket| socket.join([own, "all"]));
        }
        let (at_a, at_b) = (a.connected(), b.connected());
        Self { bus, a, b, at_a, at_b }
    }

    /// What has arrived at both clients.
    fn received(&self) -> [Vec<String>; 2] {
        self.bus.deliver();
        [self.at_a.received(), self.at_b.received()]
    }

    fn counts(&self) -> [usize; 2] {
        self.received().map(|packets| packets.len())
    }
}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn ids(sockets: &[RemoteSocket]) -> Vec<String> {
    let mut ids: Vec<_> = sockets.iter().map(|socket| socket.id().to_owned()).collect();
    ids.sort();
    ids
}

fn only(world: &World) -> Socket {
    world.io.sockets().pop().unwrap()
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_broadcast_reaches_the_sockets_of_all_servers() {
    let pair = Pair::new();
    pair.a.io.emit("ev", &("x", Binary::from("bytes")));
    let packets = vec![r#"451-["ev","x",{"_placeholder":true,"num":0}]"#.to_owned(), "bYnl0ZXM=".into()];
    assert_eq!(pair.received(), [packets.clone(), packets]);
}

#[test]
fn rooms_exceptions_and_the_sender_hold_on_all_servers() {
    let pair = Pair::new();
    pair.a.io.to("at-b").emit("ev", &());
    assert_eq!(pair.counts(), [0, 1]);
    pair.a.io.to(["at-a", "at-b", "all"]).emit("ev", &());
    assert_eq!(pair.counts(), [1, 1], "one copy each");
    pair.b.io.to("all").except("at-b").emit("ev", &());
    assert_eq!(pair.counts(), [1, 0]);
    only(&pair.a).to("all").emit("ev", &());
    assert_eq!(pair.counts(), [0, 1]);
    pair.a.io.to(only(&pair.b).id()).emit("ev", &());
    assert_eq!(pair.counts(), [0, 1], "a socket's own room is known everywhere");
}

#[test]
fn a_local_broadcast_stays_on_its_server() {
    let pair = Pair::new();
    pair.a.io.local().emit("ev", &());
    only(&pair.b).local().to("all").emit("ev", &());
    assert_eq!(pair.counts(), [1, 0]);
    assert_eq!(now(pair.a.io.local().fetch_sockets()).unwrap().len(), 1);
    pair.a.io.local().sockets_join("here").unwrap();
    pair.bus.deliver();
    assert!(pair.b.io.to("here").sockets().is_empty());
}

#[test]
fn an_event_before_a_disconnection_arrives_first_everywhere() {
    let pair = Pair::new();
    pair.a.io.emit("bye", &());
    pair.a.io.disconnect_sockets(false);
    let packets = vec![r#"42["bye"]"#.to_owned(), "41".into()];
    assert_eq!(pair.received(), [packets.clone(), packets]);
}

#[test]
fn answers_come_from_the_sockets_of_all_servers() {
    let pair = Pair::new();
    drop(pair.b.io.local().to("empty").emit_with_ack("ask", &())); // Ids differ from server to server.
    let mut replies = pin!(pair.a.io.to("all").emit_with_ack("ask", &7));
    assert_eq!(pair.received(), [[r#"420["ask",7]"#], [r#"421["ask",7]"#]]);
    pair.at_b.send(r#"31["b"]"#);
    pair.bus.deliver();
    assert!(poll(replies.as_mut()).is_pending());
    pair.at_a.send(r#"30["a"]"#);
    let Poll::Ready(Ok(replies)) = poll(replies) else { panic!("all have answered") };
    let texts: Vec<_> = replies.replies.iter().map(|reply| reply.data.as_str()).collect();
    assert_eq!(texts, [r#"["b"]"#, r#"["a"]"#]);
    assert!(replies.is_complete());
}

#[test]
fn a_question_to_nobody_is_answered_when_all_servers_have_said_so() {
    let pair = Pair::new();
    let mut replies = pin!(pair.a.io.to("empty").emit_with_ack("ask", &()));
    assert!(poll(replies.as_mut()).is_pending());
    pair.bus.deliver();
    let Poll::Ready(Ok(replies)) = poll(replies) else { panic!("there is nobody to wait for") };
    assert!(replies.is_complete() && replies.replies.is_empty());
}

#[test]
fn a_socket_that_does_not_answer_is_counted_on_whichever_server_it_is() {
    let pair = Pair::new();
    let mut replies = pin!(pair.a.io.timeout(SECOND).emit_with_ack("ask", &()));
    pair.bus.deliver();
    pair.at_a.send("30[1]");
    pair.b.advance(SECOND);
    pair.bus.deliver();
    let Poll::Ready(Ok(replies)) = poll(replies.as_mut()) else { panic!("its own time is over") };
    assert_eq!((replies.replies.len(), replies.missing, replies.silent_servers), (1, 1, 0));
}

#[test]
fn a_silent_server_ends_in_a_time_out_with_the_answers_of_the_others() {
    let pair = Pair::new();
    pair.bus.silence(1);
    let mut replies = pin!(pair.a.io.timeout(SECOND).emit_with_ack("ask", &()));
    pair.bus.deliver();
    pair.at_a.send("30[1]");
    assert!(poll(replies.as_mut()).is_pending());
    pair.a.advance(SECOND);
    let Poll::Ready(Ok(replies)) = poll(replies.as_mut()) else { panic!("the time is over") };
    assert_eq!((replies.replies.len(), replies.missing, replies.silent_servers), (1, 0, 1));
    assert!(!replies.is_complete());
}

#[test]
fn a_server_that_leaves_is_not_waited_for() {
    let pair = Pair::new();
    pair.bus.silence(1);
    let mut replies = pin!(pair.a.io.emit_with_ack("ask", &()));
    let mut sockets = pin!(pair.a.io.fetch_sockets());
    let answers = pair.a.io.server_side_emit_with_ack("ask", &(), SECOND);
    let mut answers = answers.unwrap();
    pair.at_a.send("30[1]");
    assert!(poll(replies.as_mut()).is_pending() && poll(sockets.as_mut()).is_pending());
    assert!(poll(answers.as_mut()).is_pending());
    pair.bus.lose(1);
    let Poll::Ready(Ok(replies)) = poll(replies.as_mut()) else { panic!("nobody is missing") };
    assert!(replies.is_complete());
    assert!(matches!(poll(sockets), Poll::Ready(Ok(sockets)) if sockets.len() == 1));
    assert!(matches!(poll(answers.as_mut()), Poll::Ready(Ok(answers)) if answers.is_empty()));
}

#[test]
fn a_server_that_shuts_down_leaves_its_cluster() {
    let pair = Pair::new();
    let mut sockets = pin!(pair.a.io.fetch_sockets());
    assert!(poll(sockets.as_mut()).is_pending());
    now(pair.b.io.shut_down());
    assert!(matches!(poll(sockets), Poll::Ready(Ok(sockets)) if sockets.len() == 1));
    assert!(pair.b.io.sockets().is_empty());
}

#[test]
fn a_namespace_that_is_given_up_leaves_its_cluster() {
    let bus = Bus::default();
    let (a, b) = (bus.server_with("/shared"), bus.server_with("/shared"));
    let shared = a.io.of("/shared");
    b.io.of("/shared");
    let mut count = pin!(shared.fetch_sockets());
    assert!(poll(count.as_mut()).is_pending());
    assert!(b.io.remove_namespace("/shared"));
    assert!(matches!(poll(count), Poll::Ready(Ok(sockets)) if sockets.is_empty()));
}

#[test]
fn listeners_to_what_is_sent_hear_broadcasts_of_other_servers() {
    let pair = Pair::new();
    let (log, heard) = (Log::default(), Log::default());
    let (a, b) = (log.clone(), heard.clone());
    pair.a.io.on_any_outgoing(move |EventName(name): EventName| a.add(name));
    pair.b.io.on_any_outgoing(move |EventName(name): EventName| b.add(name));
    pair.a.io.emit("ev", &());
    drop(pair.a.io.emit_with_ack("ask", &()));
    pair.bus.deliver();
    assert_eq!(
        (log.take(), heard.take()),
        (vec!["ev".to_owned(), "ask".into()], vec!["ev".to_owned(), "ask".into()])
    );
}

#[test]
fn answers_that_nobody_waits_for_are_not_owed() {
    let pair = Pair::new();
    for _ in 0..1_100 {
        drop(pair.a.io.local().emit_with_ack("ask", &()));
    }
    let mut replies = pin!(pair.a.io.local().emit_with_ack("ask", &()));
    pair.at_a.send("31100[1]");
    let Poll::Ready(Ok(replies)) = poll(replies.as_mut()) else { panic!("the one client has answered") };
    assert!(replies.is_complete(), "{replies:?}");
}

#[test]
fn sockets_of_all_servers_are_fetched_with_what_is_known_of_them() {
    let pair = Pair::new();
    only(&pair.b).set_data("name", "bea");
    let mut fetched = pin!(pair.a.io.fetch_sockets());
    assert!(poll(fetched.as_mut()).is_pending());
    pair.bus.deliver();
    let Poll::Ready(Ok(sockets)) = poll(fetched) else { panic!("all have answered") };
    let both = [only(&pair.a).id().to_string(), only(&pair.b).id().to_string()];
    let mut expected = both.to_vec();
    expected.sort();
    assert_eq!(ids(&sockets), expected);
    let at_b = sockets.iter().find(|socket| socket.id() == both[1]).unwrap();
    assert_eq!(at_b.data()["name"], "bea");
    assert_eq!(at_b.rooms().collect::<Vec<_>>(), [both[1].as_str(), "at-b", "all"]);
    let handshake = at_b.handshake();
    assert_eq!(handshake.headers["x-test"], "yes");
    assert_eq!(handshake.query["room"], "a b");
    assert!(handshake.auth.is_null());
}

#[test]
fn sockets_are_fetched_by_room_and_by_id() {
    let pair = Pair::new();
    let id = *only(&pair.b).id();
    for operator in [pair.a.io.to("at-b"), pair.a.io.to(id), pair.a.io.to("all").except("at-a")] {
        let mut fetched = pin!(operator.fetch_sockets());
        assert!(poll(fetched.as_mut()).is_pending());
        pair.bus.deliver();
        let Poll::Ready(Ok(sockets)) = poll(fetched) else { panic!("all have answered") };
        assert_eq!(ids(&sockets), [id.to_string()]);
    }
}

#[test]
fn fetching_from_a_silent_server_is_an_error_with_the_sockets_of_the_others() {
    let pair = Pair::new();
    pair.bus.silence(1);
    let mut fetched = pin!(pair.a.io.fetch_sockets());
    assert!(poll(fetched.as_mut()).is_pending());
    pair.a.advance(Duration::from_secs(5));
    let Poll::Ready(Err(error)) = poll(fetched) else { panic!("the time is over") };
    assert_eq!(error.to_string(), "1 of the other servers did not answer in time");
    assert_eq!(ids(&error.answers), [only(&pair.a).id().to_string()]);
}

/// The socket at the second server, as the first one sees it.
fn remote(pair: &Pair) -> RemoteSocket {
    let operator = pair.a.io.to("at-b");
    let mut fetched = pin!(operator.fetch_sockets());
    assert!(poll(fetched.as_mut()).is_pending());
    pair.bus.deliver();
    let Poll::Ready(Ok(mut sockets)) = poll(fetched) else { panic!("all have answered") };
    sockets.remove(0)
}

#[test]
fn a_socket_of_another_server_can_be_worked_with() {
    let pair = Pair::new();
    let socket = remote(&pair);
    assert_eq!(socket.emit("ev", &1), Sent::Queued);
    assert_eq!(pair.received(), [vec![], vec![r#"42["ev",1]"#.to_owned()]]);
    socket.join(["red", "blue"]).unwrap();
    pair.bus.deliver();
    assert_eq!(pair.b.io.to("red").sockets().len(), 1);
    socket.leave("red");
    pair.bus.deliver();
    assert!(pair.b.io.to("red").sockets().is_empty());
    socket.disconnect(false);
    assert_eq!(pair.received(), [vec![], vec!["41".to_owned()]]);
    assert!(!pair.at_b.is_closed());
}

#[test]
fn a_socket_of_another_server_can_be_asked() {
    let pair = Pair::new();
    let socket = remote(&pair);
    let mut answer = pin!(socket.emit_with_ack("ask", &()));
    assert!(poll(answer.as_mut()).is_pending());
    pair.bus.deliver();
    pair.at_b.send("30[5]");
    pair.bus.deliver();
    let Poll::Ready(Ok(reply)) = poll(answer) else { panic!("it has answered") };
    assert_eq!(reply.first::<u8>(), Ok(5));
    let mut answer = pin!(socket.emit_with_timeout("ask", &(), SECOND));
    assert!(poll(answer.as_mut()).is_pending());
    pair.bus.deliver();
    pair.b.advance(SECOND);
    pair.bus.deliver();
    assert_eq!(poll(answer), Poll::Ready(Err(AckError::Timeout)));
    pair.at_b.vanish();
    let mut answer = pin!(socket.emit_with_ack("ask", &()));
    assert!(poll(answer.as_mut()).is_pending());
    pair.bus.deliver();
    assert_eq!(poll(answer), Poll::Ready(Err(AckError::Disconnected)));
}

#[test]
fn joining_leaving_and_disconnecting_by_room_reach_all_servers() {
    let pair = Pair::new();
    pair.a.io.to("all").sockets_join(["red", "blue"]).unwrap();
    pair.bus.deliver();
    assert_eq!((pair.a.io.to("red").sockets().len(), pair.b.io.to("blue").sockets().len()), (1, 1));
    pair.a.io.to("at-b").sockets_leave(["red", "blue"]);
    pair.bus.deliver();
    assert_eq!((pair.a.io.to("red").sockets().len(), pair.b.io.to("red").sockets().len()), (1, 0));
    pair.a.io.except("red").disconnect_sockets(true);
    assert_eq!(pair.received()[0], [] as [&str; 0]);
    assert!(pair.at_b.is_closed() && !pair.at_a.is_closed());
}

/// Listens on a server, and answers with its name.
fn listen(world: &World, name: &'static str) -> Log {
    let log = Log::default();
    let heard = log.clone();
    world.io.on_server_side("ev", move |event: ServerSideEvent| {
        let (number, bytes): (u32, Binary) = event.args().unwrap();
        heard.add(format!("{number} {}", bytes.0.len()));
        event.reply(name).unwrap();
        event.reply("only the first answer counts").unwrap();
    });
    log
}

#[test]
fn a_server_side_event_reaches_the_other_servers_only() {
    let pair = Pair::new();
    let (a, b) = (listen(&pair.a, "a"), listen(&pair.b, "b"));
    pair.a.io.server_side_emit("ev", &(1, Binary::from("abc"))).unwrap();
    pair.a.io.server_side_emit("another", &()).unwrap();
    pair.bus.deliver();
    assert_eq!((a.take(), b.take()), (vec![], vec!["1 3".to_owned()]));
    assert_eq!(pair.counts(), [0, 0], "clients hear nothing of it");
    assert!(pair.a.io.server_side_emit("connection", &()).is_err());
}

#[test]
fn the_other_servers_answers_are_gathered() {
    let pair = Pair::new();
    let third = pair.bus.server();
    listen(&pair.b, "b");
    listen(&third, "c");
    assert_eq!(now(pair.a.io.of("/").server_count()), 3);
    let asked = pair.a.io.server_side_emit_with_ack("ev", &(1, Binary::from("abc")), SECOND);
    let mut answers = asked.unwrap();
    assert!(poll(answers.as_mut()).is_pending());
    pair.bus.deliver();
    let Poll::Ready(Ok(answers)) = poll(answers.as_mut()) else { panic!("all have answered") };
    let answers: Vec<_> = answers.iter().map(|answer| answer.read::<(String,)>().unwrap().0).collect();
    assert_eq!(answers, ["b", "c"]);
}

#[test]
fn a_server_that_does_not_answer_is_told_with_the_answers_of_the_others() {
    let pair = Pair::new();
    let _silent = pair.bus.server();
    listen(&pair.b, "b");
    let asked = pair.a.io.server_side_emit_with_ack("ev", &(1, Binary::from("abc")), SECOND);
    let mut answers = asked.unwrap();
    pair.bus.deliver();
    pair.a.advance(SECOND);
    let Poll::Ready(Err(error)) = poll(answers.as_mut()) else { panic!("the time is over") };
    assert_eq!((error.answers.len(), error.missing), (1, 1));
}

#[test]
fn a_single_server_reaches_no_others_and_knows_it_at_once() {
    let world = World::new();
    let heard = listen(&world, "alone");
    let root = world.io.of("/");
    root.server_side_emit("ev", &(1, Binary::from("abc"))).unwrap();
    let answers = root.server_side_emit_with_ack("ev", &(1, Binary::from("abc")), SECOND).unwrap();
    assert_eq!(now(answers), Ok(Vec::new()));
    assert!(heard.take().is_empty());
    assert_eq!(now(root.server_count()), 1);
    let _client = world.connected();
    let sockets = now(world.io.fetch_sockets()).unwrap();
    assert_eq!(ids(&sockets), [only(&world).id().to_string()]);
}
