//! The picture of `--plot`: waveform, loudness over time and spectrum of a file, as PNG or SVG.
//!
//! What is drawn is worked out once, as a few kinds of shapes ([`Shape`]); `svg` writes them down, `png` draws them.
//!
//! Why `tiny-skia` and `noto-sans-mono-bitmap`: the first draws smooth lines and areas and writes PNG, the second holds
//! letters already drawn, so that no fonts are looked for on the machine; neither needs a system library. A plotting
//! crate would bring both and more, and would not write the same labels into both formats.

mod png;
mod svg;
mod waveform;

use std::path::{Path, PathBuf};

use super::{Measured, Report};
pub use waveform::Waveform;
use waveform::join;

/// Size of the picture; a PNG has twice as many pixels.
const WIDTH: f64 = 1_200.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 24.0;
const HEAD: f64 = 74.0;
const TITLE: f64 = 26.0;
const FOOT: f64 = 30.0;

/// Red, green, blue.
type Colour = [u8; 3];
const PAPER: Colour = [0xff, 0xff, 0xff];
const PANEL: Colour = [0xf8, 0xf9, 0xfb];
const GRID: Colour = [0xe1, 0xe5, 0xea];
const EDGE: Colour = [0x8a, 0x94, 0xa0];
const INK: Colour = [0x1f, 0x29, 0x33];
const SOFT: Colour = [0x52, 0x5f, 0x6b];
const BLUE: Colour = [0x1f, 0x5f, 0x99];
const SKY: Colour = [0x8f, 0xbb, 0xe0];
const RED: Colour = [0xc4, 0x3b, 0x2c];

/// Which side of its point a text stands on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Anchor {
    Start,
    Middle,
    End,
}

/// How large a text is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Size {
    Small,
    Normal,
    Title,
}

impl Size {
    /// In pixels of the picture.
    fn pixels(self) -> f64 {
        match self {
            Size::Small => 10.0,
            Size::Normal => 12.0,
            Size::Title => 13.0,
        }
    }
}

/// What a picture is made of; y grows downwards.
enum Shape {
    Rect {
        at: [f64; 2],
        size: [f64; 2],
        fill: Colour,
    },
    Line {
        points: Vec<(f64, f64)>,
        colour: Colour,
        width: f64,
    },
    Area {
        points: Vec<(f64, f64)>,
        fill: Colour,
    },
    /// `at` is on the base line.
    Text {
        at: [f64; 2],
        text: String,
        size: Size,
        anchor: Anchor,
        colour: Colour,
    },
}

/// The format of a plot, by the end of its name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Png,
    Svg,
}

impl Kind {
    /// PNG or SVG; `None` for another name.
    pub fn of(path: &Path) -> Option<Kind> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        [("png", Kind::Png), ("svg", Kind::Svg)].into_iter().find(|(name, _)| *name == extension).map(|(_, kind)| kind)
    }
}

/// Where the pictures of `files` go: to `plot`, or for several to `plot-NAME` each.
pub fn names(plot: &Path, files: &[&str]) -> Vec<PathBuf> {
    if files.len() < 2 {
        return vec![plot.to_owned(); files.len()];
    }
    let part = |text: Option<&std::ffi::OsStr>| text.unwrap_or_default().to_string_lossy().into_owned();
    let (stem, extension) = (part(plot.file_stem()), part(plot.extension()));
    let mut out: Vec<PathBuf> = Vec::new();
    for file in files {
        let name = part(Path::new(file).file_stem());
        // Files of one name in several directories are numbered.
        let numbered = (1..).map(|n| if n == 1 { name.clone() } else { format!("{name}-{n}") });
        let paths = numbered.map(|name| plot.with_file_name(format!("{stem}-{name}.{extension}")));
        out.extend(paths.into_iter().find(|path| !out.contains(path)));
    }
    out
}

/// The picture of one file.
///
/// # Errors
/// It cannot be written.
pub fn write(path: &Path, measured: &Measured) -> std::io::Result<()> {
    let (shapes, height) = draw(measured);
    let bytes = match Kind::of(path) {
        Some(Kind::Png) => png::encode(&shapes, WIDTH, height)?,
        _ => svg::encode(&shapes, WIDTH, height).into_bytes(),
    };
    std::fs::write(path, bytes)
}

/// A number with a real minus.
fn number(value: f64, places: usize) -> String {
    let text = format!("{value:.places$}");
    match text.strip_prefix('-') {
        Some(digits) if digits.chars().any(|c| ('1'..='9').contains(&c)) => format!("−{digits}"),
        Some(digits) => digits.to_string(),
        None => text,
    }
}

