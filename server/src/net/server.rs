//! The loop that drives the hub.

mod ends;

use super::Sockets;
use super::share::{BYTES_A_PIECE, COMMON_WEIGHT, Crowd, MOST_OF_TIME, SLICE, Served, Share, newer};
use super::tcp::{Connection, Fate};
use super::udp::{BATCH, Batch};
use crate::backend::realtime::monotonic_nanos;
use crate::hub::Hub;
use crate::hub::client::{Way, one_host};
use crate::hub::mixer::Mixer;
use crate::hub::roles::Standing;
use crate::rig::settings::Peer;
use crossbeam_channel::{Receiver, Sender, unbounded};
use headroom_protocol::intent::ClientId;
use mio::event::Source;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const COMMON: Token = Token(0);
const LISTENER: Token = Token(1);
const MAIL: Token = Token(2);
/// Token of the first connection or socket of a client.
const FIRST: usize = 3;

/// Time between two looks at who has a lease, in nanoseconds.
const SWEEP: u64 = 100_000_000;
/// Packets between two sweeps after which a client without a lease gets a socket too, so that its flood is its own.
const BUSY: u32 = 64;
/// Clients without a lease that have a socket of their own at a time.
const BUSY_SOCKETS: usize = 16;
/// Senders counted between two sweeps.
const COUNTED: usize = 4_096;
/// Longest time between two turns of the hub while packets wait, in nanoseconds.
const ROUND: u64 = 2_000_000;

/// A connection of another transport, such as a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkId(u64);

/// Work for the hub's thread: what something else needs of it.
pub type Errand<M> = Box<dyn FnOnce(&mut Hub<M>) + Send>;

/// Where a link's packets go; called on the hub's thread, and not to wait there.
pub type Deliver = Box<dyn FnMut(&[u8]) + Send>;

/// All that can wake the hub, other than its sockets and the clock.
pub enum Event<M> {
    /// A connection of another transport began.
    Opened {
        /// Number of the link.
        link: LinkId,
        /// Name for the log.
        name: String,
        /// The host that it comes from; none within this program.
        host: Option<IpAddr>,
        /// How it comes by its role.
        standing: Standing,
        /// Takes what is sent to it.
        deliver: Deliver,
    },
    /// It brought a packet.
    Packet(LinkId, Vec<u8>),
    /// Whether it cannot take more for now: what it subscribed to waits.
    Congested(LinkId, bool),
    /// It ended.
    Closed(LinkId),
    /// The rig's peers have addresses.
    Peers(Vec<(SocketAddr, Peer)>),
    /// Something to be done between two rounds.
    Errand(Errand<M>),
    /// The server is to end.
    Stop,
}

/// Brings events to the hub from any thread.
pub struct Mail<M> {
    send: Sender<Event<M>>,
    waker: Arc<Waker>,
    links: Arc<AtomicU64>,
}

impl<M> Clone for Mail<M> {
    fn clone(&self) -> Self {
        Mail { send: self.send.clone(), waker: self.waker.clone(), links: self.links.clone() }
    }
}

impl<M> Mail<M> {
    /// Sends an event; it is lost where the server has ended.
    pub fn send(&self, event: Event<M>) {
        if self.send.send(event).is_ok() {
            let _ = self.waker.wake();
        }
    }

    /// Begins a connection of another transport: from where, and with what role.
    pub fn open(&self, name: String, host: Option<IpAddr>, standing: Standing, deliver: Deliver) -> LinkId {
        let link = LinkId(self.links.fetch_add(1, Ordering::Relaxed));
        self.send(Event::Opened { link, name, host, standing, deliver });
        link
    }
}

/// Until when a client's own socket waits for what the client sent before it was there: for so many packets of the
/// common socket, or a time.
#[derive(Clone, Copy)]
struct Hold {
    packets: u64,
    until: u64,
}

impl Hold {
    /// Whether what the client sent before may still be in the common socket, of which so many packets were read.
    fn has_older(self, passed: u64) -> bool {
        self.packets > passed
    }

    /// Whether the socket is to wait for it.
    fn waits(self, passed: u64, now: u64) -> bool {
        self.has_older(passed) && now < self.until
    }
}

/// Whatever has a token.
enum End {
    Own { socket: UdpSocket, client: SocketAddr, dropped: u32, hold: Hold, busy: bool },
    Stream(Connection),
}

