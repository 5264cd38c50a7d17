//! Mid/side equaliser: up to four bands for what the sides of a stereo strip share, four for what sets them
//! apart.
//!
//! The bands are those of `eq`. Nothing is encoded and decoded: what the bands change of mid = (L + R)/2 is
//! added to both sides, what they change of side = (L − R)/2 is added to the left and taken from the right. So
//! a band of mid leaves the difference of the sides as it is, a band of side their sum: bit for bit on buses
//! (64 bits, where changes are rounded to a grid of −277 dBFS, so that adding them is exact), within a rounding
//! of the samples on 32-bit channels. Without a working band it is bit-exact and costs nothing. On a mono strip
//! the bands of mid act, and those of side do not. No latency.

use super::{Build, Count, Ctx, Params, Part, Process, Processor, Targets};
use crate::block::BLOCK;
use crate::kernel::band;
use crate::kernel::svf::{self, Section};
use crate::lanes::Lanes;
use crate::param::Decl;
use crate::ramp::When;

/// Bands of either.
const BANDS: usize = 4;

/// The mid/side equaliser.
pub struct Ms;

const fn bands(prefix: &'static str) -> Part {
    Part { prefix, count: Count::Numbered(BANDS), decls: band::DECLS, defaults: &[("freq", band::FREQS)] }
}

impl Processor for Ms {
    const NAME: &'static str = "ms";
    const DOC: &'static str = "Mid/side equaliser";
    const PARTS: &'static [Part] =
        &[Part::common(&[Decl::bool("on", false, "Mid/side equaliser in the path")]), bands("mid"), bands("side")];

    fn coeffs(part: usize, params: &Params, rate: f64) -> Targets {
        let mut to = Targets::default();
        if part > 0 {
            to[..6].copy_from_slice(&band::section(&params.parts[part], rate));
        }
        to
    }

    type State<L: Lanes> = MsBank<L>;

    fn build<L: Lanes>(build: &Build) -> MsBank<L> {
        let four = || std::array::from_fn(|_| Section::new(build.curve));
        MsBank { mid: four(), side: four() }
    }
}

/// A bank of mid/side equalisers. Both lanes of a pair filter the same mid, and a side of opposite sign.
pub struct MsBank<L> {
    mid: [Section<L>; BANDS],
    side: [Section<L>; BANDS],
}

/// Half the sum with the other side of the strip, or half the difference.
#[inline(always)]
fn halves<L: Lanes>(x: L, sign: f64) -> L {
    // Halved first: two of the largest numbers have a sum, too.
    x.swap_pairs().mul_add(L::splat(0.5 * sign), x * L::splat(0.5))
}

/// What adding does not round: the nearest multiple of 2⁻⁴⁶, in 64 bits.
#[inline(always)]
fn on_grid<L: Lanes>(change: L) -> L {
    let magic = L::splat(96.0);
    if L::WIDE { (change + magic) - magic } else { change }
}

impl<L: Lanes> MsBank<L> {
    fn sections(&mut self) -> impl Iterator<Item = &mut Section<L>> {
        self.mid.iter_mut().chain(&mut self.side)
    }
}

impl<L: Lanes> Process<L> for MsBank<L> {
    fn set(&mut self, part: usize, lane: usize, to: &Targets, when: When) {
        if let Some(section) = part.checked_sub(1).and_then(|band| self.sections().nth(band)) {
            section.set(lane, &std::array::from_fn(|i| to[i]), when);
        }
    }

    #[inline(always)]
    fn run(&mut self, ctx: &mut Ctx<L>, io: &mut [L]) {
        let (mid, side) = (self.mid.iter().all(Section::idle), self.side.iter().all(Section::idle));
        if mid && side {
            return;
        }
        let (zero, pairs) = (L::zero(), ctx.pairs);
        let (mut sum, mut apart) = ([zero; BLOCK], [zero; BLOCK]);
        let (sum, apart) = (&mut sum[..io.len()], &mut apart[..io.len()]);
        for ((m, s), x) in sum.iter_mut().zip(apart.iter_mut()).zip(io.iter()) {
            *m = L::select(pairs, halves(*x, 1.0), *x);
            *s = L::select(pairs, halves(*x, -1.0), zero);
        }
        svf::run(&mut self.mid, ctx.frame, sum);
        svf::run(&mut self.side, ctx.frame, apart);
        for ((m, s), x) in sum.iter().zip(apart.iter()).zip(io) {
            let change = on_grid(*m - halves(*x, 1.0)) + on_grid(*s - halves(*x, -1.0));
            *x = L::select(pairs, *x + change, *m);
        }
    }

