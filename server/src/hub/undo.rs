//! Who changed what, so that it can be taken back: `/undo` and `/redo` of each client.
//!
//! A step is what one gesture did: a fader's way while somebody holds it, a preset, a recall. Taking it back gives
//! each parameter what it held before, where it still holds what the step gave it: later moves, by whomever, stay.

use super::mixer::Mixer;
use super::{By, Hub};
use crate::scene::Standing;
use headroom_dsp::param::{Access, Value};
use headroom_dsp::tree::ParamId;
use headroom_protocol::intent::ClientId;
use headroom_protocol::osc::encode::Arg;
use std::collections::{HashMap, HashSet, VecDeque};

/// Steps of one client.
const STEPS: usize = 64;
/// Values that all steps of all clients may hold together.
const VALUES: usize = 200_000;
/// Sets of one parameter that are this close are one gesture, in nanoseconds.
const GESTURE: u64 = 1_000_000_000;
/// Steps that a gesture is looked for in.
const RECENT: usize = 8;
/// Values of a step that are looked through for it.
const SEARCHED: usize = 64;

/// What a change is to whoever takes it back.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Sort {
    /// A set: those of one gesture are one step.
    Touch,
    /// A step of its own, by name.
    Whole(String),
    /// A recall of the scene of this name.
    Recall(String),
    /// Nothing to take back.
    None,
}

/// One step.
#[derive(Clone, Debug)]
struct Step {
    sort: Sort,
    /// Rising over all clients.
    number: u64,
    /// Each parameter once: what it held before, and after.
    values: Vec<(ParamId, Value, Value)>,
    at: u64,
    packet: u64,
    /// Where one stood before and after.
    standing: Option<(Standing, Standing)>,
}

#[derive(Default)]
struct Steps {
    done: VecDeque<Step>,
    undone: Vec<Step>,
}

impl Steps {
    fn values(&self) -> usize {
        self.done.iter().chain(&self.undone).map(|s| s.values.len()).sum()
    }
}

/// The steps of all clients.
#[derive(Default)]
pub(super) struct History {
    clients: HashMap<ClientId, Steps>,
    count: u64,
    held: usize,
}

impl History {
    /// Adds changes of a client: parameters with what was there before and is there now.
    fn add(&mut self, from: ClientId, sort: Sort, changes: Vec<(ParamId, Value, Value)>, packet: u64, now: u64) {
        self.count += 1;
        let number = self.count;
        let steps = self.clients.entry(from).or_default();
        self.held -= steps.undone.drain(..).map(|s| s.values.len()).sum::<usize>();
        let mut whole = Vec::new();
        for (id, before, after) in changes {
            if sort == Sort::Touch {
                let gesture = steps.done.iter_mut().rev().take(RECENT).filter(|s| s.sort == Sort::Touch && now <= s.at + GESTURE);
                let mut known = gesture.filter_map(|s| {
                    let values = s.values.iter_mut().take(SEARCHED);
                    Some((&mut s.at, values.into_iter().find(|v| v.0 == id)?))
                });
                if let Some((at, value)) = known.next() {
                    (value.2, *at) = (after, now);
                    continue;
                }
            }
            match whole.iter_mut().find(|v: &&mut (ParamId, Value, Value)| v.0 == id).filter(|_| sort == Sort::Touch) {
                Some(value) => value.2 = after,
                None => whole.push((id, before, after)),
            }
        }
        if whole.is_empty() && !matches!(sort, Sort::Recall(_)) {
            return;
        }
        self.held += whole.len();
        match steps.done.back_mut().filter(|top| sort == Sort::Touch && top.sort == Sort::Touch && top.packet == packet) {
            Some(top) => top.values.extend(whole),
            None => steps.done.push_back(Step { sort, number, values: whole, at: now, packet, standing: None }),
        }
        if steps.done.len() > STEPS {
            self.held -= steps.done.pop_front().map_or(0, |s| s.values.len());
        }
        self.shrink();
    }

    /// Forgets the oldest steps where all together hold too much.
    fn shrink(&mut self) {
        while self.held > VALUES {
            let oldest = self.clients.values_mut().filter(|s| !s.done.is_empty()).min_by_key(|s| s.done[0].number);
            let Some(step) = oldest.and_then(|s| s.done.pop_front()) else { return };
            self.held -= step.values.len();
        }
    }

    /// Forgets a client.
    pub fn forget(&mut self, id: ClientId) {
        self.held -= self.clients.remove(&id).map_or(0, |s| s.values());
    }

    /// Parameters mean others now.
    pub fn clear(&mut self) {
        *self = History { count: self.count, ..History::default() };
    }

    /// The last step of a client.
    fn take(&mut self, from: ClientId) -> Option<Step> {
        let step = self.clients.get_mut(&from)?.done.pop_back()?;
        self.held -= step.values.len();
        Some(step)
    }

    /// The last recall of anybody: whose it was, and its place among that client's steps.
    fn last_recall(&self) -> Option<(ClientId, usize)> {
        let last = |(id, steps): (&ClientId, &Steps)| {
            let at = steps.done.iter().rposition(|s| matches!(s.sort, Sort::Recall(_)))?;
            Some((steps.done[at].number, *id, at))
        };
        self.clients.iter().filter_map(last).max().map(|(_, id, at)| (id, at))
    }

