//! A desk of a rig and what is remembered of it.

use super::format::Memory;
use super::merge::{Merged, Unfit, address, merge, stated};
use super::text;
use crate::rig::Rig;
use headroom_dsp::desk::Desk;
use headroom_dsp::graph::GraphSpec;
use headroom_dsp::graph::compile::PlanError;
use headroom_dsp::lanes::Path;
use headroom_dsp::param::{Decl, Value};
use headroom_dsp::tree::{ParamId, Tree};
use std::collections::{HashMap, HashSet};

/// Values put aside that are named in the log, each on a line.
const LISTED: usize = 20;

/// What came of loading a rig.
#[derive(Debug)]
pub struct Loaded {
    /// What is remembered from now on.
    pub memory: Memory,
    /// How many values were saved ones.
    pub from_state: usize,
    /// Saved values that could not be taken.
    pub unfit: Vec<Unfit>,
}

/// A desk of a rig, by the rules of [`super::merge`]. `spec` is the rig's graph, or one made from it with the
/// same parameters. Where the console does not compile with the saved values (a side-chain from a strip that
/// is gone), those that keep it from that are left out.
///
/// # Errors
/// Where the rig alone does not compile.
pub fn desk(
    rig: &Rig,
    spec: &GraphSpec,
    memory: &Memory,
    listening: &HashMap<String, Value>,
    rate: f64,
) -> Result<(Desk, Loaded), PlanError> {
    let stated = stated(rig);
    let attempt = |refuse: &dyn Fn(&str, &Decl) -> bool| {
        let tree = Tree::new(spec);
        let Merged { values, memory, from_state, unfit } = merge(spec, &tree, &stated, memory, listening, refuse);
        let desk = Desk::with(spec.clone(), tree, values, rate, Path::best())?;
        Ok((desk, Loaded { memory, from_state, unfit }))
    };
    let whole = attempt(&|_, _| false);
    if whole.is_ok() {
        return whole;
    }
    // Which of those that shape it: each is tried with those that passed before it.
    let (mut trial, without) = attempt(&|_, decl| decl.structural)?;
    let tree = trial.tree().clone();
    let ids = (0..tree.entries().len()).map(|at| ParamId(at as u32));
    let mut refused = HashSet::new();
    for id in ids.filter(|id| tree.entry(*id).decl.structural) {
        let key = address(spec, &tree, id);
        let Some(saved) = without.memory.aside.iter().find(|a| a.address == key) else { continue };
        match text::read(tree.entry(id).decl, &saved.value) {
            Ok(value) if trial.allows(id, &value).is_ok() => trial.set(id, &value, &mut Vec::new()),
            _ => drop(refused.insert(key)),
        }
    }
    attempt(&|key, _| refused.contains(key)).or_else(|_| attempt(&|_, _| true))
}

impl Loaded {
    /// Says in the log what could not be taken.
    pub fn log(&self) {
        for Unfit { address, value, reason } in self.unfit.iter().take(LISTED) {
            tracing::warn!(%address, %value, "a saved value is kept aside: {reason}");
        }
        if let Some(more) = self.unfit.len().checked_sub(LISTED).filter(|n| *n > 0) {
            tracing::warn!("and {more} more saved values are kept aside");
        }
        if !self.memory.aside.is_empty() {
            tracing::info!(values = self.memory.aside.len(), "kept aside until the rig has a place for them");
        }
    }
}
