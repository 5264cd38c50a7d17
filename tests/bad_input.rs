//! What nobody means to send and somebody will: the program says what is wrong, keeps its values and runs on.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use headroom_e2e::{Headroom, Jackd, Osc, Peer, eventually, isolated, message, read_wav, resident_kb, write_wav};
use rosc::{OscArray, OscBundle, OscPacket, OscTime, OscType};

const RIG: &str = r#"
name = "Bad input"
[audio]
backend = "internal"
[osc]
listen = "127.0.0.1:0"
[[channel]]
name = "Kick"
fader = -7
[[channel]]
name = "Snare"
[main]
output = ["playback:1", "playback:2"]
"#;

/// The largest datagram that UDP over IPv4 carries.
const LARGEST: usize = 65_507;

fn server(dir: &Path) -> Headroom {
    let path = dir.join("rig.toml");
    std::fs::write(&path, RIG).expect("a file");
    Headroom::spawn(&["run", &path.display().to_string(), "--log", "warn"])
}

fn text(s: &str) -> OscType {
    OscType::String(s.into())
}

fn encoded(packet: &OscPacket) -> Vec<u8> {
    rosc::encoder::encode(packet).expect("a packet")
}

fn bundle(content: Vec<OscPacket>) -> OscPacket {
    OscPacket::Bundle(OscBundle { timetag: OscTime { seconds: 0, fractional: 1 }, content })
}

/// Bundles in bundles, as bytes, since a library that writes them would have to recurse as deep.
fn nested(depth: usize, inner: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    for level in (0..depth).rev() {
        packet.extend(b"#bundle\0\0\0\0\0\0\0\0\x01");
        packet.extend(((inner.len() + level * 20) as u32).to_be_bytes());
    }
    packet.extend(inner);
    packet
}

/// Waits for the next `/error`; the address that it names, and the reason.
fn refused(osc: &mut Osc, what: &str) -> (String, String) {
    let message = osc.receive(Duration::from_secs(5)).unwrap_or_else(|| panic!("no answer to {what}"));
    match (message.addr.as_str(), message.args.as_slice()) {
        ("/error", [OscType::String(address), OscType::String(reason)]) => (address.clone(), reason.clone()),
        _ => panic!("{what} is answered by {message:?}"),
    }
}

/// The server still answers, nothing has panicked, and the value is where the rig put it.
fn is_whole(server: &Headroom, osc: &mut Osc, after: &str) {
    while osc.receive(Duration::from_millis(1)).is_some() {}
    assert_eq!(osc.number("/ch/1/fader"), -7.0, "after {after}");
    assert_eq!(osc.status().number("faults"), 0.0, "after {after}");
    assert!(!server.output().contains("panicked"), "after {after}: {}", server.output());
}

