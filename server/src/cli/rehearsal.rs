//! What plays the inputs of a rig that is tried without a band: notes that die away over a floor of noise.

use crate::backend::{Clock, Source};

/// Seconds until it repeats.
const LOOP_S: usize = 4;
/// Notes in that time.
const NOTES: usize = 8;

/// See the module documentation. Each port hears the same, from another place on.
pub struct Rehearsal {
    table: Vec<f32>,
}

impl Rehearsal {
    /// For a rate in Hz.
    pub fn new(rate: u32) -> Rehearsal {
        let length = LOOP_S * rate as usize;
        let mut noise = 1u32;
        let sample = |n: usize| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let floor = f64::from(noise >> 8) / f64::from(1 << 23) - 1.0;
            let (note, since) = (n * NOTES / length, (n % (length / NOTES)) as f64 / f64::from(rate));
            let pitch = 82.4 * 2f64.powf(note as f64 * 5.0 / 12.0);
            // Begins at zero, so that the loop has no click of its own.
            let swell = 1.0 - (-since * 200.0).exp();
            let tone = (1..=4).map(|k| (since * pitch * f64::from(k) * std::f64::consts::TAU).sin() / f64::from(k)).sum::<f64>();
            (0.003 * floor + 0.1 * swell * (-since * 6.0).exp() * tone) as f32
        };
        Rehearsal { table: (0..length.max(1)).map(sample).collect() }
    }
}

impl Source for Rehearsal {
    fn fill(&mut self, clock: Clock, inputs: &mut [&mut [f32]]) {
        let length = self.table.len();
        for (port, to) in inputs.iter_mut().enumerate() {
            let mut at = ((clock.frame % length as u64) as usize + port * 7_919) % length;
            let mut rest = &mut **to;
            while !rest.is_empty() {
                let n = rest.len().min(length - at);
                let (now, later) = rest.split_at_mut(n);
                now.copy_from_slice(&self.table[at..at + n]);
                (rest, at) = (later, 0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_never_silent_and_goes_on_without_a_gap_in_any_period() {
        let mut source = Rehearsal::new(48_000);
        let mut play = |period: usize| {
            let mut heard = Vec::new();
            while heard.len() < 2 * LOOP_S * 48_000 {
                let mut buffers = [vec![0.0; period], vec![0.0; period]];
                let mut slices = buffers.each_mut().map(Vec::as_mut_slice);
                source.fill(Clock { frame: heard.len() as u64, nanos: 0, rate: 48_000 }, &mut slices);
                heard.extend_from_slice(&buffers[1]);
            }
            heard.truncate(2 * LOOP_S * 48_000);
            heard
        };
        let heard = play(64);
        assert_eq!(heard, play(1_000));
        assert!(heard.chunks(4_800).all(|c| c.iter().any(|x| x.abs() > 1e-3)));
        assert!(heard.iter().all(|x| x.abs() < 0.5));
    }
}
