//! The gate, which below a ratio of 100 is a downward expander.
//!
//! As a gate it opens on the first sample at the threshold, stays open while samples reach the
//! threshold less the hysteresis, and for the hold time after the last of them; then the gain falls to
//! −range. A hold shorter than the pauses between half-waves is drawn out over the next of them, so that a low tone does
//! not chatter: a pause is taken for one of them up to a quarter longer than the last (after opening 10.7 ms, half a period of
//! 47 Hz, and less with each that is shorter). As an expander it follows the level along its ratio. Attack and release are one-poles on
//! the gain in dB. No latency.

use super::comp::{follow, hold_and_release, pole, settled};
use super::{Build, Count, Ctx, Params, Part, Process, Processor, Targets};
use crate::block::BLOCK;
use crate::kernel::hold::Hold;
use crate::kernel::key::{self, Key};
use crate::lanes::{Lanes, math};
use crate::param::{Decl, Unit};
use crate::ramp::{Coeffs, GRID, When};

/// The longest pause between two half-waves that is none: half a period of 47 Hz.
const LONGEST_S: f64 = 0.010_66;

/// The gate.
pub struct Gate;

impl Processor for Gate {
    const NAME: &'static str = "gate";
    const DOC: &'static str = "Gate or downward expander";
    const PARTS: &'static [Part] = &[
        Part::common(&[
            Decl::bool("on", false, "Gate in the path"),
            Decl::float("threshold", Unit::Dbfs, -80.0, 0.0, -45.0, "Level of a sine at which it opens"),
            Decl::float("range", Unit::Db, 0.0, 80.0, 60.0, "Depth when closed"),
            Decl::log("ratio", Unit::None, 1.0, 100.0, 100.0, "100 is a gate; below, an expander without hysteresis"),
            Decl::log("attack", Unit::Ms, 0.05, 200.0, 1.0, "Time to 63 % of the opening in dB"),
            Decl::float("hold", Unit::Ms, 0.0, 2000.0, 20.0, "Time it stays open after the level has fallen"),
            Decl::log("release", Unit::Ms, 5.0, 4000.0, 100.0, "Time to 63 % of the closing in dB"),
            Decl::float("hysteresis", Unit::Db, 0.0, 12.0, 3.0, "How far below the threshold it closes"),
            Decl::text("sidechain", "", "Strip whose input is the key; empty: this one").structural(),
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
        let ratio = p.num("ratio");
        let gate = ratio >= 100.0;
        let (blocks, release) = hold_and_release(p.num("release"), rate);
        let threshold = p.num("threshold");
        let amplitude = |db: f64| 10f64.powf(db / 20.0);
        let release = if gate { p.num("release") * 1e-3 * rate } else { release };
        [
            threshold,
            ratio - 1.0,
            // A ratio of 1 changes nothing, whatever state it is in.
            if ratio > 1.0 { -p.num("range") } else { 0.0 },
            amplitude(threshold),
            amplitude(threshold - p.num("hysteresis")),
            pole(p.num("attack") * 1e-3 * rate),
            pole(release),
            p.num("hold") * 1e-3 * rate,
            blocks as f64,
            f64::from(u8::from(gate)),
            0.0,
            0.0,
        ]
    }

    type State<L: Lanes> = GateBank<L>;

    fn build<L: Lanes>(build: &Build) -> GateBank<L> {
        GateBank {
            curve: Coeffs::new(build.curve, [0.0, 0.0, 0.0]),
            open_at: L::splat(1.0),
            close_at: L::splat(1.0),
            attack: L::zero(),
            release: L::zero(),
            hold_frames: L::zero(),
            gates: (1 << L::N) - 1,
            since: L::splat(1e9),
            longest: L::splat(LONGEST_S * build.rate),
            pause: L::zero(),
            open: 0,
            gain: L::zero(),
            level: Hold::new(),
            key: Key::new(build),
        }
    }
}

/// A bank of gates.
pub struct GateBank<L: Lanes> {
    /// Threshold dB, ratio − 1, −range dB.
    curve: Coeffs<L, 3>,
    open_at: L,
    close_at: L,
    attack: L,
    release: L,
    hold_frames: L,
    /// Lanes that gate; the others expand.
    gates: u32,
    /// Frames since a sample reached the closing threshold.
    since: L,
    /// Frames that pauses may last at most, and how long the next is waited for.
    longest: L,
    pause: L,
    open: u32,
    /// Gain in dB, ≤ 0.
    gain: L,
    level: Hold<L>,
    key: Key<L>,
}

impl<L: Lanes> Process<L> for GateBank<L> {
    fn set(&mut self, part: usize, lane: usize, to: &Targets, when: When) {
        if part == 1 {
            self.key.set(lane, to, when);
            return;
        }
        self.curve.set(lane, [to[0], to[1], to[2]], when);
        self.open_at.set(lane, to[3]);
        self.close_at.set(lane, to[4]);
        self.attack.set(lane, to[5]);
        self.release.set(lane, to[6]);
        self.hold_frames.set(lane, to[7]);
        self.level.set(lane, to[8] as usize, false);
        self.gates = (self.gates & !(1 << lane)) | (u32::from(to[9] >= 0.5) << lane);
        if when == When::Jump {
            // Shut, but for a ratio of 1, which does nothing.
            self.gain.set(lane, if to[1] == 0.0 { 0.0 } else { to[2] });
        }
    }

