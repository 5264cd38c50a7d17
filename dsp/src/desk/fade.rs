//! Timed moves along the taper.

use super::Desk;
use crate::engine::message::{Batch, Fade, POINTS, Track, numbers};
use crate::param::{Access, Kind, Value};
use crate::tree::{Owner, ParamId};

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
    pub id: u32,
    pub param: ParamId,
    from: f64,
    to: f64,
    shape: Shape,
    start: u64,
    frames: u64,
    /// The engine has its tracks.
    planned: bool,
}

impl Active {
    fn norm(&self, frame: u64) -> f64 {
        let u = frame.saturating_sub(self.start) as f64 / self.frames.max(1) as f64;
        self.from + (self.to - self.from) * self.shape.at(u)
    }

    /// The engine's tracks are gone.
    pub(super) fn unplan(&mut self) {
        self.planned = false;
    }

    fn over(&self, now: u64) -> bool {
        now >= self.start + self.frames
    }
}

impl Desk {
    /// Starts a fade of a continuous parameter to a target, from frame `now` on. `told` gets what now
    /// holds another target. False where the parameter is no continuous number.
    pub fn fade(&mut self, id: ParamId, target: &Value, seconds: f64, shape: Shape, now: u64, told: &mut Vec<ParamId>) -> bool {
        let decl = self.tree.entry(id).decl;
        // A tempo that moves would change the times of echoes over and over.
        if self.tree.entry(id).owner == Owner::Console {
            return false;
        }
        if decl.access != Access::Write || decl.structural || !matches!(decl.kind, Kind::Float { .. }) {
            return false;
        }
        if let Some((id, target)) = self.compensation(id, target) {
            self.fade(id, &target, seconds, shape, now, told);
        }
        let frames = (seconds.max(0.0) * self.rate).round() as u64;
        for id in [Some(id), self.linked(id)].into_iter().flatten() {
            let from = decl.to_norm(&self.present(id, now));
            let target = decl.clamp(target);
            let to = decl.to_norm(&target);
            if self.values[id.0 as usize] != target {
                told.push(id);
            }
            self.place(id, &target, &mut Vec::new());
            self.mark(id);
            let number = self.next_fade;
            self.next_fade = self.next_fade.wrapping_add(1);
            if frames > 0 {
                self.fades.push(Active { id: number, param: id, from, to, shape, start: now, frames, planned: false });
            }
        }
        true
    }

    /// The value of a parameter at a frame: on the way, where it is.
    pub fn present(&self, id: ParamId, now: u64) -> Value {
        match self.fades.iter().rev().find(|f| f.param == id && !f.over(now)) {
            Some(f) => self.tree.entry(id).decl.from_norm(f.norm(now)),
            None => self.get(id).clone(),
        }
    }

    /// Parameters that are on their way.
    pub fn fading(&self) -> impl Iterator<Item = ParamId> + '_ {
        self.fades.iter().map(|f| f.param)
    }

    /// Ends the fades of parameters that were set; one that was just started goes on.
    pub(super) fn cancel(&mut self, dirty: &[ParamId], batch: &mut Batch) {
        for &id in dirty {
            let newest = self.fades.iter().rposition(|f| f.param == id);
            let Some(newest) = newest else { continue };
            let target = self.tree.entry(id).decl.to_norm(self.get(id));
            let fresh = self.fades[newest].to == target && !self.fades[newest].planned;
            let keep = fresh.then(|| self.fades[newest].id);
            for f in self.fades.iter().filter(|f| f.param == id && Some(f.id) != keep) {
                batch.cancel.push(f.id);
            }
            self.fades.retain(|f| f.param != id || Some(f.id) == keep);
        }
    }

    /// Puts the present values of everything that fades into place; returns what held there.
    pub(super) fn present_values(&mut self, now: u64) -> Vec<(ParamId, Value)> {
        let held: Vec<_> = self.fades.iter().map(|f| (f.param, self.get(f.param).clone())).collect();
        for (id, _) in &held {
            self.values[id.0 as usize] = self.present(*id, now);
        }
        held
    }

    pub(super) fn put_values(&mut self, held: Vec<(ParamId, Value)>) {
        for (id, value) in held {
            self.values[id.0 as usize] = value;
        }
    }

    /// Forgets fades that are over and plans, anew from here, those of strips that were touched and
    /// those that are new.
    pub(super) fn replan(&mut self, now: u64, batch: &mut Batch, touched: impl Fn(usize) -> bool) {
        self.fades.retain(|f| !f.over(now));
        for i in 0..self.fades.len() {
            let owner = self.tree.entry(self.fades[i].param).owner;
            let again = match owner {
                Owner::Strip(s) => touched(s),
                _ => (0..self.spec.strips.len()).any(|s| self.is_member(s, owner) && touched(s)),
            };
            if self.fades[i].planned {
                if !again {
                    continue;
                }
                batch.cancel.push(self.fades[i].id);
                self.fades[i].id = self.next_fade;
                self.next_fade = self.next_fade.wrapping_add(1);
            }
            let fade = self.draw(&self.fades[i].clone(), now);
            self.fades[i].planned = true;
            batch.fades.push(fade);
        }
    }

    /// The tracks of a fade from `now` to its end.
    fn draw(&mut self, active: &Active, now: u64) -> Box<Fade> {
        let held = self.present_values(now);
        let work = self.work(&[active.param]);
        let left = (active.start + active.frames).saturating_sub(now);
        let mut tracks: Vec<Track> = Vec::new();
        let mut sets = Vec::new();
        for k in 0..POINTS {
            let u = k as f64 / (POINTS - 1) as f64;
            let frame = now + (left as f64 * u) as u64;
            let end = k + 1 == POINTS;
            let norm = if end { active.to } else { active.norm(frame) };
            self.values[active.param.0 as usize] = self.tree.entry(active.param).decl.from_norm(norm);
            if end && let Some((_, target)) = held.iter().find(|h| h.0 == active.param) {
                self.values[active.param.0 as usize] = target.clone();
            }
            sets.clear();
            self.sets(&work, &mut sets);
            if tracks.is_empty() {
                tracks = sets.iter().map(|s| Track { set: *s, points: Vec::with_capacity(POINTS) }).collect();
            }
            for (track, set) in tracks.iter_mut().zip(&sets) {
                let (all, width) = numbers(set);
                track.points.extend_from_slice(&all[..width]);
            }
        }
        self.put_values(held);
        // What does not move needs no track.
        tracks.retain(|t| {
            let width = numbers(&t.set).1;
            t.points.chunks_exact(width).any(|p| p != &t.points[..width])
        });
        Box::new(Fade { id: active.id, start: now, frames: left, tracks, step: 0, cancelled: false })
    }
}
