//! The drummer, and the five places where the kit is picked up.
//!
//! Each piece is made of what makes it in the flesh: a membrane whose pitch falls as it settles, the
//! wires under the snare, the dense inharmonic partials of cymbals. The close microphones hear a
//! little of their neighbours and the overheads hear all of it, so that gates have work to do.

use super::score::{self, Beat};
use super::tone::{Chance, Saw, Svf, Take, Track, decay, gain, hz, sine};

/// The kit as it is picked up.
pub struct Kit {
    /// Inside the bass drum.
    pub kick: Track,
    /// Over the snare.
    pub snare: Track,
    /// Over the hats.
    pub hats: Track,
    /// The toms, one microphone each, summed.
    pub toms: Track,
    /// Left and right above the kit; the hats are on the left.
    pub overheads: [Track; 2],
}

/// Pitches of the high, middle and floor tom.
const TOMS: [f64; 3] = [49.5, 45.0, 40.5];

/// Plays the whole part.
pub fn record(take: &Take) -> Kit {
    let chance = &mut take.chance(1);
    let mut kick = take.track();
    let mut snare = take.track();
    let mut hats = take.track();
    let mut toms = take.track();
    let mut cymbals = [take.track(), take.track()];

    play(take, chance, &mut kick, 0.0025, |beat| beat.kick, |chance, velocity, _| kick_drum(take, chance, velocity));
    // The backbeat sits a touch late: the pocket.
    play(take, chance, &mut snare, 0.003, |beat| beat.snare, |chance, velocity, _| snare_drum(take, chance, velocity));
    for (tom, note) in TOMS.into_iter().enumerate() {
        play(
            take,
            chance,
            &mut toms,
            0.004,
            |beat| beat.toms[tom],
            |chance, velocity, _| tom_tom(take, chance, velocity, hz(note)),
        );
    }
    let chokes = hat_strokes();
    play(take, chance, &mut hats, 0.003, |beat| beat.hat, |chance, velocity, _| hat(take, chance, velocity, 0.0));
    play(
        take,
        chance,
        &mut hats,
        0.003,
        |beat| beat.open,
        |chance, velocity, step| {
            let next = chokes.iter().find(|&&stroke| stroke > step).unwrap_or(&usize::MAX);
            hat(take, chance, velocity, score::seconds((next - step).min(8) as f64 / 4.0))
        },
    );

    let ride = cymbal(take, chance, &RIDE);
    let crash = cymbal(take, chance, &CRASH);
    for (bar, beat) in score::DRUMS.iter().enumerate() {
        for (grid, sound, sides) in [(beat.ride, &ride, [0.2, 0.42]), (beat.crash, &crash, [0.95, 0.7])] {
            for (step, velocity) in score::strokes(grid) {
                let at = take.frame(bar as f64 * 4.0 + step as f64 / 4.0, 0.002 * chance.bell());
                let level = velocity.powf(1.4) * chance.between(0.9, 1.0);
                for (side, share) in cymbals.iter_mut().zip(sides) {
                    side.add(at, sound, level * share);
                }
            }
        }
    }
    set_up_microphones(take, kick, snare, hats, toms, cymbals)
}

/// Every sixteenth of the song on which the hats are struck.
fn hat_strokes() -> Vec<usize> {
    let mut strokes: Vec<usize> = (score::DRUMS.iter().enumerate())
        .flat_map(|(bar, beat)| [beat.hat, beat.open].into_iter().flat_map(score::strokes).map(move |(step, _)| 16 * bar + step))
        .collect();
    strokes.sort_unstable();
    strokes
}

/// Plays one grid of every bar, off by about `slack` seconds. `sound` gets the velocity and the
/// sixteenth in the song.
fn play(
    take: &Take,
    chance: &mut Chance,
    track: &mut Track,
    slack: f64,
    grid: impl Fn(&Beat) -> &'static str,
    mut sound: impl FnMut(&mut Chance, f64, usize) -> Vec<f32>,
) {
    for (bar, beat) in score::DRUMS.iter().enumerate() {
        for (step, velocity) in score::strokes(grid(beat)) {
            let at = take.frame(bar as f64 * 4.0 + step as f64 / 4.0, 0.002 + slack * chance.bell());
            let velocity = (velocity * (1.0 + 0.05 * chance.bell())).clamp(0.08, 1.0);
            let note = sound(chance, velocity, 16 * bar + step);
            track.add(at, &note, velocity.powf(1.2));
        }
    }
}

