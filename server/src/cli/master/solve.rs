//! One gain for all songs, so that what is written has the loudness that was asked for.
//!
//! Without limiting, loudness follows the gain exactly. Where the limiter works it follows less, so the gain is found by
//! measuring and stepping along the line through the last two measurements; two or three passes do.

use super::super::{Fail, Progress};
use super::pass::{self, Draft, Pass, Song};
use super::strip::{MOST_GAIN_DB, Setting, Strip};
use super::target::Target;
use crate::analyze::loudness;

/// How near to the target is near enough, LU.
const NEAR: f64 = 0.02;
/// How near it has to be at least.
const WITHIN: f64 = 0.1;
/// How far under the ceiling the limiter is set at first, dB: content close to Nyquist has peaks that a meter as short
/// as the limiter's reads low, and dither comes on top.
const UNDER_DB: f64 = 0.1;
/// And how far under it the written file has to read: what is left of the same in a meter of 512 taps.
const SURE_DB: f64 = 0.02;
/// Passes with the limiter before it is given up.
const PASSES: usize = 12;

/// Loudness and true peak of all songs together, ahead of gain and limiter.
pub struct Before {
    /// Integrated loudness over all songs, LUFS.
    pub loudness: f64,
    /// Largest true peak of any song, dBTP.
    pub peak: f64,
}

/// What was found.
pub struct Solved {
    /// The gain of all songs, dB.
    pub gain: f64,
    /// Integrated loudness over all songs, LUFS.
    pub loudness: f64,
    /// The last pass of each song.
    pub passes: Vec<Pass>,
}

/// Largest true peak of several passes, dBTP.
fn peak(passes: &[Pass]) -> f64 {
    20.0 * passes.iter().map(|p| p.peak).fold(0.0, f64::max).log10()
}

/// The gain that is gone for first, and the most that is allowed.
fn first_gain(target: &Target, before: &Before) -> (f64, f64) {
    let most = target.gentle.map_or(MOST_GAIN_DB, |gentle| target.ceiling - before.peak + gentle).min(MOST_GAIN_DB);
    ((target.aim() - before.loudness).min(most), most)
}

/// The next gain from measurements of (gain, loudness), newest last.
fn next_gain(tried: &[(f64, f64)], aim: f64) -> f64 {
    let &[.., (gain, loudness)] = tried else { return 0.0 };
    let slope = match tried {
        &[.., (g, l), _] if (gain - g).abs() > 1e-9 => ((loudness - l) / (gain - g)).clamp(0.1, 1.0),
        _ => 1.0,
    };
    gain + (aim - loudness) / slope
}

/// Writes each song to its draft with the gain that reaches the target.
///
/// # Errors
/// The target cannot be reached, or a pass fails.
pub fn solve(songs: &[Song], drafts: &[Draft], strip: &Strip, target: &Target, before: &Before) -> Result<Solved, Fail> {
    let (mut gain, most) = first_gain(target, before);
    let mut ceiling = target.ceiling - UNDER_DB;
    let mut tried = Vec::new();
    for pass_number in 1..=PASSES {
        let setting = Setting { gain, ceiling: Some(ceiling) };
        let mut passes = Vec::with_capacity(songs.len());
        for (n, (song, draft)) in songs.iter().zip(drafts).enumerate() {
            let mut bar = Progress::new(format!("{}, pass {}", super::nth(n, songs), pass_number + 1));
            passes.push(pass::run(song, strip, setting, Some(draft), &mut |share| bar.at(share))?);
        }
        let loudness = loudness::together(passes.iter().map(|p| &p.measured.loudness)).unwrap_or(f64::NEG_INFINITY);
        let over = peak(&passes) + SURE_DB - target.ceiling;
        let missing = target.aim() - loudness;
        // At the most that is allowed, too quiet is no fault where the loudness is a limit.
        let held = target.gentle.is_some() && gain >= most && missing > 0.0;
        if over <= 0.0 && (missing.abs() <= NEAR || held || (pass_number == PASSES && missing.abs() <= WITHIN)) {
            return Ok(Solved { gain, loudness, passes });
        }
        if over > 0.0 {
            ceiling -= over + 0.01;
        }
        if gain >= MOST_GAIN_DB && missing > WITHIN {
            return Err(unreachable(target, loudness, gain));
        }
        tried.push((gain, loudness));
        if missing.abs() > NEAR && !held {
            gain = next_gain(&tried, target.aim()).min(most);
        }
    }
    let (gain, loudness) = tried.last().copied().unwrap_or((gain, before.loudness));
    Err(unreachable(target, loudness, gain))
}

fn unreachable(target: &Target, loudness: f64, gain: f64) -> Fail {
    Fail::input(format!(
        "cannot reach {} LUFS under {} dBTP: with {gain:.1} dB of gain it comes to {loudness:.1} LUFS, the limiter takes \
         the rest; compress the peaks first (--rig), or choose a quieter target",
        target.loudness, target.ceiling
    ))
}

#[cfg(test)]
mod tests {
    use super::super::target::Medium;
    use super::*;

    #[test]
    fn without_limiting_the_first_gain_is_the_last() {
        let target = Medium::Spotify.target(None, None).unwrap();
        let (gain, most) = first_gain(&target, &Before { loudness: -20.0, peak: -12.0 });
        assert_eq!((gain, most), (6.0, MOST_GAIN_DB));
        assert_eq!(next_gain(&[(6.0, -14.0)], -14.0), 6.0);
    }

    #[test]
    fn a_limit_on_loudness_raises_a_quiet_song_only_as_far_as_its_peaks_allow() {
        let target = Medium::Cd.target(None, None).unwrap();
        let (gain, most) = first_gain(&target, &Before { loudness: -24.0, peak: -4.0 });
        assert!((gain - 9.7).abs() < 1e-9 && gain == most, "{gain}");
        let (gain, _) = first_gain(&target, &Before { loudness: -6.0, peak: 0.0 });
        assert!((gain + 3.03).abs() < 1e-9, "a loud one is turned down");
    }

    #[test]
    fn the_gain_is_found_against_a_limiter_that_gives_less_and_less() {
        let limited = |gain: f64| -20.0 + if gain < 4.0 { gain } else { 4.0 + (1.0 + (gain - 4.0)).ln() };
        let mut tried: Vec<(f64, f64)> = vec![(6.0, limited(6.0))];
        while (tried[tried.len() - 1].1 + 14.0).abs() > NEAR {
            let gain = next_gain(&tried, -14.0);
            tried.push((gain, limited(gain)));
            assert!(tried.len() < PASSES, "{tried:?}");
        }
    }
}
