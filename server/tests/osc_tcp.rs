//! Native OSC over TCP: both framings, many packets in one write, clients that do not read.

mod stage;

use rosc::{OscMessage, OscType};
use stage::{PATIENCE, QUIET, Stage, encode, f, message, unpack};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

const END: u8 = 0xc0;

#[derive(Clone, Copy, PartialEq)]
enum Framing {
    Slip,
    Length,
}

struct Connection {
    stream: TcpStream,
    framing: Framing,
    bytes: Vec<u8>,
    waiting: VecDeque<OscMessage>,
}

fn framed(framing: Framing, packet: &[u8]) -> Vec<u8> {
    match framing {
        Framing::Length => [&(packet.len() as u32).to_be_bytes(), packet].concat(),
        Framing::Slip => {
            let mut out = vec![END];
            for byte in packet {
                match byte {
                    0xc0 => out.extend([0xdb, 0xdc]),
                    0xdb => out.extend([0xdb, 0xdd]),
                    other => out.push(*other),
                }
            }
            out.push(END);
            out
        }
    }
}

impl Connection {
    fn open(stage: &Stage, framing: Framing) -> Connection {
        let stream = TcpStream::connect(stage.at).expect("a connection");
        Connection { stream, framing, bytes: Vec::new(), waiting: VecDeque::new() }
    }

    fn send(&mut self, address: &str, args: &[OscType]) {
        let bytes = framed(self.framing, &encode(&message(address, args)));
        self.stream.write_all(&bytes).expect("it is sent");
    }

    /// Takes one packet out of what arrived.
    fn packet(&mut self) -> Option<Vec<u8>> {
        match self.framing {
            Framing::Length => {
                let size = u32::from_be_bytes(*self.bytes.first_chunk()?) as usize;
                if self.bytes.len() < 4 + size {
                    return None;
                }
                let rest = self.bytes.split_off(4 + size);
                Some(std::mem::replace(&mut self.bytes, rest).split_off(4))
            }
            Framing::Slip => {
                let begin = self.bytes.iter().position(|b| *b != END)?;
                let end = begin + self.bytes[begin..].iter().position(|b| *b == END)?;
                let rest = self.bytes.split_off(end);
                let frame = std::mem::replace(&mut self.bytes, rest).split_off(begin);
                let mut packet = Vec::new();
                let mut bytes = frame.into_iter();
                while let Some(byte) = bytes.next() {
                    packet.push(match byte {
                        0xdb if bytes.next() == Some(0xdc) => 0xc0,
                        0xdb => 0xdb,
                        other => other,
                    });
                }
                Some(packet)
            }
        }
    }

