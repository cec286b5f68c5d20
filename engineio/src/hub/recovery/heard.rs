//! How far the events of each server of a cluster have come to this one.

use std::time::{Duration, Instant};

use super::offset::{Mark, Tag};

/// The servers that are remembered; past it the one that was heard longest ago is forgotten, so that clients of its
/// cluster may begin anew.
const MAX_SERVERS: usize = 1_024;

#[derive(Debug)]
struct Server {
    tag: Tag,
    /// All of its events up to this one have been heard.
    last: u64,
    /// The latest of its events that the log had and has no more.
    lost: u64,
    at: Instant,
}

/// The servers whose events have been heard lately.
#[derive(Debug, Default)]
pub(super) struct Heard<const MAX: usize = MAX_SERVERS>(Vec<Server>);

impl<const MAX: usize> Heard<MAX> {
    fn server(&mut self, tag: Tag, now: Instant) -> Option<&mut Server> {
        let at = self.0.iter().position(|server| server.tag == tag).unwrap_or_else(|| {
            if self.0.len() >= MAX
                && let Some(oldest) = (0..self.0.len()).min_by_key(|&at| self.0[at].at)
            {
                self.0.swap_remove(oldest);
            }
            self.0.push(Server { tag, last: 0, lost: 0, at: now });
            self.0.len() - 1
        });
        self.0.get_mut(at)
    }

    /// All events of a server up to `mark` have been heard.
    pub(super) fn reach(&mut self, mark: Mark, now: Instant) {
        if let Some(server) = self.server(mark.tag, now) {
            (server.last, server.at) = (server.last.max(mark.number), now);
        }
    }

    /// The log has forgotten an event, which was sent at `sent`.
    pub(super) fn lose(&mut self, mark: Mark, sent: Instant) {
        if let Some(server) = self.server(mark.tag, sent) {
            (server.lost, server.at) = (server.lost.max(mark.number), server.at.max(sent));
        }
    }

    /// Forgets the servers that have not been heard since `time`. The log has nothing of them.
    pub(super) fn expire(&mut self, time: Instant) {
        self.0.retain(|server| server.at >= time);
    }

    /// Whether all events up to `mark` have been heard.
    pub(super) fn has(&self, mark: Mark) -> bool {
        self.0.iter().any(|server| server.tag == mark.tag && server.last >= mark.number)
    }

    /// Whether the log has forgotten events of a server that come after the one that `known` answers for it.
    pub(super) fn lacks_after(&self, known: impl Fn(Tag) -> Option<u64>) -> bool {
        self.0.iter().any(|server| server.lost > known(server.tag).unwrap_or_default())
    }

    /// How far each server has come, and how long ago it was heard.
    pub(super) fn marks(&self, now: Instant) -> impl Iterator<Item = (Mark, Duration)> {
        self.0
            .iter()
            .map(move |server| (server.tag.mark(server.last), now.saturating_duration_since(server.at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{sid::Sid, testing::times};

    fn tag(number: u16) -> Tag {
        let mut bytes = [0; Sid::BYTES];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        Tag::new(&Sid::from_bytes(bytes))
    }

    #[test]
    fn a_server_is_known_by_its_highest_event_until_it_has_been_silent_for_long() {
        let (start, mut heard) = (Instant::now(), <Heard>::default());
        let later = start + Duration::from_secs(1);
        heard.reach(tag(1).mark(5), start);
        heard.reach(tag(1).mark(3), later);
        assert!(heard.has(tag(1).mark(5)) && !heard.has(tag(1).mark(6)) && !heard.has(tag(2).mark(0)));
        heard.expire(later);
        assert_eq!(heard.marks(later).collect::<Vec<_>>(), [(tag(1).mark(5), Duration::ZERO)]);
        heard.expire(later + Duration::from_secs(1));
        assert_eq!(heard.marks(later).count(), 0);
    }

    #[test]
    fn a_forgotten_event_is_lacked_by_those_who_have_only_what_was_before() {
        let (start, mut heard) = (Instant::now(), <Heard>::default());
        heard.lose(tag(1).mark(5), start);
        for (known, lacks) in [(Some(4), true), (Some(5), false), (None, true)] {
            assert_eq!(heard.lacks_after(|_| known), lacks, "{known:?}");
        }
    }

    #[test]
    fn the_servers_are_bounded() {
        const MAX: usize = times(MAX_SERVERS);
        let (start, mut heard) = (Instant::now(), Heard::<MAX>::default());
        let last = u16::try_from(2 * MAX).unwrap();
        for number in 0..=last {
            heard.reach(tag(number).mark(1), start + Duration::from_secs(number.into()));
        }
        assert_eq!(heard.marks(start).count(), MAX);
        assert!(heard.has(tag(last).mark(1)) && !heard.has(tag(0).mark(1)));
    }
}
