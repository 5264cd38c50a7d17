//! Elementary functions in lanes, each with its stated error over its stated span.
//!
//! The polynomials are minimax fits with exact ends, so that `log2` of a power of two and `exp2` of
//! a whole number are exact and a neutral gain stays 1.

use super::Lanes;

/// dB of a factor of two in amplitude.
pub const DB_PER_OCTAVE: f64 = 6.020_599_913_279_624;

/// Base-2 logarithm of a positive normal number; absolute error under 2.3e-6 (1.4e-5 dB).
/// Zero and subnormals read about −127 (`f32`) or −1023 (`f64`).
#[inline(always)]
pub fn log2<L: Lanes>(x: L) -> L {
    let (e, m) = x.split_exp();
    let t = m - L::splat(1.0);
    // log2(1+t) = t + t(t−1)·q(t): exact at both ends of the octave.
    let q = L::splat(-0.025_841_420_846_202_334)
        .mul_add(t, L::splat(0.095_956_401_666_099_96))
        .mul_add(t, L::splat(-0.181_948_842_935_332_6))
        .mul_add(t, L::splat(0.275_600_302_299_959_35))
        .mul_add(t, L::splat(-0.442_544_942_716_516_57));
    let curve = t * (t - L::splat(1.0));
    e + curve.mul_add(q, t)
}

/// 2 to the power of `x`; relative error under 3.8e-6 (3.3e-5 dB). Exponents are held within ±120,
/// so that the result is always normal and finite.
#[inline(always)]
pub fn exp2<L: Lanes>(x: L) -> L {
    let x = x.max(L::splat(-120.0)).min(L::splat(120.0));
    let n = x.round();
    let f = x - n;
    let p = L::splat(0.009_681_909_416_040_24)
        .mul_add(f, L::splat(0.055_919_688_765_014_686))
        .mul_add(f, L::splat(0.240_220_209_740_861_86))
        .mul_add(f, L::splat(0.693_121_528_923_494_5))
        .mul_add(f, L::splat(1.0));
    p * n.pow2()
}

/// Level in dB of a non-negative amplitude; error under 1.4e-5 dB, zero reads below −700.
#[inline(always)]
pub fn db<L: Lanes>(amplitude: L) -> L {
    log2(amplitude) * L::splat(DB_PER_OCTAVE)
}

/// Linear gain of a level in dB within ±720; error under 3.3e-5 dB; 0 dB is exactly 1.
#[inline(always)]
pub fn gain<L: Lanes>(db: L) -> L {
    exp2(db * L::splat(1.0 / DB_PER_OCTAVE))
}

/// `t / (1 + bias·t)` with `t` = tanh(x), relative error under 2e-7 and −5e-7 beyond ±7.6, where it stays;
/// tanh itself for a bias of 0. `|bias|` < 1. Slope 1 at 0; NaN goes through.
#[inline(always)]
pub fn biased_tanh<L: Lanes>(x: L, bias: L) -> L {
    const END: f64 = 7.6;
    let x = L::splat(-END).max(L::splat(END).min(x));
    let s = x * x;
    // x·p(x²)/q(x²), a minimax fit.
    let p = L::splat(1.184_479_793e-5)
        .mul_add(s, L::splat(2.988_613_208e-3))
        .mul_add(s, L::splat(0.129_603_419_8))
        .mul_add(s, L::splat(1.0));
    let q = L::splat(2.594_656_867_8e-7)
        .mul_add(s, L::splat(2.440_376_911_4e-4))
        .mul_add(s, L::splat(0.023_968_365_571))
        .mul_add(s, L::splat(0.462_935_959_26))
        .mul_add(s, L::splat(1.0));
    let p = p * x;
    p / bias.mul_add(p, q)
}

#[cfg(test)]
mod tests {
    use super::super::{One32, One64};
    use super::*;

    fn worst<L: Lanes>(from: f64, to: f64, f: impl Fn(f64) -> f64) -> f64 {
        let _ = L::zero();
        (0..=100_000).map(|i| f(from + (to - from) * f64::from(i) / 1e5)).fold(0.0, f64::max)
    }

    #[test]
    fn log2_and_exp2_keep_their_stated_errors() {
        let e = worst::<One64>(1e-6, 16.0, |x| (log2(One64(x)).0 - x.log2()).abs());
        assert!(e < 2.3e-6, "log2 {e}");
        let e = worst::<One64>(-20.0, 20.0, |x| (exp2(One64(x)).0 / x.exp2() - 1.0).abs());
        assert!(e < 3.8e-6, "exp2 {e}");
        let e = worst::<One32>(1e-6, 16.0, |x| (log2(One32(x as f32)).0 as f64 - f64::from(x as f32).log2()).abs());
        assert!(e < 6e-6, "log2 f32 {e}");
    }

    #[test]
    fn tanh_keeps_its_stated_error() {
        let tanh = |x: f64| biased_tanh(One64(x), One64(0.0)).0;
        let e = worst::<One64>(1e-6, 7.6, |x| (tanh(x) / x.tanh() - 1.0).abs());
        assert!(e < 2e-7, "tanh {e}");
        let e = worst::<One32>(1e-6, 40.0, |x| (f64::from(biased_tanh(One32(-x as f32), One32(0.0)).0) + x.tanh()).abs());
        assert!(e < 8e-7, "tanh f32 {e}");
        let e = worst::<One64>(-9.0, 9.0, |x| (biased_tanh(One64(x), One64(0.25)).0 - x.tanh() / (1.0 + 0.25 * x.tanh())).abs());
        assert!(e < 1e-6, "biased {e}");
        assert!(biased_tanh(One32(f32::NAN), One32(0.0)).0.is_nan());
    }

    #[test]
    fn neutral_is_exact() {
        assert_eq!(gain(One32(0.0)).0, 1.0);
        assert_eq!(log2(One32(1.0)).0, 0.0);
        assert_eq!(exp2(One64(-3.0)).0, 0.125);
        assert!(exp2(One32(f32::NEG_INFINITY)).0 > 0.0);
        assert!(db(One32(0.0)).0 < -700.0);
    }
}
