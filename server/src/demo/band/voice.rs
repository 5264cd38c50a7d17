//! The singer: a glottal source through a chain of formants (Fant, 1960; Klatt, 1980), moved by the
//! sounds of the lyrics. Pitch slides between notes, vibrato grows on long ones, and each line begins
//! with a breath.
//!
//! The source falls by 6 dB/oct, which is what the glottis (−12) and the lips (+6) come to, and a
//! further pole darkens it; consonants add breath through the formants or hiss past them.

use super::score;
use super::tone::{Chance, Formant, Saw, Svf, Take, Track, glide, hz, sine};

/// Where a sound holds the mouth, and what drives it. Levels are linear, a sung vowel's being 1.
#[derive(Clone, Copy, Debug)]
pub struct Phone {
    /// First three formants in Hz.
    pub formants: [f64; 3],
    /// Level of the voiced source.
    pub voice: f64,
    /// Level of breath through the formants.
    pub breath: f64,
    /// Level of the hiss past them, and its centre in Hz.
    pub hiss: (f64, f64),
    /// Length in seconds; for vowels, none of their own.
    pub seconds: f64,
    /// A stop: silent but for the last 22 ms, where it bursts with `breath` and `hiss`.
    pub stop: bool,
}

/// The sound that a letter of the lyrics stands for.
///
/// Vowels: `i` see, `I` sit, `e` bed, `a` father, `o` law, `u` room, `U` book, `V` but; diphthongs are
/// two of them. Consonants are as they look, with `D` for *th* in "the" and `N` for *ng*. The figures
/// lie between those published for male and female speakers (Peterson and Barney, 1952).
///
/// # Panics
/// On a letter that is not listed: the lyrics are part of the program, and a test sings them all.
pub fn phone(letter: char) -> Phone {
    let vowel = |formants| Phone { formants, voice: 1.0, breath: 0.025, hiss: (0.0, 5000.0), seconds: 0.0, stop: false };
    let sonorant = |formants, voice, seconds| Phone { voice, breath: 0.0, seconds, ..vowel(formants) };
    let noisy = |formants, voice, hiss, seconds| Phone { voice, breath: 0.01, hiss, seconds, ..vowel(formants) };
    let stop = |formants, voice, breath, hiss, seconds| Phone { formants, voice, breath, hiss, seconds, stop: true };
    match letter {
        'i' => vowel([310.0, 2150.0, 2900.0]),
        'I' => vowel([420.0, 1850.0, 2600.0]),
        'e' => vowel([590.0, 1750.0, 2550.0]),
        'a' => vowel([790.0, 1200.0, 2650.0]),
        'o' => vowel([520.0, 900.0, 2600.0]),
        'u' => vowel([350.0, 820.0, 2500.0]),
        'U' => vowel([460.0, 1080.0, 2450.0]),
        'V' => vowel([640.0, 1250.0, 2550.0]),
        'm' => sonorant([260.0, 1000.0, 2200.0], 0.42, 0.075),
        'n' => sonorant([260.0, 1550.0, 2500.0], 0.42, 0.07),
        'N' => sonorant([270.0, 2000.0, 2700.0], 0.42, 0.09),
        'l' => sonorant([350.0, 1050.0, 2800.0], 0.55, 0.07),
        'r' => sonorant([350.0, 1100.0, 1650.0], 0.6, 0.07),
        'w' => sonorant([310.0, 680.0, 2300.0], 0.55, 0.07),
        'y' => sonorant([280.0, 2200.0, 3000.0], 0.6, 0.06),
        'h' => Phone { voice: 0.0, breath: 0.32, seconds: 0.08, ..vowel([560.0, 1600.0, 2550.0]) },
        'v' => noisy([320.0, 1150.0, 2400.0], 0.35, (0.03, 5500.0), 0.06),
        'D' => noisy([320.0, 1400.0, 2500.0], 0.38, (0.03, 6000.0), 0.05),
        'z' => noisy([300.0, 1700.0, 2600.0], 0.25, (0.12, 6500.0), 0.075),
        's' => noisy([320.0, 1700.0, 2600.0], 0.0, (0.2, 6700.0), 0.095),
        'f' => noisy([340.0, 1100.0, 2300.0], 0.0, (0.1, 6000.0), 0.085),
        'b' => stop([260.0, 850.0, 2300.0], 0.12, 0.15, (0.06, 1500.0), 0.06),
        'd' => stop([260.0, 1750.0, 2650.0], 0.12, 0.15, (0.16, 4200.0), 0.055),
        'g' => stop([260.0, 1900.0, 2400.0], 0.12, 0.15, (0.14, 2300.0), 0.065),
        'p' => stop([300.0, 850.0, 2300.0], 0.0, 0.4, (0.1, 1600.0), 0.075),
        't' => stop([300.0, 1750.0, 2650.0], 0.0, 0.3, (0.28, 4600.0), 0.07),
        'k' => stop([300.0, 1900.0, 2400.0], 0.0, 0.35, (0.22, 2500.0), 0.075),
        other => unreachable!("the lyrics have no sound for {other:?}"),
    }
}

