//! The address space as one client sees it.
//!
//! What a client may not read is not there for it: no address of it resolves, no pattern reaches it, and no
//! error tells it apart from an address that nobody ever had.

use super::{AddressSpace, Target};
use crate::pattern::Pattern;
use headroom_dsp::param::Decl;
use headroom_dsp::tree::ParamId;

/// What is said of every address to a client that does not see all of them.
pub const UNKNOWN: &str = "unknown address, or not one for this role";

/// See the module documentation.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    space: &'a AddressSpace,
    /// By parameter; everything where there is none.
    visible: Option<&'a [bool]>,
    /// Nobody will read why something failed.
    terse: bool,
}

impl<'a> From<&'a AddressSpace> for Sight<'a> {
    fn from(space: &'a AddressSpace) -> Sight<'a> {
        Sight { space, visible: None, terse: false }
    }
}

impl<'a> Sight<'a> {
    /// Only these parameters, one switch a parameter; a missing one is off.
    pub fn only(space: &'a AddressSpace, visible: &'a [bool]) -> Sight<'a> {
        Sight { space, visible: Some(visible), terse: false }
    }

    /// The same, where no nearest names need to be looked for.
    pub fn terse(self) -> Sight<'a> {
        Sight { terse: true, ..self }
    }

    /// Whether reasons are kept short.
    pub fn is_terse(&self) -> bool {
        self.terse
    }

    /// Whether everything is seen.
    pub fn is_whole(&self) -> bool {
        self.visible.is_none()
    }

    /// Whether a parameter is seen.
    #[inline]
    pub fn sees(&self, id: ParamId) -> bool {
        self.visible.is_none_or(|v| v.get(id.0 as usize).copied().unwrap_or(false))
    }

    /// What an exact address means, as [`AddressSpace::target`].
    #[inline]
    pub fn target(&self, address: &str) -> Option<Target> {
        self.space.target(address).filter(|t| self.sees(t.param))
    }

    /// What a pattern reaches, as [`AddressSpace::targets`].
    pub fn targets(&self, pattern: &Pattern, limit: usize) -> Vec<Target> {
        if self.is_whole() {
            return self.space.targets(pattern, limit);
        }
        let mut targets = self.space.targets(pattern, usize::MAX);
        targets.retain(|t| self.sees(t.param));
        targets.truncate(limit);
        targets
    }

    /// Why an address is no parameter: in detail to who sees everything, in one sentence to all others.
    pub fn explain(&self, address: &str) -> String {
        if self.is_whole() && !self.terse { self.space.explain(address) } else { UNKNOWN.into() }
    }

    /// All parameters that are seen, in the order of the tree.
    pub fn params(self) -> impl Iterator<Item = ParamId> {
        self.space.params().filter(move |id| self.sees(*id))
    }

    /// Number of parameters, seen or not: sizes of tables by parameter.
    pub fn len(&self) -> usize {
        self.space.len()
    }

    /// Whether there is no parameter at all.
    pub fn is_empty(&self) -> bool {
        self.space.is_empty()
    }

    /// The declaration of a parameter.
    #[inline]
    pub fn decl(&self, id: ParamId) -> &'static Decl {
        self.space.decl(id)
    }

    /// The address that answers carry.
    pub fn canonical(&self, id: ParamId) -> &'a str {
        self.space.canonical(id)
    }

    /// The canonical address of a target.
    pub fn canonical_of(&self, target: Target) -> String {
        self.space.canonical_of(target)
    }

    /// Whether a parameter has a travel.
    pub fn has_travel(&self, id: ParamId) -> bool {
        self.space.has_travel(id)
    }

    /// Rate at which times in frames are read, Hz.
    pub fn rate(&self) -> f64 {
        self.space.rate()
    }
}
