//! The hub: packets of all clients in, the one true value of every parameter, changes out.
//!
//! It opens nothing and asks no clock: whoever drives it hands in packets with the time they came, calls
//! [`Hub::turn`] after each round of them, and sends what [`Hub::outbox`] holds. [`crate::net`] is the
//! driver of the running server; tests are another.
//!
//! ```text
//!  packet ─► message ─► set ─► desk ─┬─► flush ─► engine
//!                    └► ask ─► outbox└─► watch of each subscriber ─► outbox
//! ```
//!
//! A *round* is everything that arrived before a turn. What changed in it is told to subscribers once,
//! and reaches the engine as one batch, so a flood is coalesced and not queued.

pub mod client;
mod command;
mod figures;
mod foreign;
mod login;
mod message;
pub mod meters;
pub mod mixer;
pub mod outbox;
pub mod peers;
mod preset;
pub mod query;
pub mod roles;
mod scene;
pub mod sketch;
mod status;
pub mod surfaces;
mod tablets;
mod taps;
mod timed;
mod undo;
mod view;
pub mod watch;

use crate::rig::Shelf;
use crate::rig::settings::{Net, Peer, Settings};
use crate::scene::Book;
use client::{Client, Clients, Sort, Way};
use figures::Figures;
use headroom_dsp::desk::Desk;
use headroom_dsp::param::{Access, Value};
use headroom_dsp::tree::ParamId;
use headroom_protocol::address::AddressSpace;
use headroom_protocol::intent::ClientId;
use headroom_protocol::osc::decode::{self, Packet};
use headroom_protocol::osc::encode::Arg;
use meters::Board;
use mixer::Mixer;
use outbox::{Begun, Outbox};
use preset::Saving;
use roles::{By, Roles, Standing};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use timed::Timed;
use view::View;
use watch::Recipient;

pub use status::Counters;

/// Longest time between two turns, in nanoseconds.
pub const TURN: u64 = 5_000_000;
/// Time between two turns while something waits for the engine.
const BUSY_TURN: u64 = 500_000;
/// Time between two batches to the engine: a batch designs the filters that it concerns anew.
const FLUSH: u64 = 1_000_000;
/// Time between two looks at leases and the backend.
const SWEEP: u64 = 250_000_000;
/// Packets to subscribers after which a turn ends.
const PUMPED: usize = 32;
/// Most bytes of an address that `/error` echoes.
const ECHOED: usize = 200;

/// The two clocks, read at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// `CLOCK_MONOTONIC` in nanoseconds.
    pub nanos: u64,
    /// The time of day as an NTP time tag.
    pub ntp: u64,
}

/// Reads both clocks.
pub type Wall = Box<dyn FnMut() -> Moment + Send>;

/// A client's ping that waits for the engine.
struct Ping {
    from: ClientId,
    /// The message, sent back as it came.
    message: Box<[u8]>,
    /// How many batches have to take effect first.
    after: u64,
}

/// See the module documentation.
pub struct Hub<M> {
    mixer: M,
    space: Arc<AddressSpace>,
    /// How many address spaces followed the first.
    spaces: u64,
    board: Board,
    clients: Clients,
    /// Clients with subscriptions.
    watching: Vec<ClientId>,
    /// Place of the one that was told last.
    told_last: usize,
    out: Outbox,
    allow: Vec<Net>,
    peers: Vec<ClientId>,
    /// Peers that announced themselves.
    tablets: Vec<tablets::Tablet>,
    new_peers: Option<Vec<Peer>>,
    roles: Roles,
    /// Addresses of other apps.
    foreign: foreign::Foreign,
    gate: login::Gate,
    /// Number of the last round that changed something, or of a batch; rising, and wrapping.
    revision: i32,
    first_revision: i32,
    /// By parameter: revision of its last change.
    changed: Vec<i32>,
    /// What changed since the last turn, each once.
    round: Vec<ParamId>,
    in_round: Vec<bool>,
    /// By parameter: who changed it last.
    maker: Vec<Option<ClientId>>,
    told: Vec<ParamId>,
    /// Addresses that the patterns of this packet reached so far.
    reach: usize,
    /// Parameters on their way, and the frame at which they arrive.
    moving: Vec<(ParamId, u64)>,
    timed: Timed,
    taps: taps::Taps,
    pings: Vec<Ping>,
    shelf: Shelf,
    saving: Vec<Saving>,
    scenes: Book,
    saving_scenes: Vec<scene::Saving>,
    lists: scene::Lists,
    history: undo::History,
    /// Where wishes to the control surfaces go.
    surfaces: Option<surfaces::Tell>,
    counters: Counters,
    /// Read-only figures as they were last seen.
    figures: Vec<(ParamId, Value)>,
    /// The figures below `/status`.
    standing: Figures,
    wall: Wall,
    next_flush: u64,
    next_look: u64,
    next_sweep: u64,
}

