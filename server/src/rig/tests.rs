use super::*;
use diagnose::Severity;
use proptest::prelude::*;
use std::collections::HashMap;

/// The rig of the contract, and a little of everything else.
const SMALL: &str = r#"
name = "Small stage"

[audio]
backend = "auto"
rate = 48000
period = 64

[osc]
listen = "0.0.0.0:9000"
peers = ["192.168.1.40:9001", { addr = "10.0.0.7:9002", subscribe = ["/ch/*/fader"], meters = 20, role = "singer" }]
allow = ["10/8"]

[[role]]
name = "singer"
token = "file:/etc/headroom/singer"
write = ["/ch/*/send/1/level"]
read = ["/ch/*/name"]

[x32]
role = "singer"

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
send.1 = { level = "off", tap = "input" }
dca = ["band"]
mutegroup = ["1"]

[[channel]]
name = "Keys"
input = ["capture:3", "capture:4"]
link = "next"
stereo = false

[[channel]]
name = "Keys R"

[[bus]]
name = "Wedge 1"
kind = "aux"
output = "playback:3"

[[bus]]
name = "Plate"
kind = "fx"
chain = ["hpf", "hpf"]
hpf-2 = { freq = "1.2k", slope = 24 }

[[bus]]
name = "Lobby"
kind = "matrix"
send.wedge-1.level = -3

[[dca]]
name = "Band"
fader = -3

[[mutegroup]]
name = "All"
mute = true

[main]
output = ["playback:1", "playback:2"]
loudness = true
send.m1.level = 0

[monitor]
output = "playback:5"
check.type = "car"

[talkback]
input = "capture:9"
ducking = 20.0
send.wedge-1.on = true

[oscillator]
type = "pink"
send.main = { on = true, level = -6.0 }
"#;

#[track_caller]
fn good(text: &str) -> Rig {
    parse(text, "rig.toml").unwrap_or_else(|e| panic!("{e}"))
}

/// The errors of a rig, one a line.
#[track_caller]
fn bad(text: &str) -> String {
    match parse(text, "rig.toml") {
        Ok(_) => panic!("this should not be taken:\n{text}"),
        Err(e) => e.0.brief(),
    }
}

/// One error, with all of `parts`.
#[track_caller]
fn one_error(text: &str, parts: &[&str]) {
    let told = bad(text);
    assert_eq!(told.lines().count(), 1, "of {text}:\n{told}");
    for part in parts {
        assert!(told.contains(part), "{part:?} is missing:\n{told}");
    }
}

/// What is told of a rig that loads.
#[track_caller]
fn warnings(text: &str) -> String {
    let mut report = good(text).report;
    report.items.retain(|d| d.severity == Severity::Warning);
    report.brief()
}

fn values(rig: &Rig) -> HashMap<String, Value> {
    stated(rig).into_iter().collect()
}

#[test]
fn the_rig_of_the_contract_loads() {
    let rig = good(SMALL);
    let ids: Vec<String> = rig.spec.strips.iter().map(|s| format!("{} {}", s.address(), s.id)).collect();
    let expected = "ch/1 kick, ch/2 lead-vox, ch/3 keys, ch/4 keys-r, bus/1 wedge-1, bus/2 plate, matrix/1 lobby, main main, monitor monitor, talkback talkback, oscillator oscillator";
    assert_eq!(ids.join(", "), expected);
    let stated = values(&rig);
    assert_eq!(stated["ch/kick/fader"], Value::Float(-5.0));
    assert_eq!(stated["ch/kick/hpf/freq"], Value::Float(40.0));
    assert_eq!(stated["ch/lead-vox/send/plate/level"], Value::Float(-14.0));
    assert_eq!(stated["ch/lead-vox/send/wedge-1/level"], Value::Float(-144.0));
    assert_eq!(stated["ch/lead-vox/send/wedge-1/tap"], Value::Int(0));
    assert_eq!(stated["ch/lead-vox/dca/band"], Value::Bool(true));
    assert_eq!(stated["ch/lead-vox/mutegroup/all"], Value::Bool(true));
    assert_eq!(stated["bus/plate/hpf-2/freq"], Value::Float(1200.0));
    assert_eq!(stated["main/send/lobby/level"], Value::Float(0.0));
    assert_eq!(stated["dca/band/fader"], Value::Float(-3.0));
    assert_eq!(stated["mutegroup/all/mute"], Value::Bool(true));
    let peer = &rig.settings.osc.peers[1];
    assert_eq!((peer.meters, peer.role.as_deref()), (Some(20.0), Some("singer")));
    assert_eq!(rig.settings.x32.as_ref().unwrap().listen.port(), 10023);
    assert!(rig.settings.xair.is_none());
}

