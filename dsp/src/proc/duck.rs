//! The ducker: makes room for another strip.
//!
//! While the key (another strip's input through the key filter) reaches the threshold, and for `hold` after,
//! the level goes down by `range`; then it comes back. Attack and release are one-poles on the gain in dB.
//! Without a `sidechain` nothing keys it, and it does nothing, bit for bit. No latency.

use super::comp::{follow, pole, settled};
use super::{Build, Count, Ctx, Params, Part, Process, Processor, Targets};
use crate::block::BLOCK;
use crate::kernel::key::{self, Key};
use crate::lanes::{Lanes, math};
use crate::param::{Decl, Unit};
use crate::ramp::{Coeffs, When};

/// The shortest hold, so that a low note of the key does not rattle.
const SHORTEST_MS: f64 = 10.0;

/// The ducker.
pub struct Duck;

impl Processor for Duck {
    const NAME: &'static str = "duck";
    const DOC: &'static str = "Ducker: turns down while another strip sounds";
    const PARTS: &'static [Part] = &[
        Part::common(&[
            Decl::bool("on", false, "Ducker in the path"),
            Decl::float("threshold", Unit::Dbfs, -60.0, 0.0, -35.0, "Level of a sine in the key from which it turns down"),
            Decl::float("range", Unit::Db, 0.0, 60.0, 12.0, "Depth"),
            Decl::log("attack", Unit::Ms, 1.0, 200.0, 20.0, "Time to 63 % of the way down in dB"),
            Decl::float("hold", Unit::Ms, 0.0, 5000.0, 500.0, "Time it stays down after the key has fallen; 10 at least"),
            Decl::log("release", Unit::Ms, 20.0, 5000.0, 600.0, "Time to 63 % of the way back in dB"),
            Decl::text("sidechain", "", "Strip whose input is the key; empty: none, and nothing happens").structural(),
        ]),
        Part { prefix: "key", count: Count::Once, decls: key::DECLS, defaults: &[] },
    ];
    const METER: bool = true;
    const KEYED: bool = true;

    fn coeffs(part: usize, params: &Params, rate: f64) -> Targets {
        let p = &params.parts[part];
        if part == 1 {
            return key::coeffs(p, rate);
        }
        let mut to = Targets::default();
        to[..5].copy_from_slice(&[
            p.num("range"),
            10f64.powf(p.num("threshold") / 20.0),
            pole(p.num("attack") * 1e-3 * rate),
            pole(p.num("release") * 1e-3 * rate),
            p.num("hold").max(SHORTEST_MS) * 1e-3 * rate,
        ]);
        to
    }

    type State<L: Lanes> = DuckBank<L>;

    fn build<L: Lanes>(build: &Build) -> DuckBank<L> {
        DuckBank {
            range: Coeffs::new(build.curve, [0.0]),
            threshold: L::splat(1.0),
            attack: L::zero(),
            release: L::zero(),
            hold_frames: L::zero(),
            since: L::splat(LONG_AGO),
            gain: L::zero(),
            keyed: 0,
            key: Key::new(build),
        }
    }
}

/// Frames after which counting stops: beyond every hold, and still exact.
const LONG_AGO: f64 = 1e7;

/// A bank of duckers.
pub struct DuckBank<L: Lanes> {
    /// dB, ≥ 0.
    range: Coeffs<L, 1>,
    threshold: L,
    attack: L,
    release: L,
    hold_frames: L,
    /// Frames since the key reached the threshold.
    since: L,
    /// Gain in dB, ≤ 0.
    gain: L,
    /// Lanes that have a key.
    keyed: u32,
    key: Key<L>,
}

impl<L: Lanes> Process<L> for DuckBank<L> {
    fn set(&mut self, part: usize, lane: usize, to: &Targets, when: When) {
        if part == 1 {
            self.key.set(lane, to, when);
            return;
        }
        self.range.set(lane, [to[0]], when);
        self.threshold.set(lane, to[1]);
        self.attack.set(lane, to[2]);
        self.release.set(lane, to[3]);
        self.hold_frames.set(lane, to[4]);
    }

    #[inline(always)]
    fn run(&mut self, ctx: &mut Ctx<L>, io: &mut [L]) {
        let mut work = [L::zero(); BLOCK];
        let work = &mut work[..io.len()];
        self.keyed = ctx.key.map_or(0, |(mask, _)| L::bits(mask));
        self.key.run_foreign(ctx, work);
        let (pairs, zero, one) = (ctx.pairs, L::zero(), L::splat(1.0));
        let (threshold, hold, attack, release) = (self.threshold, self.hold_frames, self.attack, self.release);
        let (mut gain, mut since) = (self.gain, self.since);
        self.range.each(ctx.frame, io.len(), |i, [range]| {
            let level = work[i].abs().link(pairs);
            since = L::select(level.ge(threshold), zero, since + one);
            let target = L::select(hold.ge(since), -*range, zero);
            gain = settled(follow(gain, target, attack, release));
            io[i] = io[i] * math::gain(gain);
            work[i] = gain;
        });
        self.gain = gain;
        self.since = since.min(L::splat(LONG_AGO));
        ctx.reduction = work.iter().fold(zero, |low, x| x.min(low));
    }

