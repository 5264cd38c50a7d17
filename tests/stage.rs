//! The running program on a real JACK server: what is heard in the hall.

use std::path::Path;
use std::time::Duration;

use headroom_e2e::{Headroom, Jackd, Peer, eventually, isolated, peak};
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

/// A sine of `frames` frames a cycle whose peak is `level`.
fn tone(frames: usize, level: f32) -> Vec<f32> {
    (0..frames).map(|n| (n as f64 / frames as f64 * std::f64::consts::TAU).sin() as f32 * level).collect()
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