#[test]
fn strips_are_as_wide_as_their_ports() {
    let rig = good(
        r#"
        channel = [{ name = "mono" }, { name = "two", input = ["capture:1", "capture:2"] }, { name = "wide", stereo = true, input = "capture:3" }]
        bus = [
            { name = "one", kind = "aux", output = "playback:1" }, { name = "pair", kind = "aux" },
            { name = "fx", kind = "fx" }, { name = "both", kind = "matrix", output = ["playback:5", "playback:6"], stereo = false },
        ]
        [main]
        "#,
    );
    let wide: Vec<&str> = rig.spec.strips.iter().filter(|s| s.stereo).map(|s| s.id.as_str()).collect();
    assert_eq!(wide, ["two", "wide", "pair", "fx", "main", "monitor"]);
    let ports = headroom_dsp::graph::schedule::Ports::of(&rig.spec);
    let names = |p: &[(String, Vec<String>)]| p.iter().map(|(n, c)| format!("{n}={}", c.join("+"))).collect::<Vec<_>>().join(" ");
    assert_eq!(names(&ports.inputs), "in-mono= in-two-l=capture:1 in-two-r=capture:2 in-wide-l=capture:3 in-wide-r=capture:3");
    // A bus to main and a monitor that nobody asked for have no ports; what has an output has them unconnected.
    assert_eq!(
        names(&ports.outputs),
        "out-one=playback:1 out-pair-l= out-pair-r= out-both=playback:5+playback:6 out-main-l= out-main-r="
    );
}

#[test]
fn destinations_have_their_defaults() {
    let rig = good(
        r#"
        channel = [{ name = "a" }, { name = "b", to = "drums" }, { name = "c", to = "none" }]
        bus = [{ name = "Drums", kind = "group" }, { name = "Aux", kind = "aux" }, { name = "Fx", kind = "fx", to = "bus/1" }]
        "#,
    );
    let name = |i: Option<usize>| i.map_or("-", |i| rig.spec.strips[i].id.as_str());
    let to: Vec<&str> = rig.spec.strips.iter().map(|s| name(s.to)).collect();
    assert_eq!(to, ["main", "drums", "-", "main", "-", "drums", "-", "-"]);
    // Channels send to every bus, buses where the rig says so.
    assert_eq!(rig.spec.strips.iter().map(|s| s.sends.len()).collect::<Vec<_>>(), [3, 3, 3, 0, 0, 0, 0, 0]);
    assert!(rig.report.brief().contains("no [main]"));
}

#[test]
fn ids_come_from_names_and_have_no_digits_alone() {
    let rig = good(
        "channel = [{}, { name = '7' }, { name = '!?' }, { name = 'Kick', id = 'bd' }]\nbus = [{ name = '9', kind = 'fx' }]\n[main]",
    );
    let ids: Vec<&str> = rig.spec.strips.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(ids[..5], ["ch-1", "ch-7", "ch-3", "bd", "bus-9"]);
}

