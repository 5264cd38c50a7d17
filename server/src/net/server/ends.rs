//! What has a token: connections that come and go, sockets of clients, and how many there may be.

use super::{COMMON, End, FIRST, Hold, Server, register};
use crate::hub::client::{Way, one_host};
use crate::hub::mixer::Mixer;
use crate::hub::peers;
use crate::hub::roles::Standing;
use crate::net::server::Event;
use crate::net::share::{Holder, Served, Share, gives_way, newer};
use crate::net::tcp::Connection;
use crate::net::udp;
use headroom_protocol::intent::ClientId;
use mio::event::Source;
use mio::{Interest, Token};
use std::io;
use std::net::{IpAddr, SocketAddr};

/// Connections at a time.
const CONNECTIONS: usize = 256;
/// Clients with a socket of their own at a time.
const OWN_SOCKETS: usize = 256;
/// Silence after which a client without a lease loses its own socket, in nanoseconds.
const SILENT: u64 = 10_000_000_000;
/// Connections of one host at a time.
const CONNECTIONS_OF_A_HOST: usize = 64;
/// Memory of all connections together, in bytes.
const CONNECTION_BYTES: usize = 64 << 20;
/// Longest time that a new socket waits for what its client sent before, in nanoseconds. Where a flood makes the common
/// socket slower than that, what still waits there is thrown away in favour of what is newer.
const HOLD: u64 = 50_000_000;
/// Packets of the common socket after which nothing that arrived before a client had its own is left there.
const BEHIND: u64 = 65_536;

