//! Layouts for tablets, made of the declarations: which pages there are, and what on them is bound to which address.
//!
//! [`Layout::of`] draws them for one role, from what it sees and may set; [`touchosc`] and [`open_stage_control`] write
//! them down. Addresses are by id, so that a channel that is inserted moves nothing; what answers by numbers has to be
//! asked for ids (`/client/ids`), which the layouts do by themselves when they are opened.
//!
//! | page | has |
//! | --- | --- |
//! | Mix | faders in banks of eight, with mutes, solos, pans and meters |
//! | Sends | the same for what goes to one bus |
//! | Strips | the chain of each strip, a card for each processor |
//! | beside all of them | main, or the one mix that a role has |
//!
//! No address that can be set is on two controls: who sets a value is not told of it, so the other would stand still.

mod bank;
mod bind;
mod card;
pub mod open_stage_control;
pub mod touchosc;
mod wanted;

#[cfg(test)]
mod tests;

use crate::address::{AddressSpace, Sight};
pub use bind::{Readout, Travel};
use headroom_dsp::graph::{GraphSpec, StripKind};
use headroom_dsp::param::{Access, Value};
use headroom_dsp::tree::{Owner, ParamId, Tree};

/// Width of a layout, in the points of a tablet held across.
pub const WIDTH: f32 = 1024.0;
/// Its height.
pub const HEIGHT: f32 = 768.0;
/// Height of a row of tabs.
pub const TABS: f32 = 40.0;
/// Rows of tabs above what lies deepest.
const DEPTH: f32 = 3.0;
/// Width of one strip in a bank.
const COLUMN: f32 = 112.0;
/// Strips of a bank.
const BANK: usize = 8;

/// What a layout is made of: one console as one role sees it.
pub struct Source<'a> {
    /// The graph.
    pub spec: &'a GraphSpec,
    /// Its parameters.
    pub tree: &'a Tree,
    /// Their addresses.
    pub space: &'a AddressSpace,
    /// What the role sees of them.
    pub sight: Sight<'a>,
    /// Whether it may set one.
    pub writes: &'a dyn Fn(ParamId) -> bool,
    /// Present values, by parameter: names and colours are taken from them.
    pub values: &'a [Value],
    /// Its user has to log in: the layout asks for a token. None is ever in a layout.
    pub login: bool,
}

/// A colour, red, green, blue.
pub type Colour = [u8; 3];

/// A place, in points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rect {
    /// From the left.
    pub x: f32,
    /// From above.
    pub y: f32,
    /// Width.
    pub w: f32,
    /// Height.
    pub h: f32,
}

/// A whole layout.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Name of the rig.
    pub title: String,
    /// The pages.
    pub pages: Content,
    /// Width that they have.
    pub width: f32,
    /// What stands beside them.
    pub beside: Vec<Item>,
    /// What to subscribe to, so that every control is told.
    pub wanted: Vec<String>,
    /// It asks for a token.
    pub login: bool,
}

/// What is on a page.
#[derive(Clone, Debug)]
pub enum Content {
    /// Further pages.
    Tabs(Vec<Tab>),
    /// Controls.
    Items(Vec<Item>),
}

/// A page under a tab.
#[derive(Clone, Debug)]
pub struct Tab {
    /// What the tab says.
    pub title: String,
    /// Its colour.
    pub colour: Option<Colour>,
    /// What is on it.
    pub content: Content,
}

/// One control.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its place on the page.
    pub at: Rect,
    /// Colour of its strip.
    pub colour: Colour,
    /// What it is.
    pub what: What,
}

/// What a control is.
#[derive(Clone, Debug)]
pub enum What {
    /// Words that stay.
    Words(String),
    /// Text that the console tells.
    Told {
        /// Its address.
        address: String,
        /// What it is now.
        text: String,
    },
    /// A fader: a number along its travel.
    Fader(Travel),
    /// The same as a knob.
    Knob(Travel),
    /// Off and on.
    Switch {
        /// Its address.
        address: String,
        /// What stands on it.
        label: String,
        /// It is on as long as it is held.
        held: bool,
        /// The role may set it.
        writes: bool,
    },
    /// A meter that the console tells.
    Meter {
        /// Its address.
        address: String,
        /// Numbers that it tells.
        sides: usize,
        /// Where the bar begins, dB.
        low: f64,
        /// Where it ends, dB.
        high: f64,
    },
}

