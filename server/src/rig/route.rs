//! Who feeds whom: ids, destinations, sends, links, and the loops among them.

use super::diagnose::Report;
use super::strip::{Draft, slug};
use headroom_dsp::graph::{GraphSpec, StripKind, StripSpec};
use std::collections::HashMap;
use std::ops::Range;

/// One strip feeding another, and where the rig says so.
#[derive(Clone, Debug)]
pub struct Edge {
    /// Index of the strip that feeds.
    pub from: usize,
    /// Index of the strip that is fed.
    pub to: usize,
    /// It feeds the key of a side-chain, from its input point.
    pub key: bool,
    /// Where the rig says so.
    pub span: Range<usize>,
}

/// Reports ids used twice within one name space. `what` and where each comes from.
pub fn unique<'a>(ids: impl Iterator<Item = (&'a str, &'a Range<usize>)>, report: &mut Report) {
    let mut seen: HashMap<&str, &Range<usize>> = HashMap::new();
    for (id, span) in ids {
        match seen.get(id) {
            Some(first) => {
                report
                    .error(span, format!("the id `{id}` is used twice"), "second use")
                    .also(first, "first use")
                    .help(format!("give one of them an id of its own: id = \"{id}-2\""));
            }
            None => {
                seen.insert(id, span);
            }
        }
    }
}

