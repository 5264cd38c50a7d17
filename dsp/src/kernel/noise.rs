//! Noise that is a function of seed and frame: any frame can be asked at any time and in any order, so
//! block sizes, skips and repeats of a render change nothing.
//!
//! The hash is the output function of "Fast Splittable Pseudorandom Number Generators" (Steele, Lea,
//! Flood), with the constants of its variant 13 by Stafford.

use crate::lanes::Lanes;

/// 64 well mixed bits for a frame of the noise of `seed`.
#[inline(always)]
pub fn bits(seed: u64, frame: u64) -> u64 {
    let mut z = seed.wrapping_add(frame.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// White, evenly distributed in −1 … 1.
#[inline(always)]
pub fn white(seed: u64, frame: u64) -> f64 {
    (bits(seed, frame) >> 11) as f64 * (2.0 / 9_007_199_254_740_992.0) - 1.0
}

/// White with a triangular density in −1 … 1, of variance 1/6: dither in steps of the word length.
#[inline(always)]
pub fn tpdf(seed: u64, frame: u64) -> f64 {
    let z = bits(seed, frame);
    ((z >> 32) as f64 - (z & 0xffff_ffff) as f64) * (1.0 / 4_294_967_296.0)
}

/// A seed for the `n`th of several noises drawn from one seed.
pub fn split(seed: u64, n: u64) -> u64 {
    // Frames count up from 0, so the highest ones are free for this.
    bits(seed, u64::MAX - 1 - n)
}

/// The noises of all lanes, each with its own seed.
#[derive(Clone, Copy, Debug)]
pub struct Noise {
    seeds: [u64; 16],
}

impl Noise {
    /// From a seed for each lane; lanes beyond have noises of their own.
    pub fn new(seeds: &[u64]) -> Self {
        Noise { seeds: std::array::from_fn(|lane| seeds.get(lane).copied().unwrap_or(split(0, lane as u64))) }
    }

    /// Seed of a lane.
    pub fn seed(&self, lane: usize) -> u64 {
        self.seeds[lane % 16]
    }

    /// Replaces the seed of a lane.
    pub fn reseed(&mut self, lane: usize, seed: u64) {
        self.seeds[lane % 16] = seed;
    }

    /// [`tpdf`] in every lane.
    #[inline(always)]
    pub fn tpdf<L: Lanes>(&self, frame: u64) -> L {
        L::from_fn(|lane| tpdf(self.seeds[lane % 16], frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_density_is_triangular_and_neighbours_are_unrelated() {
        let x: Vec<f64> = (0..400_000).map(|f| tpdf(5, f)).collect();
        let n = x.len() as f64;
        let mean = x.iter().sum::<f64>() / n;
        let power = x.iter().map(|x| x * x).sum::<f64>() / n;
        assert!(mean.abs() < 0.003 && (power * 6.0 - 1.0).abs() < 0.01, "{mean} {power}");
        let inner = x.iter().filter(|x| x.abs() < 0.5).count() as f64 / n;
        assert!((inner - 0.75).abs() < 0.005, "{inner}");
        for lag in 1..20 {
            let r = x.windows(lag + 1).map(|w| w[0] * w[lag]).sum::<f64>() / (n * power);
            assert!(r.abs() < 0.01, "lag {lag}: {r}");
        }
        let other: f64 = x.iter().zip(0..).map(|(x, f)| x * tpdf(6, f)).sum::<f64>() / (n * power);
        assert!(other.abs() < 0.01, "{other}");
        assert!((0..1000).map(|f| white(1, f)).all(|x| (-1.0..1.0).contains(&x)));
    }
}
