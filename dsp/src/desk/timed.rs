//! What changes will mean at a frame to come, worked out before the desk holds them.

use super::Desk;
use crate::engine::message::Batch;
use crate::param::{Access, Value};
use crate::tree::ParamId;

impl Desk {
    /// Adds to a batch what the engine has to do when `ahead` takes effect at frame `at`. The desk's own
    /// values stay: the owner sets them when their time has come, and until then may project again,
    /// with everything that was set meanwhile. Structural parameters are left out; they cannot be
    /// prepared.
    pub fn project(&mut self, ahead: &[(ParamId, Value)], at: u64, batch: &mut Batch) {
        let fading = self.present_values(at);
        let mut ids = Vec::with_capacity(ahead.len());
        let mut held = Vec::with_capacity(ahead.len());
        for (id, value) in ahead {
            for id in [Some(*id), self.linked(*id)].into_iter().flatten() {
                let decl = self.tree.entry(id).decl;
                if decl.access != Access::Write || decl.structural {
                    continue;
                }
                let value = self.held(decl, value);
                held.push((id, std::mem::replace(&mut self.values[id.0 as usize], value)));
                ids.push(id);
            }
        }
        let work = self.work(&ids);
        self.sets(&work, &mut batch.sets);
        batch.cancel.extend(self.planned_of(&work.spots()));
        batch.cancel.sort_unstable();
        // Backwards, so that a parameter named twice ends with what it held first.
        for (id, value) in held.into_iter().rev() {
            self.values[id.0 as usize] = value;
        }
        self.put_values(fading);
    }
}
