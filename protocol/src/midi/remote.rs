//! What a surface knows of the console, and what it asks of it.
//!
//! A surface is a client of the hub like any other: it subscribes to everything, keeps what it was told, and sends OSC.
//! What it sets itself it takes as set, since the hub does not tell a maker its own change; where the hub refuses or
//! holds a value at a limit, it says so and the surface follows. Its set and another's change may cross on their way, and
//! then the surface would believe the wrong one for good: so it asks for what it set, a moment after the last time.

use super::MS;
use crate::address::AddressSpace;
use crate::coerce;
use crate::osc::decode::{self, Arg as Told, Message};
use crate::osc::encode::{Arg, Encoder};
use headroom_dsp::graph::GraphSpec;
use headroom_dsp::param::{Access, Decl, Kind, Value};
use headroom_dsp::tree::{Owner, ParamId, Tree};
use std::sync::Arc;

/// Steps of an encoder over the whole of a continuous travel.
const STEPS: f64 = 100.0;
/// The same, held fine.
const FINE_STEPS: f64 = 500.0;
/// How long after the last set of a parameter its value is asked for.
const ASK_AFTER: u64 = 150 * MS;
/// Wishes that may wait to be fetched; a surface that nobody serves must not fill the memory.
const MOST_WISHES: usize = 4_096;

/// See the module documentation.
#[derive(Debug)]
pub struct Remote {
    spec: Arc<GraphSpec>,
    tree: Arc<Tree>,
    space: AddressSpace,
    /// By parameter; `None` while nothing was told of it.
    values: Vec<Option<Value>>,
    wishes: Vec<Vec<u8>>,
    encoder: Encoder,
    changes: u64,
    error: Option<String>,
    /// Who hears of parameters that others change, for binding a control to one.
    moved: Vec<ParamId>,
    now: u64,
    /// What was set and is to be asked for, and when.
    unsure: Vec<(ParamId, u64)>,
    /// Switches that are on while a key is held.
    held: Vec<ParamId>,
}

impl Remote {
    /// Of a console of which nothing is known but what it is made of.
    pub fn new(spec: Arc<GraphSpec>, tree: Arc<Tree>, rate: f64) -> Remote {
        let space = AddressSpace::new(&spec, &tree).at_rate(rate);
        Remote {
            values: vec![None; space.len()],
            spec,
            tree,
            space,
            wishes: Vec::new(),
            encoder: Encoder::new(),
            changes: 0,
            error: None,
            moved: Vec::new(),
            now: 0,
            unsure: Vec::new(),
            held: Vec::new(),
        }
    }

    /// What the console is made of.
    pub fn spec(&self) -> &GraphSpec {
        &self.spec
    }

    /// Its parameters.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Its addresses.
    pub fn space(&self) -> &AddressSpace {
        &self.space
    }

    /// Rises with everything that was told or set.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Takes what the hub sent: one packet.
    pub fn told(&mut self, packet: &[u8]) {
        let Ok(packet) = decode::packet(packet) else { return };
        for (_, message) in packet.messages() {
            self.message(&message);
        }
    }

    fn message(&mut self, message: &Message<'_>) {
        if message.address == "/error" {
            let words = message.args.filter_map(|arg| match arg {
                Told::Str(text) | Told::Symbol(text) => Some(text.to_owned()),
                _ => None,
            });
            self.error = Some(words.collect::<Vec<_>>().join(": "));
            return;
        }
        let Some(id) = self.space.resolve(message.address) else { return };
        let decl = self.space.decl(id);
        let value = match decl.access {
            // Of two sides the louder.
            Access::Meter => {
                let numbers = message.args.filter_map(|arg| match arg {
                    Told::Float(x) => Some(f64::from(x)),
                    Told::Int(i) => Some(f64::from(i)),
                    _ => None,
                });
                numbers.reduce(f64::max).map(Value::Float)
            }
            Access::Read => { message.args }.next().and_then(|arg| match arg {
                Told::Float(x) => Some(Value::Float(f64::from(x))),
                Told::Int(i) => Some(Value::Int(i64::from(i))),
                Told::Str(text) => Some(Value::Text(text.into())),
                _ => None,
            }),
            Access::Write => coerce::plain(decl, message.args, self.space.rate()).ok().map(|c| c.value),
        };
        let Some(value) = value else { return };
        let slot = &mut self.values[id.0 as usize];
        if slot.as_ref() == Some(&value) {
            return;
        }
        let known = slot.replace(value).is_some();
        self.changes += 1;
        if known && decl.access == Access::Write && self.moved.len() < MOST_WISHES {
            self.moved.push(id);
        }
    }

