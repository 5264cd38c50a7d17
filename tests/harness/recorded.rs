//! Recordings that a Debian machine has: people speaking, and the instruments of a sound font.

use crate::wav::{peak, read_wav};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Rate of all of them.
pub const RATE: u32 = 48_000;
const SPOKEN: &str = "/usr/share/sounds/alsa";

/// Whether the spoken words are installed.
pub fn spoken_is_here() -> bool {
    Path::new(SPOKEN).join("Front_Center.wav").exists()
}

/// Words that Debian's alsa-utils bring, one after another after some seconds of silence, with pauses in which
/// gates close.
///
/// # Panics
/// Where a file is not there or not as it was.
pub fn spoken(words: &[&str], lead_in: usize) -> Vec<f32> {
    let mut signal = vec![0.0; lead_in * RATE as usize];
    for word in words {
        let (channels, rate, samples) = read_wav(&Path::new(SPOKEN).join(format!("{word}.wav")));
        assert_eq!((channels, rate), (1, RATE), "{word}");
        signal.extend(samples);
        signal.extend(std::iter::repeat_n(0.0, RATE as usize / 3));
    }
    signal
}

/// A player of the score, by MIDI channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Player {
    /// Chords.
    Piano = 0,
    /// Eighths.
    Bass = 1,
    /// Kick, snare, hi-hat.
    Drums = 9,
}

/// A standard MIDI file: what these play of ten seconds at 120 beats a minute.
fn score(players: &[Player]) -> Vec<u8> {
    // 480 ticks a beat; (tick, status, data).
    let mut events: Vec<(u32, Vec<u8>)> = vec![(0, vec![0xc0, 0]), (0, vec![0xc1, 33])];
    let mut note = |beat: f64, channel: u8, key: u8, velocity: u8, beats: f64| {
        if players.iter().all(|p| *p as u8 != channel) {
            return;
        }
        let tick = |b: f64| (b * 480.0) as u32;
        events.push((tick(beat), vec![0x90 | channel, key, velocity]));
        events.push((tick(beat + beats), vec![0x80 | channel, key, 0]));
    };
    for bar in 0..5u8 {
        let start = f64::from(bar) * 4.0;
        let root = [57, 53, 48, 55, 57][usize::from(bar)];
        for (beat, velocity) in [(0.0, 90), (1.5, 70), (3.0, 80)] {
            for third in [0, if bar % 4 == 0 { 3 } else { 4 }, 7] {
                note(start + beat, 0, root + third, velocity, 1.0);
            }
        }
        for eighth in 0..8u8 {
            let at = start + f64::from(eighth) / 2.0;
            note(at, 1, root - 24, 80 + eighth % 2 * 25, 0.45);
            note(at, 9, 42, 50 + eighth % 2 * 20, 0.2);
        }
        for (beat, key) in [(0.0, 36), (1.0, 38), (2.0, 36), (2.5, 36), (3.0, 38)] {
            note(start + beat, 9, key, 110, 0.3);
        }
    }
    events.sort_by_key(|(tick, event)| (*tick, event[0] & 0xf0));
    let mut track = vec![0, 0xff, 0x51, 3, 0x07, 0xa1, 0x20];
    let mut now = 0;
    for (tick, event) in events {
        let delta = tick - now;
        now = tick;
        if delta >= 128 {
            track.push((delta >> 7) as u8 | 0x80);
        }
        track.push(delta as u8 & 0x7f);
        track.extend(event);
    }
    track.extend([0, 0xff, 0x2f, 0]);
    let mut file = b"MThd\0\0\0\x06\0\0\0\x01\x01\xe0MTrk".to_vec();
    file.extend((track.len() as u32).to_be_bytes());
    file.extend(track);
    file
}

/// A sound font of Debian's, where one is installed.
pub fn sound_font() -> Option<PathBuf> {
    let dirs = ["/usr/share/sounds/sf2", "/usr/share/sounds/sf3"];
    let files = dirs.iter().filter_map(|d| std::fs::read_dir(d).ok()).flatten().filter_map(|f| Some(f.ok()?.path()));
    files.filter(|f| f.extension().is_some_and(|e| e == "sf2" || e == "sf3")).min()
}

/// What some players do with a sound font, after some seconds of silence: left and right.
///
/// # Panics
/// Where fluidsynth fails.
pub fn played(dir: &Path, font: &Path, players: &[Player], lead_in: usize) -> [Vec<f32>; 2] {
    let (midi, wav) = (dir.join("song.mid"), dir.join("song.wav"));
    std::fs::write(&midi, score(players)).expect("a file");
    let mut command = Command::new("fluidsynth");
    command.args(["-ni", "-q", "-g", "0.8", "-r", &RATE.to_string(), "-T", "wav", "-F"]).arg(&wav).arg(font).arg(&midi);
    let done = command.stdin(Stdio::null()).output().expect("fluidsynth runs");
    assert!(done.status.success() && wav.exists(), "{}", String::from_utf8_lossy(&done.stderr));
    let (channels, rate, samples) = read_wav(&wav);
    assert_eq!((channels, rate), (2, RATE));
    assert!(samples.len() > 8 * 2 * RATE as usize && peak(&samples) > 0.1, "ten seconds of music");
    [0, 1].map(|which| {
        let silence = std::iter::repeat_n(0.0, lead_in * RATE as usize);
        silence.chain(samples.iter().skip(which).step_by(2).copied()).collect()
    })
}
