//! What a processor is, and the one table of all processors.
//!
//! A processor is one file below `proc/` and one line of the table at the end of this file. Its
//! control side is [`Processor`] (declarations, and the one function that turns parameters into
//! coefficients); its audio side is [`Process`], generic over the lanes.

use crate::graph::StripKind;
use crate::kernel::convolver::Impulse;
use crate::kernel::talkers::Talkers;
use crate::kernel::tape::Tape;
use crate::lanes::{Entry, Lanes};
use crate::meter::Figures;
use crate::param::{Decl, Value};
use crate::ramp::{Curve, When};
use std::any::Any;
use std::sync::Arc;

/// Numbers that a part's coefficients may take.
pub const TARGETS: usize = 12;

/// The coefficients of one part of one strip, as sent to the engine; the meaning of each number is
/// the processor's own. Unused ones are 0.
pub type Targets = [f64; TARGETS];

/// Where a processor may stand in a strip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the chain, before the fader, in the order of the rig.
    Chain,
    /// After fader and pan, whatever the order in the rig; lower numbers first.
    Last(u8),
}

/// What the text `file` of a processor names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loads {
    /// It has none.
    Nothing,
    /// An impulse response.
    Impulse,
    /// A recording.
    Tape,
}

/// How often a part of a processor stands in the address tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Once, its addresses directly below the prefix.
    Once,
    /// Numbered from 1 to this.
    Numbered(usize),
    /// Numbered from 1; how many is the strip's affair (4 on channels, 6 elsewhere, up to 8).
    Bands,
}

/// A group of parameters that becomes one set of coefficients: what is common, a key filter, a band.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Path below the processor (`key`, `mid`), or empty.
    pub prefix: &'static str,
    /// How often it stands.
    pub count: Count,
    /// Its parameters.
    pub decls: &'static [Decl],
    /// Defaults that differ by number: path, and the default of number 1, 2 ….
    pub defaults: &'static [(&'static str, &'static [f64])],
}

impl Part {
    /// A part that stands once, directly below the processor.
    pub const fn common(decls: &'static [Decl]) -> Part {
        Part { prefix: "", count: Count::Once, decls, defaults: &[] }
    }

    /// A part that stands once below `prefix`.
    pub const fn once(prefix: &'static str, decls: &'static [Decl]) -> Part {
        Part { prefix, count: Count::Once, decls, defaults: &[] }
    }
}

/// One part of one strip's processor and where its values stand.
#[derive(Clone, Copy, Debug)]
pub struct PartValues<'a> {
    /// The declarations.
    pub decls: &'static [Decl],
    /// One value a declaration.
    pub values: &'a [Value],
}

impl PartValues<'_> {
    fn value(&self, path: &str) -> &Value {
        let at = self.decls.iter().position(|d| d.path == path);
        &self.values[at.unwrap_or_else(|| panic!("{path} is not declared in this part"))]
    }

    /// A number (an enum: its index). Asking for what is not declared is a bug and panics; this is
    /// control side only.
    pub fn num(&self, path: &str) -> f64 {
        self.value(path).as_f64()
    }

    /// A switch.
    pub fn on(&self, path: &str) -> bool {
        self.value(path).as_bool()
    }

    /// Text.
    pub fn text(&self, path: &str) -> &str {
        self.value(path).as_text()
    }
}

/// The parameters of one processor of one strip: its parts in order, numbered ones expanded.
#[derive(Clone, Debug, Default)]
pub struct Params<'a> {
    /// The parts.
    pub parts: Vec<PartValues<'a>>,
}

/// What a bank is built with; control side.
pub struct Build<'a> {
    /// Rate in Hz.
    pub rate: f64,
    /// The shape of all movement.
    pub curve: &'a Arc<Curve>,
    /// The parameters of each lane's strip, `None` for unused lanes.
    pub lanes: &'a [Option<Params<'a>>],
    /// A seed for each lane (dither, reverb modulation); part of the rig, so renders repeat.
    pub seeds: &'a [u64],
}

impl Build<'_> {
    /// The most parts that any lane has.
    pub fn parts(&self) -> usize {
        self.lanes.iter().flatten().map(|p| p.parts.len()).max().unwrap_or(0)
    }
}

