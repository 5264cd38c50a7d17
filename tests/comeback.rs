//! What a console does when the audio under it goes away, in every way it can, and how long it takes to come back.
//! Times are printed; what is asked for is order and completeness, and that it does not take for ever.

use std::path::Path;
use std::time::{Duration, Instant};

use headroom_e2e::{
    Headroom, Jackd, Osc, Peer, eventually, eventually_within, files, isolated, isolated_for, peak, resident_kb, threads, tool,
};
use nix::sys::signal::{Signal, kill};
use rosc::OscType;

#[path = "comeback/ends.rs"]
mod ends;

const RIG: &str = r#"
name = "Comeback"
[audio]
backend = "jack"
[osc]
listen = "127.0.0.1:0"
[[channel]]
name = "Band"
input = "band:out"
pan = -1
[[channel]]
name = "Spare"
fader = -144
[main]
output = ["hall:in", "playback:2"]
"#;
/// What the band plays: a level that no arithmetic can hide in.
const LEVEL: f32 = 0.3;

/// The program and its band, hall and server.
struct Show {
    jackd: Option<Jackd>,
    peers: Vec<Peer>,
    server: Headroom,
    osc: Osc,
    dir: tempfile::TempDir,
}

/// The program on the rig in a folder, with its state beside it.
fn start(dir: &Path) -> Headroom {
    let path = |name: &str| dir.join(name).display().to_string();
    Headroom::spawn(&["run", &path("rig.toml"), "--log", "info", "--state", &path("state")])
}

fn band() -> Vec<f32> {
    vec![LEVEL; 64]
}

impl Show {
    fn open(jackd: Option<Jackd>) -> Show {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("rig.toml"), RIG).expect("a file");
        let server = start(dir.path());
        let osc = server.osc();
        let mut show = Show { jackd, peers: Vec::new(), server, osc, dir };
        if show.jackd.is_some() {
            show.play();
        }
        show
    }

    /// Band and hall come, after a server has.
    fn play(&mut self) {
        self.peers = vec![Peer::open("band", band()), Peer::open("hall", vec![0.0])];
        self.peers[1].record();
    }

    /// The level in the hall, to the bit, when it stands still.
    fn level(&self) -> f32 {
        let mut level = 0.0;
        eventually("the band is heard at a steady level", || {
            self.peers[1].recorded();
            std::thread::sleep(Duration::from_millis(30));
            let heard = self.peers[1].recorded();
            level = peak(&heard);
            level > 0.0 && heard.len() > 200 && heard.iter().all(|x| *x == level)
        });
        level
    }

    fn kill_jackd(&mut self) {
        self.jackd.take().expect("a server").kill();
        // Peers do not outlive their server.
        self.peers.clear();
    }

    /// A server comes. How long it takes from when it answers to when our client is active in it.
    fn start_jackd(&mut self, rate: u32, period: u32) -> Duration {
        let jackd = Jackd::start(rate, period);
        let answered = Instant::now();
        eventually("the console has joined the new server", || jackd.lsp(&["headroom:"]).lines().count() == 4);
        eventually("and says so", || self.osc.number("/status/running") == 1.0);
        let took = answered.elapsed();
        self.jackd = Some(jackd);
        took
    }

    fn connections(&self, port: &str) -> Vec<String> {
        self.jackd.as_ref().expect("a server").connections(port)
    }

    /// What is connected to what, when it is this.
    fn wired(&self, wanted: &[(&str, &[&str])]) {
        for (port, others) in wanted {
            let mut seen = Vec::new();
            eventually_within(Duration::from_secs(20), &format!("{port} at {others:?}"), || {
                seen = self.connections(port);
                seen == *others
            });
        }
    }
}

