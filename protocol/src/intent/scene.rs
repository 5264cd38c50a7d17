//! Commands about scenes.

use super::command::Reader;
use super::{Intent, pattern};
use crate::address::{Sight, quoted};
use headroom_dsp::desk::fade::Shape;
use std::time::Duration;

/// Longest crossfade, s: an hour.
const MAX_FADE_S: f64 = 3_600.0;
/// Patterns of a scope at most.
const MAX_SCOPE: usize = 32;

/// Longest notes, in bytes: an answer with them fits into a datagram.
pub const MAX_NOTES: usize = 1_000;

/// A crossfade: how long, and its shape over time.
pub type Crossfade = (Duration, Shape);

/// What is asked of the scenes.
#[derive(Clone, Debug, PartialEq)]
pub enum Scene {
    /// Hold the present values of what the scope names (everything where it is empty) under a name.
    Store {
        /// The scene's name.
        name: Box<str>,
        /// Patterns of addresses, or of what stands above them.
        scope: Vec<Box<str>>,
    },
    /// Give everything in the scope the scene's values.
    Recall {
        /// The scene.
        name: Box<str>,
        /// Over time; `None`: as the scene says.
        fade: Option<Crossfade>,
        /// As in `Store`.
        scope: Vec<Box<str>>,
    },
    /// Recall the scene that is selected, else the one behind the present one.
    Go,
    /// Select the next scene.
    Next,
    /// Select the previous scene.
    Previous,
    /// Tell what a recall would change.
    Preview {
        /// The scene.
        name: Box<str>,
        /// Changes that were told already.
        from: usize,
        /// As in `Store`.
        scope: Vec<Box<str>>,
    },
    /// Tell the names, from this place on.
    List(usize),
    /// Give a scene another name.
    Rename {
        /// The scene.
        name: Box<str>,
        /// Its new name.
        to: Box<str>,
    },
    /// Forget a scene.
    Delete(Box<str>),
    /// Put a scene at a place in the list, from 1.
    Move {
        /// The scene.
        name: Box<str>,
        /// Its new place.
        place: usize,
    },
    /// Tell a scene's notes, or write them.
    Notes {
        /// The scene.
        name: Box<str>,
        /// New notes.
        notes: Option<Box<str>>,
    },
    /// Tell how long a scene fades where a recall does not say it, or set it.
    Fade {
        /// The scene.
        name: Box<str>,
        /// New time.
        fade: Option<Crossfade>,
    },
}

fn of(scene: Scene) -> Intent {
    Intent::Scene(Box::new(scene))
}

fn crossfade(reader: &mut Reader<'_>) -> Result<Option<Crossfade>, String> {
    let Some(seconds) = reader.optional(Reader::number)? else { return Ok(None) };
    let curve = reader.optional(Reader::text)?;
    if !(0.0..=MAX_FADE_S).contains(&seconds) {
        return Err(format!("a crossfade takes 0 to {MAX_FADE_S} seconds"));
    }
    let shape = match curve {
        None => Shape::Linear,
        Some(name) => Shape::named(name).ok_or_else(|| format!("a curve is linear, s, slow or fast, not {}", quoted(name)))?,
    };
    Ok(Some((Duration::from_secs_f64(seconds), shape)))
}

fn scope(reader: &mut Reader<'_>) -> Result<Vec<Box<str>>, String> {
    let mut scope = Vec::new();
    while let Some(text) = reader.optional(Reader::text)? {
        crate::pattern::Pattern::parse(text).map_err(|bad| format!("{} {bad}", quoted(text)))?;
        if scope.len() == MAX_SCOPE {
            return Err(format!("a scope has {MAX_SCOPE} patterns at most"));
        }
        scope.push(text.into());
    }
    Ok(scope)
}

fn place(reader: &mut Reader<'_>) -> Result<usize, String> {
    let place = reader.number()?;
    if place.fract() != 0.0 || !(0.0..=1e6).contains(&place) {
        return Err("a place is a whole number".into());
    }
    Ok(place as usize)
}

