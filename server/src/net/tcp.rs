//! TCP connections: packets out of a stream and into it.

use crate::hub::Hub;
use crate::hub::mixer::Mixer;
use headroom_protocol::intent::ClientId;
use headroom_protocol::osc::stream::{Deframer, Framing, frame};
use mio::net::TcpStream;
use std::io::{ErrorKind, Read, Write};
use std::net::IpAddr;

/// Bytes read in one turn at most.
pub const TURN: usize = 65_536;
/// Longest time that a packet may take to arrive, or a connection to take nothing, in nanoseconds.
const PATIENCE: u64 = 10_000_000_000;
/// Bytes unsent above which a connection is read no more and its subscriptions wait.
const HIGH: usize = 262_144;

/// What became of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// There may be more to read.
    More,
    /// Nothing more for now.
    Idle,
    /// It is over.
    Over,
}

/// One connection.
pub struct Connection {
    pub stream: TcpStream,
    pub client: ClientId,
    pub host: IpAddr,
    deframer: Deframer,
    out: Vec<u8>,
    sent: usize,
    /// When its last whole packet came, or it was opened.
    heard: u64,
    /// Whether a whole packet ever came.
    spoke: bool,
    /// When the packet that is under way began, or sending stopped.
    stuck: Option<u64>,
    /// The other side sends no more; what is left goes out, then it is over.
    ended: bool,
}

impl Connection {
    pub fn new(stream: TcpStream, client: ClientId, host: IpAddr, now: u64) -> Connection {
        // A packet is to leave when it is made; without it there is only latency to be lost.
        let _ = stream.set_nodelay(true);
        Connection {
            stream,
            client,
            host,
            deframer: Deframer::new(),
            out: Vec::new(),
            sent: 0,
            heard: now,
            spoke: false,
            stuck: None,
            ended: false,
        }
    }

    fn unsent(&self) -> usize {
        self.out.len() - self.sent
    }

    /// Whether it takes no more for now.
    pub fn is_congested(&self) -> bool {
        self.unsent() > HIGH
    }

    /// Whether it never said anything.
    pub fn is_silent(&self) -> bool {
        !self.spoke
    }

    /// When it was last heard of.
    pub fn heard(&self) -> u64 {
        self.heard
    }

    /// Bytes of memory that it holds.
    pub fn held(&self) -> usize {
        self.deframer.held() + self.out.capacity()
    }

    /// Whether half a packet, or what it does not take, has stood for too long.
    pub fn is_stuck(&mut self, now: u64) -> bool {
        if !(self.deframer.is_inside() || self.is_congested()) {
            self.stuck = None;
            return false;
        }
        now.saturating_sub(*self.stuck.get_or_insert(now)) > PATIENCE
    }

    /// Reads for one turn, this many bytes at most; how many there were is added to `read`.
    pub fn read<M: Mixer>(&mut self, hub: &mut Hub<M>, buffer: &mut Vec<u8>, most: usize, read: &mut usize, now: u64) -> Fate {
        if self.ended {
            return if self.unsent() == 0 { Fate::Over } else { Fate::Idle };
        }
        if self.is_congested() {
            return Fate::Idle;
        }
        buffer.resize(TURN, 0);
        match self.stream.read(&mut buffer[..most.clamp(1, TURN)]) {
            Ok(0) => {
                self.ended = true;
                if self.unsent() == 0 { Fate::Over } else { Fate::Idle }
            }
            Ok(length) => {
                *read += length;
                let mut rest = &buffer[..length];
                loop {
                    match self.deframer.next(&mut rest) {
                        Ok(Some(packet)) => {
                            (self.heard, self.spoke, self.stuck) = (now, true, None);
                            hub.packet(self.client, packet, now);
                        }
                        Ok(None) => return Fate::More,
                        Err(_) => {
                            hub.counters().malformed += 1;
                            return Fate::Over;
                        }
                    }
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Fate::Idle,
            Err(error) if error.kind() == ErrorKind::Interrupted => Fate::More,
            Err(_) => Fate::Over,
        }
    }

    /// Adds a packet to what is to be sent.
    pub fn push(&mut self, packet: &[u8]) {
        frame(self.deframer.framing().unwrap_or(Framing::Slip), packet, &mut self.out);
    }

    /// Sends what the other side takes.
    pub fn write(&mut self) -> Fate {
        while self.unsent() > 0 {
            match self.stream.write(&self.out[self.sent..]) {
                Ok(0) => return Fate::Over,
                Ok(length) => self.sent += length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Fate::Over,
            }
        }
        if self.unsent() == 0 {
            self.out.clear();
            self.sent = 0;
            if self.ended {
                return Fate::Over;
            }
        } else if self.sent > HIGH {
            self.out.drain(..self.sent);
            self.sent = 0;
        }
        Fate::Idle
    }
}