#[test]
fn bands_grow_with_what_the_rig_names() {
    if headroom_dsp::proc::ProcKind::named("eq").is_none() {
        return;
    }
    let rig = good("[[channel]]\nname = 'a'\neq.7.gain = 3\n[[channel]]\nname = 'b'\n[main]");
    let bands = |s: usize| rig.spec.strips[s].chain.iter().find(|p| p.name == "eq").map(|p| p.bands);
    assert_eq!((bands(0), bands(1), bands(2)), (Some(7), Some(4), Some(6)));
    one_error("[[channel]]\nname = 'a'\neq.9.gain = 3", &["has no `9`", "1 to 8"]);
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
fn an_error_shows_its_line_with_a_caret() {
    let error = parse("[[channel]]\nname = \"A\"\nfader = \"loud\"\n", "stage.toml").err().map(|e| e.to_string());
    let expected = "error: `fader` of channel \"A\" is a level of -90 to 10 dB or \"off\", not \"loud\"\n --> stage.toml:3:9\n  |\n3 | fader = \"loud\"\n  |         ^^^^^^ wrong kind of value";
    assert_eq!(error.as_deref(), Some(expected));
}

#[test]
fn what_is_not_toml_is_told_with_its_line() {
    let told = bad("[audio]\nrate = = 3\n\n[osc\nlisten = \"x\"\n");
    assert!(told.starts_with("rig.toml:2:8: error: this is not TOML"), "{told}");
    assert!(told.contains("rig.toml:4:"), "{told}");
    assert!(bad("[audio]\nrate = 48000\nrate = 44100\n").contains("rig.toml:3:1"));
    // Brackets that stay open are told once, however many they are.
    assert!(bad(&format!("a = {}", "[".repeat(1_000))).lines().count() < 5);
}

#[test]
fn each_mistake_has_its_sentence() {
    let channel = |keys: &str| {
        format!("[[channel]]\nname = \"A\"\n{keys}\n[[bus]]\nname = \"Wedge\"\nkind = \"aux\"\n[[dca]]\nname = \"Band\"\n[main]")
    };
    for (keys, parts) in [
        ("fadr = 1", ["`fadr`", "did you mean `fader`"]),
        ("fader = true", ["`fader` of channel \"A\"", "not true"]),
        ("fader = nan", ["-90 to 10 dB", "not NaN"]),
        ("pan = 1.5", ["a number of -1 to 1", "not 1.5"]),
        ("hpf.slope = 16", ["one of 6, 12, 18, 24 dB/oct", "not 16"]),
        ("hpf.slope = \"16 dB\"", ["one of 6, 12, 18, 24 dB/oct", "16 dB"]),
        ("hpf = true", ["group of parameters", "hpf.on"]),
        ("hpf.freq.x = 1", ["`hpf.freq`", "a table"]),
        ("\"hpf/freq\" = 1", ["not a key", "hpf.freq"]),
        ("limiter.on = true", ["the chain of channel \"A\" leaves out `limiter`", "`hpf lpf gate eq comp`"]),
        ("chain = [\"lpf\"]\nhpf.on = true", ["leaves out `hpf`", "[\"lpf\", \"hpf\"]"]),
        ("hpf-2.on = true", ["leaves out `hpf-2`", ""]),
        ("chain = [\"hfp\"]", ["no processor \"hfp\"", "did you mean `hpf`"]),
        ("chain = \"hpf\"", ["list of processors", ""]),
        ("send.wegde.level = 0", ["`wegde`", "did you mean `wedge`"]),
        ("send.2.level = 0", ["`2`, which is no bus", ""]),
        ("send.wedge = -6", ["a send is a table", ""]),
        ("send.wedge.lvel = -6", ["has no `lvel`", "did you mean `level`"]),
        ("send.wedge.tap = \"post-fader\"", ["one of `input`, `pre`, `post`", ""]),
        ("send.wedge.level = 0\nsend.1.level = 3", ["stated twice", ""]),
        ("to = \"wdge\"", ["goes to \"wdge\"", "did you mean `wedge`"]),
        ("to = \"Wedge\"", ["goes to \"Wedge\"", "did you mean `wedge`"]),
        ("to = \"a\"", ["cannot go to", "a bus, `main` or `none`"]),
        ("dca = [\"bnd\"]", ["no DCA `bnd`", "did you mean `band`"]),
        ("mutegroup = [\"x\"]", ["no mute group `x`", ""]),
        ("dca = 1", ["list of ids", ""]),
        ("link = \"next\"", ["no channel after it", ""]),
        ("link = \"prev\"", ["cannot be \"prev\"", "`next`"]),
        ("input = [\"a\", \"b\", \"c\"]", ["3 ports", "two sides"]),
        ("input = \"capture:0\"", ["counted from 1", ""]),
        ("input = 1", ["text or a list of texts", "whole number"]),
        ("meter.in = 0", ["cannot be set", ""]),
        ("latency = 3", ["cannot be set", ""]),
        ("color = \"#ff00\"", ["not a colour", ""]),
        ("id = \"Kick Drum\"", ["cannot be an id", "`kick-drum`"]),
        ("id = \"7\"", ["cannot be an id", "`ch-7`"]),
        ("id = \"wedge\"", ["`wedge` is used twice", ""]),
        ("id = \"main\"", ["already means something else", "ch-main"]),
        ("delay = \"4 furlongs\"", ["0 to 1000 ms", "furlongs"]),
        ("invert = true", ["has no `invert`", "did you mean `polarity`"]),
    ] {
        one_error(&channel(keys), &parts);
    }
    for (text, parts) in [
        ("channel = 1", ["any number of times", "[[channel]]"]),
        ("[channel]\nname = \"A\"", ["any number of times", "[[channel]]"]),
        ("[[main]]", ["is a table, not a list", ""]),
        ("[[bus]]\nname = \"A\"", ["has no `kind`", "aux"]),
        ("[[bus]]\nname = \"A\"\nkind = \"auxx\"", ["cannot be \"auxx\"", "did you mean `aux`"]),
        ("[[bus]]\nname = \"A\"\nkind = \"aux\"\ninput = \"capture:1\"", ["has no `input`", ""]),
        ("[[matrix]]\nname = \"A\"", ["`matrix`", "kind = \"matrix\""]),
        ("[master]", ["`master`", "[main]"]),
        ("[audio]\nperiod = 0", ["1 to 8192", "not 0"]),
        ("[audio]\nbackend = \"alsa\"", ["cannot be \"alsa\"", "`jack`"]),
        ("[audio]\nrat = 1", ["has no `rat`", "did you mean `rate`"]),
        ("[osc]\nlisten = 9000", ["is text", "whole number"]),
        ("[osc]\nlisten = \"9000\"", ["not an address", "0.0.0.0:9000"]),
        ("[osc]\npeers = [\"10.0.0.1\"]", ["a peer can be reached", "192.168.1.40:9001"]),
        ("[osc]\npeers = [{ meters = 20 }]", ["no `addr`", ""]),
        ("[osc]\nallow = [\"10.0.0.0/99\"]", ["not a network", ""]),
        ("[x32]\nrole = \"boss\"", ["no role \"boss\"", "`engineer`"]),
        ("[[role]]\nname = \"a\"\n[[role]]\nname = \"a\"", ["two roles", ""]),
        ("[[role]]\nname = \"a\"\nwrite = [\"ch/1\"]", ["not an address pattern", "`/ch/1`"]),
        ("[[midi.surface]]\nport = \"X\"", ["no `kind`", ""]),
        ("[[midi.surface]]\nport = \"X\"\nkind = \"mcu\"\n[[midi.surface]]\nport = \"x\"\nkind = \"mcu\"", ["two surfaces", ""]),
        ("[[midi.surface]]\nport = \"X\"\nkind = \"mcu\"\nextends = \"Y\"", ["no surface at \"Y\"", ""]),
        ("[[midi.surface]]\nport = \"X\"\nkind = \"mcu\"\nbuttons.f9 = \"/tap\"", ["`f9`", "did you mean"]),
        (
            "[[midi.surface]]\nport = \"X\"\nkind = \"mcu\"\nbuttons.flip = \"/tap\"",
            ["`flip` turns pages", "cannot be given away"],
        ),
        ("[[midi.surface]]\nport = \"X\"\nkind = \"mcu\"\nbuttons.f1 = \"tap\"", ["expected an address", ""]),
        ("[[midi.surface]]\nport = \"X\"\nkind = \"mcu\"\nlayer = \"aux\"", ["cannot be \"aux\"", "`auxes`"]),
        ("[[dca]]\nname = \"A\"\nfadr = 1", ["DCA \"A\" has no `fadr`", "`fader`"]),
        ("[[dca]]\nname = \"A\"\n[[dca]]\nname = \"a\"", ["`a` is used twice", "a-2"]),
        ("[[bus]]\nname = \"m1\"\nkind = \"fx\"", ["already means", "bus-m1"]),
        ("[monitor]\nsend.1.level = 3", ["monitor sends to nobody", ""]),
        ("[[channel]]\nchain = [\"hpf\", 3]", ["lists processors by name", ":2:17"]),
        ("[main]\nname = 3", ["is text", ""]),
        ("x = 99999999999999999999", ["too large", ""]),
    ] {
        assert!(bad(text).contains(parts[0]) && bad(text).contains(parts[1]), "of {text}:\n{}", bad(text));
    }
}

#[test]
fn a_loop_is_told_by_its_strips() {
    let buses = |a: &str, b: &str| {
        format!("bus = [{{ name = 'A', kind = 'group', {a} }}, {{ name = 'B', kind = 'group', {b} }}]\n[main]")
    };
    one_error(&buses("to = 'b'", "to = 'a'"), &["a loop: ", "→"]);
    one_error(&buses("to = 'b'", "send.a.level = 0"), &["a loop: "]);
    one_error(&buses("to = 'a'", ""), &["a loop: A → A"]);
    one_error("[main]\nsend.a.level = 0\n[[bus]]\nname = 'A'\nkind = 'group'", &["a loop: ", "Main", "A"]);
    good(&buses("to = 'b'", ""));
    good("[main]\nsend.a.level = 0\n[[bus]]\nname = 'A'\nkind = 'aux'");
}

#[test]
fn buses_are_keyed_by_what_does_not_wait_for_them() {
    if headroom_dsp::proc::ProcKind::named("comp").is_none() {
        return;
    }
    let keyed = |a: &str, b: &str| {
        format!(
            "bus = [{{ name = 'A', kind = 'group', to = 'b', comp.sidechain = '{a}' }}, {{ name = 'B', kind = 'group', comp.sidechain = '{b}' }}]\n[main]"
        )
    };
    good(&keyed("", "a"));
    one_error(&keyed("b", ""), &["a loop: "]);
    one_error(&keyed("c", ""), &["no strip \"c\""]);
    good("channel = [{ name = 'A', comp.sidechain = 'b' }, { name = 'B', comp.sidechain = 'ch/1' }]\n[main]");
}

#[test]
fn a_processor_that_the_chain_leaves_out_is_named() {
    assert_eq!(warnings("channel = [{ name = 'A' }]\n[main]"), "");
    one_error("[[channel]]\nname = 'A'\ninsert.on = true", &["leaves out `insert`"]);
    one_error("[[channel]]\nname = 'A'\nchain = ['check']", &["`check` stands in the chain of [monitor] only"]);
}

#[test]
fn linked_channels_follow_the_first() {
    let rig = good(
        "channel = [{ name = 'L', link = 'next', chain = ['lpf'], lpf.freq = 5000 }, { name = 'R', fader = -3, color = 'red' }]\n[main]",
    );
    assert!(rig.spec.strips[0].link && rig.spec.strips[0].chain == rig.spec.strips[1].chain);
    let stated = values(&rig);
    assert!(stated.contains_key("ch/r/color") && !stated.contains_key("ch/r/fader"));
    assert!(rig.report.brief().contains("follows it"));
    one_error("channel = [{ name = 'L', link = 'next' }, { name = 'R', stereo = true }]", &["\"R\" is stereo"]);
    one_error("channel = [{ name = 'A', link = 'next' }, { name = 'B', link = 'next' }, { name = 'C' }]", &["already follows"]);
}

#[test]
fn levels_and_times_may_be_text() {
    let rig = good(
        "[[channel]]\nname = 'A'\nfader = '-6 dB'\ntrim = \"+3\"\nhpf.freq = '1.2 kHz'\ndelay = '480 frames'\n[[bus]]\nname = 'B'\nkind = 'aux'\nfader = '-inf'\ndelay = '3.43 m'\n[audio]\nrate = 96000\n[main]\nfader = -inf",
    );
    let stated = values(&rig);
    for (address, x) in [
        ("ch/a/fader", -6.0),
        ("ch/a/trim", 3.0),
        ("ch/a/hpf/freq", 1200.0),
        ("ch/a/delay", 5.0),
        ("bus/b/fader", -144.0),
        ("bus/b/delay", 10.0),
        ("main/fader", -144.0),
    ] {
        assert!((stated[address].as_f64() - x).abs() < 1e-9, "{address} is {:?}", stated[address]);
    }
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_without_a_place() {
    let error = load("/nowhere/at/all.toml").err().map(|e| e.to_string()).unwrap_or_default();
    assert!(error.starts_with("error: cannot read /nowhere/at/all.toml"), "{error}");
}

#[test]
fn what_is_written_loads_as_the_same_rig() {
    let rig = good(SMALL);
    let text = emit::emit(&rig);
    let again = good(&text);
    assert_eq!(rig.spec, again.spec, "{text}");
    assert_eq!(values(&rig), values(&again), "{text}");
    assert_eq!(rig.settings.osc.peers, again.settings.osc.peers);
    assert_eq!(rig.settings.roles, again.settings.roles);
    assert_eq!(rig.settings.x32, again.settings.x32);
    assert_eq!(emit::emit(&again), text);
}

/// Loads what may be a rig; shows the errors or writes the rig and loads it again.
fn survive(text: &str) -> Result<(), TestCaseError> {
    match parse(text, "r.toml") {
        Err(e) => prop_assert!(e.0.errors() > 0 && !e.0.render(false).is_empty() && !e.0.brief().is_empty()),
        Ok(rig) => {
            let written = emit::emit(&rig);
            let again = parse(&written, "r.toml").map_err(|e| TestCaseError::fail(format!("{e}\n{written}")))?;
            prop_assert_eq!(&rig.spec, &again.spec, "{}", written);
            prop_assert_eq!(values(&rig), values(&again), "{}", written);
        }
    }
    Ok(())
}

/// Pieces that make a rig look like another.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("[[channel]]\n".to_string()),
        Just("[[bus]]\nkind = \"group\"\n".to_string()),
        Just("\n[main]\n".to_string()),
        Just("\"\"\"".to_string()),
        Just("}".to_string()),
        Just("[[".to_string()),
        Just("to = \"plate\"\n".to_string()),
        Just("link = \"next\"\n".to_string()),
        Just("stereo = true\n".to_string()),
        Just("output = [\"\", \"\"]\n".to_string()),
        Just("chain = [\"lpf\", \"hpf\", \"lpf\"]\n".to_string()),
        Just("send.2.level = 3\n".to_string()),
        Just("hpf.freq = \"1e999 kHz\"\n".to_string()),
        Just("delay = 1e-320\n".to_string()),
        Just("name = \"\\u0000é\"\n".to_string()),
        Just("a.b.c.d.e.f.g = 1\n".to_string()),
        "[ -~\n]{0,12}",
        "\\PC{0,6}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_a_rig_or_has_errors(text in "\\PC{0,200}") {
        survive(&text)?;
    }

    #[test]
    fn any_mix_of_keys_is_a_rig_or_has_errors(pieces in prop::collection::vec(piece(), 0..12)) {
        survive(&pieces.concat())?;
    }

    #[test]
    fn a_damaged_rig_is_a_rig_or_has_errors(edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..30, piece()), 1..6)) {
        let mut text = SMALL.to_string();
        for (at, drop, insert) in edits {
            let mut start = at.index(text.len() + 1);
            while !text.is_char_boundary(start) { start -= 1; }
            let mut end = (start + drop).min(text.len());
            while !text.is_char_boundary(end) { end += 1; }
            text.replace_range(start..end, &insert);
        }
        survive(&text)?;
    }
}

