//! The acoustic guitar: six plucked strings (Karplus, Strong, 1983; tuned by an all-pass as Jaffe and
//! Smith, 1983) on a body with a few resonances. Picked in the verse, strummed in the chorus.

use super::score;
use super::tone::{Chance, Svf, Take, Track, hz};
use std::f64::consts::TAU;

/// Which string is picked on each eighth of a verse bar; strings count from the lowest, and 9 is the
/// lowest that the chord has.
static PICKING: [[usize; 8]; 2] = [[9, 3, 4, 5, 3, 4, 5, 3], [9, 3, 5, 4, 9, 4, 3, 4]];

/// A chorus bar in sixteenths: down and up strokes with their strength.
static STRUM: [(usize, bool, f64); 10] = [
    (0, true, 1.0),
    (2, true, 0.55),
    (4, true, 0.85),
    (6, true, 0.5),
    (7, false, 0.55),
    (8, true, 0.6),
    (10, false, 0.6),
    (12, true, 0.9),
    (14, true, 0.5),
    (15, false, 0.6),
];

/// What happens to a string at a frame.
struct Touch {
    at: i64,
    action: Action,
}

enum Action {
    /// Plucked at this frequency and strength.
    Pluck(f64, f64),
    /// The hand lies down on it.
    Damp,
}

/// Plays the whole part.
pub fn record(take: &Take) -> Track {
    let chance = &mut take.chance(4);
    let mut strings: [Vec<Touch>; 6] = Default::default();
    for bar in 0..score::BARS {
        let start = 4.0 * bar as f64;
        if bar < score::CHORUS {
            pick(take, chance, &mut strings, start, PICKING[bar % 2]);
        } else {
            strum(take, chance, &mut strings, start);
        }
        for half in [0.0, 2.0] {
            change_grip(take, &mut strings, start + half);
        }
    }
    let mut track = take.track();
    for touches in &mut strings {
        touches.sort_by_key(|touch| touch.at);
        let start = touches.first().map_or(0, |touch| touch.at.min(0));
        track.add(start, &ring(take, chance, touches, start), 1.0);
    }
    // Air and wood: the two lowest resonances of a dreadnought, and the bridge and the plate, which
    // radiate the better the higher it gets.
    let mut air = Svf::new(take, 105.0, 3.5);
    let mut top = Svf::new(take, 205.0, 3.0);
    let mut bridge = Svf::new(take, 2600.0, 0.7);
    let mut plate = Svf::new(take, 900.0, 0.6);
    let mut rumble = Svf::new(take, 70.0, 0.7);
    track.process(take.span(0.2), |_, x| {
        let wood = 0.4 * air.band(x) + 0.35 * top.band(x) + 0.9 * bridge.band(x);
        rumble.high(0.35 * x + wood + 1.3 * plate.high(x))
    });
    track
}

fn pick(take: &Take, chance: &mut Chance, strings: &mut [Vec<Touch>; 6], start: f64, pattern: [usize; 8]) {
    for (eighth, string) in pattern.into_iter().enumerate() {
        let beat = start + eighth as f64 / 2.0;
        let grip = &score::chord_at(beat).strings;
        let lowest = grip.iter().position(|&note| note > 0).unwrap_or(0);
        let string = if string == 9 { lowest } else { string };
        let strength = if eighth % 4 == 0 { 1.0 } else { 0.8 } * (1.0 + 0.1 * chance.bell());
        let at = take.frame(beat, 0.004 * chance.bell());
        strings[string].push(Touch { at, action: Action::Pluck(hz(f64::from(grip[string])), strength) });
    }
}

fn strum(take: &Take, chance: &mut Chance, strings: &mut [Vec<Touch>; 6], start: f64) {
    for (step, down, strength) in STRUM {
        // The upstroke before a change already takes the new grip with it.
        let beat = start + step as f64 / 4.0;
        let grip = &score::chord_at(beat).strings;
        let late = 0.003 * chance.bell();
        let spread = chance.between(0.006, 0.010) * (1.3 - 0.5 * strength);
        let mut order: Vec<usize> = (0..6).filter(|&string| grip[string] > 0).collect();
        if !down {
            // The hand comes back over the high strings only.
            order.reverse();
            order.truncate(4);
        }
        for (nth, string) in order.into_iter().enumerate() {
            let at = take.frame(beat, late + spread * nth as f64);
            let strength = 0.72 * strength * (1.0 + 0.08 * chance.bell()) * if down { 1.0 } else { 0.8 };
            strings[string].push(Touch { at, action: Action::Pluck(hz(f64::from(grip[string])), strength) });
        }
    }
}

/// Strings whose note is not in the chord from `beat` on are stopped as the hand moves.
fn change_grip(take: &Take, strings: &mut [Vec<Touch>; 6], beat: f64) {
    let (old, new) = (score::chord_at(beat - 0.5), score::chord_at(beat));
    for (string, touches) in strings.iter_mut().enumerate() {
        if old.strings[string] != new.strings[string] {
            touches.push(Touch { at: take.frame(beat, -0.012), action: Action::Damp });
        }
    }
}

/// One string through the song, from frame `start`; what still rings at the end rings on after it.
fn ring(take: &Take, chance: &mut Chance, touches: &[Touch], start: i64) -> Vec<f32> {
    let rate = take.rate;
    let tail = take.span(2.0);
    let length = take.frames + tail + start.unsigned_abs() as usize;
    let longest = (rate / 60.0) as usize;
    let mut wire = Wire { line: vec![0.0; longest], ..Wire::default() };
    let mut out = vec![0.0_f32; length];
    let mut next = 0;
    for (n, out) in out.iter_mut().enumerate() {
        while let Some(touch) = touches.get(next).filter(|touch| touch.at <= start + n as i64) {
            match touch.action {
                Action::Pluck(hz, strength) => wire.pluck(take, chance, hz, strength.clamp(0.1, 1.1)),
                Action::Damp => wire.loss = wire.damped,
            }
            next += 1;
        }
        let end = ((length - n) as f64 / tail as f64).min(1.0);
        *out = (wire.next() * end) as f32;
    }
    out
}

