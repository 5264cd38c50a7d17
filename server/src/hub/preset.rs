//! Presets by message: what there is, onto a strip, and from a strip into a file.

use super::mixer::Mixer;
use super::{By, Hub};
use crate::rig::preset::{Loaded, save, shelf};
use headroom_dsp::graph::GraphSpec;
use headroom_dsp::param::{Access, Value};
use headroom_dsp::tree::{Owner, ParamId, Slot};
use headroom_protocol::address::quoted;
use headroom_protocol::intent::ClientId;
use headroom_protocol::osc::encode::Arg;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

/// Files that may be under way to the disk.
const MOST: usize = 4;
/// What loading one costs, in addresses reached.
const EFFORT: usize = 64;
/// Bytes of a name or description in the list.
const SHOWN: usize = 120;

/// A preset that a thread writes.
pub(super) struct Saving {
    from: ClientId,
    strip: String,
    name: String,
    done: Receiver<Result<(), String>>,
}

/// A strip as a message names it: `kick`, `ch/3`, `ch/kick`, `main`, with or without a slash in front.
fn strip_named(spec: &GraphSpec, text: &str) -> Result<usize, String> {
    let name = text.strip_prefix('/').unwrap_or(text);
    let by_kind = || {
        let (kind, id) = name.split_once('/')?;
        spec.strips.iter().position(|s| !s.kind.single() && s.kind.address() == kind && s.id == id)
    };
    spec.named(name).or_else(by_kind).ok_or_else(|| no_strip(text))
}

/// What is said where there is no such strip, or none that the role sees.
pub(super) fn no_strip(text: &str) -> String {
    format!("there is no strip {}; name one by id, ch/3 or main", quoted(text))
}

/// Why a preset cannot be used.
fn fault(loaded: &Loaded) -> Option<String> {
    let errors = loaded.report.errors();
    let brief = loaded.report.brief();
    (errors > 0).then(|| format!("the preset cannot be used: {}", brief.lines().next().unwrap_or_default()))
}

fn shown(text: &str) -> &str {
    &text[..text.floor_char_boundary(SHOWN)]
}

impl<M: Mixer> Hub<M> {
    /// Names and descriptions, in turn.
    pub(super) fn list_presets(&mut self, from: ClientId, now: u64) {
        let mut answer = Vec::new();
        for name in self.shelf.names() {
            let Some(loaded) = self.shelf.find(&name) else { continue };
            let about = fault(&loaded).unwrap_or_else(|| loaded.preset.description.clone());
            answer.extend([Arg::from(name), Arg::from(shown(&about))]);
        }
        self.reply(from, "/preset/list", answer, now);
    }

    /// All that a preset may set or tell of a strip.
    pub(super) fn preset_reach(&self, strip: &str) -> Result<Vec<ParamId>, String> {
        let desk = self.mixer.desk();
        let tree = desk.tree();
        let of = tree.of(Owner::Strip(strip_named(desk.spec(), strip)?)).filter(|id| {
            let entry = tree.entry(*id);
            matches!(entry.slot, Slot::Proc(..)) && entry.decl.access == Access::Write
        });
        Ok(of.collect())
    }

    fn preset(&mut self, by: By, name: &str) -> Result<Arc<Loaded>, String> {
        match self.shelf.find(name) {
            Some(loaded) => fault(&loaded).map_or(Ok(loaded), Err),
            None => Err(match self.shelf.nearest(name).filter(|_| self.may_be_told(by, "/preset/list")) {
                Some(near) => format!("there is no preset {}: did you mean {near}?", quoted(name)),
                None => format!("there is no preset {}; /preset/list names all", quoted(name)),
            }),
        }
    }