/// A plotting area and the values at its edges.
struct Panel {
    top: f64,
    height: f64,
    x: [f64; 2],
    y: [f64; 2],
    log: bool,
}

impl Panel {
    /// An area with its title above it; the shapes of both are added.
    fn new(shapes: &mut Vec<Shape>, top: f64, height: f64, title: &str, x: [f64; 2], y: [f64; 2], log: bool) -> Panel {
        text(shapes, [LEFT, top + TITLE - 9.0], title, Size::Normal, Anchor::Start, INK);
        let panel = Panel { top: top + TITLE, height, x, y, log };
        shapes.push(Shape::Rect { at: [LEFT, panel.top], size: [WIDTH - LEFT - RIGHT, height], fill: PANEL });
        panel
    }

    fn at_x(&self, x: f64) -> f64 {
        let scale = |v: f64| if self.log { v.max(1e-9).log10() } else { v };
        let share = (scale(x) - scale(self.x[0])) / (scale(self.x[1]) - scale(self.x[0]));
        LEFT + share.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }

    fn at_y(&self, y: f64) -> f64 {
        let y = if y.is_finite() { y } else { self.y[0] };
        let share = (y - self.y[0]) / (self.y[1] - self.y[0]);
        self.top + self.height * (1.0 - share.clamp(0.0, 1.0))
    }

    fn points(&self, values: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
        values.map(|(x, y)| (self.at_x(x), self.at_y(y))).collect()
    }

    fn line(&self, shapes: &mut Vec<Shape>, values: impl Iterator<Item = (f64, f64)>, colour: Colour, width: f64) {
        shapes.push(Shape::Line { points: self.points(values), colour, width });
    }

    /// A line across at `y` and its label.
    fn grid_y(&self, shapes: &mut Vec<Shape>, y: f64, label: &str) {
        let at = self.at_y(y);
        shapes.push(Shape::Line { points: vec![(LEFT, at), (WIDTH - RIGHT, at)], colour: GRID, width: 1.0 });
        text(shapes, [LEFT - 8.0, at + 4.0], label, Size::Small, Anchor::End, SOFT);
    }

    /// Lines across every `step` between the edges.
    fn grid_levels(&self, shapes: &mut Vec<Shape>, step: f64) {
        let mut level = (self.y[0] / step).ceil() * step;
        while level <= self.y[1] {
            self.grid_y(shapes, level, &number(level, 0));
            level += step;
        }
    }

    /// A line down at `x` and its label.
    fn grid_x(&self, shapes: &mut Vec<Shape>, x: f64, label: &str) {
        let (at, bottom) = (self.at_x(x), self.top + self.height);
        shapes.push(Shape::Line { points: vec![(at, self.top), (at, bottom)], colour: GRID, width: 1.0 });
        let anchor = if at > WIDTH - RIGHT - 12.0 { Anchor::End } else { Anchor::Middle };
        text(shapes, [at, bottom + 16.0], label, Size::Small, anchor, SOFT);
    }

    fn grid_time(&self, shapes: &mut Vec<Shape>) {
        let step = step(self.x[1]);
        for n in 0..=(self.x[1] / step).floor() as u32 {
            let seconds = f64::from(n) * step;
            let label = if self.x[1] >= 120.0 {
                format!("{:.0}:{:02.0}", (seconds / 60.0).floor(), seconds % 60.0)
            } else {
                format!("{} s", (seconds * 1_000.0).round() / 1_000.0)
            };
            self.grid_x(shapes, seconds, &label);
        }
    }

    /// Names of the lines, at the right above the area.
    fn legend(&self, shapes: &mut Vec<Shape>, names: &[(&str, Colour)]) {
        let (mut x, y) = (WIDTH - RIGHT, self.top - 9.0);
        for (name, colour) in names.iter().rev() {
            text(shapes, [x, y], name, Size::Small, Anchor::End, SOFT);
            x -= name.chars().count() as f64 * 0.6 * Size::Small.pixels() + 8.0;
            shapes.push(Shape::Rect { at: [x - 18.0, y - 5.0], size: [18.0, 3.0], fill: *colour });
            x -= 18.0 + 18.0;
        }
    }

    /// The edge, last, so that nothing lies over it.
    fn edge(&self, shapes: &mut Vec<Shape>) {
        let (right, bottom) = (WIDTH - RIGHT, self.top + self.height);
        let corners = vec![(LEFT, self.top), (right, self.top), (right, bottom), (LEFT, bottom), (LEFT, self.top)];
        shapes.push(Shape::Line { points: corners, colour: EDGE, width: 1.0 });
    }
}