/// A delay line closed over a one-pole low-pass, which makes high partials die first, and an
/// all-pass for the fraction of a frame.
#[derive(Default)]
struct Wire {
    line: Vec<f64>,
    period: usize,
    at: usize,
    loss: f64,
    damped: f64,
    pole: f64,
    lowpass: f64,
    fraction: f64,
    allpass: [f64; 2],
    /// The plectrum's burst, still to be fed in.
    burst: Vec<f64>,
    fed: usize,
}

impl Wire {
    fn pluck(&mut self, take: &Take, chance: &mut Chance, hz: f64, strength: f64) {
        let rate = take.rate;
        let omega = TAU * hz / rate;
        // Wound strings are duller than plain ones.
        let corner = (6500.0 + 10.0 * hz).min(take.ceiling_hz());
        self.pole = 1.0 - (-TAU * corner / rate).exp();
        let kept = 1.0 - self.pole;
        let (re, im) = (1.0 - kept * omega.cos(), kept * omega.sin());
        let lag = im.atan2(re) / omega;
        let magnitude = self.pole / re.hypot(im);

        let whole = rate / hz - lag;
        let period = (whole - 0.3).floor();
        let fraction = whole - period;
        self.fraction = (1.0 - fraction) / (1.0 + fraction);
        let seconds = 5.0 * (110.0 / hz).powf(0.35);
        let loss = |seconds: f64| 0.001_f64.powf(1.0 / (hz * seconds)) / magnitude;
        (self.loss, self.damped) = (loss(seconds).min(0.9999), loss(0.09));
        // The plectrum stops what still rang; the rest is blended in by the new period.
        self.resize(period as usize);
        self.line[..self.period].iter_mut().for_each(|x| *x *= 0.25);

        self.burst = burst(take, chance, period as usize, strength);
        self.fed = 0;
    }

    /// Brings the line to a new period, keeping what it holds in order.
    fn resize(&mut self, period: usize) {
        if self.period > 0 {
            self.line[..self.period].rotate_left(self.at);
        }
        let held = self.period;
        self.period = period.clamp(2, self.line.len());
        self.at = 0;
        for at in held..self.period {
            self.line[at] = if held > 0 { self.line[at - held] } else { 0.0 };
        }
    }

    fn next(&mut self) -> f64 {
        if self.period == 0 {
            return 0.0;
        }
        let x = self.line[self.at];
        self.lowpass += self.pole * (x - self.lowpass);
        let y = self.fraction * (self.lowpass - self.allpass[1]) + self.allpass[0];
        self.allpass = [self.lowpass, y];
        let mut x = y * self.loss;
        if let Some(burst) = self.burst.get(self.fed) {
            x += burst;
            self.fed += 1;
        }
        self.line[self.at] = x;
        self.at += 1;
        if self.at == self.period {
            self.at = 0;
        }
        x
    }
}

/// One period of the wave that runs both ways from where the plectrum lets go, near the bridge: a step
/// up and a step down, with some scratch, as dull as the stroke is soft; free of offset, and equally
/// strong at every pitch and rate.
fn burst(take: &Take, chance: &mut Chance, period: usize, strength: f64) -> Vec<f64> {
    let bridge = chance.between(0.15, 0.19);
    let edge = (bridge * period as f64).round() as usize;
    let mut burst: Vec<f64> = (0..period)
        .map(|at| {
            let step = if at < edge { 1.0 - bridge } else { -bridge };
            step + 0.2 * chance.noise() * take.noise_gain()
        })
        .collect();
    let mut colour = Svf::new(take, 2200.0 + 6000.0 * strength * strength, 0.6);
    // Twice round, so that the filter has settled where the period closes.
    for _ in 0..2 {
        burst.iter_mut().for_each(|x| *x = colour.low(*x));
    }
    let mean = burst.iter().sum::<f64>() / period as f64;
    let power = burst.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / period as f64;
    let gain = strength / power.sqrt().max(1e-9);
    burst.iter_mut().for_each(|x| *x = gain * (*x - mean));
    burst
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::band::period;

    #[test]
    fn strings_are_in_tune_at_any_rate() {
        for rate in [22_050, 44_100, 48_000, 96_000, 192_000] {
            let take = Take::new(rate, 0);
            for note in [40.0, 52.0, 67.0] {
                let touch = Touch { at: 0, action: Action::Pluck(hz(note), 0.8) };
                let sound = ring(&take, &mut Chance::new(9), &[touch], 0);
                let near = take.rate / hz(note);
                let span = (0.9 * near) as usize..(1.1 * near) as usize + 2;
                let cents = 1200.0 * (near / period(&sound[take.span(0.1)..take.span(0.6)], span)).log2();
                assert!(cents.abs() < 6.0, "{rate} Hz, note {note}: {cents:.1} cents");
            }
        }
    }

    #[test]
    fn every_grip_can_be_picked() {
        for half in 0..2 * score::BARS {
            let grip = &score::chord_at(2.0 * half as f64).strings;
            assert!(grip[3..].iter().all(|&note| note > 0));
            let open = [40, 45, 50, 55, 59, 64];
            for (&note, open) in grip.iter().zip(open) {
                assert!(note == 0 || (open..=open + 5).contains(&note), "{note} on {open}");
            }
        }
    }
}
