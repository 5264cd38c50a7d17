//! OSC address patterns: those of OSC 1.0, and `//` of 1.1.
//!
//! | spelling | matches |
//! | --- | --- |
//! | `?` | one character |
//! | `*` | any run of characters, none included |
//! | `[abc]`, `[a-c]`, `[!a-c]` | one character of the list, or none of it |
//! | `{foo,bar}` | one of the texts |
//! | `//` | any run of whole parts, none included |
//!
//! None but `//` crosses a `/`. In a list, `-` without a character on both sides and `!` behind
//! the first place stand for themselves, and a range from high to low is empty.
//!
//! A pattern is compiled once and then walked down the address tree, part by part
//! ([`Pattern::start`], [`Pattern::step`]), so a branch that cannot match is left early. The
//! walk keeps *all* places of the pattern that it may have reached, as bits of one word; with
//! the same idea inside a part ([`part`]), time grows with the product of both lengths and
//! never faster: `*****x` and `//*//*//x` are as harmless as they look.

pub mod part;

use std::fmt;

pub use part::Part;

/// Longest pattern, in bytes.
pub const MAX_BYTES: usize = 1_024;
/// Most parts in a pattern, each `//` counted as one.
pub const MAX_PARTS: usize = 63;

/// Why a text is not a pattern. It matches nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadPattern {
    /// It does not begin with `/`.
    NoSlash,
    /// A `/` ends it.
    Unfinished,
    /// A `[` without `]` in the same part.
    List,
    /// A `{` without `}` in the same part.
    Choice,
    /// More than [`MAX_BYTES`] bytes or [`MAX_PARTS`] parts.
    TooLong,
}

impl fmt::Display for BadPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSlash => "does not begin with /",
            Self::Unfinished => "ends with /",
            Self::List => "[ without ]",
            Self::Choice => "{ without }",
            Self::TooLong => "pattern too long",
        })
    }
}

impl std::error::Error for BadPattern {}

/// Whether an address has to be matched: it holds one of `* ? [ {` or `//`.
#[inline]
pub fn is_pattern(address: &str) -> bool {
    let mut before = 0;
    address.bytes().any(|byte| {
        let special = matches!(byte, b'*' | b'?' | b'[' | b'{') || (byte == b'/' && before == b'/');
        before = byte;
        special
    })
}

/// One part of an address as a pattern meets it.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// All names of this one part: a strip's number and its id.
    pub names: &'a [&'a str],
    /// Whether only a pattern that spells one of the names out reaches this part and what is
    /// below it, as with `meter` and `loudness`: no wildcard and no `//` does.
    pub guarded: bool,
}

/// A compiled pattern of a whole address.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Part(Part),
    /// `//`
    AnyRun,
}

/// How far a walk down the tree has come: the places of the pattern that may be next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walk(u64);

impl Walk {
    /// Whether nothing at this node or below it can match.
    #[inline]
    pub fn is_over(self) -> bool {
        self.0 == 0
    }
}

impl Pattern {
    /// Compiles a pattern; an address without wildcards is one too.
    ///
    /// # Errors
    ///
    /// [`BadPattern`]; what it is found in matches nothing.
    pub fn parse(pattern: &str) -> Result<Self, BadPattern> {
        if pattern.len() > MAX_BYTES {
            return Err(BadPattern::TooLong);
        }
        let mut rest = pattern.strip_prefix('/').ok_or(BadPattern::NoSlash)?;
        let mut steps = Vec::new();
        loop {
            // `rest` stands behind a slash.
            if rest.starts_with('/') {
                rest = rest.trim_start_matches('/');
                steps.push(Step::AnyRun);
                if rest.is_empty() {
                    break;
                }
            }
            let (part, behind) = match rest.split_once('/') {
                Some((part, behind)) => (part, Some(behind)),
                None => (rest, None),
            };
            if part.is_empty() {
                return Err(BadPattern::Unfinished);
            }
            steps.push(Step::Part(Part::parse(part)?));
            match behind {
                Some(behind) => rest = behind,
                None => break,
            }
        }
        if steps.len() > MAX_PARTS {
            return Err(BadPattern::TooLong);
        }
        Ok(Self { steps })
    }

    /// The walk at the root, before any part.
    pub fn start(&self) -> Walk {
        Walk(self.skip_runs(1))
    }

    /// The walk one part further down.
    pub fn step(&self, walk: Walk, segment: Segment<'_>) -> Walk {
        let mut next = 0;
        let mut places = walk.0;
        while places != 0 {
            let place = places.trailing_zeros();
            places &= places - 1;
            match self.steps.get(place as usize) {
                Some(Step::Part(part)) if part.reaches(segment) => next |= 1 << (place + 1),
                Some(Step::AnyRun) if !segment.guarded => next |= 1 << place,
                _ => {}
            }
        }
        Walk(self.skip_runs(next))
    }

    /// Whether the node that the walk stands on matches.
    #[inline]
    pub fn accepts(&self, walk: Walk) -> bool {
        walk.0 >> self.steps.len() & 1 == 1
    }

    /// Matches a whole address, part by part.
    pub fn matches_path(&self, path: &[Segment<'_>]) -> bool {
        let mut walk = self.start();
        for segment in path {
            if walk.is_over() {
                return false;
            }
            walk = self.step(walk, *segment);
        }
        self.accepts(walk)
    }

    /// Matches a whole address, where each part has one name and none is guarded.
    pub fn matches(&self, address: &str) -> bool {
        let Some(path) = address.strip_prefix('/') else {
            return false;
        };
        let mut walk = self.start();
        for name in path.split('/') {
            let names = &[name];
            let segment = Segment { names, guarded: false };
            walk = self.step(walk, segment);
        }
        self.accepts(walk)
    }

    /// Whether some part of the pattern spells `name` out, plainly or as one of `{…}`.
    ///
    /// A first look only: [`Segment::guarded`] says that it has to be spelled in its place.
    pub fn spells(&self, name: &str) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Part(part) if part.spells(name)))
    }

    /// Adds the places behind each `//`, which may stand for no part at all.
    fn skip_runs(&self, mut places: u64) -> u64 {
        // Two `//` never follow one another, so one look is enough.
        for (place, step) in self.steps.iter().enumerate() {
            if *step == Step::AnyRun && places >> place & 1 == 1 {
                places |= 1 << (place + 1);
            }
        }
        places
    }
}

impl Part {
    fn reaches(&self, segment: Segment<'_>) -> bool {
        segment.names.iter().any(|name| if segment.guarded { self.spells(name) } else { self.matches(name) })
    }
}

#[cfg(test)]
mod tests;
