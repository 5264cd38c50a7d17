//! The address space of one console: OSC addresses to parameters and back.
//!
//! An address is a head, which says whose parameter it is (`/ch/1`, `/main`), and a tail below it
//! (`eq/1/freq`). Strips with the same chain and sends have the same tails, so these are held once
//! for all of them, as one shape: the tables of 128 channels are little larger than those of one and
//! stay in the cache. Both halves are looked up whole in a hash map that knows every spelling, by
//! number and by id, so an exact address costs two short hashes however deep it is.
//!
//! | spelling | of |
//! | --- | --- |
//! | `/ch/1`, `/ch/kick` | strips, DCAs, mute groups: number or id |
//! | `send/2`, `send/wedge-1`, `send/m1` | sends: bus number or id; a matrix is `m1` or its id |
//! | `dca/1`, `dca/band` | memberships: number or id |
//! | `/norm/…` | any of these as travel 0 … 1, see [`Target`] |
//!
//! Where an id looks like the number of something else, the number wins and the id is no alias.

mod explain;
mod shape;
pub mod sight;
mod walk;

pub use explain::{nearest, quoted};
use foldhash::fast::FixedState;
use headroom_dsp::graph::{GraphSpec, StripKind};
use headroom_dsp::param::{Decl, Value};
use headroom_dsp::tree::{Entry, Owner, ParamId, Slot, Tree};
use shape::Shape;
pub use sight::Sight;
use std::collections::HashMap;

/// Hash map for names: quick on short text. Its keys come from the rig, never from the network.
type Names<V> = HashMap<Box<str>, V, FixedState>;

/// Prefix of the addresses that give a parameter as travel.
const NORM: &str = "/norm";

/// Rate at which `"480 frames"` is read until [`AddressSpace::at_rate`] says another, Hz.
const DEFAULT_RATE: f64 = 48_000.0;

/// What an address means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target {
    /// The parameter.
    pub param: ParamId,
    /// As travel 0 … 1 (`/norm/…`), not in its unit.
    pub norm: bool,
}

impl Target {
    /// A parameter in its unit.
    pub fn plain(param: ParamId) -> Target {
        Target { param, norm: false }
    }
}

/// What stands at an address, see [`AddressSpace::node`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A parameter.
    Value(ParamId),
    /// Names of the parts below, canonical, in order.
    Container(Vec<String>),
}

/// All addresses of one console. See the module documentation.
#[derive(Debug)]
pub struct AddressSpace {
    /// `ch/1`, `ch/kick`, `main`.
    heads: Names<Head>,
    kinds: Vec<Kind>,
    shapes: Vec<Shape>,
    params: Vec<Param>,
    /// Canonical addresses, one behind the other.
    addresses: String,
    rate: f64,
}

/// Where the parameters of one owner stand.
#[derive(Clone, Copy, Debug)]
struct Head {
    first: u32,
    shape: u32,
}

/// A first part of addresses: `ch`, `main`.
#[derive(Debug)]
struct Kind {
    name: &'static str,
    /// Stands once and has no number.
    single: bool,
    owners: Vec<Member>,
}

/// One strip, DCA or mute group.
#[derive(Debug)]
struct Member {
    number: Box<str>,
    id: Option<Box<str>>,
    head: Head,
}

#[derive(Debug)]
struct Param {
    decl: &'static Decl,
    /// End of its address in `addresses`; it begins where the one before ends.
    end: u32,
    /// Kind and place in it.
    owner: (u16, u16),
    /// Answers this many numbers.
    width: u8,
    default: Value,
}

/// The kind of what stands at the root: no part of an address at all.
const CONSOLE: &str = "";

/// The kind of what the running console tells of itself. Patterns reach it only if they spell it.
const STATUS: &str = "status";

/// Whether an address is told only to who names it: of a meter, of loudness, of the status, or as travel. No wildcard
/// reaches it.
pub fn is_named_only(address: &str) -> bool {
    let mut parts = address.split('/').skip(1);
    let first = parts.clone().next().unwrap_or_default();
    first == STATUS || first == &NORM[1..] || parts.any(|part| shape::GUARDED.contains(&part))
}

/// An owner as an address begins with it.
struct Name<'a> {
    kind: &'static str,
    single: bool,
    number: usize,
    id: &'a str,
}

