//! Who may do what: the one place where an intent meets the role of its client.
//!
//! [`Hub::permit`] turns what a client asks for into something [`Permitted`], or refuses it. Only a permitted
//! intent can be carried out, and only this module makes one, so no dialect can go round it. What a role may not read
//! is not there for its clients at all: [`Sight`] is how they see the console, from the first look at an address on.
//!
//! | a client may | where its role |
//! | --- | --- |
//! | `/info`, `/ping`, `/login` | is any, `none` too |
//! | ask, subscribe | reads the parameter; what is written is read too |
//! | set, `/fade`, `/solo/clear`, `/tap`, `/preset/load` | writes every parameter that is set |
//! | `/rig/reload`, `/preset/save`, `/status/reset` and whatever else changes more than parameters | has a write pattern that matches the command |
//! | `/clients`, `/preset/list`, `/scene/list`, `/scene/preview`, and asking for notes, fades and safes | has a read or write pattern that matches the command |
//! | `/scene/…` otherwise | has a write pattern that matches the command; a recall changes what the role may set, and leaves the rest |
//! | `/safe` | has a write pattern that matches the command, and sets all that is kept out |
//! | `/undo`, `/redo` | is any but `none`: they take back what the client did, where it may still set it |
//! | `/undo recall` | may recall, and sets all that the recall changed |
//! | `/subscribe`, `/unsubscribe`, `/sync`, `/client/port`, `/client/ids` | is any but `none`: they concern the client alone |

use super::Hub;
use super::client::Client;
use super::mixer::Mixer;
use crate::rig::settings::{ENGINEER, NONE, Settings};
use headroom_dsp::param::Value;
use headroom_dsp::tree::{Owner, ParamId};
use headroom_protocol::address::sight::UNKNOWN;
use headroom_protocol::address::{AddressSpace, Sight, Target};
use headroom_protocol::intent::scene::Scene;
use headroom_protocol::intent::{ClientId, Intent, Set};
use headroom_protocol::pattern::{Pattern, is_pattern};

/// A role, by its place among [`Roles`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoleId(u16);

impl RoleId {
    /// May do everything.
    pub const ENGINEER: RoleId = RoleId(0);
    /// May next to nothing.
    pub const NONE: RoleId = RoleId(1);
}

/// How a client comes by its role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It belongs to the program itself, and may do everything.
    Console,
    /// An entry of the rig names its role.
    Named(String),
    /// It has the role of who has not logged in.
    Guest,
    /// It logged in with the token that has this hash.
    LoggedIn(String, [u8; 32]),
}

/// Who asks: a client, and the role that counts.
#[derive(Clone, Copy, Debug)]
pub struct By {
    /// The client.
    pub client: ClientId,
    /// Its role when it asked.
    pub role: RoleId,
}

struct Role {
    name: String,
    /// Hash of its token.
    key: Option<[u8; 32]>,
    write: Vec<Pattern>,
    read: Vec<Pattern>,
    /// By parameter.
    writes: Vec<bool>,
    /// By parameter; what is written is seen too.
    sees: Vec<bool>,
}

/// All roles: two that are built in, then the rig's.
pub struct Roles {
    roles: Vec<Role>,
    default: RoleId,
}

impl Roles {
    /// The roles of a rig over its addresses.
    pub fn new(settings: &Settings, space: &AddressSpace) -> Roles {
        let built_in = |name: &str| Role {
            name: name.into(),
            key: None,
            write: Vec::new(),
            read: Vec::new(),
            writes: Vec::new(),
            sees: Vec::new(),
        };
        let mut roles = Roles { roles: vec![built_in(ENGINEER), built_in(NONE)], default: RoleId::ENGINEER };
        for role in &settings.roles {
            let key = role.token.as_ref().and_then(|token| match token.key() {
                Ok(key) => Some(key),
                Err(reason) => {
                    tracing::error!(role = role.name, "nobody can log in to this role: {reason}");
                    None
                }
            });
            // A pattern that is none is an error of the rig, so there is none here.
            let patterns = |texts: &[String]| texts.iter().filter_map(|t| Pattern::parse(t).ok()).collect::<Vec<_>>();
            match roles.roles.iter_mut().find(|r| r.name == role.name) {
                Some(built_in) => built_in.key = key,
                None => roles.roles.push(Role {
                    key,
                    write: patterns(&role.write),
                    read: patterns(&role.read),
                    ..built_in(&role.name)
                }),
            }
        }
        roles.default = roles.named(settings.default_role());
        roles.match_anew(space);
        roles
    }

