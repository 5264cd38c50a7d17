//! The feedback suppressor in the loop that it is there for: what leaves the console comes back into its microphone.

mod common;

use common::{Console, noise, strip, wire, with_chain};
use headroom_dsp::graph::StripKind;
use headroom_dsp::lanes::Path;
use headroom_dsp::param::Value;
use headroom_dsp::tree::Owner;
use std::f64::consts::TAU;

const RATE: f64 = 48000.0;
/// Frames of a period; the loop is closed between two.
const PERIOD: usize = 48;
/// From the loudspeaker to the microphone.
const DELAY: usize = 480;

/// A resonance of the room, in direct form: what comes back of the loudspeaker.
struct Room {
    /// What was played, the oldest `DELAY` frames ago.
    played: Vec<f64>,
    poles: [f64; 2],
    scale: f64,
    state: [f64; 2],
}

impl Room {
    /// Passes a band around `hz` (Q 12), 0 dB at its middle.
    fn new(hz: f64) -> Room {
        let w = TAU * hz / RATE;
        let alpha = w.sin() / 24.0;
        let a0 = 1.0 + alpha;
        Room { played: vec![0.0; DELAY], poles: [-2.0 * w.cos() / a0, (1.0 - alpha) / a0], scale: alpha / a0, state: [0.0; 2] }
    }

    fn hear(&mut self, x: f64) -> f64 {
        let y = self.scale * x + self.state[0];
        self.state = [self.state[1] - self.poles[0] * y, -self.scale * x - self.poles[1] * y];
        y
    }
}

/// A mono microphone with a suppressor into a loudspeaker, and its loop gain over time in dB at the resonance: what
/// leaves, and after each second the notches that are down (Hz, dB).
fn loudspeaker(source: &[f32], hz: f64, on: bool, gain_db: impl Fn(f64) -> f64) -> (Vec<f64>, Vec<Vec<(f64, f64)>>) {
    let mut main = with_chain(strip(StripKind::Main, 1, "main", true), &[]);
    main.stereo = false;
    let spec = wire(vec![with_chain(strip(StripKind::Channel, 1, "mic", false), &["feedback"]), main]);
    let mut c = Console::on(spec, RATE, vec![vec![0.0; source.len()]], Path::best(), |desk| {
        let id = desk.tree().find(Owner::Strip(0), "feedback/on").expect("a switch");
        desk.set(id, &Value::Bool(on), &mut Vec::new());
    });
    let out = c.desk.plan().ports.output.iter().flatten().copied().min().expect("main has a port");
    let meters = c.meters.clone();
    let mut room = Room::new(hz);
    let mut told = Vec::new();
    for from in (0..source.len() / PERIOD * PERIOD).step_by(PERIOD) {
        for (i, source) in source.iter().enumerate().skip(from).take(PERIOD) {
            let back = room.played[i % DELAY];
            let gain = 10f64.powf(gain_db(i as f64 / RATE) / 20.0);
            // An amplifier gives no more than it has.
            let heard = gain * room.hear(back.clamp(-4.0, 4.0));
            c.io.inputs[0][i] = source + heard as f32;
        }
        c.run(PERIOD, PERIOD);
        for i in from..from + PERIOD {
            room.played[i % DELAY] = c.io.outputs[out][i];
        }
        if (from + PERIOD).is_multiple_of(RATE as usize) {
            let figures = &meters.strips[0].told[0];
            let notch = |n: usize| (f64::from(figures[2 * n].get()), f64::from(figures[2 * n + 1].get()));
            told.push((0..figures.len() / 2).map(notch).filter(|(_, depth)| *depth < -1.0).collect());
        }
    }
    (c.io.outputs[out].clone(), told)
}