    #[inline(always)]
    fn run(&mut self, ctx: &mut Ctx<L>, io: &mut [L]) {
        let mut work = [L::zero(); BLOCK];
        self.key.run(ctx, io, &mut work);
        let work = &mut work[..io.len()];
        let all = if L::N == 32 { u32::MAX } else { (1 << L::N) - 1 };
        let mut target = [L::zero(); BLOCK];
        let target = &mut target[..io.len()];
        // Gates: open or closed, from the key as it is.
        let mut open = L::mask(self.open);
        let (open_at, close_at, hold) = (self.open_at, self.close_at, self.hold_frames);
        let (mut since, mut pause, longest, one) = (self.since, self.pause, self.longest, L::splat(1.0));
        for (x, t) in work.iter().zip(target.iter_mut()) {
            let level = x.abs().link(ctx.pairs);
            let reaches = level.ge(close_at);
            let next = (since * L::splat(1.25)).min(longest).max(pause * L::splat(0.5));
            pause = L::select(L::and(reaches, since.gt(L::zero())), next, pause);
            since = L::select(reaches, L::zero(), since + one);
            let opens = level.ge(open_at);
            let fresh = L::select(opens, longest, pause);
            pause = L::select(open, pause, fresh);
            open = L::or(opens, L::and(open, hold.max(pause).ge(since)));
            *t = L::select(open, L::zero(), one);
        }
        self.open = L::bits(open);
        self.pause = pause;
        // Counting stops where it no longer matters, so that it stays exact.
        self.since = since.min(L::splat(1e7));
        let expand = self.gates & all != all;
        if expand {
            self.level.run(ctx.frame, ctx.pairs, work);
        }
        let gates = L::mask(self.gates);
        let (mut gain, attack, release) = (self.gain, self.attack, self.release);
        let mut at = 0;
        while at < io.len() {
            let here = ctx.frame + at as u64;
            self.curve.at(here);
            let n = ((GRID - here % GRID) as usize).min(io.len() - at);
            for ((x, t), y) in work[at..at + n].iter().zip(&mut target[at..at + n]).zip(&mut io[at..at + n]) {
                let [threshold, steep, floor] = self.curve.now;
                let mut to = *t * floor;
                if expand {
                    let below = ((math::db(*x) - threshold) * steep).min(L::zero()).max(floor);
                    to = L::select(gates, to, below);
                }
                // Opening is the attack.
                gain = settled(follow(gain, to, release, attack));
                *y = *y * math::gain(gain);
                *t = gain;
                if self.curve.moving() {
                    self.curve.advance();
                }
            }
            at += n;
        }
        self.gain = gain;
        ctx.reduction = target.iter().fold(L::zero(), |low, x| x.min(low));
    }

    fn clear(&mut self, lane: usize) {
        self.level.clear(lane);
        self.key.clear(lane);
    }

    fn carry(&mut self, lane: usize, from: &Self, from_lane: usize) {
        self.curve.carry(lane, &from.curve, from_lane);
        for (to, old) in [
            (&mut self.open_at, &from.open_at),
            (&mut self.close_at, &from.close_at),
            (&mut self.attack, &from.attack),
            (&mut self.release, &from.release),
            (&mut self.hold_frames, &from.hold_frames),
            (&mut self.since, &from.since),
            (&mut self.pause, &from.pause),
            (&mut self.gain, &from.gain),
        ] {
            to.set(lane, old.get(from_lane));
        }
        self.gates = (self.gates & !(1 << lane)) | ((from.gates >> from_lane & 1) << lane);
        self.open = (self.open & !(1 << lane)) | ((from.open >> from_lane & 1) << lane);
        self.level.carry(lane, &from.level, from_lane);
        self.key.carry(lane, &from.key, from_lane);
    }

    fn rest(&self, lane: usize) -> bool {
        let floor = self.curve.target(lane)[2];
        // Half a decibel of a closed gate is not heard when the strip wakes.
        self.open & (1 << lane) == 0 && (self.gain.get(lane) - floor).abs() < 0.5 && !self.curve.moving()
    }
}
