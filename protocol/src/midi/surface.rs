//! The behaviour of a mixing surface, whatever its dialect: pages, assignments, flip, buttons, what is seen.
//!
//! A surface is a row of one or more panels (a main unit and its extenders). Its faders are a **page** of a **layer**, a
//! list of strips; its encoders are **assigned** to one parameter of each strip, or to the parameters of the selected one.
//! It is told what is done ([`Surface::input`]) and says what should be seen ([`Surface::pictures`]).

pub mod action;
pub mod assign;
pub mod layer;
mod paint;
pub mod press;

use super::MS;
use super::panel::{Input, MASTER, STRIPS, TOP};
use super::remote::Remote;
use super::takeover::{Mode, Takeover};
use action::Action;
use assign::Assign;
use headroom_dsp::param::{Kind, Taper, Value};
use headroom_dsp::tree::{Owner, ParamId};
use layer::Layer;
use std::collections::BTreeMap;

/// How long a value is shown after it was moved.
const SHOWN: u64 = 1_200 * MS;
/// Silence after which a fader that does not feel a hand counts as let go.
const LET_GO: u64 = 300 * MS;
/// Where real faders end: ten of fourteen bits.
const END: u16 = 16_368;
/// Position of 0 dB on the printed scale of a Mackie fader.
pub const UNITY: u16 = 12_400;
/// So near it 0 dB is meant.
const NOTCH: u16 = 16;

/// How a surface is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Panels side by side.
    pub panels: usize,
    /// Which of them has the master fader, the keys and the displays.
    pub main: usize,
    /// Panels of a single strip, which follows the selection: it is no part of the page. Where there is no other panel, the
    /// keys that turn pages choose the strip.
    pub single: Vec<bool>,
    /// Position of a fader at 0 dB.
    pub unity: u16,
    /// How faders without motors take over; `None` where they have motors.
    pub takeover: Option<Mode>,
    /// What keys do beyond those that have a meaning of their own.
    pub keys: BTreeMap<String, Action>,
    /// Strips of the user's layer, as the rig names them.
    pub strips: Vec<String>,
    /// The layer at start.
    pub layer: Layer,
    /// What the rec button of a strip turns over.
    pub rec: String,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            panels: 1,
            main: 0,
            single: Vec::new(),
            unity: UNITY,
            takeover: None,
            keys: action::defaults(),
            strips: Vec::new(),
            layer: Layer::All,
            rec: "safe".into(),
        }
    }
}

/// A fader of the row; the master is the last one.
#[derive(Clone, Copy, Debug, Default)]
struct Fader {
    touched: bool,
    moved: u64,
    /// What it had hold of when it was touched: a page that turns under a hand must not make another value jump.
    grip: Option<ParamId>,
    takeover: Takeover,
    /// Shown in place of what stands there, until then.
    shown: Option<(ParamId, u64)>,
}

/// What the time display shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Display {
    Day,
    Loudness,
}

/// See the module documentation.
#[derive(Debug)]
pub struct Surface {
    options: Options,
    layer: Layer,
    offsets: BTreeMap<Layer, usize>,
    assign: Assign,
    /// Which bus the sends go to, by its place among the buses.
    bus: usize,
    /// Page of the selected strip's parameters.
    sheet: usize,
    flip: bool,
    selected: Option<Owner>,
    faders: Vec<Fader>,
    /// Keys that are held.
    held: Vec<&'static str>,
    /// What the wheel moves: the parameter that was moved last.
    jog: Option<ParamId>,
    fine: bool,
    /// Names stay where parameters would be named.
    names: bool,
    display: Display,
    solos: Vec<ParamId>,
}

impl Surface {
    /// A surface that shows the first page.
    pub fn new(options: Options, remote: &Remote) -> Surface {
        let mut surface = Surface {
            layer: options.layer,
            faders: vec![Fader::default(); options.panels * STRIPS + 1],
            options,
            offsets: BTreeMap::new(),
            assign: Assign::Pan,
            bus: 0,
            sheet: 0,
            flip: false,
            selected: None,
            held: Vec::new(),
            jog: None,
            fine: false,
            names: false,
            display: Display::Day,
            solos: Vec::new(),
        };
        surface.attach(remote);
        surface
    }

    /// The console is made of other strips now.
    pub fn attach(&mut self, remote: &Remote) {
        let entries = remote.tree().entries().iter().enumerate();
        self.solos = entries.filter(|(_, e)| e.path == "solo").map(|(i, _)| ParamId(i as u32)).collect();
        if self.is_alone() {
            self.offsets.clear();
        }
        self.selected = self.owners(remote).first().copied();
        self.faders.iter_mut().for_each(|fader| *fader = Fader::default());
        self.jog = None;
        if let Assign::Proc(_) = self.assign {
            self.assign = Assign::Chain;
        }
    }

