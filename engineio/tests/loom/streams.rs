//! Whoever sends writes to the stream; what it does not take is written by the connection's task.

use std::{sync::Arc, task::Poll};

use engineio::{Config, hub::Waiting};

use crate::support::{Case, Socket, assert_delivered, check, wait_until};

/// What two threads send, through a socket that has room for so many bytes of it.
fn sends_through_a_socket_with_room(room: usize) {
    let socket = Socket::with_room(room);
    let case = Case::with_socket(&socket, Config::default());
    let senders = [case.send(&["a1", "a2"]), case.send(&["b1"])];
    wait_until(|cx| {
        case.peer.poll_for(Waiting::Owner, cx, |_| {
            socket.write_all(&case.peer);
            if socket.messages().0.len() == 3 { Poll::Ready(()) } else { Poll::Pending }
        })
    });
    senders.into_iter().for_each(|sender| drop(sender.join().unwrap()));
    assert_delivered(&socket.messages().0, &[&["a1", "a2"], &["b1"]]);
    assert_eq!(case.peer.queued_bytes(), 0);
    assert_eq!(Arc::strong_count(&case.peer), 1);
}

#[test]
fn what_a_full_socket_does_not_take_is_written_by_the_task() {
    check(2, || sends_through_a_socket_with_room(0));
}

#[test]
fn the_rest_of_a_frame_is_written_by_the_task_before_the_next() {
    check(2, || sends_through_a_socket_with_room(7));
}
