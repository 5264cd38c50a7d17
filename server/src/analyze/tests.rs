//! EBU Tech 3341 and 3342, synthesised as they describe their signals, and what else a user relies on.

use std::path::PathBuf;

use super::*;
use crate::audiofile::Resampler;
use crate::audiofile::testing::{Scratch, db, interpolate, noise, spread, tone};

const RATE: u32 = 48_000;

/// A 1 kHz tone in steps of (seconds, peak dBFS); −∞ is silence.
fn steps(rate: u32, steps: &[(f64, f64)]) -> Vec<f64> {
    let mut out = Vec::new();
    let mut at = 0.0;
    for &(seconds, level) in steps {
        at += seconds;
        let frames = (at * f64::from(rate)).round() as usize - out.len();
        out.extend(tone(rate, 1_000.0, level, 0.0, frames));
    }
    out
}

fn stereo(signal: &[f64]) -> Report {
    stereo_at(RATE, signal)
}

fn stereo_at(rate: u32, signal: &[f64]) -> Report {
    report(rate, 2, &spread(signal, 2))
}

fn report(rate: u32, channels: usize, samples: &[f64]) -> Report {
    file(Scratch::new().write("a.wav", rate, channels, samples)).unwrap()
}

#[track_caller]
fn near(got: Option<f64>, wanted: f64, tolerance: f64) {
    let got = got.expect("a reading");
    assert!((got - wanted).abs() <= tolerance, "{got:.4}, wanted {wanted} ± {tolerance}");
}

#[test]
fn tech_3341_cases_1_and_2_a_steady_tone_reads_its_level_everywhere() {
    for (rate, seconds) in [(48_000, 20.0), (44_100, 4.0), (88_200, 4.0), (96_000, 4.0), (192_000, 4.0), (22_050, 4.0)] {
        for level in [-23.0, -33.0] {
            let report = stereo_at(rate, &steps(rate, &[(seconds, level)]));
            near(report.integrated, level, 0.05);
            near(report.momentary_max, level, 0.05);
            near(report.shortterm_max, level, 0.05);
        }
    }
}

#[test]
fn tech_3341_cases_3_to_5_the_gates_leave_quiet_parts_out() {
    let cases: [&[(f64, f64)]; 3] = [
        &[(10.0, -36.0), (60.0, -23.0), (10.0, -36.0)],
        &[(10.0, -72.0), (10.0, -36.0), (60.0, -23.0), (10.0, -36.0), (10.0, -72.0)],
        &[(20.0, -26.0), (20.1, -20.0), (20.0, -26.0)],
    ];
    for case in cases {
        near(stereo(&steps(RATE, case)).integrated, -23.0, 0.05);
    }
}

#[test]
fn tech_3341_case_6_five_channels_without_a_mask_are_l_r_c_ls_rs() {
    let level = |level| tone(RATE, 1_000.0, level, 0.0, 20 * RATE as usize);
    let [front, centre, surround] = [-28.0, -24.0, -30.0].map(level);
    let frames = (0..front.len()).flat_map(|n| [front[n], front[n], centre[n], surround[n], surround[n]]);
    near(report(RATE, 5, &frames.collect::<Vec<_>>()).integrated, -23.0, 0.05);
}

#[test]
fn tech_3341_case_9_short_term_holds_over_an_alternation_of_3_seconds() {
    let signal = steps(RATE, &[(1.34, -20.0), (1.66, -30.0)].repeat(5));
    near(stereo(&signal).shortterm_max, -23.0, 0.05);
}

#[test]
fn tech_3341_case_10_a_tone_of_3_seconds_is_caught_wherever_it_starts() {
    for n in 0..20 {
        let signal = steps(RATE, &[(0.15 * f64::from(n), f64::NEG_INFINITY), (3.0, -23.0), (1.0, f64::NEG_INFINITY)]);
        near(stereo(&signal).shortterm_max, -23.0, 0.05);
    }
}

/// Twenty tones of `seconds`, each 1 dB louder and starting `later` seconds later in its slot, as one
/// stream; after each of them the loudness so far.
fn rising(seconds: f64, later: f64) -> impl Iterator<Item = (f64, Loudness)> {
    let mut signal = Vec::new();
    (0..20).map(move |n| {
        let (level, wait) = (-38.0 + f64::from(n), later * f64::from(n));
        signal.extend(steps(RATE, &[(wait, f64::NEG_INFINITY), (seconds, level), (seconds - wait, f64::NEG_INFINITY)]));
        let mut loudness = Loudness::new(RATE, &[1.0, 1.0]);
        loudness.add(&[signal.clone(), signal.clone()]);
        (level, loudness)
    })
}