#[test]
fn a_set_that_cannot_be_meant_is_refused_by_name_and_moves_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = server(dir.path());
    let mut osc = server.osc();
    let one = OscType::Float(1.0);
    let fader = |argument: OscType| ("/ch/1/fader", vec![argument]);
    let fade = |to: f32, seconds: f32| vec![text("/ch/1/fader"), OscType::Float(to), OscType::Float(seconds)];
    let cases = [
        fader(OscType::Float(f32::NAN)),
        fader(OscType::Float(f32::NEG_INFINITY)),
        fader(OscType::Double(f64::INFINITY)),
        fader(text("nan")),
        fader(text("inf")),
        fader(text("loud")),
        fader(text(&"9".repeat(60_000))),
        fader(OscType::Nil),
        fader(OscType::Inf),
        fader(OscType::Blob(vec![0; 60_000])),
        fader(OscType::Array(OscArray { content: vec![one.clone(); 100] })),
        ("/ch/1/fader", vec![one.clone(), one.clone()]),
        ("/ch/1/fader", vec![one.clone(); 12_000]),
        ("/norm/ch/1/fader", vec![OscType::Float(f32::NAN)]),
        ("/ch/1/mute", vec![text("perhaps")]),
        ("/ch/1/gate/sidechain", vec![text("nobody")]),
        ("/ch/1/name", vec![text(&"x".repeat(60_000))]),
        ("/ch/1/meter/in", vec![one.clone()]),
        ("/ch/1/latency", vec![one.clone()]),
        ("/ch/1", vec![one.clone()]),
        ("/ch/3/fader", vec![one.clone()]),
        ("/ch/18446744073709551617/fader", vec![one.clone()]),
        ("/ch/-1/fader", vec![one.clone()]),
        ("/ch//fader/", vec![one.clone()]),
        ("/fade", fade(f32::NAN, 1.0)),
        ("/fade", fade(0.0, f32::NAN)),
        ("/fade", fade(0.0, -1.0)),
        ("/fade", fade(0.0, 1e30)),
        ("/client/port", vec![OscType::Int(70_000)]),
        ("/client/port", vec![OscType::Int(-1)]),
        ("/subscribe", vec![text("/ch/{")]),
    ];
    for (address, arguments) in cases {
        let what = format!("{address} {:.60}", format!("{arguments:?}"));
        osc.send(address, arguments);
        let (named, reason) = refused(&mut osc, &what);
        assert_eq!(named, address, "{what}");
        assert!(reason.len() > 5, "{what}: {reason}");
        is_whole(&server, &mut osc, &what);
    }
    // Patterns that are long, and those that other matchers try in ever more ways.
    for pattern in [
        format!("/ch/{}x", "*".repeat(60_000)),
        format!("/ch/{}/fader", "*a".repeat(30_000)),
        format!("/ch/{{{}}}/fader", vec!["9"; 30_000].join(",")),
        format!("/ch/[{}]/fader", "a-z".repeat(20_000)),
        format!("/{}", "/*".repeat(30_000)),
        format!("/{}", "x".repeat(60_000)),
    ] {
        osc.send(&pattern, [one.clone()]);
        let (named, _) = refused(&mut osc, &pattern[..20]);
        // An answer is no way to make a server send more than it got.
        assert!(named.len() <= 200 && pattern.starts_with(named.trim_end_matches('…')), "{named}");
        is_whole(&server, &mut osc, &pattern[..20]);
    }
    // Out of range is not wrong: the limit holds, and the sender is told.
    assert_eq!(osc.command("/ch/2/fader", [OscType::Long(1 << 62)]), [OscType::Float(10.0)]);
    assert!(server.stop().success());
}

#[test]
fn what_is_no_osc_gets_no_answer_and_costs_no_value() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = server(dir.path());
    let mut osc = server.osc();
    osc.command("/ping", []);
    let memory = resident_kb(server.pid());
    let set = encoded(&message("/ch/1/fader", [OscType::Float(5.0)]));
    let cut = |at: usize| set[..at].to_vec();
    let with = |at: usize, byte: u8| {
        let mut changed = set.clone();
        changed[at] = byte;
        changed
    };
    let first = "#bundle\0\0\0\0\0\0\0\0\x01";
    let sized = |size: u32| [first.as_bytes(), &size.to_be_bytes(), &set].concat();
    let mut packets = vec![
        Vec::new(),
        vec![0; LARGEST],
        vec![0xff; LARGEST],
        b"/".repeat(LARGEST - 3),
        b"#bundle\0".repeat(8_000),
        [first.as_bytes(), &vec![0; 60_000]].concat(),
        sized(0),
        sized(3),
        sized(set.len() as u32 + 4),
        sized(0x8000_0000),
        sized(u32::MAX),
        cut(4),
        cut(set.len() - 1),
        cut(set.len() - 4),
        with(0, b'x'),
        with(1, 0xff),
        with(12, b';'),
        // As deep as a datagram holds, and just deeper than is taken.
        nested(3_200, &set),
        nested(9, &set),
    ];
    // A fixed seed: the same damage each time. Only the address and the tags, so that no good set comes of it.
    let mut seed = 7u64;
    let mut random = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize
    };
    packets.extend((0..2_000).map(|_| (0..random() % 1_500).map(|_| random() as u8 | 0x80).collect()));
    let malformed = osc.status().number("malformed");
    // In parts that any socket's buffer holds.
    for (part, packets) in packets.chunks(50).enumerate() {
        packets.iter().for_each(|packet| osc.send_raw(packet));
        osc.send("/ping", [OscType::Int(part as i32)]);
        let answer = osc.receive(Duration::from_secs(5)).expect("an answer");
        assert_eq!((answer.addr.as_str(), answer.args), ("/ping", vec![OscType::Int(part as i32)]));
    }
    assert_eq!(osc.status().number("malformed") - malformed, packets.len() as f64);
    is_whole(&server, &mut osc, "what is no OSC");

    // Too many messages in one bundle are refused whole; as many as are taken all count.
    let unknown = bundle(vec![message("/a", []); 4_000]);
    osc.send_raw(&encoded(&unknown));
    let mut osc = server.osc();
    let set = |level: f32| message("/ch/2/fader", [OscType::Float(level)]);
    let sets = (0..2_000).map(|n| set(-((n % 60) as f32))).collect();
    osc.send_raw(&encoded(&bundle(sets)));
    assert_eq!(osc.number("/ch/2/fader"), -19.0);
    osc.send_raw(&nested(7, &encoded(&set(-33.0))));
    assert_eq!(osc.number("/ch/2/fader"), -33.0);
    is_whole(&server, &mut osc, "large bundles");
    let after = resident_kb(server.pid());
    assert!(after < memory + 16 * 1024, "{memory} kB grew to {after} kB");
    assert!(server.stop().success());
}

