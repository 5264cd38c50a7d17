//! Solo, the monitor, and the talkback that speaks over both.

use super::gains::{Sides, gain_db};
use super::{Desk, send};
use crate::graph::{EdgeTap, StripKind};
use crate::param::taper::OFF_DB;
use crate::tree::{Owner, ParamId};

/// What dim takes away.
const DIM_DB: f64 = -20.0;

/// Solo in place: what stays open on the ways to main.
pub(super) struct InPlace {
    /// Strips that are soloed or safe, or fed by a soloed one.
    heard: Vec<bool>,
    /// Strips that are soloed or feed a soloed one.
    leads: Vec<bool>,
}

impl InPlace {
    /// Whether sound may go from a strip to its destination or to a group.
    pub(super) fn is_open(&self, from: usize, to: usize) -> bool {
        self.heard[from] || self.leads[to]
    }
}

impl Desk {
    pub(super) fn soloed(&self, s: usize) -> bool {
        let solo = |g: Owner| matches!(g, Owner::Dca(_)) && self.on(self.tree.find(g, "solo"));
        self.on(self.ids[s].solo) || self.groups(s).any(solo)
    }

    /// Whether anything is soloed.
    pub fn any_solo(&self) -> bool {
        (0..self.spec.strips.len()).any(|s| self.soloed(s))
    }

    fn solo_mode(&self) -> usize {
        let mode = self.monitor.and_then(|m| self.tree.find(Owner::Strip(m), "solo/mode"));
        self.num(mode) as usize
    }

    /// Who is heard at main under solo in place; none while nothing is soloed in this mode. Sound goes from a strip to its
    /// destination, and to groups also by sends. Solo on main takes nobody away.
    pub(super) fn in_place(&self) -> Option<InPlace> {
        if self.solo_mode() != 2 {
            return None;
        }
        let strips = &self.spec.strips;
        let soloed: Vec<bool> = (0..strips.len()).map(|s| strips[s].kind != StripKind::Main && self.soloed(s)).collect();
        if !soloed.contains(&true) {
            return None;
        }
        let ways = |s: usize| {
            let groups = strips[s].sends.iter().copied().filter(|&to| strips[to].kind == StripKind::Group);
            strips[s].to.into_iter().chain(groups)
        };
        let (mut fed, mut leads) = (soloed.clone(), soloed);
        // One step along all ways at a time; the bound is for the reader, ways never loop.
        for _ in 0..strips.len() {
            let mut more = false;
            for s in 0..strips.len() {
                for to in ways(s) {
                    more |= (fed[s] && !fed[to]) || (leads[to] && !leads[s]);
                    fed[to] |= fed[s];
                    leads[s] |= leads[to];
                }
            }
            if !more {
                break;
            }
        }
        let heard = (0..strips.len()).map(|s| fed[s] || self.soloed(s) || self.on(self.ids[s].solo_safe)).collect();
        Some(InPlace { heard, leads })
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn monitor_gain(
        &self,
        from: usize,
        to: usize,
        tap: EdgeTap,
        after: EdgeTap,
        i: usize,
        j: usize,
        stereo: bool,
    ) -> f64 {
        let find = |path: &str| self.tree.find(Owner::Strip(to), path);
        let mode = self.solo_mode();
        let listening = mode != 2 && self.any_solo();
        let source = find("source").and_then(|id| self.spec.named(self.values[id.0 as usize].as_text()));
        let sides = self.sides(from);
        let pan = self.num(self.ids[from].pan);
        let side = |j: usize| {
            let mut sum = 0.0;
            if !listening && source == Some(from) && tap == after {
                sum += match (tap, sides) {
                    (EdgeTap::Out, Sides::Stereo) => sides.gain(i, j, stereo, 0.0),
                    (EdgeTap::Out, _) => sides.gain(i, j, stereo, pan),
                    _ => sides.gain(i, j, stereo, pan) * self.post(from),
                };
            }
            if listening && self.soloed(from) && tap == EdgeTap::Chain {
                // PFL does not care for pan, fader or mute.
                sum += if mode == 0 { sides.gain(i, j, stereo, 0.0) } else { sides.gain(i, j, stereo, pan) * self.post(from) };
            }
            sum
        };
        let mono = stereo && self.on(find("mono"));
        let dim = if self.on(find("dim")) || self.talks_over_monitor() { gain_db(DIM_DB) } else { 1.0 };
        let j = if stereo && self.on(find("swap")) { 1 - j } else { j };
        dim * if mono { 0.5 * (side(0) + side(1)) } else { side(j) }
    }

    /// Whether a strip is the talkback and nobody speaks.
    pub(super) fn holds_its_tongue(&self, s: usize) -> bool {
        self.spec.strips[s].kind == StripKind::Talkback && !self.on(self.tree.find(Owner::Strip(s), "on"))
    }

    /// The talkback while somebody speaks.
    fn speaking(&self) -> Option<usize> {
        self.talkback.filter(|t| !self.muted(*t))
    }

    fn talks_over_monitor(&self) -> bool {
        self.speaking().is_some_and(|t| self.on(self.tree.find(Owner::Strip(t), "dim")))
    }

    /// What is left of everything else in a bus that somebody speaks to.
    pub(super) fn ducked(&self, to: usize) -> f64 {
        let Some(talkback) = self.speaking() else { return 1.0 };
        let spoken_to = self.spec.strips[talkback].sends.iter().enumerate().any(|(k, bus)| {
            let first = self.tree.send(talkback, k);
            let value = |n: u32| self.num(Some(ParamId(first.0 + n)));
            *bus == to && value(send::ON) >= 0.5 && value(send::LEVEL) > OFF_DB
        });
        if spoken_to { gain_db(-self.num(self.tree.find(Owner::Strip(talkback), "ducking"))) } else { 1.0 }
    }
}
