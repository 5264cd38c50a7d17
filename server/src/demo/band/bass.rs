//! The bass player: a saw over a sine through a four-pole low-pass that closes after each pluck.

use super::score;
use super::tone::{Chance, Saw, Svf, Take, Track, decay, hz, sine};

/// One pluck.
struct Pluck {
    beat: f64,
    beats: f64,
    note: u8,
    velocity: f64,
    /// A string touched but not stopped: a thud in place of a tone.
    dead: bool,
}

/// Plays the whole part.
pub fn record(take: &Take) -> Track {
    let chance = &mut take.chance(2);
    let mut track = take.track();
    for pluck in part() {
        let velocity = (pluck.velocity * (1.0 + 0.05 * chance.bell())).clamp(0.1, 1.0);
        let at = take.frame(pluck.beat, 0.002 + 0.003 * chance.bell());
        track.add(at, &sound(take, chance, &pluck, velocity), 0.35 + 0.65 * velocity);
    }
    let mut rumble = Svf::new(take, 28.0, 0.7);
    track.process(take.span(0.2), |_, x| rumble.high(x));
    track
}

/// The part, worked out from the chords: syncopated roots and fifths in the verse, driving eighths
/// in the chorus, and a step towards the next root at the end of a bar.
fn part() -> Vec<Pluck> {
    let mut part = Vec::new();
    for bar in 0..score::BARS {
        let start = bar as f64 * 4.0;
        let mut pluck = |beat: f64, beats: f64, note: u8, velocity: f64, dead: bool| {
            part.push(Pluck { beat: start + beat, beats, note, velocity, dead });
        };
        let (first, second) = (score::chord_at(start), score::chord_at(start + 2.0));
        let approach = approach(second.root, score::chord_at(start + 4.0).root);
        if bar < score::CHORUS {
            pluck(0.0, 1.2, first.root, 0.95, false);
            pluck(1.5, 0.4, first.root, 0.7, false);
            if bar % 2 == 0 {
                pluck(1.75, 0.2, first.root, 0.35, true);
            }
            pluck(2.0, 0.45, second.root, 0.85, false);
            pluck(2.5, 0.85, second.fifth, 0.75, false);
            if bar % 2 == 1 {
                pluck(3.25, 0.2, second.fifth, 0.3, true);
            }
            pluck(3.5, 0.42, approach, 0.8, false);
        } else {
            for eighth in 0..8_u8 {
                let chord = if eighth < 4 { first } else { second };
                let note = match eighth {
                    3 if bar % 2 == 1 => chord.root + 12,
                    5 => chord.fifth,
                    7 => approach,
                    _ => chord.root,
                };
                let velocity = if eighth % 4 == 0 { 1.0 } else { 0.72 + 0.08 * f64::from(eighth % 2) };
                pluck(f64::from(eighth) / 2.0, 0.44, note, velocity, false);
            }
        }
    }
    part
}

/// The note that leads from `from` to `to`: the G major neighbour of the target, from the side that
/// the line comes from; the octave when there is nowhere to go.
fn approach(from: u8, to: u8) -> u8 {
    let in_key = |note: u8| [0, 2, 4, 6, 7, 9, 11].contains(&(note % 12));
    match from.cmp(&to) {
        std::cmp::Ordering::Equal => from + 12,
        std::cmp::Ordering::Less => (1..=2).map(|step| to - step).find(|&note| in_key(note)).unwrap_or(to),
        std::cmp::Ordering::Greater => (1..=2).map(|step| to + step).find(|&note| in_key(note)).unwrap_or(to),
    }
}

fn sound(take: &Take, chance: &mut Chance, pluck: &Pluck, velocity: f64) -> Vec<f32> {
    let rate = take.rate;
    let pitch = hz(f64::from(pluck.note) + 0.02 * chance.bell());
    let held = take.span(if pluck.dead { 0.05 } else { score::seconds(pluck.beats) });
    let release = take.span(if pluck.dead { 0.03 } else { 0.06 });
    let ring = decay(if pluck.dead { 0.12 } else { 3.2 }, rate);
    let closing = decay(0.9, rate);
    let finger_fall = decay(0.03, rate);
    let (mut level, mut open, mut finger) = (1.0, 1.0, 1.0);
    let mut saw = Saw { phase: 0.5 };
    let mut body = 0.0;
    let mut poles = [Svf::default(), Svf::default()];
    let mut touch = Svf::new(take, 1100.0, 0.8);
    let retune = take.span(0.0005).max(1);
    (0..held + release)
        .map(|n| {
            if n % retune == 0 {
                let dull = if pluck.dead { 0.2 } else { 1.0 };
                let corner = 320.0 + 2.0 * pitch + dull * (700.0 + 2600.0 * velocity) * open;
                poles[0].tune(take, corner, 0.6);
                poles[1].tune(take, corner, 1.3);
            }
            body += pitch / rate;
            let string = 0.6 * saw.next(pitch / rate) + 0.2 * sine(body) - 0.2 * sine(2.0 * body);
            let noise = touch.band(chance.noise() * take.noise_gain()) * finger * 0.35 * velocity;
            let x = poles[0].low(string + noise);
            let x = poles[1].low(x) * level;
            level *= ring;
            open *= closing;
            finger *= finger_fall;
            let rise = (n as f64 / (0.003 * rate)).min(1.0);
            let end = ((held + release - n) as f64 / release as f64).min(1.0);
            let end = end * end * (3.0 - 2.0 * end);
            ((0.9 * x).tanh() * rise * end) as f32
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_follows_the_chords() {
        for pluck in part().iter().filter(|pluck| pluck.beat % 4.0 == 0.0) {
            assert_eq!(pluck.note, score::chord_at(pluck.beat).root, "beat {}", pluck.beat);
        }
    }

    #[test]
    fn the_line_stays_in_key_and_on_the_neck() {
        for pluck in part() {
            assert!([0, 2, 4, 6, 7, 9, 11].contains(&(pluck.note % 12)), "{}", pluck.note);
            assert!((28..=55).contains(&pluck.note), "{}", pluck.note);
        }
    }

    #[test]
    fn the_pluck_sounds_the_note_written() {
        let take = Take::new(48_000, 0);
        let pluck = Pluck { beat: 0.0, beats: 2.0, note: 33, velocity: 0.8, dead: false };
        let sound = sound(&take, &mut Chance::new(3), &pluck, 0.8);
        let period = crate::demo::band::period(&sound[9600..38400], 600..1200);
        assert!((take.rate / period / hz(33.0) - 1.0).abs() < 0.004, "{}", take.rate / period);
    }
}
