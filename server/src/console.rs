//! The console: desk, engine and backend as one running thing, owned by the hub.
//!
//! Sets go into the desk; [`Console::flush`] turns what changed into one batch for the engine, and
//! holds back while two are under way, so that a flood is coalesced here and the queue never fills.

mod clock;
mod live;
mod reload;
mod timed;

use crate::backend::midi::Line;
use crate::backend::realtime::monotonic_nanos;
use crate::backend::{Backend, BackendEvent, Callback, Direction, Format, Medium, PortSpec, Status, Timing};
use crate::metering::Metering;
use crate::metering::readings::Readings;
use crate::midi::Surfaces;
use crate::rig::Shelf;
use crate::scene::{Book, Standing};
use crate::state::{self, Keeper, Memory, Writer};
use clock::FrameClock;
use headroom_dsp::desk::Desk;
use headroom_dsp::engine::message::{Batch, Command, Returned};
use headroom_dsp::engine::{Handle, engine};
use headroom_dsp::graph::schedule::Ports;
use headroom_dsp::meter::Meters;
use headroom_dsp::param::Value;
use headroom_dsp::tree::{Owner, ParamId};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use live::{Live, Tap};

pub use reload::{Reloaded, Source};

/// Batches that may be under way before changes are held back and coalesced.
const UNDER_WAY: usize = 2;
/// Seconds of the ramp from silence at start and after every interruption.
pub const START_RAMP_S: f64 = 0.25;

/// See the module documentation.
pub struct Console {
    desk: Desk,
    handle: Handle,
    backend: Box<dyn Backend>,
    meters: Arc<Meters>,
    clock: FrameClock,
    outbox: VecDeque<Command>,
    // The engine takes and gives them boxed.
    #[allow(clippy::vec_box)]
    spare: Vec<Box<Batch>>,
    seq: u64,
    /// Batches for the next period that were sent, and that came back.
    flushed: u64,
    applied: u64,
    /// Immediate batches that have not come back.
    open: usize,
    /// Swaps that have not come back.
    swaps: usize,
    /// Networks sent after the first.
    networks: u64,
    retire: bool,
    inputs: Vec<usize>,
    outputs: Vec<usize>,
    metering: Metering,
    source: Source,
    keeper: Keeper,
    surfaces: Surfaces,
}

/// What a console starts with.
#[derive(Default)]
pub struct LiveOptions {
    /// Outputs to be recorded, by index of the desk's output ports.
    pub taps: Vec<Tap>,
    /// Where a reload reads.
    pub source: Source,
    /// What is remembered of the rig that the desk was made of.
    pub memory: Memory,
    /// Saves what is set live.
    pub writer: Option<Writer>,
    /// The rig's surfaces, whose ports the backend was opened with behind those of the desk.
    pub surfaces: Surfaces,
}

/// The backend's list of ports for a console.
pub fn port_specs(ports: &Ports) -> Vec<PortSpec> {
    let spec = |direction| {
        move |(name, connect): &(String, Vec<String>)| PortSpec {
            name: name.clone(),
            connect: connect.clone(),
            direction,
            medium: Medium::Audio,
        }
    };
    let inputs = ports.inputs.iter().map(spec(Direction::In));
    inputs.chain(ports.outputs.iter().map(spec(Direction::Out))).collect()
}

impl Console {
    /// Starts the engine on a backend that was opened with [`port_specs`] of the desk. `wrap` makes the
    /// backend's callback of the engine (a demo puts a source of sound around it).
    pub fn start(
        mut desk: Desk,
        backend: Box<dyn Backend>,
        options: LiveOptions,
        wrap: impl FnOnce(Live) -> Box<dyn Callback>,
    ) -> Console {
        let LiveOptions { taps, source, memory, writer, surfaces } = options;
        let keeper = Keeper::new(&desk, memory, writer);
        let (engine, mut handle) = engine(desk.rate(), START_RAMP_S);
        let ports = &desk.plan().ports;
        let (n, m) = (ports.inputs.len(), ports.outputs.len());
        let (inputs, outputs): (Vec<usize>, Vec<usize>) = ((0..n).collect(), (n..n + m).collect());
        let (mut metering, analysed) = Metering::start();
        let taps_of = metering.arrange(desk.spec(), desk.rate());
        let (adopt, meters) = desk.adopt(None, inputs.clone(), [&outputs[..], &taps_of].concat());
        let mut outbox = VecDeque::new();
        if let Err(command) = handle.send(Command::Adopt(adopt)) {
            outbox.push_back(command);
        }
        backend.run(wrap(Live::new(engine, n, taps, analysed)));
        Console {
            clock: FrameClock::new(desk.rate()),
            desk,
            handle,
            backend,
            meters,
            outbox,
            spare: Vec::new(),
            seq: 0,
            flushed: 0,
            applied: 0,
            open: 0,
            swaps: 1,
            networks: 0,
            retire: false,
            inputs,
            outputs,
            metering,
            source,
            keeper,
            surfaces,
        }
    }