fn name(spec: &GraphSpec, owner: Owner) -> Name<'_> {
    match owner {
        Owner::Strip(i) => {
            let strip = &spec.strips[i];
            Name { kind: strip.kind.address(), single: strip.kind.single(), number: strip.number, id: &strip.id }
        }
        Owner::Dca(i) => Name { kind: "dca", single: false, number: i + 1, id: &spec.dcas[i].id },
        Owner::MuteGroup(i) => Name { kind: "mutegroup", single: false, number: i + 1, id: &spec.mute_groups[i].id },
        Owner::Console => Name { kind: CONSOLE, single: true, number: 0, id: "" },
        Owner::Status => Name { kind: STATUS, single: true, number: 0, id: "" },
    }
}

/// The id that works in place of the second part of a tail: of the bus of a send, of a group.
fn alias<'a>(spec: &'a GraphSpec, entry: &Entry) -> Option<&'a str> {
    let id = match (entry.owner, entry.slot) {
        (Owner::Strip(s), Slot::Send(k)) => spec.strips[spec.strips[s].sends[k]].id.as_str(),
        (_, Slot::Dca(d)) => &spec.dcas[d].id,
        (_, Slot::MuteGroup(m)) => &spec.mute_groups[m].id,
        _ => return None,
    };
    let is_matrix = |text: &str| spec.strips.iter().any(|s| s.kind == StripKind::Matrix && text.parse() == Ok(s.number));
    let taken = matches!(entry.slot, Slot::Send(_)) && id.strip_prefix('m').is_some_and(is_matrix);
    (usable(id) && !taken).then_some(id)
}

/// Whether an id can stand for a number: one part of an address, and no number itself.
fn usable(id: &str) -> bool {
    let one_part = !id.contains(|c: char| c.is_whitespace() || "/*?[]{},#".contains(c));
    one_part && !id.bytes().all(|b| b.is_ascii_digit())
}

/// Splits an address without its first slash into head and tail.
#[inline]
fn split(path: &str) -> Option<(&str, &str)> {
    let slash = |from: usize| path.as_bytes()[from..].iter().position(|b| *b == b'/').map(|at| from + at);
    let Some(mut end) = slash(0) else { return Some((CONSOLE, path)) };
    let first = &path[..end];
    if first != STATUS && StripKind::SINGLE.iter().all(|kind| kind.address() != first) {
        end = slash(end + 1)?;
    }
    Some((&path[..end], &path[end + 1..]))
}

impl AddressSpace {
    /// The addresses of a console; `tree` is that of `spec`.
    pub fn new(spec: &GraphSpec, tree: &Tree) -> AddressSpace {
        let mut space = AddressSpace {
            heads: Names::default(),
            kinds: Vec::new(),
            shapes: Vec::new(),
            params: Vec::with_capacity(tree.entries().len()),
            addresses: String::new(),
            rate: DEFAULT_RATE,
        };
        let mut known: HashMap<Vec<&str>, u32> = HashMap::new();
        let mut rest = tree.entries();
        while let Some(first) = rest.first() {
            // What belongs to one owner stands together, see `Tree::of`.
            let (own, behind) = rest.split_at(rest.iter().take_while(|e| e.owner == first.owner).count());
            rest = behind;
            let shape = *known.entry(own.iter().map(|e| e.path.as_str()).collect()).or_insert_with(|| {
                space.shapes.push(Shape::new(own.iter().map(|e| (e.path.as_str(), alias(spec, e)))));
                space.shapes.len() as u32 - 1
            });
            space.add(spec, own, shape);
        }
        space.name_heads();
        space
    }

    /// Adds an owner and its parameters.
    fn add(&mut self, spec: &GraphSpec, own: &[Entry], shape: u32) {
        let Some(first) = own.first() else { return };
        let name = name(spec, first.owner);
        let kind = self.kinds.iter().position(|k| k.name == name.kind).unwrap_or_else(|| {
            self.kinds.push(Kind { name: name.kind, single: name.single, owners: Vec::new() });
            self.kinds.len() - 1
        });
        let owners = &mut self.kinds[kind].owners;
        let owner = (kind as u16, owners.len() as u16);
        let number = name.number.to_string();
        let head = Head { first: self.params.len() as u32, shape };
        let id = (!name.single && usable(name.id)).then(|| name.id.into());
        owners.push(Member { number: number.as_str().into(), id, head });
        let begin = if name.kind == CONSOLE {
            "/".to_owned()
        } else if name.single {
            format!("/{}/", name.kind)
        } else {
            format!("/{}/{number}/", name.kind)
        };
        let sides = if let Owner::Strip(s) = first.owner { spec.strips[s].channels() } else { 1 };
        for entry in own {
            self.addresses.push_str(&begin);
            self.addresses.push_str(&entry.path);
            let end = self.addresses.len() as u32;
            let (decl, default) = (entry.decl, entry.default.clone());
            self.params.push(Param { decl, end, owner, width: decl.width.of(sides) as u8, default });
        }
    }

