//! One room: a publisher outside it, and members that count, compare and watch the order.

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
    /// Members of the room.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub members: u32,
    /// Messages under way at once in a closed loop.
    #[arg(long, value_name = "K", default_value_t = 1)]
    pub in_flight: u32,
    /// Bytes of each payload.
    #[arg(long, value_name = "BYTES", default_value_t = 64)]
    pub size: usize,
    #[command(flatten)]
    #[doc(hidden)]
    pub rate: Rate,
}

pub(super) fn run(common: &Common, options: &Options, tell: &mut dyn FnMut(Progress)) -> Report {
    let settings = vec![
        ("members", options.members.into()),
        ("in_flight", options.in_flight.into()),
        ("size", options.size.into()),
        ("rate", options.rate.rate.into()),
    ];
    let plan = Plan {
        rooms: 1,
        members: options.members,
        stalled: 0,
        outsider: true,
        in_flight: options.in_flight,
        size: options.size,
        silent: 0,
    };
    let scenario = at_least_one("members", options.members)
        .and_then(|()| at_least_one("in-flight", options.in_flight))
        .and_then(|()| Fanout::new(common, plan));
    let report = Report { scenario: "broadcast", settings, ..Report::default() };
    drive(common, options.rate.rate, scenario, report, tell)
}
