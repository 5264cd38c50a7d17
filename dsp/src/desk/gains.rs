//! Faders, DCAs, mutes, pans, sends and solo as linear gains.

use super::monitor::InPlace;
use super::{Desk, send};
use crate::graph::{EdgeTap, GraphSpec, StripKind, Tap};
use crate::network::Set;
use crate::param::Value;
use crate::param::taper::{OFF_DB, gain, level_db};
use crate::tree::{Owner, ParamId, Tree};

/// The most that fader and DCAs add up to.
const SUM_LIMIT_DB: f64 = 20.0;

/// The parameters of a strip that make its gains.
#[derive(Clone, Debug, Default)]
pub(super) struct Ids {
    pub fader: Option<ParamId>,
    pub mute: Option<ParamId>,
    pub solo: Option<ParamId>,
    pub solo_safe: Option<ParamId>,
    pub pan: Option<ParamId>,
    pub trim: Option<ParamId>,
    pub compensate: Option<ParamId>,
    pub compensation: Option<ParamId>,
    pub polarity: Option<ParamId>,
    pub delay: Option<ParamId>,
    pub dca: Vec<Option<ParamId>>,
    pub mute_group: Vec<Option<ParamId>>,
}

impl Ids {
    pub fn of(spec: &GraphSpec, tree: &Tree, strip: usize) -> Ids {
        let find = |path: &str| tree.find(Owner::Strip(strip), path);
        Ids {
            fader: find("fader"),
            mute: find("mute"),
            solo: find("solo"),
            solo_safe: find("solo-safe"),
            pan: find("pan"),
            trim: find("trim"),
            compensate: find("compensate"),
            compensation: find("compensation"),
            polarity: find("polarity"),
            delay: find("delay"),
            dca: (0..spec.dcas.len()).map(|d| find(&format!("dca/{}", d + 1))).collect(),
            mute_group: (0..spec.mute_groups.len()).map(|m| find(&format!("mutegroup/{}", m + 1))).collect(),
        }
    }
}

/// How a strip's sides lie between left and right.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sides {
    Mono,
    Stereo,
    /// Two linked channels: this one is hard left, with the pan as balance.
    LinkedLeft,
    LinkedRight,
}

/// `(left, right)` of the equal-power law; the far side is exactly 0 at ±1.
pub fn pan_gains(pan: f64) -> (f64, f64) {
    if pan <= -1.0 {
        (1.0, 0.0)
    } else if pan >= 1.0 {
        (0.0, 1.0)
    } else {
        let (sin, cos) = ((pan + 1.0) * std::f64::consts::FRAC_PI_4).sin_cos();
        (cos, sin)
    }
}

/// `(left, right)` of a balance; the centre is exactly 1.
pub fn balance_gains(pan: f64) -> (f64, f64) {
    let (left, right) = pan_gains(pan);
    if pan == 0.0 {
        (1.0, 1.0)
    } else {
        ((left * std::f64::consts::SQRT_2).min(1.0), (right * std::f64::consts::SQRT_2).min(1.0))
    }
}

impl Sides {
    /// Gain from side `i` of the source to side `j` of the destination.
    pub(super) fn gain(self, i: usize, j: usize, stereo: bool, pan: f64) -> f64 {
        let pick = |(l, r): (f64, f64), side: usize| if side == 0 { l } else { r };
        let own = match self {
            Sides::Mono if stereo => return pick(pan_gains(pan), j),
            Sides::Mono => return 1.0,
            Sides::Stereo => i,
            Sides::LinkedLeft => 0,
            Sides::LinkedRight => 1,
        };
        let balance = pick(balance_gains(pan), own);
        match stereo {
            true if own == j => balance,
            true => 0.0,
            false => balance * 0.5,
        }
    }
}

impl Desk {
    pub(super) fn num(&self, id: Option<ParamId>) -> f64 {
        id.map_or(0.0, |id| self.values[id.0 as usize].as_f64())
    }

    pub(super) fn on(&self, id: Option<ParamId>) -> bool {
        self.num(id) >= 0.5
    }

    pub(super) fn sides(&self, s: usize) -> Sides {
        let strip = &self.spec.strips[s];
        if strip.stereo {
            Sides::Stereo
        } else if strip.link {
            Sides::LinkedLeft
        } else if s > 0 && self.spec.strips[s - 1].link {
            Sides::LinkedRight
        } else {
            Sides::Mono
        }
    }