/// A stretch of the performance that holds one sound on one note.
#[derive(Clone, Copy, Debug)]
struct Cue {
    seconds: f64,
    phone: Phone,
    /// Pitch in MIDI notes.
    note: f64,
    /// How hard it is sung.
    effort: f64,
    /// A vowel begins here: vibrato starts anew.
    fresh: bool,
}

/// Seconds rendered ahead of the first beat, for the breath that leads in.
const LEAD_IN: f64 = 1.0;
/// Gap between syllables, in seconds, from which the singer takes a breath.
const BREATH_GAP: f64 = 0.6;

/// Sings the whole part.
pub fn record(take: &Take) -> Track {
    let chance = &mut take.chance(5);
    let cues = plan(chance);
    let mut track = take.track();
    track.add(-(take.span(LEAD_IN) as i64), &sing(take, chance, &cues), 1.0);
    track
}

/// Sets the syllables in time: vowels on the beat, consonants ahead of it, codas at the end of the
/// note, a breath where there is room for one.
fn plan(chance: &mut Chance) -> Vec<Cue> {
    let is_vowel = |letter: &char| "iIeaouUV".contains(*letter);
    let length = |letters: &[char]| letters.iter().map(|&letter| phone(letter).seconds).sum::<f64>();
    let parts: Vec<(Vec<char>, Vec<char>, Vec<char>)> = (score::LEAD.iter())
        .map(|&(_, _, _, text)| {
            let letters: Vec<char> = text.chars().filter(|&letter| letter != '-').collect();
            let first = letters.iter().position(is_vowel).unwrap_or(letters.len());
            let last = letters.iter().rposition(is_vowel).map_or(first, |at| at + 1);
            (letters[..first].to_vec(), letters[first..last].to_vec(), letters[last..].to_vec())
        })
        .collect();
    let starts: Vec<f64> = (score::LEAD.iter()).map(|&(beat, ..)| score::seconds(beat) + 0.006 * chance.bell()).collect();

    let silence = Phone { voice: 0.0, breath: 0.0, seconds: 0.0, ..phone('V') };
    let mut cues = vec![Cue { seconds: -LEAD_IN, phone: silence, note: 59.0, effort: 0.7, fresh: false }];
    let mut held = phone('V');
    let mut end = -LEAD_IN;
    for (at, &(_, beats, note, text)) in score::LEAD.iter().enumerate() {
        let (onset, vowels, coda) = &parts[at];
        let note = f64::from(note);
        let onset_at = starts[at] - length(onset);
        // Higher and longer is sung harder.
        let effort = 0.76 + 0.012 * (note - 62.0) + 0.05 * (beats - 0.5).min(1.0) + 0.03 * chance.bell();
        let cue = |seconds, phone, fresh| Cue { seconds, phone, note, effort, fresh };

        if onset_at - end > BREATH_GAP || at == 0 {
            let breath = Phone { breath: 0.06, hiss: (0.012, 4200.0), ..silence };
            let inhale = 0.34 + 0.05 * chance.bell();
            cues.push(cue(onset_at - 0.08 - inhale, breath, false));
            cues.push(cue(onset_at - 0.08, silence, false));
        }
        let mut seconds = onset_at;
        for (nth, &letter) in onset.iter().enumerate() {
            let mut sound = phone(letter);
            if letter == 'h' {
                // An h is the coming vowel, whispered.
                sound.formants = vowels.first().map_or(held, |&vowel| phone(vowel)).formants;
            }
            push_sound(&mut cues, cue(seconds, sound, false), nth == 0 && seconds - end > 0.05);
            seconds += sound.seconds;
        }
        // Sung up to where the next syllable's consonants take over, or to the end of the note.
        let next = (at + 1 < parts.len()).then(|| starts[at + 1] - length(&parts[at + 1].0));
        let wanted = starts[at] + score::seconds(beats);
        end = next.map_or(wanted, |next| if next - wanted < 0.2 { next } else { wanted });
        let open_until = end - length(coda);
        if text.starts_with('-') {
            cues.push(cue(starts[at], held, false));
        }
        for (nth, &letter) in vowels.iter().enumerate() {
            held = phone(letter);
            // The second half of a diphthong comes late, as singers have it.
            let slide = if nth == 0 && !text.starts_with('-') {
                starts[at]
            } else {
                open_until - (0.35 * (open_until - starts[at])).min(0.16)
            };
            cues.push(cue(slide, held, nth == 0 && !text.starts_with('-')));
        }
        let mut seconds = open_until;
        for &letter in coda {
            push_sound(&mut cues, cue(seconds, phone(letter), false), false);
            seconds += phone(letter).seconds;
        }
        if next.is_none_or(|next| next - end > 0.03) {
            cues.push(cue(end, Phone { formants: held.formants, ..silence }, false));
        }
    }
    cues
}