    /// The role of this name; the default where it is gone.
    fn named(&self, name: &str) -> RoleId {
        self.roles.iter().position(|r| r.name == name).map_or(self.default, |at| RoleId(at as u16))
    }

    /// Finds what the patterns mean, for another tree.
    fn match_anew(&mut self, space: &AddressSpace) {
        for role in &mut self.roles {
            let meant = |patterns: &[Pattern]| {
                let mut table = vec![false; space.len()];
                patterns.iter().flat_map(|p| space.meant(p)).for_each(|id| table[id.0 as usize] = true);
                table
            };
            (role.writes, role.sees) = (meant(&role.write), meant(&role.read));
            role.sees.iter_mut().zip(&role.writes).for_each(|(sees, writes)| *sees |= writes);
        }
    }

    /// The role that a standing means.
    pub fn of(&self, standing: &Standing) -> RoleId {
        match standing {
            Standing::Console => RoleId::ENGINEER,
            Standing::Named(name) => self.named(name),
            Standing::Guest => self.default,
            // A token that was changed ends what was logged in with it.
            Standing::LoggedIn(name, key) => {
                let known = self.roles.iter().position(|r| r.name == *name && r.key.is_some_and(|k| same(&k, key)));
                known.map_or(self.default, |at| RoleId(at as u16))
            }
        }
    }

    /// The role that has this token, and its hash.
    pub fn with_token(&self, token: &str) -> Option<Standing> {
        let key = crate::rig::settings::hash(token);
        // All are compared, so that the time says nothing.
        let found = self.roles.iter().fold(None, |found, role| match role.key {
            Some(other) if same(&key, &other) => found.or(Some(role)),
            _ => found,
        });
        found.map(|role| Standing::LoggedIn(role.name.clone(), key))
    }

    /// A role's name.
    pub fn name(&self, role: RoleId) -> &str {
        self.roles.get(usize::from(role.0)).map_or(NONE, |r| &r.name)
    }

    /// The console as a role sees it.
    pub fn sight<'a>(&'a self, role: RoleId, space: &'a AddressSpace) -> Sight<'a> {
        match self.roles.get(usize::from(role.0)) {
            Some(_) if role == RoleId::ENGINEER => space.into(),
            Some(role) => Sight::only(space, &role.sees),
            None => Sight::only(space, &[]),
        }
    }

    /// Whether a role may set a parameter.
    pub fn writes(&self, role: RoleId, id: ParamId) -> bool {
        let by_pattern = |r: &Role| r.writes.get(id.0 as usize).copied().unwrap_or(false);
        role == RoleId::ENGINEER || self.roles.get(usize::from(role.0)).is_some_and(by_pattern)
    }

    /// Whether a role may give a command that changes more than parameters.
    pub fn commands(&self, role: RoleId, address: &str) -> bool {
        let by_pattern = |r: &Role| r.write.iter().any(|p| p.matches(address));
        role == RoleId::ENGINEER || self.roles.get(usize::from(role.0)).is_some_and(by_pattern)
    }

    /// Whether a role may be told what a command tells.
    pub fn is_told(&self, role: RoleId, address: &str) -> bool {
        let by_pattern = |r: &Role| r.read.iter().any(|p| p.matches(address));
        self.commands(role, address) || self.roles.get(usize::from(role.0)).is_some_and(by_pattern)
    }
}

/// Whether two hashes are the same, in a time that does not tell where they differ.
fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    std::hint::black_box(a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b))) == 0
}

