//! Timed moves along the taper, of one parameter or of thousands.
//!
//! What moves together is drawn together: the engine gets one [`Fade`] for each *spot*, which is a strip's gains
//! or one processor, with all parameters that concern it on their way. A spot is drawn anew when something in it
//! is set, and the others go on.

use super::Desk;
use crate::engine::message::{Batch, Fade, POINTS, Track, numbers};
use crate::param::{Access, Kind, Value};
use crate::ramp::Curve;
use crate::tree::{Entry, Owner, ParamId, Slot};
use std::collections::{BTreeMap, BTreeSet};

/// The shape of a fade over its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// Even.
    #[default]
    Linear,
    /// Slow at both ends.
    S,
    /// Slow at first.
    Slow,
    /// Fast at first.
    Fast,
}

impl Shape {
    /// The shape of this name.
    pub fn named(name: &str) -> Option<Shape> {
        Some(match name {
            "linear" => Shape::Linear,
            "s" => Shape::S,
            "slow" => Shape::Slow,
            "fast" => Shape::Fast,
            _ => return None,
        })
    }

    /// Share of the way at share `u` of the time.
    pub fn at(self, u: f64) -> f64 {
        let u = u.clamp(0.0, 1.0);
        match self {
            Shape::Linear => u,
            Shape::S => u * u * (3.0 - 2.0 * u),
            Shape::Slow => u * u,
            Shape::Fast => u * (2.0 - u),
        }
    }
}

/// A fade under way.
#[derive(Clone, Debug)]
pub(super) struct Active {
    from: f64,
    to: f64,
    shape: Shape,
    start: u64,
    frames: u64,
    /// How a set is heard and no fade that somebody asked for: all are told its target alone.
    quiet: bool,
}

impl Active {
    fn norm(&self, frame: u64) -> f64 {
        let u = frame.saturating_sub(self.start) as f64 / self.frames.max(1) as f64;
        self.from + (self.to - self.from) * self.shape.at(u)
    }

    fn end(&self) -> u64 {
        self.start + self.frames
    }

    /// Points that its way is drawn through: a full travel through [`POINTS`], less through as many as keep the
    /// same distance.
    fn points(&self) -> usize {
        let full = (POINTS - 1) as f64;
        ((self.to - self.from).abs() * full).ceil().clamp(FEWEST - 1.0, full) as usize + 1
    }
}

/// A trim, or what compensates it, that was set at once: where it was, or the fade that it was in. Steps of two gains
/// bulge where they cross; along the taper their sum in dB stands still.
#[derive(Debug)]
pub(super) struct Opposed {
    id: ParamId,
    was: Value,
    fade: Option<Active>,
}

/// How fast a trim moves that is compensated, dB a second, and the shortest time in seconds.
const OPPOSED_DB_S: f64 = 80.0;
const OPPOSED_S: f64 = 0.02;

/// Fewest points of a way: its shape has to show.
const FEWEST: f64 = 9.0;

/// What one of the engine's fades is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Spot {
    /// A strip's gains, and those of all its ways into others.
    Gains(usize),
    /// A processor of a strip.
    Proc(usize, usize),
}

/// All fades of a desk.
#[derive(Debug, Default)]
pub(super) struct Fades {
    active: BTreeMap<ParamId, Active>,
    /// The engine's fade of each spot that has one, or had.
    planned: BTreeMap<Spot, u32>,
    next: u32,
}

impl Fades {
    /// Ends the fade of a parameter; whether there was one.
    pub fn end(&mut self, id: ParamId) -> bool {
        self.active.remove(&id).is_some()
    }

    /// Whether nothing is on its way.
    pub fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    /// The engine has dropped its fades.
    pub fn unplan(&mut self) {
        self.planned.clear();
    }
}

/// Fades of a desk by address, for the desk that follows it.
pub struct Carried(Vec<(String, Active)>);

