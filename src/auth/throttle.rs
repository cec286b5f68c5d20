//! How often something may be tried: leaky buckets in bounded memory.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    net::IpAddr,
    time::{Duration, Instant},
};

use engineio::hub::network;
use parking_lot::Mutex;

use crate::{config::Rates, error::Error};

/// Keys that are remembered at once, about 3 MB of them.
const MAX_KEYS: usize = 65_536;
/// How often the table is searched for buckets that have run dry, at most.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// What a request bucket holds, in seconds of its rate.
const REQUEST_BURST_SECONDS: f64 = 10.0;

/// Buckets of one size: each spends up to `capacity` at once and gets `rate` back per second.
#[derive(Debug)]
struct Buckets {
    capacity: f64,
    rate: f64,
    hasher: RandomState,
    table: Mutex<Table>,
}

#[derive(Debug)]
struct Table {
    buckets: HashMap<u64, Bucket>,
    next_sweep: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    spent: f64,
    at: Instant,
}

impl Buckets {
    fn new(capacity: f64, rate: f64) -> Self {
        let table = Table { buckets: HashMap::new(), next_sweep: None };
        Self { capacity, rate, hasher: RandomState::new(), table: Mutex::new(table) }
    }

    /// The key's number: texts of attackers' choice are not kept.
    fn key(&self, key: impl Hash) -> u64 {
        self.hasher.hash_one(key)
    }

    /// What is spent at `now`.
    fn spent(&self, bucket: Bucket, now: Instant) -> f64 {
        let back = now.saturating_duration_since(bucket.at).as_secs_f64() * self.rate;
        (bucket.spent - back).max(0.0)
    }

    /// Spends `cost`, or tells how long to wait for it.
    fn spend(&self, key: u64, cost: f64, now: Instant) -> Result<(), Duration> {
        let mut table = self.table.lock();
        let spent = table.buckets.get(&key).map_or(0.0, |bucket| self.spent(*bucket, now));
        let over = spent + cost - self.capacity;
        // A hundredth forgives what floating-point subtraction leaves of a bucket that has just run dry.
        if over > 0.01 {
            return Err(Duration::from_secs_f64(over / self.rate));
        }
        if !table.buckets.contains_key(&key) {
            self.make_room(&mut table, now);
        }
        table.buckets.insert(key, Bucket { spent: spent + cost, at: now });
        Ok(())
    }

    /// Whether `cost` could not be spent now.
    fn is_full(&self, key: u64, cost: f64, now: Instant) -> bool {
        let table = self.table.lock();
        table.buckets.get(&key).is_some_and(|bucket| self.spent(*bucket, now) + cost > self.capacity + 0.01)
    }

    /// Gives `cost` back.
    fn refund(&self, key: u64, cost: f64) {
        if let Some(bucket) = self.table.lock().buckets.get_mut(&key) {
            bucket.spent = (bucket.spent - cost).max(0.0);
        }
    }

    /// Forgets a key.
    fn forget(&self, key: u64) {
        self.table.lock().buckets.remove(&key);
    }

    /// Keeps the table bounded: dry buckets go first, then any, because memory matters more than one count.
    fn make_room(&self, table: &mut Table, now: Instant) {
        if table.buckets.len() < MAX_KEYS {
            return;
        }
        if table.next_sweep.is_none_or(|next| now >= next) {
            table.next_sweep = Some(now + SWEEP_INTERVAL);
            table.buckets.retain(|_, bucket| self.spent(*bucket, now) > 0.0);
        }
        if table.buckets.len() >= MAX_KEYS
            && let Some(any) = table.buckets.keys().next().copied()
        {
            table.buckets.remove(&any);
        }
    }
}

/// Limits API requests per client address.
#[derive(Debug)]
pub struct RequestThrottle {
    buckets: Buckets,
}

impl RequestThrottle {
    /// Allows the rate of `rates`, with bursts of ten seconds' worth.
    #[must_use]
    pub fn new(rates: &Rates) -> Self {
        let rate = f64::from(rates.requests_per_second);
        Self { buckets: Buckets::new(rate * REQUEST_BURST_SECONDS, rate) }
    }

