//! Thirty at once: ten WebSockets with all meters and twenty subscribers by UDP. Every change reaches every one of them.
//!
//! The times are printed (`cargo test -p headroom-e2e --test crowd -- --nocapture`); none is asserted.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use headroom_e2e::Headroom;
use headroom_e2e::web::{Frame, Socket};
use rosc::{OscMessage, OscPacket, OscType};

const BROWSERS: usize = 10;
const SUBSCRIBERS: usize = 20;
const CHANNELS: usize = 32;
const CHANGES: usize = 200;
/// To give up after.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client saw a fader at a value.
type Seen = (usize, String, f32, Instant);

fn told(client: usize, message: &OscMessage, seen: &Sender<Seen>, meters: &mut u64) {
    if message.addr.contains("/meter/") {
        *meters += 1;
    }
    if let (true, Some(OscType::Float(level))) = (message.addr.ends_with("/fader"), message.args.first()) {
        let _ = seen.send((client, message.addr.clone(), *level, Instant::now()));
    }
}

fn each(packet: &OscPacket, with: &mut impl FnMut(&OscMessage)) {
    match packet {
        OscPacket::Message(message) => with(message),
        OscPacket::Bundle(bundle) => bundle.content.iter().for_each(|inner| each(inner, with)),
    }
}

/// All clients have seen `address` at `level`; when the last of them did.
fn last_of_all(seen: &Receiver<Seen>, address: &str, level: f32) -> Instant {
    let mut when: HashMap<usize, Instant> = HashMap::new();
    let until = Instant::now() + PATIENCE;
    while when.len() < BROWSERS + SUBSCRIBERS {
        let left = until.saturating_duration_since(Instant::now());
        let Ok((client, at, value, moment)) = seen.recv_timeout(left) else {
            let missing: Vec<usize> = (0..BROWSERS + SUBSCRIBERS).filter(|c| !when.contains_key(c)).collect();
            panic!("{address} at {level} never reached clients {missing:?}");
        };
        if at == address && value == level {
            when.entry(client).or_insert(moment);
        }
    }
    when.into_values().max().expect("there are clients")
}

#[test]
fn thirty_clients_see_every_change() {
    let dir = tempfile::tempdir().expect("a directory");
    let channels: String = (1..=CHANNELS).map(|n| format!("[[channel]]\nname = \"Input {n}\"\n")).collect();
    let rig = format!(
        "name = \"Crowd\"\n[audio]\nbackend = \"internal\"\n[osc]\nlisten = \"127.0.0.1:0\"\n[http]\nlisten = \"127.0.0.1:0\"\n{channels}[main]\n"
    );
    let path = dir.path().join("rig.toml");
    std::fs::write(&path, rig).expect("a file");
    let server = Headroom::spawn(&["run", &path.display().to_string(), "--log", "warn"]);
    let web = server.web_address();
    let mut desk = server.osc();
    let (say, seen) = unbounded();
    let over = Arc::new(AtomicBool::new(false));
    let mut threads = Vec::new();
    for client in 0..BROWSERS + SUBSCRIBERS {
        let (say, over, mut osc) = (say.clone(), over.clone(), server.osc());
        threads.push(std::thread::spawn(move || {
            let mut meters = 0;
            if client < BROWSERS {
                let mut socket = Socket::connect(web, &[]).expect("it may connect");
                for pattern in ["//meter/*", "//"] {
                    socket.send("/subscribe", [OscType::String(pattern.into())]);
                }
                while !over.load(Ordering::Relaxed) {
                    if let Some(Frame::Osc(packet)) = socket.receive(Duration::from_millis(200)) {
                        each(&packet, &mut |message| told(client, message, &say, &mut meters));
                    }
                }
                return (true, meters);
            }
            // Not waited for: present values come before the answer.
            osc.send("/subscribe", [OscType::String("/ch/*/fader".into()), OscType::Int(60)]);
            let mut renewed = Instant::now();
            while !over.load(Ordering::Relaxed) {
                if renewed.elapsed() > Duration::from_secs(5) {
                    renewed = Instant::now();
                    osc.send("/ping", []);
                }
                if let Some(message) = osc.receive(Duration::from_millis(200)) {
                    told(client, &message, &say, &mut meters);
                }
            }
            (false, meters)
        }));
    }
    // All are on when all have seen a change; who comes late gets it as its present value.
    desk.send("/ch/1/fader", [OscType::Float(-90.0)]);
    last_of_all(&seen, "/ch/1/fader", -90.0);
    desk.command("/status/reset", []);
    let began = Instant::now();
    let mut times: Vec<f64> = (0..CHANGES)
        // Thirty clients that read all meters on this machine too may have no time left on a busy one.
        .take_while(|n| *n < 10 || began.elapsed() < PATIENCE)
        .map(|n| {
            let (address, level) = (format!("/ch/{}/fader", 1 + n % CHANNELS), -1.0 - n as f32 / 4.0);
            let sent = Instant::now();
            desk.send(&address, [OscType::Float(level)]);
            last_of_all(&seen, &address, level).saturating_duration_since(sent).as_secs_f64() * 1e3
        })
        .collect();
    let status = desk.status();
    over.store(true, Ordering::Relaxed);
    for thread in threads {
        let (browser, meters) = thread.join().expect("no client fails");
        assert!(!browser || meters > 0, "a browser got no meters");
    }
    times.sort_by(f64::total_cmp);
    let of = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!(
        "{} changes seen by {} clients: {:.1} ms median, {:.1} ms at 95 %, {:.1} ms at most; \
         xruns {}, a period takes {:.0} µs at 99 %, dropped {}, kernel-dropped {}",
        times.len(),
        BROWSERS + SUBSCRIBERS,
        of(0.5),
        of(0.95),
        of(1.0),
        status.number("xruns"),
        status.number("process-p99"),
        status.number("dropped"),
        status.number("kernel-dropped"),
    );
    assert_eq!((status.number("running"), status.number("faults"), status.number("dropped")), (1.0, 0.0, 0.0));
    assert!(status.number("periods") > 0.0);
    assert!(server.stop().success());
}
