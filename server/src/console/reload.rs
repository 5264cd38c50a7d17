//! A changed rig, or a changed rate, while audio runs.

use super::{Console, FrameClock, port_specs};
use crate::rig::{self, Rig, canonical};
use headroom_dsp::desk::Desk;
use headroom_dsp::graph::GraphSpec;
use headroom_dsp::lanes::Path;
use headroom_dsp::param::{Access, Value};
use headroom_dsp::tree::{ParamId, Tree};
use std::collections::HashMap;
use std::path::PathBuf;

/// Where the rig comes from.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// The rig file; none for a built-in rig, which cannot be reloaded.
    pub file: Option<PathBuf>,
}

/// What a reload did.
#[derive(Debug)]
pub struct Reloaded {
    /// The new rig, with its warnings.
    pub rig: Rig,
}

/// The values of a console: for each parameter what the rig states and did not state so before, else
/// the value held until now, else the rig's, else the default. Keys are addresses by id.
pub fn merge(
    tree: &Tree,
    spec: &GraphSpec,
    stated: &HashMap<String, Value>,
    before: &HashMap<String, Value>,
    held: &HashMap<String, Value>,
) -> Vec<Value> {
    let mut values = tree.defaults();
    for (at, value) in values.iter_mut().enumerate() {
        let id = ParamId(at as u32);
        let decl = tree.entry(id).decl;
        if decl.access != Access::Write {
            continue;
        }
        let key = canonical(spec, tree, id);
        let rig = stated.get(&key);
        let chosen = match (rig, held.get(&key)) {
            (Some(rig), Some(_)) if before.get(&key) != Some(rig) => Some(rig),
            (_, Some(held)) => Some(held),
            (rig, None) => rig,
        };
        if let Some(chosen) = chosen
            && std::mem::discriminant(chosen) == std::mem::discriminant(value)
        {
            *value = decl.clamp(chosen);
        }
    }
    values
}

impl Console {
    /// Reads the rig file again and changes over without a click. On an error nothing changes.
    pub fn reload(&mut self) -> Result<Reloaded, String> {
        let Some(file) = self.source.file.clone() else {
            return Err("this rig is built in; there is no file to reload".into());
        };
        let rig = rig::load(&file).map_err(|e| e.to_string())?;
        let held = self.held();
        let stated = rig::stated(&rig).into_iter().collect();
        let values = merge(&rig.tree, &rig.spec, &stated, &self.stated, &held);
        let desk = Desk::with(rig.spec.clone(), Tree::new(&rig.spec), values, self.desk.rate(), Path::best())
            .map_err(|e| e.to_string())?;
        self.stated = stated;
        self.change_to(desk);
        Ok(Reloaded { rig })
    }

    /// All written values by id address.
    pub fn held(&self) -> HashMap<String, Value> {
        let (spec, tree) = (self.desk.spec(), self.desk.tree());
        let entries = self.desk.tree().entries().iter().enumerate();
        let written = entries.filter(|(_, e)| e.decl.access == Access::Write);
        written.map(|(i, _)| (canonical(spec, tree, ParamId(i as u32)), self.desk.values()[i].clone())).collect()
    }

    fn change_to(&mut self, desk: Desk) {
        let before = self.desk.skeleton();
        self.desk = desk;
        let ids = self.backend.set_ports(port_specs(&self.desk.plan().ports));
        let inputs = self.desk.plan().ports.inputs.len();
        self.inputs = ids[..inputs].to_vec();
        self.outputs = ids[inputs..].to_vec();
        self.retire = true;
        self.adopt_from(&before);
    }

    /// The same console at another rate.
    pub(super) fn take_rate(&mut self, rate: f64) {
        if rate == self.desk.rate() {
            return;
        }
        let (spec, values) = ((**self.desk.spec()).clone(), self.desk.values().to_vec());
        let tree = Tree::new(&spec);
        match Desk::with(spec, tree, values, rate, Path::best()) {
            Ok(desk) => {
                let before = self.desk.skeleton();
                self.desk = desk;
                self.clock = FrameClock::new(rate);
                self.adopt_from(&before);
            }
            Err(error) => tracing::error!(%error, rate, "the rig does not compile at this rate; outputs stay silent"),
        }
    }
}