    /// Sets the processors that a preset names, and what it does not state of them to their defaults. All
    /// of it reaches the engine in one batch, or nothing does.
    pub(super) fn load_preset(&mut self, by: By, strip: &str, name: &str, now: u64) -> Result<(), String> {
        self.count_reach(EFFORT)?;
        let at = strip_named(self.mixer.desk().spec(), strip)?;
        let loaded = self.preset(by, name)?;
        let preset = &loaded.preset;
        let (spec, tree) = (self.mixer.desk().spec().clone(), self.mixer.desk().tree().clone());
        let to = &spec.strips[at];
        if let Some(refused) = preset.refuses(to.kind) {
            return Err(refused);
        }
        let owner = Owner::Strip(at);
        let concerned = preset.processors();
        let mut values = 0;
        let mut sets: Vec<(ParamId, Value)> = Vec::new();
        for id in tree.of(owner) {
            let entry = tree.entry(id);
            let Slot::Proc(proc, _) = entry.slot else { continue };
            let settable = entry.decl.access == Access::Write && !entry.decl.trigger;
            if !settable || !concerned.contains(&to.chain[proc].name.as_str()) {
                continue;
            }
            let stated = preset.values.iter().find(|(path, _)| *path == entry.path);
            values += i32::from(stated.is_some());
            sets.push((id, stated.map_or_else(|| entry.default.clone(), |(_, value)| value.clone())));
        }
        sets.retain(|(id, value)| self.mixer.desk().get(*id) != value || self.moving.iter().any(|m| m.0 == *id));
        for (id, value) in sets.iter().filter(|(id, _)| tree.entry(*id).decl.structural) {
            self.mixer.allows(*id, value).map_err(|why| format!("{}: {why}", self.space.canonical(*id)))?;
        }
        self.counters.sets += sets.len() as u64;
        for (id, value) in &sets {
            // The client did not set these one by one, so it is told with the others.
            self.store(*id, value, None);
        }
        let missing = preset.needs().into_iter().filter(|name| to.chain.iter().all(|p| p.name != *name));
        let mut answer = vec![Arg::from(to.address()), Arg::from(preset.id.as_str()), Arg::Int(values)];
        answer.extend(missing.map(Arg::from));
        self.reply(by.client, "/preset/load", answer, now);
        Ok(())
    }

    /// Hands a strip's processors to a thread that writes them; the answer follows when they are on the disk.
    pub(super) fn save_preset(&mut self, from: ClientId, strip: &str, name: &str) -> Result<(), String> {
        let desk = self.mixer.desk();
        let at = strip_named(desk.spec(), strip)?;
        let Some(folder) = self.shelf.folder().map(ToOwned::to_owned) else {
            return Err("this rig is built in; there is no rig file to save presets beside".into());
        };
        if !shelf::is_name(name) {
            let most = shelf::LONGEST_NAME;
            return Err(format!("{} cannot be a preset's name: a–z, 0–9 and single dashes, {most} at most", quoted(name)));
        }
        if self.saving.len() >= MOST {
            return Err(format!("{MOST} presets are being saved; try again"));
        }
        let under_way: Vec<&str> = self.saving.iter().map(|s| s.name.as_str()).collect();
        if !self.shelf.has_room(name, &under_way) {
            let most = shelf::MOST;
            return Err(format!(
                "there are {most} presets of your own; take files out of {}, or save over one",
                folder.display()
            ));
        }
        let text = save::text(desk, at, name)?;
        let strip = desk.spec().strips[at].address();
        let (send, done) = channel();
        let id = name.to_string();
        let work = move || drop(send.send(save::write(&folder, &id, &text)));
        let thread = std::thread::Builder::new().name("preset".into()).spawn(work);
        thread.map_err(|e| format!("cannot save: {e}"))?;
        self.saving.push(Saving { from, strip, name: name.into(), done });
        Ok(())
    }

    /// Answers what has been written.
    pub(super) fn answer_saved(&mut self, now: u64) {
        let mut at = 0;
        while let Some(saving) = self.saving.get(at) {
            let done = match saving.done.try_recv() {
                Err(TryRecvError::Empty) => {
                    at += 1;
                    continue;
                }
                Ok(done) => done,
                Err(TryRecvError::Disconnected) => Err("not saved".into()),
            };
            let Saving { from, strip, name, .. } = self.saving.swap_remove(at);
            match done {
                Ok(()) => self.reply(from, "/preset/save", [Arg::from(strip), Arg::from(name)], now),
                Err(why) => self.error(from, "/preset/save", &why, now),
            }
        }
    }
}
