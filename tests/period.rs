//! JACK's period changed under the running program, as a user does who wants less latency in mid-show.

use std::time::Duration;

use headroom_e2e::{Headroom, Jackd, Peer, eventually, frames, isolated, peak, side, tool};

const RIG: &str = r#"
name = "Period"
[audio]
backend = "jack"
[osc]
listen = "127.0.0.1:0"
[[channel]]
name = "Band"
input = "band:out"
pan = -1
fader = -6
send.heard = { level = 0, tap = "input", pan = -1 }
[[bus]]
name = "Heard"
kind = "aux"
chain = []
[main]
output = ["hall:in", "playback:2"]
"#;

/// Steps of the ramp: longer than any period here, so that what is left out or played twice shows.
const RAMP: usize = 4_096;

/// A ramp up to one half, whose every step is exact, and so is each sum of them.
fn ramp() -> Vec<f32> {
    (1..=RAMP).map(|n| n as f32 * 0.5 / RAMP as f32).collect()
}

/// What JACK delivered and what main made of it, both from the same frame on, while the period changes. Both are of one
/// port: JACK may run a client before its source when a period was late, so two ports may differ by a period then.
fn changed_while_playing(dir: &std::path::Path) -> (Vec<f32>, Vec<f32>) {
    let jackd = Jackd::start_realtime(48_000, 64);
    let file = |name: &str| dir.join(name);
    let rig = file("rig.toml").display().to_string();
    std::fs::write(&rig, RIG).expect("a file");
    let record = ["main", "heard"].map(|strip| format!("{strip}={}", file(&format!("{strip}.wav")).display()));
    let run = ["run", &rig, "--log", "warn", "--record", &record[0], "--record", &record[1]];
    let server = Headroom::spawn(&run);
    let mut osc = server.osc();
    let latency = osc.number("/main/latency") as usize;
    let band = Peer::open("band", ramp());
    let hall = Peer::open("hall", vec![0.0]);
    let (main, level) = (file("main.wav"), 0.5 * 10f64.powf(-6.0 / 20.0));
    let connected = |when: &str| {
        for (port, others) in [("in-band", "band:out"), ("out-main-l", "hall:in")] {
            eventually(&format!("{port} is connected {when}"), || jackd.connections(&format!("headroom:{port}")) == [others]);
        }
        // Nothing was registered twice or left behind.
        let ports = jackd.lsp(&["headroom:"]);
        assert_eq!(ports.lines().count(), 5, "{when}: {ports}");
    };
    connected("at first");
    hall.record();
    for period in [512, 128, 64, 1024] {
        let then = frames(&main, 2);
        eventually("more sound on the disk", || frames(&main, 2) > then + 24_000);
        // JACK's tool waits for no answer of the clients.
        tool("jack_bufsize", &[&period.to_string()]).expect("another period");
        eventually("the new period is told", || osc.status().number("period") == f64::from(period));
        connected(&format!("at {period}"));
        hall.recorded();
        std::thread::sleep(Duration::from_millis(300));
        let heard = f64::from(peak(&hall.recorded()));
        assert!((heard / level - 1.0).abs() < 1e-3, "{heard} in the hall at {period}, {level} before");
    }
    let then = frames(&main, 2);
    eventually("sound after the last change", || frames(&main, 2) > then + 48_000);
    let status = osc.status();
    for (name, wanted) in [("running", 1.0), ("outages", 0.0), ("faults", 0.0)] {
        assert_eq!(status.number(name), wanted, "{name}");
    }
    assert!(server.stop().success());
    drop((band, hall));
    let mut main = side(&main, 0).split_off(latency);
    // Without the fade-out at the end, and what was still played behind it.
    main.truncate(main.len() - 24_000);
    (side(&file("heard.wav"), 0), main)
}

#[test]
fn a_new_period_of_jack_makes_no_click_and_moves_no_level() {
    isolated(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let (heard, main) = changed_while_playing(dir.path());
        let start = heard.iter().position(|&s| s != 0.0).expect("the band was heard") + 9_600;
        assert!(main.len() > start + 100_000, "{} frames", main.len());
        // Where JACK leaves out a period, both have it: sample by sample main is what came in, 6 dB down.
        let gain = 10f64.powf(-6.0 / 20.0);
        let off = |n: usize| (f64::from(main[n]) - f64::from(heard[n]) * gain).abs();
        let worst = (start..main.len()).max_by(|&a, &b| off(a).total_cmp(&off(b))).expect("samples");
        assert!(off(worst) < 1e-7, "frame {worst} of {}: {} for {}", main.len(), main[worst], heard[worst]);
        // And nothing was left out for the program but a few periods at each of the four changes.
        let heard = &heard[start..heard.len() - 24_000];
        let step = 0.5 / RAMP as f32;
        let breaks = heard.windows(2).filter(|w| w[1] != w[0] + step && (w[0] != 0.5 || w[1] != step)).count();
        println!("{breaks} breaks in {} frames", heard.len());
        assert!(breaks <= 4 * 8 + heard.len() / 6_400, "{breaks} breaks in {} frames", heard.len());
    });
}
