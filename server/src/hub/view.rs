//! What addresses tell now.

use super::figures::Figures;
use super::meters::{Board, Gauge, faults};
use headroom_dsp::desk::Desk;
use headroom_dsp::meter::Meters;
use headroom_dsp::param::{Access, Value};
use headroom_dsp::tree::{Owner, ParamId};
use headroom_protocol::address::{AddressSpace, Target};
use headroom_protocol::coerce;
use headroom_protocol::osc::encode::Arg;
use std::borrow::Cow;

/// One look at everything that can be asked.
pub(super) struct View<'a> {
    pub space: &'a AddressSpace,
    pub desk: &'a Desk,
    pub board: &'a Board,
    pub meters: &'a Meters,
    pub standing: &'a Figures,
    /// The engine's frame: something on its way is told where it is.
    pub frame: u64,
    /// Who is told asked for ids.
    pub ids: bool,
}

impl View<'_> {
    /// The address that answers carry.
    pub fn address(&self, target: Target) -> Cow<'_, str> {
        match (self.ids, target.norm) {
            (false, false) => Cow::Borrowed(self.space.canonical(target.param)),
            (false, true) => Cow::Owned(self.space.canonical_of(target)),
            (true, _) => Cow::Owned(self.space.by_id_of(target)),
        }
    }

    /// The present value as arguments.
    pub fn told(&self, target: Target) -> impl Iterator<Item = Arg> {
        let gauge = self.board.gauge(target.param);
        let value = gauge.is_none().then(|| {
            let (decl, value) = (self.space.decl(target.param), self.value(target.param));
            if target.norm { coerce::answer_norm(decl, &value) } else { coerce::answer(decl, &value) }
        });
        let cells = gauge.into_iter().flat_map(move |g| (0..g.width()).map(move |n| (g, self.board.recent(g, n))));
        value.into_iter().chain(cells.map(move |(gauge, raw)| self.cell(target, gauge, raw)))
    }

    /// The arguments of a meter with these cells.
    pub fn meter(&self, target: Target, gauge: Gauge, raw: &[f32]) -> impl Iterator<Item = Arg> {
        raw.iter().map(move |raw| self.cell(target, gauge, *raw))
    }

    fn cell(&self, target: Target, gauge: Gauge, raw: f32) -> Arg {
        let told = gauge.told(raw);
        if target.norm {
            Arg::Float(self.space.decl(target.param).to_norm(&Value::Float(f64::from(told))) as f32)
        } else if gauge.is_count() {
            Arg::Int(told as i32)
        } else {
            Arg::Float(told)
        }
    }

    /// The present value of a parameter that is no meter.
    pub fn value(&self, id: ParamId) -> Value {
        let entry = self.desk.tree().entry(id);
        match (entry.decl.access, entry.owner) {
            (Access::Read, Owner::Strip(s)) if entry.path == "fault" => Value::Int(i64::from(faults(self.meters, s))),
            (Access::Read, Owner::Strip(s)) if entry.path == "latency" => Value::Int(self.desk.plan().latencies.own(s) as i64),
            (Access::Read, Owner::Status) => self.standing.get(id).unwrap_or(&entry.default).clone(),
            (Access::Read, _) => self.figure(id).unwrap_or_else(|| entry.default.clone()),
            _ => self.desk.present(id, self.frame),
        }
    }

    /// What a processor tells of itself.
    fn figure(&self, id: ParamId) -> Option<Value> {
        let (strip, proc, at) = self.desk.tree().figure(id)?;
        let cell = self.meters.strips.get(strip)?.told.get(proc)?.get(at)?;
        Some(self.space.decl(id).clamp(&Value::Float(f64::from(cell.get()))))
    }

    /// All read-only figures of strips.
    pub fn figures(&self) -> Vec<(ParamId, Value)> {
        let is_figure = |id: &ParamId| self.space.decl(*id).access == Access::Read && !self.standing.contains(*id);
        let figures = self.space.params().filter(is_figure);
        figures.map(|id| (id, self.value(id))).collect()
    }
}
