//! The picture of `--plot`: waveform, loudness over time and spectrum of each file, as one SVG.
//!
//! Written by hand, since three kinds of line need no drawing library, and SVG alone, since it is sharp
//! at any size, opens in every browser, and brings neither fonts nor an image encoder along.

use std::fmt::Write as _;

use super::{Measured, Report};

/// Buckets of the waveform; two neighbours are merged whenever there would be more.
const BUCKETS: usize = 4_096;

/// The extremes of each channel over time, in a bounded number of buckets whatever the length.
pub(super) struct Waveform {
    channels: Vec<Vec<[f32; 2]>>,
    /// Frames in a bucket, and in the one being filled.
    width: usize,
    filled: usize,
}

impl Waveform {
    pub fn new(channels: usize) -> Self {
        Waveform { channels: vec![Vec::new(); channels], width: 64, filled: 64 }
    }

    /// Takes the next frames, one slice a channel.
    pub fn add(&mut self, channels: &[Vec<f64>]) {
        let frames = channels.first().map_or(0, Vec::len);
        let mut from = 0;
        while from < frames {
            if self.filled == self.width {
                self.open_bucket();
            }
            let to = frames.min(from + self.width - self.filled);
            for (buckets, samples) in self.channels.iter_mut().zip(channels) {
                let bucket = buckets.last_mut().expect("a bucket is open");
                for &sample in &samples[from..to] {
                    let sample = sample as f32;
                    *bucket = [bucket[0].min(sample), bucket[1].max(sample)];
                }
            }
            self.filled += to - from;
            from = to;
        }
    }

    fn open_bucket(&mut self) {
        let full = self.channels.iter().any(|buckets| buckets.len() >= BUCKETS);
        for buckets in &mut self.channels {
            if full {
                *buckets = buckets.chunks(2).map(join).collect();
            }
            buckets.push([f32::MAX, f32::MIN]);
        }
        if full {
            self.width *= 2;
        }
        self.filled = 0;
    }
}

/// The extremes of several buckets.
fn join(buckets: &[[f32; 2]]) -> [f32; 2] {
    buckets.iter().fold([f32::MAX, f32::MIN], |[low, high], bucket| [low.min(bucket[0]), high.max(bucket[1])])
}

/// Sizes in pixels.
const WIDTH: f64 = 1_000.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 20.0;
const HEAD: f64 = 50.0;
const PANEL: f64 = 180.0;
const GAP: f64 = 40.0;
const FILE_HEIGHT: f64 = HEAD + 3.0 * (PANEL + GAP);

/// A plotting area and the values at its edges.
struct Panel {
    top: f64,
    x: [f64; 2],
    y: [f64; 2],
    log: bool,
}

impl Panel {
    fn at_x(&self, x: f64) -> f64 {
        let scale = |v: f64| if self.log { v.max(1e-9).log10() } else { v };
        let share = (scale(x) - scale(self.x[0])) / (scale(self.x[1]) - scale(self.x[0]));
        LEFT + share * (WIDTH - LEFT - RIGHT)
    }

    fn at_y(&self, y: f64) -> f64 {
        let y = if y.is_finite() { y } else { self.y[0] };
        let share = (y - self.y[0]) / (self.y[1] - self.y[0]);
        self.top + PANEL * (1.0 - share.clamp(0.0, 1.0))
    }

    fn frame(&self, svg: &mut String) {
        let _ = writeln!(
            svg,
            r##"<rect x="{LEFT}" y="{:.1}" width="{}" height="{PANEL}" fill="#fafafa" stroke="#999"/>"##,
            self.top,
            WIDTH - LEFT - RIGHT
        );
    }

    fn grid_y(&self, svg: &mut String, y: f64, label: &str) {
        let at = self.at_y(y);
        let _ = writeln!(
            svg,
            r##"<line x1="{LEFT}" x2="{}" y1="{at:.1}" y2="{at:.1}" stroke="#ddd"/><text x="{}" y="{:.1}" text-anchor="end">{label}</text>"##,
            WIDTH - RIGHT,
            LEFT - 6.0,
            at + 4.0
        );
    }

    fn grid_x(&self, svg: &mut String, x: f64, label: &str) {
        let at = self.at_x(x);
        let bottom = self.top + PANEL;
        let _ = writeln!(
            svg,
            r##"<line x1="{at:.1}" x2="{at:.1}" y1="{:.1}" y2="{bottom:.1}" stroke="#ddd"/><text x="{at:.1}" y="{:.1}" text-anchor="middle">{label}</text>"##,
            self.top,
            bottom + 15.0
        );
    }

