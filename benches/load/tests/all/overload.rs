//! What more work than can be done, many clients at once and one slow reader cost the others.
//!
//! The bounds are wide, as other programs run beside; they are for stalls, queues without end and work that is wasted.

use std::time::Instant;

use loadtest::Report;

use crate::{
    load_for,
    server::{Running, correct, start},
};

/// Long enough to see a stall, and patient with a busy machine.
fn load(server: &Running, line: &str) -> Report {
    load_for(server, line, ["--warmup", "0.2", "--duration", "1", "--timeout", "30"])
}

/// Clients of the storm; `STORM_CLIENTS=20000` has the longer form.
fn storm() -> u32 {
    std::env::var("STORM_CLIENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000)
}

#[test]
fn ten_times_the_rate_that_can_be_done_does_not_lower_what_is_done() {
    let server = start(correct);
    let most = load(&server, "echo --connections 50 --outstanding 8");
    assert!(most.is_ok(), "{:?}", most.fault);
    let rate = most.operations as f64 / most.seconds;
    let overloaded = load(&server, &format!("echo --connections 50 --rate {}", rate * 10.0));
    // Each question that was admitted is answered, in order, without a pause: that is part of a run's check.
    assert!(overloaded.is_ok(), "{:?}", overloaded.fault);
    let done = overloaded.operations as f64 / overloaded.seconds;
    assert!(done > rate / 3.0, "{done:.0} operations each second, {rate:.0} can be done");
}

#[test]
fn a_storm_of_connections_drains_without_a_stall() {
    let (server, clients) = (start(correct), storm());
    let begin = Instant::now();
    let report = load(&server, &format!("idle --connections {clients} --source-addresses 4"));
    assert!(report.is_ok(), "{:?}", report.fault);
    assert_eq!(report.connections, u64::from(clients));
    let (took, bound) = (begin.elapsed().as_secs_f64(), 10.0 + f64::from(clients) / 200.0);
    assert!(took < bound, "{clients} clients came in {took:.1} s");
}

#[test]
fn one_slow_reader_costs_the_others_nothing() {
    let server = start(correct);
    let p99 = |stalled| {
        let line = format!("slow --members 200 --stalled {stalled} --rate 25 --size 8000");
        let report = load(&server, &line);
        assert!(report.is_ok(), "{:?}", report.fault);
        report.latency.unwrap().p99
    };
    let (without, with) = (p99(0), p99(1));
    assert!(
        with < without * 4.0 + 100_000.0,
        "p99 of {with:.0} µs with a slow reader, {without:.0} µs without"
    );
}
