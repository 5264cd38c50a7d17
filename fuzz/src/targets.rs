//! What is fuzzed: each function takes any bytes and must neither panic nor hang, and what it reads must hold together.
//!
//! Used by the fuzzer and by a plain test (`tests/fuzz.rs`). A new decoder is one line in the table, a folder
//! `corpus/NAME` and, where it has words, `dictionaries/NAME.dict`.

use headroom::audiofile::Reader;
use headroom::cues;
use headroom::hub::roles::{RoleId, Roles};
use headroom::rig::{self, Net, preset};
use headroom::scene::{self, Layout};
use headroom::state::format;
use headroom_dsp::desk::Desk;
use headroom_dsp::lanes;
use headroom_protocol::address::AddressSpace;
use headroom_protocol::intent;
use headroom_protocol::osc::decode::{self, Packet};
use headroom_protocol::osc::stream::{Deframer, Framing, MAX_FRAME, frame};
use headroom_protocol::pattern::Pattern;
use std::io::Cursor;
use std::sync::LazyLock;

/// One target.
pub struct Target {
    /// Name, also of its corpus and dictionary.
    pub name: &'static str,
    /// Takes any bytes.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "osc", run: osc },
    Target { name: "stream", run: stream },
    Target { name: "pattern", run: pattern },
    Target { name: "rig", run: rig },
    Target { name: "roles", run: roles },
    Target { name: "preset", run: preset },
    Target { name: "state", run: state },
    Target { name: "scene", run: scene },
    Target { name: "cues", run: cue_file },
    Target { name: "wav", run: wav },
    Target { name: "midi", run: midi },
    Target { name: "midi-map", run: midi_map },
];

/// Longest text that is read as a rig: larger ones take longer and find no more.
const LONGEST: usize = 4_096;

const SMALL: &str = "[[channel]]\nname = \"Kick\"\n[[channel]]\nname = \"Vox\"\nchain = []\n[[bus]]\nname = \"Wedge\"\nkind = \"aux\"\n\
                     [[dca]]\nname = \"Band\"\n[main]\nchain = []\n[monitor]\n";

/// Any bytes from every kind of surface: nothing falls over, what is sent stays MIDI, and the next message is understood.
fn midi(bytes: &[u8]) {
    use headroom_protocol::midi::controller::{Controller, Row};
    use headroom_protocol::midi::hui::Hui;
    use headroom_protocol::midi::learn::Taught;
    use headroom_protocol::midi::map::{Map, deck::Deck};
    use headroom_protocol::midi::mcu::{Mcu, table::Device};
    use headroom_protocol::midi::message::{Message, Parser, split};
    use headroom_protocol::midi::panel::Unit;
    use headroom_protocol::midi::remote::Remote;
    use headroom_protocol::midi::surface::{Options, Surface};
    use std::sync::Arc;
    type Make = Box<dyn Fn() -> Remote + Send + Sync>;
    static MAKE: LazyLock<Make> = LazyLock::new(|| {
        let rig = rig::parse(SMALL, "small.toml").unwrap_or_else(|e| panic!("{e}"));
        let (spec, tree) = (Arc::new(rig.spec), Arc::new(rig.tree));
        Box::new(move || Remote::new(spec.clone(), tree.clone(), 48_000.0))
    });
    static MAPS: LazyLock<Vec<Arc<Map>>> = LazyLock::new(|| {
        headroom::midi::maps::BUILT_IN.iter().filter_map(|(name, _)| headroom::midi::maps::built_in(name)).map(Arc::new).collect()
    });
    let mut remote = MAKE();
    let row = |unit: Box<dyn Unit>, remote: &Remote| Box::new(Row::new(Surface::new(Options::default(), remote), vec![unit]));
    let kind = bytes.first().copied().unwrap_or(0);
    let behind: Box<dyn Controller> = match kind % 3 {
        0 => row(Box::new(Mcu::new(Device::of_port("X-Touch"), true)), &remote),
        1 => row(Box::<Hui>::default(), &remote),
        _ => Box::new(Deck::new(MAPS[usize::from(kind / 3) % MAPS.len()].clone(), Vec::new(), None, None, &remote)),
    };
    let mut surface = Taught::new(behind, vec![Map::default()], &remote);
    surface.plugged(0, 0);
    surface.learn(kind & 0x80 != 0);
    let mut now = 0;
    for part in bytes.chunks(64) {
        surface.receive(0, part, &mut remote, now);
        // The hub's side of it is noise as well.
        remote.told(part);
        surface.moved(&remote.take_moved(), &remote);
        now += 20_000_000;
        remote.tick(now);
        surface.draw(&remote, now, (1, 2, 3));
        let mut out = Vec::new();
        while surface.next(0, now, &mut out) {}
        for message in split(&out) {
            let mut read = Vec::new();
            Parser::default().read(message, |m| m.encode(&mut read));
            assert_eq!(read, message);
        }
        for wish in remote.take_wishes() {
            assert!(decode::packet(&wish).is_ok());
        }
    }
    let mut parser = Parser::default();
    parser.read(bytes, |_| {});
    let mut next = Vec::new();
    parser.read(&[0x91, 5, 6], |m| next.push(m == Message::Note { channel: 1, key: 5, velocity: 6 }));
    assert_eq!(next.last(), Some(&true));
}