#[test]
fn a_killed_server_comes_back_with_wiring_by_hand_and_levels_to_the_bit() {
    isolated(|| {
        let mut show = Show::open(Some(Jackd::start(48_000, 256)));
        show.osc.send("/main/fader", [OscType::Float(-4.5)]);
        show.osc.command("/ping", []);
        // Cables that the rig does not know, and one of the rig's that is pulled.
        tool("jack_connect", &["system:capture_2", "headroom:in-spare"]).expect("connected");
        tool("jack_connect", &["headroom:out-main-r", "hall:in"]).expect("connected");
        tool("jack_disconnect", &["headroom:out-main-r", "system:playback_2"]).expect("disconnected");
        let wiring: [(&str, &[&str]); 4] = [
            ("headroom:in-band", &["band:out"]),
            ("headroom:in-spare", &["system:capture_2"]),
            ("headroom:out-main-l", &["hall:in"]),
            ("headroom:out-main-r", &["hall:in"]),
        ];
        show.wired(&wiring);
        // What was pulled counts when both ends are still there a moment later.
        std::thread::sleep(Duration::from_millis(1_500));
        let before = show.level();
        for (rate, period) in [(48_000, 256), (44_100, 128), (96_000, 1024), (48_000, 64)] {
            show.kill_jackd();
            eventually("the outage is known", || show.osc.number("/status/running") == 0.0);
            // Control goes on meanwhile.
            show.osc.send("/ch/2/pan", [OscType::Float(0.5)]);
            assert_eq!(show.osc.number("/ch/2/pan"), 0.5);
            let joined = show.start_jackd(rate, period);
            let since = Instant::now();
            show.play();
            show.wired(&wiring);
            let wired = since.elapsed();
            assert_eq!(show.level(), before, "at {rate} Hz");
            let (silence, recovery) = (show.osc.number("/status/silence"), show.osc.number("/status/recovery"));
            println!(
                "{rate} Hz, {period}: joined {:.2} s after the server answered ({recovery:.2} s by its own count), wired {:.2} s \
                 after the others came; away for {silence:.2} s",
                joined.as_secs_f64(),
                wired.as_secs_f64()
            );
            assert!(recovery < 10.0 && silence > 0.0);
            assert_eq!(show.osc.number("/status/rate"), f64::from(rate));
            assert_eq!(show.osc.number("/status/period"), f64::from(period));
            // What somebody changes can be taken back as before.
            show.osc.send("/ch/2/trim", [OscType::Float(-3.0)]);
            show.osc.command("/undo", []);
            assert_eq!(show.osc.number("/ch/2/trim"), 0.0);
        }
        let ledger = show.osc.ask("/status/ledger/1");
        // A busy machine may have stood still for a moment besides.
        assert!(show.osc.number("/status/outages") >= 4.0, "{ledger:?}");
        let told: Vec<_> = (1..=8).map(|n| show.osc.ask(&format!("/status/ledger/{n}"))).collect();
        let outage =
            |a: &Vec<OscType>| matches!(&a[..], [OscType::String(s)] if s.contains("outage: ") && s.contains("back after"));
        assert!(told.iter().any(outage), "{told:?}");
        assert!(show.server.output().contains("recovery_s"), "{}", show.server.output());
    });
}

#[test]
fn another_clients_cables_come_back_with_it() {
    isolated(|| {
        let mut show = Show::open(Some(Jackd::start(48_000, 256)));
        show.wired(&[("headroom:in-band", &["band:out"]), ("headroom:out-main-l", &["hall:in"])]);
        tool("jack_connect", &["band:out", "headroom:in-spare"]).expect("connected");
        show.wired(&[("headroom:in-spare", &["band:out"])]);
        let before = show.level();
        show.peers.clear();
        eventually("the band is gone", || show.connections("headroom:in-band").is_empty());
        show.play();
        show.wired(&[("headroom:in-band", &["band:out"]), ("headroom:in-spare", &["band:out"])]);
        assert_eq!(show.level(), before);
    });
}

/// From a click that the band makes to the click in the hall, in frames, by the program's own measurement.
fn latency(out: &str, back: &str) -> i64 {
    let mut last = String::new();
    for _ in 0..5 {
        let done = Headroom::command(&["latency", "--json", "--out", out, "--in", back, "--count", "3"]).output();
        let done = done.expect("headroom runs");
        if let Ok(found) = serde_json::from_slice::<serde_json::Value>(&done.stdout) {
            return found["frames"].as_i64().expect("frames");
        }
        // On a busy machine JACK leaves out periods; then it says so.
        last = String::from_utf8_lossy(&done.stderr).into_owned();
    }
    panic!("no latency could be measured: {last}");
}