    /// The rig's surfaces.
    pub fn surfaces(&self) -> &Surfaces {
        &self.surfaces
    }

    /// The lines to the surfaces' ports, once.
    pub fn take_midi(&self) -> Vec<Line> {
        self.backend.take_midi()
    }

    /// The desk.
    pub fn desk(&self) -> &Desk {
        &self.desk
    }

    /// The desk, to set values.
    pub fn desk_mut(&mut self) -> &mut Desk {
        &mut self.desk
    }

    /// Meter cells by strip; others after a reload.
    pub fn meters(&self) -> &Arc<Meters> {
        &self.meters
    }

    /// What is analysed, by strip.
    pub fn readings(&self) -> &[Option<Arc<Readings>>] {
        self.metering.readings()
    }

    /// Frames that the analysis did not see because it was too slow.
    pub fn unmeasured(&self) -> u64 {
        self.metering.lost()
    }

    /// What audio runs at.
    pub fn format(&self) -> Format {
        self.backend.format()
    }

    /// How the backend stands.
    pub fn status(&self) -> Status {
        self.backend.status()
    }

    /// Histograms and counters of the audio thread.
    pub fn timing(&self) -> Arc<Timing> {
        self.backend.timing()
    }

    /// Bundles that came after their time.
    pub fn late(&self) -> u64 {
        self.handle.late()
    }

    /// Commands that wait for the audio thread.
    pub fn queue_depth(&self) -> usize {
        self.handle.depth() + self.outbox.len()
    }

    /// The engine's frame now.
    pub fn frame_now(&self) -> u64 {
        self.handle.frames()
    }

    /// The engine's frame at a time of `CLOCK_MONOTONIC`.
    pub fn frame_at(&self, nanos: u64) -> u64 {
        self.clock.frame_at(nanos)
    }

    /// First frame after the ramp at start at a rate: time 0 of cues and recordings.
    pub fn first_frame_at(rate: f64) -> u64 {
        headroom_dsp::ramp::Curve::lasting(rate, START_RAMP_S).frames()
    }

    /// Whether everything set so far has reached the engine.
    pub fn settled(&self) -> bool {
        !self.desk.is_dirty() && self.open == 0 && self.outbox.is_empty() && !self.desk.needs_swap()
    }

    /// Sends what changed since the last flush, unless two batches are still under way. True where
    /// nothing is left behind.
    pub fn flush(&mut self) -> bool {
        if !self.desk.is_dirty() {
            return true;
        }
        if self.open >= UNDER_WAY {
            return false;
        }
        self.send(None);
        true
    }

    /// Applies changes to the desk that take effect together at a frame (`None`: the next period),
    /// after everything that was set before.
    pub fn bundle<R>(&mut self, frame: Option<u64>, change: impl FnOnce(&mut Desk) -> R) -> R {
        if self.desk.is_dirty() {
            self.send(None);
        }
        let result = change(&mut self.desk);
        if self.desk.is_dirty() {
            self.send(frame);
        }
        result
    }

    fn send(&mut self, at: Option<u64>) {
        let mut batch = self.spare.pop().unwrap_or_default();
        self.seq += 1;
        batch.seq = self.seq;
        batch.at = at;
        self.desk.flush(at.unwrap_or(self.handle.frames()), &mut batch);
        self.open += usize::from(at.is_none());
        self.flushed += u64::from(at.is_none());
        self.outbox.push_back(Command::Apply(batch));
        self.post();
    }

    fn post(&mut self) {
        while let Some(command) = self.outbox.pop_front() {
            if let Err(command) = self.handle.send(command) {
                self.outbox.push_front(command);
                return;
            }
        }
    }

    /// Collects what came back, swaps networks where a set asks for it, keeps the clock. Call at least
    /// every 5 ms.
    pub fn tick(&mut self) {
        while let Some(returned) = self.handle.collect() {
            match returned {
                Returned::Batch(mut batch) => {
                    if batch.at.is_none() {
                        self.open = self.open.saturating_sub(1);
                        self.applied += 1;
                    }
                    batch.sets.clear();
                    batch.fades.clear();
                    batch.cancel.clear();
                    if self.spare.len() < 4 && batch.sets.capacity() < 1 << 16 {
                        self.spare.push(batch);
                    }
                }
                Returned::Adopt(_) => {
                    self.swaps = self.swaps.saturating_sub(1);
                    if self.swaps == 0 && std::mem::take(&mut self.retire) {
                        self.backend.retire_ports();
                    }
                }
                Returned::Fade(_) => {}
            }
        }
        self.post();
        self.metering.tick();
        self.match_reference();
        for id in self.desk.take_pressed() {
            if let Owner::Strip(strip) = self.desk.tree().entry(id).owner {
                self.metering.reset(strip);
            }
        }
        let (frame, nanos) = self.handle.clock();
        self.clock.observe(frame, nanos);
        self.keeper.tick(monotonic_nanos());
        if self.desk.needs_swap() && self.swaps == 0 {
            self.restructure();
        }
    }

