//! Real recordings through the running program: people speaking, and instruments of a sound font.
//!
//! JACK runs in freewheel mode, as fast as all clients can. What it delivered to each channel is recorded by a
//! witness beside it, and `render` then makes of that the same samples.

use std::path::Path;
use std::time::{Duration, Instant};

use headroom_e2e::recorded::{self, Player, RATE, played, sound_font, spoken};
use headroom_e2e::{
    Headroom, Jackd, Peer, eventually, eventually_within, frames, here, in_path, isolated_for, peak, read_wav, side, tool,
    write_wav,
};

/// Silence before the band comes in, in seconds: the program's start and all connections are over by then.
const LEAD_IN: usize = 3;
/// What is compared, in seconds.
const LENGTH: u64 = 14;

const RIG: &str = r#"
name = "Theatre"
[audio]
backend = "jack"
[osc]
listen = "127.0.0.1:0"

[[channel]]
name = "Actor"
input = "actor:out"
fader = 2
hpf = { on = true, freq = 110, slope = 18 }
gate = { on = true, threshold = -42, range = 30, hold = 60, release = 180 }
eq.2 = { type = "peak", freq = 320, gain = -4.0, q = 1.2 }
eq.4 = { type = "highshelf", freq = 7000, gain = 3.0 }
comp = { on = true, threshold = -26, ratio = 3.5, attack = 5, release = 90, makeup = 4 }
send.plate = { level = -12 }
send.wedge = { level = -3 }

[[channel]]
name = "Actress"
input = "actress:out"
pan = 0.3
hpf = { on = true, freq = 140 }
gate = { on = true, threshold = -40, ratio = 3 }
eq.1 = { type = "lowshelf", freq = 200, gain = -3.0 }
comp = { on = true, threshold = -24, ratio = 4, detector = "rms", mix = 0.7 }
delay = 12.5
send.plate = { level = -16 }
send.wedge = { level = -6 }

[[channel]]
name = "Band"
input = ["band-l:out", "band-r:out"]
fader = -4
eq.3 = { type = "peak", freq = 2500, gain = -2.5, q = 0.9 }
# The band makes room for the actor.
comp = { on = true, threshold = -30, ratio = 3, attack = 15, release = 300, sidechain = "actor" }
send.plate = { level = -22 }

[[channel]]
name = "Heard actor"
input = "actor:out"
to = "none"
chain = []
[[channel]]
name = "Heard actress"
input = "actress:out"
to = "none"
chain = []
[[channel]]
name = "Heard band"
input = ["band-l:out", "band-r:out"]
to = "none"
chain = []

[[bus]]
name = "Wedge"
kind = "aux"
output = "playback:2"
eq.1 = { type = "highshelf", freq = 5000, gain = -3.0 }
[[bus]]
name = "Plate"
kind = "fx"
chain = ["reverb", "eq"]
reverb = { type = "plate", time = 1.6, predelay = 25, lowcut = 180 }

[main]
output = ["playback:1", "playback:2"]
eq.1 = { type = "lowshelf", freq = 90, gain = 1.5 }
glue = { on = true, threshold = -24, ratio = 2, makeup = 6 }
limiter = { on = true, ceiling = -6, gain = 4 }
"#;

/// Seconds count from the first frame after the program's start, the band comes in at about three.
const CUES: &str = r#"
4.0 /ch/actor/fader -3
4.5 /fade /ch/band/fader -12 1.5 s
5.25 /ch/actor/eq/2/gain 6
5.25 /ch/actor/eq/2/freq 1800
6.0 /bus/plate/reverb/time 3.2
6.5 /ch/actress/pan -0.8
7.0 /ch/actor/gate/threshold -20
7.5 /ch/band/comp/on off
8.0 /ch/actress/mute on
8.4 /ch/actress/mute off
9.0 /main/limiter/ceiling -12
9.5 /ch/actor/send/wedge/level 3
10.0 /ch/band/hpf/on on
10.0 /ch/band/hpf/freq 400
11.0 /main/glue/threshold -34
12.0 /ch/band/comp/on on
"#;

const INPUTS: [(&str, &str, u16); 3] = [("Actor", "heard-actor", 1), ("Actress", "heard-actress", 1), ("Band", "heard-band", 2)];

