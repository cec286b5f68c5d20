//! Every scenario against a server that does all it should.

use crate::{
    load, load_for,
    server::{Running, correct, start},
};

fn passes(server: &Running, line: &str) -> loadtest::Report {
    let report = load(server, line);
    assert!(report.is_ok(), "{line}: {:?}", report.fault);
    assert_eq!(report.ignored, 0, "{line}");
    if report.scenario != "idle" {
        assert!(report.operations > 0 && report.checked > report.operations, "{line}: {report:?}");
        let latency = report.latency.unwrap();
        assert!(
            0.0 < latency.p50 && latency.p50 <= latency.p999 && latency.p999 <= latency.max,
            "{latency:?}"
        );
    }
    report
}

#[test]
fn closed_loops_pass() {
    let server = start(correct);
    for line in [
        "handshake --in-flight 4",
        "upgrade --in-flight 4",
        "echo --connections 5 --outstanding 3",
        "echo --connections 5 --outstanding 3 --binary --size 300",
        "echo --connections 2 --size 100000",
        "broadcast --members 20",
        "broadcast --members 20 --in-flight 8",
        "rooms --rooms 5 --members 4",
        "rooms --rooms 5 --members 2 --silent 33",
        "churn --connections 4 --rooms 10",
        "churn --connections 4 --rooms 1",
        r#"call --event echo --args ["{{connection}}/{{number}}"]"#,
        r#"call --event echo --args ["x"] --answer ["x"] --outstanding 3"#,
        "polling --connections 5",
        "polling --connections 5 --outstanding 3",
        "get --connections 3 --target /socket.io/?EIO=4&transport=polling",
    ] {
        passes(&server, line);
    }
}

#[test]
fn open_loops_keep_their_rate() {
    let server = start(correct);
    for (line, rate) in [
        ("handshake --rate 100", 100.0),
        ("upgrade --rate 50", 50.0),
        ("echo --connections 5 --rate 1000", 1_000.0),
        ("echo --connections 5 --rate 500 --binary", 500.0),
        ("broadcast --members 10 --rate 100", 1_000.0),
        ("rooms --rooms 4 --members 5 --rate 100", 500.0),
        ("polling --connections 5 --rate 200", 200.0),
        ("call --event echo --args [1] --rate 500", 500.0),
        ("get --target /socket.io/?EIO=4&transport=polling --rate 200", 200.0),
    ] {
        let throughput = passes(&server, line).throughput();
        assert!((throughput - rate).abs() < rate * 0.5, "{line}: {throughput} each second");
    }
}

#[test]
fn a_load_generator_that_never_sleeps_keeps_its_rate() {
    let server = start(correct);
    let report = passes(&server, "echo --connections 2 --rate 200 --spin");
    assert!((report.throughput() - 200.0).abs() < 100.0, "{report:?}");
}

#[test]
fn idle_connections_are_held_and_the_server_is_measured() {
    let server = start(correct);
    let line = format!("idle --connections 20 --source-addresses 3 --pid {}", std::process::id());
    let report = passes(&server, &line);
    assert_eq!(report.connections, 20);
    let used = report.server.unwrap();
    assert!(used.resident > 0 && report.resident_per_connection().is_some());
}

#[test]
fn readers_that_stall_are_cut_and_the_others_receive_all() {
    let server = start(correct);
    let report = passes(&server, "slow --members 6 --stalled 2 --size 400000 --rate 50");
    assert_eq!(report.notes, [("stalled_cut", 2.into()), ("stalled_caught_up", 0.into())]);
    let report = passes(&server, "slow --members 6 --stalled 2 --size 1000 --rate 50");
    assert_eq!(report.notes, [("stalled_cut", 0.into()), ("stalled_caught_up", 2.into())]);
}

#[test]
fn a_few_are_measured_while_many_are_broadcast_to() {
    let server = start(correct);
    let report = passes(&server, "fairness --members 50 --connections 3 --rate 500");
    assert!((report.throughput() - 500.0).abs() < 250.0, "{report:?}");
    assert!(report.notes[0].1.as_f64().unwrap() > 100.0, "{:?}", report.notes);
    let settings = ["slow --members 2 --stalled 2", "fairness --members 0"];
    for line in settings {
        assert_eq!(load(&server, line).fault.map(|fault| fault.kind), Some(loadtest::FaultKind::Setting));
    }
}

#[test]
fn the_window_is_told_in_parts_that_make_the_whole() {
    let server = start(correct);
    let line = format!("echo --connections 2 --pid {}", std::process::id());
    // Long enough for several parts on a machine that is busy.
    let report = load_for(&server, &line, ["--warmup", "0.1", "--duration", "1.5", "--timeout", "5"]);
    assert!(report.is_ok(), "{:?}", report.fault);
    let cpu: f64 = report.samples.iter().map(|sample| sample.server_cpu).sum();
    assert!(cpu > 0.0, "this process is the server: {:?}", report.samples);
    assert!(report.samples.len() >= 2, "{:?}", report.samples);
    let mut from = 0.0;
    let mut operations = 0.0;
    for sample in &report.samples {
        assert!(sample.at > from && sample.p50 <= sample.p99, "{:?}", report.samples);
        operations += sample.throughput * (sample.at - from);
        from = sample.at;
    }
    assert!((operations - report.operations as f64).abs() < 1.0, "{operations} of {}", report.operations);
    assert!(report.distribution.is_sorted(), "{:?}", report.distribution);
    assert!(report.html().contains("<polyline"));
    assert_eq!(report.csv().lines().count(), report.samples.len() + 1);
}

#[test]
fn another_namespace_gets_its_authentication() {
    let server = start(|io| {
        let chat = io.of("/chat");
        chat.on("echo", |payload: engineio::Payload, ack: engineio::Ack| ack.send_payload(&payload));
    });
    for line in
        ["echo --connections 2", "echo --connections 2 --binary", "polling --connections 2", "upgrade"]
    {
        passes(
            &server,
            &format!(r#"{line} --namespace /chat --auth {{"token":"x"}} --cookie a=b --header X-Y:z"#),
        );
    }
}

#[test]
fn settings_that_cannot_work_are_told() {
    let server = start(correct);
    for line in [
        "echo --size 3",
        "echo --connections 0",
        "echo --rate 0",
        "idle --pid 4294967295",
        "echo --auth {",
        "call --event x --args {}",
        "call --event x --answer 1",
        "churn --rooms 0",
        "echo --query x",
    ] {
        let report = load(&server, line);
        assert_eq!(report.fault.map(|fault| fault.kind), Some(loadtest::FaultKind::Setting), "{line}");
    }
    let report = load(&server, "echo --path /elsewhere");
    assert_eq!(report.fault.map(|fault| fault.kind), Some(loadtest::FaultKind::Protocol));
    let report = load(&server, "echo --namespace /unknown");
    assert_eq!(report.fault.map(|fault| fault.kind), Some(loadtest::FaultKind::Protocol));
}
