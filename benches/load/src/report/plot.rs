//! Line plots as SVG.

use std::fmt::Write;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 260.0;
/// Room for the labels at the left and at the bottom, and for the title.
const LEFT: f64 = 64.0;
const BOTTOM: f64 = 28.0;
const TOP: f64 = 34.0;
const RIGHT: f64 = 16.0;
/// Lines of the grid, in each direction.
const STEPS: u32 = 4;

/// One line of a plot.
pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) points: Vec<(f64, f64)>,
}

/// A plot with its labels.
pub(super) struct Plot<'a> {
    pub(super) title: &'a str,
    /// Writes a place on the horizontal axis.
    pub(super) x_label: fn(f64) -> String,
    pub(super) lines: Vec<Line>,
}

impl Plot<'_> {
    /// Draws the plot; nothing if no line has two points.
    pub(super) fn draw(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| line.points.iter().copied());
        if self.lines.iter().all(|line| line.points.len() < 2) {
            return String::new();
        }
        let (left, right) =
            points().fold((f64::MAX, f64::MIN), |(low, high), (x, _)| (low.min(x), high.max(x)));
        let top = points().fold(f64::MIN_POSITIVE, |high, (_, y)| high.max(y)) * 1.05;
        let at_x =
            |x: f64| LEFT + (x - left) / (right - left).max(f64::MIN_POSITIVE) * (WIDTH - LEFT - RIGHT);
        let at_y = |y: f64| HEIGHT - BOTTOM - y / top * (HEIGHT - BOTTOM - TOP);
        let mut out =
            format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">", self.title);
        // Writing to a string does not fail.
        let _ = write!(out, "<text class=\"title\" x=\"{LEFT}\" y=\"18\">{}</text>", self.title);
        for step in 0..=STEPS {
            let share = f64::from(step) / f64::from(STEPS);
            let (y, value) = (at_y(top * share), number(top * share));
            let _ = write!(out, "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>", WIDTH - RIGHT);
            let _ = write!(out, "<text class=\"y\" x=\"{}\" y=\"{:.1}\">{value}</text>", LEFT - 6.0, y + 4.0);
            let (x, value) = (left + (right - left) * share, (self.x_label)(left + (right - left) * share));
            let _ =
                write!(out, "<text class=\"x\" x=\"{:.1}\" y=\"{}\">{value}</text>", at_x(x), HEIGHT - 8.0);
        }
        for (index, line) in self.lines.iter().enumerate() {
            let path: Vec<_> =
                line.points.iter().map(|&(x, y)| format!("{:.1},{:.1}", at_x(x), at_y(y))).collect();
            let _ = write!(out, "<polyline class=\"line{index}\" points=\"{}\"/>", path.join(" "));
            let place = WIDTH - RIGHT - 60.0 * (self.lines.len() - index) as f64 + 60.0;
            let _ =
                write!(out, "<text class=\"name line{index}\" x=\"{place}\" y=\"18\">{}</text>", line.name);
        }
        out + "</svg>"
    }
}

/// A number short enough for an axis.
fn number(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{:.1}M", value / 1e6),
        value if value >= 1e4 => format!("{:.0}k", value / 1e3),
        value if value >= 100.0 => format!("{value:.0}"),
        value => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fill_the_plot_from_corner_to_corner() {
        let lines = vec![Line { name: "p50", points: vec![(0.0, 0.0), (10.0, 100.0)] }];
        let plot = Plot { title: "Latency", x_label: |x| format!("{x} s"), lines };
        let svg = plot.draw();
        assert!(svg.contains("points=\"64.0,232.0 744.0,43.4\""), "{svg}");
        assert!(svg.contains(">5 s</text>") && svg.contains(">105</text>"), "{svg}");
    }

    #[test]
    fn a_line_of_one_point_is_not_drawn() {
        let lines = vec![Line { name: "p50", points: vec![(0.0, 1.0)] }];
        assert_eq!(Plot { title: "x", x_label: |x| x.to_string(), lines }.draw(), "");
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in [(0.5, "0.50"), (250.0, "250"), (25_000.0, "25k"), (2.5e6, "2.5M")] {
            assert_eq!(number(value), text);
        }
    }
}
