//! What becomes of an intent, and of values, when they meet the role of their client.

use super::{By, RoleId};
use crate::hub::Hub;
use crate::hub::mixer::Mixer;
use headroom_dsp::param::{Access, Value};
use headroom_dsp::tree::{Owner, ParamId};
use headroom_protocol::address::sight::UNKNOWN;
use headroom_protocol::address::{Sight, Target};
use headroom_protocol::intent::scene::Scene;
use headroom_protocol::intent::{ClientId, Intent, Set};
use headroom_protocol::pattern::is_pattern;

/// An intent that its client's role allows. Nothing else makes one but [`Hub::permit`].
pub(in crate::hub) struct Permitted {
    intent: Intent,
    /// What was left out of it and may be read.
    held: Vec<Target>,
}

impl Permitted {
    /// The intent, and whose values are to be told because they could not be set.
    pub fn open(self) -> (Intent, Vec<Target>) {
        (self.intent, self.held)
    }
}

/// Values that a client's role may set. Nothing else makes them but [`Hub::permit_values`].
pub(in crate::hub) struct PermittedValues {
    values: Vec<(ParamId, Value)>,
    /// How many the role may read and not set, that would have changed.
    pub withheld: usize,
}

impl PermittedValues {
    /// The values.
    pub fn all(&self) -> &[(ParamId, Value)] {
        &self.values
    }

    /// The values.
    pub fn open(self) -> Vec<(ParamId, Value)> {
        self.values
    }
}

/// Why an intent is refused.
pub(in crate::hub) struct Refusal {
    pub reason: String,
    /// What holds, and may be read.
    pub held: Option<Target>,
}

impl From<&str> for Refusal {
    fn from(reason: &str) -> Refusal {
        Refusal { reason: reason.into(), held: None }
    }
}

impl From<String> for Refusal {
    fn from(reason: String) -> Refusal {
        Refusal { reason, held: None }
    }
}

const NOT_SET: &str = "this role may not set it";

impl<M: Mixer> Hub<M> {
    /// A client with the role that it has now.
    pub(in crate::hub) fn by(&self, client: ClientId) -> By {
        By { client, role: self.clients.get(client).map_or(RoleId::NONE, |c| c.role) }
    }