/// Reports ids of strips that are used twice or mean something else where ids are named.
pub fn check_ids(drafts: &[Draft<'_>], report: &mut Report) {
    for draft in drafts.iter().filter(|d| !d.kind.single()) {
        let matrix_number = draft.id.strip_prefix('m').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
        let taken = draft.id == "none"
            || StripKind::SINGLE.iter().any(|kind| kind.address() == draft.id)
            || (matrix_number && (draft.kind.is_bus() || draft.kind == StripKind::Matrix));
        if taken {
            report.error(&draft.id_span, format!("the id `{}` already means something else", draft.id), "taken").help(format!(
                "give it another: id = \"{}-{}\"",
                draft.kind.address(),
                draft.id
            ));
        }
    }
    unique(drafts.iter().filter(|d| !d.kind.single()).map(|d| (d.id.as_str(), &d.id_span)), report);
}

/// Gives the second of two linked channels the chain and, where it names none, the destination of the first.
pub fn follow(drafts: &mut [Draft<'_>]) {
    for i in 1..drafts.len() {
        let (before, rest) = drafts.split_at_mut(i);
        let (first, next) = (&before[i - 1], &mut rest[0]);
        if first.link.is_some() && next.kind == StripKind::Channel {
            next.chain.clone_from(&first.chain);
            next.instances.clone_from(&first.instances);
            next.to = next.to.take().or_else(|| first.to.clone());
        }
    }
}

/// The strips of the spec, destinations and sends resolved, and every edge among them.
pub fn connect(drafts: &[Draft<'_>], spec: &mut GraphSpec, report: &mut Report) -> Vec<Edge> {
    spec.strips = drafts.iter().map(strip).collect();
    let main = spec.main();
    let buses: Vec<usize> = (0..drafts.len()).filter(|i| drafts[*i].kind.is_bus()).collect();
    let everywhere: Vec<usize> =
        (0..drafts.len()).filter(|i| drafts[*i].kind.is_sum() && drafts[*i].kind != StripKind::Monitor).collect();
    let mut edges = Vec::new();
    for (i, draft) in drafts.iter().enumerate() {
        let to = match &draft.to {
            Some((text, span)) => destination(draft, text, span, spec, report),
            None => match draft.kind {
                StripKind::Channel | StripKind::Group | StripKind::Fx => main,
                _ => None,
            },
        };
        if let Some(to) = to {
            let span = draft.to.as_ref().map_or_else(|| draft.head.clone(), |(_, s)| s.clone());
            edges.push(Edge { from: i, to, key: false, span });
        }
        let mut sends = match draft.kind {
            StripKind::Channel => buses.clone(),
            kind if kind.sends_everywhere() => everywhere.clone(),
            _ => Vec::new(),
        };
        if let (StripKind::Monitor, Some((key, _))) = (draft.kind, draft.sends.first()) {
            report.error(&key.span, "the monitor sends to nobody".into(), "not a destination");
            continue;
        }
        for (key, _) in &draft.sends {
            let to_main = main.filter(|_| draft.kind.sends_everywhere() && key.text == "main");
            let Some(bus) = to_main.or_else(|| send_target(&key.text, spec)) else {
                report
                    .error(&key.span, format!("{} sends to `{}`, which is no bus", draft.what, key.text), "no such bus")
                    .suggest(&slug(&key.text), buses_and_matrices(spec));
                continue;
            };
            edges.push(Edge { from: i, to: bus, key: false, span: key.span.clone() });
            if !sends.contains(&bus) {
                sends.push(bus);
            }
        }
        sends.sort_by_key(|b| *b);
        spec.strips[i].to = to;
        spec.strips[i].sends = sends;
    }
    links(drafts, spec, report);
    edges
}

fn strip(draft: &Draft<'_>) -> StripSpec {
    StripSpec {
        kind: draft.kind,
        number: draft.number,
        id: draft.id.clone(),
        name: draft.name.clone(),
        stereo: draft.stereo,
        input: draft.input.clone(),
        output: draft.output.clone(),
        chain: draft.chain.clone(),
        to: None,
        sends: Vec::new(),
        link: false,
        loudness: draft.loudness,
    }
}

fn buses_and_matrices(spec: &GraphSpec) -> impl Iterator<Item = &str> {
    spec.strips.iter().filter(|s| s.kind.is_bus() || s.kind == StripKind::Matrix).map(|s| s.id.as_str())
}

/// The strip that a send's key names: a bus by number or id, a matrix by `m1` or id.
pub fn send_target(key: &str, spec: &GraphSpec) -> Option<usize> {
    let find = |test: &dyn Fn(&StripSpec) -> bool| spec.strips.iter().position(test);
    if let Ok(number) = key.parse::<usize>() {
        return find(&|s| s.kind.is_bus() && s.number == number);
    }
    let by_number = key.strip_prefix('m').and_then(|n| n.parse::<usize>().ok());
    find(&|s| (s.kind.is_bus() || s.kind == StripKind::Matrix) && s.id == key)
        .or_else(|| by_number.and_then(|n| find(&|s| s.kind == StripKind::Matrix && s.number == n)))
}

fn destination(draft: &Draft<'_>, text: &str, span: &Range<usize>, spec: &GraphSpec, report: &mut Report) -> Option<usize> {
    if text == "none" {
        return None;
    }
    let found = spec.named(text);
    let ok = |i: usize| spec.strips[i].kind.is_sum() && spec.strips[i].kind != StripKind::Monitor;
    match found {
        Some(i) if draft.kind != StripKind::Monitor && ok(i) => Some(i),
        Some(_) => {
            let message = format!("{} cannot go to {text:?}", draft.what);
            report.error(span, message, "not a destination").help("a destination is a bus, `main` or `none`");
            None
        }
        None => {
            let names = buses_and_matrices(spec).chain(["main", "none"]);
            report
                .error(span, format!("{} goes to {text:?}, which is not there", draft.what), "no such strip")
                .suggest(&slug(text), names);
            None
        }
    }
}

fn links(drafts: &[Draft<'_>], spec: &mut GraphSpec, report: &mut Report) {
    for (i, draft) in drafts.iter().enumerate() {
        let Some(span) = &draft.link else { continue };
        let next = drafts.get(i + 1).filter(|d| d.kind == StripKind::Channel);
        let message = match next {
            None => format!("{} has no channel after it to link with", draft.what),
            Some(next) if draft.stereo || next.stereo => {
                let stereo = if draft.stereo { draft } else { next };
                format!("{} is stereo: only two mono channels can be linked", stereo.what)
            }
            Some(_) if i > 0 && spec.strips[i - 1].link => format!("{} already follows the channel before it", draft.what),
            Some(_) => {
                spec.strips[i].link = true;
                continue;
            }
        };
        report.error(span, message, "cannot be linked");
    }
}

/// Reports every loop among the edges, by its strips' names.
///
/// A strip is two points: its input and its output. Keys are taken from input points, so channels may
/// key each other; a bus keyed by what it feeds may not.
pub fn check_loops(edges: &[Edge], spec: &GraphSpec, report: &mut Report) {
    let point = |strip: usize, out: bool| 2 * strip + usize::from(out);
    let count = spec.strips.len();
    // Edge index `None` is a strip's own way from input to output.
    let mut arcs: Vec<(usize, usize, Option<usize>)> = (0..count).map(|s| (point(s, false), point(s, true), None)).collect();
    for (i, e) in edges.iter().enumerate() {
        arcs.push(if e.key {
            (point(e.from, false), point(e.to, true), Some(i))
        } else {
            (point(e.from, true), point(e.to, false), Some(i))
        });
    }
    while let Some(cycle) = find_cycle(2 * count, &arcs) {
        let told: Vec<usize> = cycle.iter().filter_map(|a| arcs[*a].2).collect();
        let Some(&closing) = told.last() else { return };
        let mut names: Vec<&str> = told.iter().map(|e| spec.strips[edges[*e].from].name.as_str()).collect();
        names.push(names[0]);
        report
            .error(&edges[closing].span, format!("a loop: {}", names.join(" → ")), "closes the loop")
            .help("audio cannot feed itself; take out one of these ways");
        arcs.retain(|a| a.2 != Some(closing));
    }
}

/// The arcs of one cycle, in order; `None` where there is none.
fn find_cycle(points: usize, arcs: &[(usize, usize, Option<usize>)]) -> Option<Vec<usize>> {
    let mut incoming = vec![0usize; points];
    let mut leaving: Vec<Vec<usize>> = vec![Vec::new(); points];
    for (i, (from, to, _)) in arcs.iter().enumerate() {
        incoming[*to] += 1;
        leaving[*from].push(i);
    }
    let mut ready: Vec<usize> = (0..points).filter(|p| incoming[*p] == 0).collect();
    while let Some(p) = ready.pop() {
        for &arc in &leaving[p] {
            let to = arcs[arc].1;
            incoming[to] -= 1;
            if incoming[to] == 0 {
                ready.push(to);
            }
        }
    }
    // What is left has a way in from what is left: walking against the arcs must come round.
    let mut at = (0..points).find(|p| incoming[*p] > 0)?;
    let mut back: HashMap<usize, usize> = HashMap::new();
    while !back.contains_key(&at) {
        let arc = (0..arcs.len()).find(|a| arcs[*a].1 == at && incoming[arcs[*a].0] > 0)?;
        back.insert(at, arc);
        at = arcs[arc].0;
    }
    let start = at;
    let mut cycle = Vec::new();
    loop {
        let arc = back[&at];
        cycle.push(arc);
        at = arcs[arc].0;
        if at == start {
            break;
        }
    }
    cycle.reverse();
    Some(cycle)
}
