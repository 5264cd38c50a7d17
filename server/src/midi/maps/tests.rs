use super::*;
use headroom_dsp::desk::Desk;
use headroom_dsp::lanes::Path as Lanes;
use headroom_dsp::param::{Access, Kind as ParamKind, Value};
use headroom_dsp::tree::ParamId;
use headroom_protocol::coerce;
use headroom_protocol::midi::MS;
use headroom_protocol::midi::controller::Controller;
use headroom_protocol::midi::map::deck::Deck;
use headroom_protocol::midi::map::decode::encode;
use headroom_protocol::midi::map::{Control, Does, Kind, Shows, Source};
use headroom_protocol::midi::remote::Remote;
use headroom_protocol::midi::surface::layer::Layer;
use headroom_protocol::osc::encode::Encoder;

/// A console on which every control of every map has something to do.
fn remote() -> Remote {
    let mut rig = String::new();
    for n in 1..=20 {
        rig += &format!("[[channel]]\nname = \"Ch {n}\"\n");
    }
    for n in 1..=3 {
        rig += &format!("[[bus]]\nname = \"Mix {n}\"\nkind = \"aux\"\n");
    }
    for n in 1..=8 {
        rig += &format!("[[dca]]\nname = \"Dca {n}\"\n[[mutegroup]]\nname = \"Group {n}\"\n");
    }
    rig += "[main]\n[monitor]\n[talkback]\n";
    let rig = crate::rig::parse(&rig, "all.toml").unwrap_or_else(|e| panic!("{}", e.0.render(false)));
    let desk = Desk::new(rig.spec, 48_000.0, Lanes::best()).expect("it compiles");
    let mut remote = Remote::new(desk.spec().clone(), desk.tree().clone(), 48_000.0);
    for (at, value) in desk.values().iter().enumerate() {
        if desk.tree().entries()[at].decl.access == Access::Write {
            tell(&mut remote, ParamId(at as u32), value);
        }
    }
    remote
}

fn tell(remote: &mut Remote, id: ParamId, value: &Value) {
    let mut packet = Vec::new();
    let address = remote.space().canonical(id).to_owned();
    Encoder::new().message(&address, [coerce::answer(remote.decl(id), value)], &mut packet);
    remote.told(&packet);
}

struct Played {
    remote: Remote,
    deck: Deck,
    now: u64,
}

impl Played {
    fn new(map: &Map) -> Played {
        let remote = remote();
        let mut deck = Deck::new(Arc::new(map.clone()), Vec::new(), Some(Layer::Channels), None, &remote);
        deck.plugged(0, 0);
        Played { remote, deck, now: 1_000 * MS }
    }

    fn sends(&mut self, source: Source, value: u16) {
        let mut bytes = Vec::new();
        encode(source, value, &mut bytes);
        self.now += MS;
        self.deck.receive(0, &bytes, &mut self.remote, self.now);
    }

    fn shows(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        for _ in 0..600 {
            self.now += MS;
            self.deck.draw(&self.remote, self.now, (0, 0, 0));
            while self.deck.next(0, self.now, &mut out) {}
        }
        out
    }

    /// The address that a control means on this page.
    fn address(&self, text: &str, strip: usize) -> String {
        let text = text.trim_start_matches("hold ");
        let head = format!("ch/{}", strip + 1);
        text.replace("{strip}", &head).replace("{selected}", "ch/1")
    }
}

fn shift_of(map: &Map) -> Option<Source> {
    map.controls.iter().find(|c| c.does == Does::Shift).map(|c| c.source)
}

