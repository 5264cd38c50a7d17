//! Parameters that move under a steady tone.

use crate::processors;
use crate::table::{Done, Table};
use crate::take::{RATE, Take};
use headroom_e2e::measure::signal::{amplitude, track};
use headroom_e2e::measure::spectrum::{outside, worst_above};
use std::f64::consts::{PI, TAU};

/// Something that moves: a rig around channel `c`, where it is heard, and what a jump is.
struct Moving {
    name: String,
    rig: String,
    heard: &'static str,
    address: &'static str,
    jump: String,
    /// Level of the tone, dBFS.
    level: f64,
}

fn moving(name: &str, rig: &str, heard: &'static str, address: &'static str, jump: &str) -> Moving {
    Moving { name: name.into(), rig: rig.into(), heard, address, jump: jump.into(), level: 0.0 }
}

/// A 1 kHz tone of four seconds whose crest is in the middle; its ends are faded, so that no room rings of them.
pub fn crest(level: f64) -> Vec<f64> {
    let at = |i: i32| {
        let edge = (f64::from(i.min(191_999 - i)) / 9600.0).min(1.0);
        amplitude(level) * (0.5 - 0.5 * (PI * edge).cos()) * (TAU * 1000.0 * (f64::from(i) / RATE - 2.0)).cos()
    };
    (0..192_000).map(at).collect()
}

const PLAIN: &str = "[[channel]]\nname = \"c\"\nchain = []\n";
const MAIN: &str = "[main]\nchain = []\n";

fn with(channel: &str, rest: &str) -> String {
    format!("{PLAIN}{channel}\n{rest}\n{MAIN}")
}

/// The gains of a strip: where they are, their addresses.
fn gains() -> Vec<Moving> {
    let aux = "[[bus]]\nname = \"w\"\nkind = \"aux\"\nchain = []\nstereo = false\n";
    vec![
        moving("fader", &with("pan = -1", ""), "main", "/ch/1/fader", "-12"),
        moving("trim", &with("pan = -1", ""), "main", "/ch/1/trim", "-12"),
        moving("send level", &with("send.w = { level = 0 }", aux), "w", "/ch/1/send/1/level", "-12"),
        moving("bus fader", &with("send.w = { level = 0 }", aux), "w", "/bus/1/fader", "-12"),
        moving("main fader", &with("pan = -1", ""), "main", "/main/fader", "-12"),
        moving("DCA fader", &with("pan = -1\ndca = [\"d\"]", "[[dca]]\nname = \"d\""), "main", "/dca/1/fader", "-12"),
        // Gains inside processors.
        moving(
            "eq gain",
            &format!("{}eq.1 = {{ freq = 1000, q = 1, gain = 0 }}\npan = -1\n{MAIN}", PLAIN.replace("[]", "[\"eq\"]")),
            "main",
            "/ch/1/eq/1/gain",
            "-12",
        ),
        moving(
            "comp makeup",
            &format!("{}comp = {{ on = true, ratio = 1 }}\npan = -1\n{MAIN}", PLAIN.replace("[]", "[\"comp\"]")),
            "main",
            "/ch/1/comp/makeup",
            "-12",
        ),
    ]
}

/// Other jumps: from where the rig stands to the value given.
fn others() -> Vec<Moving> {
    let aux = "[[bus]]\nname = \"w\"\nkind = \"aux\"\nchain = []\n";
    let dca = "[[dca]]\nname = \"d\"\n[[mutegroup]]\nname = \"g\"";
    let mut all = vec![
        moving("fader to off", &with("pan = -1", ""), "main", "/ch/1/fader", "-144"),
        moving("pan, centre to left, heard right", &with("", ""), "main", "/ch/1/pan", "-1"),
        moving("pan, left to centre, heard left", &with("pan = -1", ""), "main", "/ch/1/pan", "0"),
        moving("balance of a stereo strip", &with("stereo = true\npan = 0.9", ""), "main", "/ch/1/pan", "-0.9"),
        moving("send pan", &with("send.w = { level = 0 }", &format!("{aux}stereo = true")), "w", "/ch/1/send/1/pan", "0.9"),
        moving("send on", &with("send.w = { level = 0 }", aux), "w", "/ch/1/send/1/on", "0"),
        moving("send tap", &with("send.w = { level = 0 }\nfader = -12", aux), "w", "/ch/1/send/1/tap", "post"),
        moving("mute", &with("", ""), "main", "/ch/1/mute", "1"),
        moving("unmute", &with("mute = true", ""), "main", "/ch/1/mute", "0"),
        moving("DCA mute", &with("dca = [\"d\"]", dca), "main", "/dca/1/mute", "1"),
        moving("mute group", &with("mutegroup = [\"g\"]", dca), "main", "/mutegroup/1/mute", "1"),
        moving("DCA joined", &with("", "[[dca]]\nname = \"d\"\nfader = -12"), "main", "/ch/1/dca/1", "1"),
        moving("polarity", &with("", ""), "main", "/ch/1/polarity", "1"),
        moving("delay 0 to 10.3 ms", &with("", ""), "main", "/ch/1/delay", "10.3"),
        moving("delay 10.3 to 250.1 ms", &with("delay = 10.3", ""), "main", "/ch/1/delay", "250.1"),
        moving(
            "solo in place of another",
            &format!(
                "{}[[channel]]\nname = \"o\"\nchain = []\n{MAIN}[monitor]\nsolo.mode = \"sip\"\n",
                with("", "").replace(MAIN, "")
            ),
            "main",
            "/ch/2/solo",
            "1",
        ),
    ];
    for p in processors::ALL {
        for (what, keys, path, value) in p.jumps() {
            let (rig, strip) = p.rig(&keys);
            let jump = format!("{strip}/{path} {value}");
            let mut m = moving(&format!("{} {what}", p.name), &rig, "main", "", &jump);
            m.level = p.tone;
            all.push(m);
        }
    }
    all
}

