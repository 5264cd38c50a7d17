use super::*;
use crate::address::testing::{any_spec, space, stage, strip};
use headroom_dsp::param::Kind;
use headroom_dsp::param::taper::OFF_DB;
use proptest::prelude::*;
use std::collections::HashSet;

/// The layout of a console for who sees and may set what `may` says of its address by id.
fn layout(spec: &GraphSpec, may: impl Fn(&str) -> bool) -> (AddressSpace, Layout) {
    let (tree, space) = (Tree::new(spec), space(spec));
    let visible: Vec<bool> = space.params().map(|id| may(&space.by_id(id))).collect();
    let values = tree.defaults();
    let writes = |id: ParamId| visible[id.0 as usize];
    let sight = Sight::only(&space, &visible);
    let source = Source { spec, tree: &tree, space: &space, sight, writes: &writes, values: &values, login: false };
    let layout = Layout::of(&source);
    (space, layout)
}

fn bound(layout: &Layout) -> Vec<String> {
    layout.items().filter_map(|item| item.what.address()).map(str::to_owned).collect()
}

/// What can be set by a layout.
fn set(layout: &Layout) -> Vec<String> {
    let sets = |what: &&What| match what {
        What::Fader(travel) | What::Knob(travel) => travel.writes,
        What::Switch { writes, .. } => *writes,
        _ => false,
    };
    layout.items().map(|item| &item.what).filter(sets).filter_map(What::address).map(str::to_owned).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_binding_is_there_and_is_subscribed(spec in any_spec()) {
        let (space, layout) = layout(&spec, |_| true);
        let reached: HashSet<_> = layout.wanted.iter().flat_map(|pattern| {
            let pattern = crate::pattern::Pattern::parse(pattern).expect("a pattern");
            space.targets(&pattern, usize::MAX)
        }).collect();
        for address in bound(&layout) {
            let target = space.target(&address);
            prop_assert!(target.is_some_and(|t| reached.contains(&t)), "{address}");
        }
        let set = set(&layout);
        prop_assert_eq!(set.iter().collect::<HashSet<_>>().len(), set.len());
        let xml = touchosc::xml(&layout);
        prop_assert_eq!(xml.matches("<node ").count(), xml.matches("</node>").count());
        let session: serde_json::Value = serde_json::from_str(&open_stage_control::write(&layout)).expect("JSON");
        prop_assert_eq!(&session["content"]["type"], "root");
    }
}

#[test]
fn the_stage_has_its_faders_its_sends_and_its_chains() {
    let (space, layout) = layout(&stage(), |_| true);
    let bound = bound(&layout);
    for address in [
        "/norm/ch/kick/fader",
        "/ch/kick/mute",
        "/ch/keys/solo",
        "/ch/keys/pan",
        "/ch/keys/meter/out",
        "/ch/kick/name",
        "/norm/ch/kick/send/wedge-1/level",
        "/norm/dca/band/fader",
        "/mutegroup/drums/mute",
        "/norm/main/fader",
        "/norm/ch/kick/eq/1/freq",
        "/ch/kick/eq/1/gain",
        "/norm/ch/kick/eq/1/type",
        "/ch/kick/gate/threshold",
        "/ch/kick/meter/comp",
        "/norm/matrix/lobby/fader",
    ] {
        assert!(bound.iter().any(|b| b == address), "{address}");
    }
    // Everything that a strip's chain lets one set is on a card, but for texts.
    let set: HashSet<String> = set(&layout).into_iter().map(|a| a.trim_start_matches("/norm").to_owned()).collect();
    let spec = stage();
    let tree = Tree::new(&spec);
    for id in space.params() {
        let entry = tree.entry(id);
        let on_card = matches!(entry.slot, headroom_dsp::tree::Slot::Proc(..)) && entry.decl.access == Access::Write;
        if on_card && !matches!(entry.decl.kind, Kind::Text { .. }) {
            assert!(set.contains(&space.by_id(id)), "{}", space.by_id(id));
        }
    }
    assert!(layout.wanted.len() <= 64, "a client may have 64 subscriptions: {}", layout.wanted.len());
    for item in layout.items() {
        let Rect { x, y, w, h } = item.at;
        assert!(x >= 0.0 && y >= 0.0 && x + w <= WIDTH && y + h <= HEIGHT && h > 0.0, "{item:?}");
    }
}

#[test]
fn a_channel_that_is_inserted_moves_nothing() {
    let before = stage();
    let mut after = stage();
    after.strips.insert(0, strip(StripKind::Channel, 1, "talk", false));
    for s in &mut after.strips {
        s.sends.iter_mut().for_each(|to| *to += 1);
        s.number += usize::from(s.kind == StripKind::Channel && s.id != "talk");
    }
    let ((space_before, old), (space_after, new)) = (layout(&before, |_| true), layout(&after, |_| true));
    let new: HashSet<String> = bound(&new).into_iter().collect();
    for address in bound(&old) {
        assert!(new.contains(&address), "{address}");
        let (was, is) = (space_before.target(&address), space_after.target(&address));
        let by_id = |space: &AddressSpace, t: Option<crate::address::Target>| t.map(|t| space.by_id_of(t));
        assert_eq!(by_id(&space_before, was), by_id(&space_after, is));
    }
}