    /// A unit was plugged in or out: nobody holds its faders and keys.
    pub fn released(&mut self, panel: usize) {
        let own = panel * STRIPS..(panel + 1) * STRIPS;
        self.faders[own].iter_mut().for_each(|fader| *fader = Fader::default());
        if panel == self.options.main {
            self.held.clear();
            *self.master_mut() = Fader::default();
        }
    }

    /// Something was done on a panel.
    pub fn input(&mut self, panel: usize, input: Input, remote: &mut Remote, now: u64) {
        let row = |strip: usize| panel * STRIPS + strip;
        match input {
            Input::Fader(strip, position) => self.moved(self.place(panel, strip), position, remote, now),
            Input::Touch(strip, on) => {
                let at = self.place(panel, strip);
                let param = self.fader(at, remote);
                let Some(fader) = self.faders.get_mut(at) else { return };
                fader.touched = on;
                fader.grip = param.filter(|_| on);
                fader.shown = param.map(|param| (param, now + SHOWN));
            }
            Input::Turn(strip, ticks) => self.turned(row(strip), ticks, remote, now),
            Input::Press(button, on) => self.pressed(panel, button, on, remote, now),
            Input::Jog(ticks) => {
                if let Some(param) = self.jog {
                    remote.nudge(param, ticks, self.fine);
                }
            }
            Input::Pedal(value) => {
                if let Some(action) = self.options.keys.get("pedal") {
                    action.moved(f64::from(value) / 127.0, remote);
                }
            }
        }
    }

    /// Place of a fader in the row.
    fn place(&self, panel: usize, strip: usize) -> usize {
        if strip == MASTER { self.faders.len() - 1 } else { panel * STRIPS + strip }
    }

    fn master_mut(&mut self) -> &mut Fader {
        let last = self.faders.len() - 1;
        &mut self.faders[last]
    }

    /// Places of the row.
    fn width(&self) -> usize {
        self.faders.len() - 1
    }

    fn is_single(&self, panel: usize) -> bool {
        self.options.single.get(panel).copied().unwrap_or(false)
    }

    /// Whether there is one strip in all, whose page is the selection.
    fn is_alone(&self) -> bool {
        (0..self.options.panels).all(|panel| self.is_single(panel))
    }

    /// Strips of a page.
    fn page_width(&self) -> usize {
        match self.is_alone() {
            true => 1,
            false => (0..self.options.panels).filter(|panel| !self.is_single(*panel)).count() * STRIPS,
        }
    }

    /// Where a place of the row is in the page, and in the layout of the selected strip.
    fn in_page(&self, at: usize) -> Option<usize> {
        let (panel, strip) = (at / STRIPS, at % STRIPS);
        match self.is_single(panel) {
            true => (self.is_alone() && at == 0).then_some(0),
            false => Some((0..panel).filter(|p| !self.is_single(*p)).count() * STRIPS + strip),
        }
    }

    /// The strip at a place of the row.
    fn owner(&self, at: usize, remote: &Remote) -> Option<Owner> {
        match self.is_single(at / STRIPS) {
            true => self.selected.filter(|_| at.is_multiple_of(STRIPS)),
            false => self.page(remote).get(self.in_page(at)?).copied(),
        }
    }

    /// All strips of the layer. A single strip has no master beside it, so main comes last.
    fn owners(&self, remote: &Remote) -> Vec<Owner> {
        let mut owners = self.layer.owners(remote, &self.options.strips);
        let main = remote.spec().main().map(Owner::Strip).filter(|main| self.is_alone() && !owners.contains(main));
        owners.extend(main);
        owners
    }

    /// The strips of the page, by place.
    fn page(&self, remote: &Remote) -> Vec<Owner> {
        let offset = self.offsets.get(&self.layer).copied().unwrap_or(0);
        self.owners(remote).into_iter().skip(offset).take(self.page_width()).collect()
    }

    /// Turns the page to begin at a strip; clamped.
    fn turn_to(&mut self, offset: usize, remote: &Remote) {
        self.offsets.insert(self.layer, offset);
        if let (true, Some(owner)) = (self.is_alone(), self.page(remote).first()) {
            self.select(*owner);
        }
    }

    /// What a fader of the row moves.
    fn fader(&self, at: usize, remote: &Remote) -> Option<ParamId> {
        if at == self.width() {
            return self.master(remote);
        }
        match self.flip {
            true => self.knob(at, remote),
            false => remote.find(self.owner(at, remote)?, "fader"),
        }
    }

