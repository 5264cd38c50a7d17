//! `[[midi.surface]]`, read.

use super::Reader;
use crate::midi::maps::{DIALECTS, find, read as read_map};
use crate::rig::node::{Item, Node, Table};
use crate::rig::section::Section;
use crate::rig::settings::SurfaceConfig;
use crate::rig::strip::slug;
use headroom_protocol::midi::mcu::table::{KEYS, is_key};
use headroom_protocol::midi::panel::TOP;
use headroom_protocol::midi::surface::action::Action;
use headroom_protocol::midi::surface::layer::Layer;
use headroom_protocol::midi::surface::press::has_own_meaning;
use headroom_protocol::midi::takeover::Mode;
use std::ops::Range;

/// Words of `layer`.
const LAYERS: &[&str] = &["all", "channels", "groups", "buses", "auxes", "effects", "matrices", "dcas", "user"];

/// All surfaces of the table `[midi]`.
pub(super) fn read(section: &mut Section<'_>, maps: &[&Table], reader: &mut Reader<'_>) -> Vec<SurfaceConfig> {
    own_maps(maps, reader);
    let mut surfaces: Vec<SurfaceConfig> = Vec::new();
    let mut extends: Vec<(String, Range<usize>)> = Vec::new();
    for (node, table) in section.tables("surface", reader.report) {
        let Some(mut surface) = one(node, table, reader, &mut extends) else { continue };
        if !DIALECTS.contains(&surface.kind.as_str()) {
            let kind = table.get("kind").map_or(node.span.clone(), |(_, kind)| kind.span.clone());
            surface.map = find(&surface.kind, &kind, maps, reader.report);
            if let Some((key, _)) = table.get("extends") {
                reader.report.error(&key.span, "a controller with a map stands alone".into(), "it extends nothing");
            }
        }
        let place = table.get("port").map_or(node.span.clone(), |(_, port)| port.span.clone());
        if slug(&surface.port).is_empty() {
            let message = format!("{:?} has no letter or digit to look for", surface.port);
            reader.report.error(&place, message, "expected a part of a port's name");
        } else if surfaces.iter().any(|s| slug(&s.port) == slug(&surface.port)) {
            reader.report.error(&place, format!("two surfaces are at the port {:?}", surface.port), "used twice");
        } else {
            surfaces.push(surface);
        }
    }
    let leaders: Vec<&str> =
        surfaces.iter().filter(|s| s.extends.is_none() && s.map.is_none()).map(|s| s.port.as_str()).collect();
    for (port, span) in extends {
        if !leaders.contains(&port.as_str()) {
            let message = format!("there is no surface at {port:?} to extend");
            reader.report.error(&span, message, "expected the port of another surface").suggest(&port, leaders.iter().copied());
        }
    }
    surfaces
}

/// The rig's own maps are read whether a surface has them or not: a mistake is told where it stands.
fn own_maps(tables: &[&Table], reader: &mut Reader<'_>) {
    for table in tables {
        let name = match table.get("name").map(|(_, name)| (&name.item, &name.span)) {
            Some((Item::Text(name), span)) if DIALECTS.contains(&name.as_str()) => {
                reader.report.error(span, format!("{name:?} is a kind of its own"), "expected another name");
                continue;
            }
            Some((Item::Text(name), _)) => name,
            _ => {
                let place = table.entries.first().map_or(0..0, |(key, _)| key.span.clone());
                reader.report.error(&place, "this map has no `name`".into(), "expected name = \"…\"");
                continue;
            }
        };
        let _ = read_map(table, name, reader.report);
    }
}

fn one(node: &Node, table: &Table, reader: &mut Reader<'_>, extends: &mut Vec<(String, Range<usize>)>) -> Option<SurfaceConfig> {
    let mut section = Section::new(table, "[[midi.surface]]");
    let port = section.text("port", reader.report);
    let kind = section.text("kind", reader.report);
    let mut surface = SurfaceConfig::new(port.unwrap_or_default(), kind.unwrap_or_default());
    surface.role = reader.role(&mut section);
    if let Some(other) = section.text("extends", reader.report) {
        extends.push((other.into(), section.span("extends").unwrap_or_default()));
        surface.extends = Some(other.into());
    }
    surface.left = section.one_of("side", &["left", "right"], reader.report) == Some("left");
    surface.unity = section.int("unity", 8_192..=i64::from(TOP) - 1, reader.report).map(|at| at as u16);
    surface.takeover = section.one_of("takeover", Mode::NAMES, reader.report).and_then(Mode::named);
    surface.layer = section.one_of("layer", LAYERS, reader.report).and_then(Layer::named);
    let strips = section.texts("strips", reader.report).unwrap_or_default();
    surface.strips = strips.into_iter().map(|(text, _)| text.to_owned()).collect();
    surface.rec = section.text("rec", reader.report).map(str::to_owned);
    if let Some((_, buttons)) = section.table("buttons", reader.report) {
        surface.buttons = self::buttons(buttons, reader);
    }
    for key in ["port", "kind"] {
        if table.get(key).is_none() {
            reader.report.error(&node.span, format!("this surface has no `{key}`"), format!("expected {key} = \"…\""));
        }
    }
    section.finish(reader.report);
    (port.is_some() && kind.is_some()).then_some(surface)
}

fn buttons(table: &Table, reader: &mut Reader<'_>) -> Vec<(String, String)> {
    let mut buttons = Vec::new();
    for (key, node) in &table.entries {
        let free = || KEYS.iter().map(|(_, name)| *name).filter(|name| !has_own_meaning(name)).chain(["pedal"]);
        let Item::Text(text) = &node.item else {
            let message = format!("what a button does is text, not {}", node.kind());
            reader.report.error(&node.span, message, "expected an address or a command").help("f1 = \"/scene/go\"");
            continue;
        };
        if !is_key(&key.text) {
            reader
                .report
                .error(&key.span, format!("no button is called `{}`", key.text), "unknown name")
                .suggest(&key.text, free());
        } else if has_own_meaning(&key.text) {
            let message = format!("`{}` turns pages or assigns the encoders and cannot be given away", key.text);
            reader.report.error(&key.span, message, "a key with a meaning of its own");
        } else if let Err(reason) = Action::parse(text) {
            reader.report.error(&node.span, format!("`{}`: {reason}", key.text), "not an action");
        } else {
            buttons.push((key.text.clone(), text.clone()));
        }
    }
    buttons
}