    /// Makes the reference as loud as main, while it is not listened to.
    fn match_reference(&mut self) {
        let spec = self.desk.spec();
        let (Some(main), Some(monitor)) = (spec.main(), spec.monitor()) else { return };
        let Some(tape) = self.desk.plan().tapes.iter().find_map(|((s, _), tape)| (*s == monitor).then_some(tape)) else { return };
        let on = self.desk.tree().find(Owner::Strip(monitor), "reference/on");
        let listening = on.is_some_and(|id| self.desk.get(id).as_bool());
        let readings = self.metering.readings().get(main).and_then(Option::as_ref);
        let main = readings.and_then(|r| r.get("loudness/integrated")).filter(|lufs| *lufs > -100.0);
        if let (false, Some(main), Some(own)) = (listening, main, tape.loudness().filter(|lufs| *lufs > -100.0)) {
            tape.match_to((main - own).clamp(-24.0, 24.0));
        }
    }

    /// A new network for the same console.
    fn restructure(&mut self) {
        match self.desk.replan_structure() {
            Ok(before) => self.adopt_from(&before),
            // `allows` was asked before the set; what got through all the same waits for the next reload.
            Err(error) => {
                tracing::error!(%error, "the new schedule does not compile; the old one goes on");
                self.desk.give_up_swap();
            }
        }
    }

    fn adopt_from(&mut self, before: &Desk) {
        if self.desk.is_dirty() && before.rate() == self.desk.rate() && Arc::ptr_eq(before.spec(), self.desk.spec()) {
            // What is not structural would be jumped to; it is carried, and set again after.
            tracing::debug!("changes ride along with the new schedule");
        }
        let taps = self.metering.arrange(self.desk.spec(), self.desk.rate());
        let outputs = [&self.outputs[..], &taps].concat();
        let (adopt, meters) = self.desk.adopt_at(self.handle.frames(), Some(before), self.inputs.clone(), outputs);
        self.meters = meters;
        self.swaps += 1;
        self.networks += 1;
        self.outbox.push_back(Command::Adopt(adopt));
        self.post();
    }

    /// Backend events since the last call; a new rate or period is taken over here.
    pub fn events(&mut self) -> Vec<BackendEvent> {
        let events: Vec<BackendEvent> = self.backend.events().try_iter().collect();
        for event in &events {
            match event {
                BackendEvent::RateChanged(_) | BackendEvent::PeriodChanged(_) => self.take_format(),
                BackendEvent::Xrun(xrun) => {
                    let Format { rate, period } = self.backend.format();
                    self.backend.timing().enter(*xrun, u64::from(period) * 1_000_000_000 / u64::from(rate.max(1)));
                }
                _ => {}
            }
        }
        events
    }

    /// Whether a structural parameter may take a value; the reason where not.
    pub fn allows(&self, id: ParamId, value: &Value) -> Result<(), String> {
        if !self.desk.tree().entry(id).decl.structural {
            return Ok(());
        }
        self.desk.allows(id, value).map_err(|e| e.to_string())
    }

    /// Takes note of parameters that may have changed, up to a revision: they are saved in time.
    pub fn keep(&mut self, ids: &[ParamId], revision: i32) {
        self.keeper.keep(&self.desk, ids, revision, monotonic_nanos());
    }

    /// The presets of the rig: those beside its file, and the built-in ones.
    pub fn shelf(&self) -> Shelf {
        self.source.file.as_deref().map_or_else(Shelf::default, Shelf::beside)
    }

    /// The scenes of the rig: beside its file, else beside the state, else in memory.
    pub fn scenes(&self) -> Book {
        let beside_state = || Some(Path::new(&self.keeper.status()?.path).parent()?.join(crate::scene::book::FOLDER));
        let folder = self.source.file.as_deref().map(Book::beside).or_else(beside_state);
        Book::open(folder, &self.desk, self.keeper.standing().clone())
    }

    /// Takes note of where one stands among them: it is saved in time.
    pub fn stand(&mut self, standing: &Standing) {
        self.keeper.stand(standing, monotonic_nanos());
    }

    /// How saving stands; `None` where nothing is saved.
    pub fn state(&self) -> Option<state::Status> {
        self.keeper.status()
    }

    /// Saves at once, fades all outputs out, then stops the backend. The log tells what took how long.
    pub fn stop(mut self) {
        let from = Instant::now();
        self.keeper.catch_up(&self.desk, monotonic_nanos());
        self.keeper.flush();
        self.outbox.push_back(Command::Level(0.0));
        self.post();
        std::thread::sleep(Duration::from_secs_f64(START_RAMP_S + 0.05));
        let faded = from.elapsed();
        let Console { backend, keeper, .. } = self;
        backend.stop();
        let left = from.elapsed();
        // It waits until all is saved.
        drop(keeper);
        let seconds = |time: Duration| (time.as_secs_f64() * 100.0).round() / 100.0;
        let (fade_s, audio_s, disk_s) = (seconds(faded), seconds(left - faded), seconds(from.elapsed() - left));
        tracing::info!(fade_s, audio_s, disk_s, "stopped");
    }
}