/// Plays a session in freewheel mode and renders what was heard again; the outputs as (name, sides, latency).
fn play(dir: &Path, jackd: &Jackd, signals: &[(&str, Vec<f32>)]) -> Vec<(&'static str, u16, usize)> {
    let file = |name: &str| dir.join(name);
    let (rig, cues) = (file("rig.toml").display().to_string(), file("cues.txt").display().to_string());
    std::fs::write(&rig, RIG).expect("a file");
    std::fs::write(&cues, CUES).expect("a file");
    let mut arguments = ["run", &rig, "--log", "warn", "--cues", &cues].map(str::to_owned).to_vec();
    let outputs = [("main", 2), ("wedge", 1)];
    for name in outputs.iter().map(|o| o.0).chain(INPUTS.iter().map(|i| i.1)) {
        arguments.extend(["--record".to_owned(), format!("{name}={}", file(&format!("{name}.wav")).display())]);
    }
    let server = Headroom::spawn(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let mut osc = server.osc();
    let outputs = outputs.map(|(name, sides)| {
        let address = if name == "main" { "/main" } else { "/bus/wedge" };
        (name, sides, osc.number(&format!("{address}/latency")) as usize)
    });
    let band: Vec<Peer> = signals.iter().map(|(name, signal)| Peer::open(name, signal.clone())).collect();
    for (port, from) in [("actor", "actor"), ("heard-actor", "actor"), ("band-r", "band-r"), ("heard-band-l", "band-l")] {
        let port = format!("headroom:in-{port}");
        eventually("all are connected", || jackd.connections(&port) == [format!("{from}:out")]);
    }
    let (main, began) = (file("main.wav"), Instant::now());
    let then = frames(&main, 2);
    assert!(then < LEAD_IN as u64 * u64::from(RATE), "the band came in before all was ready");
    tool("jack_freewheel", &["y"]).expect("faster");
    let all = LENGTH * u64::from(RATE);
    eventually_within(Duration::from_secs(60), "the session is on the disk", || frames(&main, 2) > all + 48_000);
    let speed = (all - then) as f64 / f64::from(RATE) / began.elapsed().as_secs_f64();
    tool("jack_freewheel", &["n"]).expect("slower");
    println!("JACK ran {speed:.1} times as fast as time; {} cues were late", osc.status().number("late"));
    assert!(server.stop().success());
    drop(band);

    let mut arguments = ["render", &rig, "--cues", &cues, "--bits", "32f"].map(str::to_owned).to_vec();
    for (strip, heard, channels) in INPUTS {
        let (sides, rate, samples) = read_wav(&file(&format!("{heard}.wav")));
        assert_eq!((sides, rate), (channels, RATE));
        let samples = &samples[..usize::from(channels) * all as usize];
        assert!(samples[..9_600].iter().all(|&s| s == 0.0), "{strip} came in after the start");
        assert!(peak(samples) > 0.1, "{strip} was heard");
        write_wav(&file(&format!("{heard}-input.wav")), channels, rate, samples);
        arguments.extend(["--in".to_owned(), format!("{strip}={}", file(&format!("{heard}-input.wav")).display())]);
    }
    for (name, ..) in outputs {
        arguments.extend(["--out".to_owned(), format!("{name}={}", file(&format!("{name}-render.wav")).display())]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = Headroom::command(&arguments).output().expect("headroom runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    outputs.to_vec()
}

#[test]
fn a_play_with_real_voices_and_instruments_is_the_same_live_and_rendered() {
    let font = sound_font();
    let all = here("aplay's spoken words", recorded::spoken_is_here())
        && here("fluidsynth", in_path("fluidsynth"))
        && here("a sound font", font.is_some());
    let Some(font) = font.filter(|_| all) else { return };
    isolated_for(Duration::from_secs(300), || {
        let songs = tempfile::tempdir().expect("a directory");
        let [left, right] = played(songs.path(), &font, &[Player::Piano, Player::Bass, Player::Drums], LEAD_IN);
        let signals = [
            ("actor", spoken(&["Front_Center", "Rear_Left", "Side_Right", "Front_Right"], LEAD_IN)),
            ("actress", spoken(&["Side_Left", "Front_Left", "Rear_Center", "Rear_Right"], LEAD_IN)),
            ("band-l", left),
            ("band-r", right),
        ];
        let jackd = Jackd::start(RATE, 256);
        let mut worst = Vec::new();
        // A cue that the busy machine hands over late is late; the same difference thrice is ours.
        for _ in 0..3 {
            let dir = tempfile::tempdir().expect("a directory");
            let mut differences = Vec::new();
            for (name, sides, latency) in play(dir.path(), &jackd, &signals) {
                for which in 0..usize::from(sides) {
                    let file = |name: String| side(&dir.path().join(name), which);
                    let (live, offline) = (file(format!("{name}.wav")), file(format!("{name}-render.wav")));
                    let live = &live[latency..];
                    assert!(offline.len() as u64 >= LENGTH * u64::from(RATE) - latency as u64, "{name}: {}", offline.len());
                    assert!(live.len() >= offline.len() - latency && peak(&offline) > 0.1, "{name}");
                    let same = live.iter().zip(&offline).take_while(|(a, b)| a.to_bits() == b.to_bits()).count();
                    // The input of the render ends, so its last frames hear less than the live ones did.
                    if same + latency < LENGTH as usize * RATE as usize {
                        differences.push((name, which, same, live[same], offline[same]));
                    }
                }
            }
            if differences.is_empty() {
                return;
            }
            worst.push(differences);
        }
        panic!("live and offline differ: (output, side, first frame, live, offline) {worst:?}");
    });
}
