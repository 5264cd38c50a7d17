//! Everything that an attacker on the allowed network can do without a token, at once: sets as fast as they can be
//! sent, patterns that are dear to match, bundles full of them, thousands of source ports, subscriptions to everything,
//! bundles for later, connections that say nothing, half frames, and connections that never read. Memory stays bounded,
//! sound goes on, and an honest client is served.
//!
//! `HEADROOM_STORM=60` makes it last 60 seconds; `make storm` does.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use headroom_e2e::{Headroom, Osc, message, resident_kb};
use rosc::{OscBundle, OscPacket, OscTime, OscType};

/// What the server may hold beyond its start, in kilobytes.
const BOUND_KB: u64 = 160 * 1024;

fn rig() -> String {
    let channels: String = (1..=16).map(|n| format!("[[channel]]\nname = \"Mic {n}\"\n")).collect();
    format!(
        "name = \"Hostile\"\n[audio]\nbackend = \"internal\"\n[osc]\nlisten = \"0.0.0.0:0\"\n{channels}\
         [[bus]]\nname = \"Wedge\"\nkind = \"aux\"\n[main]\n"
    )
}

fn text(s: &str) -> OscType {
    OscType::String(s.into())
}

fn encoded(address: &str, args: Vec<OscType>) -> Vec<u8> {
    rosc::encoder::encode(&message(address, args)).expect("a packet")
}

fn bundle(time: OscTime, content: Vec<OscPacket>) -> Vec<u8> {
    rosc::encoder::encode(&OscPacket::Bundle(OscBundle { timetag: time, content })).expect("a packet")
}

/// Packets that cost as much as packets can.
fn dear() -> Vec<Vec<u8>> {
    let now = OscTime { seconds: 0, fractional: 1 };
    let many = |address: &str, args: Vec<OscType>| bundle(now, vec![message(address, args); 60_000 / (address.len() + 24)]);
    vec![
        encoded("//", vec![]),
        encoded("//*//*//x", vec![OscType::Float(1.0)]),
        many("//", vec![]),
        many("//*//f*//*", vec![OscType::Float(-1.0)]),
        many("/ch/*/{fader,pan,mute,trim}", vec![OscType::Float(0.5)]),
        many(&format!("//{}x", "*a".repeat(200)), vec![]),
        many(&format!("{}/x", "//*".repeat(20)), vec![]),
        many("/nothing/that/is/there", vec![]),
        many("/subscribe", vec![text("//")]),
        many("/preset/list", vec![]),
        many("/ping", vec![OscType::Blob(vec![0; 100])]),
        many("/login", vec![text("a guess")]),
    ]
}

struct Storm {
    at: SocketAddr,
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Storm {
    /// Does something again and again, with a pause, until the storm is over.
    fn blow(&mut self, pause: Duration, mut what: impl FnMut(SocketAddr, usize) -> usize + Send + 'static) {
        let (at, stop, sent) = (self.at, self.stop.clone(), self.sent.clone());
        self.threads.push(std::thread::spawn(move || {
            let mut turn = 0;
            while !stop.load(Ordering::Relaxed) {
                sent.fetch_add(what(at, turn) as u64, Ordering::Relaxed);
                turn += 1;
                if !pause.is_zero() {
                    std::thread::sleep(pause);
                }
            }
        }));
    }
}

/// Another host on this machine.
fn socket(host: u8) -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, host), 0)).expect("a socket");
    socket.set_nonblocking(true).expect("a socket");
    socket
}

/// Sets a fader and asks for it, again and again; how long each took.
fn honest(at: SocketAddr, leased: bool, stop: Arc<AtomicBool>) -> Vec<Duration> {
    let mut osc = Osc::connect(at);
    if leased {
        osc.send("/subscribe", [text("/main/fader"), OscType::Int(60)]);
        std::thread::sleep(Duration::from_millis(500));
    }
    // No attack sets these.
    let address = if leased { "/main/trim" } else { "/main/pan" };
    let mut took = Vec::new();
    let mut n = 0u32;
    while !stop.load(Ordering::Relaxed) {
        n += 1;
        let value = (n % 100) as f32 / 100.0;
        let began = Instant::now();
        osc.send(address, [OscType::Float(value)]);
        osc.send(address, []);
        // What was lost is asked again, as an app's next move would.
        let (mut answered, mut asked) = (false, began);
        while !answered && began.elapsed() < Duration::from_secs(5) {
            let message = osc.receive(Duration::from_millis(200));
            answered = message.is_some_and(|m| m.addr == address && m.args == [OscType::Float(value)]);
            if !answered && asked.elapsed() > Duration::from_millis(200) {
                asked = Instant::now();
                osc.send(address, [OscType::Float(value)]);
                osc.send(address, []);
            }
        }
        took.push(began.elapsed());
        std::thread::sleep(Duration::from_millis(20));
    }
    took.sort();
    took
}

