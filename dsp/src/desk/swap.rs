//! New networks: the first one, and later ones that take lanes of the running one over.

use super::Desk;
use crate::engine::message::Adopt;
use crate::graph::compile::{PlanError, network, plan};
use crate::graph::seats::BankRef;
use crate::meter::Meters;
use crate::network::{Carry, Set};
use crate::param::Value;
use crate::ramp::Curve;
use crate::tree::ParamId;
use std::collections::HashSet;
use std::sync::Arc;

impl Desk {
    /// The network of this desk with all its settings. `before` is the desk whose network runs now:
    /// strips of the same id live on. `inputs` and `outputs` are the backend's ids of
    /// [`crate::graph::schedule::Ports`]. `now` is the engine's frame: what is on its way goes on from there.
    pub fn adopt_at(
        &mut self,
        now: u64,
        before: Option<&Desk>,
        inputs: Vec<usize>,
        outputs: Vec<usize>,
    ) -> (Box<Adopt>, Arc<Meters>) {
        let held = self.present_values(now);
        let adopt = self.adopt(before, inputs, outputs);
        self.put_values(held);
        adopt
    }

    /// As [`Desk::adopt_at`], everything where it is going.
    pub fn adopt(&mut self, before: Option<&Desk>, inputs: Vec<usize>, outputs: Vec<usize>) -> (Box<Adopt>, Arc<Meters>) {
        let built = network(&self.spec, &self.tree, &self.values, &self.plan, self.rate, self.path, inputs, outputs);
        let mut sets = Vec::new();
        self.sets(&self.all_work(), &mut sets);
        let carry = before.map_or_else(Vec::new, |b| self.carried(b));
        let lives: HashSet<_> = carry.iter().map(|c| c.to).collect();
        // What lives on keeps moving from where it is, so its settings follow as targets.
        let after = sets.iter().filter(|s| place(s).is_some_and(|seat| lives.contains(&seat))).copied().collect();
        for id in std::mem::take(&mut self.dirty) {
            self.marked[id.0 as usize] = false;
        }
        self.structural = false;
        self.opposed.clear();
        // The engine drops its fades with the old network.
        self.fades.unplan();
        self.refade = !self.fades.is_empty();
        (Box::new(Adopt { network: Some(built.0), rate: self.rate, curve: Curve::new(self.rate), sets, carry, after }), built.1)
    }

    /// Whether a structural parameter may take a value: the console must still compile.
    pub fn allows(&self, id: ParamId, value: &Value) -> Result<(), PlanError> {
        self.allows_all(&[(id, value.clone())])
    }

    /// Whether all of these values together leave a console that compiles.
    pub fn allows_all(&self, changes: &[(ParamId, Value)]) -> Result<(), PlanError> {
        let mut values = self.values.clone();
        for (id, value) in changes {
            values[id.0 as usize] = self.tree.entry(*id).decl.clamp(value);
        }
        plan(&self.spec, &self.tree, &values, self.rate, self.path).map(|_| ())
    }

    /// Plans anew after a structural set; the desk stays as it was where that fails. The caller then
    /// sends [`Desk::adopt`] with the desk as it was before.
    pub fn replan_structure(&mut self) -> Result<Desk, PlanError> {
        let plan = plan(&self.spec, &self.tree, &self.values, self.rate, self.path)?;
        let before = self.skeleton();
        self.plan = Arc::new(plan);
        Ok(before)
    }

    /// Goes on with the network that runs, after [`Desk::replan_structure`] failed.
    pub fn give_up_swap(&mut self) {
        self.structural = false;
    }

    /// As much of this desk as [`Desk::adopt`] needs to know of the running network.
    pub fn skeleton(&self) -> Desk {
        Desk {
            spec: self.spec.clone(),
            tree: self.tree.clone(),
            values: Vec::new(),
            plan: self.plan.clone(),
            rate: self.rate,
            path: self.path,
            ids: Vec::new(),
            monitor: self.monitor,
            talkback: self.talkback,
            dirty: Vec::new(),
            marked: Vec::new(),
            structural: false,
            fades: super::Fades::default(),
            refade: false,
            opposed: Vec::new(),
            replaced: None,
            pressed: Vec::new(),
        }
    }

    /// Lanes of strips that are in both networks, under the same rate.
    fn carried(&self, before: &Desk) -> Vec<Carry> {
        let mut carry = Vec::new();
        if before.rate != self.rate || before.path != self.path {
            return carry;
        }
        for (s, strip) in self.spec.strips.iter().enumerate() {
            let Some(o) = before.spec.by_id(&strip.id) else { continue };
            let old = &before.spec.strips[o];
            let (from, to) = (before.plan.seats[o], self.plan.seats[s]);
            let same_width =
                matches!((from.bank, to.bank), (BankRef::Narrow(_), BankRef::Narrow(_)) | (BankRef::Wide(_), BankRef::Wide(_)));
            if !same_width || old.channels() != strip.channels() {
                continue;
            }
            let stages: Vec<(usize, usize)> = strip
                .chain
                .iter()
                .enumerate()
                .filter_map(|(i, p)| Some((i, old.chain.iter().position(|q| q.name == p.name && q.kind == p.kind)?)))
                .collect();
            for side in 0..strip.channels() {
                carry.push(Carry { from: (from.bank, from.lane + side), to: (to.bank, to.lane + side), stages: stages.clone() });
            }
        }
        carry
    }
}

/// Bank and lane that a change concerns.
fn place(set: &Set) -> Option<(BankRef, usize)> {
    match *set {
        Set::Trim(b, l, _) | Set::Fader(b, l, _) | Set::Delay(b, l, _) | Set::On(b, l, ..) | Set::Part(b, l, ..) => Some((b, l)),
        Set::Mix(..) => None,
    }
}