    /// Counts one request.
    ///
    /// # Errors
    /// [`Error::Throttled`] with the time to wait.
    pub fn admit(&self, address: IpAddr, now: Instant) -> Result<(), Error> {
        let spent = self.buckets.spend(self.buckets.key(network(address)), 1.0, now);
        spent.map_err(|retry_after| Error::Throttled { what: "requests", retry_after })
    }
}

/// Limits password tries: strictly per address and account, softly per account, widely per address.
///
/// An account under attack from many addresses cannot be locked: each address that has not failed yet still has
/// one try a window, the owner's too, and success gives everything back.
#[derive(Debug)]
pub struct LoginThrottle {
    pairs: Buckets,
    accounts: Buckets,
    addresses: Buckets,
}

/// A login try that was let in; dropping it counts as a failure.
#[derive(Debug)]
pub struct Attempt<'a> {
    throttle: &'a LoginThrottle,
    cost: f64,
    pair: u64,
    account: u64,
    address: u64,
}

impl LoginThrottle {
    /// Allows the tries of `rates`.
    #[must_use]
    pub fn new(rates: &Rates) -> Self {
        let window = rates.login_window.as_secs_f64();
        let buckets = |tries: u32| Buckets::new(f64::from(tries), f64::from(tries) / window);
        Self {
            pairs: buckets(rates.login_tries),
            accounts: buckets(rates.login_tries_per_account),
            addresses: buckets(rates.login_tries_per_address),
        }
    }

    /// Lets a login try in.
    ///
    /// # Errors
    /// [`Error::Throttled`] with the time to wait.
    pub fn log_in(&self, email: &str, address: IpAddr, now: Instant) -> Result<Attempt<'_>, Error> {
        let email = email.to_lowercase();
        let network = network(address);
        let account = self.accounts.key(&email);
        let attacked = self.accounts.is_full(account, 1.0, now);
        let cost = if attacked { self.pairs.capacity } else { 1.0 };
        let pair = self.pairs.key((&email, network));
        let attempt = Attempt { throttle: self, cost, pair, account, address: self.addresses.key(network) };
        self.pairs.spend(attempt.pair, cost, now).map_err(throttled)?;
        if let Err(wait) = self.addresses.spend(attempt.address, 1.0, now) {
            self.pairs.refund(attempt.pair, cost);
            return Err(throttled(wait));
        }
        // A full bucket stays full: that is what "attacked" means above.
        let _ = self.accounts.spend(attempt.account, 1.0, now);
        Ok(attempt)
    }

    /// Counts a sign-up, which costs as much work as a login.
    ///
    /// # Errors
    /// [`Error::Throttled`] with the time to wait.
    pub fn sign_up(&self, address: IpAddr, now: Instant) -> Result<(), Error> {
        let key = self.addresses.key(network(address));
        let spent = self.addresses.spend(key, 1.0, now);
        spent.map_err(|retry_after| Error::Throttled { what: "sign-ups from your address", retry_after })
    }
}

impl Attempt<'_> {
    /// The password was right: the try was none.
    pub fn succeeded(self) {
        self.throttle.pairs.forget(self.pair);
        self.throttle.accounts.refund(self.account, 1.0);
        self.throttle.addresses.refund(self.address, 1.0);
    }

    /// The password was not looked at: the try was none.
    pub fn cancelled(self) {
        self.throttle.pairs.refund(self.pair, self.cost);
        self.throttle.accounts.refund(self.account, 1.0);
        self.throttle.addresses.refund(self.address, 1.0);
    }
}

