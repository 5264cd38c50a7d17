//! The network: sockets in, packets to the hub, packets out.
//!
//! One thread, one `epoll`. The hub works where the packets are read, so a set costs no hand-over
//! between threads, and a flood is met by reading later, not by a queue: what cannot be read yet stays
//! in its socket's buffer. Of the sockets that have something the one is read next that had least of
//! the thread's time lately, about a millisecond's worth at once, and none has more than half of all time ([`share`]).
//!
//! A UDP client with a lease, or one that sends much, gets a connected socket on the same port. The kernel prefers it
//! for the packets of this client, so that whoever floods fills a buffer of his own.

pub mod reach;
mod server;
mod share;
mod tcp;
pub mod udp;

pub use server::{Event, LinkId, Mail, Server};
pub(crate) use share::{Holder, gives_way};

use crate::backend::realtime::monotonic_nanos;
use crate::hub::Moment;
use headroom_protocol::osc::time;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::time::SystemTime;

/// Ports tried when any will do, until one is free for UDP and TCP both.
const TRIES: usize = 16;

/// The OSC port, bound but not served yet.
#[derive(Debug)]
pub struct Sockets {
    udp: UdpSocket,
    tcp: TcpListener,
}

impl Sockets {
    /// Takes a port for UDP and TCP; port 0 takes one that is free.
    ///
    /// # Errors
    /// What the system says, `AddrInUse` where the port is taken, by another headroom too.
    pub fn bind(listen: SocketAddr) -> io::Result<Sockets> {
        let mut tried = 0;
        loop {
            let udp = udp::bind(listen)?;
            match TcpListener::bind(udp.local_addr()?) {
                Ok(tcp) => return Ok(Sockets { udp, tcp }),
                Err(error) if listen.port() != 0 || tried == TRIES => return Err(error),
                Err(_) => tried += 1,
            }
        }
    }

    /// The address in use.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.udp.local_addr()
    }
}

/// Reads both clocks at one moment: what lies between the two readings is kept short.
pub fn moment() -> Moment {
    let mut best = (u64::MAX, Moment { nanos: 0, ntp: 0 });
    for _ in 0..4 {
        let before = monotonic_nanos();
        let ntp = time::from_system(SystemTime::now());
        let after = monotonic_nanos();
        if after - before < best.0 {
            best = (after - before, Moment { nanos: before + (after - before) / 2, ntp });
        }
    }
    best.1
}