#[test]
fn tech_3341_case_11_short_term_maximum_over_rising_tones_is_the_last() {
    for (level, loudness) in rising(3.0, 0.15) {
        near(loudness.shortterm_max(), level, 0.05);
    }
}

#[test]
fn tech_3341_case_12_momentary_holds_over_an_alternation_of_400_ms() {
    let signal = steps(RATE, &[(0.18, -20.0), (0.22, -30.0)].repeat(25));
    near(stereo(&signal).momentary_max, -23.0, 0.05);
}

#[test]
fn tech_3341_case_13_a_tone_of_400_ms_is_caught_wherever_it_starts() {
    for n in 0..20 {
        let signal = steps(RATE, &[(0.02 * f64::from(n), f64::NEG_INFINITY), (0.4, -23.0), (1.0, f64::NEG_INFINITY)]);
        near(stereo(&signal).momentary_max, -23.0, 0.05);
    }
}

#[test]
fn tech_3341_case_14_momentary_maximum_over_rising_tones_is_the_last() {
    for (level, loudness) in rising(0.4, 0.02) {
        near(loudness.momentary_max(), level, 0.05);
    }
}

/// The smooth rise and fall that keeps a tone's ends from adding peaks of their own.
fn edged(mut signal: Vec<f64>, edge: usize) -> Vec<f64> {
    let len = signal.len();
    for n in 0..edge {
        let gain = 0.5 - 0.5 * (std::f64::consts::PI * n as f64 / edge as f64).cos();
        signal[n] *= gain;
        signal[len - 1 - n] *= gain;
    }
    signal
}

#[test]
fn tech_3341_cases_15_to_19_tones_whose_peaks_lie_between_samples() {
    let cases = [
        (4.0, 0.0, 0.50, -6.0),
        (4.0, 45.0, 0.50, -6.0),
        (6.0, 60.0, 0.50, -6.0),
        (8.0, 67.5, 0.50, -6.0),
        (4.0, 45.0, 1.41, 3.0),
    ];
    for (divisor, degrees, amplitude, wanted) in cases {
        let signal = edged(tone(RATE, f64::from(RATE) / divisor, db(amplitude), degrees, RATE as usize), 4_800);
        let got = stereo(&signal).truepeak.unwrap();
        assert!((-0.15..=0.05).contains(&(got - wanted)), "fs/{divisor} at {degrees}°: {got:.3}");
    }
}

#[test]
fn tech_3341_cases_20_to_23_one_louder_period_at_four_offsets() {
    // At four times the rate: a tone of fs/6 at 0.5 with one period at 1.0, cut to the band and to the
    // rate from the four possible first samples.
    let loud = 4 * 6 * 500..4 * 6 * 501;
    let fast: Vec<f64> = tone(4 * RATE, f64::from(RATE) / 6.0, db(0.5), 0.0, 4 * 6 * 1_000)
        .into_iter()
        .enumerate()
        .map(|(n, x)| if loud.contains(&n) { 2.0 * x } else { x })
        .collect();
    let fast = edged(fast, 4_800);
    for offset in 0..4 {
        // A low-pass at a quarter of the band is interpolation read backwards: a sinc four times as wide.
        let taps: Vec<f64> = (-512..=512)
            .map(|n| {
                let x = std::f64::consts::PI * f64::from(n) / 4.0;
                let window = (std::f64::consts::FRAC_PI_2 * f64::from(n) / 513.0).cos().powi(2);
                window * if n == 0 { 0.25 } else { 0.25 * x.sin() / x }
            })
            .collect();
        let signal: Vec<f64> = (0..fast.len() / 4)
            .map(|n| (0..1_025).filter_map(|k| fast.get((4 * n + offset + 512).checked_sub(k)?).map(|x| x * taps[k])).sum())
            .collect();
        let got = stereo(&signal).truepeak.unwrap();
        let middle = 3_000 - 20..3_000 + 30;
        let exact = middle.flat_map(|n| (0..64).map(move |k| n as f64 + f64::from(k) / 64.0));
        let exact = db(exact.map(|at| interpolate(&signal, at).abs()).fold(0.0, f64::max));
        assert!((-0.15..=0.05).contains(&(got - exact)), "offset {offset}: {got:.3}, exact {exact:.3}");
        assert!((-0.4..=0.2).contains(&got), "offset {offset}: {got:.3}");
    }
}

