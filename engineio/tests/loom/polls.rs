//! What is sent to a polling client is taken by the poll that waits, or by the next.

use std::task::Poll;

use engineio::{
    Config,
    engine::{Input, Transport},
    hub::{PollAnswer, Waiting},
};

use crate::support::{Case, assert_delivered, check, wait_until};

/// Polls once, as an HTTP request does, and adds the messages of the answer.
fn poll(case: &Case, found: &mut Vec<String>) {
    case.peer.feed(Input::PollOpened);
    case.peer.outbox().set_writable(true);
    wait_until(|cx| {
        case.peer.poll_for(Waiting::Owner, cx, |_| match case.peer.poll_answer() {
            Some(PollAnswer::Payload(payload)) => {
                let text = str::from_utf8(&payload.bytes).unwrap();
                found.extend(text.split('\x1e').map(|packet| packet[1..].to_owned()));
                Poll::Ready(())
            }
            Some(PollAnswer::Failed) => panic!("nothing has failed"),
            None => Poll::Pending,
        })
    });
    case.peer.outbox().set_writable(false);
    case.peer.feed(Input::PollAnswered);
}

#[test]
fn a_waiting_poll_is_woken_and_nothing_is_lost_between_two_polls() {
    check(2, || {
        let case = Case::new(Transport::Polling, Config::default());
        let senders = [case.send(&["a1", "a2"]), case.send(&["b1"])];
        let mut found = Vec::new();
        while found.len() < 3 {
            poll(&case, &mut found);
        }
        senders.into_iter().for_each(|sender| drop(sender.join().unwrap()));
        assert_delivered(&found, &[&["a1", "a2"], &["b1"]]);
    });
}