impl<M: Mixer> Hub<M> {
    /// A hub for a console. `first_revision` should differ from start to start, so that a client that
    /// outlived the server does not take an old number for a present one.
    pub fn new(mut mixer: M, settings: &Settings, first_revision: i32, mut wall: Wall) -> Hub<M> {
        mixer.keep(&[], first_revision);
        let shelf = mixer.shelf();
        let scenes = mixer.scenes();
        mixer.desk_mut().watch();
        let desk = mixer.desk();
        let space = Arc::new(AddressSpace::new(desk.spec(), desk.tree()).at_rate(desk.rate()));
        let board = Board::new(desk.spec(), desk.tree());
        let params = space.len();
        let roles = Roles::new(settings, &space);
        let foreign = foreign::Foreign::new(&settings.osc.maps, &space);
        let osc = &settings.osc;
        let standing = Figures::new(desk.tree(), wall().nanos);
        Hub {
            mixer,
            space,
            spaces: 0,
            board,
            clients: Clients::default(),
            watching: Vec::new(),
            told_last: 0,
            out: Outbox::default(),
            allow: osc.allow.clone(),
            peers: Vec::new(),
            tablets: Vec::new(),
            new_peers: (!osc.peers.is_empty()).then(|| osc.peers.clone()),
            roles,
            foreign,
            gate: login::Gate::default(),
            revision: first_revision,
            first_revision,
            changed: vec![first_revision; params],
            round: Vec::new(),
            in_round: vec![false; params],
            maker: vec![None; params],
            told: Vec::new(),
            reach: 0,
            moving: Vec::new(),
            timed: Timed::default(),
            taps: taps::Taps::default(),
            pings: Vec::new(),
            shelf,
            saving: Vec::new(),
            scenes,
            saving_scenes: Vec::new(),
            lists: scene::Lists::default(),
            history: undo::History::default(),
            surfaces: None,
            counters: Counters::default(),
            figures: Vec::new(),
            standing,
            wall,
            next_flush: 0,
            next_look: 0,
            next_sweep: 0,
        }
    }

    /// The console.
    pub fn mixer(&self) -> &M {
        &self.mixer
    }

    /// The engine's frame now.
    pub fn frame_now(&self) -> u64 {
        self.mixer.frame_now()
    }

    /// Carries out a cue: the desk holds its changes now, the engine makes them at a frame to come.
    pub fn cue(&mut self, frame: u64, change: impl FnOnce(&mut Desk)) {
        let before = self.mixer.desk().values().to_vec();
        self.mixer.bundle(frame, Box::new(change));
        let desk = self.mixer.desk();
        let changed: Vec<ParamId> =
            (0..before.len()).filter(|&i| desk.values()[i] != before[i]).map(|i| ParamId(i as u32)).collect();
        for id in changed {
            self.record(id, None);
        }
        self.moving = self.mixer.desk().fading().collect();
        self.mixer.desk_mut().take_replaced().for_each(drop);
    }

    /// The addresses.
    pub fn space(&self) -> &AddressSpace {
        &self.space
    }

    /// Ends the hub and gives the console back, and the scenes: dropping these waits until all are on the disk.
    pub fn into_parts(self) -> (M, Book) {
        (self.mixer, self.scenes)
    }

    /// What happened so far.
    pub fn counters(&mut self) -> &mut Counters {
        &mut self.counters
    }

    /// Packets to be sent.
    pub fn outbox(&mut self) -> &mut Outbox {
        &mut self.out
    }

    /// A client, if it is still known.
    pub fn client(&self, id: ClientId) -> Option<&Client> {
        self.clients.get(id)
    }

    /// UDP clients with a lease, and where they send from.
    pub fn leased(&self) -> Vec<(ClientId, SocketAddr)> {
        let leased = self.watching.iter().filter_map(|id| match self.clients.get(*id) {
            Some(Client { way: Way::Udp(from), .. }) => Some((*id, *from)),
            _ => None,
        });
        leased.collect()
    }

