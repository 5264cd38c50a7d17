//! An OSC client over UDP.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use rosc::{OscBundle, OscMessage, OscPacket, OscTime, OscType};

/// A client with a socket of its own; what comes back is read message by message, bundles unpacked.
pub struct Osc {
    socket: UdpSocket,
    waiting: std::collections::VecDeque<OscMessage>,
}

impl Osc {
    /// A client of the server at `address`.
    ///
    /// # Panics
    /// When there is no socket to be had.
    pub fn connect(address: SocketAddr) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        socket.connect(address).expect("an address");
        Osc { socket, waiting: Default::default() }
    }

    /// The port that answers come to.
    pub fn port(&self) -> u16 {
        self.socket.local_addr().expect("a bound socket").port()
    }

    /// Send one message.
    ///
    /// # Panics
    /// When it cannot be encoded or sent.
    pub fn send(&self, address: &str, arguments: impl IntoIterator<Item = OscType>) {
        self.send_packet(&message(address, arguments));
    }

    /// Send messages as one bundle for `time`.
    ///
    /// # Panics
    /// As [`Osc::send`].
    pub fn send_bundle(&self, time: OscTime, messages: impl IntoIterator<Item = OscPacket>) {
        let content = messages.into_iter().collect();
        self.send_packet(&OscPacket::Bundle(OscBundle { timetag: time, content }));
    }

    fn send_packet(&self, packet: &OscPacket) {
        let bytes = rosc::encoder::encode(packet).expect("a packet that can be encoded");
        self.send_raw(&bytes);
    }

    /// Send these bytes, whatever they mean.
    ///
    /// # Panics
    /// When they cannot be sent.
    pub fn send_raw(&self, bytes: &[u8]) {
        self.socket.send(bytes).expect("the packet is sent");
    }

    /// The next message within `patience`.
    ///
    /// # Panics
    /// When what arrives is not OSC.
    pub fn receive(&mut self, patience: Duration) -> Option<OscMessage> {
        let until = Instant::now() + patience;
        let mut buffer = [0; 65_536];
        while self.waiting.is_empty() {
            let left = until.checked_duration_since(Instant::now()).filter(|d| !d.is_zero())?;
            self.socket.set_read_timeout(Some(left)).expect("a timeout");
            // A refused connection shows here when nobody listens yet.
            let Ok(length) = self.socket.recv(&mut buffer) else {
                continue;
            };
            let (rest, packet) = rosc::decoder::decode_udp(&buffer[..length]).expect("OSC");
            assert!(rest.is_empty(), "{} bytes after the packet", rest.len());
            self.unpack(packet);
        }
        self.waiting.pop_front()
    }

    fn unpack(&mut self, packet: OscPacket) {
        match packet {
            OscPacket::Message(message) => self.waiting.push_back(message),
            OscPacket::Bundle(bundle) => bundle.content.into_iter().for_each(|p| self.unpack(p)),
        }
    }

    /// Ask `address` and give the arguments of its answer; other messages that arrive meanwhile are dropped.
    ///
    /// # Panics
    /// When there is no answer within five seconds, or `/error`.
    pub fn ask(&mut self, address: &str) -> Vec<OscType> {
        self.command(address, [])
    }

    /// Send a message that is answered at its own address, and give the answer's arguments.
    ///
    /// # Panics
    /// As [`Osc::ask`].
    pub fn command(&mut self, address: &str, arguments: impl IntoIterator<Item = OscType>) -> Vec<OscType> {
        self.send(address, arguments);
        let until = Instant::now() + Duration::from_secs(5);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let answer = self.receive(left).unwrap_or_else(|| panic!("no answer to {address}"));
            if is_same(address, &answer.addr) {
                return answer.args;
            }
            if answer.addr == "/error" {
                panic!("{address}: {:?}", answer.args);
            }
        }
    }

    /// The first number that `address` answers with.
    ///
    /// # Panics
    /// As [`Osc::ask`], and when it answers with something else.
    pub fn number(&mut self, address: &str) -> f64 {
        match self.ask(address).first() {
            Some(OscType::Float(v)) => f64::from(*v),
            Some(OscType::Int(v)) => f64::from(*v),
            Some(OscType::Double(v)) => *v,
            other => panic!("{address} answers {other:?}"),
        }
    }

    /// How the server stands: the names and values of `/status`.
    ///
    /// # Panics
    /// As [`Osc::ask`].
    pub fn status(&mut self) -> Status {
        let words = self.ask("/status");
        Status(words.chunks_exact(2).map(|p| (p[0].clone().string().expect("a name"), p[1].clone())).collect())
    }
}

/// What `/status` answered.
#[derive(Clone, Debug)]
pub struct Status(std::collections::BTreeMap<String, OscType>);

impl Status {
    /// A number in it.
    ///
    /// # Panics
    /// When it holds no number of that name.
    pub fn number(&self, name: &str) -> f64 {
        match self.0.get(name) {
            Some(OscType::Int(n)) => f64::from(*n),
            Some(OscType::Float(x)) => f64::from(*x),
            other => panic!("{name} of /status is {other:?}"),
        }
    }

    /// A text in it.
    ///
    /// # Panics
    /// When it holds no text of that name.
    pub fn text(&self, name: &str) -> &str {
        match self.0.get(name) {
            Some(OscType::String(s)) => s,
            other => panic!("{name} of /status is {other:?}"),
        }
    }
}

/// Whether an answer's address is the one that was asked; ids are answered as numbers.
fn is_same(asked: &str, answered: &str) -> bool {
    let ids = |(a, b): (&str, &str)| a == b || b.parse::<usize>().is_ok() && a.parse::<usize>().is_err();
    asked.split('/').count() == answered.split('/').count() && asked.split('/').zip(answered.split('/')).all(ids)
}

/// A message, to be put into a bundle.
pub fn message(address: &str, arguments: impl IntoIterator<Item = OscType>) -> OscPacket {
    OscPacket::Message(OscMessage { addr: address.into(), args: arguments.into_iter().collect() })
}
