//! The report as one page without scripts: whether all was right, the main figures, what they were over time, and
//! everything else in a table.

use super::{
    Report, Sample,
    plot::{Line, Plot},
};

/// The looks of the page; nothing is loaded.
const STYLE: &str = include_str!("page.css");

pub(super) fn page(report: &Report) -> String {
    let title = format!("loadtest {}", report.scenario);
    let (verdict, class) = if report.is_ok() { ("all correct", "good") } else { ("failed", "bad") };
    let target = escape(&report.target);
    let fault = report
        .fault
        .as_ref()
        .map_or(String::new(), |fault| format!("<p class=\"fault\">{}</p>", escape(&fault.to_string())));
    let tiles: String = tiles(report)
        .iter()
        .map(|(name, value, unit)| format!("<div><span>{name}</span><b>{value}</b><span>{unit}</span></div>"))
        .collect();
    let plots: String = plots(report).iter().map(Plot::draw).collect();
    let rows: String = report
        .rows()
        .iter()
        .map(|(name, value)| format!("<tr><td>{}</td><td>{}</td></tr>", escape(name), escape(value)))
        .collect();
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style>\
         <header><h1>{title}</h1><span class=\"verdict {class}\">{verdict}</span></header>\
         <p class=\"target\">{target}</p>{fault}\
         <section class=\"tiles\">{tiles}</section><section class=\"plots\">{plots}</section>\
         <h2>Everything</h2><table>{rows}</table></html>\n"
    )
}

/// The main figures: name, value and unit.
fn tiles(report: &Report) -> Vec<(&'static str, String, &'static str)> {
    let mut tiles = Vec::new();
    if report.operations > 0 {
        tiles.push(("Throughput", grouped(report.throughput()), "operations / s"));
    }
    if let Some(latency) = report.latency {
        for (name, us) in [("p50", latency.p50), ("p99", latency.p99), ("p99.9", latency.p999)] {
            tiles.push((name, milliseconds(us), "ms"));
        }
    }
    if let Some(cost) = report.server_cpu_us_per_op() {
        tiles.push(("Server CPU", format!("{cost:.2}"), "µs / operation"));
    }
    if report.connections > 0 {
        tiles.push(("Connections", grouped(report.connections as f64), "held open"));
    }
    if let Some(bytes) = report.resident_per_connection() {
        tiles.push(("Server memory", grouped(bytes), "bytes / connection"));
    }
    tiles
}

fn plots(report: &Report) -> [Plot<'static>; 5] {
    let over_time = |value: fn(&Sample) -> f64| -> Vec<(f64, f64)> {
        report.samples.iter().map(|sample| (sample.at, value(sample))).collect()
    };
    let seconds: fn(f64) -> String = |at| format!("{} s", (at * 10.0).round() / 10.0);
    // Each nine of a share takes the same room.
    let curve = report.distribution.iter().map(|(share, us)| (-(1.0 - share).log10(), us / 1e3)).collect();
    let of_operations = |value| if report.operations > 0 { over_time(value) } else { Vec::new() };
    let of_server = |value| if report.server.is_some() { over_time(value) } else { Vec::new() };
    let one = |points| vec![Line { name: "", points }];
    let two = |names: [_; 2], [first, second]: [Vec<_>; 2]| {
        let lines = names.into_iter().zip([first, second]);
        lines.map(|(name, points)| Line { name, points }).collect()
    };
    let latency = [of_operations(|sample| sample.p50 / 1e3), of_operations(|sample| sample.p99 / 1e3)];
    let cpu = [of_server(|sample| sample.server_cpu), over_time(|sample| sample.own_cpu)];
    [
        Plot {
            title: "Operations each second",
            x_label: seconds,
            lines: one(of_operations(|sample| sample.throughput)),
        },
        Plot { title: "Latency over time, ms", x_label: seconds, lines: two(["p50", "p99"], latency) },
        Plot { title: "Latency by share of operations, ms", x_label: nines, lines: one(curve) },
        Plot { title: "Processor cores in use", x_label: seconds, lines: two(["server", "load"], cpu) },
        Plot {
            title: "Resident memory of the server, MB",
            x_label: seconds,
            lines: one(of_server(|sample| sample.resident as f64 / 1e6)),
        },
    ]
}

/// The share that has so many nines: 2 are 99 %.
fn nines(count: f64) -> String {
    let share = 100.0 - 100.0 / 10_f64.powf(count);
    format!("{} %", (share * 1e4).round() / 1e4)
}

/// Microseconds as milliseconds with three digits that say something.
fn milliseconds(us: f64) -> String {
    match us / 1e3 {
        ms if ms >= 100.0 => format!("{ms:.0}"),
        ms if ms >= 10.0 => format!("{ms:.1}"),
        ms => format!("{ms:.2}"),
    }
}

/// A whole number with its thousands apart.
fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut out = String::from(if value < -0.5 { "-" } else { "" });
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ServerUse,
        fault::{Fault, FaultKind},
    };

    #[test]
    fn the_page_has_figures_and_plots_and_loads_nothing() {
        let sample =
            |at| Sample { at, throughput: 10.0, p50: 1.0, p99: 2.0, resident: 1, ..Sample::default() };
        let report = Report {
            scenario: "echo",
            target: "http://127.0.0.1:3000".into(),
            seconds: 0.002,
            operations: 5,
            samples: vec![sample(0.2), sample(0.4)],
            distribution: vec![(0.0, 1.0), (0.9, 2.0), (0.99, 3.0)],
            server: Some(ServerUse::default()),
            ..Report::default()
        };
        let page = report.html();
        assert_eq!(page.matches("<svg").count(), 5);
        for part in ["<td>scenario</td><td>echo</td>", "all correct", "<b>2,500</b>", "http://127.0.0.1:3000"]
        {
            assert!(page.contains(part), "{part} is not in {page}");
        }
        for loading in ["src=", "href=", "<script", "url(", "@import"] {
            assert!(!page.contains(loading), "{loading}");
        }
    }

    #[test]
    fn shares_are_told_by_their_nines() {
        assert_eq!([0.0, 1.0, 2.0, 3.0].map(nines), ["0 %", "90 %", "99 %", "99.9 %"]);
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(
            [0.0, 999.4, 1_000.0, 1_234_567.0, -2_500.0].map(grouped),
            ["0", "999", "1,000", "1,234,567", "-2,500"]
        );
    }

    #[test]
    fn what_servers_say_is_text() {
        let fault = Fault::new(FaultKind::Protocol, "found <script>alert(1)</script>");
        let page = Report { fault: Some(fault), ..Report::default() }.html();
        assert!(page.contains("&lt;script&gt;") && page.contains("failed"));
        assert!(!page.contains("<script"));
        assert!(!page.contains("<svg"), "there is nothing to plot");
    }
}