fn text(shapes: &mut Vec<Shape>, at: [f64; 2], text: &str, size: Size, anchor: Anchor, colour: Colour) {
    shapes.push(Shape::Text { at, text: text.into(), size, anchor, colour });
}

/// The whole picture and its height.
fn draw(measured: &Measured) -> (Vec<Shape>, f64) {
    let mut shapes = Vec::new();
    head(&mut shapes, &measured.report);
    let mut top = HEAD;
    top = waveform_panel(&mut shapes, measured, top);
    top = loudness_panel(&mut shapes, measured, top);
    top = spectrum_panel(&mut shapes, measured, top);
    (shapes, top + 4.0)
}

fn head(shapes: &mut Vec<Shape>, report: &Report) {
    let name = Path::new(&report.file).file_name().map_or(report.file.clone(), |n| n.to_string_lossy().into_owned());
    text(shapes, [LEFT, 32.0], &name, Size::Title, Anchor::Start, INK);
    let reading = |value: Option<f64>, unit: &str| value.map_or(format!("– {unit}"), |v| format!("{} {unit}", number(v, 1)));
    let channels = match report.channels {
        1 => "mono".into(),
        2 => "stereo".into(),
        n => format!("{n} channels"),
    };
    let (minutes, seconds) = ((report.seconds / 60.0).floor(), report.seconds % 60.0);
    let facts = [
        format!("integrated {}", reading(report.integrated, "LUFS")),
        format!("range {}", reading(report.range, "LU")),
        format!("true peak {}", reading(report.truepeak, "dBTP")),
        format!("sample peak {}", reading(report.samplepeak, "dBFS")),
        format!("{minutes:.0}:{seconds:04.1}"),
        format!("{} Hz {channels}", report.rate),
    ];
    text(shapes, [LEFT, 55.0], &facts.join("  ·  "), Size::Normal, Anchor::Start, SOFT);
}

/// A step of 1, 2 or 5 times a power of ten that cuts `span` into at most ten; of minutes, where it is long.
fn step(span: f64) -> f64 {
    if span >= 120.0 {
        let usual = [15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_200.0, 1_800.0, 3_600.0];
        return usual.into_iter().find(|step| span / step <= 14.0).unwrap_or((span / 10.0 / 3_600.0).ceil() * 3_600.0);
    }
    let power = 10f64.powf((span.max(1e-6) / 10.0).log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|n| n * power).find(|step| span / step <= 10.0).unwrap_or(power * 10.0)
}

fn waveform_panel(shapes: &mut Vec<Shape>, measured: &Measured, top: f64) -> f64 {
    let (report, form) = (&measured.report, &measured.waveform);
    let seconds = report.seconds.max(1e-3);
    // Eight rows can be told apart; of more channels the first eight are drawn.
    let rows = form.channels.len().min(8);
    let height = if rows <= 2 { 110.0 * rows as f64 } else { 55.0 * rows as f64 };
    let panel = Panel::new(shapes, top, height, "Waveform, dBFS", [0.0, seconds], [0.0, rows as f64], false);
    panel.grid_time(shapes);
    let loudest = report.samplepeak.map_or(1.0, |peak| 10f64.powf(peak / 20.0)).max(1.0);
    let names: &[&str] = if rows == 2 { &["L", "R"] } else { &[] };
    for (row, buckets) in form.channels.iter().take(rows).enumerate() {
        let middle = rows as f64 - row as f64 - 0.5;
        let place = |value: f64| middle + 0.46 * value / loudest;
        let levels: &[(f64, &str)] = if rows <= 2 { &[(1.0, "0"), (0.501, "−6"), (-0.501, "−6"), (-1.0, "0")] } else { &[] };
        for (level, label) in levels {
            // Where two rows meet, one label is enough.
            let label = if *level == -1.0 && row + 1 < rows { "" } else { label };
            panel.grid_y(shapes, place(*level), label);
        }
        let per_bucket = form.width as f64 / f64::from(report.rate);
        let merge = buckets.len().div_ceil(2_000).max(1);
        let points: Vec<(f64, [f32; 2])> =
            buckets.chunks(merge).enumerate().map(|(n, buckets)| ((n * merge) as f64 * per_bucket, join(buckets))).collect();
        // A hair of height, so that silence is a line.
        let edge = |side: usize, hair: f64| {
            move |(x, extremes): &(f64, [f32; 2])| (*x, middle + 0.46 * f64::from(extremes[side]) / loudest + hair)
        };
        let outline = points.iter().map(edge(1, 0.004)).chain(points.iter().rev().map(edge(0, -0.004)));
        shapes.push(Shape::Area { points: panel.points(outline), fill: BLUE });
        if let Some(name) = names.get(row) {
            text(shapes, [LEFT - 44.0, panel.at_y(middle) + 5.0], name, Size::Normal, Anchor::Start, INK);
        }
        if row > 0 {
            let border = panel.at_y(rows as f64 - row as f64);
            shapes.push(Shape::Line { points: vec![(LEFT, border), (WIDTH - RIGHT, border)], colour: EDGE, width: 1.0 });
        }
    }
    panel.edge(shapes);
    panel.top + height + FOOT
}