impl Carried {
    /// Whether nothing is on its way.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whether a switch opens and closes a way, so that a fade can move it like a fader.
fn is_way(entry: &Entry) -> bool {
    let send_on = matches!(entry.slot, Slot::Send(_)) && entry.decl.path == "on";
    send_on || (entry.slot == Slot::Own && entry.decl.path == "mute")
}

impl Desk {
    /// Starts a fade of a continuous parameter to a target, from frame `now` on. `told` gets what now
    /// holds another target. False where the parameter is no continuous number.
    pub fn fade(&mut self, id: ParamId, target: &Value, seconds: f64, shape: Shape, now: u64, told: &mut Vec<ParamId>) -> bool {
        if !self.is_continuous(id) {
            return false;
        }
        if let Some((id, target)) = self.compensation(id, target) {
            self.fade(id, &target, seconds, shape, now, told);
        }
        self.glide(id, target, seconds, shape, now, told);
        true
    }

    fn is_continuous(&self, id: ParamId) -> bool {
        let entry = self.tree.entry(id);
        // A tempo that moves would change the times of echoes over and over.
        let settable = entry.decl.access == Access::Write && !entry.decl.structural && entry.owner != Owner::Console;
        settable && matches!(entry.decl.kind, Kind::Float { .. })
    }

    fn glide(&mut self, id: ParamId, target: &Value, seconds: f64, shape: Shape, now: u64, told: &mut Vec<ParamId>) {
        let frames = (seconds.max(0.0) * self.rate).round() as u64;
        let from = self.on_the_way(id, now);
        for id in [Some(id), self.linked(id)].into_iter().flatten() {
            let decl = self.tree.entry(id).decl;
            let from = decl.to_norm(&from);
            let target = self.held(decl, target);
            let to = decl.to_norm(&target);
            self.place(id, &target, told);
            self.mark(id);
            if frames > 0 {
                self.fades.active.insert(id, Active { from, to, shape, start: now, frames, quiet: false });
            }
        }
    }

    /// Remembers where a parameter is, before it is set.
    pub(super) fn oppose(&mut self, id: ParamId) {
        for id in [Some(id), self.linked(id)].into_iter().flatten() {
            if !self.opposed.iter().any(|o| o.id == id) {
                let fade = self.fades.active.get(&id).cloned();
                self.opposed.push(Opposed { id, was: self.get(id).clone(), fade });
            }
        }
    }

    /// Lets trims and what compensates them go to where they were set since the last flush; the latter as much later as
    /// sound needs from the trim to the sends.
    pub(super) fn glide_opposed(&mut self, now: u64) {
        for Opposed { id, was, fade } in std::mem::take(&mut self.opposed) {
            let decl = self.tree.entry(id).decl;
            let was = fade.filter(|f| now < f.end()).map_or(was, |f| self.placed(id, f.norm(now)));
            let to = self.get(id).clone();
            let moved = (to.as_f64() - was.as_f64()).abs();
            if moved == 0.0 {
                continue;
            }
            let frames = ((moved / OPPOSED_DB_S).max(OPPOSED_S) * self.rate).round() as u64;
            let (from, to) = (decl.to_norm(&was), decl.to_norm(&to));
            let start = now + self.until_sent(id);
            self.fades.active.insert(id, Active { from, to, shape: Shape::Linear, start, frames, quiet: true });
            self.mark(id);
        }
    }

    /// Frames from a strip's input to where its sends to auxes and matrices are mixed, for its compensation; else 0.
    fn until_sent(&self, id: ParamId) -> u64 {
        let Owner::Strip(s) = self.tree.entry(id).owner else { return 0 };
        if self.ids[s].compensation != Some(id) {
            return 0;
        }
        let input = &self.plan.latencies.input;
        let monitors = self.spec.strips[s].sends.iter().filter(|&&to| self.is_compensated(to));
        let chain = monitors.map(|&to| input[to].saturating_sub(input[s])).max().unwrap_or(0);
        chain as u64 + (self.num(self.ids[s].delay) * self.rate / 1000.0).round() as u64
    }

