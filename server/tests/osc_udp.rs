//! Native OSC over UDP, as an app meets it.

mod stage;

use headroom::console::Source;
use rosc::OscType;
use stage::{Client, PATIENCE, QUIET, STAGE, Stage, ahead, f};
use std::net::UdpSocket;
use std::time::{Duration, Instant};

#[test]
fn what_was_set_is_told_to_who_asks() {
    let stage = Stage::new();
    let mut app = stage.client();
    assert_eq!(app.number("/ch/1/fader"), -5.0);
    app.send("/ch/kick/fader", &[f(-6.3)]);
    assert_eq!(app.number("/ch/1/fader"), -6.3);
    app.send("/ch/lead-vox/mute", &[OscType::Bool(true)]);
    assert_eq!(app.ask("/ch/2/mute"), OscType::Int(1));
    app.send("/norm/ch/1/fader", &[f(0.75)]);
    assert_eq!(app.number("/ch/1/fader"), 0.0);
    assert_eq!(app.number("/norm/ch/1/fader"), 0.75);
    // A plain set is not answered.
    assert_eq!(app.hears(QUIET), []);
}

#[test]
fn a_change_is_told_to_everybody_but_its_maker() {
    let stage = Stage::new();
    let (mut one, mut two) = (stage.client(), stage.client());
    for app in [&mut one, &mut two] {
        let values = app.subscribe("/ch/*/fader");
        assert_eq!(values.len(), 3);
        assert_eq!(values[0].addr, "/ch/1/fader");
        assert_eq!(values[0].args, [f(-5.0)]);
    }
    one.send("/ch/2/fader", &[f(-12.0)]);
    assert_eq!(two.until("/ch/2/fader"), [f(-12.0)]);
    assert_eq!(one.hears(QUIET), []);
    // No change, nobody is told.
    one.send("/ch/2/fader", &[f(-12.0)]);
    assert_eq!(two.hears(QUIET), []);
    // Past the limit: the maker is told what holds, and so are the others.
    two.send("/ch/2/fader", &[f(20.0)]);
    assert_eq!(two.until("/ch/2/fader"), [f(10.0)]);
    assert_eq!(one.until("/ch/2/fader"), [f(10.0)]);
}

#[test]
fn an_app_that_listens_elsewhere_than_it_sends_from() {
    let stage = Stage::new();
    let mut other = stage.client();
    // TouchOSC: floats for everything, its own listening port, no renewal by hand.
    let ear = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut ear = Client { socket: ear, waiting: Default::default() };
    let app = stage.client();
    app.send("/client/port", &[f(f32::from(ear.port()))]);
    assert_eq!(ear.until("/client/port"), [OscType::Int(i32::from(ear.port()))]);
    app.send("/subscribe", &["/ch/*/fader".into(), f(10.0), f(30.0)]);
    ear.until("/subscribe");
    // By now it may have a socket of its own, whose packets go to the port it sends from.
    std::thread::sleep(Duration::from_millis(300));
    app.send("/ch/1/mute", &[f(1.0)]);
    other.send("/ch/2/fader", &[f(-7.0)]);
    assert_eq!(ear.until("/ch/2/fader"), [f(-7.0)]);
    assert_eq!(other.ask("/ch/1/mute"), OscType::Int(1));
    app.send("/ch/1/fader", &[]);
    assert_eq!(ear.until("/ch/1/fader"), [f(-5.0)]);
    let mut app = app;
    assert_eq!(app.hears(QUIET), []);
}

#[test]
fn a_peer_of_the_rig_is_told_without_asking() {
    let ear = UdpSocket::bind("127.0.0.1:0").unwrap();
    let text = format!("[osc]\npeers = [\"127.0.0.1:{}\"]\n{STAGE}", ear.local_addr().unwrap().port());
    let text = text.replace("name = \"Small stage\"\n[audio]", "[audio]");
    let stage = Stage::of(&text);
    let mut ear = Client { socket: ear, waiting: Default::default() };
    let mut app = stage.client();
    // Its address is looked for after the start.
    let until = Instant::now() + PATIENCE;
    let mut value = 0.0;
    loop {
        assert!(Instant::now() < until, "the peer hears nothing");
        value -= 1.0;
        app.send("/ch/2/fader", &[f(value)]);
        let heard = ear.hears(QUIET);
        if heard.iter().any(|m| m.addr == "/ch/2/fader" && m.args == [f(value)]) {
            break;
        }
    }
    assert_eq!(app.hears(QUIET), []);
}