/// Mixes each microphone from what is near it. Distances are in metres; levels are those of the
/// neighbour's loudest stroke beside the own one's.
fn set_up_microphones(
    take: &Take,
    mut kick: Track,
    mut snare: Track,
    mut hats: Track,
    mut toms: Track,
    mut cymbals: [Track; 2],
) -> Kit {
    for piece in [&mut kick, &mut snare, &mut hats, &mut toms] {
        piece.normalise(1.0);
    }
    let loudest = cymbals[0].peak().max(cymbals[1].peak());
    cymbals.iter_mut().for_each(|side| side.scale(1.0 / loudest));

    let hear = |mic: &mut Track, source: &Track, metres: f64, db: f64| {
        mic.hear(source, take.span(metres / 343.0), gain(db));
    };
    let (mut by_kick, mut by_snare, mut by_hats, mut by_toms) = (kick.clone(), snare.clone(), hats.clone(), toms.clone());
    hear(&mut by_kick, &snare, 0.7, -36.0);
    hear(&mut by_kick, &toms, 0.6, -38.0);
    hear(&mut by_snare, &hats, 0.4, -30.0);
    hear(&mut by_snare, &kick, 0.6, -36.0);
    hear(&mut by_snare, &toms, 0.5, -32.0);
    hear(&mut by_hats, &snare, 0.5, -24.0);
    hear(&mut by_hats, &cymbals[0], 0.8, -28.0);
    hear(&mut by_toms, &snare, 0.5, -32.0);
    hear(&mut by_toms, &kick, 0.6, -36.0);
    hear(&mut by_toms, &cymbals[1], 0.7, -34.0);

    // Above the kit; the room's first reflections follow.
    let close = [[(&hats, 0.9, -6.0), (&toms, 1.2, -5.0)], [(&hats, 1.4, -12.0), (&toms, 1.0, -4.0)]];
    let walls = [[(3.1, -15.0), (5.3, -18.0), (9.7, -22.0)], [(3.7, -15.5), (6.1, -18.5), (8.9, -21.5)]];
    for ((side, close), walls) in cymbals.iter_mut().zip(close).zip(walls) {
        for (piece, metres, db) in close {
            hear(side, piece, metres, db);
        }
        hear(side, &snare, 1.0, -5.0);
        hear(side, &kick, 1.3, -13.0);
        for (metres, db) in walls {
            hear(side, &snare, metres, db + 4.0);
            hear(side, &toms, metres, db + 3.0);
            hear(side, &kick, metres, db);
            hear(side, &hats, metres, db - 6.0);
        }
        let mut rumble = Svf::new(take, 70.0, 0.7);
        side.process(take.span(0.2), |_, x| rumble.high(x));
    }
    Kit { kick: by_kick, snare: by_snare, hats: by_hats, toms: by_toms, overheads: cymbals }
}

/// A beater on a head whose pitch falls from a thump to 50 Hz.
fn kick_drum(take: &Take, chance: &mut Chance, velocity: f64) -> Vec<f32> {
    let rate = take.rate;
    let (body, ring) = (decay(0.30, rate), decay(0.8, rate));
    let (drop, snap, slap) = (decay(0.16, rate), decay(0.03, rate), decay(0.028, rate));
    let (mut level, mut tail, mut deep, mut high, mut click) = (1.0, 0.22, 1.0, 1.0, 1.0);
    let mut phase = 0.0;
    let mut beater = Svf::new(take, 3400.0, 0.6);
    let bright = 0.25 + 0.75 * velocity;
    (0..take.span(0.6))
        .map(|n| {
            phase += (49.0 + 75.0 * deep + 230.0 * high * bright) / rate;
            let skin = sine(phase) * (level + tail) * 1.3;
            let rise = (n as f64 / (0.0012 * rate)).min(1.0);
            let tick = beater.band(chance.noise() * take.noise_gain()) * click * bright;
            level *= body;
            tail *= ring;
            deep *= drop;
            high *= snap;
            click *= slap;
            let fade = 1.0 - (n as f64 / (0.6 * rate)).powi(8);
            (((1.1 * skin * rise).tanh() + 1.1 * tick) * fade) as f32
        })
        .collect()
}

