//! The desk: the one true value of every parameter, and what each means to the engine.
//!
//! Control side, pure: it opens nothing and waits for nothing, so the live server and the offline
//! renderer use the same one. Sets are collected and turned into engine changes by [`Desk::flush`],
//! once for each thing that changed, however often it was set in between.

pub mod fade;
pub mod gains;
mod links;
mod monitor;
mod swap;
mod tempo;
mod timed;

use crate::engine::message::Batch;
use crate::graph::GraphSpec;
use crate::graph::compile::{Plan, PlanError, plan};
use crate::lanes::Path;
use crate::network::Set;
use crate::param::{Access, Value};
use crate::tree::{Owner, ParamId, SEND, Slot, Tree};
use fade::{Fades, Opposed, Spot};
use gains::Ids;
use std::collections::BTreeSet;
use std::sync::Arc;

/// See the module documentation.
pub struct Desk {
    spec: Arc<GraphSpec>,
    tree: Arc<Tree>,
    values: Vec<Value>,
    plan: Arc<Plan>,
    rate: f64,
    path: Path,
    ids: Vec<Ids>,
    /// Where these strips are: every gain asks.
    monitor: Option<usize>,
    talkback: Option<usize>,
    dirty: Vec<ParamId>,
    marked: Vec<bool>,
    structural: bool,
    fades: Fades,
    refade: bool,
    /// What moves on in the next flush so that the monitors stay.
    opposed: Vec<Opposed>,
    /// What was there before each change, while somebody asks.
    replaced: Option<Vec<(ParamId, Value)>>,
    /// Buttons that were pressed, each once.
    pressed: Vec<ParamId>,
}

/// What a flush works on, each thing once.
#[derive(Default)]
struct Work {
    strips: Vec<usize>,
    pairs: Vec<(usize, usize)>,
    parts: Vec<(usize, usize, usize)>,
}

impl Desk {
    /// A desk with the values of a fresh console.
    pub fn new(spec: GraphSpec, rate: f64, path: Path) -> Result<Desk, PlanError> {
        let tree = Tree::new(&spec);
        let values = tree.defaults();
        Self::with(spec, tree, values, rate, path)
    }

    /// A desk with given values (one for each of the tree's parameters).
    pub fn with(spec: GraphSpec, tree: Tree, mut values: Vec<Value>, rate: f64, path: Path) -> Result<Desk, PlanError> {
        tempo::time_all(&tree, &mut values);
        let plan = plan(&spec, &tree, &values, rate, path)?;
        let ids = (0..spec.strips.len()).map(|s| Ids::of(&spec, &tree, s)).collect();
        let mut desk = Desk {
            marked: vec![false; values.len()],
            monitor: spec.monitor(),
            talkback: spec.talkback(),
            spec: Arc::new(spec),
            tree: Arc::new(tree),
            values,
            plan: Arc::new(plan),
            rate,
            path,
            ids,
            dirty: Vec::new(),
            structural: false,
            fades: Fades::default(),
            refade: false,
            opposed: Vec::new(),
            replaced: None,
            pressed: Vec::new(),
        };
        desk.mirror_links();
        Ok(desk)
    }

    /// The console.
    pub fn spec(&self) -> &Arc<GraphSpec> {
        &self.spec
    }

    /// Its parameters.
    pub fn tree(&self) -> &Arc<Tree> {
        &self.tree
    }

    /// The compiled plan.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Rate in Hz.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// All values, by [`ParamId`]. A fading parameter holds its target.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// A value. A fading parameter holds its target; see [`Desk::present`].
    pub fn get(&self, id: ParamId) -> &Value {
        &self.values[id.0 as usize]
    }

    /// Sets a parameter to a value of its kind (clamped here). `told` gets every parameter whose value
    /// changed, linked ones included. A set ends a fade of the same parameter.
    pub fn set(&mut self, id: ParamId, value: &Value, told: &mut Vec<ParamId>) {
        if let Some((other, opposite)) = self.compensation(id, value) {
            self.oppose(id);
            self.oppose(other);
            self.place(other, &opposite, told);
        }
        self.place(id, value, told);
    }