pub(super) fn store(reader: &mut Reader<'_>, _: Sight<'_>) -> Result<Intent, String> {
    Ok(of(Scene::Store { name: reader.text()?.into(), scope: scope(reader)? }))
}

pub(super) fn recall(reader: &mut Reader<'_>, _: Sight<'_>) -> Result<Intent, String> {
    Ok(of(Scene::Recall { name: reader.text()?.into(), fade: crossfade(reader)?, scope: scope(reader)? }))
}

pub(super) fn go(reader: &mut Reader<'_>, _: Sight<'_>) -> Result<Intent, String> {
    Ok(reader.pressed(of(Scene::Go)))
}

pub(super) fn next(reader: &mut Reader<'_>, _: Sight<'_>) -> Result<Intent, String> {
    Ok(reader.pressed(of(Scene::Next)))
}

pub(super) fn previous(reader: &mut Reader<'_>, _: Sight<'_>) -> Result<Intent, String> {
    Ok(reader.pressed(of(Scene::Previous)))
}

pub(super) fn preview(reader: &mut Reader<'_>, _: Sight<'_>) -> Result<Intent, String> {
    let name = reader.text()?.into();
    Ok(of(Scene::Preview { name, from: reader.optional(place)?.unwrap_or(0), scope: scope(reader)? }))
}

pub(super) fn list(reader: &mut Reader<'_>, _: Sight<'_>) -> Result<Intent, String> {
    Ok(of(Scene::List(reader.optional(place)?.unwrap_or(0))))
}

pub(super) fn rename(reader: &mut Reader<'_>, _: Sight<'_>) -> Result<Intent, String> {
    Ok(of(Scene::Rename { name: reader.text()?.into(), to: reader.text()?.into() }))
}

pub(super) fn delete(reader: &mut Reader<'_>, _: Sight<'_>) -> Result<Intent, String> {
    Ok(of(Scene::Delete(reader.text()?.into())))
}

pub(super) fn r#move(reader: &mut Reader<'_>, _: Sight<'_>) -> Result<Intent, String> {
    let name = reader.text()?.into();
    match place(reader)? {
        0 => Err("places count from 1".into()),
        place => Ok(of(Scene::Move { name, place })),
    }
}

pub(super) fn notes(reader: &mut Reader<'_>, _: Sight<'_>) -> Result<Intent, String> {
    let (name, notes) = (reader.text()?.into(), reader.optional(Reader::text)?);
    if notes.is_some_and(|notes| notes.len() > MAX_NOTES) {
        return Err(format!("notes have {MAX_NOTES} bytes at most"));
    }
    Ok(of(Scene::Notes { name, notes: notes.map(Box::from) }))
}

pub(super) fn fade(reader: &mut Reader<'_>, _: Sight<'_>) -> Result<Intent, String> {
    Ok(of(Scene::Fade { name: reader.text()?.into(), fade: crossfade(reader)? }))
}

pub(super) fn safe(reader: &mut Reader<'_>, space: Sight<'_>) -> Result<Intent, String> {
    let Some(text) = reader.optional(Reader::text)? else { return Ok(Intent::Safe(None)) };
    let on = match reader.any()? {
        crate::osc::decode::Arg::Bool(on) => on,
        crate::osc::decode::Arg::Int(i) => i != 0,
        crate::osc::decode::Arg::Float(x) => x >= 0.5,
        _ => return Err(reader.wrong()),
    };
    if super::is_pattern(text) || space.target(text).is_some() {
        pattern(text, space)?;
    }
    space.below(text)?;
    Ok(Intent::Safe(Some((text.into(), on))))
}

pub(super) fn undo(reader: &mut Reader<'_>, _: Sight<'_>) -> Result<Intent, String> {
    let undo = |recall| Intent::Undo { recall };
    Ok(match reader.pressed(undo(false)) {
        Intent::Nothing => Intent::Nothing,
        plain => match reader.optional(Reader::text)? {
            None => plain,
            Some("recall") => undo(true),
            Some(other) => return Err(format!("takes back the last change, or the last \"recall\", not {}", quoted(other))),
        },
    })
}
