//! What the hub needs of the console; tests put an engine that they step by hand in its place.

use crate::backend::{BackendEvent, Format, Status, Timing};
use crate::console::{Console, Reloaded};
use crate::metering::readings::Readings;
use crate::rig::Shelf;
use crate::scene::{Book, Standing};
use crate::state;
use headroom_dsp::desk::Desk;
use headroom_dsp::meter::Meters;
use headroom_dsp::param::Value;
use headroom_dsp::tree::ParamId;
use std::sync::Arc;

/// Desk, engine and audio as one thing. All methods belong to the hub's thread.
pub trait Mixer {
    /// The values.
    fn desk(&self) -> &Desk;
    /// The values, to set them.
    fn desk_mut(&mut self) -> &mut Desk;
    /// Collects what came back from the engine and swaps networks where a set asks for it.
    fn tick(&mut self);
    /// Sends what changed as one batch; false where it has to wait for batches under way.
    fn flush(&mut self) -> bool;
    /// Prepares changes for a frame to come; the desk goes on holding the present values.
    fn project(&mut self, frame: u64, ahead: &[(ParamId, Value)]);
    /// Applies changes to the desk that take effect together at a frame to come, after all before.
    fn bundle(&mut self, frame: u64, change: Box<dyn FnOnce(&mut Desk) + '_>);
    /// How many batches for the next period were sent.
    fn sent(&self) -> u64;
    /// How many of them took effect.
    fn applied(&self) -> u64;
    /// How many networks followed the first: with each, what was projected is void.
    fn networks(&self) -> u64;
    /// The engine's frame now.
    fn frame_now(&self) -> u64;
    /// The engine's frame at a time of the monotonic clock, in nanoseconds.
    fn frame_at(&self, nanos: u64) -> u64;
    /// Meter cells by strip; others after a reload or a swap.
    fn meters(&self) -> &Arc<Meters>;
    /// What is analysed, by strip; others after a reload.
    fn readings(&self) -> &[Option<Arc<Readings>>] {
        &[]
    }
    /// Frames that the analysis missed.
    fn unmeasured(&self) -> u64 {
        0
    }
    /// Rate and period.
    fn format(&self) -> Format;
    /// Whether a structural parameter may take a value; the reason where not.
    fn allows(&self, id: ParamId, value: &Value) -> Result<(), String>;
    /// Reads the rig again; on an error nothing changes.
    fn reload(&mut self) -> Result<Reloaded, String>;
    /// The presets of the rig; the built-in ones where it has no file.
    fn shelf(&self) -> Shelf {
        Shelf::default()
    }
    /// The scenes of the rig; held in memory where it has no place for files.
    fn scenes(&self) -> Book {
        Book::open(None, self.desk(), Standing::default())
    }
    /// Takes note of where one stands among them: it is saved in time.
    fn stand(&mut self, _standing: &Standing) {}
    /// Takes note of parameters that may have changed, up to a revision: they are saved in time.
    fn keep(&mut self, _ids: &[ParamId], _revision: i32) {}
    /// How saving stands; `None` where nothing is saved.
    fn state(&self) -> Option<state::Status> {
        None
    }
    /// What happened to the audio since the last call.
    fn events(&mut self) -> Vec<BackendEvent>;
    /// How the backend stands.
    fn status(&self) -> Status;
    /// How long periods take, and what went wrong in them.
    fn timing(&self) -> Arc<Timing>;
    /// Batches that reached the engine after their frame.
    fn late(&self) -> u64;
    /// Commands that wait for the audio thread.
    fn queue_depth(&self) -> usize;
}

impl Mixer for Console {
    fn desk(&self) -> &Desk {
        self.desk()
    }
    fn desk_mut(&mut self) -> &mut Desk {
        self.desk_mut()
    }
    fn bundle(&mut self, frame: u64, change: Box<dyn FnOnce(&mut Desk) + '_>) {
        Console::bundle(self, Some(frame), change);
    }
    fn tick(&mut self) {
        self.tick();
    }
    fn flush(&mut self) -> bool {
        self.flush()
    }
    fn project(&mut self, frame: u64, ahead: &[(ParamId, Value)]) {
        self.project(frame, ahead);
    }
    fn sent(&self) -> u64 {
        self.sent()
    }
    fn applied(&self) -> u64 {
        self.applied()
    }
    fn networks(&self) -> u64 {
        self.networks()
    }
    fn frame_now(&self) -> u64 {
        self.frame_now()
    }
    fn frame_at(&self, nanos: u64) -> u64 {
        self.frame_at(nanos)
    }
    fn meters(&self) -> &Arc<Meters> {
        self.meters()
    }
    fn readings(&self) -> &[Option<Arc<Readings>>] {
        self.readings()
    }
    fn unmeasured(&self) -> u64 {
        self.unmeasured()
    }
    fn format(&self) -> Format {
        self.format()
    }
    fn allows(&self, id: ParamId, value: &Value) -> Result<(), String> {
        self.allows(id, value)
    }
    fn reload(&mut self) -> Result<Reloaded, String> {
        self.reload()
    }
    fn shelf(&self) -> Shelf {
        self.shelf()
    }
    fn scenes(&self) -> Book {
        self.scenes()
    }
    fn stand(&mut self, standing: &Standing) {
        self.stand(standing);
    }
    fn keep(&mut self, ids: &[ParamId], revision: i32) {
        self.keep(ids, revision);
    }
    fn state(&self) -> Option<state::Status> {
        self.state()
    }
    fn events(&mut self) -> Vec<BackendEvent> {
        self.events()
    }
    fn status(&self) -> Status {
        self.status()
    }
    fn timing(&self) -> Arc<Timing> {
        self.timing()
    }
    fn late(&self) -> u64 {
        self.late()
    }
    fn queue_depth(&self) -> usize {
        self.queue_depth()
    }
}