impl<M: Mixer + 'static> Server<M> {
    pub(super) fn accept(&mut self, now: u64) -> Served {
        let again = Served { more: true, pieces: 1 };
        let (stream, from) = match self.listener.accept() {
            Ok(accepted) => accepted,
            Err(error) => return Served { more: error.kind() == io::ErrorKind::Interrupted, pieces: 1 },
        };
        // Outside of what is served the connection is closed without a word.
        if !self.hub.serves(from.ip()) || !self.make_room(from.ip()) {
            self.hub.counters().refused += 1;
            return again;
        }
        let Some(client) = self.hub.open(Way::Tcp(from), Standing::Guest, now) else { return again };
        let at = self.place();
        let mut connection = Connection::new(stream, client, from.ip(), now);
        let registry = self.poll.registry();
        if connection.stream.register(registry, Token(at + FIRST), Interest::READABLE | Interest::WRITABLE).is_err() {
            self.hub.close(client);
            return again;
        }
        self.ends[at] = Some(End::Stream(connection));
        self.by_client.insert(client, at);
        again
    }

    /// Room for one more connection of a host, if need be in place of another: of the same host one that never said
    /// anything where that host has all it may have, else one of the host that has most.
    fn make_room(&mut self, host: IpAddr) -> bool {
        let streams = self.ends.iter().enumerate().filter_map(|(at, end)| match end {
            Some(End::Stream(c)) => {
                let logged_in = self.hub.client(c.client).is_some_and(|c| c.is_logged_in());
                Some((at, Holder { host: c.host, logged_in, silent: c.is_silent(), heard: c.heard() }))
            }
            _ => None,
        });
        let (places, holders): (Vec<usize>, Vec<Holder>) = streams.unzip();
        let is_own = |h: &Holder| one_host(h.host) == one_host(host);
        let found = if holders.iter().filter(|h| is_own(h)).count() >= CONNECTIONS_OF_A_HOST {
            let silent = holders.iter().enumerate().filter(|(_, h)| h.silent && is_own(h));
            silent.min_by_key(|(_, h)| h.heard).map(|(at, _)| at)
        } else if holders.len() < CONNECTIONS {
            return true;
        } else {
            gives_way(&holders, host)
        };
        let Some(at) = found else { return false };
        self.end(places[at]);
        true
    }

    /// Gives leased clients a socket of their own, takes it from those that are gone, and has the
    /// addresses of new peers found.
    pub(super) fn sweep(&mut self, now: u64) {
        if let Some(peers) = self.hub.take_new_peers() {
            let mail = self.to_mail.clone();
            let find = move || mail.send(Event::Peers(peers::resolve(&peers)));
            if let Err(error) = std::thread::Builder::new().name("headroom-peers".into()).spawn(find) {
                tracing::warn!(%error, "the rig's peers are told nothing");
            }
        }
        for (client, at) in self.hub.leased() {
            if !self.by_address.contains_key(&at) && self.by_address.len() < OWN_SOCKETS {
                self.give_own(client, at, false, now);
            }
        }
        self.senders.clear();
        self.crowd.sweep(now);
        self.hosts.retain(|_, share| share.had(now) > 0);
        self.count_drops();
        self.end_stuck(now);
        // Links of clients that are not served any more: what took their packets ends with them.
        let hub = &self.hub;
        self.links.retain(|_, client| hub.client(*client).is_some());
        self.deliver.retain(|client, _| hub.client(*client).is_some());
        for at in 0..self.ends.len() {
            let client = match &self.ends[at] {
                Some(End::Own { client, .. }) => client,
                _ => continue,
            };
            let in_use = self.hub.admit(*client, now).and_then(|id| self.hub.client(id));
            let in_use = in_use.is_some_and(|c| c.is_leased() || c.seen + SILENT > now);
            if !in_use && !self.serve_end(at, now).more {
                self.end(at);
            }
        }
    }

    /// What the kernel dropped behind the last packet that was read.
    fn count_drops(&mut self) {
        let mut more = 0;
        let owns = self.ends.iter_mut().flatten().filter_map(|end| match end {
            End::Own { socket, dropped, .. } => Some((&*socket, dropped)),
            End::Stream(_) => None,
        });
        for (socket, known) in owns.chain([(&self.common, &mut self.dropped)]) {
            if let Some(told) = udp::dropped_by(socket) {
                more += newer(known, told);
            }
        }
        self.hub.counters().kernel_dropped += more;
    }

    /// Ends connections that are gone, those that stand still, and the fullest where all together hold too much.
    fn end_stuck(&mut self, now: u64) {
        let mut held = 0;
        let mut fullest = (0, 0);
        for at in 0..self.ends.len() {
            let Some(End::Stream(connection)) = &mut self.ends[at] else { continue };
            let bytes = connection.held();
            if self.hub.client(connection.client).is_none() || connection.is_stuck(now) {
                self.end(at);
                continue;
            }
            held += bytes;
            fullest = fullest.max((bytes, at));
        }
        if held > CONNECTION_BYTES {
            self.end(fullest.1);
        }
    }

    pub(super) fn give_own(&mut self, client: ClientId, address: SocketAddr, busy: bool, now: u64) {
        let buffer = if busy { udp::BUSY_BUFFER } else { udp::OWN_BUFFER };
        let socket = match udp::connected(self.at, address, buffer) {
            Ok(socket) => socket,
            Err(error) => return tracing::debug!(%address, %error, "no socket of its own"),
        };
        let at = self.place();
        if register(self.poll.registry(), &socket, Token(at + FIRST)).is_err() {
            return;
        }
        let waiting = udp::waiting_in(&self.common).unwrap_or(BEHIND);
        let held = self.passed + (self.in_crowd - self.next_in_crowd) as u64 + waiting;
        self.held = self.held.max(held);
        self.is_ready(COMMON);
        self.is_ready(Token(at + FIRST));
        let hold = Hold { packets: held, until: now + HOLD };
        self.ends[at] = Some(End::Own { socket, client: address, dropped: 0, hold, busy });
        self.by_client.insert(client, at);
        self.by_address.insert(address, at);
    }

    fn place(&mut self) -> usize {
        self.ends.iter().position(Option::is_none).unwrap_or_else(|| {
            self.ends.push(None);
            self.ends.len() - 1
        })
    }

    pub(super) fn end(&mut self, at: usize) {
        self.ready.retain(|t| *t != Token(at + FIRST));
        *self.share(Token(at + FIRST)) = Share::default();
        self.by_client.retain(|_, a| *a != at);
        match self.ends[at].take() {
            Some(End::Stream(connection)) => self.hub.close(connection.client),
            Some(End::Own { client, .. }) => {
                self.by_address.remove(&client);
            }
            None => {}
        }
    }
}
