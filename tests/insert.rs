//! An insert on a real JACK server: out by one port, back by another, a period later.

use headroom_e2e::{Headroom, Jackd, Peer, eventually, isolated, peak, tone, tool};
use rosc::OscType;
use std::time::Duration;

/// The same band twice, the second upside down: where both arrive together the hall hears nothing. Only the
/// first goes through a loop.
const RIG: &str = r#"
[audio]
backend = "jack"
[osc]
listen = "127.0.0.1:0"
[[channel]]
name = "Loop"
input = "band:out"
pan = -1
chain = [{ insert = { send = ["nobody:in"], return = ["nobody:out"] } }]
[[channel]]
name = "Straight"
input = "band:out"
pan = -1
polarity = true
chain = []
[main]
chain = []
output = ["hall:in", "playback:2"]
"#;

fn settled(hall: &Peer) -> f64 {
    hall.recorded();
    std::thread::sleep(Duration::from_millis(100));
    f64::from(peak(&hall.recorded()))
}

#[test]
fn what_comes_back_from_an_insert_is_counted_as_one_period() {
    isolated(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let rig = dir.path().join("rig.toml");
        std::fs::write(&rig, RIG).expect("a file");
        let _jackd = Jackd::start_waiting(48_000, 256);
        let server = Headroom::spawn(&["run", &rig.display().to_string(), "--log", "warn"]);
        let mut osc = server.osc();
        let _band = Peer::open("band", tone(48, 0.25));
        let hall = Peer::open("hall", vec![0.0]);
        hall.record();
        assert_eq!(osc.number("/ch/1/insert/period"), 256.0);
        assert_eq!(osc.number("/ch/1/latency"), 256.0);
        // Nothing comes back yet: what is left is the straight one.
        eventually("the straight channel alone", || (settled(&hall) / 0.25 - 1.0).abs() < 1e-3);
        // Off, it is a cable of the same length.
        osc.send("/ch/1/insert/on", [OscType::Int(0)]);
        eventually("both at once, the loop off", || settled(&hall) < 1e-6);
        osc.send("/ch/1/insert/on", [OscType::Int(1)]);
        tool("jack_connect", &["headroom:send-loop", "headroom:return-loop"]).expect("ports of the insert");
        eventually("both at once, through the loop", || settled(&hall) < 1e-6);
        // Another period: the loop takes that now.
        hall.set_period(128);
        eventually("the new period is counted", || osc.number("/ch/1/latency") == 128.0);
        eventually("both at once at the new period", || settled(&hall) < 1e-6);
        osc.send("/ch/2/mute", [OscType::Int(1)]);
        eventually("the loop alone", || (settled(&hall) / 0.25 - 1.0).abs() < 1e-3);
    });
}
