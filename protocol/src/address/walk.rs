//! Patterns over the address space, walked part by part.
//!
//! The walk below a strip depends on its shape and on how far the pattern has come, and on nothing
//! else. It is done once for each such pair, so `/ch/*/eq/*/gain` costs one look at each channel's
//! name and one walk below all of them.

use super::{AddressSpace, Head, Kind, Member, Shape, Target, shape};
use crate::pattern::{Pattern, Segment, Walk};
use headroom_dsp::tree::ParamId;

/// Walks below a shape that are remembered; a pattern can hardly bring forth more.
const REMEMBERED: usize = 32;

const NORM_PART: Segment<'static> = Segment { names: &["norm"], guarded: true };

impl AddressSpace {
    /// The parameters whose address matches, each once, in the order of the tree, `limit` at most.
    /// Meters, loudness and status only if the pattern spells that part.
    pub fn matches(&self, pattern: &Pattern, limit: usize) -> Vec<ParamId> {
        let mut search = Search::new(self, pattern, limit);
        search.from(pattern.start());
        search.found.into_iter().map(|t| t.param).collect()
    }

    /// The parameters that a rule about addresses means: as [`AddressSpace::matches`], but wildcards reach
    /// meters, loudness and status too. Nothing is sent for a rule, so nothing has to be kept small.
    pub fn meant(&self, pattern: &Pattern) -> Vec<ParamId> {
        let mut search = Search::new(self, pattern, usize::MAX);
        search.open = true;
        search.from(pattern.start());
        search.found.into_iter().map(|t| t.param).collect()
    }

    /// The same with `/norm/…`, which a pattern reaches only if it spells `norm`; only what has a
    /// travel is there.
    pub fn targets(&self, pattern: &Pattern, limit: usize) -> Vec<Target> {
        let mut search = Search::new(self, pattern, limit);
        search.from(pattern.start());
        search.norm = true;
        search.from(pattern.step(pattern.start(), NORM_PART));
        search.found
    }
}

struct Search<'a> {
    space: &'a AddressSpace,
    pattern: &'a Pattern,
    limit: usize,
    norm: bool,
    /// Wildcards reach what is guarded.
    open: bool,
    found: Vec<Target>,
    /// What matches below a shape, by shape and place of the pattern.
    below: Vec<(u32, Walk, Vec<u32>)>,
}

impl<'a> Search<'a> {
    fn new(space: &'a AddressSpace, pattern: &'a Pattern, limit: usize) -> Search<'a> {
        Search { space, pattern, limit, norm: false, open: false, found: Vec::new(), below: Vec::new() }
    }

    fn from(&mut self, walk: Walk) {
        if walk.is_over() {
            return;
        }
        for kind in &self.space.kinds {
            let root = kind.name == super::CONSOLE;
            let guarded = kind.name == super::STATUS && !self.open;
            let walk = if root { walk } else { self.pattern.step(walk, Segment { names: &[kind.name], guarded }) };
            if walk.is_over() {
                continue;
            }
            for owner in &kind.owners {
                if self.found.len() >= self.limit {
                    return;
                }
                self.owner(kind, owner, walk);
            }
        }
    }

    fn owner(&mut self, kind: &Kind, owner: &Member, walk: Walk) {
        let step = |names: &[&str]| self.pattern.step(walk, Segment { names, guarded: false });
        let walk = match &owner.id {
            _ if kind.single => walk,
            Some(id) => step(&[&owner.number, id]),
            None => step(&[&owner.number]),
        };
        if !walk.is_over() {
            self.below(owner.head, walk);
        }
    }

    fn below(&mut self, head: Head, walk: Walk) {
        let known = self.below.iter().position(|(shape, at, _)| *shape == head.shape && *at == walk);
        let index = known.unwrap_or_else(|| {
            let shape = &self.space.shapes[head.shape as usize];
            let mut offsets = Vec::new();
            descend(shape, shape.root(), self.pattern, self.open, walk, &mut offsets);
            self.below.truncate(REMEMBERED - 1);
            self.below.push((head.shape, walk, offsets));
            self.below.len() - 1
        });
        for offset in &self.below[index].2 {
            let param = ParamId(head.first + offset);
            if self.found.len() >= self.limit {
                return;
            }
            if !self.norm || self.space.has_travel(param) {
                self.found.push(Target { param, norm: self.norm });
            }
        }
    }
}

/// Depth is that of the tree of declarations, not the pattern's.
fn descend(shape: &Shape, node: &shape::Node, pattern: &Pattern, open: bool, walk: Walk, found: &mut Vec<u32>) {
    for child in shape.children(node) {
        let walk = child.segment(|segment| pattern.step(walk, Segment { guarded: segment.guarded && !open, ..segment }));
        if walk.is_over() {
            continue;
        }
        if let Some(offset) = child.value
            && pattern.accepts(walk)
        {
            found.push(offset);
        }
        descend(shape, child, pattern, open, walk, found);
    }
}
