//! The running program on a real JACK server: what is heard in the hall.

use std::path::Path;
use std::time::Duration;

use headroom_e2e::{
    Headroom, Jackd, Osc, Peer, eventually, eventually_within, frames, isolated, peak, read_wav, side, tone, write_wav,
};
use rosc::OscType;

const PERIOD: u32 = 256;

/// The band comes in on one channel, hard left, at a gain of exactly 1; the hall hears main.
const RIG: &str = r#"
name = "Stage"
[audio]
backend = "jack"
[osc]
listen = "127.0.0.1:0"
[[channel]]
name = "Band"
input = "band:out"
pan = -1
[main]
output = ["hall:in", "playback:2"]
"#;

fn write(dir: &Path, name: &str, text: &str) -> String {
    let path = dir.join(name);
    std::fs::write(&path, text).expect("a file");
    path.display().to_string()
}

/// Waits until a tone of this peak is heard, and nothing louder.
fn hears(hall: &Peer, what: &str, level: f64) {
    eventually(what, || {
        hall.recorded();
        std::thread::sleep(Duration::from_millis(30));
        let heard = f64::from(peak(&hall.recorded()));
        (heard / level - 1.0).abs() < 1e-3
    });
}

#[test]
fn a_fader_is_heard_and_outlives_the_death_of_jackd() {
    isolated(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let jackd = Jackd::start(48_000, PERIOD);
        let server = Headroom::spawn(&["run", &write(dir.path(), "rig.toml", RIG), "--log", "warn"]);
        let mut osc = server.osc();
        let level = 0.25 * 10f64.powf(-6.0 / 20.0);
        {
            let band = Peer::open("band", tone(48, 0.25));
            let hall = Peer::open("hall", vec![0.0]);
            hall.record();
            hears(&hall, "the band at 0 dB", 0.25);
            osc.send("/ch/1/fader", [OscType::Float(-6.0)]);
            hears(&hall, "the band at -6 dB", level);
            assert_eq!(jackd.connections("headroom:in-band"), ["band:out"]);
            assert_eq!(jackd.connections("headroom:out-main-l"), ["hall:in"]);
            jackd.kill();
            drop((band, hall));
        }
        for _ in 0..20 {
            assert_eq!(osc.number("/ch/1/fader"), -6.0, "asks are answered without a server");
            std::thread::sleep(Duration::from_millis(20));
        }
        osc.send("/ch/1/trim", [OscType::Float(-6.0)]);
        assert_eq!(osc.number("/ch/1/trim"), -6.0);

        let jackd = Jackd::start(48_000, PERIOD);
        let _band = Peer::open("band", tone(48, 0.25));
        let hall = Peer::open("hall", vec![0.0]);
        hall.record();
        hears(&hall, "the band after the outage, with what was set before and during it", level * 10f64.powf(-6.0 / 20.0));
        assert_eq!(jackd.connections("headroom:in-band"), ["band:out"]);
        assert_eq!(jackd.connections("headroom:out-main-l"), ["hall:in"]);
        assert!(server.stop().success());
    });
}

/// A recording without the fade-out at its end, and what was still played behind it.
fn before_the_end(recording: &[f32]) -> &[f32] {
    &recording[..recording.len().saturating_sub(24_000)]
}

/// Records main of a steady tone while the rig is reloaded with more and with fewer channels; gives what is in the
/// file. The tone's cycle divides JACK's period, so a period that JACK leaves out for the band does not shift it. Half of
/// the sound comes from the memory of a room, fifty cycles later; forgotten, it would be missing for as long.
fn reloaded_while_playing(dir: &Path) -> Vec<f32> {
    let main = dir.join("main.wav");
    let mut room = vec![0.0; 50 * 64 + 1];
    (room[0], room[50 * 64]) = (0.5, 0.5);
    write_wav(&dir.join("room.wav"), 1, 48_000, &room);
    let plain = RIG.replace("pan = -1\n", "pan = -1\nchain = [\"convolve\"]\nconvolve = { file = \"room.wav\" }\n");
    let more = plain.replace(
        "[main]",
        "[[channel]]\nname = \"Bass\"\n[[channel]]\nname = \"Keys\"\ninput = [\"choir:1\", \"choir:2\"]\n[main]",
    );
    // New strips in front move every port's number.
    let before = plain.replacen("[[channel]]", "[[channel]]\nname = \"First\"\n[[channel]]", 1);
    let rig = write(dir, "rig.toml", &plain);
    let band = Peer::open("band", tone(64, 0.25));
    let record = format!("main={}", main.display());
    let server = Headroom::spawn(&["run", &rig, "--log", "warn", "--record", &record]);
    let mut osc = server.osc();
    osc.send("/ch/band/fader", [OscType::Float(-3.0)]);
    for (text, strip) in [(more.as_str(), "/ch/keys"), (before.as_str(), "/ch/first"), (plain.as_str(), "/ch/band")] {
        let then = frames(&main, 2);
        eventually("more sound on the disk", || frames(&main, 2) > then + 14_400);
        write(dir, "rig.toml", text);
        osc.command("/rig/reload", []);
        assert_eq!(osc.number(&format!("{strip}/mute")), 0.0, "what is new answers");
        assert_eq!(osc.number("/ch/band/fader"), -3.0, "what was set stays");
    }
    let then = frames(&main, 2);
    eventually("sound after the last reload", || frames(&main, 2) > then + 33_600);
    assert!(server.stop().success());
    drop(band);
    before_the_end(&side(&main, 0)).to_vec()
}