    /// The console as a client sees it.
    pub fn sight_of(&self, client: ClientId) -> Sight<'_> {
        self.roles.sight(self.by(client).role, &self.space)
    }

    /// Whether a client may set a parameter.
    pub fn may_write(&self, by: By, id: ParamId) -> bool {
        self.roles.writes(by.role, id)
    }

    /// Whether a client may ask for a parameter.
    pub fn may_read(&self, by: By, id: ParamId) -> bool {
        self.roles.sight(by.role, &self.space).sees(id)
    }

    /// Whether a client may give a command that changes more than parameters: `/rig/reload`, `/scene/recall`.
    pub fn may_command(&self, by: By, address: &str) -> bool {
        self.roles.commands(by.role, address)
    }

    /// Whether a client may be told what a command tells: `/preset/list`, `/scene/list`.
    pub fn may_be_told(&self, by: By, address: &str) -> bool {
        self.roles.is_told(by.role, address)
    }

    /// The intent, or what is left of it, where the client's role allows it. Every kind of intent is named here, so that
    /// a new one does not compile before it has a rule.
    pub(in crate::hub) fn permit(&self, by: By, intent: Intent) -> Result<Permitted, Refusal> {
        let mut held = Vec::new();
        let command = |address: &str| if self.may_command(by, address) { Ok(()) } else { Err(Refusal::from(UNKNOWN)) };
        let intent = match intent {
            Intent::Nothing | Intent::Info | Intent::Ping(_) | Intent::Login(_) => intent,
            _ if by.role == RoleId::NONE => return Err(UNKNOWN.into()),
            // What these tell is narrowed to what the client sees where it is told.
            Intent::Subscribe(_) | Intent::Unsubscribe(_) | Intent::Sync(_) | Intent::ClientPort(_) | Intent::ClientIds(_) => {
                intent
            }
            Intent::Status if self.may_read_status(by) => intent,
            Intent::Status => return Err(UNKNOWN.into()),
            Intent::Ask(target) if self.may_read(by, target.param) => intent,
            Intent::Ask(_) => return Err(UNKNOWN.into()),
            Intent::AskAll(mut targets) => {
                targets.retain(|t| self.may_read(by, t.param));
                if targets.is_empty() {
                    return Err("no address matches".into());
                }
                Intent::AskAll(targets)
            }
            Intent::Set(Set { target, .. }) => self.permit_set(by, target).map(|()| intent)?,
            Intent::Fade(ref fade) => self.permit_set(by, fade.to.target).map(|()| intent)?,
            Intent::SetAll(sets, refused) => {
                let (may, not): (Vec<Set>, Vec<Set>) = sets.into_iter().partition(|s| self.may_write(by, s.target.param));
                held.extend(not.iter().map(|s| s.target).filter(|t| self.may_read(by, t.param)));
                let reason = held.first().map(|t| format!("{}: {NOT_SET}", self.space.canonical_of(*t)));
                if may.is_empty() && held.is_empty() && refused.is_none() {
                    return Err("no address matches".into());
                }
                Intent::SetAll(may, reason.or(refused))
            }
            Intent::SoloClear => {
                let mut solos = self.space.params().filter(|id| self.is_solo(*id));
                if !solos.any(|id| self.may_write(by, id)) {
                    return Err(UNKNOWN.into());
                }
                intent
            }
            Intent::Tap => {
                let tempo = self.mixer.desk().tree().find(Owner::Console, "tempo");
                if !tempo.is_some_and(|id| self.may_write(by, id)) {
                    return Err(UNKNOWN.into());
                }
                intent
            }
            Intent::MidiLearn(_) => command("/midi/learn").map(|()| intent)?,
            Intent::MidiForget(_) => command("/midi/forget").map(|()| intent)?,
            Intent::StatusReset => command("/status/reset").map(|()| intent)?,
            Intent::RigReload => command("/rig/reload").map(|()| intent)?,
            Intent::Clients(_) if self.may_be_told(by, "/clients") => intent,
            Intent::Clients(_) => return Err(UNKNOWN.into()),
            Intent::PresetList if self.may_be_told(by, "/preset/list") => intent,
            Intent::PresetList => return Err(UNKNOWN.into()),
            Intent::PresetLoad { ref strip, .. } => {
                let concerned = self.preset_reach(strip)?;
                if !concerned.iter().all(|id| self.may_read(by, *id)) {
                    return Err(crate::hub::preset::no_strip(strip).into());
                }
                if !concerned.iter().all(|id| self.may_write(by, *id)) {
                    return Err("this role may not set all processors of this strip".into());
                }
                intent
            }
            Intent::PresetSave { ref strip, .. } => {
                command("/preset/save")?;
                if !self.preset_reach(strip)?.iter().all(|id| self.may_read(by, *id)) {
                    return Err(crate::hub::preset::no_strip(strip).into());
                }
                intent
            }
            Intent::Scene(ref scene) => self.permit_scene(by, scene).map(|()| intent)?,
            Intent::Safe(None) if self.may_be_told(by, "/safe") => intent,
            Intent::Safe(None) => return Err(UNKNOWN.into()),
            Intent::Safe(Some((ref text, _))) => {
                command("/safe")?;
                self.permit_safe(by, text)?;
                intent
            }
            // Each changes what the client changed itself; values meet the role once more where they are put back.
            Intent::Undo { recall: false } | Intent::Redo => intent,
            Intent::Undo { recall: true } => command("/scene/recall").or_else(|_| command("/undo")).map(|()| intent)?,
            // A bundle is unpacked before it comes here.
            Intent::Bundle(_) => return Err("a bundle in a message".into()),
        };
        Ok(Permitted { intent, held })
    }

    fn permit_scene(&self, by: By, scene: &Scene) -> Result<(), Refusal> {
        let (address, changes) = match scene {
            Scene::Store { .. } => ("/scene/store", true),
            Scene::Recall { .. } => ("/scene/recall", true),
            Scene::Go => ("/scene/go", true),
            Scene::Next => ("/scene/next", true),
            Scene::Previous => ("/scene/previous", true),
            Scene::Rename { .. } => ("/scene/rename", true),
            Scene::Delete(_) => ("/scene/delete", true),
            Scene::Move { .. } => ("/scene/move", true),
            Scene::Notes { notes, .. } => ("/scene/notes", notes.is_some()),
            Scene::Fade { fade, .. } => ("/scene/fade", fade.is_some()),
            Scene::Preview { .. } => ("/scene/preview", false),
            Scene::List(_) => ("/scene/list", false),
        };
        let may = if changes { self.may_command(by, address) } else { self.may_be_told(by, address) };
        if may { Ok(()) } else { Err(UNKNOWN.into()) }
    }

    /// What is kept out of recalls is so for everybody: who says it has to be able to set all of it.
    fn permit_safe(&self, by: By, text: &str) -> Result<(), Refusal> {
        // Where some addresses are not seen, a pattern must not tell whether it reaches one.
        if is_pattern(text) && !self.space.params().all(|id| self.may_read(by, id)) {
            return Err("this role keeps addresses out of recalls, not patterns of them".into());
        }
        let settable = |id: &ParamId| self.space.decl(*id).access == Access::Write;
        if self.space.below(text)?.iter().filter(|id| settable(id)).all(|id| self.may_write(by, *id)) {
            return Ok(());
        }
        Err("this role may not set all of it".into())
    }

    /// What of these values a client may set: the only ones that a recall, an undo or a redo changes.
    pub(in crate::hub) fn permit_values(&self, by: By, values: Vec<(ParamId, Value)>) -> PermittedValues {
        let (values, others): (Vec<_>, Vec<_>) = values.into_iter().partition(|(id, _)| self.may_write(by, *id));
        // Of what the role does not see, it does not hear either.
        let holds = |(id, value): &&(ParamId, Value)| self.may_read(by, *id) && self.mixer.desk().get(*id) != value;
        PermittedValues { withheld: others.iter().filter(holds).count(), values }
    }

    fn permit_set(&self, by: By, target: Target) -> Result<(), Refusal> {
        match (self.may_write(by, target.param), self.may_read(by, target.param)) {
            (true, _) => Ok(()),
            (false, true) => Err(Refusal { reason: NOT_SET.into(), held: Some(target) }),
            (false, false) => Err(UNKNOWN.into()),
        }
    }
}