    fn clear(&mut self, lane: usize) {
        self.sections().for_each(|s| s.clear(lane));
    }

    fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        let from = from.mid.iter().chain(&from.side);
        for (to, from) in self.sections().zip(from) {
            to.carry(lane, from, from_lane);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::{One32, One64, Pair};
    use crate::proc::bench::{self, Bench, Settings, Values, magnitude, noise};

    const MID: Settings = &[("mid/1/gain", 9.0), ("mid/1/freq", 300.0), ("mid/3/gain", -6.0)];
    const SIDE: Settings = &[("side/2/gain", 12.0), ("side/2/freq", 700.0), ("side/4/type", 3.0), ("side/4/freq", 200.0)];

    /// Half sum and half difference of what came out, and of what went in.
    fn both<L: Lanes>(settings: Settings, frames: usize) -> Vec<[[f64; 2]; 2]> {
        let mut bench = Bench::<Ms, L>::new(48000.0, &[Values::new(settings)]).paired();
        let out = bench.run(frames, 64, &[], noise, |_, _| 0.0);
        let ms = |l: f64, r: f64| [0.5 * (l + r), 0.5 * (l - r)];
        out.iter().enumerate().map(|(i, v)| [ms(v.get(0), v.get(1)), ms(noise(i, 0), noise(i, 1))]).collect()
    }

    #[test]
    fn a_band_of_one_leaves_the_other_alone() {
        for (settings, kept) in [(MID, 1), (SIDE, 0)] {
            let off = both::<Pair<One64>>(settings, 48_000).iter().filter(|[y, x]| y[kept] != x[kept]).count();
            assert_eq!(off, 0, "64 bits");
            let off = both::<Pair<One32>>(settings, 48_000).iter().map(|[y, x]| (y[kept] - x[kept]).abs()).fold(0.0, f64::max);
            assert!(off < 1.3e-7, "32 bits: {off:e}");
            assert!(both::<Pair<One64>>(settings, 480).iter().any(|[y, x]| (y[1 - kept] - x[1 - kept]).abs() > 0.1));
        }
    }

    #[test]
    fn mid_and_side_have_the_curves_of_their_bands() {
        let settings = [MID, SIDE].concat();
        for (sign, part, from) in [(1.0, 1..=4, "mid"), (-1.0, 5..=8, "side")] {
            let values = Values::<Ms>::new(&settings);
            let mut bench = Bench::<Ms, Pair<One64>>::new(48000.0, std::slice::from_ref(&values)).paired();
            let click = |i: usize, lane: usize| if i == 0 { [1.0, sign][lane] } else { 0.0 };
            let h: Vec<f64> = bench.run(48_000, 64, &[], click, |_, _| 0.0).iter().map(|v| v.get(0)).collect();
            for hz in [50.0, 300.0, 700.0, 2000.0, 9000.0] {
                let want: f64 = part.clone().map(|p| band::response(&values.params().parts[p], 48000.0, hz)).sum();
                let got = magnitude(&h, 48000.0, hz);
                assert!((got - want).abs() < 1e-6, "{from} {hz}: {got} for {want}");
            }
        }
    }

    #[test]
    fn a_mono_strip_has_the_bands_of_mid() {
        let input: Vec<f64> = (0..4000).map(|i| noise(i, 0)).collect();
        let with = |s: Settings| bench::through::<Ms>(48000.0, s, &input);
        assert!(with(SIDE) == input);
        assert!(with(MID) == with(&[MID, SIDE].concat()) && with(MID) != input);
    }

    #[test]
    fn it_behaves_as_every_processor() {
        bench::passes::<Ms>(&[]);
        bench::passes::<Ms>(&[("mid/1/freq", 3000.0), ("side/1/on", 0.0), ("side/1/gain", 12.0)]);
        bench::lanes_and_blocks_agree(|lane| {
            Values::<Ms>::new([MID, SIDE, &[]][lane % 3]).with(&[("mid/2/gain", lane as f64 - 3.0)])
        });
        bench::broken_lane_and_silence::<Ms>(MID);
        assert!(bench::smooth::<Ms>(MID, &[("mid/1/gain", -9.0), ("mid/3/on", 0.0)]) < -55.0);
    }
}
