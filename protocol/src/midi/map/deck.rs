//! A controller with a map, as it is played.

use super::decode::{Decoder, Number, encode};
use super::{Control, Does, Kind, Map, PAGE, Shows, Source};
use crate::midi::MS;
use crate::midi::cable::Cable;
use crate::midi::controller::{Clock, Controller};
use crate::midi::message::Parser;
use crate::midi::remote::Remote;
use crate::midi::surface::action::Action;
use crate::midi::surface::layer::Layer;
use crate::midi::takeover::{Mode, Takeover};
use crate::osc::encode::Arg;
use crate::pattern::{Pattern, is_pattern};
use headroom_dsp::param::{Kind as ParamKind, Value};
use headroom_dsp::tree::{Owner, ParamId};
use std::collections::HashMap;
use std::sync::Arc;

/// How long a motor is left alone after its fader moved.
const HOLD: u64 = 300 * MS;
/// A press is a value above this.
const PRESS: u16 = 63;

/// A control as it is played.
#[derive(Clone, Copy, Debug, Default)]
struct Played {
    takeover: Takeover,
    /// What it means on this page.
    param: Option<ParamId>,
    /// What it was sent last.
    sent: Option<u16>,
    /// What it should show.
    wanted: Option<u16>,
    /// Its motor is left alone until then.
    held: u64,
}

/// See the module documentation.
pub struct Deck {
    map: Arc<Map>,
    user: Vec<String>,
    takeover: Option<Mode>,
    parser: Parser,
    decoder: Decoder,
    cable: Cable,
    by_source: HashMap<Source, Vec<usize>>,
    played: Vec<Played>,
    layer: Layer,
    offset: usize,
    selected: Option<Owner>,
    /// Shift buttons that are held.
    shifts: Vec<usize>,
    /// Messages of the map that are still to be sent.
    init: usize,
    open: bool,
    present: bool,
    next: usize,
}

impl Deck {
    /// A controller on its first page. `strips` is the user's layer; `takeover` is how faders take over where the rig says so.
    pub fn new(map: Arc<Map>, strips: Vec<String>, layer: Option<Layer>, takeover: Option<Mode>, remote: &Remote) -> Deck {
        let mut by_source: HashMap<Source, Vec<usize>> = HashMap::new();
        for (at, control) in map.controls.iter().enumerate() {
            by_source.entry(control.source).or_default().push(at);
        }
        let first = if strips.is_empty() { Layer::All } else { Layer::User };
        let mut deck = Deck {
            decoder: Decoder::new(map.controls.iter().map(|c| c.source)),
            played: vec![Played::default(); map.controls.len()],
            layer: layer.or(map.layer).unwrap_or(first),
            map,
            user: strips,
            takeover,
            parser: Parser::default(),
            cable: Cable::default(),
            by_source,
            offset: 0,
            selected: None,
            shifts: Vec::new(),
            init: 0,
            open: false,
            present: false,
            next: 0,
        };
        deck.attach(remote);
        deck
    }

    /// The strips of the page.
    fn page(&self, remote: &Remote) -> Vec<Owner> {
        let owners = self.layer.owners(remote, &self.user);
        owners.into_iter().skip(self.offset).take(self.map.strips.max(1)).collect()
    }

    /// Everything means something else now.
    fn turned(&mut self, remote: &Remote) {
        let page = self.page(remote);
        let map = self.map.clone();
        for (control, played) in map.controls.iter().zip(&mut self.played) {
            let param = match &control.does {
                Does::Move { address, strip } => {
                    fill(address, *strip, &page, self.selected, remote).and_then(|a| first(&a, remote))
                }
                _ => None,
            };
            if played.param != param {
                played.param = param;
                played.takeover.let_go();
            }
        }
    }

    fn turn_page(&mut self, step: isize, remote: &Remote) {
        let (count, width) = (self.layer.owners(remote, &self.user).len(), self.map.strips.max(1));
        self.offset = match step {
            PAGE if self.offset + width < count => self.offset + width,
            _ if step == -PAGE => self.offset.saturating_sub(width),
            1.. if step != PAGE && self.offset + width < count => self.offset + step as usize,
            ..=0 => self.offset.saturating_add_signed(step),
            _ => self.offset,
        };
        self.turned(remote);
    }