/// Plays one control of a map and sees what it does.
fn play(name: &str, map: &Map, control: &Control) {
    let what = format!("{name}: {control:?}");
    let mut played = Played::new(map);
    let top = control.source.top();
    if control.shift {
        let shift = shift_of(map).unwrap_or_else(|| panic!("{what} has no shift button"));
        played.sends(shift, 127);
    }
    let drawn = played.shows();
    match &control.does {
        Does::Move { address, strip } => {
            let address = played.address(address, *strip);
            let id = played.remote.space().resolve(&address).unwrap_or_else(|| panic!("{what} means {address}"));
            let before = played.remote.value(id).cloned();
            match control.kind {
                Kind::Edge if !matches!(played.remote.decl(id).kind, ParamKind::Bool { .. }) => {
                    played.remote.set_norm(id, 0.2);
                    played.sends(control.source, 127);
                    assert_eq!(played.remote.value(id).cloned(), Some(played.remote.tree().entry(id).default.clone()), "{what}");
                    return;
                }
                Kind::Edge | Kind::Level => played.sends(control.source, 127),
                Kind::Relative(_) => played.sends(control.source, 1),
                // From end to end, so that it meets its value.
                Kind::Absolute(_) => {
                    for step in 0..=32u32 {
                        played.sends(control.source, (u32::from(top) * step / 32) as u16);
                    }
                    assert_eq!(played.remote.norm(id), Some(1.0), "{what}");
                }
            }
            assert_ne!(played.remote.value(id).cloned(), before, "{what}");
        }
        Does::Act { text, strip } => {
            let address = played.address(text, *strip);
            played.remote.take_wishes();
            played.sends(control.source, 127);
            assert!(!played.remote.take_wishes().is_empty(), "{what} sends nothing");
            let is_command = headroom_protocol::intent::command::named(&address).is_some();
            assert!(is_command || played.remote.space().resolve(&address).is_some(), "{what}: {address}");
        }
        Does::Select(_) | Does::Page(_) | Does::Layer(_) | Does::Shift => played.sends(control.source, 127),
    }
    let lit_before = matches!(control.does, Does::Page(_) | Does::Layer(Layer::Channels) | Does::Select(0));
    if let (Some(Shows { source, motor: false, .. }), false) = (control.shows, lit_before) {
        let now = played.shows();
        let mut message = Vec::new();
        encode(source, 0, &mut message);
        let seen = |bytes: &[u8]| bytes.windows(2).any(|w| w == &message[..2]);
        assert!(seen(&drawn) && seen(&now), "{what} is not shown");
    }
}

#[test]
fn every_control_of_every_map_does_something_and_shows_it() {
    for (name, text) in BUILT_IN {
        let mut report = Report::new(name, text);
        let table = node::read(&mut report);
        let map = read(&table, name, &mut report);
        assert!(report.items.is_empty(), "{}", report.render(false));
        let map = map.expect("a map");
        assert!(map.controls.len() > 20 && !map.ports.is_empty(), "{name}");
        for control in &map.controls {
            play(name, &map, control);
        }
    }
}

#[test]
fn the_built_in_maps_are_the_files() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/surfaces");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder")
        .map(|f| f.expect("a file").file_name().to_string_lossy().trim_end_matches(".toml").to_owned())
        .collect();
    files.sort();
    let mut names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    assert_eq!(files, names);
}

#[test]
fn mistakes_are_told_at_their_place() {
    let bad = |control: &str| {
        let text = format!("[[control]]\n{control}");
        let mut report = Report::new("map.toml", &text);
        let table = node::read(&mut report);
        assert!(read(&table, "map", &mut report).is_none(), "{control}");
        report.render(false)
    };
    for (control, says) in [
        ("to = \"/{strip}/fader\"", "has one of cc"),
        ("cc = 1\nnote = 1\nto = \"/{strip}/fader\"", "has one of cc"),
        ("cc = 200\nto = \"/{strip}/fader\"", "from 0 to 127"),
        ("cc = \"7..3\"\nto = \"/{strip}/fader\"", "from 0 to 127"),
        ("cc = 1", "one of to, send and do"),
        ("cc = 1\nto = \"fader\"", "expected an address"),
        ("cc = 1\nsend = \"/tap\"\ndo = \"select\"", "one of to, send and do"),
        ("cc = 1\ndo = \"next pge\"", "next page"),
        ("cc = 1\ndo = \"layer auxs\"", "no layer"),
        ("cc = 1\nrelative = \"two\"\nto = \"/{strip}/pan\"", "twos"),
        ("cc = \"1..8\"\nchannel = \"1..4\"\nto = \"/{strip}/pan\"", "do not go together"),
        ("cc = \"1..8\"\nto = \"/{strip}/pan\"\nshow = { cc = \"1..4\" }", "4 lights for 8 controls"),
        ("cc = 1\nto = \"/{strip}/pan\"\ntakover = \"jump\"", "takeover"),
    ] {
        assert!(bad(control).contains(says), "{control}:\n{}", bad(control));
    }
}

#[test]
fn a_rig_finds_its_own_maps_before_the_built_in_ones() {
    let rig = |kind: &str| {
        let text = format!(
            "[[midi.map]]\nname = \"mine\"\n[[midi.map.control]]\ncc = 1\nto = \"/main/fader\"\n\
             [[midi.surface]]\nport = \"X\"\nkind = \"{kind}\"\n[main]\n"
        );
        crate::rig::parse(&text, "rig.toml").map(|rig| rig.settings.surfaces[0].map.clone())
    };
    assert_eq!(rig("mine").expect("it is there").map(|map| map.controls.len()), Some(1));
    assert!(rig("nanokontrol2").expect("it is built in").is_some_and(|map| map.controls.len() > 40));
    assert!(rig("mcu").expect("a dialect").is_none());
    let error = rig("nanokontrol").expect_err("there is none").0.render(false);
    assert!(error.contains("did you mean `nanokontrol2`"), "{error}");
}
