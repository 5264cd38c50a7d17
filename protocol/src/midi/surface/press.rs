//! Buttons.

use super::assign::{self, Assign};
use super::layer::Layer;
use super::{Display, SHOWN, Surface};
use crate::midi::panel::{Button, STRIPS};
use crate::midi::remote::Remote;
use headroom_dsp::param::{Kind, Value};
use headroom_dsp::tree::{Owner, ParamId};

/// Keys that change what others do while they are held.
pub(super) const MODIFIERS: &[&str] = &["shift", "option", "control", "cmd_alt"];

impl Surface {
    pub(super) fn pressed(&mut self, panel: usize, button: Button, on: bool, remote: &mut Remote, now: u64) {
        let at = |strip: usize| panel * STRIPS + strip;
        match button {
            Button::Key(key) => self.key(key, on, remote),
            _ if !on => {}
            Button::Rec(strip) => {
                let Some(owner) = self.owner(at(strip), remote) else { return };
                let id = match self.assign {
                    Assign::Send => assign::send_switch(owner, self.bus, remote),
                    _ => remote.find(owner, &self.options.rec),
                };
                toggle(id, remote);
            }
            Button::Solo(strip) => self.toggle(at(strip), "solo", remote),
            Button::Mute(strip) => self.toggle(at(strip), "mute", remote),
            Button::Select(strip) => {
                let Some(owner) = self.owner(at(strip), remote) else { return };
                if self.is_held("option")
                    && let Some(fader) = remote.find(owner, "fader")
                {
                    return remote.reset(fader);
                }
                self.select(owner);
            }
            Button::Push(strip) => self.pushed(at(strip), remote, now),
        }
    }

    fn toggle(&self, at: usize, path: &str, remote: &mut Remote) {
        let id = self.owner(at, remote).and_then(|owner| remote.find(owner, path));
        toggle(id, remote);
    }

    pub(super) fn select(&mut self, owner: Owner) {
        if self.selected != Some(owner) {
            self.sheet = 0;
            if let Assign::Proc(_) = self.assign {
                self.assign = Assign::Chain;
            }
        }
        self.selected = Some(owner);
    }

    /// An encoder was pushed: back to its default, a switch over, or into a processor.
    fn pushed(&mut self, at: usize, remote: &mut Remote, now: u64) {
        if self.assign == Assign::Chain && !self.flip {
            let Some(proc) = self.laid_out(at) else { return };
            if proc < assign::processors(self.selected, remote).len() {
                (self.assign, self.sheet) = (Assign::Proc(proc), 0);
            }
            return;
        }
        let Some(id) = self.encoder(at, remote) else { return };
        if let Some(fader) = self.faders.get_mut(at) {
            fader.shown = Some((id, now + SHOWN));
        }
        let default = remote.tree().entry(id).default.clone();
        match remote.decl(id).kind {
            Kind::Bool { .. } => remote.toggle(id),
            // Twice: a level that stands at its default goes to 0 dB, and back.
            _ if super::is_level(remote, id) && remote.value(id) == Some(&default) => remote.set(id, &Value::Float(0.0)),
            _ => remote.reset(id),
        }
    }

    fn key(&mut self, key: &'static str, on: bool, remote: &mut Remote) {
        if MODIFIERS.contains(&key) {
            self.held.retain(|held| *held != key);
            if on {
                self.held.push(key);
            }
            return;
        }
        if !has_own_meaning(key) {
            if let Some(action) = self.options.keys.get(key) {
                action.pressed(on, remote);
            }
            return;
        }
        if !on {
            return;
        }
        if let Some(layer) = Layer::of_key(key) {
            self.layer = layer;
            let offset = self.offsets.get(&layer).copied().unwrap_or(0);
            return self.turn_to(offset, remote);
        }
        match key {
            "bank_left" | "bank_right" | "channel_left" | "channel_right" => self.turn_page(key, remote),
            "assign_track" => self.assign(Assign::Trim),
            "assign_pan" => self.assign(Assign::Pan),
            "assign_send" if self.is_held("shift") => self.assign(Assign::Sends),
            "assign_send" if self.assign == Assign::Send => self.next_bus(1, remote),
            "assign_send" => self.assign(Assign::Send),
            "assign_eq" => self.assign(Assign::Eq),
            "assign_instrument" => self.assign(Assign::Dynamics),
            "assign_plugin" => self.assign(Assign::Chain),
            "flip" => self.flip = !self.flip,
            "name_value" => self.names = !self.names,
            "smpte_beats" => {
                self.display = if self.display == Display::Day { Display::Loudness } else { Display::Day };
            }
            "scrub" => self.fine = !self.fine,
            "cursor_up" => self.next_bus(-1, remote),
            "cursor_down" => self.next_bus(1, remote),
            "cursor_left" => self.sheet = self.sheet.saturating_sub(1),
            "cursor_right" => {
                let length = match self.assign {
                    Assign::Chain => assign::processors(self.selected, remote).len(),
                    _ => self.list(remote).len(),
                };
                if (self.sheet + 1) * self.page_width() < length {
                    self.sheet += 1;
                }
            }
            _ => {}
        }
    }

    fn assign(&mut self, assign: Assign) {
        self.assign = assign;
        self.sheet = 0;
    }

    fn next_bus(&mut self, step: isize, remote: &Remote) {
        let count = assign::buses(remote).len().max(1);
        self.bus = (self.bus.min(count - 1) as isize + step).rem_euclid(count as isize) as usize;
    }

    /// Pages end at the ends; the last may be filled in part.
    fn turn_page(&mut self, key: &str, remote: &Remote) {
        let (count, width) = (self.owners(remote).len(), self.page_width());
        let now = self.offsets.get(&self.layer).copied().unwrap_or(0);
        let last_page = count.saturating_sub(1) / width * width;
        let bank = if self.is_alone() { STRIPS } else { width };
        let next = match key {
            "bank_left" if self.is_held("shift") => 0,
            "bank_right" if self.is_held("shift") => last_page,
            "bank_left" => now.saturating_sub(bank),
            "bank_right" if now + bank < count => now + bank,
            "bank_right" if self.is_alone() => last_page,
            "channel_left" => now.saturating_sub(1),
            "channel_right" if now + width < count => now + 1,
            _ => now,
        };
        self.turn_to(next, remote);
    }
}

/// Whether a key means something to the surface itself; the rig cannot give it away.
pub fn has_own_meaning(key: &str) -> bool {
    const OWN: &[&str] = &[
        "bank_left",
        "bank_right",
        "channel_left",
        "channel_right",
        "flip",
        "name_value",
        "smpte_beats",
        "scrub",
        "cursor_up",
        "cursor_down",
        "cursor_left",
        "cursor_right",
    ];
    OWN.contains(&key) || key.starts_with("assign_") || MODIFIERS.contains(&key) || Layer::of_key(key).is_some()
}

fn toggle(id: Option<ParamId>, remote: &mut Remote) {
    if let Some(id) = id {
        remote.toggle(id);
    }
}