    fn clear(&mut self, lane: usize) {
        // What the key did stays true while this strip is silent.
        self.key.clear(lane);
    }

    fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        self.range.carry(lane, &from.range, from_lane);
        for (to, old) in [
            (&mut self.threshold, &from.threshold),
            (&mut self.attack, &from.attack),
            (&mut self.release, &from.release),
            (&mut self.hold_frames, &from.hold_frames),
            (&mut self.since, &from.since),
            (&mut self.gain, &from.gain),
        ] {
            to.set(lane, old.get(from_lane));
        }
        self.keyed = (self.keyed & !(1 << lane)) | ((from.keyed >> from_lane & 1) << lane);
        self.key.carry(lane, &from.key, from_lane);
    }

    fn rest(&self, lane: usize) -> bool {
        // With a key it listens on while its own strip is silent, and is down when that begins.
        self.keyed & (1 << lane) == 0 && self.gain.get(lane) > -0.05 && !self.range.moving()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::{One64, Pair};
    use crate::proc::bench::{self, Bench, Values};
    use std::f64::consts::TAU;

    const RATE: f64 = 48000.0;
    const QUICK: bench::Settings = &[("attack", 20.0), ("hold", 300.0), ("release", 100.0), ("range", 20.0)];

    /// Gain over time in dB while a key of one second sounds from 1 s on.
    fn ducked(settings: bench::Settings, hz: f64, db: f64) -> Vec<f64> {
        let mut bench = Bench::<Duck, One64>::new(RATE, &[Values::new(settings)]);
        bench.keyed = 1;
        let amplitude = 10f64.powf(db / 20.0);
        let key =
            |i: usize, _: usize| if (48_000..96_000).contains(&i) { amplitude * (TAU * hz * i as f64 / RATE).sin() } else { 0.0 };
        let out = bench.run(4 * 48_000, 64, &[], |_, _| 0.5, key);
        out.iter().map(|y| 20.0 * (2.0 * y.0).log10()).collect()
    }

    #[test]
    fn it_goes_down_in_its_attack_stays_for_its_hold_and_comes_back_in_its_release() {
        for hz in [50.0, 1000.0] {
            let gain = ducked(QUICK, hz, -20.0);
            let way = 20.0 * 0.632;
            let ms = |i: usize| i as f64 / 48.0;
            assert!(gain[..48_000].iter().all(|g| *g == 0.0));
            let down = ms(gain.iter().position(|g| *g < -way).unwrap()) - 1000.0;
            assert!((20.0..22.5).contains(&down), "{hz}: down after {down:.2} ms");
            assert!((gain[95_000] + 20.0).abs() < 0.01, "{}", gain[95_000]);
            let up = ms(gain.iter().rposition(|g| *g < -20.0 + 0.05).unwrap()) - 2000.0;
            assert!((up - 300.0).abs() < 2.0, "{hz}: held for {up:.2} ms");
            let back = ms(gain.iter().rposition(|g| *g < -20.0 + way).unwrap()) - 2000.0 - 300.0;
            assert!((98.0..102.0).contains(&back), "{hz}: back after {back:.2} ms");
            assert!(gain[190_000..].iter().all(|g| *g == 0.0));
        }
    }

    #[test]
    fn the_threshold_is_a_sines_peak() {
        assert!(ducked(QUICK, 1000.0, -35.1).iter().all(|g| *g == 0.0));
        assert!(ducked(QUICK, 1000.0, -34.9)[90_000] < -19.0);
        let filtered = [QUICK, &[("key/on", 1.0), ("key/freq", 2000.0)]].concat();
        assert!(ducked(&filtered, 100.0, -20.0).iter().all(|g| *g == 0.0));
        assert!(ducked(&filtered, 5000.0, -20.0)[90_000] < -19.0);
    }

    #[test]
    fn without_a_key_it_does_nothing_and_with_one_it_never_sleeps() {
        bench::passes::<Duck>(&[("threshold", -60.0), ("range", 60.0)]);
        let mut bench = Bench::<Duck, Pair<One64>>::new(RATE, &[Values::new(&[])]);
        bench.keyed = 1;
        let out = bench.run(9600, 64, &[], |_, _| 0.25, |_, _| 0.5);
        assert!(out[9000].get(0) < 0.1 && out.iter().all(|v| v.get(1) == 0.25));
        assert!(!Process::rest(&bench.state, 0) && Process::rest(&bench.state, 1));
        assert!((bench.lowest.get(0) + 12.0).abs() < 0.01 && bench.lowest.get(1) == 0.0);
    }

    #[test]
    fn it_behaves_as_every_processor() {
        let mut bench = Bench::<Duck, One64>::new(RATE, &[Values::new(&[("range", 0.0)])]);
        bench.keyed = 1;
        assert!(bench.run(4000, 64, &[], bench::noise, |_, _| 0.9).iter().enumerate().all(|(i, v)| v.0 == bench::noise(i, 0)));
        bench::lanes_and_blocks_agree(|lane| {
            let l = lane as f64;
            Values::<Duck>::new(&[("attack", 1.0 + l), ("hold", 3.0 * l), ("release", 20.0), ("range", 5.0 * l), ("key/on", 1.0)])
        });
        bench::broken_lane_and_silence::<Duck>(&[]);
    }
}
