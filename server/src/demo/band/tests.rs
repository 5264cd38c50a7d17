use super::*;
use std::ops::Range;
use std::sync::OnceLock;

fn song() -> &'static Song {
    static SONG: OnceLock<Song> = OnceLock::new();
    SONG.get_or_init(|| Song::render(48_000))
}

fn db(x: f64) -> f64 {
    20.0 * x.max(1e-12).log10()
}

fn peak(samples: &[f32]) -> f64 {
    db(samples.iter().fold(0.0_f64, |peak, &x| peak.max(f64::from(x).abs())))
}

fn rms(samples: &[f32]) -> f64 {
    let power = samples.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / samples.len() as f64;
    db(power.sqrt())
}

/// The samples of `bars`, of every plane.
fn bars(stem: &Stem, bars: Range<usize>) -> Vec<f32> {
    let frames = stem.samples.len() / stem.channels;
    let span = bars.start * frames / score::BARS..bars.end * frames / score::BARS;
    (0..stem.channels).flat_map(|plane| stem.plane(plane)[span.clone()].to_vec()).collect()
}

#[test]
fn the_song_is_sixteen_bars_of_every_stem() {
    let song = song();
    assert_eq!(song.frames, 32 * 48_000);
    assert_eq!(song.stems.len(), STEMS.len());
    for (stem, info) in song.stems.iter().zip(&STEMS) {
        assert_eq!((stem.name, stem.channels), (info.name, info.channels));
        assert_eq!(stem.samples.len(), song.frames * stem.channels);
    }
}

#[test]
fn the_same_hands_play_the_same_and_others_do_not() {
    let once = Song::render_seeded(22_050, 5);
    assert_eq!(once, Song::render_seeded(22_050, 5));
    let other = Song::render_seeded(22_050, 6);
    for (a, b) in once.stems.iter().zip(&other.stems) {
        assert_ne!(a.samples, b.samples, "{}", a.name);
    }
}

#[test]
fn every_stem_comes_in_at_its_level() {
    for (stem, info) in song().stems.iter().zip(&STEMS) {
        assert!(stem.samples.iter().all(|x| x.is_finite()), "{}", stem.name);
        let peak = peak(&stem.samples);
        assert!((peak - f64::from(info.peak_db)).abs() < 0.01, "{}: {peak:.2} dBFS", stem.name);
        assert!((-12.0..=-6.0).contains(&info.peak_db), "{}", stem.name);
        for plane in 0..stem.channels {
            let offset = stem.plane(plane).iter().map(|&x| f64::from(x)).sum::<f64>() / song().frames as f64;
            assert!(db(offset.abs()) < -70.0, "{}: offset {offset:e}", stem.name);
        }
    }
}

#[test]
fn every_bar_that_a_part_plays_is_heard() {
    // RMS of a bar in dBFS: drums are short and far between, the rest is held.
    let span = |name| match name {
        "Kick" | "Snare" => -33.0..-21.0,
        "Toms" => -27.0..-17.0,
        "Hats" => -42.0..-28.0,
        "Overheads" => -39.0..-25.0,
        "Bass" => -25.0..-18.0,
        "Lead vox" => -26.0..-17.0,
        _ => -36.0..-22.0,
    };
    for (stem, info) in song().stems.iter().zip(&STEMS) {
        for bar in info.bars.iter().flat_map(|&(first, after)| first..after) {
            let rms = rms(&bars(stem, bar..bar + 1));
            assert!(span(stem.name).contains(&rms), "{}, bar {bar}: {rms:.1} dBFS", stem.name);
        }
    }
}

#[test]
fn the_chorus_is_bigger_than_the_verse() {
    for name in ["Kick", "Hats", "Bass", "Keys", "Guitar", "Lead vox", "Choir"] {
        let stem = song().stems.iter().find(|stem| stem.name == name).unwrap();
        let (verse, chorus) = (rms(&bars(stem, 4..7)), rms(&bars(stem, 8..15)));
        assert!(chorus > verse + 0.5, "{name}: {verse:.1} and {chorus:.1} dBFS");
    }
}

