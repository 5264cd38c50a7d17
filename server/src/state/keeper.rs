//! What was set live, and when it is time to save it.

use super::format::{Aside, Memory};
use super::merge::{address, is_state};
use super::text;
use super::writer::{Snapshot, Status, Writer};
use crate::scene::Standing;
use headroom_dsp::desk::Desk;
use headroom_dsp::param::{Decl, Value};
use headroom_dsp::tree::ParamId;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Time from the first change to its snapshot, in nanoseconds: a movement of a hand becomes few.
const SETTLE: u64 = 200_000_000;
/// Least time between two snapshots. With that of a slow disk it stays below the second that may be lost.
const BETWEEN: u64 = 750_000_000;

/// Addresses of a tree, and what is remembered beyond its values; shared with snapshots under way.
struct Layout {
    title: String,
    /// By parameter; `None` for what is no state.
    params: Vec<Option<(String, &'static Decl)>>,
    stated: BTreeMap<String, String>,
    aside: Vec<Aside>,
}

/// See the module documentation. Belongs to the hub's thread and never waits; dropping it saves.
pub struct Keeper {
    layout: Arc<Layout>,
    /// Values as they were seen last.
    known: Vec<Value>,
    /// By parameter: it was set live.
    live: Vec<bool>,
    standing: Standing,
    revision: i32,
    changed: Option<u64>,
    saved: Option<u64>,
    writer: Option<Writer>,
}

impl Keeper {
    /// The keeper of a desk with the memory that it was loaded with. What it has is saved at the next tick.
    pub fn new(desk: &Desk, memory: Memory, writer: Option<Writer>) -> Keeper {
        let (spec, tree) = (desk.spec(), desk.tree());
        let of = |(at, entry): (usize, &headroom_dsp::tree::Entry)| {
            is_state(entry.decl).then(|| (address(spec, tree, ParamId(at as u32)), entry.decl))
        };
        let params: Vec<_> = tree.entries().iter().enumerate().map(of).collect();
        let is_live = |p: &Option<(String, &Decl)>| p.as_ref().is_some_and(|(a, _)| memory.live.contains_key(a));
        let live = params.iter().map(is_live).collect();
        let standing = memory.standing.clone();
        let layout = Arc::new(Layout { title: spec.name.clone(), params, stated: memory.stated, aside: memory.aside });
        Keeper { layout, known: desk.values().to_vec(), live, standing, revision: 0, changed: Some(0), saved: None, writer }
    }

    /// The same for another desk, after a reload.
    pub fn reload(&mut self, desk: &Desk, memory: Memory) {
        let (revision, saved) = (self.revision, self.saved);
        *self = Keeper::new(desk, memory, self.writer.take());
        (self.revision, self.saved) = (revision, saved);
    }

    /// Takes note of parameters that may have changed, up to a revision.
    pub fn keep(&mut self, desk: &Desk, ids: &[ParamId], revision: i32, now: u64) {
        self.revision = revision;
        for &id in ids {
            self.look(desk, id, now);
        }
    }

    /// Where one stands among the scenes.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Takes note of where one stands among the scenes.
    pub fn stand(&mut self, standing: &Standing, now: u64) {
        if self.standing != *standing {
            self.standing = standing.clone();
            self.changed.get_or_insert(now);
        }
    }

    /// Takes note of all that has changed.
    pub fn catch_up(&mut self, desk: &Desk, now: u64) {
        for at in 0..self.known.len().min(desk.values().len()) {
            self.look(desk, ParamId(at as u32), now);
        }
    }

    fn look(&mut self, desk: &Desk, id: ParamId, now: u64) {
        let at = id.0 as usize;
        let (Some(known), Some(Some(_))) = (self.known.get_mut(at), self.layout.params.get(at)) else { return };
        let value = desk.get(id);
        if known != value {
            *known = value.clone();
            self.live[at] = true;
            self.changed.get_or_insert(now);
        }
    }

    /// Hands a snapshot to the writer where it is time.
    pub fn tick(&mut self, now: u64) {
        let Some(changed) = self.changed else { return };
        if now >= changed + SETTLE && self.saved.is_none_or(|s| now >= s + BETWEEN) {
            self.save();
            self.saved = Some(now);
        }
    }

    /// Hands a snapshot to the writer now, where anything has changed.
    pub fn flush(&mut self) {
        if self.changed.is_some() {
            self.save();
        }
    }

    fn save(&mut self) {
        self.changed = None;
        let Some(writer) = &self.writer else { return };
        let (layout, live, standing) = (self.layout.clone(), self.live_values(), self.standing.clone());
        let memory = Box::new(move || remember(&layout, live, standing));
        writer.save(Snapshot { revision: self.revision, title: self.layout.title.clone(), memory });
    }

    fn live_values(&self) -> Vec<(usize, Value)> {
        (0..self.live.len()).filter(|at| self.live[*at]).map(|at| (at, self.known[at].clone())).collect()
    }

    /// What is remembered now.
    pub fn memory(&self) -> Memory {
        remember(&self.layout, self.live_values(), self.standing.clone())
    }

    /// What is no state but stays as it is over a reload: solo, dim.
    pub fn listening(desk: &Desk) -> HashMap<String, Value> {
        let (spec, tree) = (desk.spec(), desk.tree());
        let entries = tree.entries().iter().zip(desk.values()).enumerate();
        let momentary = entries.filter(|(_, (entry, _))| entry.decl.momentary);
        momentary.map(|(at, (_, value))| (address(spec, tree, ParamId(at as u32)), value.clone())).collect()
    }

    /// How saving stands; `None` where nothing is saved.
    pub fn status(&self) -> Option<Status> {
        self.writer.as_ref().map(Writer::status)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.flush();
    }
}

fn remember(layout: &Layout, live: Vec<(usize, Value)>, standing: Standing) -> Memory {
    let of = |(at, value): (usize, Value)| {
        let (address, decl) = layout.params[at].as_ref()?;
        Some((address.clone(), text::write(decl, &value)))
    };
    let live: BTreeMap<String, String> = live.into_iter().filter_map(of).collect();
    // What was set anew at an address whose old value did not fit.
    let aside = layout.aside.iter().filter(|a| !live.contains_key(&a.address)).cloned().collect();
    Memory { live, stated: layout.stated.clone(), aside, standing }
}

#[cfg(test)]
#[path = "keeper_tests.rs"]
mod tests;
