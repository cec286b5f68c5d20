//! The end of a session: what was queued before it is written, nothing is taken after it, and the task sees it.

use std::{sync::Arc, task::Poll};

use engineio::{
    Config, Sent,
    hub::{Peer, Waiting},
};

use crate::support::{Case, Socket, check, wait_until};

/// The connection's task from the beginning to the end of the session, and then what it writes before it goes.
fn run_to_the_end(peer: &Peer, socket: &Socket) {
    wait_until(|cx| {
        peer.poll_for(Waiting::Owner, cx, |_| {
            socket.write_all(peer);
            peer.ended().map_or(Poll::Pending, |_| Poll::Ready(()))
        })
    });
    peer.outbox().detach();
    socket.write_all(peer);
}

/// The messages that were taken to be sent.
fn queued(messages: &[&str], sent: &[Sent]) -> Vec<String> {
    let of_fate = messages.iter().zip(sent).filter(|(_, sent)| **sent == Sent::Queued);
    of_fate.map(|(message, _)| (*message).to_owned()).collect()
}

/// One thread sends and another closes the session, through a socket that has room for so many bytes.
fn closes_while_another_thread_sends(room: usize) {
    let socket = Socket::with_room(room);
    let case = Case::with_socket(&socket, Config::default());
    let sender = case.send(&["a1", "a2"]);
    let peer = Arc::clone(&case.peer);
    let closer = loom::thread::spawn(move || peer.close());
    run_to_the_end(&case.peer, &socket);
    closer.join().unwrap();
    let sent = sender.join().unwrap();
    assert_eq!(socket.messages(), (queued(&["a1", "a2"], &sent), 1));
    assert_eq!(case.peer.send_text("b1"), Sent::Closed);
}

#[test]
fn what_was_queued_before_the_end_is_written_and_a_close_frame_behind_it() {
    check(2, || closes_while_another_thread_sends(0));
}

#[test]
fn the_task_sees_an_end_that_left_it_nothing_to_write() {
    check(2, || closes_while_another_thread_sends(usize::MAX));
}

#[test]
fn a_reader_that_is_too_slow_gets_what_had_room_and_a_close_frame() {
    check(2, || {
        let socket = Socket::with_room(0);
        let case = Case::with_socket(&socket, Config { max_queued_packets: 1, ..Config::default() });
        let (peer, task_socket) = (Arc::clone(&case.peer), Arc::clone(&socket));
        let task = loom::thread::spawn(move || run_to_the_end(&peer, &task_socket));
        let sent = case.send(&["a1", "a2"]).join().unwrap();
        if sent.contains(&Sent::Overflow) {
            case.world.run_tasks();
        } else {
            case.peer.close();
        }
        task.join().unwrap();
        assert_eq!(socket.messages(), (queued(&["a1", "a2"], &sent), 1));
    });
}
