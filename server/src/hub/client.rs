//! Who is served: the table of clients, what each may be sent, and what it subscribed to.

use super::roles::{RoleId, Standing};
use super::watch::Watch;
use headroom_protocol::intent::ClientId;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use tracing::Span;

/// Bytes at once for what a client did not subscribe to.
pub const BURST: f64 = 65_536.0;
/// Bytes a second for what a client did not subscribe to.
pub const REFILL: f64 = 262_144.0;
/// Bytes to a new address before its second packet.
pub const BEFORE_SECOND: u64 = 65_536;
/// Clients known at a time.
pub const MOST: usize = 1_024;
/// Clients of one host at a time.
pub const MOST_OF_A_HOST: usize = 256;
/// Clients with subscriptions at a time, and of one host.
pub const WATCHERS: usize = 256;
/// Clients of one host with subscriptions at a time.
pub const WATCHERS_OF_A_HOST: usize = 64;
/// Bytes of the pings of one client that wait for the engine.
pub const PING_BYTES: usize = 65_536;

const SECOND: f64 = 1e9;

/// Bits of a [`ClientId`] that are its place in the table; those above tell later holders of a place
/// from earlier ones.
const SLOT_BITS: u32 = 12;

fn slot(id: ClientId) -> usize {
    (id.0 & ((1 << SLOT_BITS) - 1)) as usize
}

/// What counts as one host: an address, or the part of an IPv6 network that one host has for itself.
pub fn one_host(at: IpAddr) -> IpAddr {
    match at.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
        v4 => v4,
    }
}

/// How a client is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// UDP, from this address and port.
    Udp(SocketAddr),
    /// A TCP connection from there.
    Tcp(SocketAddr),
    /// A connection of another transport, by name, and the host that it comes from; none within this program.
    Link(String, Option<IpAddr>),
    /// A peer of the rig, told without asking.
    Peer(SocketAddr),
}

impl Way {
    /// The host at the other end, if there is one.
    pub fn host(&self) -> Option<IpAddr> {
        match self {
            Way::Udp(at) | Way::Tcp(at) | Way::Peer(at) => Some(at.ip()),
            Way::Link(_, host) => *host,
        }
    }

    /// Whether what is sent may get lost or go to someone who never asked.
    pub fn is_datagram(&self) -> bool {
        matches!(self, Way::Udp(_) | Way::Peer(_))
    }
}

/// What a packet counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Subscribed to.
    Subscribed,
    /// An answer or an error.
    Answer,
}

/// One client.
pub struct Client {
    /// How it is reached.
    pub way: Way,
    /// How it comes by its role.
    pub standing: Standing,
    /// What it may do.
    pub role: RoleId,
    /// Other port of its host that answers go to.
    pub port: Option<u16>,
    /// Where it stands among the scenes, if not where the console does.
    pub place: Option<super::scene::Place>,
    /// It is told addresses by id.
    pub ids: bool,
    /// What it subscribed to.
    pub watch: Option<Box<Watch>>,
    /// Where its log lines belong.
    pub span: Span,
    /// When the last packet came, in nanoseconds.
    pub seen: u64,
    /// Packets that came.
    pub packets: u64,
    /// Packets to it that were dropped.
    pub dropped: u64,
    /// It does not take what was sent so far: what it subscribed to waits.
    pub congested: bool,
    /// Pings that wait.
    pub pings: usize,
    /// Their bytes.
    pub ping_bytes: usize,
    unproven: u64,
    /// Bytes of the last answer that it could not have: the like of it is not worth making.
    wanted: usize,
    tokens: f64,
    filled: u64,
}

impl Client {
    fn new(way: Way, standing: Standing, role: RoleId, now: u64) -> Client {
        let span = match &way {
            Way::Udp(at) => tracing::info_span!("client", udp = %at),
            Way::Tcp(at) => tracing::info_span!("client", tcp = %at),
            Way::Link(name, _) => tracing::info_span!("client", link = name),
            Way::Peer(at) => tracing::info_span!("client", peer = %at),
        };
        let (tokens, filled) = (BURST, now);
        Client {
            way,
            standing,
            role,
            port: None,
            place: None,
            ids: false,
            watch: None,
            span,
            seen: now,
            packets: 0,
            dropped: 0,
            congested: false,
            pings: 0,
            ping_bytes: 0,
            unproven: 0,
            wanted: 0,
            tokens,
            filled,
        }
    }

    /// Where its packets go, if it is reached by datagrams.
    pub fn datagrams_to(&self) -> Option<SocketAddr> {
        let (Way::Udp(mut at) | Way::Peer(mut at)) = self.way else { return None };
        if let Some(port) = self.port {
            at.set_port(port);
        }
        Some(at)
    }

    /// Whether it subscribes for a time, by datagrams.
    pub fn is_leased(&self) -> bool {
        matches!(self.way, Way::Udp(_)) && self.watch.as_ref().is_some_and(|w| !w.is_empty())
    }

    /// Whether anything may be sent to it as an answer now.
    pub fn has_credit(&mut self, now: u64) -> bool {
        self.fill(now);
        self.tokens >= 1.0
    }

    /// Whether an answer like the last one could be sent, or that one was.
    pub fn can_be_told(&mut self, now: u64) -> bool {
        self.fill(now);
        self.tokens >= (self.wanted as f64).max(1.0)
    }