    /// Whether a host is served at all.
    pub fn serves(&self, host: IpAddr) -> bool {
        self.allow.iter().any(|net| net.contains(host))
    }

    /// The client behind a UDP address, a new one where it is served; `None` where it is not, or where
    /// there are too many.
    pub fn admit(&mut self, from: SocketAddr, now: u64) -> Option<ClientId> {
        if let Some(known) = self.clients.by_address(from) {
            return Some(known);
        }
        self.open(Way::Udp(from), Standing::Guest, now)
    }

    /// Adds a client with a role; `None` where its host is not served, or where there are too many.
    pub fn open(&mut self, way: Way, standing: Standing, now: u64) -> Option<ClientId> {
        // A peer is told whatever its network: the rig names it.
        let is_asked = !matches!(way, Way::Peer(_));
        if is_asked && way.host().is_some_and(|host| !self.serves(host)) {
            self.counters.refused += 1;
            return None;
        }
        let role = self.roles.of(&standing);
        let id = self.clients.add(way, standing, role, now);
        if id.is_none() {
            self.counters.refused += 1;
        }
        id
    }

    /// Forgets a client whose connection ended.
    pub fn close(&mut self, id: ClientId) {
        self.watching.retain(|w| *w != id);
        self.history.forget(id);
        self.foreign.forget(id);
        if let Some(client) = self.clients.remove(id) {
            client.span.in_scope(|| tracing::debug!(packets = client.packets, dropped = client.dropped, "gone"));
        }
    }

    /// Says whether a connection takes what is sent; until then what was subscribed to waits.
    pub fn set_congested(&mut self, id: ClientId, congested: bool) {
        if let Some(client) = self.clients.get_mut(id) {
            client.congested = congested;
        }
    }

    /// One packet of a client.
    pub fn packet(&mut self, from: ClientId, bytes: &[u8], now: u64) {
        let Some(client) = self.clients.get_mut(from) else { return };
        client.packets += 1;
        client.seen = now;
        self.counters.packets += 1;
        match decode::packet(bytes) {
            Ok(Packet::Message(message)) => {
                self.reach = 0;
                self.message(self.by(from), &message, now);
            }
            Ok(packet) => self.bundle(self.by(from), &packet, now),
            Err(_) => self.counters.malformed += 1,
        }
    }

    /// Ends a round: the engine and the subscribers get what changed, and whatever is due is done.
    pub fn turn(&mut self, now: u64) {
        self.mixer.tick();
        self.run_due(now);
        if now >= self.next_look {
            self.next_look = now + meters::EVERY;
            self.look();
        }
        self.distribute();
        if now >= self.next_flush && self.mixer.desk().is_dirty() && self.mixer.flush() {
            self.next_flush = now + FLUSH;
        }
        self.prepare(now);
        self.answer_pings(now);
        self.answer_saved(now);
        self.answer_scenes(now);
        if now >= self.next_sweep {
            self.next_sweep = now + SWEEP;
            self.sweep(now);
        }
        self.tell_foreign(now);
        // Many subscribers are told one after the other, so that none keeps the hub from its sockets.
        let (count, before) = (self.watching.len(), self.out.len());
        for _ in 0..count {
            self.told_last = (self.told_last + 1) % count;
            self.pump(self.watching[self.told_last], now);
            if self.out.len() - before > PUMPED {
                break;
            }
        }
    }

    /// When the next turn has to be, if nothing arrives.
    pub fn wake_at(&self, now: u64) -> u64 {
        let busy = !self.pings.is_empty() || self.mixer.desk().is_dirty();
        let mut next = now + if busy { BUSY_TURN } else { TURN };
        for id in &self.watching {
            if let Some(watch) = self.clients.get(*id).and_then(|c| c.watch.as_ref()) {
                next = next.min(watch.due());
            }
        }
        next = next.min(self.foreign.due());
        self.timed_due().map_or(next, |due| next.min(due))
    }

    /// Sets a parameter; `maker` is not told of it.
    fn store(&mut self, param: ParamId, value: &Value, maker: Option<ClientId>) {
        let mut told = std::mem::take(&mut self.told);
        self.mixer.desk_mut().set(param, value, &mut told);
        if let Some(at) = self.moving.iter().position(|m| m.0 == param) {
            // Present and target differ, so its subscribers have to hear of the end.
            self.moving.swap_remove(at);
            if !told.contains(&param) {
                told.push(param);
            }
        }
        for id in told.drain(..) {
            self.record(id, if id == param { maker } else { None });
        }
        self.told = told;
        if self.timed.is_handed() {
            self.concern(param);
        }
    }

