//! Peers of the rig: told without asking, for as long as the rig names them.

use super::Hub;
use super::client::Way;
use super::mixer::Mixer;
use super::roles::Standing;
use super::watch::{METERS_HZ, VALUES_HZ, Wish};
use crate::rig::settings::Peer;
use headroom_protocol::intent::ClientId;
use headroom_protocol::pattern::Pattern;
use std::net::{SocketAddr, ToSocketAddrs};

/// Finds the addresses of peers. Names may take seconds, so not on the hub's thread.
pub fn resolve(peers: &[Peer]) -> Vec<(SocketAddr, Peer)> {
    let found = peers.iter().filter_map(|peer| match peer.addr.to_socket_addrs() {
        Ok(mut addresses) => addresses.next().map(|at| (at, peer.clone())),
        Err(error) => {
            tracing::warn!(peer = peer.addr, %error, "a peer of the rig has no address; it is told nothing");
            None
        }
    });
    found.collect()
}

fn names_meters(pattern: &str) -> bool {
    pattern.split('/').any(|part| part == "meter" || part == "loudness")
}

impl<M: Mixer> Hub<M> {
    /// Peers whose addresses have to be found: after the start, and after a reload.
    pub fn take_new_peers(&mut self) -> Option<Vec<Peer>> {
        self.new_peers.take()
    }

    /// Tells these peers from now on, and no others.
    pub fn set_peers(&mut self, peers: &[(SocketAddr, Peer)], now: u64) {
        for id in std::mem::take(&mut self.peers) {
            self.close(id);
        }
        for (at, peer) in peers {
            if let Some(known) = self.clients.by_address(*at) {
                self.close(known);
            }
            let standing = peer.role.as_ref().map_or(Standing::Guest, |name| Standing::Named(name.clone()));
            let Some(id) = self.open(Way::Peer(*at), standing, now) else { continue };
            self.peers.push(id);
            if peer.map {
                self.foreign.listen(id);
            }
            let everything = ["//".to_owned()];
            let patterns = if peer.map || !peer.subscribe.is_empty() { &peer.subscribe[..] } else { &everything[..] };
            for text in patterns {
                self.tell_peer(id, text, VALUES_HZ);
            }
            if let Some(hz) = peer.meters {
                // Meters that the peer names, or all.
                let named: Vec<&String> = peer.subscribe.iter().filter(|text| names_meters(text)).collect();
                match named[..] {
                    [] => self.tell_peer(id, "//meter/*", hz),
                    _ => named.into_iter().for_each(|text| self.tell_peer(id, text, hz)),
                }
            }
        }
    }

    pub(super) fn tell_peer(&mut self, id: ClientId, text: &str, hz: f64) {
        let pattern = match Pattern::parse(text) {
            Ok(pattern) => pattern,
            Err(error) => return tracing::warn!(text, %error, "a peer's pattern is none"),
        };
        let meters_hz = if hz == VALUES_HZ { METERS_HZ } else { hz };
        let wish = Wish { text: text.to_owned(), pattern, lease: None, values_hz: hz, meters_hz };
        self.with_watch(id, |watch, hub| watch.add(wish, hub.sight_of(id), &hub.board));
    }
}
