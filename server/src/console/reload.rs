//! A changed rig, or a changed rate, while audio runs.

use super::{Console, FrameClock, port_specs};
use crate::backend::Format;
use crate::backend::realtime::monotonic_nanos;
use crate::rig::{self, Rig, Settings};
use crate::state::{Keeper, load};
use headroom_dsp::desk::Desk;
use headroom_dsp::lanes::Path;
use headroom_dsp::param::Access;
use headroom_dsp::tree::{ParamId, Tree};
use std::collections::HashMap;
use std::path::PathBuf;

/// Where the rig comes from.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// The rig file; none for a built-in rig, which cannot be reloaded.
    pub file: Option<PathBuf>,
    /// The settings that it started with; none where the rig's do not count.
    pub started: Option<Settings>,
}

/// What a reload did.
#[derive(Debug)]
pub struct Reloaded {
    /// The new rig, with its warnings.
    pub rig: Rig,
    /// What the rig says and only the next start brings.
    pub later: Vec<String>,
}

impl Console {
    /// Reads the rig file again and changes over without a click. On an error nothing changes.
    pub fn reload(&mut self) -> Result<Reloaded, String> {
        let Some(file) = self.source.file.clone() else {
            return Err("this rig is built in; there is no file to reload".into());
        };
        let mut rig = rig::load(&file).map_err(|e| e.to_string())?;
        rig.spec.period = self.desk.spec().period;
        self.keeper.catch_up(&self.desk, monotonic_nanos());
        let (memory, listening) = (self.keeper.memory(), Keeper::listening(&self.desk));
        let (desk, loaded) = load::desk(&rig, &rig.spec, &memory, &listening, self.desk.rate()).map_err(|e| e.to_string())?;
        loaded.log();
        self.surfaces.change(&rig.settings.surfaces);
        self.change_to(desk);
        self.keeper.reload(&self.desk, loaded.memory);
        let internal = self.status().backend != "JACK";
        let later = self.source.started.as_ref().map_or_else(Vec::new, |started| rig.settings.later(started, internal));
        Ok(Reloaded { rig, later })
    }

    fn change_to(&mut self, desk: Desk) {
        let before = self.desk.skeleton();
        let address = |desk: &Desk, id| rig::canonical(desk.spec(), desk.tree(), id);
        let fades = self.desk.carry_fades(|id| address(&before, id));
        self.desk = desk;
        if !fades.is_empty() {
            let ids = (0..self.desk.values().len()).map(|at| ParamId(at as u32));
            let known: HashMap<String, ParamId> = ids.map(|id| (address(&self.desk, id), id)).collect();
            self.desk.take_fades(fades, |name| known.get(name).copied());
        }
        let sound = port_specs(&self.desk.plan().ports);
        let (inputs, all) = (self.desk.plan().ports.inputs.len(), sound.len());
        let ids = self.backend.set_ports([sound, self.surfaces.ports()].concat());
        self.inputs = ids[..inputs].to_vec();
        self.outputs = ids[inputs..all].to_vec();
        self.retire = true;
        self.adopt_from(&before);
    }

    /// The same console at what audio runs at now.
    pub(super) fn take_format(&mut self) {
        let Format { rate, period } = self.backend.format();
        let (rate, period) = (f64::from(rate), period as usize);
        let loops = self.desk.spec().has_loops() && period != self.desk.spec().period;
        if rate == self.desk.rate() && !loops {
            return;
        }
        let (mut spec, mut values) = ((**self.desk.spec()).clone(), self.desk.values().to_vec());
        spec.period = period;
        let tree = Tree::new(&spec);
        for (value, entry) in values.iter_mut().zip(tree.entries()) {
            if entry.decl.access != Access::Write {
                value.clone_from(&entry.default);
            }
        }
        match Desk::with(spec, tree, values, rate, Path::best()) {
            Ok(mut desk) => {
                // Whoever takes back what was changed asks this desk from now on.
                desk.watch();
                let before = self.desk.skeleton();
                self.desk = desk;
                self.clock = FrameClock::new(rate);
                self.adopt_from(&before);
            }
            Err(error) => tracing::error!(%error, rate, "the rig does not compile at this rate; outputs stay silent"),
        }
    }
}
