//! How many sets a second the control plane takes, and how soon a set can be read back.
//!
//! `cargo run --release -p headroom --example storm [SECONDS]` starts a rig of 32 channels and 8 auxes
//! on the internal clock at 64 frames and sends to it over loopback from one thread. Every window of
//! packets ends with a question for the last value that was set: a window counts when the answer is it.

use headroom::backend::{self, Config, Format, Kind};
use headroom::console::{Console, LiveOptions, port_specs};
use headroom::hub::Hub;
use headroom::net::{Event, Server, Sockets, moment};
use headroom::rig;
use headroom_dsp::desk::Desk;
use headroom_dsp::lanes::Path;
use headroom_dsp::tree::Tree;
use rosc::{OscBundle, OscMessage, OscPacket, OscTime, OscType};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

const CHANNELS: usize = 32;
const AUXES: usize = 8;
/// Packets between two questions; they fit the server's receive buffer.
const WINDOW: usize = 512;

fn rig_text() -> String {
    let channels: String = (1..=CHANNELS).map(|n| format!("[[channel]]\nname = \"Ch {n}\"\n")).collect();
    let auxes: String = (1..=AUXES).map(|n| format!("[[bus]]\nname = \"Aux {n}\"\nkind = \"aux\"\n")).collect();
    format!("name = \"storm\"\n{channels}{auxes}[main]\n")
}

/// What is set: faders, sends, EQ and dynamics of all channels, in turn.
fn address(n: usize) -> String {
    let channel = n % CHANNELS + 1;
    match n / CHANNELS % 6 {
        0 => format!("/ch/{channel}/fader"),
        1 => format!("/ch/{channel}/pan"),
        2 => format!("/ch/{channel}/eq/2/gain"),
        3 => format!("/ch/{channel}/send/{}/level", n % AUXES + 1),
        4 => format!("/ch/{channel}/comp/threshold"),
        _ => format!("/ch/{channel}/eq/3/gain"),
    }
}

fn set(n: usize) -> (String, f32) {
    // Within the range of all of them.
    let address = address(n);
    let share = (n * 7919 % 1000) as f32 / 1000.0;
    let value = if address.ends_with("pan") { share } else { -10.0 * share };
    (address, value)
}

fn message(address: &str, args: Vec<OscType>) -> OscPacket {
    OscPacket::Message(OscMessage { addr: address.into(), args })
}

/// Packets of `per` sets each, and the last set of each.
fn packets(per: usize) -> Vec<(Vec<u8>, String, f32)> {
    let packet = |k: usize| {
        let sets: Vec<(String, f32)> = (k * per..(k + 1) * per).map(set).collect();
        let mut content: Vec<OscPacket> = sets.iter().map(|(a, v)| message(a, vec![OscType::Float(*v)])).collect();
        let packet = match per {
            1 => content.remove(0),
            _ => OscPacket::Bundle(OscBundle { timetag: OscTime { seconds: 0, fractional: 1 }, content }),
        };
        let (address, value) = sets[per - 1].clone();
        (rosc::encoder::encode(&packet).expect("it can be encoded"), address, value)
    };
    (0..2048).map(packet).collect()
}

fn ask(socket: &UdpSocket, address: &str) -> f32 {
    let mut buffer = [0; 2048];
    socket.send(&rosc::encoder::encode(&message(address, vec![])).expect("it can be encoded")).expect("it is sent");
    loop {
        let length = socket.recv(&mut buffer).expect("an answer");
        let Ok((_, OscPacket::Message(answer))) = rosc::decoder::decode_udp(&buffer[..length]) else { continue };
        if answer.addr == address {
            return answer.args[0].clone().float().expect("a number");
        }
    }
}

fn storm(at: SocketAddr, per: usize, seconds: f64) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    socket.connect(at).expect("an address");
    socket.set_read_timeout(Some(Duration::from_secs(2))).expect("a timeout");
    let packets = packets(per);
    let (mut sent, mut lost, mut next) = (0usize, 0, 0);
    let start = Instant::now();
    while start.elapsed().as_secs_f64() < seconds {
        let mut last = &packets[0];
        for _ in 0..WINDOW {
            last = &packets[next % packets.len()];
            socket.send(&last.0).expect("it is sent");
            next += 1;
        }
        lost += usize::from(ask(&socket, &last.1) != last.2);
        sent += WINDOW * per;
    }
    let rate = sent as f64 / start.elapsed().as_secs_f64();
    println!("{per:>2} a packet: {:>9.0} sets/s, {:>7.0} packets/s, {lost} windows not read back", rate, rate / per as f64);
}

fn latency(at: SocketAddr, count: usize) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    socket.connect(at).expect("an address");
    socket.set_read_timeout(Some(Duration::from_secs(2))).expect("a timeout");
    let mut times: Vec<Duration> = Vec::new();
    for n in 0..count {
        let value = -((n % 50) as f32);
        let set = rosc::encoder::encode(&message("/ch/1/fader", vec![OscType::Float(value)])).expect("it can be encoded");
        let start = Instant::now();
        socket.send(&set).expect("it is sent");
        assert_eq!(ask(&socket, "/ch/1/fader"), value);
        times.push(start.elapsed());
        std::thread::sleep(Duration::from_millis(1));
    }
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!("set to read back: median {:.3} ms, p99 {:.3} ms, most {:.3} ms", at(0.5), at(0.99), at(1.0));
}

fn main() {
    let seconds = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(5.0);
    let rig = rig::parse(&rig_text(), "storm.toml").unwrap_or_else(|e| panic!("{}", e.0.render(false)));
    let values = Tree::new(&rig.spec).defaults();
    let tree = Tree::new(&rig.spec);
    let desk = Desk::with(rig.spec, tree, values, 48_000.0, Path::best()).expect("the rig compiles");
    let config = Config { client: "storm".into(), format: Format { rate: 48_000, period: 64 } };
    let backend = backend::open(Kind::Internal, &config, port_specs(&desk.plan().ports)).expect("a clock");
    let console = Console::start(desk, backend, LiveOptions::default(), |live| Box::new(live));
    let sockets = Sockets::bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a port");
    let at = sockets.local_addr().expect("an address");
    let hub = Hub::new(console, &rig.settings.osc, 1, Box::new(moment));
    let (server, mail) = Server::new(hub, sockets).expect("a server");
    let thread = std::thread::spawn(move || server.run());
    latency(at, 2000);
    storm(at, 1, seconds);
    storm(at, 20, seconds);
    storm(at, 40, seconds);
    mail.send(Event::Stop);
    let mut hub = thread.join().expect("the server's thread").expect("it served");
    println!("{:?}", hub.counters());
    hub.into_mixer().stop();
}