/// Writes until the other side hangs up; whether it did before `most` bytes.
fn hung_up(stream: &mut TcpStream, chunk: &[u8], most: usize) -> bool {
    stream.set_write_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    let mut written = 0;
    while written < most {
        match stream.write(chunk) {
            Ok(length) => written += length,
            Err(_) => return true,
        }
    }
    false
}

#[test]
fn a_stream_that_never_ends_its_frame_is_hung_up_on_and_fills_no_memory() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = server(dir.path());
    let mut osc = server.osc();
    let at = server.osc_address();
    let connect = || TcpStream::connect(at).expect("a connection");
    let memory = resident_kb(server.pid());
    let starts: [(&str, &[u8]); 5] = [
        ("a SLIP frame without an end", b"\xc0/ch/1/fader"),
        ("a frame of 2 GB", b"\x7f\xff\xff\xff/ch/"),
        ("a frame of 4 GB", b"\xff\xff\xff\xff/ch/"),
        ("a frame just too long", b"\0\x01\0\x04/ch/"),
        ("no framing at all", b"hello there"),
    ];
    for (what, start) in starts {
        let mut stream = connect();
        stream.write_all(start).expect("it is sent");
        assert!(hung_up(&mut stream, &[b'a'; 4_096], 64 << 20), "{what} was listened to for 64 MB");
        is_whole(&server, &mut osc, what);
    }
    // Frames of nothing are not worth a word, and 200 that wait in mid-frame stop nobody.
    let mut empty = connect();
    empty.write_all(&[0xc0; 1 << 20]).expect("it is sent");
    let waiting: Vec<TcpStream> = (0..200)
        .map(|_| {
            let mut stream = connect();
            stream.write_all(b"\0\0\xff\xf0/ch/1/fader").expect("it is sent");
            stream
        })
        .collect();
    is_whole(&server, &mut osc, "frames that wait");
    let packet = encoded(&message("/ch/1/fader", []));
    let mut good = connect();
    let framed = [&(packet.len() as u32).to_be_bytes(), packet.as_slice()].concat();
    good.write_all(&framed).expect("it is sent");
    good.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    let mut answer = vec![0; 4 + packet.len() + 4];
    good.read_exact(&mut answer).expect("an answer");
    assert_eq!(answer[answer.len() - 4..], (-7f32).to_be_bytes());
    drop((waiting, empty, good));
    let after = resident_kb(server.pid());
    println!("memory: {memory} kB before, {after} kB after");
    assert!(after < memory + 24 * 1024, "{memory} kB grew to {after} kB");
    assert!(server.stop().success());
}

/// Runs to the end; exit status and what it said on standard error.
fn run(arguments: &[&str]) -> (i32, String) {
    let done = Headroom::command(arguments).output().expect("headroom runs");
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(!said.contains("panicked"), "{arguments:?}: {said}");
    (done.status.code().unwrap_or(-1), said)
}

