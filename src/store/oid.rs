//! Ids of users and messages: 12 bytes in the form of a MongoDB `ObjectId`, growing with time.
//!
//! Four bytes of Unix seconds, five random bytes of this process and a three-byte counter, all big-endian, so that
//! the order of the bytes (and of the 24 hexadecimal digits) is the order in which the ids were made.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::LazyLock,
    time::{SystemTime, UNIX_EPOCH},
};

use parking_lot::Mutex;

/// One past the largest value of the three counter bytes.
const COUNTER_END: u32 = 1 << 24;

/// The one generator of this process: two would not be ordered among each other.
static GENERATOR: LazyLock<Generator> = LazyLock::new(|| Generator::new(process_bytes(), unix_seconds()));

/// An id of 12 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Oid([u8; 12]);

impl Oid {
    /// Makes an id greater than every id made in this process before.
    pub(crate) fn next() -> Self {
        GENERATOR.next_at(unix_seconds())
    }

    /// Lets every later id be greater than `stored`, an id that an earlier process may have made.
    ///
    /// Needed where the stored order matters: the clock may have been set back while the server was down.
    pub(crate) fn continue_after(stored: Self) {
        GENERATOR.continue_after(stored);
    }

    /// Takes the id from its bytes.
    pub(crate) fn from_bytes(bytes: [u8; 12]) -> Self {
        Self(bytes)
    }

    /// Reads 24 hexadecimal digits; `None` if `text` is anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits: &[u8; 24] = text.as_bytes().try_into().ok()?;
        let mut bytes = [0; 12];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = hex_value(pair[0])? << 4 | hex_value(pair[1])?;
        }
        Some(Self(bytes))
    }

    /// The id's bytes, whose order is the ids' order.
    pub(crate) fn bytes(self) -> [u8; 12] {
        self.0
    }

    /// The second in which the id was made, since the Unix epoch.
    fn seconds(self) -> u32 {
        let [a, b, c, d, ..] = self.0;
        u32::from_be_bytes([a, b, c, d])
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Makes strictly growing ids, whatever the clock does.
struct Generator {
    process: [u8; 5],
    last: Mutex<Last>,
}

/// The second and the counter of the last id made.
struct Last {
    seconds: u32,
    counter: u32,
}

impl Generator {
    /// A generator of a process that was started at the time `now`.
    fn new(process: [u8; 5], now: u32) -> Self {
        // A process that was killed in this very second may have had greater random bytes: a counter at its end makes
        // the first id open the next second.
        Self { process, last: Mutex::new(Last { seconds: now, counter: COUNTER_END - 1 }) }
    }

    /// Makes an id at the time `now`; a clock that stands still or steps back is overruled by the counter.
    fn next_at(&self, now: u32) -> Oid {
        let mut last = self.last.lock();
        if now > last.seconds {
            *last = Last { seconds: now, counter: 0 };
        } else if last.counter + 1 == COUNTER_END {
            *last = Last { seconds: last.seconds.saturating_add(1), counter: 0 };
        } else {
            last.counter += 1;
        }
        self.assemble(&last)
    }

    fn continue_after(&self, stored: Oid) {
        let mut last = self.last.lock();
        if stored.seconds() >= last.seconds {
            // The stored id's random bytes may be greater than ours: only a later second is surely after it.
            *last = Last { seconds: stored.seconds(), counter: COUNTER_END - 1 };
        }
    }

    fn assemble(&self, last: &Last) -> Oid {
        let mut bytes = [0; 12];
        bytes[..4].copy_from_slice(&last.seconds.to_be_bytes());
        bytes[4..9].copy_from_slice(&self.process);
        bytes[9..].copy_from_slice(&last.counter.to_be_bytes()[1..]);
        Oid(bytes)
    }
}

/// Random bytes of this process; an id is no secret, so a weaker source will do if the system's fails.
fn process_bytes() -> [u8; 5] {
    let mut bytes = [0; 5];
    if getrandom::fill(&mut bytes).is_err() {
        let hash = RandomState::new().hash_one(std::process::id());
        bytes.copy_from_slice(&hash.to_be_bytes()[..5]);
    }
    bytes
}

fn unix_seconds() -> u32 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u32::try_from(since_epoch.as_secs()).unwrap_or(u32::MAX)
}

fn hex_value(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_when_the_clock_stands_still_or_steps_back() {
        let generator = Generator::new([0xff; 5], 0);
        let ids: Vec<Oid> =
            [100, 100, 100, 90, 1, 101, 50].iter().map(|now| generator.next_at(*now)).collect();
        assert!(ids.is_sorted_by(|a, b| a < b && a.to_string() < b.to_string()), "{ids:?}");
    }

    #[test]
    fn a_counter_that_is_used_up_borrows_from_the_next_second() {
        let generator = Generator::new([1; 5], 0);
        let first = generator.next_at(7);
        generator.last.lock().counter = COUNTER_END - 1;
        let next = generator.next_at(7);
        assert!(next > first);
        assert_eq!(next.seconds(), 8);
    }

    #[test]
    fn ids_continue_after_a_stored_one_from_the_future() {
        let generator = Generator::new([0; 5], 0);
        let stored = Oid([0, 0, 1, 0, 255, 255, 255, 255, 255, 255, 255, 255]);
        generator.continue_after(stored);
        assert!(generator.next_at(3) > stored);
    }

    #[test]
    fn a_process_that_follows_another_within_a_second_makes_greater_ids() {
        let (killed, started) = (Generator::new([0xff; 5], 5), Generator::new([0; 5], 7));
        let stored = killed.next_at(7);
        assert!(started.next_at(7) > stored);
    }

    #[test]
    fn concurrent_ids_are_all_different() {
        let generator = Generator::new([2; 5], 0);
        let mut ids: Vec<Oid> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..1000).map(|_| generator.next_at(5)).collect::<Vec<_>>()))
                .collect();
            workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
        });
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 4000);
    }

    #[test]
    fn text_form_is_read_back_and_anything_else_is_refused() {
        let id = Oid::next();
        assert_eq!(Oid::parse(&id.to_string()), Some(id));
        assert_eq!(id.to_string().len(), 24);
        for bad in
            ["", "abc", "zz0000000000000000000000", "+10000000000000000000000", "é0000000000000000000000"]
        {
            assert_eq!(Oid::parse(bad), None, "{bad}");
        }
    }
}