    /// As [`Desk::set`], this parameter (and what is linked to it) alone.
    fn place(&mut self, id: ParamId, value: &Value, told: &mut Vec<ParamId>) {
        for id in [Some(id), self.linked(id)].into_iter().flatten() {
            let entry = self.tree.entry(id);
            if entry.decl.access != Access::Write {
                continue;
            }
            if entry.decl.trigger {
                if value.as_bool() && !self.pressed.contains(&id) {
                    self.pressed.push(id);
                    told.push(id);
                }
                continue;
            }
            let value = self.held(entry.decl, value);
            let fading = self.fades.end(id);
            let slot = &mut self.values[id.0 as usize];
            if *slot == value && !fading {
                continue;
            }
            if *slot != value {
                let before = std::mem::replace(slot, value);
                if let Some(replaced) = &mut self.replaced {
                    replaced.push((id, before));
                }
                told.push(id);
            }
            self.mark(id);
            if self.tree.entry(id).owner == Owner::Console {
                self.follow_tempo();
            }
        }
    }

    /// The buttons that were pressed since the last call.
    pub fn take_pressed(&mut self) -> Vec<ParamId> {
        std::mem::take(&mut self.pressed)
    }

    /// Has the engine told anew what a parameter holds.
    pub fn renew(&mut self, id: ParamId) {
        self.mark(id);
    }

    /// Remembers from here on what each change replaces.
    pub fn watch(&mut self) {
        self.replaced.get_or_insert_default();
    }

