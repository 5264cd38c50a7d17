//! Tablets that announced themselves: peers without meters, for as long as they are there.

use super::Hub;
use super::client::Way;
use super::mixer::Mixer;
use super::roles::Standing;
use super::watch::VALUES_HZ;
use headroom_protocol::intent::ClientId;
use headroom_protocol::osc::encode::Arg;
use std::net::SocketAddr;

/// Tablets at a time.
const MOST: usize = 64;
/// Tablets of one host at a time.
const MOST_OF_A_HOST: usize = 4;
/// Clients in one answer.
const TOLD: usize = 16;
/// Bytes of a name that are kept.
const NAME: usize = 63;

/// One tablet.
pub(super) struct Tablet {
    name: String,
    at: SocketAddr,
    /// The peer that it is.
    pub(super) client: ClientId,
}

impl<M: Mixer> Hub<M> {
    /// A tablet says that it listens at one of these addresses. Whom the rig names, and who subscribes from there, is left as
    /// it is; outside of what is served nobody is told.
    pub fn tablet(&mut self, name: &str, at: &[SocketAddr], now: u64) {
        let Some(at) = at.iter().copied().find(|at| self.serves(at.ip())) else { return };
        let known = self.tablets.iter().find(|t| t.name == name && t.at == at);
        if known.is_some_and(|t| self.clients.get(t.client).is_some()) {
            return;
        }
        self.tablet_gone(name);
        self.tablets.retain(|t| self.clients.get(t.client).is_some());
        let own = self.tablets.iter().filter(|t| t.at.ip() == at.ip()).count();
        if self.tablets.len() >= MOST || own >= MOST_OF_A_HOST || self.clients.by_address(at).is_some() {
            return;
        }
        let Some(client) = self.open(Way::Peer(at), Standing::Guest, now) else { return };
        tracing::info!(name, %at, "a tablet announced itself; it is told changes");
        self.tell_peer(client, "//", VALUES_HZ);
        self.tablets.push(Tablet { name: name.to_owned(), at, client });
    }

    /// A tablet is gone.
    pub fn tablet_gone(&mut self, name: &str) {
        let gone: Vec<ClientId> = self.tablets.iter().filter(|t| t.name == name).map(|t| t.client).collect();
        self.tablets.retain(|t| t.name != name);
        for client in gone {
            // What the rig named since is not of it.
            if !self.peers.contains(&client) {
                self.close(client);
            }
        }
    }

    /// Tells who is on, from the n-th on.
    pub(super) fn list_clients(&mut self, to: ClientId, from: usize, now: u64) {
        let mut args = Vec::new();
        let (tablets, roles) = (&self.tablets, &self.roles);
        let all: Vec<[String; 3]> = self
            .clients
            .iter_mut()
            // The program's own are nobody.
            .filter(|(_, client)| !matches!(client.way, Way::Link(_, None)))
            .map(|(id, client)| {
                let tablet = tablets.iter().find(|t| t.client == id).map(|t| t.name.split('.').next().unwrap_or_default());
                let (from, name) = match &client.way {
                    Way::Udp(at) => (format!("udp {at}"), ""),
                    Way::Tcp(at) => (format!("tcp {at}"), ""),
                    Way::Peer(at) => (format!("peer {at}"), tablet.unwrap_or_default()),
                    Way::Link(name, _) => (name.clone(), ""),
                };
                let name = name[..name.floor_char_boundary(NAME)].to_owned();
                [from, roles.name(client.role).to_owned(), name]
            })
            .collect();
        for client in all.iter().skip(from).take(TOLD) {
            args.extend(client.iter().map(|text| Arg::from(text.as_str())));
        }
        if all.len() > from.saturating_add(TOLD) {
            args.push(Arg::Int((from + TOLD) as i32));
        }
        self.reply(to, "/clients", args, now);
    }
}
