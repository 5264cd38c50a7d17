//! A preset on a strip: its chain where the rig lists none, its values where the rig states none.

use super::super::diagnose::{Report, listed};
use super::super::node::Key;
use super::super::section::Section;
use super::super::strip::{Draft, base};
use super::super::value::{At, Reader};
use super::{Preset, Shelf};
use headroom_dsp::graph::{StripKind, processor_names};
use headroom_dsp::tree::{MONITOR, Owner, STRIP, TALKBACK};

impl<'n> Draft<'n> {
    /// The strip that a preset is read on: a chain and nothing else.
    pub fn of_preset(mut section: Section<'n>, kind: StripKind, report: &mut Report) -> Self {
        for key in ["name", "description", "for"] {
            section.raw(key);
        }
        let mut draft = Draft::bare(section, kind, "preset".into());
        draft.read_chain(report);
        draft
    }

    /// The preset that the rig names for it.
    pub fn read_preset(&mut self, shelf: &mut Shelf, report: &mut Report) {
        let Some(name) = self.section.text("preset", report) else { return };
        let span = self.section.span("preset").unwrap_or_else(|| self.head.clone());
        match shelf.find(name) {
            Some(loaded) => match loaded.preset.refuses(self.kind).filter(|_| !loaded.preset.kinds.is_empty()) {
                Some(refused) => {
                    report.error(&span, refused, "another kind of strip").help(shelf.fitting(self.kind));
                }
                None => self.preset = Some((loaded, span)),
            },
            None => {
                report.error(&span, format!("there is no preset {name:?}"), "no such preset").help(shelf.suggest(name));
            }
        }
    }

    /// Its preset.
    pub fn preset(&self) -> Option<&Preset> {
        self.preset.as_ref().map(|(loaded, _)| &loaded.preset)
    }

    /// The chain of a strip whose rig lists none: the preset's, else that of its kind.
    pub fn build_own(&mut self) {
        let preset = self.preset.clone();
        match preset.as_ref().and_then(|(loaded, _)| loaded.preset.chain.as_ref()) {
            Some(chain) => self.build_chain(&chain.iter().map(|i| base(i)).collect::<Vec<_>>()),
            None => self.build_chain(self.kind.default_chain()),
        }
    }
}

impl Reader<'_> {
    /// All that a preset states, on the strip that was made for it.
    pub fn preset(&mut self, draft: &mut Draft<'_>) {
        let what = draft.what.clone();
        self.aside = true;
        self.processors(At { owner: Owner::Strip(0), what: &what }, draft);
    }

    /// A key that is no processor.
    pub(in crate::rig) fn not_in_preset(&mut self, at: At<'_>, key: &Key, also: &[&str], instances: &[String]) {
        let message = format!("{} has no `{}`", at.what, key.text);
        let finding = self.report.error(&key.span, message, "not in a preset");
        if is_of_strip(&key.text) {
            finding.help("a preset holds processors; this belongs to the strip: state it in the rig");
        } else {
            let known = instances.iter().map(String::as_str).chain(also.iter().copied()).map(str::to_owned);
            let names: Vec<String> = known.chain(processor_names().map(str::to_owned)).collect();
            finding.suggest(&key.text, names.iter().map(String::as_str));
        }
    }

    /// What the strip's preset states and the rig does not.
    pub(in crate::rig) fn of_preset(&mut self, at: At<'_>, draft: &Draft<'_>) {
        let Some((loaded, span)) = &draft.preset else { return };
        let preset = &loaded.preset;
        for (path, value) in &preset.values {
            let Some(id) = self.tree.find(at.owner, path).filter(|id| !self.places.contains_key(id)) else { continue };
            self.check_text(at, self.tree.entry(id).decl, value, span);
            self.put(id, value.clone(), span, at);
        }
        let there = |name: &str| draft.instances.iter().any(|i| i == name);
        let missing: Vec<&str> = preset.needs().into_iter().filter(|name| !there(name)).collect();
        if !missing.is_empty() {
            let message = format!("the chain of {} leaves out what the preset `{}` has", at.what, preset.id);
            let finding = self.report.warning(span, message, format!("without {}", listed(&missing, 24)));
            finding.help(format!("add {} to the chain", listed(&missing, 24)));
            if let Some(span) = &draft.chain_span {
                finding.also(span, "the chain");
            }
        }
    }
}

/// Whether a key belongs to a strip and to none of its processors.
fn is_of_strip(key: &str) -> bool {
    let own = STRIP.iter().chain(MONITOR).chain(TALKBACK).map(|d| d.path.split('/').next().unwrap_or_default());
    let rig = ["id", "kind", "input", "output", "stereo", "to", "send", "link", "dca", "mutegroup", "loudness", "preset"];
    own.chain(rig).any(|k| k == key)
}