/// An intent that its client's role allows. Nothing else makes one but [`Hub::permit`].
pub(super) struct Permitted {
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
pub(super) struct PermittedValues {
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
pub(super) struct Refusal {
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
    pub(super) fn by(&self, client: ClientId) -> By {
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
    pub(super) fn permit(&self, by: By, intent: Intent) -> Result<Permitted, Refusal> {
        let mut held = Vec::new();
        let command = |address: &str| if self.may_command(by, address) { Ok(()) } else { Err(Refusal::from(UNKNOWN)) };
        let intent = match intent {
            Intent::Nothing | Intent::Info | Intent::Ping(_) | Intent::Login(_) => intent,
            _ if by.role == RoleId::NONE => return Err(UNKNOWN.into()),
            // What these tell is narrowed to what the client sees where it is told.
            Intent::Subscribe(_)
            | Intent::Unsubscribe(_)
            | Intent::Sync(_)
            | Intent::ClientPort(_)
            | Intent::ClientIds(_)
            | Intent::Status => intent,
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
            Intent::StatusReset => command("/status/reset").map(|()| intent)?,
            Intent::RigReload => command("/rig/reload").map(|()| intent)?,
            Intent::Clients(_) if self.may_be_told(by, "/clients") => intent,
            Intent::Clients(_) => return Err(UNKNOWN.into()),
            Intent::PresetList if self.may_be_told(by, "/preset/list") => intent,
            Intent::PresetList => return Err(UNKNOWN.into()),
            Intent::PresetLoad { ref strip, .. } => {
                let concerned = self.preset_reach(strip)?;
                if !concerned.iter().all(|id| self.may_read(by, *id)) {
                    return Err(super::preset::no_strip(strip).into());
                }
                if !concerned.iter().all(|id| self.may_write(by, *id)) {
                    return Err("this role may not set all processors of this strip".into());
                }
                intent
            }
            Intent::PresetSave { ref strip, .. } => {
                command("/preset/save")?;
                if !self.preset_reach(strip)?.iter().all(|id| self.may_read(by, *id)) {
                    return Err(super::preset::no_strip(strip).into());
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
        let settable = |id: &ParamId| self.space.decl(*id).access == headroom_dsp::param::Access::Write;
        if self.space.below(text)?.iter().filter(|id| settable(id)).all(|id| self.may_write(by, *id)) {
            return Ok(());
        }
        Err("this role may not set all of it".into())
    }

    /// What of these values a client may set: the only ones that a recall, an undo or a redo changes.
    pub(super) fn permit_values(&self, by: By, values: Vec<(ParamId, Value)>) -> PermittedValues {
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

    /// Gives a client another standing. What it subscribed to is matched anew, and told.
    pub(super) fn stand(&mut self, id: ClientId, standing: Standing) {
        let role = self.roles.of(&standing);
        let Some(client) = self.clients.get_mut(id) else { return };
        let other = client.role != role;
        (client.standing, client.role) = (standing, role);
        if other && client.watch.as_ref().is_some_and(|w| !w.is_empty()) {
            self.with_watch(id, |watch, hub| {
                watch.rematch(hub.sight_of(id), &hub.board);
                let all = watch.missed(None, &hub.changed);
                watch.dump(all, None);
            });
        }
    }

    /// Other roles, or the same over other addresses. Clients keep theirs by name.
    pub(super) fn set_roles(&mut self, settings: &Settings) {
        let before = std::mem::replace(&mut self.roles, Roles::new(settings, &self.space));
        let roles = &self.roles;
        for (_, client) in self.clients.iter_mut() {
            client.role = roles.of(&client.standing);
        }
        self.timed.map_roles(|role| {
            roles.of(&match role {
                RoleId::ENGINEER => Standing::Console,
                other => Standing::Named(before.name(other).into()),
            })
        });
    }
}

impl Client {
    /// Whether it logged in.
    pub fn is_logged_in(&self) -> bool {
        matches!(self.standing, Standing::LoggedIn(..))
    }
}