impl Moving {
    fn take(&self) -> Take {
        Take::new(self.rig.as_str()).feed("c", &crest(self.level))
    }

    /// The jump in the middle: every channel that is heard.
    fn jumped(&self) -> Result<Vec<Vec<f64>>, String> {
        self.take().cue(2.0, format!("{} {}", self.address, self.jump)).out(self.heard)
    }
}

/// The bars of a movement, over every channel that sounds.
pub fn judge(t: &mut Table, name: &str, sides: &[Vec<f64>], all: f64, above: f64) {
    let sounding = || sides.iter().filter(|x| x.iter().any(|v| *v != 0.0));
    let worst = sounding().map(|x| outside(x, RATE, 1000.0, 200.0)).fold(f64::NEG_INFINITY, f64::max);
    let high = sounding().map(|x| worst_above(x, RATE, 4000.0)).fold(f64::NEG_INFINITY, f64::max);
    t.most(format!("{name}: outside ±200 Hz"), worst, all, "dB");
    t.most(format!("{name}: worst 10 ms above 4 kHz"), high, above, "dBFS");
}

pub fn gain_jumps(t: &mut Table) -> Done {
    for m in gains() {
        let out = m.jumped()?;
        judge(t, &format!("{}, jump 0 → −12 dB", m.name), &out, -80.0, -100.0);
        let track = track(&out[0][..3 * 48_000], RATE, 1000.0, 24);
        let end = track[track.len() - 100].1;
        let settled = track.iter().rev().find(|(_, level)| (level - end).abs() > 0.01).map_or(0.0, |(time, _)| time - 2.0);
        t.most(format!("{}: settled to 0.01 dB", m.name), settled * 1000.0, 60.0, "ms");
    }
    Ok(())
}

pub fn gain_streams(t: &mut Table) -> Done {
    for m in gains().into_iter().filter(|m| !m.name.contains("eq") && !m.name.contains("makeup")) {
        // A triangle of two seconds, in a controller's 60 steps a second.
        let level = |i: i32| -40.0 * (1.0 - ((f64::from(i) / 60.0) % 2.0 - 1.0).abs());
        let take = (0..240).fold(m.take(), |take, i| take.cue(f64::from(i) / 60.0, format!("{} {:.4}", m.address, level(i))));
        judge(t, &format!("{}, 60 Hz triangle 0 … −40 dB", m.name), &take.out(m.heard)?, -85.0, -100.0);
    }
    Ok(())
}

/// Cut-offs and thresholds at a controller's 60 steps a second, up for a second and down for one: the bar of a
/// bell that moves.
pub fn sweeps(t: &mut Table) -> Done {
    for p in processors::ALL.iter().filter(|p| p.sweep.1 != "0") {
        let (path, a, b) = p.sweep;
        let (a, b): (f64, f64) = (a.parse().unwrap_or(0.0), b.parse().unwrap_or(0.0));
        let way = |x: f64| if a > 0.0 && b / a > 4.0 { a * (b / a).powf(x) } else { a + (b - a) * x };
        let (rig, strip) = p.rig(&p.keys(p.working, true));
        let take = (0..120).fold(Take::new(rig).feed("c", &crest(p.tone)), |take, i| {
            let place = 1.0 - (f64::from(i) / 60.0 - 1.0).abs();
            take.cue(1.0 + f64::from(i) / 60.0, format!("{strip}/{}/{path} {:.4}", p.name, way(place)))
        });
        judge(t, &format!("{} {path} {a} … {b} at 60 Hz", p.name), &take.out("main")?, -70.0, -90.0);
    }
    Ok(())
}

pub fn other_jumps(t: &mut Table) -> Done {
    for m in others() {
        match m.jumped() {
            Ok(out) => judge(t, &m.name, &out, -80.0, -100.0),
            Err(why) => t.broken(&m.name, &why),
        }
    }
    Ok(())
}
