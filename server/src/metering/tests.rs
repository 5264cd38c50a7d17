//! What an engineer reads while the show runs.

use super::analyser::Analyser;
use super::*;
use crate::audiofile::testing::{noise, tone};
use headroom_dsp::graph::{StripKind, StripSpec};
use proptest::prelude::*;

const RATE: u32 = 48_000;
const OFF: f64 = f64::NEG_INFINITY;

fn strip(kind: StripKind, id: &str, stereo: bool) -> StripSpec {
    StripSpec {
        kind,
        number: 1,
        id: id.into(),
        name: id.into(),
        stereo,
        input: Vec::new(),
        output: None,
        chain: Vec::new(),
        to: None,
        sends: Vec::new(),
        link: false,
        loudness: kind != StripKind::Main,
    }
}

fn console(strips: Vec<StripSpec>) -> GraphSpec {
    GraphSpec { strips, ..GraphSpec::default() }
}

fn main_alone() -> GraphSpec {
    console(vec![strip(StripKind::Main, "main", true)])
}

/// Metering without an engine and without a clock: samples go to the taps, and are measured when asked.
struct Stage {
    metering: Metering,
    taps: Taps,
    analysis: Analysis,
    ids: Vec<usize>,
}

impl Stage {
    fn new(spec: &GraphSpec, rate: u32) -> Stage {
        let (mut metering, taps, analysis) = Metering::new();
        let ids = metering.arrange(spec, f64::from(rate));
        Stage { metering, taps, analysis, ids }
    }

    fn change(&mut self, spec: &GraphSpec, rate: u32) {
        self.ids = self.metering.arrange(spec, f64::from(rate));
    }

    /// One block of at most 64 frames, a slice for each tap.
    fn block(&mut self, sides: &[&[f64]]) {
        self.taps.change();
        for (id, block) in self.ids.iter().zip(sides) {
            self.taps.output(*id, block);
        }
        self.metering.tick();
    }

    /// Plays the same on all taps, measuring every 10 ms; `see` looks after each.
    fn play(&mut self, signal: &[f64], mut see: impl FnMut(&Stage)) {
        for part in signal.chunks(480) {
            for block in part.chunks(64) {
                let sides = vec![block; self.ids.len()];
                self.block(&sides);
            }
            self.analysis.poll();
            see(self);
        }
    }

    fn read(&self, strip: usize, path: &str) -> f64 {
        let mut cells = vec![0.0; readings::cells()];
        let readings = self.metering.readings()[strip].as_ref().expect("it is analysed");
        readings.copy(&mut cells);
        f64::from(cells[readings::place(path).expect("a figure")])
    }
}

fn steps(levels: &[(f64, f64)]) -> Vec<f64> {
    let mut out = Vec::new();
    let mut at = 0.0;
    for &(seconds, level) in levels {
        at += seconds;
        let frames = (at * f64::from(RATE)).round() as usize - out.len();
        out.extend(tone(RATE, 1_000.0, level, 0.0, frames));
    }
    out
}

/// Largest momentary and short-term loudness that was to be seen, and integrated loudness and range at the end.
fn seen(levels: &[(f64, f64)]) -> [f64; 4] {
    let mut stage = Stage::new(&main_alone(), RATE);
    let mut most = [f64::MIN; 2];
    stage.play(&steps(levels), |stage| {
        for (most, path) in most.iter_mut().zip(["loudness/momentary", "loudness/shortterm"]) {
            *most = most.max(stage.read(0, path));
        }
    });
    [most[0], most[1], stage.read(0, "loudness/integrated"), stage.read(0, "loudness/range")]
}

#[track_caller]
fn near(got: f64, wanted: f64, tolerance: f64) {
    assert!((got - wanted).abs() <= tolerance, "{got:.4}, wanted {wanted} ± {tolerance}");
}

#[test]
fn tech_3341_cases_1_to_5_read_live() {
    for level in [-23.0, -33.0] {
        let [momentary, shortterm, integrated, range] = seen(&[(20.0, level)]);
        near(momentary, level, 0.05);
        near(shortterm, level, 0.05);
        near(integrated, level, 0.05);
        near(range, 0.0, 0.05);
    }
    let cases: [&[(f64, f64)]; 3] = [
        &[(10.0, -36.0), (60.0, -23.0), (10.0, -36.0)],
        &[(10.0, -72.0), (10.0, -36.0), (60.0, -23.0), (10.0, -36.0), (10.0, -72.0)],
        &[(20.0, -26.0), (20.1, -20.0), (20.0, -26.0)],
    ];
    for case in cases {
        near(seen(case)[2], -23.0, 0.05);
    }
}

