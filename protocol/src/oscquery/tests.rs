//! What a client of the proposal may rely on, over a whole console.

use super::*;
use crate::address::testing::{any_spec, space, stage};
use crate::coerce;
use crate::osc::encode::Arg;
use headroom_dsp::graph::GraphSpec;
use headroom_dsp::tree::Tree as Params;
use proptest::prelude::*;

/// Defaults of a console, as everybody sees them.
fn ask(spec: &GraphSpec, path: &str, attribute: Option<&str>) -> Result<Value, Missing> {
    let (space, params) = (space(spec), Params::new(spec));
    let value = |id: ParamId| {
        let entry = params.entry(id);
        (0..space.width(id)).map(|_| coerce::answer(entry.decl, &entry.default)).collect::<Vec<Arg>>()
    };
    Tree { sight: (&space).into(), space: &space, writes: &|_| true, value: &value }.answer(path, attribute)
}

#[test]
fn a_fader_tells_all_that_the_proposal_names() {
    let fader = ask(&stage(), "/ch/1/fader", None).unwrap();
    assert_eq!(fader["FULL_PATH"], "/ch/1/fader");
    assert_eq!(fader["TYPE"], "f");
    assert_eq!(fader["ACCESS"], 3);
    assert_eq!(fader["VALUE"], json!([0.0]));
    assert_eq!(fader["RANGE"], json!([{ "MIN": -144.0, "MAX": 10.0 }]));
    assert_eq!(fader["UNIT"], json!(["gain.db"]));
    assert_eq!(fader["CLIPMODE"], json!(["both"]));
    assert_eq!((&fader["TAPER"], &fader["DEFAULT"]), (&json!(["level"]), &json!([0.0])));
    assert!(fader["DESCRIPTION"].as_str().is_some_and(|d| !d.is_empty()) && fader.get("CONTENTS").is_none());
}

#[test]
fn a_channel_is_reached_by_number_and_id_and_holds_its_parts() {
    let by_number = ask(&stage(), "/ch/1", None).unwrap();
    assert_eq!(ask(&stage(), "/ch/kick/", None).unwrap(), by_number);
    assert_eq!(by_number["CONTENTS"]["eq"]["CONTENTS"]["1"]["CONTENTS"]["freq"]["FULL_PATH"], "/ch/1/eq/1/freq");
    let band = &by_number["CONTENTS"]["eq"]["CONTENTS"];
    let default = |n: &str| band[n]["CONTENTS"]["freq"]["DEFAULT"][0].as_f64();
    assert!(default("1").is_some() && default("1") != default("2"), "each band has its own");
    assert_eq!(by_number["CONTENTS"]["meter"]["CONTENTS"]["in"]["ACCESS"], 1);
    let root = ask(&stage(), "/", None).unwrap();
    assert_eq!((&root["FULL_PATH"], &root["CONTENTS"]["ch"]["CONTENTS"]["1"]), (&json!("/"), &by_number));
}

#[test]
fn one_attribute_is_asked_alone_and_errors_are_told_apart() {
    let ask = |path, attribute| ask(&stage(), path, Some(attribute));
    assert_eq!(ask("/ch/keys/mute", "TYPE"), Ok(json!({ "TYPE": "T" })));
    assert_eq!(ask("/ch/2/mute", "VALUE"), Ok(json!({ "VALUE": [false] })));
    assert_eq!(ask("/ch/2", "VALUE"), Ok(json!({})));
    assert_eq!(ask("/ch/2/name", "RANGE"), Ok(json!({})));
    assert_eq!(ask("/ch/2/fader", "COLOUR"), Err(Missing::Attribute));
    for nothing in ["/ch/9", "/ch/1/fadr", "/ch/*/fader", "/ch//fader", "/norm/ch/1/fader", "ch/1", ""] {
        let found = super::tests::ask(&stage(), nothing, None);
        assert!(found == Err(Missing::Path) || nothing.is_empty(), "{nothing}: {found:?}");
    }
}