/// A head with its first two modes, and the wires that answer it.
fn snare_drum(take: &Take, chance: &mut Chance, velocity: f64) -> Vec<f32> {
    let rate = take.rate;
    let tune = 1.0 + 0.004 * chance.bell();
    let modes = [(188.0, 1.0, 0.16), (287.0, 0.35, 0.11), (341.0, 0.55, 0.12), (512.0, 0.18, 0.07)];
    let fall: Vec<f64> = modes.iter().map(|&(_, _, seconds)| decay(seconds, rate)).collect();
    let mut phase = [0.0; 4];
    let mut level = modes.map(|(_, level, _)| level);
    let (bend_fall, wire_fall, tail_fall, stick_fall) =
        (decay(0.05, rate), decay(0.12 + 0.06 * velocity, rate), decay(0.34, rate), decay(0.018, rate));
    let (mut bend, mut wire, mut tail, mut stick) = (1.0, 1.0, 0.3, 1.0);
    let mut wires = [Svf::new(take, 2100.0, 0.6), Svf::new(take, 5200.0, 0.9), Svf::new(take, 900.0, 0.7)];
    let mut tip = Svf::new(take, 3600.0, 0.7);
    let bright = 0.35 + 0.65 * velocity;
    let length = take.span(0.12 + 0.38 * velocity);
    (0..length)
        .map(|n| {
            let mut skin = 0.0;
            for (mode, &(hz, _, _)) in modes.iter().enumerate() {
                phase[mode] += hz * tune * (1.0 + 0.35 * bend) / rate;
                skin += sine(phase[mode]) * level[mode];
                level[mode] *= fall[mode];
            }
            let noise = chance.noise() * take.noise_gain();
            let hiss = wires[0].band(noise) + bright * wires[1].band(noise);
            let hiss = wires[2].high(hiss) * (wire + tail * velocity);
            let crack = tip.band(noise) * stick * bright;
            let rise = (n as f64 / (0.0006 * rate)).min(1.0);
            let fade = 1.0 - (n as f64 / length as f64).powi(6);
            bend *= bend_fall;
            wire *= wire_fall;
            tail *= tail_fall;
            stick *= stick_fall;
            ((0.62 * skin * rise + 0.85 * hiss + 0.7 * crack).tanh() * fade) as f32
        })
        .collect()
}

/// A tom: two membrane modes that sag in pitch, and the slap of the stick.
fn tom_tom(take: &Take, chance: &mut Chance, velocity: f64, hz: f64) -> Vec<f32> {
    let rate = take.rate;
    let ring = 0.75 * (110.0 / hz).sqrt();
    let falls = [decay(ring, rate), decay(0.4 * ring, rate), decay(0.06, rate), decay(0.2, rate)];
    let mut level = [1.0, 0.4, 1.0, 1.0];
    let mut phase = [0.0; 2];
    let mut stick = Svf::new(take, 1900.0, 0.8);
    let length = take.span(1.1 * ring);
    (0..length)
        .map(|n| {
            let sag = 1.0 + 0.14 * level[3] * velocity;
            phase[0] += hz * sag / rate;
            phase[1] += hz * 1.594 * sag / rate;
            let slap = stick.band(chance.noise() * take.noise_gain()) * level[2] * velocity;
            let skin = sine(phase[0]) * level[0] + sine(phase[1]) * level[1];
            let rise = (n as f64 / (0.001 * rate)).min(1.0);
            let fade = 1.0 - (n as f64 / length as f64).powi(6);
            for (level, fall) in level.iter_mut().zip(falls) {
                *level *= fall;
            }
            ((0.9 * skin * rise).tanh() * fade + 0.5 * slap) as f32
        })
        .collect()
}

/// Two cymbals against each other: six detuned saws ring-modulated in pairs, over noise. Closed when
/// `open` is 0, else ringing until they are struck again `open` seconds later.
fn hat(take: &Take, chance: &mut Chance, velocity: f64, open: f64) -> Vec<f32> {
    let rate = take.rate;
    let is_open = open > 0.0;
    let ring = if is_open { 0.9 } else { 0.07 + 0.07 * velocity };
    let length = if is_open { take.span(open.min(0.95)) } else { take.span(1.1 * ring) };
    let choke = take.span(0.012) as f64;
    let tune = 1.0 + 0.003 * chance.bell();
    let pitches = [317.0, 421.0, 533.0, 619.0, 787.0, 941.0].map(|hz| 2.0 * hz * tune / rate);
    let mut metal: Vec<Saw> = pitches.iter().map(|_| Saw { phase: chance.unit() }).collect();
    let mut shimmer = [Svf::new(take, 6800.0, 0.8), Svf::new(take, 9600.0, 1.1)];
    let mut thin = Svf::new(take, if is_open { 4600.0 } else { 5400.0 }, 0.7);
    let (fall, chick_fall) = (decay(ring, rate), decay(0.02, rate));
    let (mut level, mut chick) = (1.0, 0.5);
    (0..length)
        .map(|n| {
            let mut wave = [0.0; 6];
            for ((wave, saw), step) in wave.iter_mut().zip(&mut metal).zip(pitches) {
                *wave = saw.next(step);
            }
            let metal = wave[0] * wave[5] + wave[1] * wave[4] + wave[2] * wave[3];
            let x = 0.6 * metal + 0.9 * chance.noise() * take.noise_gain();
            let x = thin.high(shimmer[0].band(x) + (0.4 + 0.6 * velocity) * shimmer[1].band(x));
            let end = ((length - n) as f64 / choke).min(1.0);
            let out = x * (level + chick) * end;
            level *= fall;
            chick *= chick_fall;
            (0.6 * out).tanh() as f32
        })
        .collect()
}

