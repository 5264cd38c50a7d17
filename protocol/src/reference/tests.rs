//! Checks over the whole table of declarations, and of the page made from it.

use super::*;
use crate::address::{AddressSpace, Node};
use headroom_dsp::param::{Taper, Unit};
use headroom_dsp::proc::PROCESSORS;
use std::collections::HashSet;

/// Calls `check` with every parameter of a console that has everything, and its address.
fn each(check: impl Fn(&str, &Entry)) {
    let spec = everything();
    let tree = Tree::new(&spec);
    let space = AddressSpace::new(&spec, &tree);
    for (id, entry) in space.params().zip(tree.entries()) {
        check(space.canonical(id), entry);
    }
}

/// Limits, default, and values in between.
fn samples(decl: &Decl) -> Vec<Value> {
    let mut samples: Vec<_> = match decl.kind {
        Kind::Text { .. } => ["", "Kick", "-6 dB", "on"].iter().map(|t| Value::Text((*t).into())).collect(),
        Kind::Int { min, max: i64::MAX, .. } => [min, min + 1, min + 1000].map(Value::Int).into(),
        _ => (0..=16).map(|n| decl.from_norm(f64::from(n) / 16.0)).collect(),
    };
    samples.push(decl.default());
    samples
}

#[test]
fn no_address_stands_twice_or_is_both_value_and_container() {
    let spec = everything();
    let tree = Tree::new(&spec);
    let space = AddressSpace::new(&spec, &tree);
    let mut seen = HashSet::new();
    let mut containers = HashSet::new();
    for id in space.params() {
        let address = space.canonical(id);
        assert!(seen.insert(address), "{address} stands twice");
        for (at, _) in address.match_indices('/').skip(1) {
            containers.insert(&address[..at]);
        }
    }
    for container in containers {
        assert!(!seen.contains(container), "{container} is a value and a container");
        assert!(matches!(space.node(container), Some(Node::Container(_))), "{container}");
        // Its one message sums up what stands below it.
        let summary = container == "/status";
        assert!(summary || crate::intent::command::named(container).is_none(), "{container} is a command");
    }
}

#[test]
fn everything_is_documented() {
    each(|address, entry| assert!(!entry.decl.doc.trim().is_empty(), "{address} is undocumented"));
    for processor in PROCESSORS {
        assert!(!processor.doc.trim().is_empty(), "{} is undocumented", processor.name);
    }
}

#[test]
fn parts_of_addresses_are_plain_words() {
    each(|address, _| {
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        assert!(address.split('/').skip(1).all(plain), "{address}");
    });
}

#[test]
fn every_processor_begins_with_on() {
    for processor in PROCESSORS {
        let first = processor.parts.first().and_then(|p| p.decls.first());
        assert!(first.is_some_and(|d| d.path == "on" && matches!(d.kind, Kind::Bool { .. })), "{}", processor.name);
    }
}

#[test]
fn every_default_is_a_value_that_holds() {
    each(|address, entry| {
        for default in [&entry.default, &entry.decl.default()] {
            assert_eq!(entry.decl.clamp(default), *default, "{address}");
        }
    });
}

#[test]
fn every_range_is_one() {
    each(|address, entry| match entry.decl.kind {
        Kind::Float { min, max, taper, .. } => {
            assert!(min < max && min.is_finite() && max.is_finite(), "{address}");
            assert!(taper != Taper::Log || min > 0.0, "{address}");
        }
        Kind::Int { min, max, .. } => assert!(min < max, "{address}"),
        Kind::Steps { values, .. } => assert!(values.len() > 1 && values.is_sorted(), "{address}"),
        Kind::Enum { names, .. } => {
            let unique: HashSet<_> = names.iter().map(|n| n.to_lowercase()).collect();
            assert!(names.len() > 1 && unique.len() == names.len(), "{address}");
            // A name that reads as a number would be an index.
            assert!(names.iter().all(|n| n.parse::<f64>().is_err()), "{address}");
        }
        Kind::Bool { .. } | Kind::Text { .. } => assert_eq!(entry.decl.unit, Unit::None, "{address}"),
    });
}

#[test]
fn every_value_survives_its_text() {
    each(|address, entry| {
        for value in samples(entry.decl) {
            let text = entry.decl.format(&value);
            let back = entry.decl.parse(&text).unwrap_or_else(|e| panic!("{address}: {e}"));
            let (was, is) = (value.as_f64() as f32, entry.decl.clamp(&back).as_f64() as f32);
            assert_eq!((was, value.as_text()), (is, back.as_text()), "{address}: {text}");
        }
    });
}

#[test]
fn every_value_survives_its_travel() {
    each(|address, entry| {
        let decl = entry.decl;
        if !coerce::has_travel(decl) {
            return;
        }
        for value in samples(decl) {
            let norm = decl.to_norm(&value);
            assert!((0.0..=1.0).contains(&norm), "{address}: {value:?}");
            let back = decl.from_norm(norm);
            let (was, is) = (value.as_f64(), back.as_f64());
            assert!((was - is).abs() <= 1e-9 * was.abs().max(1.0), "{address}: {was} came back as {is}");
            assert!((decl.to_norm(&back) - norm).abs() < 1e-12, "{address}");
        }
    });
}

#[test]
fn the_page_has_every_address_and_command() {
    let page = markdown();
    for line in lines() {
        // A tail that all strips share is printed below the first of them.
        let printed = page.contains(&format!("| `{}` |", line.address));
        assert!(printed || page.contains(&format!("/{}` |", line.below.tail)), "{}", line.address);
    }
    for command in COMMANDS {
        assert!(page.contains(&format!("| `{}` |", command.address)));
    }
    for address in ["/ch/N/fader", "/ch/N/send/N/level", "/ch/N/hpf/slope", "/dca/N/fader", "/monitor/solo/mode", "/ch/N/dca/N"] {
        assert!(page.contains(&format!("| `{address}` |")), "{address}");
    }
    let cells = |line: &str| line.replace("\\|", "").matches('|').count();
    assert!(page.lines().filter(|l| l.starts_with("| ")).all(|l| matches!(cells(l), 5 | 7)), "a row has too many cells");
}

#[test]
fn the_json_tells_the_same() {
    let all: Vec<serde_json::Value> = serde_json::from_str(&json()).unwrap();
    assert_eq!(all.len(), lines().len() + COMMANDS.len());
    let find = |address: &str| all.iter().find(|v| v["address"] == address).unwrap_or_else(|| panic!("{address}"));
    let slope = find("/ch/N/hpf/slope");
    assert_eq!((&slope["kind"], &slope["range"], &slope["default"]), (&json!("steps"), &json!([6, 12, 18, 24]), &json!(12)));
    let tap = find("/ch/N/send/N/tap");
    assert_eq!(tap["default"], "post");
    assert_eq!(tap["except"], json!([{ "on": "to aux", "default": "pre" }]));
    assert_eq!(find("/bus/N/fader")["range"], json!([-144.0, 10.0]));
    assert_eq!(find("/main/meter/in")["access"], "meter");
    assert_eq!(find("/ping")["kind"], "command");
    for value in &all {
        assert!(value["doc"].as_str().is_some_and(|d| !d.is_empty()), "{value}");
    }
}
