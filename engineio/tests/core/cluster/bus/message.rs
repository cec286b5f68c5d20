//! What servers tell each other.

use std::{marker::PhantomData, time::Duration};

use engineio::{
    AckReply, Room,
    hub::{Event, SessionClaim, SessionReply, SocketDetails, Target},
};
use serde::{Serialize, de::DeserializeOwned};

/// A value as it travels: JSON.
#[derive(Clone)]
pub struct Wire<T>(String, PhantomData<T>);

impl<T: Serialize + DeserializeOwned> Wire<T> {
    pub fn of(value: &T) -> Self {
        Self(serde_json::to_string(value).unwrap(), PhantomData)
    }

    pub fn read(&self) -> T {
        serde_json::from_str(&self.0).unwrap()
    }
}

/// What servers tell each other; the numbers belong requests and answers together.
#[derive(Clone)]
pub enum Message {
    Broadcast(Target, Wire<Event>, bool),
    Ask(u64, Target, Wire<Event>, Duration, bool),
    Asked(u64, usize),
    Reply(u64, AckReply),
    Missed(u64),
    Fetch(u64, Target),
    Fetched(u64, Wire<Vec<SocketDetails>>),
    Join(Target, Vec<Room>),
    Leave(Target, Vec<Room>),
    Disconnect(Target, bool),
    ServerSide(Option<u64>, Wire<Event>),
    Answer(u64, Wire<Event>),
    Claim(u64, Wire<SessionClaim>),
    HandOver(u64, Wire<SessionReply>),
}