/// A controller's map: an error at its place, or a map that stays one when it is written.
fn midi_map(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(&bytes[..bytes.len().min(LONGEST)]) else { return };
    let mut report = rig::Report::new("map.toml", text);
    let table = rig::node::read(&mut report);
    if report.errors() > 0 {
        return;
    }
    match headroom::midi::maps::read(&table, "map", &mut report) {
        Some(map) => assert!(map.controls.iter().all(|c| c.does.check().is_ok())),
        None => assert!(report.errors() > 0),
    }
}

static SPACE: LazyLock<AddressSpace> = LazyLock::new(|| {
    let rig = rig::parse(SMALL, "small.toml").unwrap_or_else(|e| panic!("{e}"));
    AddressSpace::new(&rig.spec, &rig.tree)
});

static DESK: LazyLock<(Desk, Layout)> = LazyLock::new(|| {
    let rig = rig::parse(SMALL, "small.toml").unwrap_or_else(|e| panic!("{e}"));
    let values = rig.tree.defaults();
    let desk = Desk::with(rig.spec, rig.tree, values, 48_000.0, lanes::Path::best()).unwrap_or_else(|e| panic!("{e}"));
    let layout = Layout::of(&desk);
    (desk, layout)
});

fn osc(bytes: &[u8]) {
    let Ok(packet) = decode::packet(bytes) else { return };
    let count = packet.messages().count();
    assert_eq!(count, packet.message_count());
    for (_, message) in packet.messages() {
        message.args.for_each(drop);
        assert!(matches!(decode::packet(message.as_bytes()), Ok(Packet::Message(_))));
        if let Err(error) = intent::parse(&message, &*SPACE) {
            // Little goes back to strangers.
            assert!(error.address.len() <= 200 && error.reason.len() <= 2_000);
        }
        let nothing = headroom_protocol::address::Sight::only(&SPACE, &[]);
        if let Err(error) = intent::parse(&message, nothing) {
            let quotes = bytes.windows(5).any(|w| w == b"/ch/1");
            assert!(quotes || !error.reason.contains("/ch/1"), "{error}");
        }
    }
    let _ = intent::parse_packet(&packet, &*SPACE);
}

/// The first byte says how large the pieces are that arrive.
fn stream(bytes: &[u8]) {
    let Some((size, bytes)) = bytes.split_first() else { return };
    let mut whole = Vec::new();
    let mut pieces = Vec::new();
    for (into, size) in [(&mut whole, bytes.len().max(1)), (&mut pieces, usize::from(*size).max(1))] {
        let mut deframer = Deframer::new();
        'all: for mut piece in bytes.chunks(size) {
            loop {
                match deframer.next(&mut piece) {
                    Ok(Some(packet)) => {
                        assert!(!packet.is_empty() && packet.len() <= MAX_FRAME);
                        into.push(packet.to_vec());
                    }
                    Ok(None) => break,
                    Err(_) => break 'all,
                }
            }
        }
        assert!(deframer.held() <= 2 * MAX_FRAME);
    }
    // What comes out does not depend on how it came in.
    assert_eq!(whole, pieces);
    if !bytes.is_empty() && bytes.len().is_multiple_of(4) {
        for framing in [Framing::Slip, Framing::Length] {
            let mut framed = Vec::new();
            frame(framing, bytes, &mut framed);
            let mut rest = framed.as_slice();
            assert_eq!(Deframer::new().next(&mut rest), Ok(Some(bytes)));
        }
    }
}

fn pattern(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let explained = SPACE.explain_pattern(text, ["/rig/reload", "/info"]);
    assert!(explained.is_none_or(|e| e.len() < 8_192));
    let Ok(pattern) = Pattern::parse(text) else { return };
    let (reached, meant) = (SPACE.matches(&pattern, usize::MAX), SPACE.meant(&pattern));
    // A rule means at least what is reached, and what a list by hand would find.
    assert!(reached.iter().all(|id| meant.contains(id)));
    let by_number = SPACE.params().filter(|id| pattern.matches(SPACE.canonical(*id)));
    assert!(by_number.into_iter().all(|id| meant.contains(&id)), "{text}");
}

