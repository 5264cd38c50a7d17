//! Strips side by side, eight at a time.

use super::bind::name_of;
use super::{BANK, COLUMN, Colour, Content, DEPTH, HEIGHT, Item, Rect, Source, TABS, Tab, What, simple};
use headroom_dsp::graph::StripKind;
use headroom_dsp::param::Kind;
use headroom_dsp::tree::{Owner, ParamId, Slot};

/// Lower end of a level meter: what is under it does not show on a tablet, dBFS.
pub(super) const FLOOR_DB: f64 = -60.0;

/// Whose values are in a column.
#[derive(Clone, Copy)]
pub(super) enum Of {
    /// The strip's own.
    Itself,
    /// Those of its send in this place.
    Send(usize),
}

/// What a column is made of.
struct Parts {
    fader: Option<ParamId>,
    pan: Option<ParamId>,
    switches: Vec<(ParamId, &'static str)>,
    meter: Option<ParamId>,
}

impl Parts {
    fn of(source: &Source<'_>, owner: Owner, of: Of) -> Parts {
        let path = |tail: &str| match of {
            Of::Itself => source.find(owner, tail),
            Of::Send(send) => {
                let Owner::Strip(strip) = owner else { return None };
                let first = source.tree.send(strip, send);
                let belongs = |id: &ParamId| source.tree.entry(*id).slot == Slot::Send(send);
                let all = (first.0..source.tree.entries().len() as u32).map(ParamId).take_while(belongs);
                let mut found = all.filter(|id| source.tree.entry(*id).decl.path == tail);
                found.find(|id| source.sight.sees(*id))
            }
        };
        let fader = path(if matches!(of, Of::Itself) { "fader" } else { "level" });
        let named = [("mute", "Mute"), ("solo", "Solo"), ("on", "On"), ("dim", "Dim")];
        let switches = named.into_iter().filter_map(|(tail, label)| Some((path(tail)?, label)));
        let switches = switches.filter(|(id, _)| matches!(source.tree.entry(*id).decl.kind, Kind::Bool { .. })).collect();
        let meter = ["meter/out", "meter/in"].into_iter().find_map(|tail| source.find(owner, tail));
        Parts { fader, pan: path("pan"), switches, meter }
    }

