//! Three ways into one: for each address what the rig states and did not state so when it was last
//! loaded, else the saved value, else the rig's, else the default.

use super::format::{Aside, MOST_ASIDE, Memory};
use super::text;
use crate::rig::{Rig, canonical};
use headroom_dsp::graph::GraphSpec;
use headroom_dsp::param::{Access, Decl, Value};
use headroom_dsp::tree::{ParamId, Tree};
use std::collections::{BTreeMap, HashMap, HashSet};

/// The address of a parameter with ids for numbers: `/ch/kick/send/wedge-1/level`.
pub fn address(spec: &GraphSpec, tree: &Tree, id: ParamId) -> String {
    format!("/{}", canonical(spec, tree, id))
}

/// Whether a parameter is state: it can be set, and is not off at every start.
pub fn is_state(decl: &Decl) -> bool {
    decl.access == Access::Write && !decl.momentary
}

/// What a rig states, as a [`Memory`] holds it.
pub fn stated(rig: &Rig) -> BTreeMap<String, String> {
    let of = |s: &crate::rig::Stated| {
        let decl = rig.tree.entry(s.id).decl;
        (address(&rig.spec, &rig.tree, s.id), text::write(decl, &decl.clamp(&s.value)))
    };
    rig.values.iter().map(of).collect()
}

/// A saved value that could not be taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Unfit {
    /// Its address.
    pub address: String,
    /// The value.
    pub value: String,
    /// Why.
    pub reason: String,
}

/// The values of a console and what is to be remembered of them.
#[derive(Debug)]
pub struct Merged {
    /// One for each parameter of the tree.
    pub values: Vec<Value>,
    /// What is remembered from now on.
    pub memory: Memory,
    /// How many values were saved ones.
    pub from_state: usize,
    /// Saved values that are aside from now on.
    pub unfit: Vec<Unfit>,
}

/// Merges what a rig states now with what is remembered. `listening` holds what is no state (solo, dim)
/// while it is to stay as it is; what it leaves out is off. Saved values that `refuse` names are put aside.
pub fn merge(
    spec: &GraphSpec,
    tree: &Tree,
    stated: &BTreeMap<String, String>,
    memory: &Memory,
    listening: &HashMap<String, Value>,
    refuse: impl Fn(&str, &Decl) -> bool,
) -> Merged {
    let mut values = tree.defaults();
    let mut next = Memory { stated: stated.clone(), standing: memory.standing.clone(), ..Memory::default() };
    let mut unfit = Vec::new();
    let mut newly_aside = Vec::new();
    let aside: HashMap<&str, &Aside> = memory.aside.iter().map(|a| (a.address.as_str(), a)).collect();
    let mut seen = HashSet::new();
    for (at, value) in values.iter_mut().enumerate() {
        let id = ParamId(at as u32);
        let decl = tree.entry(id).decl;
        if decl.access != Access::Write {
            continue;
        }
        let key = address(spec, tree, id);
        if decl.momentary {
            *value = listening.get(&key).cloned().unwrap_or(Value::Bool(false));
            continue;
        }
        let live = memory.live.get(&key);
        let put_aside = aside.get(key.as_str()).filter(|_| live.is_none());
        let (saved, before) = match put_aside {
            Some(a) => (Some(&a.value), a.was.as_ref()),
            None => (live, memory.stated.get(&key)),
        };
        let rig = stated.get(&key);
        let rig_value = rig.and_then(|r| text::read(decl, r).ok());
        if let Some(rig_value) = rig_value {
            *value = rig_value;
        }
        if let Some(saved) = saved.filter(|_| rig.is_none() || rig == before) {
            let read =
                if refuse(&key, decl) { Err("the console does not compile with it".into()) } else { text::read(decl, saved) };
            match read {
                Ok(read) => {
                    *value = read;
                    next.live.insert(key.clone(), saved.clone());
                }
                Err(reason) => {
                    let was = before.cloned();
                    match put_aside {
                        Some(a) => next.aside.push((*a).clone()),
                        None => {
                            newly_aside.push(Aside { address: key.clone(), value: saved.clone(), was });
                            unfit.push(Unfit { address: key.clone(), value: saved.clone(), reason });
                        }
                    }
                }
            }
        }
        seen.insert(key);
    }
    for (key, value) in memory.live.iter().filter(|(key, _)| !seen.contains(*key)) {
        newly_aside.push(Aside { address: key.clone(), value: value.clone(), was: memory.stated.get(key).cloned() });
        unfit.push(Unfit { address: key.clone(), value: value.clone(), reason: "the rig has no such address".into() });
    }
    let gone = |a: &&Aside| !seen.contains(&a.address) && !memory.live.contains_key(&a.address);
    next.aside.extend(memory.aside.iter().filter(gone).cloned());
    next.aside.splice(0..0, newly_aside);
    next.aside.truncate(MOST_ASIDE);
    Merged { values, from_state: next.live.len(), memory: next, unfit }
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