#[test]
fn a_storm_of_everything_leaves_memory_bounded_sound_whole_and_honest_clients_served() {
    let seconds: Option<u64> = std::env::var("HEADROOM_STORM").ok().and_then(|s| s.parse().ok());
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("rig.toml");
    std::fs::write(&path, rig()).expect("a file");
    let server = Headroom::spawn(&["run", &path.display().to_string(), "--log", "error"]);
    let at = server.osc_address();
    let mut osc = server.osc();
    let before = osc.status();
    let memory = resident_kb(server.pid());
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = [false, true]
        .map(|leased| {
            let stop = stop.clone();
            std::thread::spawn(move || honest(at, leased, stop))
        })
        .into();

    let mut storm = Storm { at, stop: stop.clone(), sent: Arc::default(), threads: Vec::new() };
    // One client as fast as it can.
    let (flood, set) = (socket(2), encoded("/ch/1/fader", vec![OscType::Float(-3.0)]));
    storm.blow(Duration::ZERO, move |at, _| (0..64).filter(|_| flood.send_to(&set, at).is_ok()).count());
    // Eight more, with whatever is dear.
    let (others, dear): (Vec<UdpSocket>, _) = ((3..11).map(socket).collect(), dear());
    storm.blow(Duration::from_millis(2), move |at, turn| {
        let send = |(n, other): (usize, &UdpSocket)| other.send_to(&dear[(turn + n) % dear.len()], at).is_ok();
        others.iter().enumerate().filter(|o| send(*o)).count()
    });
    // Source ports without number, each asking for everything.
    let everything = [encoded("/subscribe", vec![text("//"), OscType::Int(60), OscType::Float(100.0)]), encoded("//", vec![])];
    storm.blow(Duration::from_millis(1), move |at, turn| {
        let one = socket(20 + (turn % 60) as u8);
        everything.iter().filter(|packet| one.send_to(packet, at).is_ok()).count()
    });
    // Bundles for later.
    let later = socket(12);
    storm.blow(Duration::from_millis(1), move |at, _| {
        let due = std::time::SystemTime::now() + Duration::from_secs(30);
        let time = OscTime::try_from(due).expect("a time");
        let packet = bundle(time, vec![message("/ch/1/pan", [OscType::Float(0.5)]); 1_500]);
        usize::from(later.send_to(&packet, at).is_ok())
    });
    // Connections: silent ones, half frames, one byte at a time, and one that floods and never reads.
    let mut kept: Vec<TcpStream> = Vec::new();
    storm.blow(Duration::from_millis(2), move |at, turn| {
        if kept.len() > 300 {
            kept.clear();
        }
        let Ok(mut stream) = TcpStream::connect_timeout(&at, Duration::from_secs(1)) else { return 0 };
        let _ = stream.set_nonblocking(true);
        match turn % 3 {
            0 => {}
            1 => drop(stream.write(&[&b"\0\x07\xff\xf0/ch/"[..], &[b'a'; 400_000]].concat())),
            _ => kept.iter_mut().for_each(|s| drop(s.write(b"\xc0"))),
        }
        kept.push(stream);
        1
    });
    let mut stream: Option<TcpStream> = None;
    let asks = {
        let packet = encoded("//", vec![]);
        [&(packet.len() as u32).to_be_bytes(), packet.as_slice()].concat().repeat(100)
    };
    storm.blow(Duration::from_millis(1), move |at, _| {
        let open = || TcpStream::connect_timeout(&at, Duration::from_secs(1)).and_then(|s| s.set_nonblocking(true).map(|()| s));
        let Some(to) = stream.take().or_else(|| open().ok()) else { return 0 };
        let written = (&to).write(&asks);
        let goes_on = !written.as_ref().is_err_and(|e| e.kind() != std::io::ErrorKind::WouldBlock);
        stream = goes_on.then_some(to);
        usize::from(written.is_ok())
    });

    let until = Instant::now() + Duration::from_secs(seconds.unwrap_or(5));
    let mut most = 0;
    while Instant::now() < until {
        std::thread::sleep(Duration::from_millis(100));
        most = most.max(resident_kb(server.pid()));
    }
    stop.store(true, Ordering::Relaxed);
    storm.threads.into_iter().for_each(|t| t.join().expect("a storm"));
    let took: Vec<Vec<Duration>> = clients.into_iter().map(|c| c.join().expect("a client")).collect();

    // Afterwards all is as before.
    let mut osc = server.osc();
    osc.send("/ch/4/fader", [OscType::Float(-8.0)]);
    headroom_e2e::eventually("a set behind the storm", || {
        osc.send("/ch/4/fader", [OscType::Float(-8.0)]);
        osc.send("/ch/4/fader", []);
        osc.receive(Duration::from_millis(300)).is_some_and(|m| m.args == [OscType::Float(-8.0)])
    });
    while osc.receive(Duration::from_millis(300)).is_some() {}
    let status = osc.status();
    let since = |name: &str| status.number(name) - before.number(name);
    let period = status.number("period") / status.number("rate") * 1e6;
    println!(
        "{} packets sent; {} read, {} dropped by the kernel, {} shed, {} answers dropped, {} refused; memory {memory} kB, at most {most} kB",
        storm.sent.load(Ordering::Relaxed),
        since("packets"),
        since("kernel-dropped"),
        since("shed"),
        since("dropped"),
        since("refused"),
    );
    println!(
        "process time of {period:.0} µs: p50 {:.0} p99 {:.0} p99.9 {:.0} longest {:.0} µs",
        status.number("process-p50"),
        status.number("process-p99"),
        status.number("process-p999"),
        status.number("process-max"),
    );
    for (name, took) in ["without a lease", "with a lease"].iter().zip(&took) {
        let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
        println!("a client {name}: {} moves, median {:?}, 95 % {:?}, longest {:?}", took.len(), at(0.5), at(0.95), at(1.0));
        // The attackers, the clients and whatever else runs here share the CPUs with the server, so this is no figure
        // but a time to give up: without its limits the server answers nobody before the storm is over.
        let give_up = if *name == "with a lease" { 1 } else { 4 };
        assert!(at(0.5) < Duration::from_secs(give_up), "{name}: {:?}", at(0.5));
    }
    assert!(most < memory + BOUND_KB, "{memory} kB grew to {most} kB");
    assert!(status.number("process-p50") < period / 2.0);
    assert_eq!(status.number("faults"), 0.0);
    assert!(!server.output().contains("panicked"), "{}", server.output());
    assert!(server.stop().success());
}
