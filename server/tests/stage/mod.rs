//! A running server on loopback, and clients that speak to it as any app would.
#![allow(dead_code)]

use headroom::backend::{self, Config, Format, Kind};
use headroom::console::{Console, LiveOptions, Source, port_specs};
use headroom::hub::Hub;
use headroom::net::{Event, Mail, Server, Sockets, moment};
use headroom::rig;
use headroom::state::{Memory, load};
use rosc::{OscBundle, OscMessage, OscPacket, OscTime, OscType};
use std::collections::{HashMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Two channels, a wedge, a DCA.
pub const STAGE: &str = r#"
name = "Small stage"
[audio]
backend = "internal"
[[channel]]
name = "Kick"
fader = -5.0
dca = ["band"]
[[channel]]
name = "Lead vox"
[[channel]]
name = "Keys"
stereo = true
[[bus]]
name = "Wedge 1"
kind = "aux"
[[dca]]
name = "Band"
[main]
[monitor]
"#;

/// Longest wait for what has to come.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// Long enough for what must not come.
pub const QUIET: Duration = Duration::from_millis(150);

/// A running server. Dropping it ends it.
pub struct Stage {
    pub at: SocketAddr,
    pub mail: Mail<Console>,
    thread: Option<JoinHandle<()>>,
}

/// A console as the rig's text describes it, on the internal clock.
pub fn console(text: &str, source: Source) -> (Console, rig::Settings) {
    let rig = rig::parse(text, "stage.toml").unwrap_or_else(|e| panic!("{}", e.0.render(false)));
    let (desk, loaded) = load::desk(&rig, &rig.spec, &Memory::default(), &HashMap::new(), 48_000.0).expect("the rig compiles");
    let config = Config { client: "test".into(), format: Format { rate: 48_000, period: 64 }, ..Config::default() };
    let backend = backend::open(Kind::Internal, &config, port_specs(&desk.plan().ports)).expect("a clock");
    let options = LiveOptions { source, memory: loaded.memory, ..LiveOptions::default() };
    (Console::start(desk, backend, options, |live| Box::new(live)), rig.settings)
}

impl Stage {
    pub fn new() -> Stage {
        Stage::of(STAGE)
    }

    pub fn of(text: &str) -> Stage {
        Stage::from(text, Source::default())
    }

    pub fn from(text: &str, source: Source) -> Stage {
        let (console, settings) = console(text, source);
        let sockets = Sockets::bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a port");
        let at = sockets.local_addr().expect("an address");
        let (server, mail) = Server::new(Hub::new(console, &settings, 1000, Box::new(moment)), sockets).expect("a server");
        let thread = std::thread::spawn(move || server.run().expect("it serves").into_parts().0.stop());
        Stage { at, mail, thread: Some(thread) }
    }

    pub fn client(&self) -> Client {
        Client::of(self.at)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.mail.send(Event::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// An app with one UDP socket.
pub struct Client {
    pub socket: UdpSocket,
    pub waiting: VecDeque<OscMessage>,
}

pub fn message(address: &str, args: &[OscType]) -> OscPacket {
    OscPacket::Message(OscMessage { addr: address.into(), args: args.to_vec() })
}

pub fn encode(packet: &OscPacket) -> Vec<u8> {
    rosc::encoder::encode(packet).expect("it can be encoded")
}

/// The time tag of a point `ahead` of now.
pub fn ahead(ahead: Duration) -> OscTime {
    OscTime::try_from(std::time::SystemTime::now() + ahead).expect("a time tag")
}

impl Client {
    pub fn of(server: SocketAddr) -> Client {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        socket.connect(server).expect("an address");
        Client { socket, waiting: VecDeque::new() }
    }

    pub fn port(&self) -> u16 {
        self.socket.local_addr().expect("an address").port()
    }

    pub fn send(&self, address: &str, args: &[OscType]) {
        self.raw(&encode(&message(address, args)));
    }

    pub fn bundle(&self, time: Option<OscTime>, messages: &[(&str, OscType)]) {
        let timetag = time.unwrap_or(OscTime { seconds: 0, fractional: 1 });
        let content = messages.iter().map(|(address, arg)| message(address, std::slice::from_ref(arg))).collect();
        self.raw(&encode(&OscPacket::Bundle(OscBundle { timetag, content })));
    }

    pub fn raw(&self, bytes: &[u8]) {
        self.socket.send(bytes).expect("it is sent");
    }

    /// The next datagram within a time.
    pub fn datagram(&mut self, patience: Duration) -> Option<Vec<u8>> {
        let until = Instant::now() + patience;
        let mut buffer = [0; 65_536];
        loop {
            let left = until.checked_duration_since(Instant::now()).filter(|d| !d.is_zero())?;
            self.socket.set_read_timeout(Some(left)).expect("a timeout");
            if let Ok(length) = self.socket.recv(&mut buffer) {
                return Some(buffer[..length].to_vec());
            }
        }
    }

    /// The next message within a time; bundles are unpacked.
    pub fn next(&mut self, patience: Duration) -> Option<OscMessage> {
        let until = Instant::now() + patience;
        while self.waiting.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            let bytes = self.datagram(left)?;
            let (_, packet) = rosc::decoder::decode_udp(&bytes).expect("OSC");
            unpack(packet, &mut self.waiting);
        }
        self.waiting.pop_front()
    }

    /// The next message to an address; what comes before it is dropped.
    pub fn until(&mut self, address: &str) -> Vec<OscType> {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let message = self.next(left).unwrap_or_else(|| panic!("nothing came to {address}"));
            if message.addr == address {
                return message.args;
            }
            assert!(message.addr != "/error" || address == "/error", "{address}: {:?}", message.args);
        }
    }

    /// Asks one address.
    pub fn ask(&mut self, address: &str) -> OscType {
        self.send(address, &[]);
        self.until(address).swap_remove(0)
    }

    pub fn number(&mut self, address: &str) -> f32 {
        match self.ask(address) {
            OscType::Float(x) => x,
            OscType::Int(x) => x as f32,
            other => panic!("{address} is {other:?}"),
        }
    }

    /// All that was sent before has reached the engine, and all answers are in.
    pub fn ping(&mut self) {
        self.send("/ping", &[OscType::Int(7)]);
        assert_eq!(self.until("/ping"), [OscType::Int(7)]);
    }

    /// What comes within a while, but for `/rev`.
    pub fn hears(&mut self, patience: Duration) -> Vec<OscMessage> {
        let until = Instant::now() + patience;
        let mut heard = Vec::new();
        while let Some(message) = self.next(until.saturating_duration_since(Instant::now())) {
            if message.addr != "/rev" {
                heard.push(message);
            }
        }
        heard
    }

    /// Subscribes, and waits for the present values to be over; they are returned.
    pub fn subscribe(&mut self, pattern: &str) -> Vec<OscMessage> {
        self.send("/subscribe", &[pattern.into()]);
        let mut values = Vec::new();
        loop {
            let message = self.next(PATIENCE).expect("an answer to /subscribe");
            match message.addr.as_str() {
                "/subscribe" => return values,
                "/error" => panic!("{:?}", message.args),
                "/rev" => {}
                _ => values.push(message),
            }
        }
    }
}

pub fn unpack(packet: OscPacket, into: &mut VecDeque<OscMessage>) {
    match packet {
        OscPacket::Message(message) => into.push_back(message),
        OscPacket::Bundle(bundle) => bundle.content.into_iter().for_each(|p| unpack(p, into)),
    }
}

pub fn f(x: f32) -> OscType {
    OscType::Float(x)
}
