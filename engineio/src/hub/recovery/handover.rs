//! Sessions on their way from the server that has them to the one that their client has come to.
//!
//! Each server hears the events of all others in its own order, but those of one server in the order in which that has
//! sent them. So what a session has had is told by one number for each server. The server that has the session hands it
//! over with these numbers and with what its client missed up to them. The other one waits until it has heard as much;
//! what it has heard beyond that, it adds. From then on the session is one of its own.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Book, Client, History,
    claim::{Claim, SessionClaim},
    membership::{Audience, Membership},
    offset::{Mark, Tag},
    stay::{Session, Stay},
};
use crate::{
    config::{Config, after},
    hub::{
        encode::{self, Draft, Route},
        event::Event,
        namespace::Occupancy,
    },
    sid::Sid,
};

/// What a server answers to a [`SessionClaim`]: the session if it has it, and how far its own events have come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SessionReply {
    /// The last event that the answering server has sent; `None` if it keeps no sessions.
    pub(super) server: Option<Mark>,
    pub(super) session: Option<Box<MovedSession>>,
}

/// A session between two servers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct MovedSession {
    id: Sid,
    in_own_room: bool,
    rooms: Vec<Box<str>>,
    data: Option<Box<Map<String, Value>>>,
    /// How long it would have been kept.
    remaining: Duration,
    /// What its client missed.
    missed: Vec<Event>,
    /// How far the events of each server had come, and how long ago the last of them was heard.
    heard: Vec<(Mark, Duration)>,
}

impl MovedSession {
    /// Whether it keeps the limits of this server.
    fn fits(&self, config: &Config) -> bool {
        self.missed.len() <= config.max_queued_packets
            && self.rooms.len() <= config.max_rooms
            && self.rooms.iter().all(|room| room.len() <= config.max_room_bytes)
    }

    fn known(&self, tag: Tag) -> Option<u64> {
        self.heard.iter().find(|(mark, _)| mark.tag == tag).map(|(mark, _)| mark.number)
    }

    fn membership(&self) -> Membership {
        let mut membership = Membership::new();
        if self.in_own_room {
            membership.join_own(0);
        }
        for room in &self.rooms {
            membership.join(&room.as_ref().into(), 0);
        }
        membership
    }
}

impl History {
    /// Hands a session over to the server that asks for it. A connection that its client seems to have is ended first.
    pub(crate) fn hand_over(&self, question: &SessionClaim) -> SessionReply {
        self.open().reach(question.server);
        let claim = &question.claim;
        let session = self.supersede(claim, None).and_then(|()| self.open().give(claim));
        SessionReply { server: Some(self.open().mark()), session: session.map(Box::new) }
    }
}

impl Book<'_> {
    /// The last event that this server has sent.
    pub(super) fn mark(&self) -> Mark {
        self.history.tag.mark(self.state.log.last())
    }

    /// Notes that all events of another server up to this one have been heard.
    pub(super) fn reach(&mut self, mark: Mark) {
        let now = self.history.runtime.now();
        self.state.log.heard.reach(mark, now);
        self.wake();
    }

    /// Gives a session away, with what its client missed.
    fn give(&mut self, claim: &Claim) -> Option<MovedSession> {
        let now = self.history.runtime.now();
        self.expire(now);
        let mut session = self.take(claim)?;
        self.is_gone(&claim.pid);
        let stay = &session.stay;
        let events = self.missed(&session.id, stay, stay.resumed_from()).and_then(|missed| {
            let without_offset = |event| Event { offset: None, ..event };
            missed.iter().map(|(_, packet)| packet.event().map(without_offset)).collect()
        });
        let own = (self.mark(), Duration::ZERO);
        let others = self.state.log.heard.marks(now).filter(|(mark, _)| mark.tag != own.0.tag);
        let moved = MovedSession {
            id: session.id,
            in_own_room: stay.membership.is_in_own(),
            rooms: stay.membership.rooms().map(|room| (**room).into()).collect(),
            data: session.data.take(),
            remaining: stay.until.map(|until| until.saturating_duration_since(now)).unwrap_or_default(),
            missed: Vec::new(),
            heard: others.chain([own]).collect(),
        };
        self.dropped.push(Client::Away(0, Box::new(session)));
        Some(MovedSession { missed: events?, ..moved })
    }

    /// Notes how far the servers have come that have answered. Answers the session, if one of them had it, and what must
    /// have been heard here before it can go on.
    ///
    /// A server that was heard longer ago than `timeout`, when the others had not been asked yet, and was not among
    /// those that are there, is gone: nothing of it is to come.
    pub(crate) fn sort(
        &mut self,
        mut replies: Vec<SessionReply>,
        all_answered: bool,
        timeout: Duration,
    ) -> Option<(Box<MovedSession>, Vec<Mark>)> {
        let servers: Vec<Mark> = replies.iter().filter_map(|reply| reply.server).collect();
        servers.iter().for_each(|mark| self.reach(*mark));
        let moved = replies.iter_mut().find_map(|reply| reply.session.take())?;
        let own = self.history.tag;
        let is_gone = |mark: Mark, ago: Duration| {
            all_answered && ago > timeout && servers.iter().all(|server| server.tag != mark.tag)
        };
        let awaited = moved.heard.iter().filter(|(mark, ago)| mark.tag != own && !is_gone(*mark, *ago));
        let awaited = awaited.map(|(mark, _)| *mark).collect();
        Some((moved, awaited))
    }

    /// Whether all events up to these have been heard.
    pub(crate) fn has_heard(&self, marks: &[Mark]) -> bool {
        marks.iter().all(|mark| self.state.log.heard.has(*mark))
    }

    /// Makes a session of another server one of this server's own, whose client is away. What its client missed there,
    /// and what has been heard here alone, are events for that client. `None` if some may be lacking.
    pub(crate) fn take_in(
        &mut self,
        pid: Sid,
        moved: MovedSession,
        config: &Config,
        occupancy: Option<Occupancy>,
        route: Route<'_>,
    ) -> Option<()> {
        moved.fits(config).then_some(())?;
        let now = self.history.runtime.now();
        self.expire(now);
        let membership = moved.membership();
        let later = self.state.log.later(&moved.id, &membership, |tag| moved.known(tag))?;
        let later: Vec<Event> = later.into_iter().map(|packet| packet.event()).collect::<Option<_>>()?;
        let missed = moved.missed.iter().chain(&later);
        let drafts = missed.map(|event| encode::draft(route, None, &event.name, &event.args).ok());
        let drafts: Vec<Draft<'_>> = drafts.collect::<Option<_>>()?;
        let start = self.state.log.last();
        for draft in drafts {
            let own = self.history.tag.mark(self.state.log.number());
            let packet = draft.finish_with_offset(|out| own.write(out));
            self.keep(own, Audience::Socket(moved.id), packet, None);
        }
        let kept = moved.remaining.min(self.history.limits.max_disconnection_duration);
        let stay = Stay::moved(pid, membership, start, after(now, kept), now);
        self.is_away(Session { id: moved.id, stay, data: moved.data, occupancy });
        Some(())
    }
}