    /// Whether a strip belongs to a DCA or mute group.
    pub(super) fn is_member(&self, s: usize, group: Owner) -> bool {
        match group {
            Owner::Dca(d) => self.on(self.ids[s].dca.get(d).copied().flatten()),
            Owner::MuteGroup(m) => self.on(self.ids[s].mute_group.get(m).copied().flatten()),
            Owner::Strip(_) | Owner::Console | Owner::Status => false,
        }
    }

    pub(super) fn groups(&self, s: usize) -> impl Iterator<Item = Owner> + '_ {
        let dcas = (0..self.spec.dcas.len()).map(Owner::Dca);
        let mutes = (0..self.spec.mute_groups.len()).map(Owner::MuteGroup);
        dcas.chain(mutes).filter(move |g| self.is_member(s, *g))
    }

    /// Whether a strip is silenced by its mute, a DCA's or a mute group's.
    pub fn muted(&self, s: usize) -> bool {
        self.on(self.ids[s].mute) || self.groups(s).any(|g| self.on(self.tree.find(g, "mute"))) || self.holds_its_tongue(s)
    }

    /// Fader and DCAs as one gain.
    fn level(&self, s: usize) -> f64 {
        let mut db = self.num(self.ids[s].fader);
        let mut off = db <= OFF_DB;
        for dca in self.groups(s).filter(|g| matches!(g, Owner::Dca(_))) {
            let more = self.num(self.tree.find(dca, "fader"));
            off |= more <= OFF_DB;
            db += more;
        }
        if off { 0.0 } else { gain(db.min(SUM_LIMIT_DB)) }
    }

    /// What mutes leave: 1, or 0, and in between while one is on its way.
    fn audible(&self, s: usize) -> f64 {
        if self.holds_its_tongue(s) {
            return 0.0;
        }
        let groups = self.groups(s).map(|g| closing(self.num(self.tree.find(g, "mute"))));
        groups.fold(closing(self.num(self.ids[s].mute)), |gain, g| gain * g)
    }

    /// Gain after the fader: level, DCAs and silence.
    pub(super) fn post(&self, s: usize) -> f64 {
        let audible = self.audible(s);
        if audible == 0.0 { 0.0 } else { self.level(s) * audible }
    }

    /// What keeps the monitors where they are when a parameter takes a value: the strip's `compensation` goes
    /// the other way when its trim moves, where the strip is told to.
    pub(super) fn compensation(&self, id: ParamId, to: &Value) -> Option<(ParamId, Value)> {
        let Owner::Strip(s) = self.tree.entry(id).owner else { return None };
        let ids = &self.ids[s];
        if ids.trim != Some(id) || !self.on(ids.compensate) {
            return None;
        }
        let moved = self.tree.entry(id).decl.clamp(to).as_f64() - self.get(id).as_f64();
        Some((ids.compensation?, Value::Float(self.num(ids.compensation) - moved)))
    }

    /// Whether what is sent to a strip stays as it is when a trim is compensated.
    pub(super) fn is_compensated(&self, to: usize) -> bool {
        matches!(self.spec.strips[to].kind, StripKind::Aux | StripKind::Matrix)
    }

    fn pre(&self, s: usize) -> f64 {
        match self.spec.mute_post_only {
            true if self.holds_its_tongue(s) => 0.0,
            true => 1.0,
            false => self.audible(s),
        }
    }

    /// Trim, fader and delay of a strip.
    pub(super) fn strip_sets(&self, s: usize, sets: &mut Vec<Set>) {
        let ids = &self.ids[s];
        let seat = self.plan.seats[s];
        let polarity = if self.on(ids.polarity) { -1.0 } else { 1.0 };
        let trim = polarity * gain_db(self.num(ids.trim));
        let frames = self.num(ids.delay) * self.rate / 1000.0;
        // Below 16 frames whole ones; a fraction there has no room for its filter.
        let frames = if frames < 16.0 { frames.round() } else { frames };
        let balance = balance_gains(self.num(ids.pan));
        for side in 0..self.spec.strips[s].channels() {
            let lane = seat.lane + side;
            let balance = match self.sides(s) {
                Sides::Stereo if side == 0 => balance.0,
                Sides::Stereo => balance.1,
                _ => 1.0,
            };
            sets.push(Set::Trim(seat.bank, lane, trim));
            sets.push(Set::Fader(seat.bank, lane, self.post(s) * balance));
            sets.push(Set::Delay(seat.bank, lane, frames));
        }
    }

    /// All gains from one strip into another.
    pub(super) fn pair_sets(&self, from: usize, to: usize, solo: Option<&InPlace>, sets: &mut Vec<Set>) {
        let stereo = self.spec.strips[to].stereo;
        let seat = self.plan.seats[to];
        let closed = solo.is_some_and(|solo| !solo.is_open(from, to));
        for tap in [EdgeTap::Chain, EdgeTap::Input, EdgeTap::Out] {
            let Some(&mix) = self.plan.mixes.get(&(from, to, tap)) else { continue };
            let lane = self.plan.seats[from].lane;
            for i in 0..self.spec.strips[from].channels() {
                for j in 0..self.spec.strips[to].channels() {
                    let gain = self.pair_gain(from, to, tap, [i, j], stereo, closed);
                    sets.push(Set::Mix(mix, lane + i, (seat.lane & 1) + j, gain));
                }
            }
        }
    }

    fn pair_gain(&self, from: usize, to: usize, tap: EdgeTap, [i, j]: [usize; 2], stereo: bool, closed: bool) -> f64 {
        let strip = &self.spec.strips[from];
        let sides = self.sides(from);
        let pan = self.num(self.ids[from].pan);
        let after = if self.spec.has_last(from) { EdgeTap::Out } else { EdgeTap::Chain };
        // Past the fader stage a stereo strip has its balance, and only its level is left to add.
        let panned = |sides: Sides| match (tap, sides) {
            (EdgeTap::Out, Sides::Stereo) => sides.gain(i, j, stereo, 0.0),
            (EdgeTap::Out, _) => sides.gain(i, j, stereo, pan),
            _ => sides.gain(i, j, stereo, pan) * self.post(from),
        };
        let from_talkback = Some(from) == self.talkback;
        let mut sum = 0.0;
        if strip.to == Some(to) && tap == after && !closed {
            sum += panned(sides);
        }
        for (k, _) in strip.sends.iter().enumerate().filter(|(_, b)| **b == to) {
            let first = self.tree.send(from, k);
            let id = |n: u32| Some(ParamId(first.0 + n));
            let open = closing(1.0 - self.num(id(send::ON)));
            if open == 0.0 || (closed && self.spec.strips[to].kind == StripKind::Group) {
                continue;
            }
            let mut level = gain(self.num(id(send::LEVEL))) * open;
            if self.is_compensated(to) {
                level *= gain_db(self.num(self.ids[from].compensation));
            }
            let place = sides.gain(i, j, stereo, self.num(id(send::PAN)));
            let point = match self.num(id(send::TAP)) as usize {
                n if n == Tap::Input as usize => (EdgeTap::Input, 1.0),
                n if n == Tap::Pre as usize => (EdgeTap::Chain, self.pre(from)),
                _ => (EdgeTap::Chain, self.post(from)),
            };
            if point.0 == tap {
                sum += level * place * point.1;
            }
        }
        if Some(to) == self.monitor {
            sum += self.monitor_gain(from, to, tap, after, i, j, stereo);
        }
        if from_talkback { sum } else { sum * self.ducked(to) }
    }
}

/// Gain of a way that a switch closes; part of the way it is where a fader would be that goes from 0 dB to off.
fn closing(share: f64) -> f64 {
    if share <= 0.0 {
        1.0
    } else if share >= 1.0 {
        0.0
    } else {
        gain(level_db(0.75 * (1.0 - share)))
    }
}

/// Gain of a plain dB value (no floor).
pub(super) fn gain_db(db: f64) -> f64 {
    if db == 0.0 { 1.0 } else { 10f64.powf(db / 20.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pan_keeps_its_power_and_its_ends() {
        for n in 0..=8 {
            let (l, r) = pan_gains(f64::from(n) / 4.0 - 1.0);
            assert!((l * l + r * r - 1.0).abs() < 1e-12);
        }
        assert_eq!(pan_gains(-1.0), (1.0, 0.0));
        assert_eq!(pan_gains(1.0), (0.0, 1.0));
        assert_eq!(balance_gains(0.0), (1.0, 1.0));
        assert_eq!(balance_gains(1.0), (0.0, 1.0));
    }
}
