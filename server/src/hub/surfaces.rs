//! What clients ask of the control surfaces: their thread carries it out, and its answer comes back by errand.

use super::Hub;
use super::mixer::Mixer;
use headroom_protocol::intent::ClientId;
use headroom_protocol::osc::encode::Arg;

/// What the surfaces hear beyond what they subscribed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SurfaceNews {
    /// A client wishes something.
    Wish {
        /// Who is answered.
        from: ClientId,
        /// What is wished.
        what: SurfaceCommand,
    },
    /// Addresses mean something else now.
    Rebuilt,
}

/// What surfaces can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SurfaceCommand {
    /// Bind the next control that is touched, of this surface or of any, to the next parameter that moves.
    Learn(Option<String>),
    /// Forget what this surface has learned.
    Forget(String),
}

/// Tells the surfaces; false where nobody hears it.
pub type Tell = Box<dyn Fn(SurfaceNews) -> bool + Send>;

impl SurfaceCommand {
    /// Its address.
    pub fn address(&self) -> &'static str {
        match self {
            SurfaceCommand::Learn(_) => "/midi/learn",
            SurfaceCommand::Forget(_) => "/midi/forget",
        }
    }
}

impl<M: Mixer> Hub<M> {
    /// Where wishes to the surfaces go from now on.
    pub fn set_surfaces(&mut self, tell: Tell) {
        self.surfaces = Some(tell);
    }

    /// Hands a wish on; the reason where nobody takes it.
    pub(super) fn wish_surfaces(&mut self, from: ClientId, what: SurfaceCommand) -> Result<(), String> {
        let sent = self.surfaces.as_ref().is_some_and(|tell| tell(SurfaceNews::Wish { from, what }));
        if sent { Ok(()) } else { Err("no control surfaces are served here".into()) }
    }

    /// Addresses mean something else now: surfaces, which hold them, hear of it at once.
    pub(super) fn tell_surfaces(&self) {
        if let Some(tell) = &self.surfaces {
            tell(SurfaceNews::Rebuilt);
        }
    }

    /// What became of a wish.
    pub fn answer_surface(&mut self, to: ClientId, address: &str, result: Result<Vec<Arg>, String>, now: u64) {
        match result {
            Ok(args) => self.reply(to, address, args, now),
            Err(reason) => self.error(to, address, &reason, now),
        }
    }
}
