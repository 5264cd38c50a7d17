//! What other dialects ask of the hub at once, outside of messages: a part of the tree, the figures, a role.

use super::Hub;
use super::mixer::Mixer;
use super::roles::{RoleId, Standing};
use super::view::View;
use headroom_dsp::param::Value;
use headroom_dsp::tree::ParamId;
use headroom_protocol::address::{AddressSpace, Sight, Target};
use headroom_protocol::osc::encode::Arg;
use headroom_protocol::oscquery::{self, Seen};
use std::sync::Arc;

/// A part of the tree as a role sees it at one moment, to be made into text on another thread.
pub struct Part {
    space: Arc<AddressSpace>,
    visible: Vec<bool>,
    writes: Vec<bool>,
    /// By parameter; empty where it is not in this part.
    values: Vec<Vec<Arg>>,
}

impl Part {
    /// The node at a path, or one attribute of it.
    ///
    /// # Errors
    /// There is no such node or attribute.
    pub fn answer(&self, path: &str, attribute: Option<&str>) -> Result<serde_json::Value, oscquery::Missing> {
        let tree = oscquery::Tree {
            sight: Sight::only(&self.space, &self.visible),
            space: &self.space,
            writes: &|id| self.writes[id.0 as usize],
            value: &|id| self.values[id.0 as usize].clone(),
        };
        tree.answer(path, attribute)
    }
}

/// Which addresses a role sees, to be listed on another thread.
pub struct Outline {
    space: Arc<AddressSpace>,
    visible: Vec<bool>,
}

impl Outline {
    /// All of them, and by id what stands there.
    pub fn seen(&self) -> Seen {
        oscquery::seen(Sight::only(&self.space, &self.visible), |id| self.space.by_id(id))
    }
}

/// One figure of [`Hub::figures_for`].
pub struct Figure {
    /// Below `/status`: `process/p50`.
    pub path: String,
    /// One line about it.
    pub doc: &'static str,
    /// Its number.
    pub value: f64,
}

impl<M: Mixer> Hub<M> {
    fn role_as(&self, standing: &Standing) -> RoleId {
        self.roles.of(standing)
    }

    /// Name of the role that a standing means.
    pub fn role_name(&self, standing: &Standing) -> String {
        self.roles.name(self.role_as(standing)).to_owned()
    }

    /// What stands at a path and below it, as far as the role of this standing sees it.
    pub fn part(&mut self, standing: &Standing, path: &str, now: u64) -> Part {
        if path == "/" || path.starts_with("/status") {
            self.look_at_figures(now);
        }
        let role = self.role_as(standing);
        let ids = oscquery::reach(self.roles.sight(role, &self.space), &self.space, path);
        let count = self.space.len();
        let (mut visible, mut writes, mut values) = (vec![false; count], vec![false; count], vec![Vec::new(); count]);
        let view = View {
            space: &self.space,
            desk: self.mixer.desk(),
            board: &self.board,
            meters: self.mixer.meters(),
            standing: &self.standing,
            frame: self.mixer.frame_now(),
            ids: false,
        };
        for id in ids {
            let at = id.0 as usize;
            visible[at] = true;
            writes[at] = self.roles.writes(role, id);
            values[at] = view.told(Target::plain(id)).collect();
        }
        Part { space: self.space.clone(), visible, writes, values }
    }

    /// The addresses that the role of this standing sees.
    pub fn outline(&self, standing: &Standing) -> Outline {
        let sight = self.roles.sight(self.role_as(standing), &self.space);
        Outline { space: self.space.clone(), visible: self.space.params().map(|id| sight.sees(id)).collect() }
    }

    /// Rises when the tree was made anew.
    pub fn tree_number(&self) -> u64 {
        self.spaces
    }

    /// The numbers below `/status` that the role of this standing may read.
    pub fn figures_for(&mut self, standing: &Standing, now: u64) -> Vec<Figure> {
        self.look_at_figures(now);
        let role = self.role_as(standing);
        let sight = self.roles.sight(role, &self.space);
        let ids: Vec<ParamId> = self.standing.ids().filter(|id| sight.sees(*id)).collect();
        let figure = |id: ParamId| {
            let value = match self.standing.get(id)? {
                Value::Text(_) => return None,
                number => number.as_f64(),
            };
            let path = self.space.canonical(id).trim_start_matches("/status/").to_owned();
            Some(Figure { path, doc: self.space.decl(id).doc, value })
        };
        ids.into_iter().filter_map(figure).collect()
    }
}