    /// Time passes: what was set a moment ago is asked for.
    pub fn tick(&mut self, now: u64) {
        self.now = now;
        while let Some(at) = self.unsure.iter().position(|(_, due)| *due <= now) {
            let (id, _) = self.unsure.swap_remove(at);
            let address = self.space.canonical(id).to_owned();
            self.wish(&address, []);
        }
    }

    /// Parameters that were told to have changed since the last call.
    pub fn take_moved(&mut self) -> Vec<ParamId> {
        std::mem::take(&mut self.moved)
    }

    /// The last refusal since the last call.
    pub fn take_error(&mut self) -> Option<String> {
        self.error.take()
    }

    /// Packets for the hub since the last call.
    pub fn take_wishes(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.wishes)
    }

    /// A parameter of an owner.
    pub fn find(&self, owner: Owner, path: &str) -> Option<ParamId> {
        self.tree.find(owner, path)
    }

    /// The address of an owner without its first slash: `ch/3`, `main`.
    pub fn head(&self, owner: Owner) -> Option<&str> {
        self.space.canonical(self.find(owner, "name")?).strip_prefix('/')?.strip_suffix("/name")
    }

    /// The declaration of a parameter.
    pub fn decl(&self, id: ParamId) -> &'static Decl {
        self.space.decl(id)
    }

    /// The present value, where it is known.
    pub fn value(&self, id: ParamId) -> Option<&Value> {
        self.values.get(id.0 as usize)?.as_ref()
    }

    /// The present value as travel 0 … 1.
    pub fn norm(&self, id: ParamId) -> Option<f64> {
        Some(self.decl(id).to_norm(self.value(id)?))
    }

    /// The present value as a switch; off where it is not known.
    pub fn is_on(&self, id: ParamId) -> bool {
        self.value(id).is_some_and(Value::as_bool)
    }

    /// A switch of an owner; off where it has none.
    pub fn switch(&self, owner: Owner, path: &str) -> bool {
        self.find(owner, path).is_some_and(|id| self.is_on(id))
    }

    /// A text of an owner.
    pub fn label(&self, owner: Owner, path: &str) -> &str {
        self.find(owner, path).and_then(|id| self.value(id)).map_or("", Value::as_text)
    }

    /// The owner that a text names: `ch/3`, `ch/kick`, `dca/band`, `main`, or an id alone.
    pub fn owner(&self, text: &str) -> Option<Owner> {
        let text = text.trim_matches('/');
        let named = |head: &str| self.space.resolve(&format!("/{head}/name"));
        let by_kind = || ["ch", "bus", "matrix", "dca", "mutegroup"].iter().find_map(|kind| named(&format!("{kind}/{text}")));
        let id = named(text).or_else(by_kind)?;
        Some(self.tree.entry(id).owner)
    }

    /// Whether a parameter can be moved by a control.
    pub fn can_move(&self, id: ParamId) -> bool {
        self.decl(id).access == Access::Write && self.space.has_travel(id)
    }

    /// Sets a parameter to a travel 0 … 1.
    pub fn set_norm(&mut self, id: ParamId, norm: f64) {
        if !self.can_move(id) || !norm.is_finite() {
            return;
        }
        let norm = norm.clamp(0.0, 1.0);
        let value = self.decl(id).from_norm(norm);
        if self.take(id, value) {
            let address = format!("/norm{}", self.space.canonical(id));
            self.wish(&address, [Arg::Float(norm as f32)]);
        }
    }

    /// Sets a parameter to a value in its unit.
    pub fn set(&mut self, id: ParamId, value: &Value) {
        let decl = self.decl(id);
        if decl.access != Access::Write {
            return;
        }
        let value = decl.clamp(value);
        let arg = coerce::answer(decl, &value);
        if self.take(id, value) {
            let address = self.space.canonical(id).to_owned();
            self.wish(&address, [arg]);
        }
    }

    /// Takes a value as set; false where that changes nothing.
    fn take(&mut self, id: ParamId, value: Value) -> bool {
        if self.decl(id).trigger {
            return value.as_bool();
        }
        let slot = &mut self.values[id.0 as usize];
        if slot.as_ref() == Some(&value) {
            return false;
        }
        *slot = Some(value);
        self.changes += 1;
        let due = self.now + ASK_AFTER;
        match self.unsure.iter_mut().find(|(unsure, _)| *unsure == id) {
            Some(known) => known.1 = due,
            None => self.unsure.push((id, due)),
        }
        true
    }

    /// Turns a switch over.
    pub fn toggle(&mut self, id: ParamId) {
        let on = self.is_on(id);
        self.set(id, &Value::Bool(!on));
    }

    /// A switch is on while a key is held.
    pub fn hold(&mut self, id: ParamId, on: bool) {
        self.held.retain(|held| *held != id);
        if on {
            self.held.push(id);
        }
        self.set(id, &Value::Bool(on));
    }

    /// Nobody holds a key any more, for the surface was unplugged: talkback does not stay open.
    pub fn let_go(&mut self) {
        for id in std::mem::take(&mut self.held) {
            self.set(id, &Value::Bool(false));
        }
    }

    /// Sets a parameter to what a fresh console has.
    pub fn reset(&mut self, id: ParamId) {
        let default = self.tree.entry(id).default.clone();
        self.set(id, &default);
    }

    /// Moves a parameter by the clicks of an encoder.
    pub fn nudge(&mut self, id: ParamId, ticks: i32, fine: bool) {
        let Some(now) = self.value(id) else { return };
        let decl = self.decl(id);
        match decl.kind {
            Kind::Text { .. } => {}
            Kind::Float { .. } => {
                let steps = if fine { FINE_STEPS } else { STEPS };
                let norm = decl.to_norm(now) + f64::from(ticks) / steps;
                // A centre is met exactly, whatever the steps add up to.
                let centre = decl.to_norm(&self.tree.entry(id).default);
                let norm = if (norm - centre).abs() < 0.1 / steps { centre } else { norm };
                self.set_norm(id, norm);
            }
            Kind::Bool { .. } => self.set(id, &Value::Bool(ticks > 0)),
            Kind::Enum { names, .. } => {
                let next = (now.as_f64() as i64 + i64::from(ticks.signum())).clamp(0, names.len() as i64 - 1);
                self.set(id, &Value::Int(next));
            }
            Kind::Steps { values, .. } => {
                let at = values.iter().position(|v| *v as f64 >= now.as_f64()).unwrap_or(values.len() - 1) as i64;
                let next = (at + i64::from(ticks.signum())).clamp(0, values.len() as i64 - 1);
                self.set(id, &Value::Int(values[next as usize]));
            }
            Kind::Int { .. } => {
                let next = (now.as_f64() as i64).saturating_add(i64::from(ticks));
                self.set(id, &Value::Int(next));
            }
        }
    }

    /// Sends a message: a command, or whatever its address means to the hub.
    pub fn send(&mut self, address: &str, args: &[Arg]) {
        self.wish(address, args.iter().cloned());
    }

    fn wish(&mut self, address: &str, args: impl IntoIterator<Item = Arg>) {
        if self.wishes.len() < MOST_WISHES {
            let mut out = Vec::new();
            self.encoder.message(address, args, &mut out);
            self.wishes.push(out);
        }
    }
}
