//! What is sent to a polling client is taken by the poll that waits, or by the next.

use std::{sync::Arc, task::Poll};

use engineio::{
    Config, Sent,
    engine::{Action, Input, Transport},
    hub::{PollAnswer, PollPayload, Waiting},
};

use crate::support::{Case, assert_delivered, check, wait_until};

/// What an HTTP request that polls once is answered.
fn poll(case: &Case) -> PollPayload {
    match case.peer.feed(Input::PollOpened) {
        Action::Farewell => return case.peer.farewell(),
        action => {
            assert_eq!(action, Action::None, "the session is there until its client has heard of its end")
        }
    }
    case.peer.outbox().set_writable(true);
    let mut found = None;
    wait_until(|cx| {
        case.peer.poll_for(Waiting::Owner, cx, |_| match case.peer.poll_answer() {
            Some(PollAnswer::Payload(payload)) => {
                found = Some(payload);
                Poll::Ready(())
            }
            Some(PollAnswer::Failed) => panic!("nothing has failed"),
            None => Poll::Pending,
        })
    });
    case.peer.outbox().set_writable(false);
    case.peer.feed(Input::PollAnswered);
    found.unwrap()
}

/// Adds the messages of an answer; answers whether it told of the end of the session.
fn read(payload: &PollPayload, found: &mut Vec<String>) -> bool {
    let mut is_last = false;
    for packet in str::from_utf8(&payload.bytes).unwrap().split('\x1e') {
        match packet.split_at(1) {
            ("4", message) => found.push(message.to_owned()),
            ("1", "") => is_last = true,
            ("6", "") => {}
            _ => panic!("{packet}"),
        }
    }
    is_last
}

#[test]
fn a_waiting_poll_is_woken_and_nothing_is_lost_between_two_polls() {
    check(2, || {
        let case = Case::new(Transport::Polling, Config::default());
        let senders = [case.send(&["a1", "a2"]), case.send(&["b1"])];
        let mut found = Vec::new();
        while found.len() < 3 {
            assert!(!read(&poll(&case), &mut found));
        }
        senders.into_iter().for_each(|sender| drop(sender.join().unwrap()));
        assert_delivered(&found, &[&["a1", "a2"], &["b1"]]);
    });
}

#[test]
fn a_client_hears_of_the_end_of_its_session_whatever_is_sent_meanwhile() {
    check(2, || {
        let case = Case::new(Transport::Polling, Config::default());
        let sender = case.send(&["a1"]);
        let peer = Arc::clone(&case.peer);
        let closer = loom::thread::spawn(move || peer.close());
        let mut found = Vec::new();
        while !read(&poll(&case), &mut found) {}
        closer.join().unwrap();
        let sent = sender.join().unwrap();
        assert_eq!(found.len(), usize::from(sent == [Sent::Queued]), "{found:?} {sent:?}");
        assert!(case.peer.ended().is_some());
    });
}

#[test]
fn what_is_sent_right_before_the_end_of_a_session_comes_before_it() {
    check(3, || {
        let case = Case::new(Transport::Polling, Config::default());
        let peer = Arc::clone(&case.peer);
        let closer = loom::thread::spawn(move || {
            let sent = peer.send_text("a1");
            peer.close();
            sent
        });
        let mut found = Vec::new();
        while !read(&poll(&case), &mut found) {}
        assert_eq!((closer.join().unwrap(), &found[..]), (Sent::Queued, &["a1".to_owned()][..]));
    });
}
