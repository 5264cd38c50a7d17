//! A show from its microphones to its masters: recordings of voices and instruments, mixed by a rig and cues that
//! use nearly every processor, mastered for two media, and measured by ourselves and by ffmpeg.

use std::path::{Path, PathBuf};

use headroom_e2e::recorded::{Player, RATE, played, sound_font, spoken, spoken_is_here};
use headroom_e2e::{Headroom, here, in_path, read_wav, write_wav};
use serde_json::Value;

const RIG: &str = r#"
name = "Production"
tempo = 120

[[channel]]
name = "Singer"
chain = ["hpf", "gate", "deess", "eq", "dyneq", "comp", "saturate"]
hpf = { on = true, freq = 110, slope = 18 }
gate = { on = true, threshold = -48, range = 20, hold = 80, release = 200 }
deess = { on = true, threshold = -34, range = 8 }
eq.2 = { freq = 320, gain = -3, q = 1.2 }
dyneq.1 = { freq = 3000, q = 1, threshold = -30, range = -4 }
comp = { on = true, threshold = -24, ratio = 3, attack = 5, release = 90, makeup = 5 }
saturate = { type = "tube", drive = 4, mix = 0.4 }
send.hall = { level = -14 }
send.throw = { level = -16 }

[[channel]]
name = "Speaker"
chain = ["hpf", "phase", "automix", "comp", "pitch"]
hpf.on = true
phase = { stages = 2, freq = 300 }
comp.on = true
pitch = { shift = -0.12, mix = 0.4 }
pan = -0.3

[[channel]]
name = "Guest"
chain = ["hpf", "automix", "comp", "feedback"]
hpf.on = true
comp.on = true
pan = 0.3

[[channel]]
name = "Drums"
stereo = true
to = "band"
chain = ["eq", "transient", "comp", "clip"]
transient = { attack = 3, sustain = -2 }
comp = { on = true, threshold = -18, ratio = 3 }
clip = { ceiling = -6, knee = 3 }

[[channel]]
name = "Bass"
stereo = true
to = "band"
chain = ["hpf", "comp", "saturate", "width", { insert = { send = [], return = [] } }]
comp = { on = true, threshold = -24 }
saturate = { type = "tape", drive = 6, output = -3 }
width = { mono = 180 }

[[channel]]
name = "Piano"
stereo = true
to = "band"
chain = ["eq", "duck", "tremolo", "phaser"]
duck = { threshold = -36, range = 6, sidechain = "singer" }
tremolo = { rate = 2, depth = 0.2 }
phaser = { rate = 0.2, mix = 0.2 }
send.wide = { level = -12 }

[[bus]]
name = "Band"
kind = "group"
chain = ["eq", "comp"]
comp = { on = true, threshold = -16, ratio = 2 }

[[bus]]
name = "Hall"
kind = "fx"
chain = ["reverb", "eq"]
reverb = { time = 1.6, lowcut = 180 }

[[bus]]
name = "Throw"
kind = "fx"
chain = ["echo", "flanger"]
echo = { left = "1/8", right = "1/4", feedback = 0.35, highcut = 5000 }
flanger = { mix = 0.3 }

[[bus]]
name = "Wide"
kind = "fx"
chain = ["chorus"]

[[bus]]
name = "Wedge"
kind = "aux"
chain = ["geq", "limiter"]
geq.18.gain = -4
limiter.on = true

[main]
eq.1 = { type = "lowshelf", freq = 90, gain = 1 }
ms = { on = true, side.1 = { type = "highshelf", freq = 8000, gain = 1.5 } }
glue = { on = true, threshold = -20 }
multiband = { on = true, 1 = { threshold = -24, ratio = 2 }, 3.gain = 0.5 }
exciter = { on = true, mix = 0.1 }
width = { on = true, amount = 1.1, mono = 120 }
"#;

const CUES: &str = "\
1.0 /ch/singer/send/wedge/level -6
2.0 /fade /ch/piano/fader -6 1.5 s
2.5 /ch/singer/eq/2/gain -6
3.0 /ch/singer/comp/threshold -28
3.5 /tempo 100
4.0 /ch/drums/transient/attack 5
4.5 /bus/hall/reverb/time 2.4
5.0 /ch/guest/mute on
5.5 /ch/guest/mute off
6.0 /main/multiband/crossover/2 1400
7.0 /main/glue/threshold -22
";

