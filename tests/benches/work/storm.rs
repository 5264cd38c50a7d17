//! Sets as fast as one sender can, single and in bundles. Each window of packets ends with a question for the last
//! value that was set, and is lost where the answer is another. Beside it what a socket alone takes on this machine.

use crate::{median, percentile};
use rosc::{OscBundle, OscMessage, OscPacket, OscTime, OscType};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

const CHANNELS: usize = 32;
/// Packets between two questions.
const WINDOW: usize = 512;
/// Packets between two answers of the bare socket, whose buffer is the system's.
const BARE_WINDOW: usize = 64;
const SECONDS: f64 = 4.0;

/// What is set: faders, pans, EQ and dynamics of all channels, in turn.
fn set(n: usize) -> (String, f32) {
    let channel = n % CHANNELS + 1;
    let path = ["fader", "pan", "eq/2/gain", "trim", "comp/threshold", "eq/3/gain"][n / CHANNELS % 6];
    // Within the range of all of them.
    let share = (n * 7919 % 1000) as f32 / 1000.0;
    (format!("/ch/{channel}/{path}"), if path == "pan" { share } else { -10.0 * share })
}

fn message(address: &str, args: Vec<OscType>) -> OscPacket {
    OscPacket::Message(OscMessage { addr: address.into(), args })
}

fn encoded(packet: &OscPacket) -> Vec<u8> {
    rosc::encoder::encode(packet).expect("it can be encoded")
}

/// Packets of `per` sets each, with the last set of each.
fn packets(per: usize) -> Vec<(Vec<u8>, String, f32)> {
    let packet = |k: usize| {
        let sets: Vec<(String, f32)> = (k * per..(k + 1) * per).map(set).collect();
        let mut content: Vec<OscPacket> = sets.iter().map(|(a, v)| message(a, vec![OscType::Float(*v)])).collect();
        let packet = match per {
            1 => content.remove(0),
            _ => OscPacket::Bundle(OscBundle { timetag: OscTime { seconds: 0, fractional: 1 }, content }),
        };
        let (address, value) = sets[per - 1].clone();
        (encoded(&packet), address, value)
    };
    (0..2048).map(packet).collect()
}

fn client(at: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    socket.connect(at).expect("an address");
    socket.set_read_timeout(Some(Duration::from_secs(2))).expect("a timeout");
    socket
}

/// The number in the answer at `address`.
fn answer(socket: &UdpSocket, address: &str) -> f32 {
    let mut buffer = [0; 2048];
    loop {
        let length = socket.recv(&mut buffer).expect("an answer");
        let Ok((_, OscPacket::Message(answer))) = rosc::decoder::decode_udp(&buffer[..length]) else { continue };
        assert_ne!(answer.addr, "/error", "{:?}", answer.args);
        if answer.addr == address {
            return match &answer.args[0] {
                OscType::Float(x) => *x,
                other => panic!("{address} is {other:?}"),
            };
        }
    }
}

fn storm(at: SocketAddr, per: usize, spent: &impl Fn() -> u64) {
    let (socket, packets) = (client(at), packets(per));
    let (mut sent, mut lost, mut next) = (0usize, 0, 0);
    let (start, before) = (Instant::now(), spent());
    while start.elapsed().as_secs_f64() < SECONDS {
        let mut last = &packets[0];
        for _ in 0..WINDOW {
            last = &packets[next];
            next = (next + 1) % packets.len();
            socket.send(&last.0).expect("it is sent");
        }
        socket.send(&encoded(&message(&last.1, vec![]))).expect("it is sent");
        lost += usize::from((answer(&socket, &last.1) - last.2).abs() > 1e-4);
        sent += WINDOW * per;
    }
    let rate = sent as f64 / start.elapsed().as_secs_f64();
    println!(
        "{:>24} {rate:>11.0} sets/s, {:.0} packets/s, {lost} windows lost; a set costs the server {:.0} ns",
        format!("{per} a packet"),
        rate / per as f64,
        (spent() - before) as f64 / sent as f64
    );
}

/// Packets a second that a bare socket passes from one thread to another.
fn bare() -> f64 {
    let receiver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    let sender = client(receiver.local_addr().expect("its address"));
    receiver.connect(sender.local_addr().expect("its address")).expect("an address");
    let packets = packets(1);
    let thread = std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        let mut count = 0usize;
        while let Ok(length) = receiver.recv(&mut buffer) {
            count += 1;
            match length {
                0 => break,
                _ if count.is_multiple_of(BARE_WINDOW) => receiver.send(b"on").map_or((), drop),
                _ => (),
            }
        }
        count
    });
    let (start, mut buffer) = (Instant::now(), [0; 8]);
    let mut next = 0;
    while start.elapsed().as_secs_f64() < SECONDS / 2.0 {
        for _ in 0..BARE_WINDOW {
            sender.send(&packets[next].0).expect("it is sent");
            next = (next + 1) % packets.len();
        }
        sender.recv(&mut buffer).expect("the other thread answers");
    }
    let elapsed = start.elapsed().as_secs_f64();
    sender.send(&[]).expect("it is sent");
    thread.join().expect("the other thread") as f64 / elapsed
}

/// Milliseconds from a set until `question` is answered.
fn latency(at: SocketAddr, question: &str, args: &[OscType]) -> Vec<f64> {
    let socket = client(at);
    let once = |n: usize| {
        let value = -10.0 * (n % 100) as f32 / 100.0;
        let begin = Instant::now();
        socket.send(&encoded(&message("/ch/3/fader", vec![OscType::Float(value)]))).expect("it is sent");
        socket.send(&encoded(&message(question, args.to_vec()))).expect("it is sent");
        let told = answer(&socket, question);
        assert!(question != "/ch/3/fader" || (told - value).abs() < 1e-4, "the set was read back");
        let took = begin.elapsed().as_secs_f64() * 1e3;
        // Not in step with the periods.
        std::thread::sleep(Duration::from_micros(700 + (n % 13) as u64 * 111));
        took
    };
    (0..1500).map(once).collect()
}

pub fn run(at: SocketAddr, spent: impl Fn() -> u64) {
    println!("OSC over UDP at 32 strips under JACK, 64 frames (1.33 ms)");
    for (name, question, args) in
        [("set to read back", "/ch/3/fader", vec![]), ("set to in the engine", "/ping", vec![OscType::Float(1.0)])]
    {
        let times = latency(at, question, &args);
        let (mid, p99) = (median(times.clone()), percentile(times, 0.99));
        println!("{name:>24} {mid:>11.3} ms median, {p99:.3} ms p99");
    }
    println!("{:>24} {:>11.0} packets/s", "a bare socket", bare());
    for per in [1, 20] {
        storm(at, per, &spent);
    }
}
