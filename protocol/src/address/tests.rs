use super::testing::{any_spec, large, space, stage};
use super::*;
use crate::pattern::{Pattern, Segment};
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};

fn all(space: &AddressSpace, pattern: &str) -> Vec<String> {
    let pattern = Pattern::parse(pattern).unwrap();
    space.targets(&pattern, usize::MAX).into_iter().map(|t| space.canonical_of(t)).collect()
}

#[test]
fn every_spelling_leads_to_the_same_parameter() {
    let space = space(&stage());
    for (canonical, others) in [
        ("/ch/1/fader", &["/ch/kick/fader"][..]),
        ("/ch/2/send/1/level", &["/ch/keys/send/1/level", "/ch/2/send/wedge-1/level", "/ch/keys/send/wedge-1/level"]),
        ("/ch/1/send/2/tap", &["/ch/1/send/plate/tap"]),
        ("/main/send/m1/on", &["/main/send/lobby/on"]),
        ("/bus/2/hpf/freq", &["/bus/plate/hpf/freq"]),
        ("/matrix/1/mute", &["/matrix/lobby/mute"]),
        ("/dca/1/fader", &["/dca/band/fader"]),
        ("/mutegroup/1/mute", &["/mutegroup/drums/mute"]),
        ("/ch/1/dca/1", &["/ch/kick/dca/band"]),
        ("/ch/1/mutegroup/1", &["/ch/1/mutegroup/drums"]),
        ("/monitor/solo/mode", &[]),
    ] {
        let id = space.resolve(canonical).unwrap_or_else(|| panic!("{canonical}"));
        assert_eq!(space.canonical(id), canonical);
        for other in others {
            assert_eq!(space.resolve(other), Some(id), "{other}");
        }
    }
}

#[test]
fn what_is_no_address_resolves_to_nothing() {
    let space = space(&stage());
    for address in [
        "",
        "/",
        "//",
        "ch/1/fader",
        "/ch",
        "/ch/1",
        "/ch/1/",
        "/ch//fader",
        "/ch/1/fader/",
        "/ch/3/fader",
        "/ch/01/fader",
        "/ch/wedge-1/fader",
        "/bus/kick/fader",
        "/main/1/fader",
        "/main/main/fader",
        "/norm",
        "/norm/",
        "/normal/ch/1/fader",
        "/ch/1/send/m1/level",
        "/ch/1/send/kick/level",
        "/norm/norm/ch/1/fader",
        "/CH/1/fader",
        "/ch/1/send/level",
    ] {
        assert_eq!(space.target(address), None, "{address}");
    }
}

#[test]
fn norm_is_the_same_parameter() {
    let space = space(&stage());
    let target = space.target("/norm/ch/kick/fader").unwrap();
    assert_eq!(target, Target { param: space.resolve("/ch/1/fader").unwrap(), norm: true });
    assert_eq!(space.canonical_of(target), "/norm/ch/1/fader");
}

#[test]
fn state_is_kept_under_ids() {
    let space = space(&stage());
    for (address, key) in [
        ("/ch/1/hpf/freq", "/ch/kick/hpf/freq"),
        ("/ch/2/send/1/level", "/ch/keys/send/wedge-1/level"),
        ("/main/send/m1/level", "/main/send/lobby/level"),
        ("/ch/1/dca/1", "/ch/kick/dca/band"),
        ("/dca/1/mute", "/dca/band/mute"),
        ("/main/fader", "/main/fader"),
    ] {
        assert_eq!(space.by_id(space.resolve(address).unwrap()), key);
    }
}

#[test]
fn an_id_that_looks_like_a_number_hides_nothing() {
    let mut spec = stage();
    // An aux called m1, which main sends to as well as to matrix 1; a channel with another's number.
    spec.strips[2].id = "m1".into();
    spec.strips[5].sends = vec![2, 4];
    spec.strips[0].id = "2".into();
    let space = space(&spec);
    let level = |address: &str| space.canonical(space.resolve(address).unwrap()).to_owned();
    assert_eq!(level("/main/send/m1/level"), "/main/send/m1/level");
    assert_eq!(level("/main/send/lobby/level"), "/main/send/m1/level");
    assert_eq!(level("/bus/m1/fader"), "/bus/1/fader");
    assert_eq!(level("/ch/2/fader"), "/ch/2/fader");
    assert_eq!(space.by_id(space.resolve("/ch/1/fader").unwrap()), "/ch/1/fader");
    assert_eq!(space.by_id(space.resolve("/main/send/1/level").unwrap()), "/main/send/1/level");
}