#[test]
fn a_rig_that_cannot_be_is_refused_with_its_line_and_reason() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("bad.toml");
    let rig = path.display().to_string();
    let group = |name: &str, to: &str| format!("[[bus]]\nname = {name:?}\nkind = \"group\"\nto = {to:?}\n");
    let channel = |line: &str| format!("[[channel]]\nname = \"A\"\n{line}\n");
    let cases: [(String, &[&str]); 21] = [
        ("[audio]\nrate = 0\nperiod = 0".into(), &["8000 to 384000", "1 to 8192", ":2:", ":3:"]),
        ("[audio]\nrate = 99999999999999999999".into(), &[":2:"]),
        ("[audio]\nbackend = \"alsa\"".into(), &["jack", ":2:"]),
        ("[osc]\nlisten = \"nowhere\"".into(), &["address:port", ":2:"]),
        (channel("fader = nan"), &["NaN", ":3:"]),
        (channel("fader = 11"), &["-90 to 10", ":3:"]),
        (channel("delay = 1e9"), &["1000 ms", ":3:"]),
        (channel("eq.99 = { freq = 100 }"), &["1 to 8", ":3:"]),
        (channel("chain = [\"warp\"]"), &["warp", ":3:"]),
        (channel("chain = \"eq\""), &["list", ":3:"]),
        (channel("chain = [\"eq\"]\ncomp.on = true"), &["chain", ":4:"]),
        (channel("input = [\"a\", \"b\", \"c\"]"), &["two", ":3:"]),
        (channel("link = \"next\""), &["link", ":3:"]),
        (channel("gate.sidechain = \"ghost\""), &["ghost", ":3:"]),
        (channel("") + &channel(""), &["twice", ":5:"]),
        (group("A", "a"), &["loop", "A → A"]),
        (group("A", "b") + &group("B", "c") + &group("C", "a"), &["loop", "A → B → C → A"]),
        (channel("to = \"nowhere\""), &["nowhere", ":3:"]),
        (channel("name = \"B\""), &["TOML", ":3:"]),
        ("name = \"Unclosed\nfader".into(), &["TOML", ":1:"]),
        (format!("a = {}", "[".repeat(100_000)), &["TOML", ":1:"]),
    ];
    for (text, said) in cases {
        std::fs::write(&path, &text).expect("a file");
        for command in ["check", "run"] {
            let (status, error) = run(&[command, &rig]);
            assert_eq!(status, 2, "{command} of {text:.200}: {error}");
            for word in said {
                assert!(error.contains(word), "{word} is missing for {text:.200}:\n{error}");
            }
            // Nobody reads more than a screen.
            assert!(error.lines().count() < 40, "{} lines for {text:.200}", error.lines().count());
        }
    }
    std::fs::write(&path, [0, 0xff, 0xfe, 1]).expect("a file");
    for (what, said) in [(rig.as_str(), "UTF-8"), ("/", "directory"), ("no-such-rig.toml", "no-such-rig.toml")] {
        let (status, error) = run(&["run", what]);
        assert_eq!(status, 2, "{what}: {error}");
        assert!(error.contains(said), "{what}: {error}");
    }
}

