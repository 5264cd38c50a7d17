//! The backing singers: a dozen detuned voices through shared vowels, "oo" in the second half of the
//! verse and "ah" in the chorus, spread from left to right.

use super::score;
use super::tone::{Chance, Saw, Svf, Take, Track, gain, glide, hz, sine};

/// The first bar in which they sing.
pub const ENTRY: usize = 4;
/// Singers to each of the four notes.
const DESKS: usize = 3;

/// Sings the whole part; left and right.
pub fn record(take: &Take) -> [Track; 2] {
    let chance = &mut take.chance(6);
    let mut sides = [take.track(), take.track()];
    let mut beat = ENTRY as f64 * 4.0;
    while beat < score::BEATS {
        let chord = score::chord_at(beat);
        let mut beats = 2.0;
        while beat + beats < score::BEATS && std::ptr::eq(score::chord_at(beat + beats), chord) {
            beats += 2.0;
        }
        for (part, &note) in chord.choir.iter().enumerate() {
            for desk in 0..DESKS {
                let detune = 0.07 * chance.bell();
                let late = chance.between(-0.03, 0.03);
                let voice = sing(take, f64::from(note) + detune, beats, chance.unit(), chance.between(4.6, 5.9));
                // Parts and desks alternate across the stage.
                let place = (part as f64 + 0.5) / 2.0 - 1.0;
                let place = if desk == 1 { -place } else { place * (1.0 - 0.5 * desk as f64) };
                let angle = (place + 1.0) * std::f64::consts::FRAC_PI_4;
                let level = if beat < 4.0 * score::CHORUS as f64 { 0.36 } else { 1.0 };
                sides[0].add(take.frame(beat, late), &voice, level * angle.cos());
                sides[1].add(take.frame(beat, late), &voice, level * angle.sin());
            }
        }
        beat += beats;
    }
    for side in &mut sides {
        shape(take, chance, side);
    }
    sides
}

/// One voice on one note, before the mouth.
fn sing(take: &Take, note: f64, beats: f64, phase: f64, sway_hz: f64) -> Vec<f32> {
    let rate = take.rate;
    let held = take.span(score::seconds(beats) - 0.05);
    let release = take.span(0.35);
    let attack = 0.16 * rate;
    let pitch = hz(note) / rate;
    let mut saw = Saw { phase };
    let shade = glide(1.0 / (std::f64::consts::TAU * 4200.0), rate);
    let mut dark = 0.0;
    (0..held + release)
        .map(|n| {
            let sway = sine(phase + sway_hz * n as f64 / rate);
            dark += shade * (saw.next(pitch * (1.0 + 0.0065 * sway)) - dark);
            let rise = (n as f64 / attack).min(1.0);
            let end = ((held + release - n) as f64 / release as f64).min(1.0);
            let level = rise * rise * (3.0 - 2.0 * rise) * end * end * (3.0 - 2.0 * end);
            (dark * level) as f32
        })
        .collect()
}

/// A formant of "oo" and of "ah", each as centre in Hz and level in dB, and the width in Hz that
/// both have. Side by side rather than in a chain, they leave a choir its shimmer up high.
const MOUTH: [([(f64, f64); 2], f64); 6] = [
    ([(350.0, 0.0), (760.0, 0.0)], 110.0),
    ([(760.0, -11.0), (1180.0, -3.0)], 140.0),
    ([(2550.0, -27.0), (2700.0, -13.0)], 240.0),
    ([(3300.0, -27.0), (3350.0, -14.0)], 320.0),
    ([(4400.0, -33.0), (4500.0, -20.0)], 700.0),
    ([(8000.0, -36.0), (8000.0, -22.0)], 4000.0),
];

/// Gives the summed voices a mouth that opens from "oo" to "ah" at the chorus.
fn shape(take: &Take, chance: &mut Chance, side: &mut Track) {
    let mut tract = [(); 6].map(|()| (Svf::default(), 0.0));
    let mut rumble = Svf::new(take, 120.0, 0.7);
    let step = take.span(0.002).max(1);
    side.process(take.span(0.2), |at, x| {
        if at % step == 0 {
            let beat = at as f64 / take.rate * score::BPM / 60.0;
            // Rounded again only once the last chord, which runs over the loop, has died away.
            let open = ((beat - 4.0 * score::CHORUS as f64 + 0.6) / 0.8).max(3.0 - beat).clamp(0.0, 1.0);
            for ((filter, level), ([oo, ah], width)) in tract.iter_mut().zip(MOUTH) {
                let hz = oo.0 * (ah.0 / oo.0).powf(open);
                filter.tune(take, hz, hz / width);
                *level = gain(oo.1 + (ah.1 - oo.1) * open);
            }
        }
        let breath = 0.03 * chance.noise() * take.noise_gain() * (x * x / (x * x + 0.2));
        // Neighbours in opposite polarity, so that they do not cancel between their centres.
        let mut sign = 1.0;
        let mut out = 0.0;
        for (filter, level) in &mut tract {
            out += sign * *level * filter.band(x + breath);
            sign = -sign;
        }
        rumble.high(out)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_choir_knows_every_chord() {
        let in_key = |note: &u8| [0, 2, 4, 6, 7, 9, 11].contains(&(note % 12));
        for half in 0..2 * score::BARS {
            let chord = score::chord_at(2.0 * half as f64);
            assert!(chord.choir.is_sorted() && chord.choir.iter().all(in_key), "{chord:?}");
            assert!(chord.keys.is_sorted() && chord.keys.iter().all(in_key), "{chord:?}");
        }
    }
}