/// What a lane of a processor has beyond its own bank and parameters; given once, before it runs.
pub struct Outside<'a> {
    /// The levels of all strips that share gains, of this network.
    pub talkers: &'a Arc<Talkers>,
    /// This strip's slot there; both sides of a stereo or linked strip have the same.
    pub slot: usize,
    /// Sides of the strip: two where it is stereo or linked.
    pub sides: usize,
    /// Cells of the processor's read-only parameters.
    pub told: &'a Figures,
    /// What the processor's `file` names, loaded.
    pub impulse: Option<&'a Arc<Impulse>>,
    /// What it names, wound on while it is heard.
    pub tape: Option<&'a Arc<Tape>>,
}

/// The control side of a processor.
pub trait Processor: 'static {
    /// Its word in chains and addresses.
    const NAME: &'static str;
    /// One line of documentation.
    const DOC: &'static str;
    /// Its parameters. The first part is common and starts with `on`.
    const PARTS: &'static [Part];
    /// Where it stands.
    const PLACE: Place = Place::Chain;
    /// It bypasses itself (because it delays): the bank always runs it.
    const OWN_BYPASS: bool = false;
    /// It tells a gain change, at `meter/NAME`.
    const METER: bool = false;
    /// It listens to `sidechain` and has a part `key`.
    const KEYED: bool = false;
    /// It makes sound out of silence: switched on, it wakes a bank that sleeps.
    const SOURCE: bool = false;
    /// The one kind of strip that it may stand on, where there is only one.
    const ONLY: Option<StripKind> = None;
    /// Its strips know each other's levels: each has a slot on [`Outside::talkers`].
    const SHARES: bool = false;
    /// The coefficients of one part depend on the others: a change of one sends all.
    const COUPLED: bool = false;
    /// What the text `file` of its first part names (see [`Outside`]).
    const LOADS: Loads = Loads::Nothing;

    /// Frames by which it delays the signal, on or off.
    fn latency(_params: &Params, _rate: f64) -> usize {
        0
    }

    /// The coefficients of one part: the only place where they are worked out.
    fn coeffs(part: usize, params: &Params, rate: f64) -> Targets;

    /// Its audio side.
    type State<L: Lanes>: Process<L>;

    /// Builds the audio side for one bank, signal state clear. Coefficients follow through
    /// [`Process::set`] with [`When::Jump`].
    fn build<L: Lanes>(build: &Build) -> Self::State<L>;
}

/// A block of an insert's loop.
pub struct Looped<'a, L: Lanes> {
    /// Lanes that have one.
    pub lanes: L::Mask,
    /// What comes back.
    pub back: &'a [L],
    /// Takes what goes out.
    pub sent: &'a mut [L],
}

/// What the bank tells a processor about the block.
pub struct Ctx<'a, L: Lanes> {
    /// Absolute frame of the block's first frame.
    pub frame: u64,
    /// Lanes that are one side of a stereo (or linked) strip: detectors take the maximum of both.
    pub pairs: L::Mask,
    /// External side-chain of some lanes (mask) as a block of key signal, where any lane has one.
    pub key: Option<(L::Mask, &'a [L])>,
    /// The loops of an insert, where any lane has one.
    pub looped: Option<Looped<'a, L>>,
    /// Set to the gain change at the block's end, dB, the lowest of the block; ≤ 0 when reducing.
    pub reduction: L,
}

impl<L: Lanes> Ctx<'_, L> {
    /// A block without a key and without a loop.
    pub fn new(frame: u64, pairs: L::Mask) -> Self {
        Ctx { frame, pairs, key: None, looped: None, reduction: L::zero() }
    }
}

