use super::*;

/// The rig of the contract.
const SMALL: &str = r#"
name = "Small stage"

[audio]
backend = "auto"
rate = 48000
period = 64

[osc]
listen = "0.0.0.0:9000"
peers = ["192.168.1.40:9001"]

[[midi.surface]]
port = "X-Touch"
kind = "mcu"

[[channel]]
name = "Kick"
input = "capture:1"
color = "red"
fader = -5.0
hpf.on = true
hpf.freq = 40

[[channel]]
name = "Lead vox"
input = "capture:2"
send.plate = { level = -14 }
dca = ["band"]

[[bus]]
name = "Wedge 1"
kind = "aux"
output = "playback:3"

[[bus]]
name = "Plate"
kind = "fx"
chain = ["reverb"]
reverb = { time = 1.8, predelay = 20 }

[[dca]]
name = "Band"

[main]
output = ["playback:1", "playback:2"]
glue = { on = true, threshold = -18, ratio = 2 }
limiter = { on = true, ceiling = -1.0 }
"#;

#[track_caller]
fn good(text: &str) -> Rig {
    parse(text, "rig.toml").unwrap_or_else(|e| panic!("{e}"))
}

#[track_caller]
fn bad(text: &str) -> String {
    match parse(text, "rig.toml") {
        Ok(_) => panic!("this should not be taken:\n{text}"),
        Err(e) => {
            eprintln!("{e}");
            e.0.brief()
        }
    }
}

#[test]
fn the_rig_of_the_contract_loads() {
    let rig = good(SMALL);
    let ids: Vec<String> = rig.spec.strips.iter().map(|s| format!("{} {}", s.address(), s.id)).collect();
    assert_eq!(ids, ["ch/1 kick", "ch/2 lead-vox", "bus/1 wedge-1", "bus/2 plate", "main main", "monitor monitor"]);
    let stated: std::collections::HashMap<_, _> = stated(&rig).into_iter().collect();
    assert_eq!(stated["ch/kick/fader"], Value::Float(-5.0));
    assert_eq!(stated["ch/kick/hpf/freq"], Value::Float(40.0));
    assert_eq!(stated["ch/lead-vox/send/plate/level"], Value::Float(-14.0));
    assert_eq!(stated["ch/lead-vox/dca/band"], Value::Bool(true));
    assert!(rig.spec.strips[3].stereo && !rig.spec.strips[2].stereo);
    eprintln!("{}", rig.report.render(false));
}

#[test]
fn all_errors_are_told_at_once() {
    let told = bad("[[channel]]\nname = \"A\"\nfader = 14\nhpf.frq = 3\nmute = 1\nsend.nowhere.level = 0\n[audoi]\n");
    assert_eq!(told.lines().count(), 5, "{told}");
    for part in ["rig.toml:3:9: error: `fader`", "did you mean `freq`", "true or false", "`nowhere`", "did you mean `audio`"] {
        assert!(told.contains(part), "{part} is missing:\n{told}");
    }
}

#[test]
fn what_is_written_loads_as_the_same_rig() {
    let rig = good(SMALL);
    let text = emit::emit(&rig);
    let again = good(&text);
    assert_eq!(rig.spec, again.spec, "{text}");
    assert_eq!(stated(&rig), stated(&again), "{text}");
    assert_eq!(emit::emit(&again), text);
}
