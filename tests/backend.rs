//! The JACK backend against a real server: what is heard, what is connected, what survives.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use headroom::backend::jack::JackBackend;
use headroom::backend::{Backend, BackendEvent, Callback, Clock, Config, Error, Format, Io, Kind, PortSpec, open};
use headroom_e2e::{Jackd, Peer, eventually, isolated, peak, tool};

/// An engine that passes inputs on to outputs, and counts.
#[derive(Clone, Default)]
struct Through {
    routes: Arc<Mutex<Vec<(usize, usize)>>>,
    frames: Arc<AtomicU64>,
    /// Silent frames on the first input.
    silence: Arc<AtomicU64>,
    resumed: Arc<AtomicU64>,
}

impl Through {
    fn new(routes: &[(usize, usize)]) -> Self {
        let through = Through::default();
        through.route(routes);
        through
    }

    fn route(&self, routes: &[(usize, usize)]) {
        *self.routes.lock().unwrap() = routes.to_vec();
    }

    fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }
}

impl Callback for Through {
    fn resume(&mut self, _: u32, _: usize) {
        self.resumed.fetch_add(1, Ordering::Relaxed);
    }

    fn process(&mut self, io: &mut dyn Io, frames: usize, clock: Clock) {
        assert_eq!(clock.frame, self.frames.load(Ordering::Relaxed), "every frame is counted once");
        // A test may lock: nobody holds this for long.
        for &(from, to) in self.routes.lock().unwrap().iter() {
            let mut buffer = [0.0; 8192];
            // Nothing comes while no server is there.
            let input = io.input(from);
            buffer[..input.len()].copy_from_slice(input);
            io.output(to).copy_from_slice(&buffer[..frames]);
        }
        let silent = frames - io.input(0).iter().filter(|&&v| v != 0.0).count();
        self.silence.fetch_add(silent as u64, Ordering::Relaxed);
        self.frames.fetch_add(frames as u64, Ordering::Relaxed);
    }
}

fn start(ports: Vec<PortSpec>, engine: &Through) -> Box<JackBackend> {
    let backend = JackBackend::open(&Config::default(), ports).expect("a backend");
    assert!(backend.status().running);
    backend.run(Box::new(engine.clone()));
    Box::new(backend)
}

/// The kick comes from the peer `band`, the main bus goes to the peer `hall`.
fn stage() -> Vec<PortSpec> {
    vec![PortSpec::input("in-kick", &["band:out"]), PortSpec::output("out-main", &["hall:in"])]
}

fn wait_for(backend: &JackBackend, wanted: BackendEvent) {
    eventually(&format!("{wanted:?}"), || backend.events().try_iter().any(|e| e == wanted));
}

/// A signal in which no sample is like its neighbours, so that any gap shows.
fn ramp() -> Vec<f32> {
    (0..STEPS).map(|n| (n + 1) as f32 / (STEPS + 1) as f32).collect()
}
const STEPS: usize = 8191;

/// Fails unless what the hall heard is what the engine was played.
///
/// jackd itself leaves out whole periods of a client now and then on a busy machine, when another client comes
/// or goes or the period changes: the ramp may jump from one period to another, and the engine may be given
/// silence. Silence of our own, or a jump inside a period, is a fault of ours.
fn assert_faithful(recorded: &[f32], period: usize, engine: &Through) {
    let silent = recorded.iter().filter(|&&v| v == 0.0).count() as u64;
    let played = engine.silence.load(Ordering::Relaxed);
    assert!(silent <= played, "{silent} silent frames, of which the engine was played {played}");
    let step = |v: f32| (v * (STEPS + 1) as f32).round() as usize;
    for (n, pair) in recorded.windows(2).enumerate() {
        let smooth = step(pair[1]) == step(pair[0]) % STEPS + 1;
        let border = (n + 1) % period == 0 || pair.contains(&0.0);
        assert!(smooth || border, "{pair:?} at {n} of {}", recorded.len());
    }
}