/// The audio side of a processor: a bank's worth of strips, one channel a lane.
///
/// Everything here runs on the audio thread but for construction and `Drop`: no allocation, no lock,
/// no panic. `run` and what it calls are `#[inline(always)]` (see [`crate::lanes`]).
pub trait Process<L: Lanes>: Send + Sized + 'static {
    /// New coefficients for one part of one lane.
    fn set(&mut self, part: usize, lane: usize, to: &Targets, when: When);

    /// One block in place, one vector a frame.
    fn run(&mut self, ctx: &mut Ctx<L>, io: &mut [L]);

    /// Forgets the signal in one lane (filters, delay lines), not the settings.
    fn clear(&mut self, lane: usize);

    /// Takes over signal, settings and movement of a lane of another instance. Both have the same
    /// shape; memory is copied, not allocated.
    fn carry(&mut self, lane: usize, from: &Self, from_lane: usize);

    /// Copies some of what [`Process::carry`] will take over of long memory, `budget` bytes or little more, and takes
    /// off what it used; true when little is left. Called block by block while the other instance goes on.
    fn ahead(&mut self, _lane: usize, _from: &Self, _from_lane: usize, _budget: &mut usize) -> bool {
        true
    }

    /// Whether a lane would stay as it is under silence (envelopes settled), so that skipping it
    /// changes nothing.
    fn rest(&self, _lane: usize) -> bool {
        true
    }

    /// Frames that sound may stay inside before it shows at the output (delay lines).
    fn tail(&self, _lane: usize) -> u64 {
        0
    }

    /// Takes what lies outside of the bank. Control side: the network is not running yet.
    fn join(&mut self, _lane: usize, _outside: &Outside) {}
}

/// [`Process`] as the bank holds it.
pub trait Running<L: Lanes>: Send {
    /// See [`Process::set`].
    fn set(&mut self, part: usize, lane: usize, to: &Targets, when: When);
    /// Runs one block with the instructions of the path.
    fn process(&mut self, ctx: &mut Ctx<L>, io: &mut [L]);
    /// See [`Process::clear`].
    fn clear(&mut self, lane: usize);
    /// See [`Process::carry`]; false where the two are of different kinds.
    fn carry(&mut self, lane: usize, from: &dyn Running<L>, from_lane: usize) -> bool;
    /// See [`Process::ahead`].
    fn ahead(&mut self, lane: usize, from: &dyn Running<L>, from_lane: usize, budget: &mut usize) -> bool;
    /// See [`Process::rest`].
    fn rest(&self, lane: usize) -> bool;
    /// See [`Process::tail`].
    fn tail(&self, lane: usize) -> u64;
    /// See [`Process::join`].
    fn join(&mut self, lane: usize, outside: &Outside);
    /// For [`Running::carry`].
    fn as_any(&self) -> &dyn Any;
}

struct Block<'a, 'b, L: Lanes, P>(&'a mut P, &'a mut Ctx<'b, L>, &'a mut [L]);

impl<L: Lanes, P: Process<L>> Entry for Block<'_, '_, L, P> {
    #[inline(always)]
    fn run(self) {
        self.0.run(self.1, self.2);
    }
}