/// Plucked notes over a bed of noise.
fn music(frames: usize) -> Vec<f32> {
    let hiss = noise(5, frames);
    let at = |i: usize| {
        let (t, note) = (i as f64 / RATE, i / 14_400);
        let hz = 110.0 * 2f64.powf([0.0, 7.0, 3.0, 10.0, 12.0, 5.0, 15.0, 8.0][note % 8] / 12.0);
        let since = (i % 14_400) as f64 / RATE;
        let envelope = (since / 0.005).min(1.0) * (-6.0 * since).exp() * ((0.3 - since) / 0.02).min(1.0);
        let plucked: f64 = (1..8).map(|h| (TAU * hz * f64::from(h) * t).sin() / f64::from(h)).sum();
        (0.08 * envelope * plucked + 0.002 * f64::from(hiss[i])) as f32
    };
    (0..frames).map(at).collect()
}

/// Rms over a stretch of seconds.
fn level(x: &[f64], from: f64, until: f64) -> f64 {
    let x = &x[(from * RATE) as usize..(until * RATE) as usize];
    10.0 * (2.0 * x.iter().map(|v| v * v).sum::<f64>() / x.len() as f64).log10()
}

/// How often it crosses zero upwards, a second of it.
fn crossings(x: &[f64]) -> f64 {
    x.windows(2).filter(|w| w[0] < 0.0 && w[1] >= 0.0).count() as f64 * RATE / x.len() as f64
}

#[test]
fn a_loop_that_begins_to_howl_in_music_gets_a_notch_within_a_second() {
    let source = music(12 * RATE as usize);
    for hz in [420.0, 1500.0, 3300.0] {
        // From 6 dB under to 4 dB over what stands, within four seconds.
        let gain = |t: f64| (-6.0 + 2.5 * t).min(4.0);
        let (free, _) = loudspeaker(&source, hz, false, gain);
        assert!(level(&free, 10.0, 12.0) > -3.0, "{hz}: without it the loop howls");
        let (held, told) = loudspeaker(&source, hz, true, gain);
        assert!(level(&held, 10.0, 12.0) < level(&held, 0.0, 2.0) + 6.0, "{hz}: {:.1} dBFS", level(&held, 10.0, 12.0));
        // Over 0 dB from 2.4 s on: the notch is there as soon as it can be heard, and where it is heard.
        let (seconds, notches) = told.iter().enumerate().find(|(_, n)| !n.is_empty()).expect("a notch");
        assert!((3..=5).contains(&(seconds + 1)), "{hz}: after {} s", seconds + 1);
        // The loop rings where its delay is whole periods, up to 50 Hz beside the resonance: by what it howls when it may.
        let rings = crossings(&free[10 * RATE as usize..]);
        assert!((rings - hz).abs() < 0.5 * RATE / DELAY as f64, "{hz}: the loop rings at {rings}");
        let off = notches.iter().map(|(f, _)| (f / rings).log2().abs()).fold(f64::MAX, f64::min);
        assert!(off < 1.0 / 12.0, "{hz}: rings at {rings}, {notches:?}");
        println!(
            "{hz} Hz, rings at {rings}: notches {notches:?} after {} s; {:.1} dBFS, without {:.1}",
            seconds + 1,
            level(&held, 10.0, 12.0),
            level(&free, 10.0, 12.0)
        );
    }
}

#[test]
fn a_held_chord_in_a_loop_that_stands_gets_none() {
    let chord = [130.81, 196.0, 261.63, 311.13, 392.0];
    let pipe = |t: f64, hz: &f64| (1..7).map(|h| (TAU * hz * f64::from(h) * t).sin() / f64::from(h)).sum::<f64>();
    let at = |i: usize| {
        let t = i as f64 / RATE;
        (0.03 * (t / 0.08).min(1.0) * chord.iter().map(|hz| pipe(t, hz)).sum::<f64>()) as f32
    };
    let source: Vec<f32> = (0..30 * RATE as usize).map(at).collect();
    let (_, told) = loudspeaker(&source, 1500.0, true, |_| -12.0);
    assert!(told.len() == 30 && told.iter().all(Vec::is_empty), "{told:?}");
}