#[test]
fn ports_stand_in_file_order_inputs_first_and_carry_sound() {
    isolated(|| {
        let jackd = Jackd::start(48_000, 256);
        let band = Peer::open("band", vec![0.25; 64]);
        let hall = Peer::open("hall", vec![0.0]);
        let engine = Through::new(&[(1, 0)]);
        let backend = start(
            vec![
                PortSpec::output("out-main-l", &["hall:in", "playback:1"]),
                PortSpec::input("in-kick", &["band:out"]),
                PortSpec::input("in-hat-l", &["capture:*"]),
                PortSpec::output("out-wedge-1", &[]),
            ],
            &engine,
        );
        assert_eq!(backend.format(), Format { rate: 48_000, period: 256 });
        let ports = jackd.lsp(&["headroom"]);
        let ours: Vec<&str> = ports.lines().collect();
        assert_eq!(ours, ["headroom:in-kick", "headroom:in-hat-l", "headroom:out-main-l", "headroom:out-wedge-1"]);
        assert_eq!(jackd.connections("headroom:in-kick"), ["band:out"]);
        assert_eq!(jackd.connections("headroom:in-hat-l"), ["system:capture_1", "system:capture_2"]);
        assert_eq!(jackd.connections("headroom:out-main-l"), ["hall:in", "system:playback_1"]);
        assert!(jackd.connections("headroom:out-wedge-1").is_empty());
        hall.record();
        eventually("the band is heard in the hall", || peak(&hall.recorded()) == 0.25);
        drop(band);
        eventually("silence after the band has left", || {
            hall.recorded();
            std::thread::sleep(Duration::from_millis(20));
            let later = hall.recorded();
            !later.is_empty() && peak(&later) == 0.0
        });
        assert!(backend.stop().is_some(), "the engine comes back");
        eventually("the client is gone", || jackd.lsp(&["headroom"]).is_empty());
    });
}

#[test]
fn an_output_that_the_engine_leaves_alone_is_silent() {
    isolated(|| {
        let _jackd = Jackd::start(48_000, 128);
        let hall = Peer::open("hall", vec![0.0]);
        let _band = Peer::open("band", vec![0.25; 64]);
        let engine = Through::new(&[(0, 1)]);
        let _backend = start(stage(), &engine);
        hall.record();
        eventually("sound", || peak(&hall.recorded()) == 0.25);
        engine.route(&[]);
        eventually("silence, not the last period over and over", || {
            hall.recorded();
            std::thread::sleep(Duration::from_millis(20));
            let later = hall.recorded();
            !later.is_empty() && peak(&later) == 0.0
        });
    });
}

#[test]
fn a_missing_port_is_named_and_waited_for_and_a_pulled_cable_stays_pulled() {
    isolated(|| {
        let jackd = Jackd::start(48_000, 256);
        let backend = start(stage(), &Through::new(&[]));
        let missing = || {
            let status = backend.status();
            status.missing().map(|(port, what)| format!("{port} {what}")).collect::<Vec<_>>()
        };
        assert_eq!(missing(), ["in-kick band:out", "out-main hall:in"]);
        let band = Peer::open("band", vec![0.1]);
        eventually("connected when it appears", || jackd.connections("headroom:in-kick") == ["band:out"]);
        eventually("named no longer", || missing() == ["out-main hall:in"]);

        band.disconnect("band:out", "headroom:in-kick");
        let _hall = Peer::open("hall", vec![0.1]);
        eventually("another port's arrival", || jackd.connections("headroom:out-main") == ["hall:in"]);
        assert!(jackd.connections("headroom:in-kick").is_empty(), "a cable pulled by hand stays pulled");

        drop(band);
        let _band = Peer::open("band", vec![0.1]);
        eventually("plugged in again with its client", || jackd.connections("headroom:in-kick") == ["band:out"]);
    });
}

