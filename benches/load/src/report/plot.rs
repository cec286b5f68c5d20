//! Line plots as SVG.

const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 250.0;
/// Room for the labels at the left and at the bottom, and for the title.
const LEFT: f64 = 52.0;
const BOTTOM: f64 = 28.0;
const TOP: f64 = 38.0;
const RIGHT: f64 = 18.0;
/// The most lines of the grid in each direction.
const STEPS: f64 = 6.0;

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
        if self.lines.iter().all(|line| line.points.len() < 2) {
            return String::new();
        }
        let highest = |axis: fn(&(f64, f64)) -> f64| {
            self.lines.iter().flat_map(|line| &line.points).map(axis).fold(f64::MIN_POSITIVE, f64::max)
        };
        let (right, highest) = (highest(|point| point.0), highest(|point| point.1));
        // The plot ends at a line of the grid, so that the highest point has one above it.
        let step = step(highest);
        let top = (highest / step).ceil() * step;
        let at_x = |x: f64| LEFT + x / right * (WIDTH - LEFT - RIGHT);
        let at_y = |y: f64| HEIGHT - BOTTOM - y / top * (HEIGHT - BOTTOM - TOP);
        let title = self.title;
        let mut out = format!(r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">"#);
        out += &format!(r#"<text class="title" x="0" y="14">{title}</text>"#);
        for value in grid(top) {
            let (y, end, label) = (at_y(value), WIDTH - RIGHT, number(value));
            out += &format!(r#"<line x1="{LEFT}" x2="{end}" y1="{y:.1}" y2="{y:.1}"/>"#);
            out += &format!(r#"<text class="y" x="{}" y="{:.1}">{label}</text>"#, LEFT - 8.0, y + 4.0);
        }
        for value in grid(right) {
            let (x, y, label) = (at_x(value), HEIGHT - 8.0, (self.x_label)(value));
            out += &format!(r#"<text class="x" x="{x:.1}" y="{y}">{label}</text>"#);
        }
        for (index, Line { name, points }) in self.lines.iter().enumerate() {
            let path: Vec<_> =
                points.iter().map(|&(x, y)| format!("{:.1},{:.1}", at_x(x), at_y(y))).collect();
            let path = path.join(" ");
            if let ([first, .., last], [_]) = (&points[..], &self.lines[..]) {
                let (from, to, ground) = (at_x(first.0), at_x(last.0), at_y(0.0));
                out += &format!(r#"<polygon points="{from:.1},{ground:.1} {path} {to:.1},{ground:.1}"/>"#);
            }
            out += &format!(r#"<polyline class="line{index}" points="{path}"/>"#);
            let place = WIDTH - RIGHT - 56.0 * (self.lines.len() - 1 - index) as f64;
            out += &format!(r#"<text class="name line{index}" x="{place}" y="14">{name}</text>"#);
        }
        out + "</svg>"
    }
}

/// The distance of the lines of a grid: a round value that makes few of them.
fn step(highest: f64) -> f64 {
    let power = 10_f64.powf((highest / STEPS).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    steps.into_iter().find(|step| highest / step <= STEPS).unwrap_or(highest)
}

/// Round values from 0 up to the highest.
fn grid(highest: f64) -> impl Iterator<Item = f64> {
    let step = step(highest);
    // A highest value that is a multiple of the step may be a little less than that by rounding.
    (0..)
        .map(move |number| f64::from(number) * step)
        .take_while(move |value| *value <= highest * (1.0 + 1e-9))
}

/// A number short enough for an axis.
fn number(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{}M", (value / 1e4).round() / 100.0),
        value if value >= 1e4 => format!("{}k", (value / 1e2).round() / 10.0),
        value => format!("{}", (value * 1e3).round() / 1e3),
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
        assert!(svg.contains(r#"points="52.0,222.0 502.0,38.0""#), "{svg}");
        assert!(svg.contains(">4 s</text>") && svg.contains(">80</text>"), "{svg}");
    }

    #[test]
    fn the_highest_point_has_a_line_of_the_grid_above_it() {
        let lines = vec![Line { name: "", points: vec![(0.0, 0.0), (1.0, 4.135)] }];
        let svg = Plot { title: "x", x_label: |x| x.to_string(), lines }.draw();
        assert!(svg.contains(">5</text>"), "{svg}");
    }

    #[test]
    fn a_line_of_one_point_is_not_drawn() {
        let lines = vec![Line { name: "p50", points: vec![(0.0, 1.0)] }];
        assert_eq!(Plot { title: "x", x_label: |x| x.to_string(), lines }.draw(), "");
    }

    #[test]
    fn the_grid_has_few_lines_at_round_values() {
        for (highest, lines) in [
            (100.0, &[0.0, 20.0, 40.0, 60.0, 80.0, 100.0][..]),
            (0.35, &[0.0, 0.1, 0.2, 0.3]),
            (0.6, &[0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]),
        ] {
            let found: Vec<_> = grid(highest).map(|value| (value * 1e6).round() / 1e6).collect();
            assert_eq!(found, lines);
        }
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in
            [(0.5, "0.5"), (250.0, "250"), (25_000.0, "25k"), (12_500.0, "12.5k"), (2.5e6, "2.5M")]
        {
            assert_eq!(number(value), text);
        }
    }
}