#[test]
fn a_render_of_what_is_not_there_or_no_sound_is_refused_and_makes_no_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = |name: &str| dir.path().join(name).display().to_string();
    std::fs::write(file("rig.toml"), RIG).expect("a file");
    write_wav(&dir.path().join("good.wav"), 1, 48_000, &[0.25; 4_800]);
    write_wav(&dir.path().join("stereo.wav"), 2, 48_000, &[0.25; 4_800]);
    let good = std::fs::read(file("good.wav")).expect("a file");
    // The header's fields: channels at 22, the rate at 24, bits at 34.
    for (name, at, bytes) in [("silent", 22, &[0, 0][..]), ("slow", 24, &[0; 4]), ("fast", 24, &[255; 4]), ("thin", 34, &[0, 0])]
    {
        let mut damaged = good.clone();
        damaged[at..at + bytes.len()].copy_from_slice(bytes);
        std::fs::write(file(&format!("{name}.wav")), damaged).expect("a file");
    }
    std::fs::write(file("empty.wav"), "").expect("a file");
    std::fs::write(file("text.wav"), "This is not a sound.\n".repeat(100)).expect("a file");
    let (rig, out) = (file("rig.toml"), format!("main={}", file("out.wav")));
    let render = |input: &str, more: &[&str]| {
        let mut arguments = vec!["render", rig.as_str(), "--in", input, "--out", out.as_str()];
        arguments.extend(more);
        run(&arguments)
    };
    for name in ["missing", "stereo", "silent", "slow", "fast", "thin", "empty", "text"] {
        let (status, error) = render(&format!("Kick={}", file(&format!("{name}.wav"))), &[]);
        assert_eq!(status, 2, "{name}: {error}");
        assert!(error.contains(&format!("{name}.wav")), "{name}: {error}");
        assert!(!Path::new(&file("out.wav")).exists(), "{name} made a file");
    }
    let input = format!("Kick={}", file("good.wav"));
    for (what, more) in [("Nobody=x.wav", &[][..]), (input.as_str(), &["--rate", "0"]), (&input, &["--tail", "nan"])] {
        assert_eq!(render(what, more).0, 2, "{what} {more:?}");
    }
    // What was there stays, whatever is wrong with a cue.
    std::fs::write(file("out.wav"), "an earlier mix").expect("a file");
    let cues = file("cues.txt");
    for cue in [
        "x /ch/1/fader 0",
        "-1 /ch/1/fader 0",
        "nan /ch/1/fader 0",
        "0 /ch/9/fader 0",
        "0 /ch/1/fader nan",
        "0 /ch/1/fader \"-6 dB",
        "0 fader 0",
        "0",
        "0 /ch/1/meter/in 0",
        "0 /fade /ch/1/fader 0 1e30",
        "0 /rig/reload",
    ] {
        std::fs::write(&cues, format!("# the second line\n{cue}\n")).expect("a file");
        let (status, error) = render(&input, &["--cues", &cues]);
        assert_eq!(status, 2, "{cue}: {error}");
        assert!(error.contains("cues.txt:2:"), "{cue}: {error}");
        assert_eq!(std::fs::read_to_string(file("out.wav")).expect("a file"), "an earlier mix", "{cue}");
    }
    let left = std::fs::read_dir(dir.path()).expect("a directory").flatten();
    assert!(left.into_iter().all(|e| !e.file_name().to_string_lossy().ends_with(".part")));
    // A premaster has no glue: a cue on it is left out, with a line.
    std::fs::write(&cues, "0.01 /main/glue/threshold -30\n0 /ch/1/fader -6\n").expect("a file");
    let (status, error) = render(&input, &["--cues", &cues, "--premaster"]);
    assert!(status == 0 && error.contains("cues.txt:1: /main/glue/threshold is not in what is rendered"), "{status}: {error}");
    assert_eq!(render(&input, &["--cues", &cues]).0, 0);
    // Numbers that are none are silence, and are counted; a file that was cut is read as far as it goes.
    let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.25].repeat(600);
    write_wav(&dir.path().join("odd.wav"), 1, 48_000, &odd);
    let (status, error) = render(&format!("Kick={}", file("odd.wav")), &["--bits", "32f"]);
    assert!(status == 0 && error.contains("1800 samples"), "{status}: {error}");
    let (_, _, samples) = read_wav(&dir.path().join("out.wav"));
    assert!(samples.len() == 4_800 && samples.iter().all(|s| s.is_finite()));
    std::fs::write(file("cut.wav"), &good[..good.len() / 2]).expect("a file");
    let (status, error) = render(&format!("Kick={}", file("cut.wav")), &[]);
    assert!(status == 0 && error.contains("cut.wav"), "{status}: {error}");
}

#[test]
fn a_port_that_is_not_there_is_named_and_waited_for() {
    isolated(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let jackd = Jackd::start(48_000, 256);
        let rig = dir.path().join("rig.toml");
        let text = RIG.replace("internal", "jack").replace("fader = -7", "fader = -7\ninput = \"choir:out\"");
        std::fs::write(&rig, text.replace("playback:2", "attic:in")).expect("a file");
        let server = Headroom::spawn(&["run", &rig.display().to_string(), "--log", "warn"]);
        let mut osc = server.osc();
        eventually("both are named", || {
            let missing = osc.status().text("missing").to_owned();
            ["in-kick", "choir:out", "out-main-r", "attic:in"].iter().all(|name| missing.contains(name))
        });
        eventually("and printed", || server.output().contains("waiting for choir:out"));
        is_whole(&server, &mut osc, "a missing port");
        let _choir = Peer::open("choir", vec![0.25; 64]);
        eventually("it is connected when it comes", || jackd.connections("headroom:in-kick") == ["choir:out"]);
        eventually("and no longer missed", || {
            let missing = osc.status().text("missing").to_owned();
            !missing.contains("choir") && missing.contains("attic:in")
        });
        eventually("and heard", || osc.number("/ch/1/meter/in") > -20.0);
        assert!(server.stop().success());
    });
}
