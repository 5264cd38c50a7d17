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
//! | `/status` | reads anything below it |
//! | `/rig/reload`, `/preset/save`, `/midi/learn`, `/midi/forget`, `/status/reset` and whatever else changes more than parameters | has a write pattern that matches the command |
//! | `/clients`, `/preset/list`, `/scene/list`, `/scene/preview`, and asking for notes, fades and safes | has a read or write pattern that matches the command |
//! | `/scene/…` otherwise | has a write pattern that matches the command; a recall changes what the role may set, and leaves the rest |
//! | `/safe` | has a write pattern that matches the command, and sets all that is kept out |
//! | `/undo`, `/redo` | is any but `none`: they take back what the client did, where it may still set it |
//! | `/undo recall` | may recall, and sets all that the recall changed |
//! | `/subscribe`, `/unsubscribe`, `/sync`, `/client/port`, `/client/ids` | is any but `none`: they concern the client alone |

mod permit;

use super::Hub;
use super::client::Client;
use super::mixer::Mixer;
use crate::rig::settings::{ENGINEER, NONE, Settings};
use headroom_dsp::tree::ParamId;
use headroom_protocol::address::{AddressSpace, Sight};
use headroom_protocol::intent::ClientId;
use headroom_protocol::pattern::Pattern;
pub(super) use permit::{Permitted, PermittedValues};

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

impl<M: Mixer> Hub<M> {
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