#[test]
fn a_reload_under_a_steady_tone_is_not_heard() {
    isolated(|| {
        let _jackd = Jackd::start_waiting(48_000, PERIOD);
        let level = 0.25 * 10f32.powf(-3.0 / 20.0);
        let mut faults = Vec::new();
        // On a busy machine jackd itself leaves clients out now and then; the same fault thrice is ours.
        for _ in 0..3 {
            let dir = tempfile::tempdir().expect("a directory");
            let heard = reloaded_while_playing(dir.path());
            // The fader's move at the start is over when a cycle is like the one before it.
            let steady = (64..heard.len() - 64).find(|&n| {
                peak(&heard[n..n + 64]) > level * 0.999 && (0..64).all(|i| (heard[n + i] - heard[n - 64 + i]).abs() < 1e-6)
            });
            let steady = steady.expect("a steady tone");
            assert!(steady < 14_400 && heard.len() > 52_800, "steady from {steady} of {}", heard.len());
            assert!((peak(&heard[steady..]) - level).abs() < 1e-4, "{}", peak(&heard[steady..]));
            let fault = (steady..heard.len()).find(|&n| (heard[n] - heard[n - 64]).abs() > 1e-5);
            match fault {
                None => return,
                Some(n) => faults.push((n, heard[n - 4..(n + 8).min(heard.len())].to_vec(), heard[n - 64])),
            }
        }
        panic!("gaps or clicks: {faults:?}");
    });
}

/// Channel and bus processing that remembers, for a comparison sample by sample. The witness records what JACK
/// really delivered: the bus hears the channel's input untouched.
const STUDIO: &str = r#"
name = "Studio"
[audio]
backend = "jack"
[osc]
listen = "127.0.0.1:0"
[[channel]]
name = "Band"
input = "band:out"
fader = -3
hpf = { on = true, freq = 90 }
eq.2 = { type = "peak", freq = 1200, gain = 5.0, q = 1.4 }
comp = { on = true, threshold = -24, ratio = 4 }
send.plate = { level = -10 }
[[channel]]
name = "Witness"
input = "band:out"
to = "none"
chain = []
[[bus]]
name = "Plate"
kind = "fx"
chain = ["reverb"]
reverb = { time = 0.6 }
[main]
output = ["hall:in", "playback:2"]
glue = { on = true, threshold = -22, ratio = 2 }
"#;

const CUES: &str = r#"
0.5 /ch/band/fader -9
0.7 /ch/band/pan 0.5
0.9 /fade /ch/band/send/plate/level 0 0.3
1.2 /ch/band/eq/2/gain -6
1.4 /main/mute on
1.5 /main/mute off
"#;

/// Noise whose level goes up and down, after a silence in which the program's start is over.
fn music() -> Vec<f32> {
    let mut seed = 1u32;
    let mut noise = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(seed >> 8) / f64::from(1 << 23) - 1.0
    };
    let sound = (0..96_000).map(|n| (noise() * 0.4 * (0.55 + 0.45 * (f64::from(n) / 3_000.0).sin())) as f32);
    std::iter::repeat_n(0.0, 24_000).chain(sound).collect()
}