    fn next(&mut self, patience: std::time::Duration) -> Option<OscMessage> {
        let until = Instant::now() + patience;
        let mut buffer = [0; 65_536];
        loop {
            if let Some(message) = self.waiting.pop_front() {
                return Some(message);
            }
            while let Some(packet) = self.packet() {
                unpack(rosc::decoder::decode_udp(&packet).expect("OSC").1, &mut self.waiting);
            }
            if !self.waiting.is_empty() {
                continue;
            }
            let left = until.checked_duration_since(Instant::now()).filter(|d| !d.is_zero())?;
            self.stream.set_read_timeout(Some(left)).expect("a timeout");
            match self.stream.read(&mut buffer) {
                Ok(0) => return None,
                Ok(length) => self.bytes.extend_from_slice(&buffer[..length]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return None,
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn until(&mut self, address: &str) -> Vec<OscType> {
        loop {
            let message = self.next(PATIENCE).unwrap_or_else(|| panic!("nothing came to {address}"));
            if message.addr == address {
                return message.args;
            }
            assert!(message.addr != "/error" || address == "/error", "{:?}", message.args);
        }
    }
}

#[test]
fn both_framings_are_told_apart_and_answered_alike() {
    let stage = Stage::new();
    for framing in [Framing::Slip, Framing::Length] {
        let mut app = Connection::open(&stage, framing);
        app.send("/ch/1/fader", &[f(-6.3)]);
        app.send("/ch/1/fader", &[]);
        assert_eq!(app.until("/ch/1/fader"), [f(-6.3)]);
        // The float above holds SLIP's END, this text its ESC.
        app.send("/ch/1/name", &["\u{6c0}\u{6db}\u{b000}".into()]);
        app.send("/ch/1/name", &[]);
        assert_eq!(app.until("/ch/1/name"), ["\u{6c0}\u{6db}\u{b000}".into()]);
    }
}

#[test]
fn packets_in_one_write_and_packets_in_pieces() {
    let stage = Stage::new();
    for framing in [Framing::Slip, Framing::Length] {
        let mut app = Connection::open(&stage, framing);
        let mut bytes = Vec::new();
        for n in 0..1000 {
            bytes.extend(framed(framing, &encode(&message("/ch/2/fader", &[f(-(n as f32) / 100.0)]))));
        }
        bytes.extend(framed(framing, &encode(&message("/ch/2/fader", &[]))));
        let (first, rest) = bytes.split_at(bytes.len() / 3 + 1);
        app.stream.write_all(first).unwrap();
        std::thread::sleep(QUIET);
        app.stream.write_all(rest).unwrap();
        assert_eq!(app.until("/ch/2/fader"), [f(-9.99)]);
    }
}

#[test]
fn a_connection_is_told_changes_and_tells_them() {
    let stage = Stage::new();
    let mut one = Connection::open(&stage, Framing::Slip);
    let mut two = stage.client();
    one.send("/subscribe", &["/ch/*/fader".into()]);
    one.until("/subscribe");
    two.subscribe("/ch/*/fader");
    two.send("/ch/1/fader", &[f(-1.0)]);
    assert_eq!(one.until("/ch/1/fader"), [f(-1.0)]);
    one.send("/ch/1/fader", &[f(-2.0)]);
    assert_eq!(two.until("/ch/1/fader"), [f(-2.0)]);
    while let Some(message) = one.next(QUIET) {
        assert_eq!(message.addr, "/rev");
    }
}

#[test]
fn who_asks_and_hangs_up_gets_the_answer() {
    let stage = Stage::new();
    let mut app = Connection::open(&stage, Framing::Length);
    app.send("/ch/1/fader", &[]);
    app.stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(app.until("/ch/1/fader"), [f(-5.0)]);
    assert_eq!(app.next(PATIENCE), None);
}

#[test]
fn what_is_no_osc_is_hung_up_on() {
    let stage = Stage::new();
    let mut app = Connection::open(&stage, Framing::Slip);
    app.stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut rest = Vec::new();
    app.stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let _ = app.stream.read_to_end(&mut rest);
    assert!(rest.is_empty());
    assert_eq!(stage.client().number("/ch/1/fader"), -5.0);
}

#[test]
fn one_that_does_not_read_holds_nobody_up_and_ends_with_the_latest() {
    let stage = Stage::new();
    let mut deaf = Connection::open(&stage, Framing::Length);
    deaf.send("/subscribe", &["//".into(), OscType::Int(10), f(100.0)]);
    let mut app = stage.client();
    for n in 0..20_000 {
        app.send("/ch/1/fader", &[f(-((n % 500) as f32) / 10.0)]);
        if n % 100 == 0 {
            app.send("/ch/*/pan", &[f((n % 700) as f32 / 1000.0)]);
            app.ping();
        }
    }
    app.send("/ch/1/fader", &[f(-3.5)]);
    app.send("/ch/2/pan", &[f(0.125)]);
    app.ping();
    let (mut fader, mut pan) = (None, None);
    while let Some(message) = deaf.next(QUIET) {
        match message.addr.as_str() {
            "/ch/1/fader" => fader = message.args.first().cloned(),
            "/ch/2/pan" => pan = message.args.first().cloned(),
            _ => {}
        }
    }
    assert_eq!((fader, pan), (Some(f(-3.5)), Some(f(0.125))));
}
