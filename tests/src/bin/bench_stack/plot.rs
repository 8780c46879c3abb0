//! A log-log plot as SVG.

use std::fmt::Write as _;

use crate::result::Point;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
const MARGIN: f64 = 60.0;

/// Name, colour, and what of a point it shows.
type Line = (&'static str, &'static str, fn(&Point) -> f64);

/// Times over services, a line each; straight at 45 degrees is linear.
pub(crate) fn growth(points: &[Point]) -> String {
    let lines: [Line; 3] = [
        ("phoenix stack deploy", "#1b6ca8", |point| point.phoenix_ms),
        ("docker stack deploy --detach=true", "#c0392b", |point| {
            point.docker_ms
        }),
        ("bare lists", "#7f8c8d", |point| point.lists_ms),
    ];
    let times = points
        .iter()
        .flat_map(|point| lines.map(|(_, _, of)| of(point)));
    let services = points.iter().map(|point| as_float(point.services));
    let (x, y) = (
        Axis::around(services, MARGIN, WIDTH - 20.0),
        Axis::around(times, HEIGHT - MARGIN, 20.0),
    );
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    grid(&mut svg, points, &x, &y);
    for (index, (name, colour, of)) in lines.into_iter().enumerate() {
        let path: Vec<String> = points
            .iter()
            .map(|point| {
                format!(
                    "{:.1},{:.1}",
                    x.place(as_float(point.services)),
                    y.place(of(point))
                )
            })
            .collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            path.join(" ")
        );
        let top = 36.0 + 16.0 * as_float(index);
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{top}\" fill=\"{colour}\">{name}</text>",
            MARGIN + 12.0
        );
    }
    svg + "</svg>\n"
}

fn grid(svg: &mut String, points: &[Point], x: &Axis, y: &Axis) {
    let (left, right, bottom) = (MARGIN, WIDTH - 20.0, HEIGHT - MARGIN);
    for point in points {
        let at = x.place(as_float(point.services));
        let _ = writeln!(
            svg,
            "<line x1=\"{at:.1}\" y1=\"20\" x2=\"{at:.1}\" y2=\"{bottom}\" stroke=\"#eee\"/>\
             <text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            bottom + 18.0,
            point.services
        );
    }
    for power in 0..6 {
        let value = 10_f64.powi(power);
        let at = y.place(value);
        if !(20.0..=bottom).contains(&at) {
            continue;
        }
        let _ = writeln!(
            svg,
            "<line x1=\"{left}\" y1=\"{at:.1}\" x2=\"{right}\" y2=\"{at:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value} ms</text>",
            left - 6.0,
            at + 4.0
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">services</text>",
        f64::midpoint(left, right),
        HEIGHT - 16.0
    );
}

/// A logarithmic axis from `from` to `to` in the picture.
struct Axis {
    least: f64,
    most: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn around(values: impl Iterator<Item = f64> + Clone, from: f64, to: f64) -> Self {
        let least = values.clone().fold(f64::INFINITY, f64::min);
        let most = values.fold(f64::NEG_INFINITY, f64::max);
        Self {
            least: (least * 0.8).ln(),
            most: (most * 1.25).ln(),
            from,
            to,
        }
    }

    fn place(&self, value: f64) -> f64 {
        self.from + (value.ln() - self.least) / (self.most - self.least) * (self.to - self.from)
    }
}

#[expect(clippy::cast_precision_loss, reason = "small counts")]
fn as_float(count: usize) -> f64 {
    count as f64
}