/// Adds a consonant; a stop becomes its closure and its burst. After a rest a stop needs no closure.
fn push_sound(cues: &mut Vec<Cue>, cue: Cue, after_rest: bool) {
    let sound = cue.phone;
    if sound.stop {
        let voice = if after_rest { 0.0 } else { sound.voice };
        let closed = Phone { voice, breath: 0.0, hiss: (0.0, sound.hiss.1), ..sound };
        cues.push(Cue { phone: closed, ..cue });
        cues.push(Cue { seconds: cue.seconds + sound.seconds - 0.022, ..cue });
    } else {
        cues.push(cue);
    }
}

/// What moves while singing, smoothed towards the cue by two one-poles in a row.
#[derive(Clone, Copy)]
struct Moving {
    first: f64,
    value: f64,
}

impl Moving {
    fn at(value: f64) -> Self {
        Self { first: value, value }
    }

    fn towards(&mut self, target: f64, share: f64) -> f64 {
        self.first += share * (target - self.first);
        self.value += share * (self.first - self.value);
        self.value
    }
}

/// Formants above the third, which hardly move: centre and width in Hz. The first two stand close
/// together, the singer's formant.
const UPPER: [(f64, f64); 8] = [
    (3300.0, 180.0),
    (3850.0, 220.0),
    (4800.0, 320.0),
    (5700.0, 420.0),
    (6700.0, 520.0),
    (7700.0, 640.0),
    (8800.0, 760.0),
    (9900.0, 900.0),
];

/// Level at which three formants pass a voice on `pitch`: its first harmonics, falling by 6 dB/oct.
fn carries(formants: &[(f64, f64)], pitch: f64) -> f64 {
    let harmonic = |nth: u8| {
        let hz = f64::from(nth) * pitch;
        let through = |&(centre, width): &(f64, f64)| {
            let ratio = hz / centre;
            1.0 / ((1.0 - ratio * ratio).powi(2) + (ratio * width / centre).powi(2))
        };
        formants.iter().map(through).product::<f64>() / f64::from(nth).powi(2)
    };
    (1..=8).map(harmonic).sum::<f64>().sqrt()
}