/// The hub with its sockets.
pub struct Server<M> {
    hub: Hub<M>,
    poll: Poll,
    common: UdpSocket,
    at: SocketAddr,
    dropped: u32,
    /// Packets of the common socket so far.
    passed: u64,
    /// The highest number of them that a socket waits for.
    held: u64,
    listener: mio::net::TcpListener,
    mail: Receiver<Event<M>>,
    to_mail: Mail<M>,
    ends: Vec<Option<End>>,
    by_client: HashMap<ClientId, usize, foldhash::fast::RandomState>,
    by_address: HashMap<SocketAddr, usize>,
    links: HashMap<LinkId, ClientId>,
    deliver: HashMap<ClientId, Deliver>,
    ready: Vec<Token>,
    /// By token.
    shares: Vec<Share>,
    /// By host: what all its connections and sockets had, so that many have no more than one.
    hosts: HashMap<IpAddr, Share, foldhash::fast::RandomState>,
    /// Packets of senders on the common socket since the last sweep.
    senders: HashMap<SocketAddr, u32, foldhash::fast::RandomState>,
    crowd: Crowd,
    /// Datagrams of the common socket, how many, and the first that was not read yet.
    crowded: Batch,
    in_crowd: usize,
    next_in_crowd: usize,
    /// Datagrams of the other sockets.
    batch: Batch,
    buffer: Vec<u8>,
    next_sweep: u64,
}