    /// Gives many parameters exactly these values, whatever their moves mean to others, at once or over `seconds`
    /// from frame `now` on. In a fade continuous numbers move along their taper, mutes and the `on` of sends open and
    /// close along the fader's; everything else changes as the fade begins. A parameter that is linked to one before
    /// it takes that one's value. `told` gets what holds another value now.
    pub fn recall(&mut self, values: &[(ParamId, Value)], fade: Option<(f64, Shape)>, now: u64, told: &mut Vec<ParamId>) {
        for (id, value) in values {
            if self.follows(*id) {
                continue;
            }
            let entry = self.tree.entry(*id);
            let moves = self.is_continuous(*id) || is_way(entry);
            let moving = self.fades.active.contains_key(id);
            match fade.filter(|(seconds, _)| *seconds > 0.0 && moves) {
                Some(_) if self.get(*id) == value && !moving => {}
                Some((seconds, shape)) => self.glide(*id, value, seconds, shape, now, told),
                None => self.place(*id, value, told),
            }
        }
    }

    /// The value of a parameter at a frame: on the way, where it is. A switch has its new value at once.
    pub fn present(&self, id: ParamId, now: u64) -> Value {
        match self.tree.entry(id).decl.kind {
            Kind::Float { .. } if !self.fades.active.get(&id).is_some_and(|f| f.quiet) => self.on_the_way(id, now),
            _ => self.get(id).clone(),
        }
    }

    /// As [`Desk::present`]; a switch that opens or closes a way is a number from 0 to 1.
    fn on_the_way(&self, id: ParamId, now: u64) -> Value {
        match self.fades.active.get(&id).filter(|f| now < f.end()) {
            Some(f) => self.placed(id, f.norm(now)),
            None => self.get(id).clone(),
        }
    }

    fn placed(&self, id: ParamId, norm: f64) -> Value {
        let decl = self.tree.entry(id).decl;
        if matches!(decl.kind, Kind::Bool { .. }) { Value::Float(norm) } else { decl.from_norm(norm) }
    }

    /// Parameters that are on their way, and the frame at which each arrives.
    pub fn fading(&self) -> impl Iterator<Item = (ParamId, u64)> + '_ {
        self.fades.active.iter().filter(|(_, f)| !f.quiet).map(|(id, f)| (*id, f.end()))
    }

    /// What is on its way, for a desk that takes this one's place; `name` gives the address of a parameter.
    pub fn carry_fades(&self, name: impl Fn(ParamId) -> String) -> Carried {
        Carried(self.fades.active.iter().map(|(id, f)| (name(*id), f.clone())).collect())
    }

    /// Goes on with fades of the desk before; those go on whose target this desk holds too.
    pub fn take_fades(&mut self, from: Carried, find: impl Fn(&str) -> Option<ParamId>) {
        for (name, active) in from.0 {
            let Some(id) = find(&name) else { continue };
            if self.tree.entry(id).decl.to_norm(self.get(id)) == active.to {
                self.fades.active.insert(id, active);
                self.refade = true;
            }
        }
    }

    /// Puts the present values of everything that fades into place; returns what held there.
    pub(super) fn present_values(&mut self, now: u64) -> Vec<(ParamId, Value)> {
        let ids: Vec<ParamId> = self.fades.active.keys().copied().collect();
        let put = |id: ParamId| {
            let value = self.on_the_way(id, now);
            (id, std::mem::replace(&mut self.values[id.0 as usize], value))
        };
        ids.into_iter().map(put).collect()
    }

    pub(super) fn put_values(&mut self, held: Vec<(ParamId, Value)>) {
        for (id, value) in held {
            self.values[id.0 as usize] = value;
        }
    }

    /// The spots that a parameter on its way concerns.
    fn spots(&self, id: ParamId, mut put: impl FnMut(Spot)) {
        let entry = self.tree.entry(id);
        match (entry.owner, entry.slot) {
            (Owner::Strip(s), Slot::Proc(p, _)) => put(Spot::Proc(s, p)),
            // Whom the talkback speaks to is ducked.
            (Owner::Strip(s), _) if Some(s) == self.spec.talkback() => {
                (0..self.spec.strips.len()).for_each(|s| put(Spot::Gains(s)))
            }
            (Owner::Strip(s), _) => put(Spot::Gains(s)),
            (Owner::Console, _) => {}
            (group, _) => (0..self.spec.strips.len()).filter(|s| self.is_member(*s, group)).for_each(|s| put(Spot::Gains(s))),
        }
    }