fn put(dir: &Path, name: &str, channels: u16, samples: &[f32]) -> String {
    let path = dir.join(format!("{name}.wav"));
    write_wav(&path, channels, RATE, samples);
    format!("{name}={}", path.display())
}

fn run(arguments: &[&str]) -> String {
    let done = Headroom::command(arguments).output().expect("headroom runs");
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{arguments:?}: {said}");
    String::from_utf8_lossy(&done.stdout).into_owned()
}

fn analyzed(file: &Path) -> Value {
    let told = run(&["analyze", "--json", &file.display().to_string()]);
    serde_json::from_str::<Value>(&told).expect("JSON")[0].take()
}

/// Integrated loudness by ffmpeg's filter, to a tenth.
fn by_ffmpeg(file: &Path) -> Option<f64> {
    if !here("ffmpeg", in_path("ffmpeg")) {
        return None;
    }
    let arguments =
        ["-hide_banner", "-nostats", "-i", &file.display().to_string(), "-filter_complex", "ebur128", "-f", "null", "-"];
    let done = std::process::Command::new("ffmpeg").args(arguments).output().expect("ffmpeg runs");
    let text = String::from_utf8_lossy(&done.stderr).into_owned();
    let summary = text.rsplit("Summary:").next().unwrap_or_else(|| panic!("no summary: {text}"));
    summary.split("I:").nth(1)?.split_whitespace().next()?.parse().ok()
}

#[test]
fn a_multitrack_is_mixed_and_mastered_to_two_targets() {
    let font = sound_font();
    let all = here("aplay's spoken words", spoken_is_here())
        && here("fluidsynth", in_path("fluidsynth"))
        && here("a sound font", font.is_some());
    let Some(font) = font.filter(|_| all) else { return };
    let dir = tempfile::tempdir().expect("a directory");
    let at = |name: &str| dir.path().join(name);
    let mut inputs = vec![
        put(dir.path(), "Singer", 1, &spoken(&["Front_Center", "Rear_Left", "Side_Right", "Front_Right"], 1)),
        put(dir.path(), "Speaker", 1, &spoken(&["Side_Left", "Front_Left"], 2)),
        put(dir.path(), "Guest", 1, &spoken(&["Rear_Center", "Rear_Right"], 4)),
    ];
    for (name, player) in [("Drums", Player::Drums), ("Bass", Player::Bass), ("Piano", Player::Piano)] {
        let [left, right] = played(dir.path(), &font, &[player], 0);
        let both: Vec<f32> = left.iter().zip(&right).flat_map(|(l, r)| [*l, *r]).collect();
        inputs.push(put(dir.path(), name, 2, &both));
    }
    std::fs::write(at("rig.toml"), RIG).expect("a file");
    std::fs::write(at("cues.txt"), CUES).expect("a file");
    let (rig, cues) = (at("rig.toml").display().to_string(), at("cues.txt").display().to_string());
    let (mix, wedge) = (format!("main={}", at("mix.wav").display()), format!("wedge={}", at("wedge.wav").display()));
    let mut arguments = vec!["render", &rig, "--cues", &cues, "--out", &mix, "--out", &wedge, "--bits", "32f", "--tail", "2"];
    for input in &inputs {
        arguments.extend(["--in", input]);
    }
    run(&arguments);
    let mixed = analyzed(&at("mix.wav"));
    assert!(mixed["integrated"].as_f64().is_some_and(|lufs| (-40.0..-8.0).contains(&lufs)), "a mix one can hear: {mixed}");
    let (_, _, heard) = read_wav(&at("wedge.wav"));
    assert!(heard.iter().all(|x| x.is_finite()) && heard.iter().any(|x| x.abs() > 0.01), "the wedge hears the singer");
    for (target, loudness, ceiling) in [("spotify", -14.0, -1.0), ("ebu-r128", -23.0, -1.0)] {
        let out: PathBuf = at(target);
        run(&["master", &at("mix.wav").display().to_string(), "--out", &out.display().to_string(), "--target", target]);
        let file = out.join("mix.wav");
        let report = analyzed(&file);
        let number = |name: &str| report[name].as_f64().unwrap_or_else(|| panic!("no {name} in {report}"));
        assert!((number("integrated") - loudness).abs() <= 0.1, "{target}: {report}");
        assert!(number("truepeak") <= ceiling, "{target}: {report}");
        if let Some(judged) = by_ffmpeg(&file) {
            // It prints tenths.
            assert!((judged - loudness).abs() <= 0.15, "{target}: ffmpeg reads {judged}");
        }
    }
}