    /// What the master fader moves: the bus whose sends are on the faders, else main.
    fn master(&self, remote: &Remote) -> Option<ParamId> {
        let bus = (self.flip && self.assign == Assign::Send).then(|| assign::buses(remote).get(self.bus).copied()).flatten();
        let strip = bus.or(remote.spec().main())?;
        remote.find(Owner::Strip(strip), "fader")
    }

    /// What an encoder turns: with flip, the fader.
    fn encoder(&self, at: usize, remote: &Remote) -> Option<ParamId> {
        match self.flip {
            true => remote.find(self.owner(at, remote)?, "fader"),
            false => self.knob(at, remote),
        }
    }

    /// What the assignment gives to a place of the row.
    fn knob(&self, at: usize, remote: &Remote) -> Option<ParamId> {
        if self.assign.is_of_selected() {
            return self.list(remote).get(self.laid_out(at)?).copied();
        }
        assign::of_strip(self.assign, self.owner(at, remote)?, self.bus, remote)
    }

    /// Which of what is laid out of the selected strip is at a place of the row.
    fn laid_out(&self, at: usize) -> Option<usize> {
        Some(self.sheet * self.page_width() + self.in_page(at)?)
    }

    /// The parameters of the selected strip that the assignment lays out.
    fn list(&self, remote: &Remote) -> Vec<ParamId> {
        self.selected.map(|owner| assign::of_selected(self.assign, owner, remote)).unwrap_or_default()
    }

    fn moved(&mut self, at: usize, position: u16, remote: &mut Remote, now: u64) {
        let Some(param) = self.fader(at, remote) else { return };
        let travel = travel(remote, param, position, self.options.unity);
        let Some(fader) = self.faders.get_mut(at) else { return };
        if !fader.touched && now.saturating_sub(fader.moved) > LET_GO {
            fader.grip = None;
        }
        fader.moved = now;
        let same = *fader.grip.get_or_insert(param) == param;
        match self.options.takeover {
            None if !same => return,
            Some(_) if !same => {
                fader.takeover.let_go();
                fader.grip = Some(param);
            }
            _ => {}
        }
        fader.shown = Some((param, now + SHOWN));
        let travel = match (self.options.takeover, remote.norm(param)) {
            (None, _) => Some(travel),
            (Some(mode), Some(value)) => fader.takeover.moved(mode, travel, value),
            (Some(_), None) => None,
        };
        if let Some(travel) = travel {
            self.jog = Some(param);
            remote.set_norm(param, travel);
        }
    }

    fn turned(&mut self, at: usize, ticks: i32, remote: &mut Remote, now: u64) {
        if self.assign == Assign::Chain && !self.flip {
            let processors = assign::processors(self.selected, remote);
            if let Some((_, Some(on))) = self.laid_out(at).and_then(|at| processors.get(at)) {
                remote.set(*on, &Value::Bool(ticks > 0));
            }
            return;
        }
        let Some(param) = self.encoder(at, remote) else { return };
        self.jog = Some(param);
        if let Some(fader) = self.faders.get_mut(at) {
            fader.shown = Some((param, now + SHOWN));
        }
        let fine = self.fine || self.is_held("shift");
        remote.nudge(param, ticks, fine);
    }

    fn is_held(&self, key: &str) -> bool {
        self.held.contains(&key)
    }
}

/// Whether a parameter is laid out along the printed scale of a fader.
fn is_level(remote: &Remote, param: ParamId) -> bool {
    matches!(remote.decl(param).kind, Kind::Float { taper: Taper::Level, .. })
}

/// Travel 0 … 1 of a parameter at a position of a fader: levels stand at 0 dB where the scale says so.
fn travel(remote: &Remote, param: ParamId, position: u16, unity: u16) -> f64 {
    let position = if position >= END { TOP } else { position };
    let at = f64::from(position) / f64::from(TOP);
    if !is_level(remote, param) {
        return at;
    }
    let zero = remote.decl(param).to_norm(&Value::Float(0.0));
    if position.abs_diff(unity) <= NOTCH {
        return zero;
    }
    let knee = f64::from(unity) / f64::from(TOP);
    if at <= knee { at / knee * zero } else { zero + (at - knee) / (1.0 - knee) * (1.0 - zero) }
}

/// Position of a fader for a travel: the other way round.
fn position(remote: &Remote, param: ParamId, travel: f64, unity: u16) -> u16 {
    let at = if is_level(remote, param) {
        let zero = remote.decl(param).to_norm(&Value::Float(0.0));
        let knee = f64::from(unity) / f64::from(TOP);
        if travel <= zero { travel / zero * knee } else { knee + (travel - zero) / (1.0 - zero) * (1.0 - knee) }
    } else {
        travel
    };
    (at * f64::from(TOP)).round().clamp(0.0, f64::from(TOP)) as u16
}

#[cfg(test)]
mod tests;