#[test]
fn meters_of_stereo_strips_answer_two_numbers() {
    let space = space(&stage());
    let width = |address: &str| space.width(space.resolve(address).unwrap());
    assert_eq!(width("/ch/1/meter/in"), 1);
    for meter in ["/ch/2/meter/in", "/ch/2/meter/out", "/main/meter/rms"] {
        assert_eq!(width(meter), 2);
    }
    assert_eq!((width("/main/meter/k14"), width("/main/meter/correlation"), width("/main/meter/spectrum")), (2, 1, 60));
    assert_eq!(width("/ch/2/fader"), 1);
    assert_eq!(width("/main/latency"), 1);
}

#[test]
fn patterns_reach_by_number_or_id_and_each_once() {
    let space = space(&stage());
    assert_eq!(all(&space, "/ch/*/fader"), ["/ch/1/fader", "/ch/2/fader"]);
    assert_eq!(all(&space, "/ch/{1,kick}/fader"), ["/ch/1/fader"]);
    assert_eq!(all(&space, "/ch/k*/send/{wedge-1,2}/pan").len(), 4);
    assert_eq!(
        all(&space, "/*/{main,1}/mute"),
        ["/ch/1/mute", "/bus/1/mute", "/matrix/1/mute", "/dca/1/mute", "/mutegroup/1/mute"]
    );
    assert_eq!(all(&space, "/ch/1/fader"), ["/ch/1/fader"]);
    assert!(all(&space, "/{info,ping,subscribe}").is_empty());
}

#[test]
fn a_run_of_parts_reaches_no_meter_and_no_norm() {
    let space = space(&stage());
    let everything = all(&space, "//");
    assert!(everything.iter().all(|a| !a.contains("/meter/") && !a.contains("/loudness/") && !a.starts_with("/norm")));
    let below = |part: &str| space.params().filter(|p| space.canonical(*p).contains(part)).count();
    let (meters, loudness, status) = (below("/meter/"), below("/loudness/"), below("/status/"));
    assert_eq!(everything.len() + meters + loudness + status, space.len());
    assert_eq!(all(&space, "/status//").len(), status);
    assert!(all(&space, "/st*/xruns").is_empty());
    assert_eq!((all(&space, "//meter//").len(), all(&space, "/main/loudness/*").len()), (meters, loudness));
    assert_eq!(all(&space, "/ch/*/meter/in"), ["/ch/1/meter/in", "/ch/2/meter/in"]);
    assert!(all(&space, "/ch/*/m?ter/in").is_empty());
}

#[test]
fn norm_has_to_be_spelled() {
    let space = space(&stage());
    assert_eq!(all(&space, "/norm/ch/*/fader"), ["/norm/ch/1/fader", "/norm/ch/2/fader"]);
    assert!(all(&space, "/*/ch/*/fader").is_empty());
    // Text has no travel.
    assert!(all(&space, "/norm/ch/*/name").is_empty());
    assert_eq!(all(&space, "/norm/ch/1/*").len(), 11);
}

#[test]
fn matching_stops_at_its_limit() {
    let space = space(&stage());
    assert_eq!(space.matches(&Pattern::parse("//").unwrap(), 7).len(), 7);
    assert!(space.matches(&Pattern::parse("//").unwrap(), 0).is_empty());
}

#[test]
fn strips_of_one_make_share_their_tails() {
    let space = space(&large(128, 16));
    assert!(space.len() > 10_000);
    assert_eq!(space.shapes.len(), 6, "channels; buses; main, which is analysed; DCAs; the console; its status");
    assert_eq!(all(&space, "/ch/*/send/mix-3/level").len(), 128);
}

#[test]
fn nodes_list_what_is_below() {
    let space = space(&stage());
    let names = |address: &str| match space.node(address) {
        Some(Node::Container(names)) => names,
        other => panic!("{address}: {other:?}"),
    };
    assert_eq!(names("/"), ["ch", "bus", "matrix", "main", "monitor", "dca", "mutegroup", "status", "tempo"]);
    assert!(matches!(space.node("/tempo"), Some(Node::Value(_))));
    assert_eq!(all(&space, "/te*"), ["/tempo"]);
    assert_eq!(names("/norm"), names("/"));
    assert_eq!(names("/ch"), ["1", "2"]);
    assert_eq!(names("/ch/kick/hpf"), ["on", "freq", "slope"]);
    assert_eq!(names("/ch/1/send/wedge-1"), ["level", "on", "pan", "tap"]);
    assert_eq!(space.node("/ch/kick/fader"), space.resolve("/ch/1/fader").map(Node::Value));
    assert_eq!(space.node("/ch/1/fade"), None);
    assert_eq!(space.node("ch"), None);
}