    fn take_at(&mut self, from: ClientId, at: usize) -> Option<Step> {
        let step = self.clients.get_mut(&from)?.done.remove(at)?;
        self.held -= step.values.len();
        Some(step)
    }
}

impl Sort {
    fn name(&self, of: Option<&str>) -> String {
        match self {
            Sort::Recall(name) | Sort::Whole(name) => name.clone(),
            Sort::Touch | Sort::None => of.unwrap_or_default().to_owned(),
        }
    }
}

impl<M: Mixer> Hub<M> {
    /// Takes note of what a client's message changed.
    pub(super) fn remember(&mut self, from: ClientId, sort: Sort, now: u64) {
        let desk = self.mixer.desk_mut();
        if sort == Sort::None {
            return desk.take_replaced().for_each(drop);
        }
        let replaced: Vec<(ParamId, Value)> = desk.take_replaced().collect();
        if replaced.is_empty() && sort == Sort::Touch {
            return;
        }
        let desk = self.mixer.desk();
        let kept = |id: ParamId| {
            let decl = desk.tree().entry(id).decl;
            decl.access == Access::Write && !decl.momentary && !decl.trigger
        };
        let change = |(id, before): (ParamId, Value)| (id, before, desk.get(id).clone());
        let changes = replaced.into_iter().filter(|r| kept(r.0)).map(change).collect();
        self.history.add(from, sort, changes, self.counters.packets, now);
    }

    /// Gives a client's last step the places that one stood at before and after it.
    pub(super) fn remember_standing(&mut self, from: ClientId, before: Standing) {
        let after = self.scenes.standing().clone();
        if let Some(step) = self.history.clients.get_mut(&from).and_then(|s| s.done.back_mut()) {
            step.standing = Some((before, after));
        }
    }

    /// Takes back a step: the client's last, or the last recall of anybody.
    pub(super) fn undo(&mut self, by: By, recall: bool, now: u64) -> Result<(), String> {
        let from = by.client;
        let step = if recall {
            let (whose, at) = self.history.last_recall().ok_or("there is no recall to take back")?;
            let values = self.history.clients.get(&whose).map_or(&[][..], |s| &s.done[at].values);
            // A part of it would leave something that nobody asked for, and the rest to nobody.
            if !values.iter().all(|(id, ..)| self.may_write(by, *id)) {
                return Err("this role may not set all that the last recall changed".into());
            }
            self.history.take_at(whose, at)
        } else {
            self.history.take(from)
        };
        let step = step.ok_or("this client has changed nothing that could be taken back")?;
        let (step, values) = self.turn_over(by, step);
        let name = self.step_name(&step);
        self.history.held += step.values.len();
        let steps = self.history.clients.entry(from).or_default();
        steps.undone.push(step);
        if steps.undone.len() > STEPS {
            self.history.held -= steps.undone.remove(0).values.len();
        }
        self.reply(from, "/undo", [Arg::from(name), Arg::Int(values as i32)], now);
        Ok(())
    }

    /// Does a step again that was taken back.
    pub(super) fn redo(&mut self, by: By, now: u64) -> Result<(), String> {
        let from = by.client;
        let step = self.history.clients.get_mut(&from).and_then(|s| s.undone.pop());
        let step = step.ok_or("there is nothing to do again")?;
        self.history.held -= step.values.len();
        let (mut step, values) = self.turn_over(by, step);
        self.history.count += 1;
        (step.number, step.at) = (self.history.count, 0);
        self.history.held += step.values.len();
        let name = self.step_name(&step);
        self.history.clients.entry(from).or_default().done.push_back(step);
        self.reply(from, "/redo", [Arg::from(name), Arg::Int(values as i32)], now);
        Ok(())
    }

    fn step_name(&self, step: &Step) -> String {
        step.sort.name(step.values.first().map(|v| self.space.canonical(v.0)))
    }

    /// Puts back what a step replaced, where it still holds; the step the other way round, and how many values it was.
    fn turn_over(&mut self, by: By, mut step: Step) -> (Step, usize) {
        let desk = self.mixer.desk();
        let holds: Vec<(ParamId, Value)> = step
            .values
            .iter()
            .filter(|(id, _, after)| desk.get(*id) == after)
            .map(|(id, before, _)| (*id, before.clone()))
            .collect();
        let holds = self.permit_values(by, holds);
        self.change_many(&holds, None);
        let holds: HashSet<ParamId> = holds.all().iter().map(|v| v.0).collect();
        self.mixer.desk_mut().take_replaced().for_each(drop);
        step.values.retain(|(id, ..)| holds.contains(id));
        step.values.iter_mut().for_each(|(_, before, after)| std::mem::swap(before, after));
        if let Some((before, after)) = &mut step.standing {
            let here = self.scenes.standing();
            if (&here.present, &here.selected) == (&after.present, &after.selected) {
                let standing = self.scenes.stand();
                (standing.present, standing.selected) = (before.present.clone(), before.selected.clone());
            }
            std::mem::swap(before, after);
        }
        (step, holds.len())
    }
}