#[test]
fn the_fill_is_on_the_toms() {
    let toms = song().stems.iter().find(|stem| stem.name == "Toms").unwrap();
    let (fill, before) = (rms(&bars(toms, 7..8)), rms(&bars(toms, 6..7)));
    assert!(fill > before + 25.0, "{fill:.1} and {before:.1} dBFS");
}

#[test]
fn a_gate_can_tell_ghost_notes_from_spill() {
    let snare = song().stems.iter().find(|stem| stem.name == "Snare").unwrap();
    let sixteenth = |step: usize| {
        let frames = song().frames / (16 * score::BARS);
        peak(&snare.plane(0)[step * frames..(step + 1) * frames])
    };
    let mut ghosts = f64::INFINITY;
    let mut spill = f64::NEG_INFINITY;
    for (bar, beat) in score::DRUMS.iter().enumerate().take(7) {
        for (step, _) in score::strokes(beat.snare) {
            ghosts = ghosts.min(sixteenth(16 * bar + step));
        }
        // Ahead of the backbeat the snare has rested for long.
        for step in 0..3 {
            spill = spill.max(sixteenth(16 * bar + step));
        }
    }
    assert!(ghosts > spill + 3.0, "{ghosts:.1} and {spill:.1} dBFS");
}

#[test]
fn the_loop_has_no_seam() {
    for (rate, seed) in [(48_000, Song::SEED), (22_050, 2), (22_050, 3)] {
        let song = Song::render_seeded(rate, seed);
        let near = rate as usize / 100;
        for stem in &song.stems {
            for plane in 0..stem.channels {
                let plane = stem.plane(plane);
                let around: Vec<f32> = plane[plane.len() - near..].iter().chain(&plane[..near]).copied().collect();
                let steps: Vec<f32> = around.windows(2).map(|w| (w[1] - w[0]).abs()).collect();
                let seam = steps[near - 1];
                let usual = steps.iter().enumerate().filter(|&(at, _)| at != near - 1);
                let usual = usual.fold(0.0_f32, |most, (_, &step)| most.max(step));
                assert!(seam <= 1.2 * usual + 1e-5, "{}: {seam} beside {usual}", stem.name);
            }
        }
    }
}

#[test]
fn faders_up_it_is_a_mix_with_room_above() {
    let frames = song().frames;
    let mut main = [vec![0.0_f32; frames], vec![0.0_f32; frames]];
    for stem in &song().stems {
        // A mono strip in the centre is 3 dB down on either side.
        let gain = if stem.channels == 1 { 0.5_f32.sqrt() } else { 1.0 };
        for (side, main) in main.iter_mut().enumerate() {
            for (sum, x) in main.iter_mut().zip(stem.plane(side.min(stem.channels - 1))) {
                *sum += gain * x;
            }
        }
    }
    let main = main.concat();
    let (peak, rms) = (peak(&main), rms(&main));
    assert!((-6.0..0.0).contains(&peak), "{peak:.1} dBFS");
    assert!((-22.0..-15.0).contains(&rms), "{rms:.1} dBFS");
}

#[test]
fn it_is_the_same_song_at_any_rate() {
    for rate in [22_050, 44_100, 192_000] {
        let other = Song::render(rate);
        assert_eq!(other.frames, 32 * rate as usize);
        for (a, b) in song().stems.iter().zip(&other.stems) {
            assert!(b.samples.iter().all(|x| x.is_finite()), "{} at {rate} Hz", b.name);
            // At 22.05 kHz the cymbals lose the octave that makes most of them.
            let slack = if rate < 44_100 { 6.0 } else { 2.0 };
            let (a_rms, b_rms) = (rms(&a.samples), rms(&b.samples));
            assert!((a_rms - b_rms).abs() < slack, "{} at {rate} Hz: {b_rms:.1}, not {a_rms:.1}", a.name);
        }
    }
}

#[test]
fn reading_goes_round() {
    let stem = Stem { name: "", channels: 2, samples: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0] };
    let mut out = [0.0; 5];
    stem.read(0, 2, &mut out);
    assert_eq!(out, [3.0, 1.0, 2.0, 3.0, 1.0]);
    stem.read(1, 3 * u64::from(u32::MAX) + 1, &mut out);
    assert_eq!(out, [5.0, 6.0, 4.0, 5.0, 6.0]);
}