#[test]
fn the_console_outlives_its_server_and_takes_the_next_ones_rate() {
    isolated(|| {
        let jackd = Jackd::start(48_000, 256);
        let engine = Through::new(&[(0, 1)]);
        let backend = start(stage(), &engine);
        jackd.kill();
        eventually("the death is told", || backend.events().try_iter().any(|e| matches!(e, BackendEvent::Shutdown(_))));
        assert!(!backend.status().running);
        let then = engine.frames();
        eventually("the engine runs on", || engine.frames() > then + 4_800);

        for rate in [44_100, 96_000, 48_000] {
            let jackd = Jackd::start(rate, 128);
            let band = Peer::open("band", vec![0.25; 64]);
            let hall = Peer::open("hall", vec![0.0]);
            eventually("audio is back", || backend.status().running);
            assert_eq!(backend.format(), Format { rate, period: 128 });
            assert_eq!(backend.status().client, "headroom");
            let mut events = Vec::new();
            eventually("and its owner is told", || {
                events.extend(backend.events().try_iter());
                events.contains(&BackendEvent::RateChanged(rate)) && events.contains(&BackendEvent::Back)
            });
            hall.record();
            eventually("connections are restored", || peak(&hall.recorded()) == 0.25);
            assert_eq!(jackd.connections("headroom:in-kick"), ["band:out"]);
            drop((band, hall));
            jackd.kill();
            eventually("the next death is noticed", || !backend.status().running);
        }
        assert!(backend.status().outages >= 4);
        assert!(backend.stop().is_some());
    });
}

#[test]
fn a_frozen_server_is_noticed_without_being_told() {
    isolated(|| {
        let jackd = Jackd::start(48_000, 256);
        let band = Peer::open("band", vec![0.25; 64]);
        let hall = Peer::open("hall", vec![0.0]);
        let engine = Through::new(&[(0, 1)]);
        let backend = start(stage(), &engine);
        jackd.freeze();
        wait_for(&backend, BackendEvent::Stalled);
        let then = engine.frames();
        eventually("the engine runs on", || engine.frames() > then + 4_800);
        // Long enough for a second look at the server.
        std::thread::sleep(Duration::from_millis(1_500));
        jackd.thaw();
        wait_for(&backend, BackendEvent::Back);
        assert_eq!(jackd.connections("headroom:in-kick"), ["band:out"]);
        hall.record();
        eventually("sound", || peak(&hall.recorded()) == 0.25);
        assert!(!jackd.lsp(&[]).contains("headroom-01"), "one client, not two");
        drop(band);
        jackd.freeze();
        wait_for(&backend, BackendEvent::Stalled);
        assert!(backend.stop().is_some(), "the engine comes back even then");
        jackd.thaw();
    });
}

#[test]
fn a_new_period_is_taken_while_it_plays_on() {
    isolated(|| {
        let _jackd = Jackd::start(48_000, 256);
        let band = Peer::open("band", ramp());
        let hall = Peer::open("hall", vec![0.0]);
        let engine = Through::new(&[(0, 1)]);
        let backend = start(stage(), &engine);
        hall.record();
        eventually("sound", || peak(&hall.recorded()) > 0.0);
        hall.recorded();
        engine.silence.store(0, Ordering::Relaxed);
        let mut recorded = Vec::new();
        for period in [512, 64, 1024] {
            band.set_period(period);
            wait_for(&backend, BackendEvent::PeriodChanged(period));
            let then = engine.frames();
            eventually("more sound", || engine.frames() > then + 9_600);
            recorded.extend(hall.recorded());
        }
        assert!(recorded.len() > 28_000);
        assert_faithful(&recorded, 64, &engine);
        assert_eq!(backend.format().period, 1024);
        assert_eq!(engine.resumed.load(Ordering::Relaxed), 1, "the engine was never taken away");
    });
}