#[test]
fn errors_say_what_was_meant() {
    let space = space(&stage());
    for (address, says) in [
        ("/ch/1/fadr", "no \"fadr\" below /ch/1; did you mean /ch/1/fader?"),
        ("/ch/kik/fader", "did you mean /ch/kick/fader?"),
        ("/chan/1/fader", "no \"chan\" below /"),
        ("/bus/wedge1/send", "did you mean /bus/wedge-1"),
        ("/norm/ch/1/pam", "did you mean /norm/ch/1/pan?"),
        ("/ch/1/hpf", "is a container of on freq slope; did you mean /ch/1/hpf/on or /ch/1/hpf/*?"),
        ("/ch", "did you mean /ch/1/name or"),
        ("/ch/1/fader/x", "/ch/1/fader is a value"),
        ("/ch/7/fader", "no \"7\" below /ch; the last is 2"),
        ("/ch/1//fader", "empty part"),
        ("/ch/1/", "empty part"),
    ] {
        let reason = space.explain(address);
        assert!(reason.contains(says), "{address}: {reason}");
    }
    let mut spec = stage();
    spec.strips[0].chain.clear();
    let bare = super::testing::space(&spec);
    assert!(bare.explain("/ch/1/hpf/on").contains("hpf is not in the chain of /ch/1"));
}

#[test]
fn reasons_stay_short() {
    let space = space(&stage());
    for long in
        [format!("/ch/1/{}", "x".repeat(60_000)), format!("/ch/1/fader{}", "/x".repeat(30_000)), format!("/{}", "é".repeat(99))]
    {
        assert!(space.explain(&long).len() < 200);
    }
}

/// The address of a parameter as a pattern meets it, made from the canonical and the id spelling
/// alone.
fn naive(space: &AddressSpace, pattern: &Pattern, id: ParamId) -> bool {
    let (number, by_id) = (space.canonical(id).to_owned(), space.by_id(id));
    let parts: Vec<[&str; 2]> = number.split('/').zip(by_id.split('/')).skip(1).map(|(a, b)| [a, b]).collect();
    let path: Vec<Segment> =
        parts.iter().map(|names| Segment { names, guarded: matches!(names[0], "meter" | "loudness" | "status") }).collect();
    pattern.matches_path(&path)
}

fn any_pattern() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "*",
        "ch",
        "bus",
        "{ch,main}",
        "main",
        "1",
        "2",
        "[1-3]",
        "?",
        "m*",
        "send",
        "meter",
        "{meter,hpf}",
        "hpf",
        "level",
        "*e*",
        "fader",
        "dca",
        "in",
        "ch-0",
        "[!m]*",
        "loudness",
        "solo",
        "status",
    ]);
    prop::collection::vec((any::<bool>(), part), 1..6).prop_map(|parts| {
        let part = |(run, part): (bool, &str)| format!("{}{part}", if run { "//" } else { "/" });
        parts.into_iter().map(part).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_parameter_is_found_by_each_of_its_addresses(spec in any_spec()) {
        let tree = Tree::new(&spec);
        let space = AddressSpace::new(&spec, &tree);
        prop_assert_eq!(space.len(), tree.entries().len());
        let mut seen = HashSet::new();
        let mut keys = HashSet::new();
        for (id, entry) in space.params().zip(tree.entries()) {
            let canonical = space.canonical(id);
            prop_assert!(canonical.ends_with(&entry.path));
            prop_assert_eq!(space.resolve(canonical), Some(id));
            let key = space.by_id(id);
            prop_assert_eq!(space.resolve(&key), Some(id), "{}", key);
            prop_assert!(seen.insert(canonical.to_owned()) && keys.insert(key));
            prop_assert_eq!(space.node(canonical), Some(Node::Value(id)));
        }
    }

    #[test]
    fn patterns_agree_with_matching_one_by_one(spec in any_spec(), patterns in prop::collection::vec(any_pattern(), 8)) {
        let space = space(&spec);
        for text in patterns {
            let pattern = Pattern::parse(&text).unwrap();
            let found = space.matches(&pattern, usize::MAX);
            let wanted: HashMap<_, _> = space.params().map(|id| (id, naive(&space, &pattern, id))).collect();
            prop_assert_eq!(found.len(), wanted.values().filter(|w| **w).count(), "{}", text);
            prop_assert!(found.iter().all(|id| wanted[id]), "{}", text);
        }
    }

    #[test]
    fn no_address_panics(address in "(/norm)?(/(ch|bus|main|1|kick|eq|fader|[a-zé*]{0,3}|)){0,5}") {
        let space = space(&stage());
        if space.target(&address).is_none() {
            prop_assert!(!space.explain(&address).is_empty());
        }
        let _ = space.node(&address);
    }
}

#[test]
fn what_is_named_only_is_what_no_wildcard_reaches() {
    let space = space(&stage());
    let reached = space.matches(&Pattern::parse("//").unwrap(), usize::MAX);
    for id in space.params() {
        let address = space.canonical(id);
        assert_eq!(is_named_only(address), !reached.contains(&id), "{address}");
        assert!(is_named_only(&format!("/norm{address}")));
    }
}
