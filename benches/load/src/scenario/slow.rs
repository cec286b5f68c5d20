//! One room with members that stop reading: what becomes of the others, of the server's memory, and of them.

use clap::Args;

use super::{
    at_least_one,
    fanout::{Fanout, Plan},
};
use crate::{
    fault::Fault,
    options::Common,
    report::Report,
    run::{Progress, drive},
};

/// The options of the scenario.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Members of the room.
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub members: u32,
    /// Members of these that stop reading.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub stalled: u32,
    /// Bytes of each payload.
    #[arg(long, value_name = "BYTES", default_value_t = 16_000)]
    pub size: usize,
    /// Messages that are published each second, whatever became of those before.
    #[arg(long, value_name = "PER_SECOND", default_value_t = 200.0)]
    pub rate: f64,
}

pub(super) fn run(common: &Common, options: &Options, tell: &mut dyn FnMut(Progress)) -> Report {
    let settings = vec![
        ("members", options.members.into()),
        ("stalled", options.stalled.into()),
        ("size", options.size.into()),
        ("rate", options.rate.into()),
    ];
    let report = Report { scenario: "slow", settings, ..Report::default() };
    drive(common, Some(options.rate), scenario(common, options), report, tell)
}

fn scenario(common: &Common, options: &Options) -> Result<Fanout, Fault> {
    at_least_one("members", options.members)?;
    if options.stalled >= options.members {
        return Err(Fault::setting("--stalled must be less than --members"));
    }
    let plan = Plan {
        rooms: 1,
        members: options.members,
        stalled: options.stalled,
        outsider: true,
        in_flight: 1,
        size: options.size,
        silent: 0,
    };
    Fanout::new(common, plan)
}