#[test]
fn a_live_session_and_a_render_of_what_it_heard_are_the_same_samples() {
    isolated(|| {
        let _jackd = Jackd::start_waiting(48_000, PERIOD);
        let mut worst = Vec::new();
        // A cue that the busy machine hands over late is late; the same difference thrice is ours.
        for _ in 0..3 {
            let dir = tempfile::tempdir().expect("a directory");
            let file = |name: &str| dir.path().join(name);
            let named = |strip: &str, name: &str| format!("{strip}={}", file(name).display());
            let (rig, cues) = (write(dir.path(), "rig.toml", STUDIO), write(dir.path(), "cues.txt", CUES));
            let (main, witness) = (named("main", "live.wav"), named("witness", "witness.wav"));
            let live = ["run", &rig, "--log", "warn", "--cues", &cues, "--record", &main, "--record", &witness];
            let server = Headroom::spawn(&live);
            let mut osc = server.osc();
            let latency = osc.number("/main/latency") as usize;
            let band = Peer::open("band", music());
            eventually_within(Duration::from_secs(30), "more than two seconds on the disk", || {
                frames(&file("live.wav"), 2) > 124_000
            });
            assert!(server.stop().success());
            drop(band);
            let (_, rate, heard) = read_wav(&file("witness.wav"));
            assert!(peak(&heard) > 0.1, "the band was heard");
            assert!(heard[..4_800].iter().all(|&v| v == 0.0), "the band came in after the start");

            write_wav(&file("input.wav"), 1, rate, &heard);
            let (input, out) = (named("Band", "input.wav"), named("main", "render.wav"));
            let render = ["render", &rig, "--cues", &cues, "--in", &input, "--out", &out, "--bits", "32f"];
            let done = Headroom::command(&render).output().expect("headroom runs");
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
            let mut difference = 0.0f32;
            for which in [0, 1] {
                let (live, offline) = (side(&file("live.wav"), which), side(&file("render.wav"), which));
                let live = before_the_end(live.get(latency..).expect("more than the latency"));
                assert!(live.len().min(offline.len()) > 90_000 && peak(&offline) > 0.01);
                let pairs = live.iter().zip(&offline);
                difference = pairs.fold(difference, |worst, (a, b)| worst.max((a - b).abs()));
            }
            if difference == 0.0 {
                return;
            }
            worst.push(difference);
        }
        panic!("live and offline differ by {worst:?}");
    });
}

/// Distance of a reading from the level of the tone.
fn off(osc: &mut Osc, address: &str) -> f64 {
    (osc.number(address) + 23.0).abs()
}

#[test]
fn loudness_and_levels_are_read_while_the_band_plays() {
    isolated(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let _jackd = Jackd::start_waiting(48_000, PERIOD);
        let _band = Peer::open("band", tone(48, 10f64.powf(-23.0 / 20.0) as f32));
        let stereo = "input = [\"band:out\", \"band:out\"]\nchain = []\nloudness = true\n";
        let rig = RIG.replace("input = \"band:out\"\npan = -1\n", stereo);
        let server = Headroom::spawn(&["run", &write(dir.path(), "rig.toml", &rig), "--log", "warn"]);
        let mut osc = server.osc();
        // On a busy machine jackd itself leaves clients out now and then; three gaps in a row are ours.
        let read = (0..3).any(|_| {
            // The tone came in abruptly, which has peaks of its own.
            eventually_within(Duration::from_secs(20), "a steady tone over three seconds", || {
                off(&mut osc, "/main/loudness/shortterm") < 0.05 && off(&mut osc, "/ch/1/loudness/shortterm") < 0.05
            });
            osc.send("/main/loudness/reset", [OscType::Int(1)]);
            osc.send("/ch/1/loudness/reset", [OscType::Int(1)]);
            eventually("the reset", || ["main", "ch/1"].iter().all(|s| osc.number(&format!("/{s}/loudness/range")) == -144.0));
            eventually_within(Duration::from_secs(20), "three seconds are measured", || {
                ["main", "ch/1"].iter().all(|s| osc.number(&format!("/{s}/loudness/range")) > -1.0)
            });
            ["main", "ch/1"].iter().all(|strip| {
                let names = ["momentary", "shortterm", "integrated"];
                let loudness = names.iter().all(|name| off(&mut osc, &format!("/{strip}/loudness/{name}")) < 0.05);
                let peak = osc.number(&format!("/{strip}/loudness/truepeak")) + 23.0;
                let range = osc.number(&format!("/{strip}/loudness/range"));
                println!("{strip}: loudness {loudness}, true peak off by {peak}, range {range}");
                loudness && (-0.15..=0.05).contains(&peak) && range < 0.05
            })
        });
        assert!(read, "momentary, short-term, integrated, true peak and range of -23 LUFS");
        assert!((osc.number("/main/meter/correlation") - 1.0).abs() < 1e-3);
        assert!((osc.number("/main/meter/mid") + 23.0).abs() < 0.05);
        assert_eq!((osc.ask("/main/meter/k14").len(), osc.ask("/main/meter/clips")), (2, vec![OscType::Int(0)]));
        let bands: Vec<f64> = osc.ask("/main/meter/spectrum").into_iter().filter_map(OscType::float).map(f64::from).collect();
        // 1 kHz is where two bands meet.
        assert!(bands.len() == 60 && bands[33..35].iter().all(|b| (b + 26.0).abs() < 0.5), "{bands:?}");
        assert!(osc.ask("/main/loudness/reset") == [OscType::Int(0)] && off(&mut osc, "/main/loudness/shortterm") < 0.05);
        // Readings outlive a reload, by id.
        write(dir.path(), "rig.toml", &rig.replace("[[channel]]", "[[channel]]\nname = \"First\"\n[[channel]]"));
        osc.command("/rig/reload", []);
        assert!(osc.number("/ch/band/loudness/integrated") > -24.0);
        assert!(server.stop().success());
    });
}
