//! Changes for a frame to come, and how far the engine has got.

use super::Console;
use headroom_dsp::engine::message::Command;
use headroom_dsp::param::Value;
use headroom_dsp::tree::ParamId;

impl Console {
    /// Sends what these values will mean to the engine, for it to take effect at a frame, while the desk
    /// goes on holding the present ones; see [`headroom_dsp::desk::Desk::project`].
    pub fn project(&mut self, frame: u64, ahead: &[(ParamId, Value)]) {
        let mut batch = self.spare.pop().unwrap_or_default();
        self.seq += 1;
        batch.seq = self.seq;
        batch.at = Some(frame);
        self.desk.project(ahead, frame, &mut batch);
        self.outbox.push_back(Command::Apply(batch));
        self.post();
    }

    /// How many batches for the next period were sent.
    pub fn sent(&self) -> u64 {
        self.flushed
    }

    /// How many of them took effect.
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// How many networks followed the first: with each, what was projected is void.
    pub fn networks(&self) -> u64 {
        self.networks
    }
}