#[test]
fn a_server_that_freezes_and_goes_on_is_followed_and_latency_is_what_it_was() {
    isolated_for(Duration::from_secs(180), || {
        let show = Show::open(Some(Jackd::start_realtime(48_000, 256)));
        show.osc.send("/ch/2/fader", [OscType::Float(0.0)]);
        let (level, before) = (show.level(), latency("headroom:in-spare", "headroom:out-main-r"));
        let jackd = show.jackd.as_ref().expect("a server");
        let mut osc = show.server.osc();
        let since = Instant::now();
        jackd.freeze();
        eventually("the stall is known", || osc.number("/status/running") == 0.0);
        println!("a frozen server was noticed after {:.2} s", since.elapsed().as_secs_f64());
        std::thread::sleep(Duration::from_secs(2).saturating_sub(since.elapsed()));
        jackd.thaw();
        let since = Instant::now();
        eventually("it is followed", || osc.number("/status/running") == 1.0);
        println!("followed {:.2} s after it went on", since.elapsed().as_secs_f64());
        assert_eq!(show.level(), level);
        assert!(!jackd.lsp(&[]).contains("headroom-01"), "one client, not two");
        let after = latency("headroom:in-spare", "headroom:out-main-r");
        println!("latency {before} frames before, {after} after");
        assert_eq!(after, before);
    });
}

#[test]
fn a_server_that_stands_for_good_is_given_up_when_the_next_one_comes() {
    isolated(|| {
        let mut show = Show::open(Some(Jackd::start(48_000, 256)));
        let level = show.level();
        let frames = |osc: &mut Osc| osc.number("/status/periods");
        show.jackd.as_ref().expect("a server").freeze();
        eventually("the stall is known", || show.osc.number("/status/running") == 0.0);
        let then = frames(&mut show.osc);
        eventually("the engine runs on", || frames(&mut show.osc) > then + 50.0);
        // Longer than the time after which the server is looked at again.
        std::thread::sleep(Duration::from_secs(6));
        assert!(show.osc.number("/status/outages") >= 1.0);
        show.kill_jackd();
        let joined = show.start_jackd(48_000, 512);
        show.play();
        assert_eq!(show.level(), level);
        println!("joined the next server {:.2} s after it answered", joined.as_secs_f64());
        println!("{} outages, whatever they ended with", show.osc.number("/status/outages"));
    });
}

#[test]
fn a_card_that_is_pulled_out_stops_the_sound_and_nothing_else() {
    isolated(|| {
        let mut show = Show::open(Some(Jackd::start(48_000, 256)));
        let level = show.level();
        let jackd = show.jackd.take().expect("a server");
        let mut osc = show.server.osc();
        // Longer than the time after which the server is looked at again.
        let allowed = jackd.without_driver(48_000.0 / 256.0, || {
            eventually("the stall is known", || osc.number("/status/running") == 0.0);
            std::thread::sleep(Duration::from_secs(7));
            osc.send("/main/fader", [OscType::Float(-6.0)]);
            assert_eq!(osc.number("/main/fader"), -6.0, "control is up");
            osc.send("/main/fader", [OscType::Float(0.0)]);
            assert_eq!(osc.number("/status/running"), 0.0);
        });
        show.jackd = Some(jackd);
        let since = Instant::now();
        eventually("the console plays on", || show.osc.number("/status/running") == 1.0);
        assert_eq!(show.level(), level);
        show.wired(&[("headroom:in-band", &["band:out"]), ("headroom:out-main-l", &["hall:in"])]);
        println!("level and wiring back {:.2} s after the card", since.elapsed().as_secs_f64());
        assert!(show.osc.number("/status/outages") >= f64::from(u8::from(allowed)));
    });
}

#[test]
fn a_console_that_was_frozen_itself_goes_on_or_joins_anew() {
    isolated(|| {
        let mut show = Show::open(Some(Jackd::start(48_000, 256)));
        let level = show.level();
        // Longer than JACK waits for an answer of a client.
        kill(show.server.pid(), Signal::SIGSTOP).expect("our own child");
        std::thread::sleep(Duration::from_secs(7));
        kill(show.server.pid(), Signal::SIGCONT).expect("our own child");
        let since = Instant::now();
        eventually_within(Duration::from_secs(40), "the console plays on", || show.osc.number("/status/running") == 1.0);
        assert_eq!(show.level(), level);
        println!("level and wiring back {:.2} s after the console went on", since.elapsed().as_secs_f64());
        show.wired(&[("headroom:in-band", &["band:out"]), ("headroom:out-main-l", &["hall:in"])]);
    });
}

