//! The chain of each strip: a card for each processor, made of its parameters in their order.

use super::bank::switch;
use super::{BANK, Content, DEPTH, HEIGHT, Item, Rect, Source, TABS, Tab, What, simple};
use headroom_dsp::graph::StripKind;
use headroom_dsp::param::Kind;
use headroom_dsp::tree::{Owner, ParamId, Slot};

/// Width of one control on a card.
const CELL: f32 = 80.0;
/// Its height.
const ROW: f32 = 100.0;
/// Height of a card's head.
const HEAD: f32 = 34.0;
/// Space around a card.
const GAP: f32 = 8.0;
/// Most gain reduction that a meter shows, dB.
const REDUCTION_DB: f64 = -24.0;

/// One processor: what is in its head, and rows of controls.
struct Card {
    title: String,
    on: Option<ParamId>,
    reduction: Option<ParamId>,
    rows: Vec<Vec<(ParamId, String)>>,
}

impl Card {
    /// The same as cards of at most so many rows.
    fn split(mut self, most: usize) -> Vec<Card> {
        if self.rows.len() <= most {
            return vec![self];
        }
        let rest = self.rows.split_off(most);
        let next = Card { title: format!("{} …", self.title.trim_end_matches(" …")), on: None, reduction: None, rows: rest };
        std::iter::once(self).chain(next.split(most)).collect()
    }
}

fn cards(source: &Source<'_>, strip: usize, across: usize) -> Vec<Card> {
    let owner = Owner::Strip(strip);
    let seen: Vec<ParamId> = source.tree.of(owner).filter(|id| source.sight.sees(*id)).collect();
    let chain = source.spec.strips[strip].chain.iter().enumerate();
    let card = |(proc, spec): (usize, &headroom_dsp::graph::ProcSpec)| {
        let mut card = Card {
            title: if spec.name.is_empty() { spec.kind.decl().name.into() } else { spec.name.clone() },
            on: None,
            reduction: source.find(owner, &format!("meter/{}", spec.name)),
            rows: Vec::new(),
        };
        let mut last = None;
        for id in &seen {
            let entry = source.tree.entry(*id);
            let Slot::Proc(place, part) = entry.slot else { continue };
            let shown = source.may_set(*id) && !matches!(entry.decl.kind, Kind::Text { .. });
            if place != proc || !shown {
                continue;
            }
            let tail = entry.path.strip_prefix(spec.name.as_str()).unwrap_or(&entry.path).trim_start_matches('/');
            if tail == "on" {
                card.on = Some(*id);
                continue;
            }
            // What is numbered has a row for each number; short rows are joined.
            let numbered = tail.split('/').any(|p| p.bytes().all(|b| b.is_ascii_digit()));
            let begins = last != Some(part) && (numbered || card.rows.is_empty());
            let single = source.tree.of(owner).filter(|i| source.tree.entry(*i).slot == entry.slot).count() == 1;
            let full = card.rows.last().is_some_and(|row| row.len() >= across);
            if card.rows.is_empty() || full || (begins && !single) {
                card.rows.push(Vec::new());
            }
            last = Some(part);
            if let Some(row) = card.rows.last_mut() {
                row.push((*id, tail.to_owned()));
            }
        }
        card
    };
    let whole = chain.map(card).filter(|card| card.on.is_some() || !card.rows.is_empty());
    let most = ((HEIGHT - DEPTH * TABS - HEAD - 2.0 * GAP) / ROW) as usize;
    whole.flat_map(|card| card.split(most)).collect()
}

/// The pages of one strip.
fn pages(source: &Source<'_>, strip: usize, width: f32) -> Vec<Vec<Item>> {
    let colour = source.colour(Owner::Strip(strip));
    let height = HEIGHT - DEPTH * TABS;
    let across = ((width - 2.0 * GAP) / CELL) as usize;
    let mut pages: Vec<Vec<Item>> = Vec::new();
    let (mut x, mut y, mut shelf) = (GAP, GAP, 0.0f32);
    for card in cards(source, strip, across) {
        let cells = card.rows.iter().map(Vec::len).max().unwrap_or(0).max(2);
        let (w, h) = (cells as f32 * CELL, HEAD + card.rows.len() as f32 * ROW);
        if x + w > width {
            (x, y, shelf) = (GAP, y + shelf + GAP, 0.0);
        }
        if pages.is_empty() || y + h > height {
            pages.push(Vec::new());
            (x, y, shelf) = (GAP, GAP, 0.0);
        }
        let Some(items) = pages.last_mut() else { break };
        head(source, &card, colour, Rect { x, y, w, h: HEAD }, items);
        for (r, row) in card.rows.iter().enumerate() {
            for (c, (id, label)) in row.iter().enumerate() {
                let at = Rect { x: x + c as f32 * CELL, y: y + HEAD + r as f32 * ROW, w: CELL - 4.0, h: ROW - 4.0 };
                let what = match source.travel(*id, label.as_str()) {
                    Some(travel) => What::Knob(travel),
                    None => switch(source, *id, label.as_str()),
                };
                items.push(Item { at, colour, what });
            }
        }
        x += w + GAP;
        shelf = shelf.max(h);
    }
    pages
}

fn head(source: &Source<'_>, card: &Card, colour: super::Colour, at: Rect, items: &mut Vec<Item>) {
    let h = at.h - 4.0;
    match card.on {
        Some(id) => {
            items.push(Item { at: Rect { w: CELL - 4.0, h, ..at }, colour, what: switch(source, id, card.title.as_str()) })
        }
        None => items.push(Item { at: Rect { w: CELL - 4.0, h, ..at }, colour, what: What::Words(card.title.clone()) }),
    }
    if let Some(id) = card.reduction {
        let what = What::Meter { address: source.space.by_id(id), sides: 1, low: 0.0, high: REDUCTION_DB };
        items.push(Item { at: Rect { x: at.x + CELL, w: at.w - CELL - 4.0, h, ..at }, colour, what });
    }
}

/// A tab for each strip whose chain the role may set, in banks.
pub(super) fn strips(source: &Source<'_>, width: f32) -> Option<Content> {
    let mut tabs: Vec<(&'static str, Tab)> = Vec::new();
    for strip in 0..source.spec.strips.len() {
        let owner = Owner::Strip(strip);
        let word = match source.spec.strips[strip].kind {
            StripKind::Channel => "Ch",
            StripKind::Group | StripKind::Aux | StripKind::Fx => "Bus",
            StripKind::Matrix => "Matrix",
            _ => "Desk",
        };
        for (n, items) in pages(source, strip, width).into_iter().enumerate() {
            let title = if n == 0 { source.title(owner) } else { format!("{} {}", source.title(owner), n + 1) };
            tabs.push((word, Tab { title, colour: Some(source.colour(owner)), content: Content::Items(items) }));
        }
    }
    let mut banks: Vec<Tab> = Vec::new();
    let mut rest = tabs.into_iter().peekable();
    while let Some((word, first)) = rest.next() {
        let colour = first.colour;
        let mut bank = vec![first];
        while bank.len() < BANK
            && let Some((_, tab)) = rest.next_if(|(other, _)| *other == word)
        {
            bank.push(tab);
        }
        let number = 1 + banks.iter().filter(|b| b.title.starts_with(word)).count();
        banks.push(Tab { title: format!("{word} {number}"), colour, content: simple(bank) });
    }
    (!banks.is_empty()).then(|| simple(banks))
}