#[test]
fn a_leased_client_keeps_its_order_when_it_gets_its_own_socket() {
    let stage = Stage::new();
    let mut app = stage.client();
    app.send("/subscribe", &["/ch/1/pan".into()]);
    // Through the change from the common socket to its own, every question sees the set before it.
    let until = Instant::now() + Duration::from_millis(600);
    let mut n = 0;
    while Instant::now() < until {
        let value = -((n % 60) as f32);
        for v in [value - 1.0, value - 2.0, value] {
            app.send("/ch/1/fader", &[f(v)]);
        }
        assert_eq!(app.number("/ch/1/fader"), value);
        n += 1;
        // Answers stay well within what one client may be sent.
        std::thread::sleep(Duration::from_micros(200));
    }
}

#[test]
fn a_flood_of_one_client_does_not_shut_out_another() {
    let stage = Stage::new();
    let mut quiet = stage.client();
    quiet.subscribe("/ch/1/fader");
    // Time enough for a socket of its own.
    std::thread::sleep(Duration::from_millis(300));
    let flood = stage.client();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stopped = stop.clone();
    let sender = std::thread::spawn(move || {
        let mut n = 0;
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            flood.send("/ch/2/fader", &[f(-((n % 60) as f32))]);
            n += 1;
        }
        n
    });
    for n in 0..50 {
        quiet.send("/ch/1/pan", &[f(n as f32 / 100.0)]);
        assert_eq!(quiet.number("/ch/1/pan"), n as f32 / 100.0);
        std::thread::sleep(Duration::from_millis(5));
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(sender.join().unwrap() > 100);
}

#[test]
fn no_set_of_a_storm_is_lost() {
    let stage = Stage::new();
    let mut app = stage.client();
    for window in 0..20 {
        let mut last = 0.0;
        for n in 0..200 {
            let values: Vec<f32> = (0..20).map(|k| -((window * 4000 + n * 20 + k) % 601) as f32 / 10.0).collect();
            let sets: Vec<(&str, OscType)> = values.iter().map(|v| ("/ch/1/fader", f(*v))).collect();
            app.bundle(None, &sets);
            last = values[19];
        }
        assert_eq!(app.number("/ch/1/fader"), last);
    }
    app.send("/status", &[]);
    let status = app.until("/status");
    let of = |name: &str| status.chunks(2).find(|p| p[0] == OscType::from(name)).unwrap()[1].clone();
    assert_eq!(of("kernel-dropped"), OscType::Int(0));
    assert_eq!(of("sets"), OscType::Int(20 * 200 * 20));
}

#[test]
fn a_ping_follows_what_was_set() {
    let stage = Stage::new();
    let mut app = stage.client();
    for n in 0..50 {
        app.send("/ch/1/fader", &[f(-(n as f32))]);
        app.ping();
    }
    app.send("/comp", &[]);
    app.until("/error");
}

#[test]
fn a_time_tag_is_kept() {
    let stage = Stage::new();
    let mut app = stage.client();
    app.bundle(Some(ahead(Duration::from_millis(300))), &[("/ch/1/fader", f(-20.0)), ("/ch/2/fader", f(-20.0))]);
    app.ping();
    assert_eq!(app.number("/ch/1/fader"), -5.0);
    let until = Instant::now() + PATIENCE;
    while app.number("/ch/2/fader") != -20.0 {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(app.number("/ch/1/fader"), -20.0);
}

#[test]
fn a_reload_brings_new_channels() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), STAGE).unwrap();
    let stage = Stage::from(STAGE, Source { file: Some(file.path().into()), started: None });
    let mut app = stage.client();
    app.subscribe("/ch/*/fader");
    app.send("/ch/2/fader", &[f(-9.0)]);
    let more = STAGE.replace("[[bus]]", "[[channel]]\nname = \"Horn\"\nfader = -8.0\n[[bus]]");
    std::fs::write(file.path(), more).unwrap();
    app.send("/rig/reload", &[]);
    let mut heard = Vec::new();
    while heard.len() < 2 {
        let message = app.next(PATIENCE).expect("an answer and the new fader");
        if message.addr != "/rev" {
            heard.push(message);
        }
    }
    assert!(heard.iter().any(|m| m.addr == "/rig/reload"));
    assert!(heard.iter().any(|m| m.addr == "/ch/4/fader" && m.args == [f(-8.0)]), "{heard:?}");
    assert_eq!(app.number("/ch/2/fader"), -9.0);
    std::fs::write(file.path(), "[[channel").unwrap();
    app.send("/rig/reload", &[]);
    app.until("/error");
    assert_eq!(app.number("/ch/4/fader"), -8.0);
}