/// The example rigs.
fn examples() -> Vec<(String, Rig)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    // Controller maps may stand beside the rigs.
    files.retain(|f| {
        f.extension().is_some_and(|e| e == "toml") && std::fs::read_to_string(f).is_ok_and(|t| t.contains("\n[main]"))
    });
    files.sort();
    let load = |f: &std::path::PathBuf| (stem(&f.to_string_lossy()), load(f).unwrap_or_else(|e| panic!("{e}")));
    files.iter().map(load).collect()
}

#[test]
fn every_example_loads_and_is_written_back_the_same() {
    let examples = examples();
    assert!(examples.len() >= 6);
    for (name, rig) in examples {
        // A table that is not built yet is all that may be said of an example.
        let said = rig.report.brief();
        assert!(said.lines().all(|l| l.contains("is not built yet")), "{name}:\n{said}");
        let text = emit::emit(&rig);
        let again = parse(&text, &format!("{name}.toml")).unwrap_or_else(|e| panic!("{name}: {e}\n{text}"));
        assert_eq!(rig.spec, again.spec, "{name}:\n{text}");
        assert_eq!(values(&rig), values(&again), "{name}:\n{text}");
    }
}

#[test]
fn the_demo_has_a_channel_for_every_stem() {
    let rig = examples().into_iter().find(|(n, _)| n == "demo").map(|(_, r)| r).unwrap();
    let channels = rig.spec.strips.iter().filter(|s| s.kind == StripKind::Channel).map(|s| (s.name.as_str(), s.channels()));
    let stems = crate::demo::band::STEMS.iter().map(|s| (s.name, s.channels));
    assert_eq!(channels.collect::<Vec<_>>(), stems.collect::<Vec<_>>());
}

