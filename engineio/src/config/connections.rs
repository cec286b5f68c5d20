//! How many clients there may be.

/// How many connections or sessions there may be at once, and how fast new ones may come. All are off by default: what
/// a server can bear is known to who runs it.
///
/// Past a limit, the request for a new one is answered with status 503 and `Retry-After`; those that are there are not
/// touched.
///
/// # Examples
/// ```
/// use engineio::{Config, ConnectionLimits};
///
/// let sessions = ConnectionLimits { max: Some(50_000), max_per_address: Some(500), ..ConnectionLimits::default() };
/// let config = Config { sessions, ..Config::default() };
/// assert!(config.validate().is_ok());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// The most at once. Default none.
    pub max: Option<usize>,
    /// The most at once of one client address; an IPv6 network of 64 bits counts as one. Default none.
    pub max_per_address: Option<usize>,
    /// The most new ones in a second, of all clients together; as many may come at once after a pause. Default none.
    pub max_new_per_second: Option<u32>,
    /// The most new ones in a second of one client address, as [`max_per_address`](Self::max_per_address) counts
    /// addresses; as many may come at once after a pause. Default none.
    pub max_new_per_second_per_address: Option<u32>,
}

impl ConnectionLimits {
    /// Whether there is nothing to count.
    pub(crate) fn is_off(&self) -> bool {
        *self == Self::default()
    }

    /// Whether there is something to count for each address.
    pub(crate) fn look_at_addresses(&self) -> bool {
        self.max_per_address.is_some() || self.max_new_per_second_per_address.is_some()
    }

    /// Whether each limit lets somebody in.
    pub(super) fn is_sensible(&self) -> bool {
        let at_once = [self.max, self.max_per_address];
        let per_second = [self.max_new_per_second, self.max_new_per_second_per_address];
        !at_once.contains(&Some(0)) && !per_second.contains(&Some(0))
    }
}
