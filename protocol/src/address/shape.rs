//! What stands below one strip, shared by all strips where the same stands.

use super::Names;
use crate::pattern::Segment;

/// Parts that only a pattern which spells them reaches.
pub const GUARDED: [&str; 2] = ["meter", "loudness"];

/// The tails of one kind of owner, as a map for exact addresses and as a tree for patterns.
///
/// Values are offsets into the owner's run of parameters.
#[derive(Debug)]
pub struct Shape {
    tails: Names<u32>,
    /// Tails by id, where they differ from the canonical ones, else those.
    by_id: Vec<Box<str>>,
    /// The first is the root.
    nodes: Vec<Node>,
}

/// One part of a tail.
#[derive(Debug, Default)]
pub struct Node {
    /// Its canonical name.
    pub name: Box<str>,
    /// Its id, where it has one.
    pub id: Option<Box<str>>,
    /// The parameter that stands here.
    pub value: Option<u32>,
    /// What is below, by index.
    pub children: Vec<u32>,
    guarded: bool,
}

impl Shape {
    /// A shape from tails, in the order of the parameters, each with the id that works in place of
    /// its second part.
    pub fn new<'a>(tails: impl Iterator<Item = (&'a str, Option<&'a str>)>) -> Shape {
        let mut shape = Shape { tails: Names::default(), by_id: Vec::new(), nodes: vec![Node::default()] };
        let mut aliases = Vec::new();
        for (offset, (tail, id)) in tails.enumerate() {
            shape.tails.insert(tail.into(), offset as u32);
            let other = id.map_or_else(|| tail.to_owned(), |id| with_second(tail, id));
            if other != tail {
                aliases.push((other.clone(), offset as u32));
            }
            shape.by_id.push(other.into());
            shape.plant(tail, id, offset as u32);
        }
        // Behind all canonical tails, so that none is hidden.
        for (tail, offset) in aliases {
            shape.tails.entry(tail.into()).or_insert(offset);
        }
        shape
    }

    fn plant(&mut self, tail: &str, id: Option<&str>, offset: u32) {
        let mut at = 0;
        for (depth, name) in tail.split('/').enumerate() {
            let known = self.nodes[at].children.iter().copied().find(|c| *self.nodes[*c as usize].name == *name);
            at = match known {
                Some(child) => child as usize,
                None => {
                    let child = self.nodes.len();
                    let id = id.filter(|_| depth == 1).map(Box::from);
                    self.nodes.push(Node { name: name.into(), id, guarded: GUARDED.contains(&name), ..Node::default() });
                    self.nodes[at].children.push(child as u32);
                    child
                }
            };
        }
        self.nodes[at].value = Some(offset);
    }

    /// Offset of the parameter with this tail, in any spelling.
    #[inline]
    pub fn find(&self, tail: &str) -> Option<u32> {
        self.tails.get(tail).copied()
    }

    /// The tail by id of the parameter at an offset.
    pub fn by_id(&self, offset: u32) -> &str {
        &self.by_id[offset as usize]
    }

    /// The root, under which all tails are.
    pub fn root(&self) -> &Node {
        &self.nodes[0]
    }

    /// What is directly below a node.
    pub fn children<'a>(&'a self, node: &'a Node) -> impl Iterator<Item = &'a Node> {
        node.children.iter().map(|c| &self.nodes[*c as usize])
    }

    /// The node of this name or id directly below another.
    pub fn child<'a>(&'a self, node: &'a Node, name: &str) -> Option<&'a Node> {
        let by_name = self.children(node).find(|c| *c.name == *name);
        by_name.or_else(|| self.children(node).find(|c| c.id.as_deref() == Some(name)))
    }
}

impl Node {
    /// Calls `with` with this part as a pattern meets it.
    #[inline]
    pub fn segment<R>(&self, with: impl FnOnce(Segment<'_>) -> R) -> R {
        let guarded = self.guarded;
        match &self.id {
            Some(id) => with(Segment { names: &[&self.name, id], guarded }),
            None => with(Segment { names: &[&self.name], guarded }),
        }
    }
}

/// A tail with another second part.
fn with_second(tail: &str, id: &str) -> String {
    let mut parts: Vec<&str> = tail.split('/').collect();
    if let Some(second) = parts.get_mut(1) {
        *second = id;
    }
    parts.join("/")
}
