//! What the analysis of one stereo strip takes of a core, off the audio thread.

use crate::sound::{self, RATE};
use crate::{median, own};
use headroom::metering::analyser::Analyser;
use headroom::metering::readings::Readings;
use std::f64::consts::TAU;

const SECONDS: f64 = 20.0;

/// Processor time of 20 s of sound, looked at every 20 ms as the server does, in percent of their length.
fn share(samples: &[f32]) -> f64 {
    let once = || {
        let readings = Readings::default();
        let mut analyser = Analyser::new(RATE as u32, 2);
        let before = own();
        for block in samples.chunks(2 * 960) {
            analyser.add(block);
            analyser.publish(&readings);
        }
        (own() - before).as_secs_f64() / SECONDS * 100.0
    };
    median((0..5).map(|_| once()).collect())
}

pub fn run() {
    let mut music = vec![0.0f32; 2 * (SECONDS * RATE) as usize];
    for part in 0..12 {
        // Six for each side, so that there is hardly a silence.
        let side = part % 2;
        music.iter_mut().skip(side).step_by(2).zip(sound::stem(part as u64 + 1, SECONDS)).for_each(|(to, x)| *to += 0.3 * x);
    }
    // The peaks of this tone all lie between samples, and all are alike: the most work there is for a true-peak meter.
    let tone = |n: usize| (0.5 * (TAU * (n as f64 / 4.0 + 0.125)).sin()) as f32;
    let tone: Vec<f32> = (0..(SECONDS * RATE) as usize).flat_map(|n| [tone(n); 2]).collect();
    println!("\nAnalysis of one stereo strip at 48 kHz, share of a core");
    for (name, samples) in [("music", &music), ("a tone of fs/4 at 45 degrees", &tone), ("silence", &vec![0.0; tone.len()])] {
        println!("  {name:<40} {:>8.3} %", share(samples));
    }
}
