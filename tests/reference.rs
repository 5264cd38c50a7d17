//! The reference player on a running console: a recording in place of main, as loud as main is, without a click.

use headroom_e2e::measure::signal::{amplitude, rms_db};
use headroom_e2e::{Headroom, Jackd, Peer, eventually, isolated};
use rosc::OscType;
use std::f64::consts::TAU;
use std::time::Duration;

const RIG: &str = r#"
[audio]
backend = "jack"
[osc]
listen = "127.0.0.1:0"
[[channel]]
name = "Band"
input = "band:out"
pan = -1
chain = []
[main]
chain = []
stereo = false
[monitor]
chain = ["reference"]
stereo = false
output = ["hall:in"]
reference.file = "reference.wav"
"#;

const RATE: u32 = 48_000;

/// A second of a tone, in whole periods.
fn tone(hz: f64, dbfs: f64) -> Vec<f32> {
    (0..RATE).map(|i| (amplitude(dbfs) * (TAU * hz * f64::from(i) / f64::from(RATE)).sin()) as f32).collect()
}

/// The largest bend (second difference) of a stretch, over what a tone of a frequency and its peak has.
fn bend(x: &[f32], hz: f64) -> f64 {
    let peak = x.iter().fold(0.0f64, |m, v| m.max(f64::from(v.abs())));
    let w = TAU * hz / f64::from(RATE);
    let most = x.windows(3).map(|w| f64::from(w[0] - 2.0 * w[1] + w[2]).abs()).fold(0.0, f64::max);
    most / (peak * w * w)
}

/// Half a second of what the hall hears from now on.
fn heard(hall: &Peer) -> Vec<f32> {
    hall.recorded();
    let mut x = Vec::new();
    eventually("half a second of sound", || {
        x.extend(hall.recorded());
        x.len() >= RATE as usize / 2
    });
    x
}

fn level(x: &[f32]) -> f64 {
    rms_db(&x.iter().map(|v| f64::from(*v)).collect::<Vec<_>>())
}

#[test]
fn the_reference_is_heard_as_loud_as_main_and_comes_and_goes_without_a_click() {
    isolated(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let rig = dir.path().join("rig.toml");
        std::fs::write(&rig, RIG).expect("a file");
        // Loudness weighs both tones alike within 0.1 LU; the recording is 14 dB louder.
        headroom_e2e::write_wav(&dir.path().join("reference.wav"), 1, RATE, &tone(500.0, -6.0));
        let _jackd = Jackd::start_waiting(RATE, 256);
        let _band = Peer::open("band", tone(400.0, -20.0));
        let server = Headroom::spawn(&["run", &rig.display().to_string(), "--log", "warn"]);
        let mut osc = server.osc();
        let hall = Peer::open("hall", vec![0.0]);
        hall.record();
        // What main has been is what the reference is matched to.
        eventually("main is measured", || (osc.number("/main/loudness/integrated") + 23.0).abs() < 2.0);
        let main = level(&heard(&hall));
        for on in [1, 0] {
            hall.recorded();
            osc.send("/monitor/reference/on", [OscType::Int(on)]);
            let mut whole = Vec::new();
            eventually("the switch", || {
                std::thread::sleep(Duration::from_millis(10));
                whole.extend(hall.recorded());
                osc.number("/monitor/reference/on") == f64::from(on) && whole.len() > RATE as usize
            });
            // A cut at the crest of the tone bends hundreds of times as much as the tone itself does.
            assert!(bend(&whole, 500.0) < 1.3, "switched to {on}: {:.2}", bend(&whole, 500.0));
        }
        osc.send("/monitor/reference/on", [OscType::Int(1)]);
        assert_eq!(osc.number("/monitor/reference/on"), 1.0);
        let (mut got, mut x) = (f64::NAN, Vec::new());
        eventually("the recording alone", || {
            x = heard(&hall);
            got = level(&x);
            // 400 Hz and 500 Hz together would beat.
            let half = x.len() / 2;
            (level(&x[..half]) - level(&x[half..])).abs() < 0.05
        });
        assert!((got - main).abs() < 0.5, "reference {got:.2} dBFS, main {main:.2}");
        osc.send("/monitor/reference/gain", [OscType::Float(-6.0)]);
        eventually("6 dB less", || (level(&heard(&hall)) - got + 6.0).abs() < 0.1);
    });
}