    /// Takes a packet's bytes off what may be sent; false where it may not.
    pub fn take(&mut self, bytes: usize, sort: Sort, now: u64) -> bool {
        if sort == Sort::Subscribed && self.congested {
            return false;
        }
        let proven = self.packets > 1 || !matches!(self.way, Way::Udp(_));
        if !proven && self.unproven + bytes as u64 > BEFORE_SECOND {
            return false;
        }
        if sort == Sort::Answer {
            self.fill(now);
            if self.tokens < bytes as f64 {
                // What is more than can ever be had must not close all else.
                self.wanted = bytes.min(BURST as usize / 2);
                return false;
            }
            self.wanted = 0;
            self.tokens -= bytes as f64;
        }
        if !proven {
            self.unproven += bytes as u64;
        }
        true
    }

    fn fill(&mut self, now: u64) {
        let passed = now.saturating_sub(self.filled) as f64 / SECOND;
        self.tokens = (self.tokens + passed * REFILL).min(BURST);
        self.filled = now;
    }
}

/// All clients.
#[derive(Default)]
pub struct Clients {
    slots: Vec<(ClientId, Option<Client>)>,
    free: Vec<usize>,
    udp: HashMap<SocketAddr, ClientId, foldhash::fast::RandomState>,
    hosts: HashMap<IpAddr, usize, foldhash::fast::RandomState>,
    count: usize,
}

impl Clients {
    /// Number of clients.
    pub fn count(&self) -> usize {
        self.count
    }

    /// A client.
    pub fn get(&self, id: ClientId) -> Option<&Client> {
        let (holder, client) = self.slots.get(slot(id))?;
        client.as_ref().filter(|_| *holder == id)
    }

    /// A client, to change it.
    pub fn get_mut(&mut self, id: ClientId) -> Option<&mut Client> {
        let (holder, client) = self.slots.get_mut(slot(id))?;
        client.as_mut().filter(|_| *holder == id)
    }

    /// The client behind a UDP address.
    pub fn by_address(&self, at: SocketAddr) -> Option<ClientId> {
        self.udp.get(&at).copied()
    }

    /// All clients.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (ClientId, &mut Client)> {
        self.slots.iter_mut().filter_map(|(id, client)| Some((*id, client.as_mut()?)))
    }

    /// Clients of one host.
    pub fn of_host(&self, host: IpAddr) -> usize {
        self.hosts.get(&host.to_canonical()).copied().unwrap_or(0)
    }

    /// Adds a client; `None` where the table, or the part of it that one host may have, is full of clients in use.
    pub fn add(&mut self, way: Way, standing: Standing, role: RoleId, now: u64) -> Option<ClientId> {
        let host = way.host().map(|host| host.to_canonical());
        if let Some(host) = host.filter(|host| self.of_host(*host) >= MOST_OF_A_HOST) {
            let idle = self.idlest(Some(host))?;
            self.remove(idle);
        }
        if self.count >= MOST {
            let crowd = self.hosts.iter().max_by_key(|(host, count)| (**count, **host)).map(|(host, _)| *host);
            let idle = self.idlest(crowd).or_else(|| self.idlest(None))?;
            self.remove(idle);
        }
        if let Some(host) = host {
            *self.hosts.entry(host).or_default() += 1;
        }
        let place = self.free.pop().unwrap_or_else(|| {
            self.slots.push((ClientId(self.slots.len() as u32), None));
            self.slots.len() - 1
        });
        let (id, holder) = &mut self.slots[place];
        if let Way::Udp(at) | Way::Peer(at) = way {
            self.udp.insert(at, *id);
        }
        *holder = Some(Client::new(way, standing, role, now));
        self.count += 1;
        Some(*id)
    }

    /// Forgets a client.
    pub fn remove(&mut self, id: ClientId) -> Option<Client> {
        self.get(id)?;
        let (holder, place) = &mut self.slots[slot(id)];
        holder.0 = holder.0.wrapping_add(1 << SLOT_BITS);
        let client = place.take()?;
        self.free.push(slot(id));
        self.count -= 1;
        if let Some(host) = client.way.host().map(|host| host.to_canonical())
            && let Some(count) = self.hosts.get_mut(&host)
        {
            *count -= 1;
            if *count == 0 {
                self.hosts.remove(&host);
            }
        }
        if let Way::Udp(at) | Way::Peer(at) = client.way {
            self.udp.remove(&at);
        }
        Some(client)
    }

    /// Who was silent for longest among those that hold nothing here, of one host or of all; who logged in comes last.
    fn idlest(&mut self, host: Option<IpAddr>) -> Option<ClientId> {
        let unused = |c: &Client| matches!(c.way, Way::Udp(_)) && c.watch.as_ref().is_none_or(|w| w.is_empty()) && c.pings == 0;
        let of_host = |c: &Client| host.is_none() || c.way.host().map(|host| host.to_canonical()) == host;
        let idle = self.iter_mut().filter(|(_, c)| unused(c) && of_host(c));
        idle.min_by_key(|(_, c)| (c.is_logged_in(), c.seen)).map(|(id, _)| id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_table_is_full_the_host_with_most_clients_gives_way() {
        let mut clients = Clients::default();
        let mut add = |host: u8, port: u16, now: u64| {
            let at = SocketAddr::from(([10, 0, 0, host], port));
            clients.add(Way::Udp(at), Standing::Guest, RoleId::NONE, now).expect("room")
        };
        // A tablet that has been silent for longest.
        let tablet = add(1, 9_000, 0);
        let flood = |add: &mut dyn FnMut(u8, u16, u64) -> ClientId| {
            for n in 0..2_000u16 {
                add(2 + (n % 5) as u8, 1_000 + n, 1 + u64::from(n));
            }
        };
        flood(&mut add);
        assert!(clients.get(tablet).is_some() && clients.count() == MOST);
    }
}