#[test]
fn many_restarts_leave_nothing_behind() {
    isolated_for(Duration::from_secs(240), || {
        let mut show = Show::open(Some(Jackd::start(48_000, 256)));
        let level = show.level();
        let pid = show.server.pid();
        let count = || (threads(pid), files(pid), resident_kb(pid));
        let mut seen = Vec::new();
        for turn in 0..12 {
            show.kill_jackd();
            eventually("the outage is known", || show.osc.number("/status/running") == 0.0);
            show.start_jackd(if turn % 2 == 0 { 48_000 } else { 44_100 }, 256);
            if turn % 4 == 3 {
                show.play();
                assert_eq!(show.level(), level, "after {} restarts", turn + 1);
            }
            seen.push(count());
        }
        println!("threads, files, kB after each restart: {seen:?}");
        let (settled, last) = (seen[3], seen[11]);
        eventually("as many threads as before", || threads(pid) <= settled.0);
        eventually("as many files as before", || files(pid) <= settled.1);
        assert!(last.2 < settled.2 + 4 * 1024, "{settled:?} grew to {last:?} in eight restarts");
        assert!(show.osc.number("/status/outages") >= 12.0);
    });
}

#[test]
fn a_console_that_starts_without_a_server_joins_the_first_that_comes() {
    isolated(|| {
        let mut show = Show::open(None);
        assert_eq!(show.osc.number("/status/running"), 0.0);
        assert_eq!(show.osc.number("/status/outages"), 0.0, "there was nothing to lose");
        assert!(matches!(&show.osc.ask("/status/backend")[..], [OscType::String(s)] if s == "JACK"));
        show.osc.send("/main/fader", [OscType::Float(-6.0)]);
        assert_eq!(show.osc.number("/main/fader"), -6.0);
        let joined = show.start_jackd(44_100, 128);
        println!("joined {:.2} s after the server answered", joined.as_secs_f64());
        show.play();
        let wanted = f64::from(LEVEL) * 10f64.powf(-6.0 / 20.0);
        assert!((f64::from(show.level()) / wanted - 1.0).abs() < 1e-5);
    });
}

#[test]
fn a_server_of_another_name_is_none_of_ours() {
    isolated(|| {
        let mut show = Show::open(Some(Jackd::start(48_000, 256)));
        let level = show.level();
        let other = Jackd::start_named("another", 44_100, 512);
        std::thread::sleep(Duration::from_millis(500));
        other.kill();
        assert_eq!(show.level(), level);
        // Ours goes, another one is there: it is not joined.
        let other = Jackd::start_named("another", 44_100, 512);
        show.kill_jackd();
        eventually("the outage is known", || show.osc.number("/status/running") == 0.0);
        std::thread::sleep(Duration::from_secs(1));
        assert_eq!(show.osc.number("/status/running"), 0.0);
        show.start_jackd(48_000, 256);
        show.play();
        assert_eq!(show.level(), level);
        drop(other);
    });
}

#[test]
fn the_network_may_go_and_come() {
    isolated(|| {
        let show = Show::open(Some(Jackd::start(48_000, 256)));
        let level = show.level();
        let mut osc = show.server.osc();
        osc.command("/subscribe", [OscType::String("/ch/*/fader".into()), OscType::Int(60)]);
        let Some(_) = tool("ip", &["link", "set", "lo", "down"]) else {
            eprintln!("**** SKIPPED, links cannot be changed here ****");
            return;
        };
        std::thread::sleep(Duration::from_secs(2));
        assert_eq!(show.level(), level, "sound needs no network");
        tool("ip", &["link", "set", "lo", "up"]).expect("the link is up");
        let since = Instant::now();
        let mut other = show.server.osc();
        eventually("a set lands again", || {
            other.send("/ch/2/fader", [OscType::Float(-7.0)]);
            other.send("/ch/2/fader", []);
            other.receive(Duration::from_millis(100)).is_some_and(|m| m.args == [OscType::Float(-7.0)])
        });
        println!("a set landed {:.2} s after the link came back", since.elapsed().as_secs_f64());
        let told = |m: headroom_e2e::OscMessage| m.addr == "/ch/2/fader" && m.args == [OscType::Float(-7.0)];
        eventually("and the subscriber is told", || osc.receive(Duration::from_millis(100)).is_some_and(told));
    });
}