    fn record(&mut self, id: ParamId, maker: Option<ClientId>) {
        let at = id.0 as usize;
        self.maker[at] = maker;
        if self.in_round[at] {
            self.counters.coalesced += 1;
        } else {
            self.in_round[at] = true;
            self.round.push(id);
        }
    }

    /// Notes for every subscriber what it is owed of this round.
    fn distribute(&mut self) {
        if self.round.is_empty() {
            return;
        }
        self.revision = self.revision.wrapping_add(1);
        let mut round = std::mem::take(&mut self.round);
        self.mixer.keep(&round, self.revision);
        for id in &round {
            self.changed[id.0 as usize] = self.revision;
            self.in_round[id.0 as usize] = false;
            self.foreign.changed(*id, self.maker[id.0 as usize]);
        }
        for client in &self.watching {
            let Some(watch) = self.clients.get_mut(*client).and_then(|c| c.watch.as_mut()) else { continue };
            for id in &round {
                watch.changed(*id, self.maker[id.0 as usize] == Some(*client));
            }
        }
        round.clear();
        self.round = round;
    }

    /// What happened to the audio, empties the meters, and follows what is on its way.
    fn look(&mut self) {
        for event in self.mixer.events() {
            event.log();
        }
        self.board.look(self.mixer.meters(), self.mixer.readings());
        for id in &self.watching {
            if let Some(watch) = self.clients.get_mut(*id).and_then(|c| c.watch.as_mut()) {
                watch.gather(&self.board);
            }
        }
        let frame = self.mixer.frame_now();
        let mut moving = std::mem::take(&mut self.moving);
        for (id, _) in &moving {
            self.record(*id, None);
        }
        moving.retain(|(_, end)| frame < *end);
        self.moving = moving;
    }

    /// Leases, and what the backend has to say.
    fn sweep(&mut self, now: u64) {
        let Hub { watching, clients, space, board, roles, .. } = self;
        watching.retain(|id| {
            let Some(client) = clients.get_mut(*id) else { return false };
            let Some(watch) = client.watch.as_mut() else { return false };
            if watch.expire(client.seen, now, roles.sight(client.role, space), board) {
                client.span.in_scope(|| tracing::debug!(left = watch.subs().len(), "a lease ran out"));
            }
            !watch.is_empty()
        });
        let rate = self.mixer.desk().rate();
        if rate != self.space.rate() {
            let desk = self.mixer.desk();
            self.space = Arc::new(AddressSpace::new(desk.spec(), desk.tree()).at_rate(rate));
        }
        self.watch_figures();
        self.watch_standing(now);
    }

    /// Read-only figures have no maker and no set; they are compared.
    fn watch_figures(&mut self) {
        if self.watching.is_empty() {
            return;
        }
        let view = View {
            space: &self.space,
            desk: self.mixer.desk(),
            board: &self.board,
            meters: self.mixer.meters(),
            standing: &self.standing,
            frame: self.mixer.frame_now(),
            ids: false,
        };
        let figures = view.figures();
        if self.figures.len() != figures.len() {
            self.figures = figures;
            return;
        }
        let before = std::mem::replace(&mut self.figures, figures);
        for at in (0..before.len()).filter(|at| before[*at] != self.figures[*at]).collect::<Vec<_>>() {
            self.record(before[at].0, None);
        }
    }

    fn pump(&mut self, id: ClientId, now: u64) {
        let Hub { mixer, space, board, clients, out, revision, standing, .. } = self;
        let Some(client) = clients.get_mut(id) else { return };
        if client.watch.as_ref().is_none_or(|w| w.due() > now) {
            return;
        }
        let Some(mut watch) = client.watch.take() else { return };
        let frame = mixer.frame_now();
        let ids = client.ids;
        let view = View { space, desk: mixer.desk(), board, meters: mixer.meters(), standing, frame, ids };
        watch.pump(&mut Recipient { id, client, view: &view, out, revision, now });
        client.watch = Some(watch);
    }

    /// Sends an answer that was begun, if the client may get it.
    fn answer(&mut self, to: ClientId, begun: Begun, now: u64) -> bool {
        let length = self.out.length(begun);
        let client = self.clients.get_mut(to);
        if let Some(client) = client {
            if client.take(length, Sort::Answer, now) {
                self.out.commit(begun, to);
                return true;
            }
            if client.dropped == 0 {
                client.span.in_scope(|| tracing::warn!("answers dropped: more than 64 kB at once, or 256 kB/s"));
            }
            client.dropped += 1;
        }
        self.counters.dropped += 1;
        self.out.cancel(begun);
        false
    }

