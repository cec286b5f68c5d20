//! Many rooms at once: in each, one of its members publishes to all of them.

use clap::Args;

use super::{
    at_least_one,
    fanout::{Fanout, Plan},
};
use crate::{
    options::{Common, Rate},
    report::Report,
    run::{Progress, drive},
};

/// The options of the scenario.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Rooms.
    #[arg(long, value_name = "R", default_value_t = 100)]
    pub rooms: u32,
    /// Members of each room.
    #[arg(long, value_name = "M", default_value_t = 10)]
    pub members: u32,
    /// Messages of each room under way at once in a closed loop.
    #[arg(long, value_name = "K", default_value_t = 1)]
    pub in_flight: u32,
    /// Bytes of each payload.
    #[arg(long, value_name = "BYTES", default_value_t = 64)]
    pub size: usize,
    /// Further rooms, shared out among the connections, that nobody publishes to.
    #[arg(long, value_name = "R", default_value_t = 0)]
    pub silent: u32,
    #[command(flatten)]
    #[doc(hidden)]
    pub rate: Rate,
}

pub(super) fn run(common: &Common, options: &Options, tell: &mut dyn FnMut(Progress)) -> Report {
    let settings = vec![
        ("rooms", options.rooms.into()),
        ("members", options.members.into()),
        ("in_flight", options.in_flight.into()),
        ("size", options.size.into()),
        ("silent", options.silent.into()),
        ("rate", options.rate.rate.into()),
    ];
    let plan = Plan {
        rooms: options.rooms,
        members: options.members,
        stalled: 0,
        outsider: false,
        in_flight: options.in_flight,
        size: options.size,
        silent: options.silent,
    };
    let scenario = at_least_one("rooms", options.rooms)
        .and_then(|()| at_least_one("members", options.members))
        .and_then(|()| at_least_one("in-flight", options.in_flight))
        .and_then(|()| Fanout::new(common, plan));
    let report = Report { scenario: "rooms", settings, ..Report::default() };
    drive(common, options.rate.rate, scenario, report, tell)
}
