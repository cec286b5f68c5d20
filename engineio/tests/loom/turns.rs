//! What is sent in a turn is written when it ends.

use std::sync::Arc;

use engineio::{
    Config,
    hub::{Runtime, Turn},
};

use crate::support::{Case, Socket, World, assert_delivered, check};

#[test]
fn whoever_ends_last_has_written_what_all_have_sent() {
    check(3, || {
        let socket = Socket::with_room(usize::MAX);
        let case = Case::with_socket(&socket, Config::default());
        let peer = Arc::clone(&case.peer);
        let runtime: Arc<dyn Runtime> = Arc::<World>::clone(&case.world);
        let in_a_turn = loom::thread::spawn(move || {
            let _turn = Turn::begin(&runtime);
            peer.send_text("a1");
            peer.send_text("a2");
        });
        let at_once = case.send(&["b1"]);
        case.peer.send_text("c1");
        in_a_turn.join().unwrap();
        at_once.join().unwrap();
        assert_delivered(&socket.messages().0, &[&["a1", "a2"], &["b1"], &["c1"]]);
        assert_eq!(case.peer.queued_bytes(), 0);
    });
}