    /// What was there before the changes since the last call, in their order; nothing unless [`Desk::watch`] was called.
    pub fn take_replaced(&mut self) -> impl Iterator<Item = (ParamId, Value)> + '_ {
        self.replaced.iter_mut().flat_map(|r| r.drain(..))
    }

    /// Turns every solo off.
    pub fn clear_solo(&mut self, told: &mut Vec<ParamId>) {
        let tree = self.tree.clone();
        for (at, entry) in tree.entries().iter().enumerate() {
            if entry.path == "solo" {
                self.set(ParamId(at as u32), &Value::Bool(false), told);
            }
        }
    }

    fn mark(&mut self, id: ParamId) {
        let decl = self.tree.entry(id).decl;
        self.structural |= decl.structural;
        if !self.marked[id.0 as usize] {
            self.marked[id.0 as usize] = true;
            self.dirty.push(id);
        }
        if decl.path == "delay" && self.tree.entry(id).slot == Slot::Own {
            self.structural |= !self.delay_fits(id);
        }
    }

    fn delay_fits(&self, id: ParamId) -> bool {
        let Owner::Strip(s) = self.tree.entry(id).owner else { return true };
        let bank = self.plan.banks.iter().position(|b| b.bank == self.plan.seats[s].bank);
        let frames = (self.get(id).as_f64() * self.rate / 1000.0).ceil() as usize;
        bank.is_some_and(|b| frames <= self.plan.delays[b])
    }

    /// Whether a set needs a new network ([`Desk::replan_structure`], [`Desk::adopt`]) to take effect.
    pub fn needs_swap(&self) -> bool {
        self.structural
    }

    /// Whether anything waits for a flush.
    pub fn is_dirty(&self) -> bool {
        !self.dirty.is_empty() || self.refade
    }

    /// Adds everything that changed since the last flush to a batch. `now` is the engine's frame.
    pub fn flush(&mut self, now: u64, batch: &mut Batch) {
        self.glide_opposed(now);
        let dirty = std::mem::take(&mut self.dirty);
        for id in &dirty {
            self.marked[id.0 as usize] = false;
        }
        let work = self.work(&dirty);
        let held = self.present_values(now);
        self.sets(&work, &mut batch.sets);
        self.put_values(held);
        self.replan(now, batch, work.spots());
        self.dirty = dirty;
        self.dirty.clear();
    }

    /// What a list of changed parameters concerns.
    fn work(&self, dirty: &[ParamId]) -> Work {
        let mut work = Work::default();
        for &id in dirty {
            let entry = self.tree.entry(id);
            match (entry.owner, entry.slot) {
                // Whom the talkback speaks to is ducked.
                (Owner::Strip(s), Slot::Send(_)) if Some(s) == self.talkback => self.all_pairs(&mut work),
                (Owner::Strip(s), Slot::Proc(p, part)) if !self.spec.strips[s].chain[p].kind.decl().coupled => {
                    work.parts.push((s, p, part));
                }
                (Owner::Strip(s), Slot::Proc(p, _)) => work.parts.extend((0..self.tree.parts(s, p)).map(|part| (s, p, part))),
                (Owner::Strip(s), Slot::Send(k)) => work.pairs.push((s, self.spec.strips[s].sends[k])),
                (Owner::Strip(s), Slot::Own) => match entry.path.as_str() {
                    "name" | "color" | "icon" | "safe" | "compensate" => {}
                    "trim" | "polarity" | "delay" => work.strips.push(s),
                    "solo" | "solo-safe" | "solo/mode" | "dim" | "mono" | "swap" => self.all_pairs(&mut work),
                    _ if Some(s) == self.talkback => {
                        work.strips.push(s);
                        self.all_pairs(&mut work);
                    }
                    _ => self.strip_and_pairs(s, &mut work),
                },
                (Owner::Strip(s), _) => self.strip_and_pairs(s, &mut work),
                (Owner::Console | Owner::Status, _) => {}
                (Owner::Dca(_) | Owner::MuteGroup(_), _) => {
                    if matches!(entry.path.as_str(), "solo") {
                        self.all_pairs(&mut work);
                    } else if !matches!(entry.path.as_str(), "name" | "color") {
                        for s in 0..self.spec.strips.len() {
                            if self.is_member(s, entry.owner) {
                                self.strip_and_pairs(s, &mut work);
                            }
                        }
                    }
                }
            }
        }
        work.once();
        work
    }

    fn strip_and_pairs(&self, s: usize, work: &mut Work) {
        work.strips.push(s);
        work.pairs.extend(self.plan.edges.iter().filter(|e| e.from == s).map(|e| (s, e.to)));
    }

    fn all_pairs(&self, work: &mut Work) {
        work.pairs.extend(self.plan.edges.iter().map(|e| (e.from, e.to)));
    }

    /// Everything there is.
    fn all_work(&self) -> Work {
        let mut work = Work::default();
        for (s, strip) in self.spec.strips.iter().enumerate() {
            work.strips.push(s);
            for p in 0..strip.chain.len() {
                work.parts.extend((0..self.tree.parts(s, p)).map(|part| (s, p, part)));
            }
        }
        self.all_pairs(&mut work);
        work.once();
        work
    }

    /// The engine changes for some work, from the present values.
    fn sets(&self, work: &Work, sets: &mut Vec<Set>) {
        for &s in &work.strips {
            self.strip_sets(s, sets);
        }
        for &(s, p, part) in &work.parts {
            self.part_sets(s, p, part, sets);
        }
        let solo = if work.pairs.is_empty() { None } else { self.in_place() };
        for &(from, to) in &work.pairs {
            self.pair_sets(from, to, solo.as_ref(), sets);
        }
    }

    fn part_sets(&self, s: usize, p: usize, part: usize, sets: &mut Vec<Set>) {
        let params = self.tree.params(s, p, &self.values);
        let decl = self.spec.strips[s].chain[p].kind.decl();
        let to = (decl.coeffs)(part, &params, self.rate);
        let seat = self.plan.seats[s];
        for side in 0..self.spec.strips[s].channels() {
            sets.push(Set::Part(seat.bank, seat.lane + side, p, part, to));
            if part == 0 && !decl.own_bypass {
                sets.push(Set::On(seat.bank, seat.lane + side, p, params.parts[0].on("on")));
            }
        }
    }
}

impl Work {
    fn once(&mut self) {
        self.strips.sort_unstable();
        self.strips.dedup();
        self.pairs.sort_unstable();
        self.pairs.dedup();
        self.parts.sort_unstable();
        self.parts.dedup();
    }

    fn spots(&self) -> BTreeSet<Spot> {
        let strips = self.strips.iter().copied().chain(self.pairs.iter().map(|p| p.0)).map(Spot::Gains);
        strips.chain(self.parts.iter().map(|(s, p, _)| Spot::Proc(*s, *p))).collect()
    }
}

/// Order of a send's parameters, as in [`SEND`].
pub(crate) mod send {
    /// Level.
    pub const LEVEL: u32 = 0;
    /// On.
    pub const ON: u32 = 1;
    /// Pan.
    pub const PAN: u32 = 2;
    /// Tap.
    pub const TAP: u32 = 3;
    const _: () = assert!(super::SEND.len() == 4);
}
