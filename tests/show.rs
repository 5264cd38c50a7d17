//! A show of an hour in a minute: hands on many faders, scenes at once and as crossfades, storms, JACK servers that die
//! and freeze, a card that is pulled out, a console that is killed. At the end the mix is as the last hand left it, and it
//! is heard.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use headroom_e2e::{Headroom, Jackd, Osc, Peer, eventually, eventually_within, isolated_for, peak};
use rosc::OscType;

const CHANNELS: usize = 12;
const SCENES: [&str; 3] = ["Verse", "Chorus", "Bridge"];

fn rig() -> String {
    let mut rig = "name = \"Show\"\n[audio]\nbackend = \"jack\"\n[osc]\nlisten = \"127.0.0.1:0\"\n".to_owned();
    for n in 1..=CHANNELS {
        rig += &format!("[[channel]]\nname = \"Mic {n}\"\ninput = \"band:out\"\nsend.wedge = {{ level = -20 }}\n");
    }
    rig + "[[bus]]\nname = \"Wedge\"\nkind = \"aux\"\noutput = \"playback:2\"\n[[dca]]\nname = \"All\"\n[main]\noutput = [\"hall:in\", \"playback:1\"]\n"
}

/// What hands have done: the last value of each address, and what it is in each scene.
struct Hands {
    last: BTreeMap<String, f32>,
    scenes: BTreeMap<&'static str, BTreeMap<String, f32>>,
    turn: usize,
}

impl Hands {
    /// Before the first move all is as the console has it.
    fn at(osc: &mut Osc) -> Hands {
        let of = |n: usize| ["fader", "pan", "eq/2/gain", "send/1/level"].map(|part| format!("/ch/{n}/{part}"));
        let all = (1..=CHANNELS).flat_map(of).chain(["/dca/1/fader".to_owned()]);
        let last = all.map(|address| (address.clone(), osc.number(&address) as f32)).collect();
        Hands { last, scenes: BTreeMap::new(), turn: 0 }
    }

    /// Stores a scene, moves on, and recalls one: at once, or over a second with hands in between.
    fn change_scenes(&mut self, osc: &mut Osc, act: usize) {
        let name = SCENES[act % SCENES.len()];
        osc.command("/scene/store", [OscType::String(name.into())]);
        self.scenes.insert(name, self.last.clone());
        self.move_some(osc, 60);
        let name = SCENES[act / 2 % self.scenes.len()];
        let seconds = if act.is_multiple_of(2) { 0.0 } else { 1.0 };
        let recall = [OscType::String(name.into()), OscType::Float(seconds), OscType::String("s".into())];
        osc.command("/scene/recall", recall);
        self.last.clone_from(&self.scenes[name]);
        // Whoever touches a fader takes it out of the crossfade.
        self.move_some(osc, 20);
    }

    /// Some moves. What is sent while nobody serves is not done.
    fn move_some(&mut self, osc: &mut Osc, moves: usize) {
        for _ in 0..moves {
            self.turn += 1;
            let n = self.turn % CHANNELS + 1;
            let share = (self.turn * 37 % 101) as f32 / 100.0;
            let (address, value) = match self.turn / CHANNELS % 5 {
                0 => (format!("/ch/{n}/fader"), -40.0 + 30.0 * share),
                1 => (format!("/ch/{n}/pan"), 2.0 * share - 1.0),
                2 => (format!("/ch/{n}/eq/2/gain"), 12.0 * share - 6.0),
                3 => (format!("/ch/{n}/send/1/level"), -50.0 + 30.0 * share),
                _ => ("/dca/1/fader".to_owned(), -10.0 * share),
            };
            osc.send(&address, [OscType::Float(value)]);
            self.last.insert(address, value);
        }
        // They are done when the server has heard of them.
        osc.command("/ping", [OscType::Int(self.turn as i32)]);
    }