#[test]
fn a_role_has_its_own_mix_on_one_page_and_nothing_else() {
    let own = |address: &str| {
        address.contains("/send/wedge-1/")
            || address == "/bus/wedge-1/fader"
            || address.ends_with("/name") && address.starts_with("/ch")
    };
    let (_, layout) = layout(&stage(), own);
    let bound = bound(&layout);
    assert!(bound.iter().all(|address| own(address.trim_start_matches("/norm"))), "{bound:?}");
    assert!(bound.contains(&"/norm/bus/wedge-1/fader".to_owned()) && bound.contains(&"/ch/kick/send/wedge-1/on".to_owned()));
    assert!(matches!(layout.pages, Content::Items(_)), "one page, no tabs");
    let text = touchosc::xml(&layout) + &open_stage_control::write(&layout);
    for other in ["plate", "PLATE", "main", "/matrix", "wedge-1/eq", "trim"] {
        assert!(!text.contains(other), "{other}");
    }
}

/// The value that a layout shows at a travel, as its scripts work it out.
fn shown(readout: &Readout, x: f64) -> Option<f64> {
    match readout {
        Readout::Linear { low, high, whole, .. } => {
            let value = low + x * (high - low);
            Some(if *whole { value.round() } else { value })
        }
        Readout::Log { low, high, .. } => Some(low * (high / low).powf(x)),
        Readout::Points { values, .. } => {
            let last = values.len() - 1;
            let k = ((x * last as f64).floor() as usize).min(last - 1);
            Some(values[k] + (x * last as f64 - k as f64) * (values[k + 1] - values[k]))
        }
        Readout::Names(_) => None,
    }
}

#[test]
fn what_is_shown_is_what_holds() {
    let (space, layout) = layout(&stage(), |_| true);
    for item in layout.items() {
        let (What::Fader(travel) | What::Knob(travel)) = &item.what else { continue };
        let target = space.target(&travel.address).expect("it is there");
        let decl = space.decl(target.param);
        for step in 0..=64 {
            let x = f64::from(step) / 64.0;
            let holds = match target.norm {
                true => decl.from_norm(x),
                false => decl.clamp(&Value::Float(travel.at(x))),
            };
            match (&travel.readout, shown(&travel.readout, x)) {
                (Readout::Points { .. }, _) if holds.as_f64() <= OFF_DB => assert_eq!(x, 0.0),
                (Readout::Names(names), _) => {
                    let name = &names[(x * (names.len() - 1) as f64 + 0.5).floor() as usize];
                    assert_eq!(name.split(' ').next(), decl.format(&holds).split(' ').next(), "{} at {x}", travel.address);
                }
                (_, Some(shown)) => {
                    let error = (shown - holds.as_f64()).abs() / shown.abs().max(1.0);
                    assert!(error < 1e-3, "{} at {x}: {shown}, {holds:?}", travel.address);
                }
                _ => unreachable!("only names are no numbers"),
            }
        }
    }
}

#[test]
fn names_cannot_break_out_of_a_layout() {
    let mut spec = stage();
    spec.name = "]]><x/> '\\ \" \n\u{1} end".into();
    spec.strips[0].name = "<em>&\"'\\ ]]> \u{7}".into();
    let (_, layout) = layout(&spec, |_| true);
    let xml = touchosc::xml(&layout);
    assert!(!xml.contains('\u{1}') && !xml.contains('\u{7}'));
    // With its quoted text taken out, no text of the rig is left.
    let mut rest = xml.as_str();
    let mut outside = String::new();
    while let Some((before, behind)) = rest.split_once("<![CDATA[") {
        outside.push_str(before);
        rest = behind.split_once("]]>").expect("it ends").1;
    }
    outside.push_str(rest);
    assert!(!outside.contains("<x/>") && !outside.contains("<em>") && !outside.contains('\\'));
    let session: serde_json::Value = serde_json::from_str(&open_stage_control::write(&layout)).expect("JSON");
    assert!(session.to_string().contains("<em>"));
}

#[test]
fn a_tablet_that_has_to_log_in_is_asked_and_no_token_is_in_it() {
    let spec = stage();
    let (tree, space) = (Tree::new(&spec), space(&spec));
    let values = tree.defaults();
    let source = Source {
        spec: &spec,
        tree: &tree,
        space: &space,
        sight: (&space).into(),
        writes: &|_| true,
        values: &values,
        login: true,
    };
    let layout = Layout::of(&source);
    assert!(touchosc::xml(&layout).contains("<![CDATA[/login]]>"));
    assert!(open_stage_control::write(&layout).contains("\"/login\""));
}
