//! Stereo links: channels N and N+1 share the parameters of N.

use super::Desk;
use crate::param::Access;
use crate::tree::{Owner, ParamId};

/// What each of two linked channels keeps for itself.
const OWN: &[&str] = &["name", "color", "icon"];

impl Desk {
    /// The same parameter of the channel that a parameter's channel is linked with.
    pub(super) fn linked(&self, id: ParamId) -> Option<ParamId> {
        let entry = self.tree.entry(id);
        let Owner::Strip(s) = entry.owner else { return None };
        let strips = &self.spec.strips;
        let other = if strips[s].link { s + 1 } else { s.checked_sub(1).filter(|&p| strips[p].link)? };
        if OWN.contains(&entry.path.as_str()) {
            return None;
        }
        self.tree.find(Owner::Strip(other), &entry.path)
    }

    /// Whether a parameter takes its value from the channel before it.
    pub fn follows(&self, id: ParamId) -> bool {
        let Owner::Strip(s) = self.tree.entry(id).owner else { return false };
        s > 0 && self.spec.strips[s - 1].link && self.linked(id).is_some()
    }

    /// Gives the second of each linked pair the values of the first.
    pub(super) fn mirror_links(&mut self) {
        for s in 0..self.spec.strips.len() {
            if !self.spec.strips[s].link {
                continue;
            }
            let tree = self.tree.clone();
            for id in tree.of(Owner::Strip(s)) {
                if tree.entry(id).decl.access == Access::Write
                    && let Some(other) = self.linked(id)
                {
                    self.values[other.0 as usize] = self.values[id.0 as usize].clone();
                }
            }
        }
    }
}
