//! What a layout subscribes to: few patterns that reach all its addresses, and little more.

use crate::address::AddressSpace;
use std::collections::BTreeMap;

/// Longest pattern that is written; one may have 1,024 bytes.
const LONGEST: usize = 900;

/// What may stand in one place of a pattern.
#[derive(Clone, Default)]
struct Part {
    names: Vec<String>,
    any: bool,
}

impl Part {
    fn add(&mut self, name: &str, any: bool) {
        self.any |= any;
        if !any && !self.names.iter().any(|n| n == name) {
            self.names.push(name.to_owned());
        }
    }

    fn text(&self) -> String {
        match self.names.as_slice() {
            _ if self.any => "*".into(),
            [only] => only.clone(),
            names => format!("{{{}}}", names.join(",")),
        }
    }
}

/// Patterns that reach these addresses: those that are equally long, numbered alike and told alike become one, in which
/// each place has what stands there in any of them, and numbers and ids are `*`.
pub(super) fn patterns<'a>(space: &AddressSpace, addresses: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut sorts: BTreeMap<(bool, usize, usize, bool), Vec<Part>> = BTreeMap::new();
    for target in addresses.filter_map(|address| space.target(address)) {
        let canonical = space.canonical_of(target);
        let parts: Vec<&str> = canonical.split('/').skip(1).collect();
        let is_number = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        // Only what is behind `/norm` and behind the head, its number included, is alike in one sort.
        let head = usize::from(target.norm) + 1;
        let numbered = usize::from(parts.get(head).is_some_and(|part| is_number(part)));
        let met = parts.contains(&"meter");
        let places = sorts.entry((target.norm, numbered, parts.len(), met)).or_default();
        places.resize(parts.len(), Part::default());
        for (at, part) in parts.iter().enumerate() {
            // Buses of sends are numbers, `m1` or `main`.
            let any = is_number(part) || at > 0 && parts[at - 1] == "send";
            places[at].add(part, any);
        }
    }
    let mut written = Vec::new();
    let mut waiting: Vec<Vec<Part>> = sorts.into_values().collect();
    while let Some(mut places) = waiting.pop() {
        let text = places.iter().map(|part| format!("/{}", part.text())).collect::<String>();
        let longest = places.iter().enumerate().filter(|(_, p)| !p.any && p.names.len() > 1).max_by_key(|(_, p)| p.names.len());
        match longest.map(|(at, _)| at) {
            Some(at) if text.len() > LONGEST => {
                let half = places[at].names.len() / 2;
                let mut other = places.clone();
                other[at].names = places[at].names.split_off(half);
                waiting.extend([places, other]);
            }
            _ => written.push(text),
        }
    }
    written.sort();
    written
}