#[test]
fn true_peak_holds_for_every_tone_to_20_khz_at_any_phase() {
    for rate in [44_100, 48_000, 96_000] {
        for hz in [20.0, 997.0, 7_350.0, 10_007.0, 12_000.0, 15_000.0, 17_999.0, 19_001.0, 19_997.0, 20_000.0] {
            for degrees in [0.0, 33.0, 90.0] {
                let signal = edged(tone(rate, hz, -3.0, degrees, rate as usize / 5), 2_000);
                let got = report(rate, 1, &signal).truepeak.unwrap() + 3.0;
                assert!((-0.15..=0.05).contains(&got), "{hz} Hz at {degrees}°, {rate} Hz: {got:+.3}");
            }
        }
    }
}

#[test]
fn true_peak_of_dense_sound_to_20_khz_is_that_of_ideal_interpolation() {
    for seed in 0..6 {
        // Noise at 40 kHz brought to 48: nothing above 20 kHz, everything below.
        let mut signal = Vec::new();
        let mut resampler = Resampler::new(40_000, RATE, 1);
        resampler.process(&noise(seed, 4_000), &mut signal);
        resampler.finish(&mut signal);
        let signal = edged(signal, 500);
        let exact = (0..16 * signal.len()).map(|n| interpolate(&signal, n as f64 / 16.0).abs()).fold(0.0, f64::max);
        let got = report(RATE, 1, &signal).truepeak.unwrap() - db(exact);
        assert!((-0.15..=0.05).contains(&got), "{got:+.3}");
    }
}

#[test]
fn tech_3342_cases_1_to_4_the_range_of_steps_is_their_distance() {
    let cases: [(&[(f64, f64)], f64); 4] = [
        (&[(20.0, -20.0), (20.0, -30.0)], 10.0),
        (&[(20.0, -20.0), (20.0, -15.0)], 5.0),
        (&[(20.0, -40.0), (20.0, -20.0)], 20.0),
        (&[(20.0, -50.0), (20.0, -35.0), (20.0, -20.0), (20.0, -35.0), (20.0, -50.0)], 15.0),
    ];
    for (case, wanted) in cases {
        near(stereo(&steps(RATE, case)).range, wanted, 0.2);
    }
}

#[test]
fn the_ebur128_crate_agrees_on_a_lively_programme() {
    for (rate, channels) in [(44_100, 2), (48_000, 6), (48_000, 1)] {
        let frames = 30 * rate as usize;
        let mut samples = noise(3, frames * channels);
        for (n, frame) in samples.chunks_mut(channels).enumerate() {
            let t = n as f64 / f64::from(rate);
            let gain = 0.2 * (0.05 + (0.9 * t).sin().abs()) * if t > 20.0 { 0.1 } else { 1.0 };
            frame.iter_mut().for_each(|sample| *sample *= gain);
        }
        let mut judge = ebur128::EbuR128::new(channels as u32, rate, ebur128::Mode::all() & !ebur128::Mode::HISTOGRAM).unwrap();
        let (mut momentary, mut shortterm) = (f64::MIN, f64::MIN);
        for (n, part) in samples.chunks(rate as usize / 100 * channels).enumerate() {
            judge.add_frames_f64(part).unwrap();
            if n + 1 >= 40 {
                momentary = momentary.max(judge.loudness_momentary().unwrap());
            }
            if n + 1 >= 300 && (n + 1) % 10 == 0 {
                shortterm = shortterm.max(judge.loudness_shortterm().unwrap());
            }
        }
        let report = report(rate, channels, &samples);
        near(report.integrated, judge.loudness_global().unwrap(), 0.01);
        near(report.momentary_max, momentary, 0.01);
        near(report.shortterm_max, shortterm, 0.05);
        near(report.range, judge.loudness_range().unwrap(), 0.2);
    }
}

#[test]
fn channels_weigh_by_their_place() {
    assert_eq!(weights(1, None), [1.0]);
    assert_eq!(weights(5, None), [1.0, 1.0, 1.0, 1.41, 1.41]);
    assert_eq!(weights(6, None), [1.0, 1.0, 1.0, 0.0, 1.41, 1.41]);
    assert_eq!(weights(6, Some(0x3F)), [1.0, 1.0, 1.0, 0.0, 1.41, 1.41], "back pair as surround");
    assert_eq!(weights(8, Some(0x63F)), [1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.41, 1.41], "back pair of 7.1");
    assert_eq!(weights(3, Some(0xB)), [1.0, 1.0, 0.0], "2.1");
    assert_eq!(weights(12, None), [1.0; 12], "tracks");
    assert_eq!(weights(3, Some(0x3)), [1.0; 3], "more channels than places");
}