    /// Every address holds what the last hand set, as soon as crossfades have arrived.
    fn hold(&self, osc: &mut Osc, when: &str) {
        let until = Instant::now() + Duration::from_secs(20);
        for (address, value) in &self.last {
            loop {
                let held = osc.number(address) as f32;
                if (held - value).abs() < 1e-4 {
                    break;
                }
                assert!(Instant::now() < until, "{address} is {held} {when}, and was left at {value}");
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

/// A storm of another client over what no hand touches.
fn storm(osc: Osc, stop: Arc<AtomicBool>) -> std::thread::JoinHandle<u64> {
    std::thread::spawn(move || {
        let mut sent = 0;
        while !stop.load(Ordering::Relaxed) {
            for n in 0..50u64 {
                let value = -(((sent + n) % 60) as f32);
                osc.send(&format!("/ch/{}/comp/threshold", n as usize % CHANNELS + 1), [OscType::Float(value)]);
            }
            sent += 50;
            std::thread::sleep(Duration::from_millis(5));
        }
        sent
    })
}

#[test]
fn the_mix_at_the_end_is_as_the_last_hand_left_it() {
    isolated_for(Duration::from_secs(240), || {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("show.toml");
        std::fs::write(&path, rig()).expect("a file");
        let state = dir.path().join("state").display().to_string();
        let start = || Headroom::spawn(&["run", &path.display().to_string(), "--log", "warn", "--state", &state]);
        let mut jackd = Some(Jackd::start(48_000, 128));
        let mut server = start();
        let mut hands = Hands::at(&mut server.osc());
        for act in 0..12 {
            let began = Instant::now();
            let stop = Arc::new(AtomicBool::new(false));
            let mut storming = Some(storm(server.osc(), stop.clone()));
            let mut calm = || {
                stop.store(true, Ordering::Relaxed);
                storming.take().map_or(0, |storm| storm.join().expect("the storm ends"))
            };
            let mut stormed = 0;
            hands.move_some(&mut server.osc(), 200);
            hands.change_scenes(&mut server.osc(), act);
            match act % 4 {
                0 => {
                    jackd.take().expect("a server").kill();
                    hands.move_some(&mut server.osc(), 100);
                    jackd = Some(Jackd::start(if act == 0 { 44_100 } else { 48_000 }, 256));
                }
                1 => {
                    let jackd = jackd.as_ref().expect("a server");
                    jackd.freeze();
                    hands.move_some(&mut server.osc(), 100);
                    std::thread::sleep(Duration::from_millis(700));
                    jackd.thaw();
                }
                2 => {
                    let jackd = jackd.as_ref().expect("a server");
                    // Its periods of 256 frames, at whatever rate it has.
                    jackd.without_driver(44_100.0 / 256.0, || {
                        let mut osc = server.osc();
                        eventually("the card is missed", || osc.number("/status/running") == 0.0);
                        hands.move_some(&mut osc, 100);
                    });
                }
                _ => {
                    // What was set in the second before a kill may be lost; the hands rest.
                    stormed = calm();
                    std::thread::sleep(Duration::from_millis(1_200));
                    server.kill();
                    server = start();
                    let listed = server.osc().ask("/scene/list");
                    assert_eq!(listed.len(), SCENES.len(), "{listed:?}");
                }
            }
            stormed += calm();
            let mut osc = server.osc();
            eventually_within(Duration::from_secs(20), "sound can flow", || osc.number("/status/running") == 1.0);
            hands.hold(&mut osc, &format!("after act {act}"));
            println!("act {act}: {} moves held, {stormed} sets of a storm, {:.1} s", hands.turn, began.elapsed().as_secs_f64());
        }
        // And it is what is heard: all inputs carry the same level, so main's is the sum of the gains.
        let mut osc = server.osc();
        for n in 1..=CHANNELS {
            osc.send(&format!("/ch/{n}/comp/on"), [OscType::Float(0.0)]);
            osc.send(&format!("/ch/{n}/eq/on"), [OscType::Float(0.0)]);
        }
        let band = Peer::open("band", vec![0.05; 64]);
        let hall = Peer::open("hall", vec![0.0]);
        hall.record();
        let all = osc.number("/dca/1/fader");
        let gain = |n: usize, osc: &mut Osc| {
            let pan = (osc.number(&format!("/ch/{n}/pan")) + 1.0) * std::f64::consts::FRAC_PI_4;
            // Channels are not members of the DCA, so its fader moves nothing.
            10f64.powf(osc.number(&format!("/ch/{n}/fader")) / 20.0) * pan.cos()
        };
        let wanted: f64 = (1..=CHANNELS).map(|n| gain(n, &mut osc)).sum::<f64>() * 0.05;
        eventually_within(Duration::from_secs(20), &format!("{wanted} in the hall"), || {
            hall.recorded();
            std::thread::sleep(Duration::from_millis(50));
            (f64::from(peak(&hall.recorded())) / wanted - 1.0).abs() < 1e-3
        });
        println!("{wanted:.5} is heard, the DCA at {all} dB");
        eventually("nothing failed on the way", || osc.number("/status/faults") == 0.0);
        drop((band, hall, jackd));
    });
}
