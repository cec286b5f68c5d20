//! Servers and clients in a simulated world: time is a number, the network is a list, and one seed decides all that
//! happens. What must hold is checked after each step, against a model that is as plain as can be.
//!
//! ```sh
//! cargo nextest run -p engineio --test simulation
//! SIMULATION_SEED=17 cargo nextest run -p engineio --test simulation       # one run again
//! SIMULATION_SEEDS=100000 cargo nextest run -p engineio --test simulation  # more of them, on all cores
//! ```

#![allow(clippy::disallowed_methods, reason = "tests make their own time")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::print_stdout, reason = "a run that failed is told")]
#![allow(missing_docs, unreachable_pub, reason = "tests are described by their names and used by nobody")]

#[allow(dead_code, reason = "other tests use more of it")]
#[path = "../core/cluster/bus/mod.rs"]
mod bus;
mod client;
mod dialect;
mod invariants;
mod model;
mod msgpack;
mod network;
mod place;
mod program;
mod rng;
mod runtime;
mod server_steps;
mod steps;
mod tally;
mod transport;
mod world;

use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};

use tally::Tally;
use world::World;

/// The runs of an ordinary test run, which take 20 seconds or less of one core.
const SEEDS: u64 = 5_000;

/// Makes one run; answers its steps, and how often what happened, or else has told what went wrong.
fn simulate(seed: u64) -> Option<(Vec<String>, Tally)> {
    let mut world = World::new(seed);
    let result = catch_unwind(AssertUnwindSafe(|| steps::run(&mut world)));
    if result.is_ok() {
        return Some((world.trace, world.tally));
    }
    println!("{}", world.trace.join("\n"));
    println!("seed {seed} failed. To see it again:");
    println!("SIMULATION_SEED={seed} cargo nextest run -p engineio --test simulation");
    None
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// Makes the runs of all seeds below `seeds`; answers what happened in them together.
fn simulate_all(seeds: u64, threads: usize) -> Tally {
    let (next, has_failed) = (AtomicU64::new(0), AtomicBool::new(false));
    let work = || {
        let mut total = Tally::default();
        while !has_failed.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds {
                break;
            }
            match simulate(seed) {
                Some((_, tally)) => total.add(&tally),
                None => has_failed.store(true, Ordering::Relaxed),
            }
        }
        total
    };
    let mut total = Tally::default();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().for_each(|worker| total.add(&worker.join().expect("a worker's total")));
    });
    assert!(!has_failed.into_inner(), "a run failed, see above");
    total
}

#[test]
fn whatever_happens_nothing_is_lost_doubled_or_left_behind() {
    if let Some(seed) = number("SIMULATION_SEED") {
        let (trace, _) = simulate(seed).expect("a run without a fault");
        return println!("{}", trace.join("\n"));
    }
    let (seeds, threads) = match number("SIMULATION_SEEDS") {
        Some(seeds) => (seeds, thread::available_parallelism().map_or(1, usize::from)),
        None => (SEEDS, 1),
    };
    let total = simulate_all(seeds, threads);
    println!("{seeds} runs: {total:?}");
    // A simulation in which nothing happens proves nothing.
    assert!(total.has_everything(), "{total:?}");
}

#[test]
fn a_seed_means_the_same_run_each_time() {
    for seed in 0..20 {
        assert_eq!(simulate(seed).map(|run| run.0), simulate(seed).map(|run| run.0));
    }
}