#[test]
fn who_sees_little_finds_nothing_else() {
    let spec = stage();
    let space = space(&spec);
    let own = space.resolve("/ch/1/send/1/level").unwrap();
    let mut visible = vec![false; space.len()];
    visible[own.0 as usize] = true;
    let value = |_| vec![Arg::Float(-6.1)];
    let tree = Tree { sight: Sight::only(&space, &visible), space: &space, writes: &|_| false, value: &value };
    let root = tree.answer("/", None).unwrap().to_string();
    assert!(root.contains("/ch/1/send/1/level") && !root.contains("fader") && !root.contains("/ch/2"), "{root}");
    assert_eq!(tree.answer("/ch/1/fader", None), Err(Missing::Path));
    let level = tree.answer("/ch/kick/send/wedge-1/level", None).unwrap();
    assert_eq!((&level["ACCESS"], &level["VALUE"]), (&json!(1), &json!([-6.1])));
}

#[test]
fn frames_of_clients_are_read_and_nonsense_is_not() {
    let parse = Command::parse;
    assert_eq!(parse(r#"{"COMMAND": "LISTEN", "DATA": "/ch/1/fader"}"#), Some(Command::Listen("/ch/1/fader".into())));
    assert_eq!(parse(r#"{"DATA":"/a","COMMAND":"IGNORE"}"#), Some(Command::Ignore("/a".into())));
    for bad in ["", "LISTEN", "{}", r#"{"COMMAND":"LISTEN"}"#, r#"{"COMMAND":"LISTEN","DATA":7}"#, &"[".repeat(100_000)] {
        assert_eq!(parse(bad), None);
    }
}

#[test]
fn a_channel_in_front_is_told_as_one_that_came_and_others_that_moved() {
    let look = |spec: &GraphSpec| {
        let space = space(spec);
        seen((&space).into(), |id| space.by_id(id))
    };
    let (before, mut spec) = (look(&stage()), stage());
    let mut new = crate::address::testing::strip(headroom_dsp::graph::StripKind::Channel, 1, "snare", false);
    new.chain.clear();
    spec.strips[0].number = 2;
    spec.strips[1].number = 3;
    spec.strips.insert(0, new);
    spec.strips.iter_mut().for_each(|s| s.sends.iter_mut().for_each(|to| *to += 1));
    let frames = changes(&before, &look(&spec));
    assert!(frames.contains(&r#"{"COMMAND":"PATH_ADDED","DATA":"/ch/3"}"#.to_owned()), "{frames:?}");
    assert!(frames.contains(&r#"{"COMMAND":"PATH_CHANGED","DATA":"/ch/2"}"#.to_owned()), "{frames:?}");
    assert!(frames.contains(&r#"{"COMMAND":"PATH_REMOVED","DATA":"/ch/1/eq"}"#.to_owned()), "{frames:?}");
    assert!(changes(&before, &before).is_empty());
}

/// Every leaf of a tree.
fn leaves(node: &Value, found: &mut Vec<Value>) {
    match node.get("CONTENTS").and_then(Value::as_object) {
        Some(contents) => contents.values().for_each(|child| leaves(child, found)),
        None => found.push(node.clone()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Every parameter is in the tree once, at its own address, with arrays as long as its type.
    #[test]
    fn any_console_is_in_its_tree(spec in any_spec()) {
        let space = space(&spec);
        let root = ask(&spec, "/", None).unwrap();
        let mut found = Vec::new();
        leaves(&root, &mut found);
        let mut told: Vec<&str> = found.iter().filter_map(|n| n["FULL_PATH"].as_str()).collect();
        let mut all: Vec<&str> = space.params().map(|id| space.canonical(id)).collect();
        told.sort_unstable();
        all.sort_unstable();
        prop_assert_eq!(told, all);
        for node in &found {
            let width = node["TYPE"].as_str().unwrap().len();
            for name in ["VALUE", "RANGE", "UNIT", "CLIPMODE", "TAPER", "DEFAULT"] {
                if let Some(values) = node.get(name) {
                    prop_assert_eq!(values.as_array().unwrap().len(), width, "{} of {}", name, node);
                }
            }
        }
    }
}
