//! Who may come in: how many there are, of which address, and how fast they come.

mod rate;

use std::{
    collections::{HashMap, hash_map::Entry},
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use parking_lot::Mutex;

use self::rate::{Bucket, Buckets};
use crate::config::ConnectionLimits;

/// Why nobody is let in now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// [`ConnectionLimits::max`] are there.
    InAll,
    /// [`ConnectionLimits::max_per_address`] are there of this address.
    OfAddress,
    /// [`ConnectionLimits::max_new_per_second`] have just come.
    PerSecond,
    /// [`ConnectionLimits::max_new_per_second_per_address`] have just come of this address.
    OfAddressPerSecond,
}

impl Full {
    /// After how many seconds it is worth another try.
    #[must_use]
    pub fn retry_after(self) -> u32 {
        match self {
            // Somebody has to leave first.
            Full::InAll | Full::OfAddress => 5,
            Full::PerSecond | Full::OfAddressPerSecond => 1,
        }
    }
}

/// Counts who is inside.
#[derive(Debug, Default)]
pub struct Gate(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    inside: usize,
    /// One entry for each network of which somebody is inside, so that there are no more than are inside.
    networks: HashMap<IpAddr, usize>,
    bucket: Bucket,
    buckets: Buckets,
}

impl Gate {
    /// Lets one more in, who leaves with the pass; without limits there is none, and nothing is counted.
    ///
    /// # Errors
    /// A limit is reached.
    pub fn enter(
        self: &Arc<Self>,
        limits: &ConnectionLimits,
        address: Option<IpAddr>,
        now: Instant,
    ) -> Result<Option<Box<Pass>>, Full> {
        if limits.is_off() {
            return Ok(None);
        }
        let network = address.filter(|_| limits.look_at_addresses()).map(network);
        self.0.lock().enter(limits, network, now)?;
        Ok(Some(Box::new(Pass { gate: Arc::clone(self), network, given_back: AtomicBool::new(false) })))
    }
}

impl Counts {
    fn enter(
        &mut self,
        limits: &ConnectionLimits,
        network: Option<IpAddr>,
        now: Instant,
    ) -> Result<(), Full> {
        if limits.max.is_some_and(|max| self.inside >= max) {
            return Err(Full::InAll);
        }
        let of_network = network.and_then(|network| self.networks.get(&network)).copied().unwrap_or(0);
        if limits.max_per_address.is_some_and(|max| of_network >= max) {
            return Err(Full::OfAddress);
        }
        self.spend(limits, network, now)?;
        self.inside += 1;
        if let Some(network) = network {
            *self.networks.entry(network).or_default() += 1;
        }
        Ok(())
    }

    /// Counts one more who has come. Who is refused counts nowhere, so that an address which has its share cannot use up
    /// the rate of all others.
    fn spend(
        &mut self,
        limits: &ConnectionLimits,
        network: Option<IpAddr>,
        now: Instant,
    ) -> Result<(), Full> {
        let of_network = match network.zip(limits.max_new_per_second_per_address) {
            Some((network, rate)) => {
                let bucket = self.buckets.get(network, now).with_another(rate, now);
                Some((network, bucket.ok_or(Full::OfAddressPerSecond)?))
            }
            None => None,
        };
        if let Some(rate) = limits.max_new_per_second {
            self.bucket = self.bucket.with_another(rate, now).ok_or(Full::PerSecond)?;
        }
        if let Some((network, bucket)) = of_network {
            self.buckets.put(network, bucket);
        }
        Ok(())
    }