fn loudness_panel(shapes: &mut Vec<Shape>, measured: &Measured, top: f64) -> f64 {
    let report = &measured.report;
    let middle = report.integrated.unwrap_or(-23.0);
    let bottom = (((middle - 24.0) / 6.0).floor() * 6.0).clamp(-78.0, -36.0);
    let loudest = report.momentary_max.unwrap_or(0.0);
    let edges = [bottom, (loudest / 6.0).ceil().max(0.0) * 6.0];
    let height = 230.0;
    let panel = Panel::new(shapes, top, height, "Loudness, LUFS", [0.0, report.seconds.max(1e-3)], edges, false);
    panel.grid_time(shapes);
    panel.grid_levels(shapes, 6.0);
    panel.line(shapes, measured.loudness.momentary_trace(), SKY, 1.2);
    panel.line(shapes, measured.loudness.shortterm_trace(), BLUE, 1.8);
    if let Some(integrated) = report.integrated {
        panel.line(shapes, [(0.0, integrated), (panel.x[1], integrated)].into_iter(), RED, 1.6);
    }
    panel.edge(shapes);
    panel.legend(shapes, &[("momentary, 400 ms", SKY), ("short-term, 3 s", BLUE), ("integrated", RED)]);
    panel.top + height + FOOT
}

fn spectrum_panel(shapes: &mut Vec<Shape>, measured: &Measured, top: f64) -> f64 {
    let curve = measured.spectrum.curve();
    let highest = curve.iter().fold(f64::NEG_INFINITY, |high, (_, db)| high.max(*db));
    let high = if highest.is_finite() { (highest / 10.0).ceil() * 10.0 } else { 0.0 };
    let height = 230.0;
    let title = "Spectrum, dB re the whole, bands of 1/24 octave";
    let panel = Panel::new(shapes, top, height, title, [20.0, 20_000.0], [high - 80.0, high], true);
    for (hz, label) in [
        (20.0, "20"),
        (50.0, "50"),
        (100.0, "100"),
        (200.0, "200"),
        (500.0, "500"),
        (1_000.0, "1k"),
        (2_000.0, "2k"),
        (5_000.0, "5k"),
        (10_000.0, "10k"),
        (20_000.0, "20k Hz"),
    ] {
        panel.grid_x(shapes, hz, label);
    }
    panel.grid_levels(shapes, 10.0);
    if let (Some(first), Some(last)) = (curve.first().copied(), curve.last().copied()) {
        let floor = panel.y[0];
        let ends = [(last.0, floor), (first.0, floor)];
        let under = curve.iter().copied().chain(ends);
        shapes.push(Shape::Area { points: panel.points(under), fill: [0xdc, 0xe9, 0xf5] });
    }
    panel.line(shapes, curve.into_iter(), BLUE, 1.6);
    panel.edge(shapes);
    panel.top + height + FOOT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_picture_a_file_each_under_a_name_of_its_own() {
        let plot = Path::new("out/mix.png");
        assert_eq!(names(plot, &["a.wav"]), [PathBuf::from("out/mix.png")]);
        let several = names(plot, &["x/a.wav", "b.wav", "y/a.wav"]);
        assert_eq!(several, ["out/mix-a.png", "out/mix-b.png", "out/mix-a-2.png"].map(PathBuf::from));
        assert!(Kind::of(plot) == Some(Kind::Png) && Kind::of(Path::new("a.SVG")) == Some(Kind::Svg));
        assert!(Kind::of(Path::new("a.pdf")).is_none());
    }

    #[test]
    fn numbers_have_a_real_minus_and_no_negative_zero() {
        assert_eq!((number(-14.04, 1).as_str(), number(-0.04, 1).as_str(), number(6.0, 0).as_str()), ("−14.0", "0.0", "6"));
    }
}