#[test]
fn a_rig_of_more_strips_than_there_can_be_is_refused_where_the_first_too_many_stands() {
    let channels = |n: usize| (0..n).map(|i| format!("[[channel]]\nname = \"c{i}\"\n")).collect::<String>();
    // One error, however many more there are, and it is soon said.
    for more in [1, 19_000] {
        let text = channels(1024 + more) + "[[bus]]\nname = \"b\"\nkind = \"aux\"\n[main]\n";
        let error = parse(&text, "big.toml").err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains("at most 1024 channels and buses") && error.contains("big.toml:2049:1"), "{error}");
    }
}

#[test]
fn a_pipe_is_no_rig() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rig.toml");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let error = super::load(&path).unwrap_err().to_string();
    assert!(error.contains("no file but a pipe"), "{error}");
}

#[test]
fn the_rig_of_the_readme_is_a_rig() {
    let readme = include_str!("../../../README.md");
    let section = readme.split("## A rig of your own").nth(1).and_then(|s| s.split("\n## ").next()).unwrap();
    let text = section.split("```toml\n").nth(1).and_then(|s| s.split("```").next()).unwrap();
    parse(text, "README.md").unwrap();
}

#[test]
fn foreign_addresses_lead_somewhere_and_hide_nothing() {
    let map = |lines: &str| format!("[[osc.map]]\n{lines}\n[[channel]]\nname = \"Kick\"\n[main]\n");
    let rig = good(&map("from = \"/1/fader1\"\nto = \"/norm/ch/kick/fader\"\nrange = [0, 127]"));
    assert_eq!(rig.settings.osc.maps[0].range, Some((0.0, 127.0)));
    assert!(!warnings(&map("from = \"/a\"\nto = \"/ch/1/meter/in\"")).contains("osc.map"));
    one_error(&map("from = \"/1/fader1\"\nto = \"/ch/kik/fader\""), &["/ch/kik/fader", "kick"]);
    one_error(&map("from = \"/1/*\"\nto = \"/ch/kick/fader\""), &["not one address"]);
    one_error(&map("from = \"/ch/1/fader\"\nto = \"/ch/kick/pan\""), &["is an address of this console"]);
    one_error(&map("from = \"/ping\"\nto = \"/ch/kick/pan\""), &["is an address of this console"]);
    one_error(&map("from = \"/a\"\nto = \"/ch/kick/name\"\nrange = [0, 1]"), &["no travel"]);
    one_error(&map("from = \"/a\"\nto = \"/ch/kick/pan\"\nrange = [1, 1]"), &["two numbers that differ"]);
    one_error(&map("to = \"/ch/kick/pan\""), &["no `from`"]);
    let twice = "from = \"/a\"\nto = \"/ch/1/pan\"\n[[osc.map]]\nfrom = \"/a\"\nto = \"/ch/1/mute\"";
    one_error(&map(twice), &["/a is bound twice"]);
    one_error(&map("from = \"/a\"\nto = \"/ch/1/pan\"\nrnge = [0, 1]"), &["range"]);
}