    /// Answers with a plain message.
    fn reply(&mut self, to: ClientId, address: &str, args: impl IntoIterator<Item = Arg>, now: u64) {
        let begun = self.out.message(address, args);
        self.answer(to, begun, now);
    }

    fn error(&mut self, to: ClientId, address: &str, reason: &str, now: u64) {
        let address = &address[..address.floor_char_boundary(ECHOED)];
        self.counters.errors += 1;
        self.reply(to, "/error", [Arg::from(address), Arg::from(reason)], now);
    }

    fn answer_pings(&mut self, now: u64) {
        if self.pings.is_empty() {
            return;
        }
        let done = self.mixer.applied();
        let swapping = self.mixer.desk().needs_swap();
        let ready: Vec<Ping> = self.pings.extract_if(.., |p| p.after <= done && !swapping).collect();
        for ping in ready {
            if let Some(client) = self.clients.get_mut(ping.from) {
                client.pings -= 1;
                client.ping_bytes -= ping.message.len();
                let begun = self.out.raw(&ping.message);
                self.answer(ping.from, begun, now);
            }
        }
    }

    /// Reads the rig again; what of it only the next start brings. On an error nothing changes.
    fn reload(&mut self) -> Result<Vec<String>, String> {
        let before = self.snapshot();
        let reloaded = self.mixer.reload()?;
        let settings = reloaded.rig.settings;
        self.allow.clone_from(&settings.osc.allow);
        self.dismiss();
        self.rebuild(&settings);
        self.new_peers = Some(settings.osc.peers);
        let desk = self.mixer.desk();
        let other = |id: &ParamId| before.get(self.space.canonical(*id)) != Some(desk.get(*id));
        let changed: Vec<ParamId> = self.told_values().filter(other).collect();
        changed.into_iter().for_each(|id| self.record(id, None));
        reloaded.later.iter().for_each(|what| tracing::warn!("{what}"));
        Ok(reloaded.later)
    }

    /// Forgets who is not served any more.
    fn dismiss(&mut self) {
        let allow = &self.allow;
        let outside = |c: &Client| {
            let is_asked = !matches!(c.way, Way::Peer(_));
            is_asked && c.way.host().is_some_and(|host| !allow.iter().any(|net| net.contains(host)))
        };
        let gone: Vec<ClientId> = self.clients.iter_mut().filter(|(_, c)| outside(c)).map(|(id, _)| id).collect();
        gone.into_iter().for_each(|id| self.close(id));
    }

    /// All parameters but meters.
    fn told_values(&self) -> impl Iterator<Item = ParamId> {
        self.space.params().filter(|id| self.space.decl(*id).access != Access::Meter)
    }

    /// All values, by address.
    fn snapshot(&self) -> HashMap<String, Value> {
        let desk = self.mixer.desk();
        self.told_values().map(|id| (self.space.canonical(id).to_owned(), desk.get(id).clone())).collect()
    }

    /// Everything that depends on the tree, after it changed.
    fn rebuild(&mut self, settings: &Settings) {
        let desk = self.mixer.desk();
        self.space = Arc::new(AddressSpace::new(desk.spec(), desk.tree()).at_rate(desk.rate()));
        self.spaces += 1;
        self.board = Board::new(desk.spec(), desk.tree());
        let params = self.space.len();
        self.revision = self.revision.wrapping_add(1);
        // Nobody can know what another tree's numbers meant.
        self.first_revision = self.revision;
        self.changed = vec![self.revision; params];
        self.round.clear();
        self.in_round = vec![false; params];
        self.maker = vec![None; params];
        self.moving = desk.fading().collect();
        self.scenes.fit(desk);
        self.history.clear();
        self.mixer.desk_mut().watch();
        self.figures.clear();
        self.standing.rebuild(self.mixer.desk().tree());
        self.timed.forget_handed();
        self.foreign.rebuild(&settings.osc.maps, &self.space);
        self.set_roles(settings);
        self.tell_surfaces();
        for (_, client) in self.clients.iter_mut() {
            let sight = self.roles.sight(client.role, &self.space);
            if let Some(watch) = &mut client.watch {
                watch.rematch(sight, &self.board);
            }
        }
    }
}

#[cfg(test)]
mod tests;