impl<M: Mixer + 'static> Server<M> {
    /// A server on sockets that were bound before; [`Server::run`] serves.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(hub: Hub<M>, sockets: Sockets) -> io::Result<(Server<M>, Mail<M>)> {
        let poll = Poll::new()?;
        let (send, mail) = unbounded();
        let waker = Arc::new(Waker::new(poll.registry(), MAIL)?);
        let to_mail = Mail { send, waker, links: Arc::default() };
        let at = sockets.local_addr()?;
        register(poll.registry(), &sockets.udp, COMMON)?;
        sockets.tcp.set_nonblocking(true)?;
        let mut listener = mio::net::TcpListener::from_std(sockets.tcp);
        listener.register(poll.registry(), LISTENER, Interest::READABLE)?;
        let server = Server {
            hub,
            poll,
            common: sockets.udp,
            at,
            dropped: 0,
            passed: 0,
            held: 0,
            listener,
            mail,
            to_mail: to_mail.clone(),
            ends: Vec::new(),
            by_client: HashMap::default(),
            by_address: HashMap::new(),
            links: HashMap::new(),
            deliver: HashMap::new(),
            ready: Vec::new(),
            shares: Vec::new(),
            hosts: HashMap::default(),
            senders: HashMap::default(),
            crowd: Crowd::default(),
            crowded: Batch::new(),
            in_crowd: 0,
            next_in_crowd: 0,
            batch: Batch::new(),
            buffer: Vec::new(),
            next_sweep: 0,
        };
        Ok((server, to_mail))
    }

    /// Serves until [`Event::Stop`], then gives the hub back.
    ///
    /// # Errors
    /// Where the system cannot wait for the sockets any more.
    pub fn run(mut self) -> io::Result<Hub<M>> {
        let mut events = Events::with_capacity(256);
        loop {
            let now = monotonic_nanos();
            let wait = match self.ready.is_empty() {
                true => self.hub.wake_at(now).saturating_sub(now),
                // Who has had more than its share waits for a while.
                false => self.hub.wake_at(now).saturating_sub(now).min(self.shortest_wait(now)),
            };
            match self.poll.poll(&mut events, Some(Duration::from_nanos(wait))) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            for event in &events {
                self.is_ready(event.token());
            }
            let began = monotonic_nanos();
            let mut now = began;
            while let Some(token) = self.next(now) {
                let host = self.host(token);
                let more = match token {
                    COMMON => self.read_common(now),
                    LISTENER => self.accept(now),
                    MAIL => match self.read_mail(now) {
                        true => Served::done(),
                        false => return Ok(self.hub),
                    },
                    Token(other) => self.serve_end(other - FIRST, now),
                };
                if more.more {
                    self.is_ready(token);
                }
                self.send();
                let after = monotonic_nanos();
                self.share(token).charge(after - now, more.pieces);
                if let Some(host) = host {
                    self.hosts.entry(host).or_default().charge(after - now, 0);
                }
                now = after;
                if now - began > ROUND {
                    break;
                }
            }
            let now = monotonic_nanos();
            self.hub.turn(now);
            self.send();
            if now >= self.next_sweep {
                self.next_sweep = now + SWEEP;
                self.sweep(now);
            }
        }
    }

    /// One turn of the common socket; whether there may be more. What is taken out of it is kept until it is read.
    fn read_common(&mut self, mut now: u64) -> Served {
        if self.next_in_crowd == self.in_crowd {
            self.next_in_crowd = 0;
            self.in_crowd = self.crowded.receive(&self.common, BATCH).unwrap_or(0);
            if let Some(told) = self.in_crowd.checked_sub(1).and_then(|last| self.crowded.dropped(last)) {
                self.hub.counters().kernel_dropped += newer(&mut self.dropped, told);
            }
        }
        let (began, first) = (now, self.next_in_crowd);
        let mut busy = Vec::new();
        while self.next_in_crowd < self.in_crowd && now - began < SLICE {
            self.next_in_crowd += 1;
            let Some((from, bytes)) = self.crowded.datagram(self.next_in_crowd - 1) else { continue };
            if !self.crowd.admits(from.ip(), now) {
                self.hub.counters().shed += 1;
                continue;
            }
            // Newer packets of the same client were read already.
            if let Some(Some(End::Own { hold, .. })) = self.by_address.get(&from).map(|at| &self.ends[*at])
                && hold.has_older(self.passed)
                && !hold.waits(self.passed, now)
            {
                self.hub.counters().shed += 1;
                continue;
            }
            let Some(client) = self.hub.admit(from, now) else { continue };
            self.hub.packet(client, bytes, now);
            let after = monotonic_nanos();
            self.crowd.charge(from.ip(), after - now);
            now = after;
            if self.senders.len() < COUNTED || self.senders.contains_key(&from) {
                let packets = self.senders.entry(from).or_default();
                *packets += 1;
                if *packets == BUSY {
                    busy.push((client, from));
                }
            }
        }
        let count = self.next_in_crowd - first;
        let more = self.in_crowd > 0;
        // Where it is empty nothing is left of anybody.
        self.passed = if more { self.passed + count as u64 } else { self.passed.max(self.held) };
        for (client, from) in busy {
            let others = self.ends.iter().flatten().filter(|e| matches!(e, End::Own { busy: true, .. })).count();
            if others < BUSY_SOCKETS && !self.by_address.contains_key(&from) {
                self.give_own(client, from, true, now);
            }
        }
        Served { more, pieces: count }
    }

    fn serve_end(&mut self, at: usize, now: u64) -> Served {
        let share = *self.share(Token(at + FIRST));
        match self.ends.get_mut(at) {
            Some(Some(End::Own { socket, dropped, hold, .. })) => {
                // What this client sent before it had a socket of its own comes first.
                if hold.waits(self.passed, now) {
                    return Served { more: true, pieces: 0 };
                }
                let (count, more) = match self.batch.receive(socket, share.datagrams()) {
                    // A refusal that a packet of ours met is told in between, so fewer than a batch
                    // does not mean that it was all.
                    Ok(count) => (count, true),
                    Err(error) => (0, matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::ConnectionRefused)),
                };
                if let Some(told) = count.checked_sub(1).and_then(|last| self.batch.dropped(last)) {
                    self.hub.counters().kernel_dropped += newer(dropped, told);
                }
                for i in 0..count {
                    // Before the socket was connected it also got what others sent.
                    let Some((from, bytes)) = self.batch.datagram(i) else { continue };
                    if let Some(client) = self.hub.admit(from, now) {
                        self.hub.packet(client, bytes, now);
                    }
                }
                Served { more, pieces: count }
            }
            Some(Some(End::Stream(connection))) => {
                let mut fate = connection.write();
                let mut bytes = 0;
                if fate != Fate::Over {
                    fate = connection.read(&mut self.hub, &mut self.buffer, share.bytes(), &mut bytes, now);
                }
                self.hub.set_congested(connection.client, connection.is_congested());
                if fate == Fate::Over {
                    self.send();
                    self.end(at);
                }
                Served { more: fate == Fate::More, pieces: bytes / BYTES_A_PIECE + 1 }
            }
            _ => Served::done(),
        }
    }

    /// What each token has had.
    fn share(&mut self, token: Token) -> &mut Share {
        if self.shares.len() <= token.0 {
            self.shares.resize(token.0 + 1, Share::default());
        }
        &mut self.shares[token.0]
    }

    /// The host of a connection, or of a client with a socket of its own.
    fn host(&self, token: Token) -> Option<IpAddr> {
        match self.ends.get(token.0.checked_sub(FIRST)?) {
            Some(Some(End::Stream(connection))) => Some(one_host(connection.host)),
            Some(Some(End::Own { client, .. })) => Some(one_host(client.ip())),
            _ => None,
        }
    }

    fn is_ready(&mut self, token: Token) {
        if !self.ready.contains(&token) {
            self.ready.push(token);
        }
    }

    /// Takes the next to be served: who had least of the time lately, and not more than may be had.
    fn next(&mut self, now: u64) -> Option<Token> {
        let (had, at) = self.least(now)?;
        (had < MOST_OF_TIME).then(|| self.ready.swap_remove(at))
    }

    /// Time until one of those that are ready may be served, in nanoseconds.
    fn shortest_wait(&mut self, now: u64) -> u64 {
        self.least(now).map_or(0, |(had, _)| had.saturating_sub(MOST_OF_TIME - 1) * 2)
    }

    /// Who of those that are ready had least of the time, and its place among them: first by host, so that one with
    /// many sockets has no more than one with one, then by socket. What a client sent before it had a socket of its own
    /// comes first, so that one waits.
    fn least(&mut self, now: u64) -> Option<(u64, usize)> {
        let mut least: Option<((bool, u64, u64), u64, usize)> = None;
        for at in 0..self.ready.len() {
            let token = self.ready[at];
            let end = token.0.checked_sub(FIRST).and_then(|end| self.ends.get(end));
            if matches!(end, Some(Some(End::Own { hold, .. })) if hold.waits(self.passed, now)) {
                continue;
            }
            let own = self.share(token).had(now);
            let of_host = self.host(token).map(|host| self.hosts.entry(host).or_default().had(now));
            let (by_host, had) = match of_host {
                // Who is behind it is limited one by one.
                _ if token == COMMON => (own / COMMON_WEIGHT, (own / COMMON_WEIGHT).min(MOST_OF_TIME - 1)),
                // A flood over one socket leaves the others of its host what they need.
                Some(host) if self.is_datagrams(token) => (host, own),
                Some(host) => (host, host),
                None => (own, own),
            };
            // Who has to wait keeps nobody else waiting.
            let rank = (had >= MOST_OF_TIME, by_host, own);
            if least.is_none_or(|(least, ..)| rank < least) {
                least = Some((rank, had, at));
            }
        }
        least.map(|(_, had, at)| (had, at))
    }

    fn is_datagrams(&self, token: Token) -> bool {
        token.0.checked_sub(FIRST).is_some_and(|at| matches!(self.ends.get(at), Some(Some(End::Own { .. }))))
    }

    /// False where the server is to end.
    fn read_mail(&mut self, now: u64) -> bool {
        while let Ok(event) = self.mail.try_recv() {
            match event {
                Event::Opened { link, name, host, standing, deliver } => {
                    if let Some(client) = self.hub.open(Way::Link(name, host), standing, now) {
                        self.links.insert(link, client);
                        self.deliver.insert(client, deliver);
                    }
                }
                Event::Packet(link, bytes) => {
                    if let Some(client) = self.links.get(&link) {
                        self.hub.packet(*client, &bytes, now);
                    }
                }
                Event::Congested(link, congested) => {
                    if let Some(client) = self.links.get(&link) {
                        self.hub.set_congested(*client, congested);
                    }
                }
                Event::Closed(link) => {
                    if let Some(client) = self.links.remove(&link) {
                        self.deliver.remove(&client);
                        self.hub.close(client);
                    }
                }
                Event::Peers(peers) => self.hub.set_peers(&peers, now),
                Event::Errand(errand) => errand(&mut self.hub),
                Event::Stop => return false,
            }
        }
        true
    }

    /// Sends what the hub has for its clients.
    fn send(&mut self) {
        if self.hub.outbox().is_empty() {
            return;
        }
        let mut out = std::mem::take(self.hub.outbox());
        let mut unsent = 0;
        out.drain(|to, packet| {
            let Some(client) = self.hub.client(to) else { return };
            let own = self.by_client.get(&to).and_then(|at| self.ends[*at].as_mut());
            let sent = match (own, client.datagrams_to()) {
                (Some(End::Stream(connection)), _) => {
                    connection.push(packet);
                    true
                }
                (Some(End::Own { socket, client: at, .. }), Some(there)) if *at == there => socket.send(packet).is_ok(),
                (_, Some(there)) => self.common.send_to(packet, there).is_ok(),
                _ => match self.deliver.get_mut(&to) {
                    Some(deliver) => {
                        deliver(packet);
                        true
                    }
                    None => false,
                },
            };
            unsent += u64::from(!sent);
        });
        *self.hub.outbox() = out;
        self.hub.counters().unsent += unsent;
        for at in 0..self.ends.len() {
            let Some(Some(End::Stream(connection))) = self.ends.get_mut(at) else { continue };
            let fate = connection.write();
            self.hub.set_congested(connection.client, connection.is_congested());
            if fate == Fate::Over {
                self.end(at);
            }
        }
    }
}

fn register(registry: &Registry, socket: &UdpSocket, token: Token) -> io::Result<()> {
    SourceFd(&socket.as_raw_fd()).register(registry, token, Interest::READABLE)
}
