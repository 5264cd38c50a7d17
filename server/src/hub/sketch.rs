//! The console as a role sees it, taken along to another thread where a layout is made of it.

use super::Hub;
use super::mixer::Mixer;
use super::roles::Standing;
use headroom_dsp::graph::GraphSpec;
use headroom_dsp::param::Value;
use headroom_dsp::tree::Tree;
use headroom_protocol::address::{AddressSpace, Sight};
use headroom_protocol::layout::{Layout, Source};
use std::sync::Arc;

/// See the module documentation.
pub struct Sketch {
    spec: Arc<GraphSpec>,
    space: Arc<AddressSpace>,
    visible: Vec<bool>,
    writes: Vec<bool>,
    values: Vec<Value>,
    login: bool,
}

impl Sketch {
    /// The layout.
    pub fn layout(&self) -> Layout {
        let tree = Tree::new(&self.spec);
        Layout::of(&Source {
            spec: &self.spec,
            tree: &tree,
            space: &self.space,
            sight: Sight::only(&self.space, &self.visible),
            writes: &|id| self.writes[id.0 as usize],
            values: &self.values,
            login: self.login,
        })
    }
}

impl<M: Mixer> Hub<M> {
    /// What a layout for the role of this standing is made of; `None` where the rig names no such role.
    pub fn sketch(&self, standing: &Standing) -> Option<Sketch> {
        let role = self.roles.of(standing);
        if let Standing::Named(name) = standing
            && self.roles.name(role) != name
        {
            return None;
        }
        let (sight, desk) = (self.roles.sight(role, &self.space), self.mixer.desk());
        Some(Sketch {
            spec: desk.spec().clone(),
            space: self.space.clone(),
            visible: self.space.params().map(|id| sight.sees(id)).collect(),
            writes: self.space.params().map(|id| self.roles.writes(role, id)).collect(),
            values: desk.values().to_vec(),
            login: self.roles.of(&Standing::Guest) != role,
        })
    }
}