#[test]
fn levels_of_a_full_scale_sine_are_all_zero() {
    let report = stereo(&tone(RATE, 997.0, 0.0, 0.0, 5 * RATE as usize));
    near(report.samplepeak, 0.0, 0.01);
    near(report.truepeak, 0.0, 0.01);
    near(report.rms, 0.0, 0.01);
    near(report.headroom, 0.0, 0.01);
    near(report.correlation, 1.0, 1e-9);
    near(report.mono_loss, 0.0, 1e-9);
    near(Some(report.seconds), 5.0, 0.0);
    near(report.bands[4], 0.0, 0.01);
    assert!(report.bands[0].unwrap() < -100.0 && report.bands[8].unwrap() < -100.0);
}

#[test]
fn mono_loss_and_correlation_tell_width_from_trouble() {
    let (a, b) = (noise(1, 480_000), noise(2, 480_000));
    let sides = |l: &[f64], r: &[f64]| report(RATE, 2, &l.iter().zip(r).flat_map(|(&l, &r)| [l, r]).collect::<Vec<_>>());
    let unrelated = sides(&a, &b);
    near(unrelated.correlation, 0.0, 0.01);
    near(unrelated.mono_loss, 3.01, 0.05);
    let inverted: Vec<f64> = a.iter().map(|x| -x).collect();
    let opposite = sides(&a, &inverted);
    near(opposite.correlation, -1.0, 1e-9);
    near(opposite.mono_loss, levels::MONO_LOSS_MAX, 0.0);
    let alone = sides(&a, &vec![0.0; a.len()]);
    assert_eq!(alone.correlation, None);
    near(alone.mono_loss, 3.01, 0.01);
    let mono = report(RATE, 1, &a);
    assert_eq!((mono.correlation, mono.mono_loss), (None, None));
}

#[test]
fn octaves_of_white_noise_rise_by_3_db_and_sum_to_the_whole() {
    let bands = report(RATE, 1, &noise(8, 30 * RATE as usize)).bands.map(Option::unwrap);
    for pair in bands[..8].windows(2) {
        assert!((pair[1] - pair[0] - 3.01).abs() < 0.5, "{bands:?}");
    }
    // All of 0 … 24 kHz but what is under 44 Hz and over 22.6 kHz.
    let sum: f64 = bands.iter().map(|band| 10f64.powf(band / 10.0)).sum();
    assert!((10.0 * sum.log10() - 10.0 * ((22_627.0 - 44.0) / 24_000f64).log10()).abs() < 0.05);
    assert_eq!(report(16_000, 1, &noise(8, 16_000)).bands[8], None, "no such octave");
}

#[test]
fn silence_and_very_short_files_have_no_reading() {
    let silent = stereo(&vec![0.0; 5 * RATE as usize]);
    for (name, value) in [
        ("integrated", silent.integrated),
        ("momentary", silent.momentary_max),
        ("shortterm", silent.shortterm_max),
        ("range", silent.range),
        ("truepeak", silent.truepeak),
        ("rms", silent.rms),
        ("headroom", silent.headroom),
        ("correlation", silent.correlation),
        ("mono_loss", silent.mono_loss),
        ("band", silent.bands[4]),
    ] {
        assert_eq!(value, None, "{name}");
    }
    let short = stereo(&tone(RATE, 1_000.0, -20.0, 0.0, RATE as usize / 5));
    assert_eq!((short.integrated, short.momentary_max, short.range), (None, None, None));
    near(short.samplepeak, -20.0, 0.01);
    let second = stereo(&tone(RATE, 1_000.0, -20.0, 0.0, RATE as usize));
    near(second.integrated, -20.0, 0.05);
    assert_eq!(second.shortterm_max, None);
    assert_eq!(stereo(&[]).seconds, 0.0);
}

