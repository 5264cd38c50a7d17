//! A strip's processors as a preset, and its file.

use super::super::emit::{self, Out};
use super::super::{Rig, Settings};
use super::{kind_word, read};
use headroom_dsp::desk::Desk;
use headroom_dsp::graph::GraphSpec;
use headroom_dsp::param::Access;
use headroom_dsp::tree::{Owner, Slot};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// The text of a preset with what a strip's processors are set to. Inserts belong to the rig and are left out.
///
/// # Errors
/// Where such a strip takes no presets.
pub fn text(desk: &Desk, strip: usize, id: &str) -> Result<String, String> {
    let (tree, mut alone) = (desk.tree(), desk.spec().strips[strip].clone());
    let Some(word) = kind_word(alone.kind) else {
        return Err(format!("there are no presets for {}", alone.address()));
    };
    let is_kept = |p: usize| desk.spec().strips[strip].chain[p].ports.is_none();
    let of_processor = tree.of(Owner::Strip(strip)).filter(|id| {
        let entry = tree.entry(*id);
        let plain = entry.decl.access == Access::Write && !entry.decl.momentary && !entry.decl.trigger;
        // `on` differs between kinds of strip and chains, so it is always said.
        let switch = matches!(entry.slot, Slot::Proc(_, 0)) && entry.decl.path == "on";
        plain && matches!(entry.slot, Slot::Proc(p, _) if is_kept(p)) && (switch || *desk.get(*id) != entry.default)
    });
    let values: Vec<_> = of_processor.map(|id| (Owner::Strip(0), tree.entry(id).path.clone(), desk.get(id).clone())).collect();
    alone.chain.retain(|p| p.ports.is_none());
    (alone.to, alone.link) = (None, false);
    alone.sends.clear();
    let mut out = Out::default();
    out.text("name", id);
    out.text("description", &format!("Saved from {}, {}", alone.name, desk.spec().name));
    out.key("for", &format!("[{}]", emit::quoted(word)));
    out.blank();
    out.key("chain", &emit::chain(&alone));
    let rig = Rig::new(GraphSpec { strips: vec![alone], ..GraphSpec::default() }, values, Settings::default());
    emit::parameters(&mut out, &rig, Owner::Strip(0));
    let text = out.finish();
    match read(id, &text, id).report {
        report if report.errors() > 0 => Err(report.brief().lines().next().unwrap_or_default().to_string()),
        _ => Ok(text),
    }
}

/// Puts a preset into its folder, whole or not at all.
///
/// # Errors
/// Which file cannot be written, and why.
pub fn write(folder: &Path, id: &str, text: &str) -> Result<(), String> {
    let path = folder.join(format!("{id}.toml"));
    let beside = folder.join(format!(".{id}.toml.new"));
    replace(folder, &path, &beside, text).map_err(|e| {
        let _ = fs::remove_file(&beside);
        format!("cannot write {}: {e}", path.display())
    })
}

fn replace(folder: &Path, path: &Path, beside: &Path, text: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut file = File::create(beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(beside, path)?;
    File::open(folder)?.sync_all()
}