    /// Whether there is anything to take hold of, or to see that belongs to a mix.
    fn is_worth_it(&self) -> bool {
        self.fader.is_some() || !self.switches.is_empty()
    }
}

/// The controls of one strip, DCA or mute group, at `x`, as high as `height`.
pub(super) fn column(source: &Source<'_>, owner: Owner, of: Of, x: f32, height: f32) -> Vec<Item> {
    let parts = Parts::of(source, owner, of);
    let colour = source.colour(owner);
    let (left, wide) = (x + 6.0, COLUMN - 12.0);
    let mut items = vec![name(source, owner, colour, Rect { x: left, y: 6.0, w: wide, h: 36.0 })];
    let mut y = 50.0;
    // Two beside one another, as many rows as it takes.
    let half = (wide - 6.0) / 2.0;
    for (n, (id, label)) in parts.switches.iter().enumerate() {
        let alone = parts.switches.len() == 1;
        let x = if n % 2 == 1 { left + half + 6.0 } else { left };
        let at = Rect { x, y, w: if alone { wide } else { half }, h: 44.0 };
        items.push(Item { at, colour, what: switch(source, *id, *label) });
        if n % 2 == 1 || n + 1 == parts.switches.len() {
            y += 50.0;
        }
    }
    if let Some(pan) = parts.pan.and_then(|id| source.travel(id, "Pan")) {
        items.push(Item { at: Rect { x: left, y, w: wide, h: 76.0 }, colour, what: What::Knob(pan) });
        y += 82.0;
    }
    let meter = parts.meter.map(|id| meter(source, id));
    let room = if meter.is_some() { 26.0 } else { 0.0 };
    if let Some(fader) = parts.fader.and_then(|id| source.travel(id, "")) {
        let at = Rect { x: left, y, w: wide - room, h: height - y - 6.0 };
        items.push(Item { at, colour, what: What::Fader(fader) });
    }
    if let Some(what) = meter {
        let at = Rect { x: left + wide - 22.0, y, w: 22.0, h: height - y - 6.0 };
        items.push(Item { at, colour, what });
    }
    items
}

fn name(source: &Source<'_>, owner: Owner, colour: Colour, at: Rect) -> Item {
    let what = match source.find(owner, "name") {
        Some(id) => {
            let text = name_of(source.values.get(id.0 as usize));
            What::Told { address: source.space.by_id(id), text }
        }
        None => What::Words(source.title(owner)),
    };
    Item { at, colour, what }
}

pub(super) fn switch(source: &Source<'_>, id: ParamId, label: impl Into<String>) -> What {
    let decl = source.tree.entry(id).decl;
    let (address, writes) = (source.space.by_id(id), source.may_set(id));
    What::Switch { address, label: label.into(), held: decl.trigger, writes }
}

fn meter(source: &Source<'_>, id: ParamId) -> What {
    What::Meter { address: source.space.by_id(id), sides: source.space.width(id), low: FLOOR_DB, high: 0.0 }
}

/// The owners of a sort, eight to a page, each page with what `column` makes of them.
fn banks(source: &Source<'_>, word: &str, owners: &[Owner], column: impl Fn(Owner, f32, f32) -> Vec<Item>) -> Vec<Tab> {
    let height = HEIGHT - DEPTH * TABS;
    let pages = owners.chunks(BANK).enumerate();
    pages
        .map(|(page, owners)| {
            let first = page * BANK + 1;
            let last = first + owners.len() - 1;
            let title = if first == last { format!("{word} {first}") } else { format!("{word} {first}–{last}") };
            let title = title.trim_start().to_owned();
            let items = owners.iter().enumerate().flat_map(|(n, owner)| column(*owner, n as f32 * COLUMN, height));
            Tab { title, colour: Some(source.colour(owners[0])), content: Content::Items(items.collect()) }
        })
        .collect()
}

/// Faders of everything, but for the strip that stands beside the pages.
pub(super) fn mix(source: &Source<'_>, beside: Option<usize>) -> Option<Content> {
    let strips = |fits: &dyn Fn(StripKind) -> bool| -> Vec<Owner> {
        let all = (0..source.spec.strips.len()).filter(|s| fits(source.spec.strips[*s].kind) && Some(*s) != beside);
        all.map(Owner::Strip).collect()
    };
    let sorts = [
        ("Ch", strips(&|k| k == StripKind::Channel)),
        ("Bus", strips(&|k| matches!(k, StripKind::Group | StripKind::Aux | StripKind::Fx))),
        ("Matrix", strips(&|k| k == StripKind::Matrix)),
        ("DCA", (0..source.spec.dcas.len()).map(Owner::Dca).collect()),
        ("Mutes", (0..source.spec.mute_groups.len()).map(Owner::MuteGroup).collect()),
        ("Desk", strips(&|k| k.single())),
    ];
    let mut tabs = Vec::new();
    for (word, owners) in sorts {
        let own: Vec<Owner> = owners.into_iter().filter(|o| Parts::of(source, *o, Of::Itself).is_worth_it()).collect();
        tabs.extend(banks(source, word, &own, |owner, x, height| column(source, owner, Of::Itself, x, height)));
    }
    (!tabs.is_empty()).then(|| simple(tabs))
}

/// For each bus the sends to it.
pub(super) fn sends(source: &Source<'_>) -> Option<Content> {
    let mut tabs = Vec::new();
    for bus in 0..source.spec.strips.len() {
        let from = |s: usize| source.spec.strips[s].sends.iter().position(|to| *to == bus);
        let fits = |s: usize| {
            let send = from(s)?;
            Parts::of(source, Owner::Strip(s), Of::Send(send)).fader.map(|_| (Owner::Strip(s), send))
        };
        let sends: Vec<(Owner, usize)> = (0..source.spec.strips.len()).filter_map(fits).collect();
        if sends.is_empty() {
            continue;
        }
        let owners: Vec<Owner> = sends.iter().map(|s| s.0).collect();
        let pages = banks(source, "", &owners, |owner, x, height| {
            let send = sends.iter().find(|s| s.0 == owner).map_or(0, |s| s.1);
            column(source, owner, Of::Send(send), x, height)
        });
        let owner = Owner::Strip(bus);
        tabs.push(Tab { title: source.title(owner), colour: Some(source.colour(owner)), content: simple(pages) });
    }
    (!tabs.is_empty()).then(|| simple(tabs))
}