#[test]
fn ports_come_and_go_while_it_plays_on() {
    isolated(|| {
        let jackd = Jackd::start(48_000, 128);
        let _band = Peer::open("band", ramp());
        let hall = Peer::open("hall", vec![0.0]);
        let _choir = Peer::open("choir", vec![0.5; 64]);
        let booth = Peer::open("booth", vec![0.0]);
        let engine = Through::new(&[(0, 1)]);
        let backend = start(stage(), &engine);
        hall.record();
        eventually("sound", || peak(&hall.recorded()) > 0.0);
        hall.recorded();
        engine.silence.store(0, Ordering::Relaxed);
        let mut recorded = Vec::new();

        for _ in 0..5 {
            let mut more = stage();
            more.insert(0, PortSpec::input("in-choir", &["choir:out"]));
            more.push(PortSpec::output("out-booth", &["booth:in"]));
            let indices = backend.set_ports(more);
            assert_eq!(indices[1..3], [0, 1], "those that stay keep their index");
            engine.route(&[(indices[1], indices[2]), (indices[0], indices[3])]);
            booth.record();
            eventually("the choir is heard in the booth", || peak(&booth.recorded()) == 0.5);
            recorded.extend(hall.recorded());

            assert_eq!(backend.set_ports(stage()), [0, 1]);
            std::thread::sleep(Duration::from_millis(50));
            assert!(jackd.lsp(&[]).contains("headroom:in-choir"), "the old schedule may still use it");
            engine.route(&[(0, 1)]);
            backend.retire_ports();
            eventually("retired ports are gone", || {
                let all = jackd.lsp(&[]);
                !all.contains("headroom:in-choir") && !all.contains("headroom:out-booth")
            });
            recorded.extend(hall.recorded());
        }
        assert!(recorded.len() > 10_000);
        assert_faithful(&recorded, 128, &engine);
        assert_eq!(jackd.connections("headroom:in-kick"), ["band:out"]);
    });
}

#[test]
fn without_a_server_the_console_starts_and_waits_for_one() {
    isolated(|| {
        let config = Config { format: Format { rate: 96_000, period: 64 }, ..Config::default() };
        let auto = open(Kind::Auto, &config, stage()).expect("a backend");
        assert_eq!(auto.status().backend, "internal");
        auto.stop();

        let backend = JackBackend::open(&config, stage()).expect("a backend");
        assert!(!backend.status().running);
        assert_eq!(backend.format().rate, 96_000);
        let engine = Through::new(&[(0, 1)]);
        backend.run(Box::new(engine.clone()));
        eventually("the engine runs", || engine.frames() > 9_600);
        let jackd = Jackd::start(48_000, 256);
        let mut events = Vec::new();
        eventually("audio", || {
            events.extend(backend.events().try_iter());
            events.contains(&BackendEvent::Back)
        });
        assert!(events.contains(&BackendEvent::RateChanged(48_000)), "{events:?}");
        assert!(events.contains(&BackendEvent::PeriodChanged(256)), "{events:?}");
        assert!(jackd.lsp(&[]).contains("headroom:in-kick"));
        let auto = open(Kind::Auto, &Config { client: "second".into(), ..config }, stage());
        assert_eq!(auto.expect("a backend").status().backend, "JACK");
    });
}

#[test]
fn freewheeling_is_told_and_loses_no_frame() {
    isolated(|| {
        let _jackd = Jackd::start(48_000, 256);
        let engine = Through::new(&[(0, 1)]);
        let backend = start(stage(), &engine);
        tool("jack_freewheel", &["y"]).expect("faster");
        wait_for(&backend, BackendEvent::Freewheel(true));
        let then = engine.frames();
        eventually("ten seconds of sound", || engine.frames() > then + 480_000);
        tool("jack_freewheel", &["n"]).expect("slower");
        wait_for(&backend, BackendEvent::Freewheel(false));
        assert!(backend.status().running);
    });
}

#[test]
fn a_machine_without_libjack_is_told_what_to_install() {
    isolated(|| {
        // Only inside the namespace: the library becomes an empty file.
        let libraries = tool("ldconfig", &["-p"]).expect("the list of libraries");
        for line in libraries.lines().filter(|l| l.contains("libjack.so")) {
            let path = line.rsplit(' ').next().expect("a path");
            if tool("mount", &["--bind", "/dev/null", path]).is_none() {
                eprintln!("**** SKIPPED, mounts are not allowed here ****");
                return;
            }
        }
        match JackBackend::open(&Config::default(), stage()) {
            Err(error @ Error::NoLibrary(_)) => {
                assert!(error.to_string().contains("libjack-jackd2-0"), "{error}");
            }
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("a library was found"),
        }
        let auto = open(Kind::Auto, &Config::default(), stage()).expect("the internal clock");
        assert_eq!(auto.status().backend, "internal");
    });
}