fn ran(files: &[PathBuf], options: &Options) -> (i32, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let status = run(files, options, &mut out, &mut err, &mut |_, _, _| {});
    (status, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

#[test]
fn json_is_an_array_with_the_agreed_names_and_null_for_no_reading() {
    let scratch = Scratch::new();
    let loud = scratch.write("loud.wav", RATE, 2, &spread(&tone(RATE, 1_000.0, -20.0, 0.0, 4 * RATE as usize), 2));
    let silent = scratch.write("silent.wav", RATE, 1, &[0.0; 100]);
    let options = Options { json: true, plot: None };
    let (status, out, err) = ran(&[loud.clone(), silent], &options);
    assert_eq!((status, err.as_str()), (0, ""));
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    let first = json[0].as_object().unwrap();
    let names: std::collections::BTreeSet<&str> = first.keys().map(String::as_str).collect();
    let wanted = "file rate channels seconds integrated momentary_max shortterm_max range truepeak samplepeak rms headroom correlation mono_loss bands";
    assert_eq!(names, wanted.split(' ').collect());
    assert_eq!(first["file"], loud.display().to_string());
    assert_eq!((&first["rate"], &first["channels"]), (&48_000.into(), &2.into()));
    assert!((first["headroom"].as_f64().unwrap() - 20.0).abs() < 0.01);
    let bands = first["bands"].as_object().unwrap();
    for octave in ["63", "125", "250", "500", "1000", "2000", "4000", "8000", "16000"] {
        assert!(bands[octave].is_number());
    }
    assert_eq!(bands.len(), 9);
    assert!(json[1]["integrated"].is_null() && json[1]["bands"]["63"].is_null());
}

#[test]
fn a_bad_file_is_told_and_the_others_are_measured() {
    let scratch = Scratch::new();
    let good = scratch.write("good.wav", RATE, 1, &noise(1, 48_000));
    let (status, out, err) = ran(&[scratch.path("none.wav"), good], &Options::default());
    assert_eq!(status, 2);
    assert!(err.contains("none.wav: cannot open"), "{err}");
    assert!(out.contains("good.wav") && out.contains("true peak") && out.contains("16000"), "{out}");
    assert_eq!(ran(&[], &Options::default()).0, 2);
}

#[test]
fn remarks_about_a_file_reach_the_user() {
    let scratch = Scratch::new();
    let path = scratch.write("cut.wav", RATE, 1, &noise(1, 48_000));
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let (status, out, err) = ran(&[path], &Options::default());
    assert_eq!(status, 0);
    assert!(err.contains("cut short") && out.contains("cut.wav"), "{err}");
}

#[test]
fn a_plot_is_one_picture_a_file_as_its_name_says() {
    let scratch = Scratch::new();
    let a = scratch.write("a & b.wav", RATE, 2, &noise(1, 10 * 96_000));
    let b = scratch.write("empty.wav", RATE, 1, &[]);
    let c = scratch.write("many.wav", 192_000, 12, &noise(2, 12_000));
    let plot = |name: &str| Options { json: false, plot: Some(scratch.path(name)) };
    let (status, _, err) = ran(&[a.clone(), b, c], &plot("plot.svg"));
    assert_eq!((status, err.as_str()), (0, ""));
    for name in ["a & b", "empty", "many"] {
        let svg = std::fs::read_to_string(scratch.path(&format!("plot-{name}.svg"))).unwrap();
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
        assert!(svg.contains("short-term") && !svg.contains("NaN") && !svg.contains("inf"));
        assert!(svg.contains(&name.replace('&', "&amp;")));
    }
    let (status, _, err) = ran(std::slice::from_ref(&a), &plot("plot.png"));
    assert_eq!((status, err.as_str()), (0, ""));
    let png = std::fs::read(scratch.path("plot.png")).unwrap();
    let size = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    assert_eq!((&png[..8], size(16)), (&b"\x89PNG\r\n\x1a\n"[..], 2_400));

    let (status, out, err) = ran(&[a], &plot("plot.pdf"));
    assert_eq!((status, out.as_str()), (2, ""));
    assert!(err.contains(".png or .svg"), "{err}");
}

#[test]
fn progress_counts_up_to_the_files_length() {
    let scratch = Scratch::new();
    let path = scratch.write("a.wav", RATE, 1, &noise(1, 100_000));
    let mut last = (0, 0);
    let mut seen = |_: &Path, done: u64, of: u64| {
        assert!(done > last.0 && done <= of);
        last = (done, of);
    };
    run(&[path], &Options::default(), &mut std::io::sink(), &mut std::io::sink(), &mut seen);
    assert_eq!(last, (100_000, 100_000));
}
