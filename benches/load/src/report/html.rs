//! The report as one page without scripts: the figures and what they were over time.

use super::{
    Report, Sample,
    plot::{Line, Plot},
};

const STYLE: &str = "\
body{font:15px/1.5 system-ui,sans-serif;max-width:800px;margin:2rem auto;padding:0 1rem;color:#1d2430;background:#fff}\
h1{font-size:1.3rem}td{padding:.1rem .8rem .1rem 0;vertical-align:top}td:first-child{color:#5a6472}\
svg{width:100%;height:auto;margin:.6rem 0}text{font:12px system-ui,sans-serif;fill:#5a6472}\
.title{fill:#1d2430;font-weight:600}.y{text-anchor:end}.x{text-anchor:middle}.name{text-anchor:end;font-weight:600}\
line{stroke:#e3e6ea}polyline{fill:none;stroke-width:1.8}\
polyline.line0{stroke:#2563c9}polyline.line1{stroke:#c2500f}text.line0{fill:#2563c9}text.line1{fill:#c2500f}\
@media(prefers-color-scheme:dark){body{background:#14181f;color:#e6e9ee}.title{fill:#e6e9ee}line{stroke:#2c333d}\
td:first-child,text{color:#9aa4b1;fill:#9aa4b1}polyline.line0{stroke:#6ea2ff}polyline.line1{stroke:#ff9a5c}\
text.line0{fill:#6ea2ff}text.line1{fill:#ff9a5c}}";

pub(super) fn page(report: &Report) -> String {
    let rows: String = report
        .rows()
        .iter()
        .map(|(name, value)| format!("<tr><td>{name}</td><td>{}</td></tr>", escape(value)))
        .collect();
    let plots: String = plots(report).iter().map(Plot::draw).collect();
    let title = format!("loadtest: {}", report.scenario);
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style>\
         <h1>{title}</h1><table>{rows}</table>{plots}</html>\n"
    )
}

fn plots(report: &Report) -> [Plot<'static>; 4] {
    let over_time = |value: fn(&Sample) -> f64| -> Vec<(f64, f64)> {
        report.samples.iter().map(|sample| (sample.at, value(sample))).collect()
    };
    let seconds: fn(f64) -> String = |at| format!("{} s", (at * 10.0).round() / 10.0);
    // Each nine of a share takes the same room.
    let curve = report.distribution.iter().map(|(share, us)| (-(1.0 - share).log10(), us / 1e3)).collect();
    let resident = over_time(|sample| sample.resident as f64 / 1e6);
    let resident = if resident.iter().any(|(_, bytes)| *bytes > 0.0) { resident } else { Vec::new() };
    let one = |name, points| vec![Line { name, points }];
    [
        Plot { title: "Latency by share of operations, ms", x_label: nines, lines: one("", curve) },
        Plot {
            title: "Latency over time, ms",
            x_label: seconds,
            lines: vec![
                Line { name: "p50", points: over_time(|sample| sample.p50 / 1e3) },
                Line { name: "p99", points: over_time(|sample| sample.p99 / 1e3) },
            ],
        },
        Plot {
            title: "Operations each second",
            x_label: seconds,
            lines: one("", over_time(|sample| sample.throughput)),
        },
        Plot { title: "Resident memory of the server, MB", x_label: seconds, lines: one("", resident) },
    ]
}

/// The share that has so many nines: 2 are 99 %.
fn nines(count: f64) -> String {
    let share = 100.0 - 100.0 / 10_f64.powf(count);
    format!("{} %", (share * 1e4).round() / 1e4)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Fault, FaultKind};

    #[test]
    fn the_page_has_figures_and_plots_and_loads_nothing() {
        let sample = |at| Sample { at, throughput: 10.0, p50: 1.0, p99: 2.0, resident: 1 };
        let report = Report {
            scenario: "echo",
            operations: 5,
            samples: vec![sample(0.2), sample(0.4)],
            distribution: vec![(0.0, 1.0), (0.9, 2.0), (0.99, 3.0)],
            ..Report::default()
        };
        let page = report.html();
        assert_eq!(page.matches("<svg").count(), 4);
        assert!(page.contains("<td>scenario</td><td>echo</td>"), "{page}");
        assert!(!page.contains("src=") && !page.contains("href=") && !page.contains("<script"));
    }

    #[test]
    fn shares_are_told_by_their_nines() {
        assert_eq!([0.0, 1.0, 2.0, 3.0].map(nines), ["0 %", "90 %", "99 %", "99.9 %"]);
    }

    #[test]
    fn what_servers_say_is_text() {
        let fault = Fault::new(FaultKind::Protocol, "found <script>alert(1)</script>");
        let page = Report { fault: Some(fault), ..Report::default() }.html();
        assert!(page.contains("&lt;script&gt;"));
        assert!(!page.contains("<script"));
        assert!(!page.contains("<svg"), "there is nothing to plot");
    }
}