#[test]
fn tech_3341_cases_9_to_14_read_live() {
    near(seen(&[(1.34, -20.0), (1.66, -30.0)].repeat(5))[1], -23.0, 0.05);
    near(seen(&[(0.18, -20.0), (0.22, -30.0)].repeat(25))[0], -23.0, 0.05);
    for n in [0, 7, 13, 19] {
        let later = f64::from(n);
        near(seen(&[(0.15 * later, OFF), (3.0, -23.0), (1.0, OFF)])[1], -23.0, 0.05);
        near(seen(&[(0.02 * later, OFF), (0.4, -23.0), (1.0, OFF)])[0], -23.0, 0.05);
        let level = later - 38.0;
        near(seen(&[(0.15 * later, level - 1.0), (3.0, level), (1.0, OFF)])[1], level, 0.05);
        near(seen(&[(0.02 * later, level - 1.0), (0.4, level), (1.0, OFF)])[0], level, 0.05);
    }
}

#[test]
fn tech_3341_cases_15_to_19_read_live() {
    let cases =
        [(4.0, 0.0, 0.5, -6.0), (4.0, 45.0, 0.5, -6.0), (6.0, 60.0, 0.5, -6.0), (8.0, 67.5, 0.5, -6.0), (4.0, 45.0, 1.41, 3.0)];
    for (divisor, degrees, peak, wanted) in cases {
        let mut stage = Stage::new(&main_alone(), RATE);
        let mut signal = tone(RATE, f64::from(RATE) / divisor, 20.0 * f64::log10(peak), degrees, RATE as usize);
        let edge = |n: usize| 0.5 - 0.5 * (std::f64::consts::PI * (n as f64 / 4_800.0).min(1.0)).cos();
        let last = signal.len() - 1;
        signal.iter_mut().enumerate().for_each(|(n, x)| *x *= edge(n.min(last - n)));
        stage.play(&signal, |_| {});
        let got = stage.read(0, "loudness/truepeak") - wanted;
        assert!((-0.15..=0.05).contains(&got), "fs/{divisor} at {degrees}°: {got:.3}");
    }
}

#[test]
fn tech_3342_ranges_read_live() {
    let cases: [(&[f64], f64); 4] =
        [(&[-20.0, -30.0], 10.0), (&[-20.0, -15.0], 5.0), (&[-40.0, -20.0], 20.0), (&[-50.0, -35.0, -20.0, -35.0, -50.0], 15.0)];
    for (levels, wanted) in cases {
        let levels: Vec<_> = levels.iter().map(|l| (20.0, *l)).collect();
        near(seen(&levels)[3], wanted, 0.2);
    }
}

#[test]
fn silence_has_no_reading() {
    let mut stage = Stage::new(&main_alone(), RATE);
    stage.play(&vec![0.0; 5 * RATE as usize], |_| {});
    for decl in readings::decls() {
        assert_eq!(stage.read(0, decl.path), decl.default().as_f64(), "{}", decl.path);
    }
}

#[test]
fn levels_and_correlation_are_those_of_the_last_moments() {
    let mut stage = Stage::new(&main_alone(), RATE);
    let left = tone(RATE, 1000.0, -20.0, 0.0, RATE as usize);
    let inverted: Vec<f64> = left.iter().map(|x| -x).collect();
    let unrelated = tone(RATE, 1300.0, -14.0, 0.0, RATE as usize);
    let cases = [(&left, 1.0, -20.0, -144.0), (&inverted, -1.0, -144.0, -20.0), (&unrelated, 0.0, -19.03, -19.03)];
    for (right, correlation, mid, side) in cases {
        for (l, r) in left.chunks(64).zip(right.chunks(64)) {
            stage.block(&[l, r]);
        }
        stage.analysis.poll();
        near(stage.read(0, "meter/correlation"), correlation, 0.01);
        near(stage.read(0, "meter/mid"), mid, 0.05);
        near(stage.read(0, "meter/side"), side, 0.05);
        for (path, zero) in [("meter/k20", -20.0), ("meter/k14", -14.0), ("meter/k12", -12.0)] {
            near(stage.read(0, path), -20.0 - zero, 0.01);
        }
    }
    near(stage.read(0, "meter/headroom"), 14.0, 0.05);
    assert_eq!(stage.read(0, "meter/clips"), 0.0);
    stage.block(&[&[0.5, 1.0, -1.5], &[0.0, 0.2, -1.0]]);
    stage.analysis.poll();
    assert_eq!(stage.read(0, "meter/clips"), 3.0);
    near(stage.read(0, "meter/headroom"), -3.52, 0.01);
}

#[test]
fn a_reset_starts_anew_what_counts_from_it_and_leaves_the_rest() {
    let mut stage = Stage::new(&main_alone(), RATE);
    stage.play(&steps(&[(5.0, -10.0), (0.01, OFF)]), |_| {});
    near(stage.read(0, "loudness/integrated"), -10.0, 0.05);
    stage.metering.reset(0);
    // Nothing old is told while the analysis has not come to it.
    for path in ["loudness/integrated", "loudness/range", "loudness/truepeak"] {
        assert_eq!(stage.read(0, path), -144.0);
    }
    near(stage.read(0, "loudness/momentary"), -10.1, 0.05);
    stage.analysis.poll();
    near(stage.read(0, "loudness/shortterm"), -10.0, 0.05);
    assert_eq!(stage.read(0, "loudness/integrated"), -144.0);
    stage.play(&steps(&[(6.0, -30.0)]), |_| {});
    near(stage.read(0, "loudness/integrated"), -30.0, 0.05);
    near(stage.read(0, "loudness/truepeak"), -30.0, 0.1);
    near(stage.read(0, "meter/headroom"), 30.0, 0.1);
    near(stage.read(0, "loudness/range"), 0.0, 0.05);
}

