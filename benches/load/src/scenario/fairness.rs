//! A few connections that echo at a constant rate while a large room is broadcast to: how long the many hold up the few.
//!
//! The broadcast has a thread of its own that yields to the one that measures: otherwise the time this program takes
//! to read thousands of messages would count as the server's.

use std::{
    sync::mpsc::{Sender, channel},
    thread,
};

use clap::Args;

use super::{broadcast, echo};
use crate::{
    fault::{Fault, FaultKind},
    options::{Common, Rate},
    report::Report,
    run::Progress,
};

/// The options of the scenario.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Members of the room.
    #[arg(long, value_name = "N", default_value_t = 5_000)]
    pub members: u32,
    /// Connections that echo.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub connections: u32,
    /// Events that are echoed each second.
    #[arg(long, value_name = "PER_SECOND", default_value_t = 1_000.0)]
    pub rate: f64,
    /// Bytes of each payload.
    #[arg(long, value_name = "BYTES", default_value_t = 64)]
    pub size: usize,
}

pub(super) fn run(common: &Common, options: &Options, tell: &mut dyn FnMut(Progress)) -> Report {
    let (begun, has_begun) = channel();
    let crowd = {
        let (common, options) = (common.clone(), options.clone());
        thread::spawn(move || broadcast(&common, &options, &begun))
    };
    // When the broadcast fails during its setup, nothing comes.
    let echoed = has_begun.recv().map(|()| echo(common, options, tell));
    let broadcast = crowd.join().unwrap_or_default();
    let settings = vec![
        ("members", options.members.into()),
        ("connections", options.connections.into()),
        ("size", options.size.into()),
        ("rate", options.rate.into()),
    ];
    let mut report = echoed.unwrap_or_default();
    report.notes.push(("deliveries_per_second", broadcast.throughput().round().into()));
    let fault = report.fault.take().or(broadcast.fault);
    Report { scenario: "fairness", settings, fault, ..report }
}

/// Broadcasts from before the echoes begin until after they have ended; says when it has begun.
fn broadcast(common: &Common, options: &Options, begun: &Sender<()>) -> Report {
    if let Err(error) = yield_to_others() {
        let fault = Fault::new(FaultKind::Setting, format!("lowering a thread's priority: {error}"));
        return Report { fault: Some(fault), ..Report::default() };
    }
    let common =
        Common { duration: common.duration + 2.0 * common.warmup + 1.0, pid: None, ..common.clone() };
    let own = broadcast::Options {
        members: options.members,
        in_flight: 1,
        size: options.size,
        rate: Rate::default(),
    };
    broadcast::run(&common, &own, &mut |progress| {
        if progress.phase != Progress::SETUP {
            // The other side listens to the first only.
            let _ = begun.send(());
        }
    })
}

fn echo(common: &Common, options: &Options, tell: &mut dyn FnMut(Progress)) -> Report {
    let own = echo::Options {
        connections: options.connections,
        outstanding: 1,
        size: options.size,
        binary: false,
        rate: Rate { rate: Some(options.rate) },
    };
    echo::run(common, &own, tell)
}

/// Gives this thread the lowest priority; on Linux it is a thread's own.
fn yield_to_others() -> rustix::io::Result<()> {
    rustix::process::nice(19).map(drop)
}