fn throttled(retry_after: Duration) -> Error {
    Error::Throttled { what: "login tries", retry_after }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates() -> Rates {
        Rates {
            login_tries: 3,
            login_tries_per_account: 10,
            login_tries_per_address: 20,
            login_window: Duration::from_secs(60),
            requests_per_second: 2,
            events_per_second: 1,
            max_connections: 1,
            max_connections_per_address: 1,
            connections_per_second: 1,
            connections_per_second_per_address: 1,
        }
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn wait(error: &Error) -> u64 {
        error.retry_after_seconds().unwrap()
    }

    #[test]
    fn one_address_has_a_few_tries_per_account_and_gets_them_back_in_time() {
        let throttle = LoginThrottle::new(&rates());
        let start = Instant::now();
        for _ in 0..3 {
            throttle.log_in("ann@a", address(1), start).unwrap();
        }
        let refused = throttle.log_in("Ann@A", address(1), start).unwrap_err();
        assert_eq!(wait(&refused), 20);
        throttle.log_in("bob@a", address(1), start).unwrap();
        throttle.log_in("ann@a", address(2), start).unwrap();
        throttle.log_in("ann@a", address(1), start + Duration::from_secs(20)).unwrap();
        assert!(throttle.log_in("ann@a", address(1), start + Duration::from_secs(20)).is_err());
    }

    #[test]
    fn success_gives_everything_back() {
        let throttle = LoginThrottle::new(&rates());
        let now = Instant::now();
        throttle.log_in("ann@a", address(1), now).unwrap();
        for _ in 0..100 {
            throttle.log_in("ann@a", address(1), now).unwrap().succeeded();
        }
    }

    #[test]
    fn the_owner_of_an_attacked_account_still_has_a_try() {
        let throttle = LoginThrottle::new(&rates());
        let now = Instant::now();
        for attacker in 0..100 {
            let _ = throttle.log_in("ann@a", address(attacker), now);
        }
        assert!(throttle.log_in("ann@a", address(5), now).is_err(), "a used address must wait");
        throttle.log_in("ann@a", address(200), now).unwrap();
        let refused = throttle.log_in("ann@a", address(200), now).unwrap_err();
        assert_eq!(wait(&refused), 60, "one try a window while the attack lasts");
        throttle.log_in("ann@a", address(200), now + Duration::from_secs(61)).unwrap();
    }

    #[test]
    fn one_address_cannot_try_accounts_without_end() {
        let throttle = LoginThrottle::new(&rates());
        let now = Instant::now();
        let let_in = (0..50).filter(|i| throttle.log_in(&format!("{i}@a"), address(1), now).is_ok()).count();
        assert_eq!(let_in, 20);
        assert!(throttle.sign_up(address(1), now).is_err());
        assert!(throttle.sign_up(address(2), now).is_ok());
    }

    #[test]
    fn requests_have_a_rate_and_a_burst() {
        let throttle = RequestThrottle::new(&rates());
        let now = Instant::now();
        let let_in = (0..50).filter(|_| throttle.admit(address(1), now).is_ok()).count();
        assert_eq!(let_in, 20);
        assert_eq!(wait(&throttle.admit(address(1), now).unwrap_err()), 1);
        assert!(throttle.admit(address(1), now + Duration::from_secs(1)).is_ok());
    }

    #[test]
    fn a_network_of_ipv6_addresses_is_one_client() {
        let one = network("2001:db8:1:2:3::1".parse().unwrap());
        assert_eq!(one, network("2001:db8:1:2:ffff::".parse().unwrap()));
        assert_ne!(one, network("2001:db8:1:3::1".parse().unwrap()));
        assert_eq!(network("::ffff:192.0.2.1".parse().unwrap()), address(1));
    }

    #[test]
    fn memory_is_bounded() {
        let buckets = Buckets::new(10.0, 1.0);
        let now = Instant::now();
        for key in 0..(MAX_KEYS as u64 + 1000) {
            buckets.spend(key, 1.0, now).unwrap();
        }
        assert_eq!(buckets.table.lock().buckets.len(), MAX_KEYS);
        buckets.spend(u64::MAX, 1.0, now + Duration::from_secs(60)).unwrap();
        assert_eq!(buckets.table.lock().buckets.len(), 1, "dry buckets are forgotten first");
    }
}