#[test]
fn integrated_loudness_outlives_a_changed_rig_and_a_changed_rate_by_id() {
    let vox = |stereo| strip(StripKind::Channel, "vox", stereo);
    let main = || strip(StripKind::Main, "main", true);
    let mut stage = Stage::new(&console(vec![vox(true), main()]), RATE);
    stage.play(&steps(&[(10.0, -20.0)]), |_| {});
    // Another strip in front moves the numbers, and vox is not analysed for a while.
    let kick = strip(StripKind::Channel, "kick", true);
    stage.change(&console(vec![kick, main()]), RATE);
    near(stage.read(1, "loudness/integrated"), -20.0, 0.05);
    assert_eq!(stage.read(0, "loudness/integrated"), -144.0);
    stage.play(&steps(&[(5.0, -20.0)]), |_| {});
    near(stage.read(1, "loudness/shortterm"), -20.0, 0.05);
    stage.change(&console(vec![main(), vox(false)]), 44_100);
    stage.play(&tone(44_100, 1_000.0, -26.0, 0.0, 15 * 44_100), |_| {});
    near(stage.read(0, "loudness/shortterm"), -26.0, 0.05);
    let mean = 10.0 * ((10f64.powf(-2.0) + 10f64.powf(-2.6)) / 2.0).log10();
    near(stage.read(0, "loudness/integrated"), mean, 0.1);
    near(stage.read(0, "loudness/truepeak"), -20.0, 0.1);
    // One side alone: 3 dB less than both.
    near(stage.read(1, "loudness/integrated"), -29.0, 0.05);
}

#[test]
fn samples_on_their_way_while_the_rig_changes_are_all_measured() {
    let mut stage = Stage::new(&main_alone(), RATE);
    let signal = steps(&[(4.0, -23.0)]);
    for (n, block) in signal.chunks(64).enumerate() {
        if n % 100 == 50 {
            let stereo = n % 200 == 50;
            let extra = strip(StripKind::Channel, if stereo { "a" } else { "b" }, stereo);
            stage.change(&console(vec![extra, strip(StripKind::Main, "main", true)]), RATE);
        }
        let taps = stage.ids.len();
        stage.block(&vec![block; taps]);
    }
    stage.analysis.poll();
    let main = stage.metering.readings().len() - 1;
    near(stage.read(main, "loudness/integrated"), -23.0, 0.01);
    near(stage.read(main, "loudness/shortterm"), -23.0, 0.01);
    assert_eq!(stage.metering.lost(), 0);
}

#[test]
fn a_full_ring_drops_both_sides_alike_and_counts() {
    let mut stage = Stage::new(&main_alone(), RATE);
    let left = noise(1, 8 * RATE as usize);
    for block in left.chunks(64) {
        stage.block(&[block, block]);
    }
    let lost = stage.metering.lost();
    assert!((4 * u64::from(RATE)..4 * u64::from(RATE) + 64).contains(&lost), "{lost}");
    stage.analysis.poll();
    stage.play(&left[..RATE as usize], |_| {});
    near(stage.read(0, "meter/correlation"), 1.0, 1e-6);
    assert_eq!(stage.metering.lost(), lost);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn readings_do_not_depend_on_how_the_samples_arrive(seed in 0u64..1000, stereo: bool, cuts in prop::collection::vec(1usize..3000, 1..40)) {
        let sides = 1 + usize::from(stereo);
        let samples: Vec<f32> = noise(seed, 3 * RATE as usize * sides + 2).iter().enumerate().map(|(n, x)| (x * (0.2 + (n as f64 * 1e-5).sin().abs())) as f32).collect();
        let samples = &samples[..samples.len() / sides * sides];
        let mut whole = Analyser::new(RATE, sides);
        whole.add(samples);
        let mut cut = Analyser::new(RATE, sides);
        let mut rest = samples;
        for n in cuts.iter().cycle() {
            let (now, later) = rest.split_at((n * sides).min(rest.len()));
            cut.add(now);
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        for decl in readings::decls().filter(|d| d.path != "meter/spectrum") {
            for (a, b) in whole.figure(decl.path).iter().zip(cut.figure(decl.path)) {
                // The peak of a run of samples is looked for in another order; what is found may differ by a rounding.
                prop_assert!((a - b).abs() < 1e-4, "{}: {a} {b}", decl.path);
            }
        }
        prop_assert_eq!(whole.spectrum(), cut.spectrum());
    }
}
