//! Clients of the web mixer's server: HTTP as it goes over the wire, and WebSockets by another library.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rosc::{OscMessage, OscPacket, OscType};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

/// An answer of HTTP.
pub struct Answer {
    /// 200, 404.
    pub status: u16,
    /// Its header lines.
    pub head: String,
    /// What follows.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// Where it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|l| l.split_once(": ").filter(|h| h.0.eq_ignore_ascii_case(name)).map(|h| h.1))
    }
}

/// One request of a connection of its own; `headers` are whole lines.
///
/// # Panics
/// Where nothing that is HTTP comes back.
pub fn get(at: SocketAddr, path: &str, headers: &[&str]) -> Answer {
    let lines: String = headers.iter().map(|h| format!("{h}\r\n")).collect();
    let raw = raw(at, format!("GET {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n{lines}\r\n").as_bytes());
    let split = raw.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&raw)));
    let head = String::from_utf8_lossy(&raw[..split]).into_owned();
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
    Answer { status, head, body: raw[split + 4..].to_vec() }
}

/// Whatever comes back for some bytes, until the end of the connection.
///
/// # Panics
/// Where there is no connection.
pub fn raw(at: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(at).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

/// A WebSocket that speaks OSC.
pub struct Socket {
    socket: WebSocket<TcpStream>,
}

/// What a WebSocket brought.
#[derive(Debug)]
pub enum Frame {
    /// OSC.
    Osc(OscPacket),
    /// Text.
    Text(String),
}

impl Socket {
    /// Connects; `headers` are names and values. The status where the server refuses.
    ///
    /// # Errors
    /// The status.
    ///
    /// # Panics
    /// Where there is no connection.
    pub fn connect(at: SocketAddr, headers: &[(&'static str, &str)]) -> Result<Socket, u16> {
        let stream = TcpStream::connect(at).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        let mut request = format!("ws://{at}/").into_client_request().expect("a request");
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().expect("a header"));
        }
        match tungstenite::client(request, stream) {
            Ok((socket, _)) => Ok(Socket { socket }),
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(answer))) => Err(answer.status().as_u16()),
            Err(other) => panic!("{other}"),
        }
    }

    /// Sends one message.
    ///
    /// # Panics
    /// Where the connection is gone.
    pub fn send(&mut self, address: &str, args: impl Into<Vec<OscType>>) {
        let packet = OscPacket::Message(OscMessage { addr: address.into(), args: args.into() });
        let bytes = rosc::encoder::encode(&packet).expect("a packet");
        self.socket.send(Message::Binary(bytes.into())).expect("it is sent");
    }

    /// Sends a text frame.
    ///
    /// # Panics
    /// Where the connection is gone.
    pub fn say(&mut self, text: &str) {
        self.socket.send(Message::Text(text.into())).expect("it is sent");
    }

    /// The next frame, if one comes in time.
    pub fn receive(&mut self, within: Duration) -> Option<Frame> {
        let until = Instant::now() + within;
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|l| !l.is_zero()) {
            self.socket.get_ref().set_read_timeout(Some(left)).expect("a timeout");
            match self.socket.read() {
                Ok(Message::Binary(bytes)) => return Some(Frame::Osc(rosc::decoder::decode_udp(&bytes).expect("OSC").1)),
                Ok(Message::Text(text)) => return Some(Frame::Text(text.to_string())),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
        None
    }

    /// All messages that come until there is quiet for so long.
    pub fn messages(&mut self, quiet: Duration) -> Vec<OscMessage> {
        let mut found = Vec::new();
        while let Some(frame) = self.receive(quiet) {
            if let Frame::Osc(packet) = frame {
                unpack(packet, &mut found);
            }
        }
        found
    }

    /// Waits for a message of this address.
    pub fn wait_for(&mut self, address: &str) -> Option<OscMessage> {
        let until = Instant::now() + Duration::from_secs(10);
        while Instant::now() < until {
            if let Some(Frame::Osc(packet)) = self.receive(Duration::from_secs(1)) {
                let mut found = Vec::new();
                unpack(packet, &mut found);
                if let Some(message) = found.into_iter().find(|m| m.addr == address) {
                    return Some(message);
                }
            }
        }
        None
    }
}

fn unpack(packet: OscPacket, found: &mut Vec<OscMessage>) {
    match packet {
        OscPacket::Message(message) => found.push(message),
        OscPacket::Bundle(bundle) => bundle.content.into_iter().for_each(|p| unpack(p, found)),
    }
}
