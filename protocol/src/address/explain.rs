//! What is wrong with an address, in words, and what stands at one.

use super::{AddressSpace, Head, Kind, NORM, Node, shape};
use crate::pattern::Part;
use headroom_dsp::tree::ParamId;

/// Most of a part that is quoted, in bytes: replies to strangers stay short.
const QUOTED: usize = 40;
/// Longest part for which a nearest name is looked for.
const WORD: usize = 32;
/// Most names that are compared with it.
const CANDIDATES: usize = 512;
/// Names of a container that are listed.
const LISTED: usize = 6;

/// How far an address leads.
struct Place<'a> {
    at: At<'a>,
    /// Parts that were found.
    done: Vec<&'a str>,
    /// The first that was not, and what is behind it.
    rest: Option<(&'a str, Vec<&'a str>)>,
}

#[derive(Clone, Copy)]
enum At<'a> {
    Root,
    Kind(&'a Kind),
    Below(Head, &'a shape::Node),
}

impl AddressSpace {
    /// What stands at an address; `/` is the root.
    pub fn node(&self, address: &str) -> Option<Node> {
        let place = self.place(split_norm(address).1)?;
        if place.rest.is_some() {
            return None;
        }
        Some(match place.at {
            At::Below(head, shape::Node { value: Some(offset), .. }) => Node::Value(ParamId(head.first + offset)),
            at => Node::Container(self.names(at).map(|(name, _)| name.to_owned()).collect()),
        })
    }

    /// Why an address is no parameter, with the nearest name where one is near. It quotes little of
    /// the address and costs little, whatever the address is.
    pub fn explain(&self, address: &str) -> String {
        let (norm, plain) = split_norm(address);
        let Some(place) = self.place(plain) else {
            return "unknown address: it does not begin with / or has an empty part".into();
        };
        let so_far = place.done.iter().fold(norm.to_owned(), |path, part| format!("{path}/{part}"));
        let Some((part, behind)) = &place.rest else {
            return self.container(place.at, &so_far);
        };
        let here = if so_far.is_empty() { "/" } else { &so_far };
        if let At::Below(_, shape::Node { value: Some(_), .. }) = place.at {
            return format!("unknown address: {here} is a value, nothing is below it");
        }
        if let Some(near) = nearest(part, self.names(place.at).flat_map(|(name, id)| [Some(name), id]).flatten()) {
            let mut suggested = format!("{so_far}/{near}");
            let whole = behind.iter().fold(suggested.clone(), |path, part| format!("{path}/{part}"));
            if self.target(&whole).is_some() {
                suggested = whole;
            }
            return format!("unknown address: no {} below {here}; did you mean {suggested}?", quoted(part));
        }
        match place.at {
            At::Kind(kind) if part.bytes().all(|b| b.is_ascii_digit()) => {
                let last = kind.owners.last().map_or("0", |o| &o.number);
                format!("unknown address: no {} below {here}; the last is {last}", quoted(part))
            }
            At::Below(_, node) if node.name.is_empty() && headroom_dsp::graph::processor_names().any(|n| n == *part) => {
                format!("unknown address: {part} is not in the chain of {here}")
            }
            _ => format!("unknown address: no {} below {here}", quoted(part)),
        }
    }

    /// Where a pattern that means nothing leaves the tree, and the name that was probably meant there. `commands` are
    /// addresses beside the tree.
    pub fn explain_pattern<'a>(&self, pattern: &str, commands: impl IntoIterator<Item = &'a str>) -> Option<String> {
        if let Some(plain) = pattern.strip_prefix(NORM).filter(|p| p.starts_with('/')) {
            return Some(format!("`{plain}` is the same parameter in either spelling"));
        }
        let path = pattern.strip_prefix('/')?;
        let mut here = vec![At::Root];
        let mut so_far = String::new();
        for part in path.split('/') {
            // Behind a run of parts there is no place to name.
            let wanted = Part::parse(part).ok().filter(|_| !part.is_empty())?;
            let mut below = Vec::new();
            let mut names = Vec::new();
            for at in &here {
                for (name, id) in self.names(*at) {
                    if wanted.matches(name) || id.is_some_and(|id| wanted.matches(id)) {
                        below.extend(self.child(*at, name));
                    }
                    names.extend([Some(name), id].into_iter().flatten());
                }
            }
            if below.is_empty() {
                let near = nearest(part, names.iter().copied());
                let command = || nearest(path, commands.into_iter().map(|c| c.trim_start_matches('/')));
                return Some(match (near, command()) {
                    (Some(near), _) => format!("no {} below {so_far}/; did you mean `{near}`?", quoted(part)),
                    (None, Some(near)) => format!("did you mean `/{near}`?"),
                    (None, None) => format!("no {} below {so_far}/", quoted(part)),
                });
            }
            so_far = format!("{so_far}/{part}");
            here = below;
        }
        Some(format!("{so_far} is not a value but has values below it: `{so_far}/*`, or `{so_far}//` for all of them"))
    }

    fn container(&self, at: At<'_>, here: &str) -> String {
        let names: Vec<_> = self.names(at).map(|(name, _)| name).take(LISTED + 1).collect();
        let mut first = format!("{here}/{}", names.first().unwrap_or(&"*"));
        while let Some(Node::Container(below)) = self.node(&first)
            && let Some(name) = below.first()
        {
            first = format!("{first}/{name}");
        }
        let more = if names.len() > LISTED { " …" } else { "" };
        let names = names[..names.len().min(LISTED)].join(" ");
        format!("is a container of {names}{more}; did you mean {first} or {here}/*?")
    }

    /// Follows an address as far as it leads; `None` where it is no path.
    fn place<'a>(&'a self, address: &'a str) -> Option<Place<'a>> {
        let path = address.strip_prefix('/')?;
        let mut place = Place { at: At::Root, done: Vec::new(), rest: None };
        if path.is_empty() {
            return Some(place);
        }
        if path.split('/').any(str::is_empty) {
            return None;
        }
        let mut parts = path.split('/');
        while let Some(part) = parts.next() {
            let Some(next) = self.child(place.at, part) else {
                place.rest = Some((part, parts.collect()));
                break;
            };
            place.at = next;
            place.done.push(part);
        }
        Some(place)
    }

    fn child<'a>(&'a self, at: At<'a>, part: &str) -> Option<At<'a>> {
        let below = |head: Head| At::Below(head, self.shapes[head.shape as usize].root());
        match at {
            At::Root => {
                let Some(kind) = self.kinds.iter().find(|k| k.name == part) else {
                    let head = self.heads.get(super::CONSOLE)?;
                    let shape = &self.shapes[head.shape as usize];
                    return shape.child(shape.root(), part).map(|node| At::Below(*head, node));
                };
                let only = kind.owners.first().filter(|_| kind.single);
                Some(only.map_or(At::Kind(kind), |o| below(o.head)))
            }
            At::Kind(kind) => self.heads.get(format!("{}/{part}", kind.name).as_str()).map(|head| below(*head)),
            At::Below(head, node) => self.shapes[head.shape as usize].child(node, part).map(|node| At::Below(head, node)),
        }
    }

    /// Name and id of all that is below.
    fn names<'a>(&'a self, at: At<'a>) -> Box<dyn Iterator<Item = (&'a str, Option<&'a str>)> + 'a> {
        match at {
            At::Root => {
                let console = self.heads.get(super::CONSOLE).map(|head| &self.shapes[head.shape as usize]);
                let own = console.into_iter().flat_map(|shape| shape.children(shape.root())).map(|c| (&*c.name, None));
                let kinds = self.kinds.iter().filter(|k| k.name != super::CONSOLE).map(|k| (k.name, None));
                Box::new(kinds.chain(own))
            }
            At::Kind(kind) => Box::new(kind.owners.iter().map(|o| (&*o.number, o.id.as_deref()))),
            At::Below(head, node) => {
                Box::new(self.shapes[head.shape as usize].children(node).map(|c| (&*c.name, c.id.as_deref())))
            }
        }
    }
}

/// The prefix `/norm`, where there is one, and the address without it.
fn split_norm(address: &str) -> (&'static str, &str) {
    match address.strip_prefix(NORM) {
        Some("") => (NORM, "/"),
        Some(plain) if plain.starts_with('/') => (NORM, plain),
        _ => ("", address),
    }
}

/// A part in quotes, cut to a length that may be sent back to anybody.
pub fn quoted(part: &str) -> String {
    let end = part.floor_char_boundary(QUOTED);
    format!("{:?}{}", &part[..end], if end < part.len() { "…" } else { "" })
}

/// The name that `word` was probably meant to be: a slip of the finger or two away.
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A number is not a slip for another number.
    if word.len() > WORD || word.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let word = word.to_lowercase();
    let reach = 1 + word.len() / 4;
    let distance = |name: &str| strsim::osa_distance(&word, name);
    let near = names.into_iter().take(CANDIDATES).filter(|name| name.len().abs_diff(word.len()) <= reach);
    let ranked = near.map(|name| (distance(name), name)).filter(|(d, name)| *d <= reach && *d < name.len());
    ranked.min_by_key(|(d, _)| *d).map(|(_, name)| name)
}
