//! How fast new ones come, of all clients together and of each address.

use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Duration, Instant},
};

/// Networks of which it is known how fast new ones came; past these, those that have been quiet for longer are forgotten
/// early.
const MAX_NETWORKS: usize = 65_536;
/// The time in which a bucket becomes empty, whatever its rate is, as it holds what may come in a second.
const EMPTY_AFTER: Duration = Duration::from_secs(1);

/// A leaky bucket that holds what may come in a second.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bucket {
    spent: f64,
    at: Option<Instant>,
}

impl Bucket {
    /// The bucket with one more in it, if there is room.
    pub(super) fn with_another(self, rate: u32, now: Instant) -> Option<Self> {
        let rate = f64::from(rate);
        let back = self.at.map_or(0.0, |at| now.saturating_duration_since(at).as_secs_f64() * rate);
        let spent = (self.spent - back).max(0.0) + 1.0;
        // A hundredth forgives what floating-point subtraction leaves.
        (spent <= rate + 0.01).then_some(Self { spent, at: Some(now) })
    }
}

/// A bucket for each network of which somebody came in a moment ago.
///
/// Those of the present second and of the one before are kept in two tables, so that what nobody uses is forgotten
/// without a search for it.
#[derive(Debug, Default)]
pub(super) struct Buckets<const MAX: usize = MAX_NETWORKS> {
    recent: HashMap<IpAddr, Bucket>,
    before: HashMap<IpAddr, Bucket>,
    /// When the present second began.
    since: Option<Instant>,
}

impl<const MAX: usize> Buckets<MAX> {
    /// The bucket of a network; an empty one for a network that is not known.
    pub(super) fn get(&mut self, network: IpAddr, now: Instant) -> Bucket {
        self.forget(now);
        self.recent.get(&network).or_else(|| self.before.get(&network)).copied().unwrap_or_default()
    }

    /// Keeps the bucket of a network.
    pub(super) fn put(&mut self, network: IpAddr, bucket: Bucket) {
        if self.recent.len() >= MAX / 2 {
            self.before = std::mem::take(&mut self.recent);
        }
        self.recent.insert(network, bucket);
    }

    /// How many networks are known.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.recent.len() + self.before.len()
    }

    /// Forgets the buckets that have become empty.
    fn forget(&mut self, now: Instant) {
        let since = *self.since.get_or_insert(now);
        let age = now.saturating_duration_since(since);
        if age < EMPTY_AFTER {
            return;
        }
        self.before = std::mem::take(&mut self.recent);
        if age >= 2 * EMPTY_AFTER {
            self.before = HashMap::new();
        }
        self.since = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::times;

    fn network(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    #[test]
    fn a_bucket_takes_what_may_come_in_a_second_and_gets_it_back_in_time() {
        let start = Instant::now();
        let mut bucket = Bucket::default();
        for (after, expected) in [(0, true), (0, true), (0, false), (500, true), (500, false), (1_500, true)]
        {
            let another = bucket.with_another(2, start + Duration::from_millis(after));
            assert_eq!(another.is_some(), expected, "after {after} ms");
            bucket = another.unwrap_or(bucket);
        }
    }

    #[test]
    fn networks_are_forgotten_when_their_buckets_are_empty_and_not_before() {
        let (mut buckets, start) = (<Buckets>::default(), Instant::now());
        let mut spend = |number, after| {
            let now = start + Duration::from_millis(after);
            let bucket = buckets.get(network(number), now).with_another(1, now);
            if let Some(bucket) = bucket {
                buckets.put(network(number), bucket);
            }
            (bucket.is_some(), buckets.len())
        };
        assert_eq!(spend(1, 0), (true, 1));
        assert_eq!(spend(2, 900), (true, 2));
        // The second that began with the first network is over, but the bucket of the second one is not empty.
        assert_eq!(spend(2, 1_200), (false, 2));
        assert_eq!(spend(3, 1_200), (true, 3));
        assert_eq!(spend(2, 1_950), (true, 4), "for a moment it is in both tables");
        assert_eq!(spend(4, 10_000), (true, 1));
    }

    #[test]
    fn more_networks_than_can_be_known_cost_no_more_memory() {
        const MAX: usize = times(MAX_NETWORKS);
        let (mut buckets, now) = (Buckets::<MAX>::default(), Instant::now());
        let (mut most, networks) = (0, u32::try_from(2 * MAX).unwrap());
        for number in 0..networks {
            let bucket = buckets.get(network(number), now).with_another(1, now).unwrap();
            buckets.put(network(number), bucket);
            most = most.max(buckets.len());
        }
        assert_eq!(most, MAX);
        assert!(
            buckets.get(network(networks - 1), now).with_another(1, now).is_none(),
            "who came last is remembered"
        );
    }
}