fn sing(take: &Take, chance: &mut Chance, cues: &[Cue]) -> Vec<f32> {
    let rate = take.rate;
    let length = take.frames + take.span(LEAD_IN);
    // The mouth moves on a grid of a millisecond.
    let step = take.span(0.001).max(1);
    let grid = rate / step as f64;
    let (mouth, gate, hiss_gate, slide) = (glide(0.014, grid), glide(0.008, grid), glide(0.004, grid), glide(0.024, grid));
    let mut formants = cues[0].phone.formants.map(Moving::at);
    let (mut voice, mut breath, mut hiss) = (Moving::at(0.0), Moving::at(0.0), Moving::at(0.0));
    let mut note = Moving::at(cues[0].note);
    let mut effort = Moving::at(cues[0].effort);
    let mut wander = Moving::at(0.0);
    let (mut held, mut sway, mut sway_hz, mut scoop) = (0.0_f64, 0.0, 5.4, 0.0);

    let mut tract: Vec<Formant> = vec![Formant::default(); 3 + UPPER.len()];
    for (formant, (hz, width)) in tract[3..].iter_mut().zip(UPPER) {
        formant.tune(take, hz, width);
    }
    let mut hiss_filter = Svf::new(take, 5000.0, 1.2);
    let mut air = Svf::new(take, 6000.0, 0.7);
    let mut rumble = Svf::new(take, 110.0, 0.7);
    let mut source = Saw { phase: 0.0 };
    let (mut dark, mut turn, mut aspirate) = (0.0, 0.0, 0.0);
    let (mut shade, mut makeup) = (0.5, 1.0);
    let mut out = vec![0.0_f32; length];
    let mut next = 1;
    for (n, out) in out.iter_mut().enumerate() {
        if n % step == 0 {
            let seconds = n as f64 / rate - LEAD_IN;
            while let Some(cue) = cues.get(next).filter(|cue| cue.seconds <= seconds) {
                if cue.fresh {
                    held = 0.0;
                    sway_hz = chance.between(5.1, 5.7);
                    // Out of silence, the note is reached from below.
                    if voice.value < 0.3 {
                        scoop = chance.between(0.8, 1.6);
                    }
                }
                next += 1;
            }
            let cue = &cues[next - 1];
            let phone = &cue.phone;
            held += 1.0 / grid;
            scoop *= 1.0 - glide(0.05, grid);
            sway += sway_hz / grid;
            let growth = ((held - 0.22) / 0.7).clamp(0.0, 1.0);
            let vibrato = (0.05 + 0.36 * growth) * sine(sway);
            let drift = wander.towards(0.6 * chance.noise(), glide(0.06, grid));
            let pitch = hz(note.towards(cue.note, slide) - scoop + vibrato + drift);
            turn = pitch / rate;

            let effort = effort.towards(cue.effort, slide) * (1.0 + 0.05 * growth * sine(sway + 0.2));
            // A short swell into the vowel, then a slow fade.
            let swell = 1.0 + 0.1 * (held / 0.25).min(1.0) - 0.08 * (held - 0.6).clamp(0.0, 2.0);
            shade = glide(1.0 / (std::f64::consts::TAU * (1400.0 + 4600.0 * effort * effort)), rate);
            let open = voice.towards(phone.voice * effort * swell, gate);
            aspirate = breath.towards(phone.breath, gate);
            hiss.towards(phone.hiss.0, hiss_gate);
            hiss_filter.tune(take, phone.hiss.1, 1.1);
            let mut shape = [(0.0, 80.0), (0.0, 95.0), (0.0, 140.0)];
            for (nth, moving) in formants.iter_mut().enumerate() {
                let mut hz = moving.towards(phone.formants[nth], mouth);
                if nth == 0 {
                    // Singers open the mouth rather than let the pitch pass the first formant.
                    hz = hz.max(1.12 * pitch);
                }
                shape[nth].0 = hz;
                tract[nth].tune(take, hz, shape[nth].1);
            }
            // Some vowels carry further than others on a given note; a singer evens that out in part.
            makeup = open * 1.5 * carries(&shape, pitch).powf(-0.65);
        }
        let glottis = source.next(turn);
        dark += shade * (glottis - dark);
        let noise = chance.noise() * take.noise_gain();
        // Breath comes in puffs, as the folds part.
        let puff = 0.35 + 0.65 * (1.0 - source.phase);
        let mut x = dark * makeup + noise * (aspirate * (1.0 - makeup.min(1.0)) + 0.012 * puff * makeup);
        for formant in &mut tract {
            x = formant.next(x);
        }
        // Part of the breath never meets the tract's lower resonances: the air above 6 kHz.
        let past = 2.0 * hiss_filter.band(noise) * hiss.value + 0.035 * air.high(noise) * puff * makeup;
        *out = rumble.high(x + past) as f32;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lyric_can_be_sung() {
        for (_, _, _, text) in score::LEAD {
            for letter in text.chars().filter(|&letter| letter != '-') {
                let phone = phone(letter);
                assert!(phone.formants.is_sorted(), "{letter}");
                assert!(phone.seconds < 0.1, "{letter}");
            }
        }
    }

    #[test]
    fn sounds_follow_each_other_in_time() {
        let cues = plan(&mut Chance::new(1));
        for pair in cues.windows(2) {
            assert!(pair[0].seconds <= pair[1].seconds, "{pair:?}");
        }
        assert!(cues[0].seconds >= -LEAD_IN && cues.last().unwrap().seconds < score::seconds(score::BEATS));
    }

    #[test]
    fn the_singer_breathes_between_lines() {
        let cues = plan(&mut Chance::new(1));
        let breaths = cues.iter().filter(|cue| cue.phone.voice == 0.0 && cue.phone.breath == 0.06).count();
        assert!((6..=9).contains(&breaths), "{breaths}");
    }
}
