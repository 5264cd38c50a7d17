//! Layers: which strips a surface pages through.

use crate::midi::remote::Remote;
use headroom_dsp::graph::StripKind;
use headroom_dsp::tree::Owner;

/// A list of strips.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// Everything that has a fader, but main.
    All,
    /// Channels.
    Channels,
    /// Buses of all kinds.
    Buses,
    /// Groups.
    Groups,
    /// Auxes.
    Auxes,
    /// Effect buses.
    Effects,
    /// Matrices and the monitor.
    Matrices,
    /// DCAs.
    Dcas,
    /// What the rig lists for this surface; mute groups where it lists nothing.
    User,
}

/// Word in the rig, layer, and the key that calls it.
pub static LAYERS: &[(&str, Layer, &str)] = &[
    ("all", Layer::All, "global_view"),
    ("channels", Layer::Channels, "view_inputs"),
    ("groups", Layer::Groups, "view_audio_tracks"),
    ("buses", Layer::Buses, "view_busses"),
    ("auxes", Layer::Auxes, "view_aux"),
    ("effects", Layer::Effects, "view_audio_instruments"),
    ("matrices", Layer::Matrices, "view_outputs"),
    ("dcas", Layer::Dcas, "view_midi_tracks"),
    ("user", Layer::User, "view_user"),
];

impl Layer {
    /// Its word.
    pub fn name(self) -> &'static str {
        LAYERS.iter().find(|(_, layer, _)| *layer == self).map_or("all", |(name, ..)| *name)
    }

    /// The layer of a word.
    pub fn named(word: &str) -> Option<Layer> {
        LAYERS.iter().find(|(name, ..)| *name == word).map(|(_, layer, _)| *layer)
    }

    /// The layer that a key calls.
    pub fn of_key(key: &str) -> Option<Layer> {
        LAYERS.iter().find(|(.., name)| *name == key).map(|(_, layer, _)| *layer)
    }

    /// Its strips in order.
    pub fn owners(self, remote: &Remote, user: &[String]) -> Vec<Owner> {
        let spec = remote.spec();
        let strips = |wanted: &dyn Fn(StripKind) -> bool| -> Vec<Owner> {
            (0..spec.strips.len()).filter(|s| wanted(spec.strips[*s].kind)).map(Owner::Strip).collect()
        };
        let dcas = || (0..spec.dcas.len()).map(Owner::Dca);
        match self {
            Layer::All => {
                let mut all = strips(&|kind| kind == StripKind::Channel || kind.is_bus() || kind == StripKind::Matrix);
                all.extend(dcas());
                all
            }
            Layer::Channels => strips(&|kind| kind == StripKind::Channel),
            Layer::Buses => strips(&|kind| kind.is_bus()),
            Layer::Groups => strips(&|kind| kind == StripKind::Group),
            Layer::Auxes => strips(&|kind| kind == StripKind::Aux),
            Layer::Effects => strips(&|kind| kind == StripKind::Fx),
            Layer::Matrices => strips(&|kind| matches!(kind, StripKind::Matrix | StripKind::Monitor)),
            Layer::Dcas => dcas().collect(),
            Layer::User if user.is_empty() => (0..spec.mute_groups.len()).map(Owner::MuteGroup).collect(),
            Layer::User => user.iter().filter_map(|text| remote.owner(text)).collect(),
        }
    }
}