fn rig(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(&bytes[..bytes.len().min(LONGEST)]) else { return };
    match rig::parse(text, "fuzz.toml") {
        Ok(rig) => drop(rig.report.render(false)),
        Err(errors) => assert!(!errors.to_string().is_empty() && !errors.0.brief().is_empty()),
    }
}

/// What a rig says of access, beside a small console.
fn roles(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(&bytes[..bytes.len().min(LONGEST)]) else { return };
    let _ = text.lines().next().and_then(Net::parse);
    let Ok(mut rig) = rig::parse(&format!("{text}\n{SMALL}"), "fuzz.toml") else { return };
    // Whatever a name of a file says, no file is opened here.
    rig.settings.roles.iter_mut().for_each(|r| r.token = r.token.take().filter(|t| !matches!(t, rig::Token::File(_))));
    let space = AddressSpace::new(&rig.spec, &rig.tree);
    let roles = Roles::new(&rig.settings, &space);
    let sees = |role| roles.sight(role, &space);
    assert!(space.params().all(|id| roles.writes(RoleId::ENGINEER, id) && sees(RoleId::ENGINEER).sees(id)));
    assert!(space.params().all(|id| !roles.writes(RoleId::NONE, id) && !sees(RoleId::NONE).sees(id)));
    for role in &rig.settings.roles {
        if let Some(rig::Token::Clear(token)) = &role.token {
            assert!(roles.with_token(token).is_some());
        }
    }
    for secret in rig.settings.roles.iter().filter_map(|r| match &r.token {
        Some(rig::Token::Clear(token)) if token.len() >= 8 => Some(token),
        _ => None,
    }) {
        // A token that stands elsewhere in the file too is not a secret.
        if text.matches(secret.as_str()).count() == 1 && !SMALL.contains(secret.as_str()) {
            assert!(!rig.report.render(false).contains(secret.as_str()), "a finding tells a token");
        }
    }
}

fn preset(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(&bytes[..bytes.len().min(LONGEST)]) else { return };
    let loaded = preset::read("fuzz", text, "fuzz.toml");
    loaded.preset.needs();
    loaded.report.render(false);
}

fn state(bytes: &[u8]) {
    let same = |memory: format::Memory| assert_eq!(format::decode(&format::encode(&memory, "fuzz")), Ok(memory));
    let _ = format::decode(bytes).map(same);
    // The sum over all would keep everything else out.
    let text = String::from_utf8_lossy(bytes);
    let lines = text.lines().filter(|l| !l.starts_with("end"));
    let body: String = lines.flat_map(|l| [l, "\n"]).collect();
    let _ = format::decode(format!("{body}end {:016x}\n", format::crc64(body.as_bytes())).as_bytes()).map(same);
}

/// A scene's file; its first line is tried as a name too.
fn scene(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(&bytes[..bytes.len().min(LONGEST)]) else { return };
    if let Ok(file) = scene::file_of(text.lines().next().unwrap_or_default()) {
        // What becomes a file stays in its folder, and is not hidden.
        assert!(!file.contains(['/', '\\', '.', '\0']) && file.len() <= 200);
        assert!(scene::is_file(&file));
    }
    let (desk, layout) = &*DESK;
    let read = |text: &str| scene::format::parse(text).and_then(|t| scene::format::on(t, "fuzz", layout, desk.tree()));
    let Ok(scene) = read(text) else { return };
    let again = read(&scene::format::write(&scene, &scene.values, layout, desk.tree()));
    assert_eq!(again.map(|s| s.values), Ok(scene.values));
}

fn cue_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match cues::read(text, "fuzz.txt") {
        Ok(read) => drop(cues::by_frame(read, 48_000.0)),
        Err(errors) => assert!(errors.starts_with("fuzz.txt:")),
    }
}

fn wav(bytes: &[u8]) {
    let source = Box::new(Cursor::new(bytes.to_vec()));
    let Ok(mut reader) = Reader::from_source("fuzz.wav", source, Some(bytes.len() as u64)) else { return };
    reader.remarks();
    let mut samples = [0f64; 1_024];
    let mut read = 0;
    while let Ok(count) = reader.read_f64(&mut samples) {
        if count == 0 {
            break;
        }
        assert!(samples[..count.min(samples.len())].iter().all(|x| x.is_finite()));
        read += count;
        assert!(read <= 8 * bytes.len() + 8, "more samples than bytes");
    }
}