struct Cymbal {
    lowest_hz: f64,
    partials: usize,
    ring: f64,
    wash: f64,
    ping: f64,
}

static RIDE: Cymbal = Cymbal { lowest_hz: 520.0, partials: 36, ring: 1.5, wash: 0.35, ping: 1.0 };
static CRASH: Cymbal = Cymbal { lowest_hz: 380.0, partials: 44, ring: 2.6, wash: 1.0, ping: 0.15 };

/// A struck cymbal: partials that die the sooner the higher they are, a wash of noise that opens
/// within some milliseconds, and for the ride the ping of the stick.
fn cymbal(take: &Take, chance: &mut Chance, kind: &Cymbal) -> Vec<f32> {
    let rate = take.rate;
    let length = take.span(1.15 * kind.ring);
    let mut out = vec![0.0_f64; length];
    for _ in 0..kind.partials {
        let octave = 4.6 * chance.unit().sqrt();
        let hz = kind.lowest_hz * octave.exp2();
        let (mut phase, level) = (chance.unit(), chance.between(0.3, 1.0) * (-0.12 * octave).exp2());
        let fall = decay(kind.ring * (-0.22 * octave).exp2(), rate);
        if hz > take.ceiling_hz() {
            continue;
        }
        let mut level = level * 0.16;
        for x in &mut out {
            phase += hz / rate;
            *x += sine(phase) * level;
            level *= fall;
        }
    }
    let mut bands = [Svf::new(take, 3300.0, 0.6), Svf::new(take, 6200.0, 0.7), Svf::new(take, 10_500.0, 0.7)];
    let falls = [0.75, 0.6, 0.42].map(|share| decay(share * kind.ring, rate));
    let mut levels = [0.5, 0.8, 0.8];
    let (opening, ping_fall) = (decay(0.05, rate), decay(0.05, rate));
    let (mut shut, mut ping) = (1.0, kind.ping);
    let mut tip = Svf::new(take, 4100.0, 1.5);
    let mut thin = Svf::new(take, 340.0, 0.7);
    for (n, x) in out.iter_mut().enumerate() {
        let noise = chance.noise() * take.noise_gain();
        let mut wash = 0.0;
        for ((band, level), fall) in bands.iter_mut().zip(&mut levels).zip(falls) {
            wash += band.band(noise) * *level;
            *level *= fall;
        }
        let fade = 1.0 - (n as f64 / length as f64).powi(4);
        *x = thin.high(*x + kind.wash * wash * (1.0 - 0.7 * shut) + tip.band(noise) * ping) * fade;
        shut *= opening;
        ping *= ping_fall;
    }
    let peak = out.iter().fold(1e-9_f64, |peak, x| peak.max(x.abs()));
    out.iter().map(|x| (x / peak) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_grid_is_a_bar_of_sixteenths() {
        for beat in &score::DRUMS {
            let grids = [beat.kick, beat.snare, beat.hat, beat.open, beat.ride, beat.crash];
            for grid in grids.into_iter().chain(beat.toms) {
                assert!(grid.is_empty() || grid.len() == 16, "{grid:?}");
                assert!(grid.bytes().all(|b| b == b'.' || (b'1'..=b'9').contains(&b)), "{grid:?}");
            }
        }
    }

    #[test]
    fn the_hats_are_never_open_and_closed_at_once() {
        let strokes = hat_strokes();
        assert!(strokes.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn a_harder_stroke_is_brighter() {
        let take = Take::new(48_000, 0);
        let brightness = |velocity| {
            let note = snare_drum(&take, &mut Chance::new(7), velocity);
            let steps: f32 = note.windows(2).map(|w| (w[1] - w[0]).powi(2)).sum();
            steps / note.iter().map(|x| x * x).sum::<f32>()
        };
        assert!(brightness(1.0) > 1.2 * brightness(0.3));
    }
}