    /// Every spelling of every head; numbers first, so that no id hides one.
    fn name_heads(&mut self) {
        for by_id in [false, true] {
            for kind in &self.kinds {
                for owner in &kind.owners {
                    let head = match (&owner.id, kind.single) {
                        (_, true) => kind.name.to_owned(),
                        (Some(id), _) if by_id => format!("{}/{id}", kind.name),
                        _ => format!("{}/{}", kind.name, owner.number),
                    };
                    self.heads.entry(head.into()).or_insert(owner.head);
                }
            }
        }
    }

    /// The same space, reading times in frames at `rate` Hz.
    pub fn at_rate(mut self, rate: f64) -> AddressSpace {
        self.rate = rate;
        self
    }

    /// Rate at which times in frames are read, Hz.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// Number of parameters.
    pub fn len(&self) -> usize {
        self.params.len()
    }

    /// Whether there is no parameter at all.
    pub fn is_empty(&self) -> bool {
        self.params.is_empty()
    }

    /// All parameters, in the order of the tree.
    pub fn params(&self) -> impl Iterator<Item = ParamId> + use<> {
        (0..self.params.len() as u32).map(ParamId)
    }

    /// The declaration of a parameter.
    #[inline]
    pub fn decl(&self, id: ParamId) -> &'static Decl {
        self.params[id.0 as usize].decl
    }

    /// What a parameter is where nobody says otherwise; not the same for every band of an equaliser.
    pub fn default(&self, id: ParamId) -> &Value {
        &self.params[id.0 as usize].default
    }

    /// How many numbers a parameter answers: 2 for the level meters of stereo strips, 60 for a spectrum, mostly 1.
    pub fn width(&self, id: ParamId) -> usize {
        usize::from(self.params[id.0 as usize].width)
    }

    /// The parameter at an exact address in any spelling, without `/norm`.
    #[inline]
    pub fn resolve(&self, address: &str) -> Option<ParamId> {
        let (head, tail) = split(address.strip_prefix('/')?)?;
        let head = self.heads.get(head)?;
        let offset = self.shapes[head.shape as usize].find(tail)?;
        Some(ParamId(head.first + offset))
    }

    /// What an exact address in any spelling means, `/norm/…` included.
    #[inline]
    pub fn target(&self, address: &str) -> Option<Target> {
        match address.strip_prefix(NORM) {
            Some(plain) if plain.starts_with('/') => Some(Target { param: self.resolve(plain)?, norm: true }),
            _ => Some(Target { param: self.resolve(address)?, norm: false }),
        }
    }

    /// The address that answers carry: by numbers, main and monitor without one.
    pub fn canonical(&self, id: ParamId) -> &str {
        let index = id.0 as usize;
        let begin = if index == 0 { 0 } else { self.params[index - 1].end };
        &self.addresses[begin as usize..self.params[index].end as usize]
    }

    /// The canonical address of a target, with `/norm` where it is travel.
    pub fn canonical_of(&self, target: Target) -> String {
        let plain = self.canonical(target.param);
        if target.norm { format!("{NORM}{plain}") } else { plain.to_owned() }
    }

    /// The address by ids, which outlives a change of order in the rig: the key of state and scenes.
    pub fn by_id(&self, id: ParamId) -> String {
        let (kind, owner) = self.params[id.0 as usize].owner;
        let kind = &self.kinds[usize::from(kind)];
        let owner = &kind.owners[usize::from(owner)];
        let mut address = if kind.name == CONSOLE { String::new() } else { format!("/{}", kind.name) };
        if !kind.single {
            address.push('/');
            address.push_str(owner.id.as_deref().unwrap_or(&owner.number));
        }
        address.push('/');
        address.push_str(self.shapes[owner.head.shape as usize].by_id(id.0 - owner.head.first));
        address
    }

    /// The address by ids of a target, with `/norm` where it is travel.
    pub fn by_id_of(&self, target: Target) -> String {
        let plain = self.by_id(target.param);
        if target.norm { format!("{NORM}{plain}") } else { plain }
    }

    /// Whether a parameter has a travel: `/norm/…` is for numbers, switches and names.
    pub fn has_travel(&self, id: ParamId) -> bool {
        crate::coerce::has_travel(self.decl(id))
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