    fn line(&self, svg: &mut String, points: impl Iterator<Item = (f64, f64)>, colour: &str) {
        let mut path = String::new();
        for (x, y) in points {
            let _ = write!(path, "{:.1},{:.1} ", self.at_x(x), self.at_y(y));
        }
        let _ = writeln!(svg, r#"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="1.2"/>"#, path.trim_end());
    }

    fn caption(&self, svg: &mut String, text: &str) {
        let _ = writeln!(svg, r#"<text x="{}" y="{:.1}">{text}</text>"#, LEFT + 8.0, self.top + 15.0);
    }
}

/// One picture of all files, one under the other.
pub(super) fn svg(files: &[Measured]) -> String {
    let height = FILE_HEIGHT * files.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (n, measured) in files.iter().enumerate() {
        let top = n as f64 * FILE_HEIGHT;
        head(&mut svg, &measured.report, top);
        waveform(&mut svg, measured, top + HEAD);
        loudness(&mut svg, measured, top + HEAD + PANEL + GAP);
        spectrum(&mut svg, measured, top + HEAD + 2.0 * (PANEL + GAP));
    }
    svg.push_str("</svg>\n");
    svg
}

fn head(svg: &mut String, report: &Report, top: f64) {
    let name = report.file.replace('&', "&amp;").replace('<', "&lt;");
    let reading = |value: Option<f64>, unit: &str| value.map_or(format!("– {unit}"), |value| format!("{value:.1} {unit}"));
    let _ = writeln!(
        svg,
        r#"<text x="{LEFT}" y="{:.1}" font-size="15">{name}</text><text x="{LEFT}" y="{:.1}">integrated {}, range {}, true peak {}, {} Hz, {} channels</text>"#,
        top + 22.0,
        top + 40.0,
        reading(report.integrated, "LUFS"),
        reading(report.range, "LU"),
        reading(report.truepeak, "dBTP"),
        report.rate,
        report.channels
    );
}

/// A step of 1, 2 or 5 times a power of ten that cuts `span` into at most ten.
fn step(span: f64) -> f64 {
    let power = 10f64.powf((span.max(1e-6) / 10.0).log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|n| n * power).find(|step| span / step <= 10.0).unwrap_or(power * 10.0)
}

fn grid_time(svg: &mut String, panel: &Panel) {
    let step = step(panel.x[1]);
    let count = (panel.x[1] / step).floor() as u32;
    for n in 0..=count {
        let seconds = f64::from(n) * step;
        let label = if panel.x[1] >= 120.0 {
            format!("{:.0}:{:02.0}", (seconds / 60.0).floor(), seconds % 60.0)
        } else {
            format!("{} s", (seconds * 1_000.0).round() / 1_000.0)
        };
        panel.grid_x(svg, seconds, &label);
    }
}

fn waveform(svg: &mut String, measured: &Measured, top: f64) {
    let report = &measured.report;
    let form = &measured.waveform;
    let seconds = report.seconds.max(1e-3);
    // Eight rows can be told apart; of more channels the first eight are drawn.
    let rows = form.channels.len().min(8);
    let whole = Panel { top, x: [0.0, seconds], y: [0.0, rows as f64], log: false };
    whole.frame(svg);
    grid_time(svg, &whole);
    let loudest = report.samplepeak.map_or(1.0, |peak| 10f64.powf(peak / 20.0)).max(1.0);
    for (row, buckets) in form.channels.iter().take(rows).enumerate() {
        let middle = rows as f64 - row as f64 - 0.5;
        let per_bucket = form.width as f64 / f64::from(report.rate);
        let merge = buckets.len().div_ceil(1_000).max(1);
        let points: Vec<(f64, [f32; 2])> =
            buckets.chunks(merge).enumerate().map(|(n, buckets)| ((n * merge) as f64 * per_bucket, join(buckets))).collect();
        let edge = |side: usize| move |(x, extremes): &(f64, [f32; 2])| (*x, middle + 0.48 * f64::from(extremes[side]) / loudest);
        let outline = points.iter().map(edge(1)).chain(points.iter().rev().map(edge(0)));
        whole.line(svg, outline, "#27659b");
    }
    whole.caption(svg, "waveform");
}

fn loudness(svg: &mut String, measured: &Measured, top: f64) {
    let report = &measured.report;
    let panel = Panel { top, x: [0.0, report.seconds.max(1e-3)], y: [-60.0, 0.0], log: false };
    panel.frame(svg);
    grid_time(svg, &panel);
    for level in [-50, -40, -30, -20, -10] {
        panel.grid_y(svg, f64::from(level), &format!("{level}"));
    }
    panel.line(svg, measured.loudness.momentary(), "#9cc3e6");
    panel.line(svg, measured.loudness.shortterm(), "#27659b");
    if let Some(integrated) = report.integrated {
        panel.line(svg, [(0.0, integrated), (panel.x[1], integrated)].into_iter(), "#c0392b");
    }
    panel.caption(svg, "loudness, LUFS: momentary (light), short-term (dark), integrated (red)");
}

fn spectrum(svg: &mut String, measured: &Measured, top: f64) {
    let panel = Panel { top, x: [20.0, 20_480.0], y: [-100.0, 0.0], log: true };
    panel.frame(svg);
    for (hz, label) in [
        (50.0, "50"),
        (100.0, "100"),
        (200.0, "200"),
        (500.0, "500"),
        (1_000.0, "1k"),
        (2_000.0, "2k"),
        (5_000.0, "5k"),
        (10_000.0, "10k"),
        (20_000.0, "20k"),
    ] {
        panel.grid_x(svg, hz, label);
    }
    for level in [-80, -60, -40, -20] {
        panel.grid_y(svg, f64::from(level), &format!("{level}"));
    }
    panel.line(svg, measured.spectrum.curve().into_iter(), "#27659b");
    panel.caption(svg, "spectrum, 1/24 octave, dB re the whole, over Hz");
}
