//! The latest events of one namespace, numbered in the order in which they were sent.

use std::{collections::VecDeque, time::Instant};

use super::{
    heard::Heard,
    membership::{Audience, Membership},
    offset::{Mark, Tag},
};
use crate::{config::Recovery, hub::encoded::Encoded, sid::Sid};

#[derive(Debug)]
struct Entry {
    number: u64,
    /// When it had been handed to all connections.
    sent: Instant,
    audience: Audience,
    packet: Encoded,
    /// The name it has on all servers, if all of them have heard it.
    mark: Option<Mark>,
}

impl Entry {
    fn bytes(&self) -> usize {
        size_of::<Entry>() + self.audience.heap_bytes() + self.packet.frames().len()
    }
}

/// Events that a client may have missed: one entry for each, however many it was sent to.
#[derive(Debug, Default)]
pub(super) struct Log {
    last: u64,
    entries: VecDeque<Entry>,
    bytes: usize,
    /// The latest event that was forgotten, and when it was sent.
    forgotten: Option<(u64, Instant)>,
    /// How far the events of the other servers have come.
    pub(super) heard: Heard,
}

impl Log {
    /// The number of the last event.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Gives the next event its number.
    pub(super) fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Keeps the event `number`, which has been sent to those who are there.
    pub(super) fn keep(
        &mut self,
        number: u64,
        audience: Audience,
        packet: Encoded,
        mark: Option<Mark>,
        now: Instant,
        limits: &Recovery,
    ) {
        let entry = Entry { number, sent: now, audience, packet, mark };
        self.bytes += entry.bytes();
        self.entries.push_back(entry);
        while self.entries.len() > limits.max_packets || self.bytes > limits.max_bytes {
            if !self.forget_oldest() {
                break;
            }
        }
    }

    /// Forgets the events that were sent before `time`.
    pub(super) fn expire(&mut self, time: Instant) {
        while self.oldest().is_some_and(|sent| sent < time) {
            self.forget_oldest();
        }
        self.heard.expire(time);
        if self.entries.capacity() > 64 && self.entries.len() * 4 < self.entries.capacity() {
            self.entries.shrink_to(self.entries.len() * 2);
        }
    }

    fn forget_oldest(&mut self) -> bool {
        let Some(entry) = self.entries.pop_front() else { return false };
        self.bytes -= entry.bytes();
        self.forgotten = Some((entry.number, entry.sent));
        if let Some(mark) = entry.mark {
            self.heard.lose(mark, entry.sent);
        }
        true
    }

    /// When the oldest event was sent.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.entries.front().map(|entry| entry.sent)
    }

    /// Whether nothing is forgotten that a client may lack which has the event `from`, and has shown that it got
    /// everything sent up to `confirmed`.
    pub(super) fn reaches(&self, from: u64, confirmed: Instant) -> bool {
        self.forgotten.is_none_or(|(number, sent)| number <= from || sent < confirmed)
    }

    /// The events after `from` and after the time `confirmed` that were for the socket `id`.
    pub(super) fn missed<'a>(
        &'a self,
        id: &'a Sid,
        membership: &'a Membership,
        from: u64,
        confirmed: Instant,
    ) -> impl Iterator<Item = (u64, &'a Encoded)> {
        let known = |entry: &Entry| entry.number <= from || entry.sent < confirmed;
        self.entries
            .range(self.entries.partition_point(known)..)
            .filter(move |entry| membership.hears(id, entry.number, &entry.audience))
            .map(|entry| (entry.number, &entry.packet))
    }

    /// The events of all servers that were for the socket `id` and that come after those its server had, which were up
    /// to the one that `known` answers for each server. `None` if it is not known of all whether they do.
    pub(super) fn later(
        &self,
        id: &Sid,
        membership: &Membership,
        known: impl Fn(Tag) -> Option<u64>,
    ) -> Option<Vec<&Encoded>> {
        if self.heard.lacks_after(&known) {
            return None;
        }
        let mut later = Vec::new();
        for entry in &self.entries {
            let Some(mark) = entry.mark else { continue };
            let last = known(mark.tag);
            let comes_after = last.is_none_or(|last| mark.number > last);
            if comes_after && membership.hears(id, entry.number, &entry.audience) {
                last?;
                later.push(&entry.packet);
            }
        }
        Some(later)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::hub::adapter::Target;

    const ID: [u8; 15] = [1; 15];

    fn filled(count: u32, bytes: usize, limits: &Recovery, start: Instant) -> Log {
        let mut log = Log::default();
        for second in 0..count {
            let packet = Encoded::text(|out| out.resize(out.len() + bytes, b'x'));
            let number = log.number();
            let audience = Audience::Rooms(Target::default());
            let sent = start + Duration::from_secs(second.into());
            log.keep(number, audience, packet, None, sent, limits);
        }
        log
    }

    fn missed(log: &Log, from: u64, confirmed: Instant) -> usize {
        log.missed(&Sid::from_bytes(ID), &Membership::new(), from, confirmed).count()
    }

    #[test]
    fn the_number_of_events_is_bounded() {
        let (start, limits) = (Instant::now(), Recovery { max_packets: 3, ..Recovery::default() });
        let log = filled(10, 1, &limits, start);
        assert_eq!(log.entries.len(), 3);
        assert!(log.reaches(7, start) && !log.reaches(6, start));
    }

    #[test]
    fn the_bytes_of_events_are_bounded_and_one_that_is_too_large_is_not_kept() {
        let (start, limits) = (Instant::now(), Recovery { max_bytes: 10_000, ..Recovery::default() });
        let log = filled(100, 1_000, &limits, start);
        assert!(log.bytes <= 10_000 && log.entries.len() > 5, "{log:?}");
        let mut log = filled(1, 20_000, &limits, start);
        assert_eq!((log.bytes, log.entries.len(), log.last()), (0, 0, 1));
        assert!(!log.reaches(0, start - Duration::from_secs(1)), "it is known to be lost");
        log.expire(start + Duration::from_secs(9));
    }

    #[test]
    fn what_a_client_has_confirmed_may_be_forgotten() {
        let (start, limits) = (Instant::now(), Recovery::default());
        let mut log = filled(10, 1, &limits, start);
        log.expire(start + Duration::from_secs(5));
        assert_eq!(log.entries.len(), 5);
        let before = start - Duration::from_secs(1);
        for confirmed in [before, start + Duration::from_secs(4)] {
            assert!(!log.reaches(0, confirmed), "the first five may not have arrived");
        }
        assert!(log.reaches(0, start + Duration::from_secs(5)));
        assert!(log.reaches(5, before));
        assert_eq!(missed(&log, 0, start + Duration::from_secs(7)), 3);
        assert_eq!(missed(&log, 8, before), 2);
    }
}
