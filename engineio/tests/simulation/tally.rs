//! How often something happened, to know that a run is worth its time.

use crate::{client::Experience, place::NAMESPACES};

#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub events: u64,
    pub upgrades: u64,
    pub overflows: u64,
    pub dropped: u64,
    pub answers: u64,
    pub relayed: u64,
    pub experience: Experience,
}

impl Tally {
    fn counts(&mut self) -> [&mut u64; 9 + NAMESPACES.len()] {
        let Self { events, upgrades, overflows, dropped, answers, relayed, experience } = self;
        let Experience { recoveries: [first, second], pongs, leaves, returns } = experience;
        [events, upgrades, overflows, dropped, answers, relayed, first, second, pongs, leaves, returns]
    }

    pub fn add(&mut self, other: &Self) {
        let mut other = *other;
        self.counts().into_iter().zip(other.counts()).for_each(|(sum, count)| *sum += *count);
    }

    /// Adds what happened to one client.
    pub fn add_experience(&mut self, experience: Experience) {
        self.add(&Self { experience, ..Self::default() });
    }

    pub fn has_everything(mut self) -> bool {
        self.counts().iter().all(|count| **count > 0)
    }
}