    /// The engine's fades of some spots.
    pub(super) fn planned_of<'a>(&'a self, spots: &'a BTreeSet<Spot>) -> impl Iterator<Item = u32> + 'a {
        spots.iter().filter_map(|spot| self.fades.planned.get(spot).copied())
    }

    /// Draws, from here, the spots that were touched, and all where the engine has dropped its fades.
    pub(super) fn replan(&mut self, now: u64, batch: &mut Batch, touched: BTreeSet<Spot>) {
        self.fades.active.retain(|_, f| now < f.end());
        let all = std::mem::take(&mut self.refade);
        for spot in &touched {
            batch.cancel.extend(self.fades.planned.remove(spot));
        }
        let mut drawn: BTreeMap<Spot, Vec<ParamId>> = BTreeMap::new();
        for id in self.fades.active.keys() {
            self.spots(*id, |spot| {
                if all || touched.contains(&spot) {
                    drawn.entry(spot).or_default().push(*id);
                }
            });
        }
        if all {
            batch.cancel.extend(self.fades.planned.values());
            self.fades.planned.clear();
        }
        // The engine looks them up.
        batch.cancel.sort_unstable();
        let held = self.present_values(now);
        for (spot, ids) in drawn {
            let number = self.fades.next;
            self.fades.next = number.wrapping_add(1);
            self.fades.planned.insert(spot, number);
            batch.fades.push(self.draw(spot, number, &ids, now, &held));
        }
        self.put_values(held);
    }

    /// The tracks of a spot from `now` to where the last of its parameters arrives. All that fades is at its present
    /// value meanwhile; `held` has the targets.
    fn draw(&mut self, spot: Spot, id: u32, moving: &[ParamId], now: u64, held: &[(ParamId, Value)]) -> Box<Fade> {
        let active: Vec<(ParamId, Active)> = moving.iter().map(|id| (*id, self.fades.active[id].clone())).collect();
        let present: Vec<Value> = moving.iter().map(|id| self.get(*id).clone()).collect();
        let end = active.iter().map(|a| a.1.end()).max().unwrap_or(now);
        let quarter = Curve::quarter_at(self.rate);
        let mut knots = BTreeSet::from([0]);
        for (_, a) in &active {
            let (begin, end) = (a.start.saturating_sub(now), a.end() - now);
            let left = end - begin;
            let points = if a.quiet { POINTS } else { a.points() }.min((left / quarter) as usize + 2);
            knots.extend((0..points).map(|k| begin + (left as f64 * k as f64 / (points - 1) as f64) as u64));
            knots.insert(end);
        }
        let knots: Vec<u64> = knots.into_iter().collect();
        let mut work = super::Work::default();
        match spot {
            Spot::Gains(s) => self.strip_and_pairs(s, &mut work),
            Spot::Proc(s, p) => work.parts.extend((0..self.tree.parts(s, p)).map(|part| (s, p, part))),
        }
        let mut tracks: Vec<Track> = Vec::new();
        let mut sets = Vec::new();
        for at in &knots {
            for (id, a) in &active {
                let there = now + at >= a.end();
                let target = || held.binary_search_by_key(id, |h| h.0).ok().map(|i| held[i].1.clone());
                let value = if there { target() } else { None };
                self.values[id.0 as usize] = value.unwrap_or_else(|| self.placed(*id, a.norm(now + at)));
            }
            sets.clear();
            self.sets(&work, &mut sets);
            if tracks.is_empty() {
                tracks = sets.iter().map(|s| Track { set: *s, points: Vec::with_capacity(knots.len()) }).collect();
            }
            for (track, set) in tracks.iter_mut().zip(&sets) {
                let (all, width) = numbers(set);
                track.points.extend_from_slice(&all[..width]);
            }
        }
        for (id, value) in moving.iter().zip(present) {
            self.values[id.0 as usize] = value;
        }
        // What does not move needs no track.
        tracks.retain(|t| {
            let width = numbers(&t.set).1;
            t.points.chunks_exact(width).any(|p| p != &t.points[..width])
        });
        Box::new(Fade { id, start: now, frames: end - now, knots, tracks, knot: 0, step: 0, cancelled: false })
    }
}
