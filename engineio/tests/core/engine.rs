//! A bare Engine.IO server without a network.

use std::sync::Arc;

use engineio::{
    Config, Engine, EngineSocket,
    engine::{CloseReason, Data, Input, Packet, Transport},
    hub::{Application, Peer},
};
use parking_lot::Mutex;

use crate::support::World;

type Log = Arc<Mutex<Vec<String>>>;

/// A server that writes down what it is told.
fn engine() -> (Engine, Log) {
    let log = Log::default();
    let [opened, said, closed] = [(); 3].map(|()| Arc::clone(&log));
    let engine = Engine::with_runtime(Config::default(), World::new().runtime)
        .on_open(move |socket| {
            opened.lock().push(format!("open {}", socket.handshake().url));
            socket.send_text("welcome");
        })
        .on_message(move |socket, data| match data {
            Data::Text("leave") => socket.close(),
            Data::Text("panic") => panic!("on purpose"),
            Data::Text(text) => {
                said.lock().push(text.to_owned());
                socket.send_text(text);
            }
            Data::Binary(bytes) => {
                said.lock().push(format!("{} bytes", bytes.len()));
                socket.send_binary(&bytes);
            }
        })
        .on_close(move |_, reason| closed.lock().push(reason.to_string()));
    (engine, log)
}

fn connect(engine: &Engine) -> Arc<Peer> {
    let (config, runtime) = (Arc::clone(engine.config()), Arc::clone(engine.runtime()));
    let peer = Peer::new(runtime.fresh_sid(), Transport::Websocket, config, runtime, engine.peers());
    engine.peers().insert(*peer.sid(), Arc::clone(&peer));
    let request = http::Request::builder().uri("/engine.io/?EIO=4").body(()).unwrap();
    peer.open(engine as &dyn Application, &request.into_parts().0);
    peer
}

fn received(peer: &Arc<Peer>) -> String {
    peer.take_payload().map_or_else(String::new, |payload| String::from_utf8(payload.bytes.to_vec()).unwrap())
}

#[test]
fn a_session_is_opened_heard_and_closed_once() {
    let (engine, log) = engine();
    let peer = connect(&engine);
    peer.feed(Input::Packet(Packet::Message("hello")));
    peer.feed(Input::Packet(Packet::Binary((&[1, 2, 3][..]).into())));
    assert_eq!(received(&peer), "4welcome\x1e4hello\x1ebAQID");
    peer.feed(Input::TransportLost(CloseReason::TransportClose));
    peer.feed(Input::TransportLost(CloseReason::TransportError));
    assert_eq!(*log.lock(), ["open /engine.io/?EIO=4", "hello", "3 bytes", "transport close"]);
    assert!(engine.is_empty());
}

#[test]
fn a_session_can_be_closed_by_its_server_and_by_a_message_of_its_own() {
    let (engine, log) = engine();
    let (one, other) = (connect(&engine), connect(&engine));
    one.feed(Input::Packet(Packet::Message("leave")));
    assert_eq!(engine.len(), 1);
    engine.close();
    assert!(engine.is_empty() && !other.is_open());
    assert_eq!(log.lock()[2..], ["forced close", "forced close"]);
}

#[test]
fn a_panic_of_the_program_ends_no_session() {
    let (engine, log) = engine();
    let peer = connect(&engine);
    peer.feed(Input::Packet(Packet::Message("panic")));
    peer.feed(Input::Packet(Packet::Message("after")));
    assert_eq!(log.lock()[1..], ["after"]);
}

#[test]
fn a_socket_that_a_program_keeps_does_not_keep_its_session_open() {
    let kept: Arc<Mutex<Vec<EngineSocket>>> = Arc::default();
    let keep = Arc::clone(&kept);
    let engine = Engine::with_runtime(Config::default(), World::new().runtime)
        .on_open(move |socket| keep.lock().push(socket.clone()));
    let peer = connect(&engine);
    let weak = Arc::downgrade(&peer);
    peer.feed(Input::TransportLost(CloseReason::TransportClose));
    drop(peer);
    assert!(!kept.lock()[0].is_open());
    kept.lock().clear();
    assert!(weak.upgrade().is_none(), "nothing else holds the session");
}