    fn heard(&mut self, source: Source, number: Number, remote: &mut Remote, now: u64) {
        let shifted = !self.shifts.is_empty();
        let map = self.map.clone();
        let Some(controls) = self.by_source.get(&source).cloned() else { return };
        let has_shifted = controls.iter().any(|at| map.controls[*at].shift);
        for at in controls {
            let control = &map.controls[at];
            let pressed = matches!(number, Number::Value(v) if v > PRESS || matches!(source, Source::Note(..)) && v > 0);
            // What was pressed without shift is let go without it.
            if control.shift != (shifted && has_shifted) && !(control.does == Does::Shift) {
                continue;
            }
            match &control.does {
                Does::Move { address, strip } => self.moved(at, control, (address, *strip), number, pressed, remote, now),
                Does::Act { text, strip } => {
                    let page = self.page(remote);
                    let action = fill(text, *strip, &page, self.selected, remote).and_then(|t| Action::parse(&t).ok());
                    if let Some(action) = action {
                        action.pressed(pressed, remote);
                    }
                }
                Does::Shift => {
                    self.shifts.retain(|held| *held != at);
                    if pressed {
                        self.shifts.push(at);
                    }
                }
                _ if !pressed => {}
                Does::Select(strip) => {
                    self.selected = self.page(remote).get(*strip).copied().or(self.selected);
                    self.turned(remote);
                }
                Does::Page(step) => self.turn_page(*step, remote),
                Does::Layer(layer) => {
                    (self.layer, self.offset) = (*layer, 0);
                    self.turned(remote);
                }
            }
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn moved(
        &mut self,
        at: usize,
        control: &Control,
        to: (&str, usize),
        number: Number,
        pressed: bool,
        remote: &mut Remote,
        now: u64,
    ) {
        let Some(param) = self.played[at].param else { return };
        let played = &mut self.played[at];
        let target = match (control.kind, number) {
            (_, Number::Step(step)) => return remote.nudge(param, step, false),
            (Kind::Relative(relative), Number::Value(value)) => return remote.nudge(param, relative.clicks(value as u8), false),
            (Kind::Edge, _) if !pressed => return,
            (Kind::Edge, _) if !matches!(remote.decl(param).kind, ParamKind::Bool { .. }) => return remote.reset(param),
            (Kind::Edge, _) => f64::from(u8::from(!remote.is_on(param))),
            (Kind::Level, _) => f64::from(u8::from(pressed)),
            (Kind::Absolute(mode), Number::Value(value)) => {
                let position = f64::from(value) / f64::from(control.source.top());
                let motor = control.shows.is_some_and(|shows| shows.motor);
                if motor {
                    (played.held, played.sent) = (now + HOLD, None);
                }
                let mode = self.takeover.or(mode).filter(|_| !motor);
                let Some(value) = remote.norm(param) else { return };
                match mode.map_or(Some(position), |mode| played.takeover.moved(mode, position, value)) {
                    Some(position) => position,
                    None => return,
                }
            }
        };
        let page = self.page(remote);
        match fill(to.0, to.1, &page, self.selected, remote) {
            // All that the pattern reaches goes along; the hub tells those that are not first.
            Some(pattern) if is_pattern(&pattern) => {
                remote.set_norm(param, target);
                remote.send(&format!("/norm{pattern}"), &[Arg::Float(target as f32)]);
            }
            _ if matches!(remote.decl(param).kind, ParamKind::Bool { .. }) => remote.set(param, &Value::Bool(target >= 0.5)),
            _ => remote.set_norm(param, target),
        }
    }

    /// What a control should show now.
    fn wanted(&self, at: usize, page: &[Owner], remote: &Remote) -> Option<u16> {
        let control = &self.map.controls[at];
        let Shows { low, high, .. } = control.shows?;
        let light = |on: bool| if on { high } else { low };
        Some(match &control.does {
            Does::Move { .. } => match self.played[at].param {
                Some(id) => {
                    let span = f64::from(high) - f64::from(low);
                    (f64::from(low) + remote.norm(id)? * span).round() as u16
                }
                None => low,
            },
            Does::Act { text, strip } => {
                let action = fill(text, *strip, page, self.selected, remote).and_then(|t| Action::parse(&t).ok());
                light(action.is_some_and(|action| action.is_lit(remote)))
            }
            Does::Select(strip) => light(self.selected.is_some() && page.get(*strip).copied() == self.selected),
            Does::Page(step) if *step < 0 => light(self.offset > 0),
            Does::Page(_) => light(self.offset + self.map.strips.max(1) < self.layer.owners(remote, &self.user).len()),
            Does::Layer(layer) => light(*layer == self.layer),
            Does::Shift => light(self.shifts.contains(&at)),
        })
    }
}

/// An address with its places filled; `None` where the page has no such strip, or none is selected.
fn fill(text: &str, strip: usize, page: &[Owner], selected: Option<Owner>, remote: &Remote) -> Option<String> {
    let mut text = text.to_owned();
    for (place, owner) in [("{strip}", page.get(strip).copied()), ("{selected}", selected)] {
        if text.contains(place) {
            text = text.replace(place, remote.head(owner?)?);
        }
    }
    Some(text)
}

/// The parameter at an address, or the first that a pattern reaches.
fn first(address: &str, remote: &Remote) -> Option<ParamId> {
    if !is_pattern(address) {
        return remote.space().resolve(address);
    }
    let pattern = Pattern::parse(address).ok()?;
    remote.space().matches(&pattern, usize::MAX).into_iter().find(|id| remote.can_move(*id))
}

impl Controller for Deck {
    fn attach(&mut self, remote: &Remote) {
        self.selected = self.page(remote).first().copied();
        self.turned(remote);
    }

    fn plugged(&mut self, _: usize, _: u64) {
        self.parser.reset();
        self.shifts.clear();
        (self.open, self.present, self.init) = (true, false, 0);
        for played in &mut self.played {
            *played = Played { param: played.param, ..Played::default() };
        }
    }

    fn unplugged(&mut self, _: usize) {
        (self.open, self.present) = (false, false);
    }

    fn receive(&mut self, _: usize, bytes: &[u8], remote: &mut Remote, now: u64) {
        let mut parser = std::mem::take(&mut self.parser);
        parser.read(bytes, |message| {
            self.present = true;
            if let Some((source, number)) = self.decoder.read(&message) {
                self.heard(source, number, remote, now);
            }
        });
        self.parser = parser;
    }

    fn draw(&mut self, remote: &Remote, now: u64, _: Clock) {
        let page = self.page(remote);
        let shifted = !self.shifts.is_empty();
        for at in 0..self.played.len() {
            let control = &self.map.controls[at];
            let covered = self.by_source.get(&control.source).is_some_and(|same| {
                same.iter().any(|other| self.map.controls[*other].shift != control.shift) && control.shift != shifted
            });
            // Of two meanings of one control the one shows that counts.
            let wanted = if covered { None } else { self.wanted(at, &page, remote) };
            let held = self.played[at].held > now;
            self.played[at].wanted = wanted.filter(|_| !held);
            if covered {
                self.played[at].sent = None;
            }
        }
    }

    fn next(&mut self, _: usize, now: u64, out: &mut Vec<u8>) -> bool {
        if !self.open || !self.cable.is_free(now) {
            return false;
        }
        let before = out.len();
        if let Some(message) = self.map.init.get(self.init) {
            self.init += 1;
            out.extend(message);
        } else {
            let count = self.played.len();
            for step in 0..count {
                let at = (self.next + step) % count;
                let (played, shows) = (&mut self.played[at], self.map.controls[at].shows);
                let (Some(wanted), Some(shows)) = (played.wanted, shows) else { continue };
                if played.sent != Some(wanted) {
                    played.sent = Some(wanted);
                    self.next = at + 1;
                    encode(shows.source, wanted, out);
                    break;
                }
            }
        }
        self.cable.sent(out.len() - before, now);
        out.len() > before
    }

    fn is_present(&self, _: usize) -> bool {
        self.present
    }
}

#[cfg(test)]
mod tests;