impl What {
    /// The address that it is bound to.
    pub fn address(&self) -> Option<&str> {
        match self {
            What::Words(_) => None,
            What::Told { address, .. } | What::Switch { address, .. } | What::Meter { address, .. } => Some(address),
            What::Fader(travel) | What::Knob(travel) => Some(&travel.address),
        }
    }
}

impl Layout {
    /// The layout of a console for one role.
    pub fn of(source: &Source<'_>) -> Layout {
        let beside = source.beside();
        let width = if beside.is_some() { WIDTH - COLUMN } else { WIDTH };
        let mix = bank::mix(source, beside);
        let sends = bank::sends(source);
        let strips = card::strips(source, width);
        let named = [("Mix", mix), ("Sends", sends), ("Strips", strips)].into_iter();
        let tabs = named.filter_map(|(title, content)| Some(Tab { title: title.into(), colour: None, content: content? }));
        let beside = beside.map_or_else(Vec::new, |strip| {
            let mut items = bank::column(source, Owner::Strip(strip), bank::Of::Itself, 0.0, HEIGHT);
            items.iter_mut().for_each(|item| item.at.x += width);
            items
        });
        let pages = simple(tabs.collect());
        let mut layout =
            Layout { title: source.spec.name.clone(), pages, width, beside, wanted: Vec::new(), login: source.login };
        layout.wanted = wanted::patterns(source.space, layout.items().filter_map(|item| item.what.address()));
        layout
    }

    /// All controls.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        let mut found: Vec<&Item> = self.beside.iter().collect();
        let mut open = vec![&self.pages];
        while let Some(content) = open.pop() {
            match content {
                Content::Items(items) => found.extend(items),
                Content::Tabs(tabs) => open.extend(tabs.iter().map(|tab| &tab.content)),
            }
        }
        found.into_iter()
    }
}

/// Tabs, or what is under the only one.
fn simple(mut tabs: Vec<Tab>) -> Content {
    match tabs.len() {
        0 => Content::Items(Vec::new()),
        1 => tabs.remove(0).content,
        _ => Content::Tabs(tabs),
    }
}

impl Source<'_> {
    fn find(&self, owner: Owner, path: &str) -> Option<ParamId> {
        self.tree.find(owner, path).filter(|id| self.sight.sees(*id))
    }

    fn may_set(&self, id: ParamId) -> bool {
        self.tree.entry(id).decl.access == Access::Write && (self.writes)(id)
    }

    fn text(&self, owner: Owner, path: &str) -> &str {
        let id = self.tree.find(owner, path).filter(|id| self.sight.sees(*id));
        id.and_then(|id| self.values.get(id.0 as usize)).map_or("", |value| value.as_text())
    }

    /// What an owner is called on a tab.
    fn title(&self, owner: Owner) -> String {
        match (self.text(owner, "name"), owner) {
            ("", Owner::Strip(s)) => self.spec.strips[s].id.clone(),
            ("", Owner::Dca(d)) => self.spec.dcas[d].id.clone(),
            ("", Owner::MuteGroup(m)) => self.spec.mute_groups[m].id.clone(),
            (name, _) => name.to_owned(),
        }
    }

    fn colour(&self, owner: Owner) -> Colour {
        bind::colour(self.text(owner, "color"))
    }

    /// The strip that stands beside all pages: main, where its fader may be seen, else the mix of a role that has one.
    fn beside(&self) -> Option<usize> {
        let has_fader = |s: &usize| self.find(Owner::Strip(*s), "fader").is_some();
        if let Some(main) = self.spec.main().filter(has_fader) {
            return Some(main);
        }
        let mut own = (0..self.spec.strips.len()).filter(|s| self.spec.strips[*s].kind != StripKind::Channel).filter(has_fader);
        own.next().filter(|_| own.next().is_none())
    }
}
