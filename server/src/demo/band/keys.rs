//! The electric piano: frequency modulation (Chowning, 1973), one pair of sines for the tone bar and
//! one for the hammer's ping, panned from side to side by the tremolo of the cabinet.

use super::score;
use super::tone::{Chance, Take, Track, decay, hz, sine};

/// Sways of the tremolo in the whole loop, 4.5 a second: a whole number, so that the loop closes.
const SWAYS: f64 = 144.0;

/// A chord stroke: beat within the bar, length in beats, velocity, and which of the four notes.
type Stroke = (f64, f64, f64, &'static [usize]);

#[rustfmt::skip]
static VERSE: [&[Stroke]; 2] = [
    &[(0.0, 1.4, 0.62, &[0, 1, 2, 3]), (1.5, 0.9, 0.5, &[1, 2, 3]), (2.5, 1.3, 0.58, &[0, 1, 2, 3])],
    &[(0.0, 1.9, 0.6, &[0, 1, 2, 3]), (2.0, 0.4, 0.42, &[1, 2]), (2.75, 0.7, 0.55, &[1, 2, 3]), (3.5, 0.45, 0.45, &[3])],
];
#[rustfmt::skip]
static CHORUS: [&[Stroke]; 2] = [
    &[(0.0, 0.9, 0.85, &[0, 1, 2, 3]), (1.0, 0.45, 0.6, &[1, 2, 3]), (1.5, 1.2, 0.75, &[0, 1, 2, 3]),
      (3.0, 0.45, 0.6, &[1, 2, 3]), (3.5, 0.45, 0.7, &[0, 1, 2, 3])],
    &[(0.0, 1.4, 0.85, &[0, 1, 2, 3]), (1.5, 0.45, 0.65, &[1, 2, 3]), (2.0, 0.95, 0.75, &[0, 1, 2, 3]),
      (3.0, 0.9, 0.7, &[0, 1, 2, 3])],
];

/// Answers to the singer where a line ends: beat in the song, beats, note, velocity.
#[rustfmt::skip]
static FILLS: [(f64, f64, u8, f64); 22] = [
    (6.5, 0.45, 74, 0.5), (7.0, 0.45, 71, 0.45), (7.5, 0.9, 69, 0.5),
    (14.5, 0.45, 69, 0.45), (15.0, 0.45, 71, 0.5), (15.5, 0.9, 74, 0.55),
    (22.75, 0.3, 76, 0.45), (23.0, 0.45, 74, 0.5), (23.5, 0.9, 71, 0.5),
    (34.5, 0.45, 79, 0.65), (35.0, 0.45, 78, 0.6), (35.5, 0.45, 74, 0.6),
    (38.75, 0.25, 74, 0.55), (39.0, 0.45, 76, 0.6), (39.5, 0.9, 78, 0.65),
    (50.5, 0.45, 79, 0.65), (51.0, 0.45, 78, 0.6), (51.5, 0.45, 74, 0.65),
    (54.5, 0.3, 78, 0.6), (54.75, 0.3, 76, 0.6), (55.0, 0.45, 74, 0.6), (55.5, 0.9, 71, 0.6),
];

/// Plays the whole part; left and right.
pub fn record(take: &Take) -> [Track; 2] {
    let chance = &mut take.chance(3);
    let mut left = take.track();
    let mut hit = |beat: f64, beats: f64, note: f64, velocity: f64, late: f64| {
        let velocity = (velocity * (1.0 + 0.07 * chance.bell())).clamp(0.1, 1.0);
        let at = take.frame(beat, late + 0.003 * chance.bell());
        left.add(at, &sound(take, chance, note, beats, velocity), 0.3 + 0.7 * velocity);
    };
    for bar in 0..score::BARS {
        let strokes = if bar < score::CHORUS { VERSE[bar % 2] } else { CHORUS[bar % 2] };
        for &(beat, beats, velocity, fingers) in strokes {
            let beat = 4.0 * bar as f64 + beat;
            let chord = score::chord_at(beat);
            for &finger in fingers {
                // Fingers land one after the other, and the top note sings out.
                let accent = if finger == 3 { 1.1 } else { 0.95 };
                hit(beat, beats, f64::from(chord.keys[finger]), velocity * accent, 0.003 * finger as f64);
            }
            if bar >= score::CHORUS && beat % 2.0 == 0.0 {
                hit(beat, beats, f64::from(chord.root) + 12.0, 0.8 * velocity, 0.0);
                hit(beat, beats, f64::from(chord.keys[3]) + 12.0, 0.6 * velocity, 0.006);
            }
        }
    }
    for (beat, beats, note, velocity) in FILLS {
        hit(beat, beats, f64::from(note), velocity, 0.004);
    }

    let mut right = left.clone();
    for (side, sign) in [(&mut left, 1.0), (&mut right, -1.0)] {
        side.process(0, |at, x| {
            let sway = sine(SWAYS * at as f64 / take.frames as f64);
            (1.0 + 0.32 * sign * sway) * x
        });
    }
    [left, right]
}

fn sound(take: &Take, chance: &mut Chance, note: f64, beats: f64, velocity: f64) -> Vec<f32> {
    let rate = take.rate;
    let pitch = hz(note + 0.015 * chance.bell());
    let ring = 5.0 * (-(note - 48.0) / 24.0).exp2();
    let held = take.span(score::seconds(beats));
    let release = take.span(0.16);
    let (fall, bark_fall, ping_fall) = (decay(ring, rate), decay(1.8, rate), decay(0.4, rate));
    let (mut level, mut bark, mut ping) = (1.0, 0.14 + 0.26 * velocity * velocity, 0.4 * velocity);
    // The ping keeps below the ceiling: a lower partial of the tine on high notes.
    let tine = if pitch * 15.0 < 9_000.0_f64.min(take.ceiling_hz()) { 14.0 } else { 7.0 };
    let mut bar = chance.unit();
    let mut beside = chance.unit();
    (0..held + release)
        .map(|n| {
            bar += pitch / rate;
            beside += (pitch + 0.35) / rate;
            let tone = sine(bar + bark * sine(bar));
            let warm = 0.45 * sine(beside);
            let strike = sine(bar + 0.45 * ping * sine(tine * bar)) * ping;
            let out = (tone + warm + strike) * level;
            level *= fall;
            bark = 0.09 + (bark - 0.09) * bark_fall;
            ping *= ping_fall;
            let rise = (n as f64 / (0.0025 * rate)).min(1.0);
            let end = ((held + release - n) as f64 / release as f64).min(1.0);
            (out * rise * end * end) as f32
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tremolo_closes_the_loop() {
        assert_eq!(SWAYS.fract(), 0.0);
        let per_second = SWAYS / score::seconds(score::BEATS);
        assert!((3.0..7.0).contains(&per_second), "{per_second}");
    }

    #[test]
    fn playing_harder_barks() {
        let take = Take::new(48_000, 0);
        let overtones = |velocity| {
            let sound = sound(&take, &mut Chance::new(5), 57.0, 1.0, velocity);
            let steps: f32 = sound.windows(2).map(|w| (w[1] - w[0]).powi(2)).sum();
            steps / sound.iter().map(|x| x * x).sum::<f32>()
        };
        assert!(overtones(1.0) > 1.3 * overtones(0.3));
    }
}
