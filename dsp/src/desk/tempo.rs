//! Notes follow the tempo.

use super::Desk;
use crate::param::note::TEMPO;
use crate::param::{Decl, Value};
use crate::tree::{Owner, ParamId, Tree};

/// Tempo of some values, BPM.
fn tempo(tree: &Tree, values: &[Value]) -> f64 {
    tree.find(Owner::Console, "tempo").map_or(TEMPO, |id| values[id.0 as usize].as_f64())
}

/// A note as long as it is at a tempo; any other value as it is.
fn timed(decl: &Decl, value: &Value, bpm: f64) -> Value {
    match value {
        Value::Note(note) => decl.clamp(&Value::Note(note.at(bpm))),
        _ => value.clone(),
    }
}

/// Gives all notes their time.
pub(super) fn time_all(tree: &Tree, values: &mut [Value]) {
    let bpm = tempo(tree, values);
    for (entry, value) in tree.entries().iter().zip(values) {
        *value = timed(entry.decl, value, bpm);
    }
}

impl Desk {
    /// A value within its limits; a note at the present tempo.
    pub(super) fn held(&self, decl: &Decl, value: &Value) -> Value {
        match value {
            Value::Note(_) => timed(decl, value, tempo(&self.tree, &self.values)),
            _ => decl.clamp(value),
        }
    }

    /// All notes at the present tempo. They read as before: only their time is another, so nobody is told.
    pub(super) fn follow_tempo(&mut self) {
        let bpm = tempo(&self.tree, &self.values);
        for at in 0..self.values.len() {
            if let Value::Note(_) = self.values[at] {
                let id = ParamId(at as u32);
                let value = timed(self.tree.entry(id).decl, &self.values[at], bpm);
                if self.values[at] != value {
                    self.values[at] = value;
                    self.mark(id);
                }
            }
        }
    }
}
