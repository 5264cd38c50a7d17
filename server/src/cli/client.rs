//! A client of a running server, for the commands that ask more than one thing of it.

use super::Fail;
use headroom_protocol::osc::decode;
use headroom_protocol::osc::encode::{Arg, Encoder};
use std::collections::VecDeque;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

/// Longest wait for an answer.
pub const PATIENCE: Duration = Duration::from_secs(1);
/// Port where none is named.
pub const PORT: u16 = 9000;
/// Asked after a pattern: what comes before its answer belongs to the pattern.
const END: &str = "/info";

/// One argument of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// Text.
    Text(String),
}

impl Told {
    /// As a number; text reads 0.
    pub fn number(&self) -> f64 {
        match self {
            Told::Int(n) => *n as f64,
            Told::Float(x) => *x,
            Told::Text(_) => 0.0,
        }
    }

    /// As text; a number reads empty.
    pub fn text(&self) -> &str {
        match self {
            Told::Text(text) => text,
            _ => "",
        }
    }
}

/// A message of the server.
pub type Message = (String, Vec<Told>);

/// See the module documentation.
pub struct Client {
    at: SocketAddr,
    socket: UdpSocket,
    encoder: Encoder,
    buffer: Vec<u8>,
    waiting: VecDeque<Message>,
}

/// Text of a server for a terminal: what would move its cursor or change its colours is spelled.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

/// The address that a `--to` names; port 9000 where it names none.
pub fn server(to: &str) -> Result<SocketAddr, Fail> {
    let found = to.to_socket_addrs().or_else(|_| (to.trim_matches(['[', ']']), PORT).to_socket_addrs());
    let at = found.ok().and_then(|mut all| all.next());
    at.ok_or_else(|| Fail::input(format!("\"{to}\" is nowhere to send to; expected HOST:PORT, such as 192.168.1.20:9000")))
}

impl Client {
    /// A client of the server at an address, logged in with the first line of a file, or with $HEADROOM_TOKEN, if there is one.
    pub fn connect(at: SocketAddr, token_file: Option<&Path>) -> Result<Client, Fail> {
        let failed = |error: std::io::Error| Fail::running(format!("{at}: {error}"));
        let any: SocketAddr = if at.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
        let socket = UdpSocket::bind(any).map_err(failed)?;
        socket.connect(at).map_err(failed)?;
        let mut client = Client { at, socket, encoder: Encoder::new(), buffer: vec![0; 65_536], waiting: VecDeque::new() };
        if let Some(token) = super::send::token(token_file)? {
            client.ask("/login", [Arg::from(token)])?;
        }
        Ok(client)
    }

    /// Sends a message; false where the system did not take it.
    pub fn send(&mut self, address: &str, args: impl IntoIterator<Item = Arg>) -> bool {
        let mut bytes = Vec::new();
        self.encoder.message(address, args, &mut bytes);
        self.socket.send(&bytes).is_ok()
    }

    /// Sends bytes that are a packet.
    pub fn send_raw(&self, bytes: &[u8]) -> bool {
        self.socket.send(bytes).is_ok()
    }

    /// The next message until a time; None where there is none.
    pub fn receive(&mut self, until: Instant) -> Option<Message> {
        loop {
            if let Some(message) = self.waiting.pop_front() {
                return Some(message);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            self.socket.set_read_timeout(Some(left)).ok()?;
            let length = match self.socket.recv(&mut self.buffer) {
                Ok(length) => length,
                // A port that nobody listens on answers with an error of its own; whoever waits may ask again.
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                    std::thread::sleep(left.min(Duration::from_millis(20)));
                    continue;
                }
                Err(_) => return None,
            };
            let Ok(packet) = decode::packet(&self.buffer[..length]) else { continue };
            self.waiting.extend(packet.messages().map(|(_, m)| (m.address.to_owned(), m.args.map(told).collect())));
        }
    }

    /// What an address answers, within a second.
    pub fn ask(&mut self, address: &str, args: impl IntoIterator<Item = Arg>) -> Result<Vec<Told>, Fail> {
        self.send(address, args);
        let until = Instant::now() + PATIENCE;
        while let Some((answered, args)) = self.receive(until) {
            match answered.as_str() {
                "/error" => return Err(Fail::running(visible(&args.iter().map(Told::text).collect::<Vec<_>>().join(": ")))),
                answered if answered == address => return Ok(args),
                _ => {}
            }
        }
        Err(self.silent())
    }

    /// What these patterns reach, within a second.
    pub fn ask_all(&mut self, patterns: &[&str]) -> Result<Vec<Message>, Fail> {
        for pattern in patterns {
            self.send(pattern, []);
        }
        self.send(END, []);
        let (until, mut all) = (Instant::now() + PATIENCE, Vec::new());
        while let Some(message) = self.receive(until) {
            if message.0 == END {
                return Ok(all);
            }
            all.push(message);
        }
        Err(self.silent())
    }

    fn silent(&self) -> Fail {
        Fail::running(format!("no answer from {} within a second; is headroom running there?", self.at))
    }
}

fn told(arg: decode::Arg<'_>) -> Told {
    match arg {
        decode::Arg::Int(n) => Told::Int(n.into()),
        decode::Arg::Long(n) => Told::Int(n),
        decode::Arg::Bool(on) => Told::Int(on.into()),
        decode::Arg::Float(x) => Told::Float(x.into()),
        decode::Arg::Double(x) => Told::Float(x),
        decode::Arg::Str(text) | decode::Arg::Symbol(text) => Told::Text(text.to_owned()),
        other => Told::Text(format!("{other:?}")),
    }
}