    fn leave(&mut self, network: Option<IpAddr>) {
        self.inside = self.inside.saturating_sub(1);
        let Some(network) = network else { return };
        if let Entry::Occupied(mut entry) = self.networks.entry(network) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

/// One who is inside, until this is dropped.
#[derive(Debug)]
pub struct Pass {
    gate: Arc<Gate>,
    network: Option<IpAddr>,
    given_back: AtomicBool,
}

impl Pass {
    /// Leaves before the pass is dropped.
    pub(crate) fn give_back(&self) {
        if !self.given_back.swap(true, Ordering::AcqRel) {
            self.gate.0.lock().leave(self.network);
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// What limits for each client address count as one: the address, or the network of an IPv6 address, as an IPv6 host has
/// 2^64 addresses of its own.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn enter(gate: &Arc<Gate>, limits: &ConnectionLimits, address: &str) -> Result<Box<Pass>, Full> {
        let pass = gate.enter(limits, Some(address.parse().unwrap()), Instant::now())?;
        Ok(pass.expect("there is a limit"))
    }

    #[test]
    fn one_more_than_the_most_is_refused_until_somebody_leaves() {
        let gate = Arc::new(Gate::default());
        let limits = ConnectionLimits { max: Some(2), ..ConnectionLimits::default() };
        let first = enter(&gate, &limits, "192.0.2.1").unwrap();
        let _second = enter(&gate, &limits, "192.0.2.2").unwrap();
        assert_eq!(enter(&gate, &limits, "192.0.2.3").unwrap_err(), Full::InAll);
        first.give_back();
        let _third = enter(&gate, &limits, "192.0.2.3").unwrap();
        drop(first);
        assert_eq!(enter(&gate, &limits, "192.0.2.4").unwrap_err(), Full::InAll, "nobody leaves twice");
    }

    #[test]
    fn an_address_has_its_share_and_an_ipv6_network_is_one_address() {
        let gate = Arc::new(Gate::default());
        let limits = ConnectionLimits { max_per_address: Some(1), ..ConnectionLimits::default() };
        let rows = [
            ("192.0.2.1", Ok(())),
            ("192.0.2.1", Err(Full::OfAddress)),
            ("::ffff:192.0.2.1", Err(Full::OfAddress)),
            ("192.0.2.2", Ok(())),
            ("2001:db8:1:2:3::1", Ok(())),
            ("2001:db8:1:2:ffff::", Err(Full::OfAddress)),
            ("2001:db8:1:3::1", Ok(())),
        ];
        let mut inside = Vec::new();
        for (address, expected) in rows {
            let entered = enter(&gate, &limits, address);
            assert_eq!(entered.as_ref().err(), expected.as_ref().err(), "{address}");
            inside.extend(entered);
        }
        assert_eq!(gate.0.lock().networks.len(), 4);
        inside.clear();
        assert!(gate.0.lock().networks.is_empty(), "who has left is forgotten");
    }

    #[test]
    fn new_ones_come_at_a_rate_and_who_is_refused_for_another_reason_does_not_count() {
        let gate = Arc::new(Gate::default());
        let start = Instant::now();
        let limits = ConnectionLimits {
            max_per_address: Some(1),
            max_new_per_second: Some(2),
            ..ConnectionLimits::default()
        };
        let mut inside = Vec::new();
        let mut enter = |last: u8, after: u64| {
            let address = Some(IpAddr::from([192, 0, 2, last]));
            let entered = gate.enter(&limits, address, start + Duration::from_millis(after));
            entered.map(|pass| inside.push(pass))
        };
        assert_eq!(enter(1, 0), Ok(()));
        assert_eq!(enter(1, 0), Err(Full::OfAddress));
        assert_eq!(enter(2, 0), Ok(()));
        assert_eq!(enter(3, 0), Err(Full::PerSecond));
        assert_eq!(enter(3, 500), Ok(()));
        assert_eq!(enter(4, 500), Err(Full::PerSecond));
    }

    #[test]
    fn an_address_that_comes_too_fast_leaves_the_rate_of_all_to_the_others() {
        let gate = Arc::new(Gate::default());
        let start = Instant::now();
        let limits = ConnectionLimits {
            max_new_per_second: Some(4),
            max_new_per_second_per_address: Some(2),
            ..ConnectionLimits::default()
        };
        let rows = [
            ("2001:db8:1:2:3::1", 0, Ok(())),
            ("2001:db8:1:2:4::1", 0, Ok(())),
            ("2001:db8:1:2:5::1", 0, Err(Full::OfAddressPerSecond)),
            ("2001:db8:1:3:5::1", 0, Ok(())),
            ("192.0.2.1", 0, Ok(())),
            ("192.0.2.1", 0, Err(Full::PerSecond)),
            ("192.0.2.1", 250, Ok(())),
            ("2001:db8:1:2:6::1", 500, Ok(())),
            ("2001:db8:1:2:6::1", 500, Err(Full::OfAddressPerSecond)),
        ];
        for (address, after, expected) in rows {
            let now = start + Duration::from_millis(after);
            let entered = gate.enter(&limits, Some(address.parse().unwrap()), now);
            // Who leaves at once has come all the same.
            assert_eq!(entered.map(drop), expected, "{address} after {after} ms");
        }
        assert_eq!(gate.0.lock().inside, 0);
    }

    #[test]
    fn without_limits_nothing_is_counted() {
        let gate = Arc::new(Gate::default());
        let pass = gate.enter(&ConnectionLimits::default(), None, Instant::now());
        assert!(pass.unwrap().is_none());
        assert_eq!(gate.0.lock().inside, 0);
    }
}
