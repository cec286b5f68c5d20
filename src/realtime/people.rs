//! Who is in a room: those of its sockets' users that are connected to this process.

use std::{collections::BTreeMap, sync::Arc};

use engineio::Namespace;

use crate::chat::RoomCode;

use super::{
    events::{PEOPLE, People, Person},
    live::{Live, channel},
};

/// People listed by name; of larger rooms only the number of the others is told.
const MAX_LISTED: usize = 100;

/// Tells a room who is in it.
pub(super) fn announce(namespace: &Namespace, code: &RoomCode) {
    let room = namespace.to(channel(code));
    let lives = room.sockets().into_iter().filter_map(|socket| socket.get::<Arc<Live>>());
    let people: BTreeMap<_, _> = lives
        .map(|live| {
            let member = live.member();
            (
                (member.name.to_lowercase(), member.oid.clone()),
                Person { name: member.name, user_oid: member.oid },
            )
        })
        .collect();
    let count = people.len();
    let people = people.into_values().take(MAX_LISTED).collect();
    room.emit(PEOPLE, &People { room_code: code, people, count });
}