impl<L: Lanes, P: Process<L>> Running<L> for P {
    fn set(&mut self, part: usize, lane: usize, to: &Targets, when: When) {
        Process::set(self, part, lane, to, when);
    }
    fn process(&mut self, ctx: &mut Ctx<L>, io: &mut [L]) {
        L::enter(Block(self, ctx, io));
    }
    fn clear(&mut self, lane: usize) {
        Process::clear(self, lane);
    }
    fn carry(&mut self, lane: usize, from: &dyn Running<L>, from_lane: usize) -> bool {
        from.as_any().downcast_ref::<P>().map(|from| Process::carry(self, lane, from, from_lane)).is_some()
    }
    fn ahead(&mut self, lane: usize, from: &dyn Running<L>, from_lane: usize, budget: &mut usize) -> bool {
        let from = from.as_any().downcast_ref::<P>();
        from.is_none_or(|from| Process::ahead(self, lane, from, from_lane, budget))
    }
    fn rest(&self, lane: usize) -> bool {
        Process::rest(self, lane)
    }
    fn tail(&self, lane: usize) -> u64 {
        Process::tail(self, lane)
    }
    fn join(&mut self, lane: usize, outside: &Outside) {
        Process::join(self, lane, outside);
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// One line of the table: a processor without its lane type.
pub struct ProcDecl {
    /// Its word in chains and addresses.
    pub name: &'static str,
    /// One line of documentation.
    pub doc: &'static str,
    /// Its parameters.
    pub parts: &'static [Part],
    /// Where it stands.
    pub place: Place,
    /// It bypasses itself.
    pub own_bypass: bool,
    /// It tells a gain change.
    pub meter: bool,
    /// It listens to a side-chain.
    pub keyed: bool,
    /// It makes sound out of silence.
    pub source: bool,
    /// The one kind of strip that it may stand on.
    pub only: Option<StripKind>,
    /// Its strips know each other's levels.
    pub shares: bool,
    /// A change of one part sends all.
    pub coupled: bool,
    /// It has a `file` to be loaded.
    pub loads: Loads,
    /// Frames by which it delays the signal.
    pub latency: fn(&Params, f64) -> usize,
    /// The coefficients of one part.
    pub coeffs: fn(usize, &Params, f64) -> Targets,
}

impl ProcDecl {
    const fn of<P: Processor>() -> ProcDecl {
        ProcDecl {
            name: P::NAME,
            doc: P::DOC,
            parts: P::PARTS,
            place: P::PLACE,
            own_bypass: P::OWN_BYPASS,
            meter: P::METER,
            keyed: P::KEYED,
            source: P::SOURCE,
            only: P::ONLY,
            shares: P::SHARES,
            coupled: P::COUPLED,
            loads: P::LOADS,
            latency: P::latency,
            coeffs: P::coeffs,
        }
    }
}

/// A processor's place in [`PROCESSORS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProcKind(pub u8);

impl ProcKind {
    /// The processor of this name.
    pub fn named(name: &str) -> Option<ProcKind> {
        PROCESSORS.iter().position(|p| p.name == name).map(|i| ProcKind(i as u8))
    }

    /// Its line of the table.
    pub fn decl(self) -> &'static ProcDecl {
        &PROCESSORS[usize::from(self.0)]
    }
}

macro_rules! processors {
    ($($module:ident :: $name:ident),* $(,)?) => {
        /// All processors.
        pub static PROCESSORS: &[ProcDecl] = &[$(ProcDecl::of::<$module::$name>()),*];

        /// Builds a processor for one bank.
        pub fn build<L: Lanes>(kind: ProcKind, build: &Build) -> Box<dyn Running<L>> {
            static NAMES: &[&str] = &[$(<$module::$name as Processor>::NAME),*];
            $(if NAMES[usize::from(kind.0)] == <$module::$name as Processor>::NAME {
                return Box::new(<$module::$name as Processor>::build::<L>(build));
            })*
            unreachable!("a ProcKind is an index of the table")
        }
    };
}

pub mod automix;
pub mod check;
pub mod chorus;
pub mod clip;
pub mod comp;
pub mod convolve;
pub mod cut;
pub mod deess;
pub mod delay;
pub mod dither;
pub mod duck;
pub mod dyneq;
pub mod echo;
pub mod eq;
pub mod exciter;
pub mod feedback;
pub mod gate;
pub mod geq;
pub mod insert;
pub mod limiter;
pub mod ms;
pub mod multiband;
pub mod oscillator;
pub mod phase;
pub mod phaser;
pub mod pitch;
pub mod reference;
pub mod reverb;
pub mod saturate;
#[cfg(test)]
mod testing;
pub mod transient;
pub mod tremolo;
pub mod width;

processors! {
    cut::Hpf,
    cut::Lpf,
    gate::Gate,
    comp::Comp,
    comp::Glue,
    automix::Automix,
    reverb::Reverb,
    echo::Echo,
    convolve::Convolve,
    chorus::Chorus,
    chorus::Flanger,
    phaser::Phaser,
    tremolo::Tremolo,
    pitch::Pitch,
    eq::Eq,
    reference::Reference,
    check::Check,
    oscillator::Oscillator,
    geq::Geq,
    insert::Insert,
    saturate::Saturate,
    clip::Clip,
    exciter::Exciter,
    width::Width,
    transient::Transient,
    ms::Ms,
    deess::Deess,
    multiband::Multiband,
    duck::Duck,
    dyneq::Dyneq,
    phase::Phase,
    feedback::Feedback,
    limiter::Limiter,
    dither::Dither,
}

#[cfg(test)]
mod bench;
